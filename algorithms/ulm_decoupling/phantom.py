"""Simulated contrast-enhanced ultrasound with known truth: every bubble's position and every vessel.

    vessels.grow          where the blood runs
    bubbles.flow_bubbles  where each bubble is in each frame
    imaging               what a scanner makes of it
    simulate              all of it, from one frozen set of options and one seed

Everything follows from ``PhantomOptions``: the same options give the same bytes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from algorithms.ulm_decoupling import imaging, vessels
from algorithms.ulm_decoupling.bubbles import Truth, flow_bubbles
from algorithms.ulm_decoupling.imaging import Display, PointSpread, Tissue
from algorithms.ulm_decoupling.vessels import VesselNetwork, VesselOptions

SIMULATED = "Simulated image, not from a patient"
"""For the header and the face of everything that is made from a phantom."""


class _Stream(IntEnum):
    """Independent streams of chance under one seed: changing the noise does not move the vessels."""

    VESSELS = 1
    BUBBLES = 2
    AMPLITUDES = 3
    TISSUE = 4
    NOISE = 5
    B_MODE_NOISE = 6


@dataclass(frozen=True)
class Motion:
    """Rigid motion of the tissue, zero in the first frame. Vessels and truth move with it.

    Attributes:
        drift_mm_s: steady (x, y) drift, as of a hand that slips.
        breathing_mm, breathing_period_s: (x, y) amplitude and period of a sine.
        cardiac_mm, cardiac_period_s: the same for the heart beat.
    """

    drift_mm_s: tuple[float, float] = (0.0, 0.0)
    breathing_mm: tuple[float, float] = (0.0, 0.0)
    breathing_period_s: float = 3.0
    cardiac_mm: tuple[float, float] = (0.0, 0.0)
    cardiac_period_s: float = 0.8

    def displacement_mm(self, time_s: NDArray) -> NDArray[np.float64]:
        """(times, 2) displacement in x and y."""
        time = np.asarray(time_s, float)[:, None]
        moved = time * np.array(self.drift_mm_s)
        moved = moved + np.sin(2 * math.pi * time / self.breathing_period_s) * np.array(self.breathing_mm)
        return moved + np.sin(2 * math.pi * time / self.cardiac_period_s) * np.array(self.cardiac_mm)


@dataclass(frozen=True)
class Echoes:
    """Strengths, against the echo of the median bubble.

    Attributes:
        snr_db: median bubble's peak over the root mean square of the electronic noise.
        tissue_db: root mean square of the tissue that clutter suppression left over, against the median bubble.
        tissue_period_frames: the left-over tissue's pattern is a new one after a quarter of this.
        bubble_spread_db: standard deviation of bubble strength (sizes differ).
        flicker_db: standard deviation of a bubble's strength from frame to frame.
    """

    snr_db: float = 30.0
    tissue_db: float = -26.0
    tissue_period_frames: float = 120.0
    bubble_spread_db: float = 2.5
    flicker_db: float = 0.7


@dataclass(frozen=True)
class PhantomOptions:
    """Everything a phantom follows from.

    Attributes:
        frames, rows, columns: size of the sequence.
        spacing_mm: pixel size, both ways.
        frame_time_s: time from frame to frame.
        bubbles_per_mm2: expected bubbles in a frame over the area of the picture.
        vessels, psf, echoes, motion, display: see there.
        seed: source of all chance.
    """

    frames: int = 201
    rows: int = 128
    columns: int = 128
    spacing_mm: float = 0.1
    frame_time_s: float = 0.02
    bubbles_per_mm2: float = 0.2
    vessels: VesselOptions = field(default_factory=VesselOptions)
    psf: PointSpread = field(default_factory=PointSpread)
    echoes: Echoes = field(default_factory=Echoes)
    motion: Motion = field(default_factory=Motion)
    display: Display = field(default_factory=Display)
    seed: int = 1

    def __post_init__(self) -> None:
        if self.frames < 1 or self.rows < 16 or self.columns < 16:
            raise ValueError(
                f"needs >= 1 frame of >= 16 x 16 pixels; got {self.frames} of {self.rows} x {self.columns}"
            )
        for name in ("spacing_mm", "frame_time_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")
        if not self.bubbles_per_mm2 >= 0:
            raise ValueError(f"bubbles_per_mm2 must be 0 or more; got {self.bubbles_per_mm2}")
        moved = np.abs(self.motion.displacement_mm(self.times_s)).max() / self.spacing_mm
        if moved > Tissue.MARGIN_PX:
            raise ValueError(f"tissue moves {moved:.1f} px; the simulator carries {Tissue.MARGIN_PX} px at most")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Time of each frame from the first."""
        return np.arange(self.frames) * self.frame_time_s

    @property
    def field_mm(self) -> tuple[float, float]:
        """(width, height) from the first pixel's centre to the last one's."""
        return (self.columns - 1) * self.spacing_mm, (self.rows - 1) * self.spacing_mm

    @property
    def area_mm2(self) -> float:
        """Area of the picture."""
        return self.rows * self.columns * self.spacing_mm**2

    def stream(self, which: int) -> np.random.Generator:
        """One of the seed's independent streams of chance."""
        return np.random.default_rng([self.seed, int(which)])


@dataclass(frozen=True, eq=False)
class Phantom:
    """A simulated contrast sequence and the truth about it.

    Attributes:
        options: what it follows from; holds spacing_mm, frame_time_s and seed.
        frames: (frames, rows, columns) uint8.
        truth: every bubble whose centre is in the picture, frame by frame.
        network: the vessels, at rest (as in the first frame).
        motion_px: (frames, 2) displacement of the tissue in x and y.
    """

    options: PhantomOptions
    frames: NDArray[np.uint8]
    truth: Truth
    network: VesselNetwork
    motion_px: NDArray[np.float64]

    def vessel_mask(self, factor: int = 4) -> NDArray[np.bool_]:
        """Vessel pixels of the picture at rest, ``factor`` times finer; see ``vessels.vessel_mask``."""
        return vessels.vessel_mask(self.network, self.options.shape, self.options.spacing_mm, factor)

    def centre_line_mask(self, factor: int = 4) -> NDArray[np.bool_]:
        """Centre lines of the picture at rest, ``factor`` times finer."""
        return vessels.centre_line_mask(self.network, self.options.shape, self.options.spacing_mm, factor)


def simulate(options: PhantomOptions, network: VesselNetwork | None = None) -> Phantom:
    """Makes the sequence. ``network`` stands in for the vessels that the options would grow."""
    if network is None:
        network = vessels.grow(options.vessels, options.field_mm, options.stream(_Stream.VESSELS))
    motion_px = options.motion.displacement_mm(options.times_s) / options.spacing_mm
    truth, phase = _truth(options, network, motion_px)
    echo = truth.amplitude * np.exp(1j * phase)
    tissue = _tissue(options)
    tissue_rms = 10 ** (options.echoes.tissue_db / 20)
    noise_rms = 10 ** (-options.echoes.snr_db / 20)
    noise = options.stream(_Stream.NOISE)
    starts = np.searchsorted(truth.frame, np.arange(options.frames + 1))
    frames = np.empty((options.frames, *options.shape), np.uint8)
    for index in range(options.frames):
        here = slice(starts[index], starts[index + 1])
        signal = imaging.bubble_echoes(
            truth.x_px[here], truth.y_px[here], echo[here], options.shape, options.spacing_mm, options.psf
        )
        signal = signal + tissue_rms * tissue.at(index, *motion_px[index])
        signal += imaging.complex_noise(options.shape, noise_rms, noise)
        frames[index] = options.display.grey(np.abs(signal))
    inside = (truth.x_px > -0.5) & (truth.x_px < options.columns - 0.5)
    inside &= (truth.y_px > -0.5) & (truth.y_px < options.rows - 0.5)
    return Phantom(options, frames, truth.select(inside), network, motion_px)


def simulate_b_mode(phantom: Phantom) -> NDArray[np.uint8]:
    """The tissue picture beside a contrast sequence: same tissue, same motion, dark vessels, 60 dB.

    Returns:
        (frames, rows, columns) uint8.
    """
    options = phantom.options
    still = replace(options.echoes, tissue_period_frames=1e9)  # tissue itself keeps its speckle
    tissue = _tissue(replace(options, echoes=still))
    lumen = _lumen(phantom)
    noise = options.stream(_Stream.B_MODE_NOISE)
    display = Display(dynamic_range_db=60.0, headroom_db=20.0)
    frames = np.empty_like(phantom.frames)
    for index in range(options.frames):
        dx, dy = phantom.motion_px[index]
        signal = tissue.at(0, dx, dy) * (1 - 0.85 * lumen(dx, dy))
        signal += imaging.complex_noise(options.shape, 0.01, noise)
        frames[index] = display.grey(np.abs(signal))
    return frames


def write_truth_csv(path: Path, truth: Truth) -> None:
    """Writes frame, track, x_px, y_px, amplitude: frames and tracks from 0, pixel centres at integers."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", "track", "x_px", "y_px", "amplitude"])
        for row in zip(truth.frame, truth.track, truth.x_px, truth.y_px, truth.amplitude, strict=True):
            writer.writerow([int(row[0]), int(row[1]), *(f"{value:.3f}" for value in row[2:])])


def _truth(options: PhantomOptions, network: VesselNetwork, motion_px: NDArray) -> tuple[Truth, NDArray[np.float64]]:
    """Bubbles with motion and strength, and the phase of each one's echo."""
    mean_count = options.bubbles_per_mm2 * options.area_mm2
    rng = options.stream(_Stream.BUBBLES)
    rest = flow_bubbles(network, mean_count, options.frames, options.frame_time_s, options.spacing_mm, rng)
    rng = options.stream(_Stream.AMPLITUDES)
    tracks = int(rest.track.max()) + 1 if len(rest) else 0
    strength_db = rng.normal(0, options.echoes.bubble_spread_db, tracks)[rest.track]
    strength_db = strength_db + rng.normal(0, options.echoes.flicker_db, len(rest))
    moved = motion_px[rest.frame]
    truth = replace(
        rest,
        x_px=rest.x_px + moved[:, 0],
        y_px=rest.y_px + moved[:, 1],
        amplitude=10 ** (strength_db / 20),
    )
    return truth, imaging.echo_phase(truth.y_px * options.spacing_mm, options.psf)


def _tissue(options: PhantomOptions) -> Tissue:
    period = options.echoes.tissue_period_frames
    return Tissue(options.shape, options.spacing_mm, options.psf, period, options.stream(_Stream.TISSUE))


def _lumen(phantom: Phantom) -> Callable[[float, float], NDArray]:
    """A function (dx, dy) px -> (rows, columns) in 0..1: how much of each pixel is vessel, blurred and moved."""
    factor = 4
    rows, columns = phantom.options.shape
    fine = phantom.vessel_mask(factor).astype(np.float32)
    share = fine.reshape(rows, factor, columns, factor).mean((1, 3))
    share = np.clip(ndimage.gaussian_filter(share, 0.8), 0, 1)
    return lambda dx, dy: ndimage.shift(share, (dy, dx), order=1, mode="nearest")
