"""The parts of an analysis result that are images or point at them: segments, pictures, maps, series, key frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_node.codes import Code, Unit
from dicom_node.series import FrameRef, PixelSource, Spacing


def _finite(value: float, what: str) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}: a result holds finite numbers only; leave out what is unknown")


def _role(role: str) -> None:
    if not role or not role.replace("_", "").isalnum() or not role.islower():
        raise ValueError(f"a role is lower_snake_case and names the object within its job; got {role!r}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: which pixels of which frames are this thing.

    ``masks`` has shape (frames, rows, columns), bool or 0/1, with rows and columns of the source image;
    ``frames[i]`` is the source frame of ``masks[i]``. Frames whose mask is empty are left out by the encoder.
    ``tracking_id`` links it to the measurement group of that id. ``key`` names it in formulas.
    """

    label: str
    category: Code
    type: Code
    masks: PixelSource
    frames: tuple[FrameRef, ...]
    tracking_id: str
    description: str = ""
    site: Code | None = None
    colour_rgb: tuple[int, int, int] = (255, 200, 0)
    key: str = ""

    def __post_init__(self) -> None:
        if len(self.masks.shape) != 3 or self.masks.shape[0] != len(self.frames):
            raise ValueError(f"segment {self.label!r}: {len(self.frames)} frames but masks of shape {self.masks.shape}")

    @property
    def formula(self) -> None:
        """Segments follow from nothing."""
        return None

    @property
    def corrected(self) -> bool:
        """Segments are not corrected: a region over them is."""
        return False

    @property
    def in_formula(self) -> Segment:
        """What its key stands for in a formula."""
        return self


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a computed grid lies on the source picture.

    Pixel (column, row) of the grid has its centre at source pixel (``x0_px`` + column / ``scale``,
    ``y0_px`` + row / ``scale``); ``scale`` > 1 is a finer grid. ``spacing`` is the grid's own, where known.
    """

    x0_px: float = 0.0
    y0_px: float = 0.0
    scale: float = 1.0
    spacing: Spacing | None = None

    def __post_init__(self) -> None:
        for value in (self.x0_px, self.y0_px, self.scale):
            _finite(value, "a placement")
        if self.scale <= 0:
            raise ValueError(f"a placement's scale is positive; got {self.scale}")


@dataclass(frozen=True, slots=True)
class Picture:
    """RGB for people (goes out as Secondary Capture). ``pixels``: (frames, rows, columns, 3) uint8."""

    title: str
    pixels: PixelSource
    source: tuple[FrameRef, ...]
    role: str
    description: str = ""
    frame_time_s: float | None = None

    def __post_init__(self) -> None:
        if len(self.pixels.shape) != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"picture {self.title!r}: (frames, rows, columns, 3) uint8 needed; "
                f"got {self.pixels.shape} {self.pixels.dtype}"
            )
        _role(self.role)
        if not self.source:
            raise ValueError(f"picture {self.title!r} names no source frame")


@dataclass(frozen=True, slots=True)
class ScalarMap:
    """A 2-D map of one quantity, sent as a 16-bit Secondary Capture with a rescale to ``unit``.

    ``values``: (rows, columns) float, finite and >= 0 (signed maps go out as two, or as pictures).
    """

    title: str
    values: NDArray[np.floating]
    quantity: Code
    unit: Unit
    source: tuple[FrameRef, ...]
    role: str
    placement: Placement = field(default_factory=Placement)
    description: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not np.isfinite(self.values).all() or (self.values < 0).any():
            raise ValueError(f"map {self.title!r}: finite values >= 0 on (rows, columns) needed")
        _role(self.role)
        if not self.source:
            raise ValueError(f"map {self.title!r} names no source frame")


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """New frames computed from the source, sent as the source's kind of object (multi-frame ultrasound).

    ``pixels``: (frames, rows, columns) uint8. ``derivation`` and ``description`` say what was done.
    ``frame_time_s`` is a display rate; ``timing_note`` says what the frame order means where it is not time.
    ``value_scale``: (slope, intercept, unit) from stored value to quantity, where there is one.
    """

    title: str
    pixels: PixelSource
    source: tuple[FrameRef, ...]
    role: str
    derivation: Code
    description: str
    frame_time_s: float
    placement: Placement = field(default_factory=Placement)
    timing_note: str = ""
    value_scale: tuple[float, float, Unit] | None = None

    def __post_init__(self) -> None:
        if len(self.pixels.shape) != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"derived series {self.title!r}: (frames, rows, columns) uint8 needed; "
                f"got {self.pixels.shape} {self.pixels.dtype}"
            )
        _finite(self.frame_time_s, "frame_time_s")
        if self.frame_time_s <= 0:
            raise ValueError("frame_time_s is a positive number of seconds")
        _role(self.role)
        if not self.source:
            raise ValueError(f"derived series {self.title!r} names no source frame")


@dataclass(frozen=True, slots=True)
class KeyFrames:
    """Frames a reader should see first (Key Object Selection); ``title`` is from CID 7010."""

    title: Code
    description: str
    frames: tuple[FrameRef, ...]
