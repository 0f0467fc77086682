"""What a rule may set for ``ulm_decoupling``, and the values that the parts of the algorithm take from it."""

from __future__ import annotations

from typing import Literal

import pywt
from pydantic import Field, field_validator, model_validator

from algorithms.ulm_decoupling.binarise import Threshold, ThresholdMethod
from algorithms.ulm_decoupling.detect import DetectOptions
from algorithms.ulm_decoupling.layout import Side
from algorithms.ulm_decoupling.localise import LocaliseOptions
from algorithms.ulm_decoupling.measure import Distance, Sign, SpaceDecoupling, TimeDecoupling
from algorithms.ulm_decoupling.track import LinkOptions
from dicom_node.algorithm import AlgorithmOptions


class Options(AlgorithmOptions):
    """Defaults are those of the source document's example where it has one (five Haar scales, the first dropped)."""

    contrast_side: Side = Field(
        default="auto",
        description="Which half of a side-by-side picture holds the contrast. auto: the tinted half, or all of a "
        "single picture; refused where two regions are not told apart. whole: the picture is not divided.",
    )
    threshold: ThresholdMethod = Field(default="otsu", description="How bubbles are split from background.")
    threshold_value: float | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="The threshold's number: grey value (fixed, adaptive) or per cent (percentile; 95 if not given).",
    )
    adaptive_window_px: int = Field(
        default=31, ge=3, le=1001, description="Side of the adaptive threshold's square; an odd number."
    )
    distance: Distance = Field(default="euclidean", description="Metric of the distance to the background.")
    block_px: int = Field(default=1, ge=1, le=16, description="Side of the pixel blocks that share one distance.")
    wavelet: str = Field(default="haar", description="Discrete wavelet of PyWavelets: haar, db2, sym4 ...")
    scales: int = Field(default=5, ge=1, le=10, description="Scales of the second decoupling.")
    dropped_scales: tuple[int, ...] = Field(default=(1,), description="Scales left out as noise: [1], or [1, 2].")
    sign: Sign = Field(
        default="rectified",
        description="Negative coefficients in the decoupled series: set to 0, kept (0 is mid-grey), or made positive.",
    )
    decoupling: Literal["decoupled", "plain"] = Field(
        default="decoupled", description="plain: localise without the decouplings, for comparison; no decoupled series."
    )
    min_relative_amplitude: float = Field(
        default=DetectOptions.min_relative_amplitude, ge=0, lt=1, description="Weakest bubble, as part of a bright one."
    )
    max_step_px: float = Field(
        default=LinkOptions.max_step_px, gt=0, le=50, description="Farthest that a bubble moves between frames."
    )
    max_gap_frames: int = Field(
        default=LinkOptions.max_gap_frames, ge=0, le=20, description="Frames that a bubble may be missing for."
    )
    min_track_length: int = Field(
        default=LinkOptions.min_length, ge=1, le=1000, description="Shorter tracks are not taken for bubbles."
    )
    super_resolution: int = Field(default=5, ge=1, le=16, description="Map pixels per picture pixel, each way.")
    series: bool = Field(default=True, description="Whether the decoupled series is made.")

    @field_validator("wavelet")
    @classmethod
    def _known_wavelet(cls, value: str) -> str:
        if value not in pywt.wavelist(kind="discrete"):
            raise ValueError(f"{value!r} is no discrete wavelet of PyWavelets, as haar, db2 ... db38, sym2 ... are")
        return value

    @model_validator(mode="after")
    def _parts_agree(self) -> Options:
        _ = self.space, self.time  # their constructors say what does not go together
        return self

    @property
    def space(self) -> SpaceDecoupling:
        """The first decoupling."""
        threshold = Threshold(self.threshold, self.threshold_value, self.adaptive_window_px)
        return SpaceDecoupling(threshold, self.distance, self.block_px)

    @property
    def time(self) -> TimeDecoupling:
        """The second decoupling."""
        return TimeDecoupling(self.wavelet, self.scales, self.dropped_scales, self.sign)

    @property
    def localise(self) -> LocaliseOptions:
        """Localisation and linking."""
        seeds = "decoupled" if self.decoupling == "decoupled" else "intensity"
        subpixel = "joint_fit" if self.decoupling == "decoupled" else "centroid"
        detect = DetectOptions(seeds, subpixel, self.min_relative_amplitude)
        links = LinkOptions(self.max_step_px, max_gap_frames=self.max_gap_frames, min_length=self.min_track_length)
        return LocaliseOptions(detect, self.space, links)
