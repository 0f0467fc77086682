"""What a rule may set for ``mmode_ef``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from dicom_node.algorithm import AlgorithmOptions

LARGEST_FRAME = 100_000
LARGEST_PX = 100_000


class Options(AlgorithmOptions):
    """The scale comes from the picture's ultrasound region; three options together give it where there is none."""

    strip_px: tuple[int, ...] = Field(
        default=(),
        description="First column, first row, last column, last row (from 0) of the M-mode strip, for captures without "
        "ultrasound regions; together with seconds_per_px and mm_per_px.",
    )
    seconds_per_px: float | None = Field(
        default=None, gt=0, le=1, description="Time of one column of strip_px, in seconds."
    )
    mm_per_px: float | None = Field(default=None, gt=0, le=10, description="Depth of one row of strip_px, in mm.")
    frames: tuple[int, ...] = Field(
        default=(),
        description="Frames of a multi-frame image that are measured, counted from 1; -1 is the last. Empty: the last.",
    )
    report: Literal["mean", "most_probable"] = Field(
        default="mean",
        description="Which values stand for the picture: the mean of its regular cycles, or those of the most probable "
        "cycle, as the source document has it.",
    )
    least_cycle_percent: int = Field(
        default=50, ge=1, le=99, description="Certainty from which the detector's box is a cycle."
    )
    least_lv_percent: int = Field(
        default=80, ge=1, le=99, description="Certainty below which a picture is no left-ventricular M-mode."
    )
    ectopic_percent: int = Field(
        default=20, ge=5, le=100, description="Deviation from the median RR interval beyond which a beat is ectopic."
    )
    wall_curves: bool = Field(default=True, description="Whether the walls are tracked over each cycle.")

    @field_validator("strip_px")
    @classmethod
    def _four_bounds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            return value
        if len(value) != 4 or not all(0 <= bound <= LARGEST_PX for bound in value):
            raise ValueError(f"first column, first row, last column, last row, each 0..{LARGEST_PX}; got {list(value)}")
        if value[2] <= value[0] or value[3] <= value[1]:
            raise ValueError(f"the last column and row lie behind the first; got {list(value)}")
        return value

    @field_validator("frames")
    @classmethod
    def _frame_numbers(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(number == 0 or abs(number) > LARGEST_FRAME for number in value):
            raise ValueError(f"frames count from 1, or from -1 backwards; got {list(value)}")
        return value

    @model_validator(mode="after")
    def _calibration_is_whole(self) -> Options:
        given = {"strip_px": bool(self.strip_px), "seconds_per_px": self.seconds_per_px, "mm_per_px": self.mm_per_px}
        if any(given.values()) and not all(given.values()):
            missing = ", ".join(name for name, value in given.items() if not value)
            raise ValueError(f"a calibration of captures is strip_px, seconds_per_px and mm_per_px; missing: {missing}")
        return self
