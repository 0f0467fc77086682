"""What an algorithm gives: an analysis result in the words of TID 1500, with no pydicom type in it.

    AnalysisResult
    ├── summary            stable snake_case keys, units in the key: what a script reads
    ├── groups             MeasurementGroup: measurements, evaluations, regions, evidence
    ├── segments           Segment: a mask per frame
    ├── pictures           Picture: RGB for people, single or multi-frame
    ├── maps               ScalarMap: a 16-bit image of one quantity
    ├── derived            DerivedSeries: new frames computed from the source
    ├── key_frames         what a reader should look at first
    ├── tables             rows that ``dicom-node run`` also writes as CSV
    ├── notes              what ran, with what parameters, and what was left out and why
    └── statements         sentences that every object must carry ("synthetic, not a measurement")

Values are checked where they are made: NaN and infinity are refused, pixel coordinates must be finite.
"Nothing found" is a valid result: no groups, and ``nothing_found`` says what was looked for.
Coordinates are (x, y) = (column, row), 0-based, pixel centres at integers, as in ``series``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_node.codes import Code, Unit
from dicom_node.series import FrameRef, PixelSource, Spacing

Json = None | bool | int | float | str | tuple["Json", ...] | list["Json"] | Mapping[str, "Json"]


def _finite(value: float, what: str) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}: a result holds finite numbers only; leave out what is unknown")


def _all_finite(value: Any, where: str) -> None:
    if isinstance(value, float):
        _finite(value, where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where}: keys are strings; got {key!r}")
            _all_finite(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _all_finite(item, f"{where}[{index}]")
    elif not (value is None or isinstance(value, bool | int | str)):
        raise ValueError(f"{where}: {type(value).__name__} is no JSON value; convert it first")


class Shape(Enum):
    """Graphic Type (0070,0023) of a region."""

    POINT = "POINT"
    MULTIPOINT = "MULTIPOINT"
    POLYLINE = "POLYLINE"
    POLYGON = "POLYGON"


@dataclass(frozen=True, slots=True)
class Region:
    """Points on one frame. A POLYGON is closed by the encoder: do not repeat its first point."""

    shape: Shape
    points: tuple[tuple[float, float], ...]
    frame: FrameRef

    def __post_init__(self) -> None:
        least = {Shape.POINT: 1, Shape.MULTIPOINT: 1, Shape.POLYLINE: 2, Shape.POLYGON: 3}[self.shape]
        if len(self.points) < least or (self.shape is Shape.POINT and len(self.points) != 1):
            raise ValueError(f"a {self.shape.value} has {least} point(s) or more; got {len(self.points)}")
        for x, y in self.points:
            _finite(x, "x")
            _finite(y, "y")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number (TID 300): what it is, its value and unit, how it was got, and the line it was read from.

    A number that follows from several lines (an ejection fraction) names them all in ``inferred_from``.
    """

    name: Code
    value: float
    unit: Unit
    method: Code | None = None
    derivation: Code | None = None
    site: Code | None = None
    inferred_from: Region | tuple[Region, ...] | None = None

    def __post_init__(self) -> None:
        _finite(self.value, self.name.meaning)

    @property
    def regions(self) -> tuple[Region, ...]:
        """What it was inferred from, in order."""
        if isinstance(self.inferred_from, Region):
            return (self.inferred_from,)
        return self.inferred_from or ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A qualitative answer (TID 1501 rows 9, 10): a code or a short text."""

    name: Code
    value: Code | str


@dataclass(frozen=True, slots=True)
class MeasurementGroup:
    """One thing that was measured or judged.

    ``region`` makes it a planar ROI group (TID 1410); without one it is a TID 1501 group. One result never
    mixes the two (viewers refuse that). ``tracking_id`` names the thing to a person and must be unique in the
    result; the encoder makes its tracking UID from it, the same in report and segmentation. ``evidence`` are the
    frames it was seen on: at least one, so that the report can point at a picture.
    """

    tracking_id: str
    finding: Code
    evidence: tuple[FrameRef, ...]
    site: Code | None = None
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    region: Region | None = None
    time_point: str | None = None

    def __post_init__(self) -> None:
        if not self.tracking_id:
            raise ValueError("a measurement group needs a tracking id")
        if not self.evidence:
            raise ValueError(f"group {self.tracking_id!r} names no evidence: give the frames it was seen on")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: which pixels of which frames are this thing.

    ``masks`` has shape (frames, rows, columns), bool or 0/1, with rows and columns of the source image;
    ``frames[i]`` is the source frame of ``masks[i]``. Frames whose mask is empty are left out by the encoder.
    ``tracking_id`` links it to the measurement group of that id.
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

    def __post_init__(self) -> None:
        if len(self.masks.shape) != 3 or self.masks.shape[0] != len(self.frames):
            raise ValueError(f"segment {self.label!r}: {len(self.frames)} frames but masks of shape {self.masks.shape}")


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


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that ``dicom-node run`` writes as ``<name>.csv``; they stay on this machine."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str, ...], ...]


def _role(role: str) -> None:
    if not role or not role.replace("_", "").isalnum() or not role.islower():
        raise ValueError(f"a role is lower_snake_case and names the object within its job; got {role!r}")


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """All that one run of an algorithm gives. See the module's page for the parts."""

    summary: Mapping[str, Json]
    groups: tuple[MeasurementGroup, ...] = ()
    segments: tuple[Segment, ...] = ()
    pictures: tuple[Picture, ...] = ()
    maps: tuple[ScalarMap, ...] = ()
    derived: tuple[DerivedSeries, ...] = ()
    key_frames: tuple[KeyFrames, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    nothing_found: str | None = None
    requires_review: bool = False

    def __post_init__(self) -> None:
        _all_finite(dict(self.summary), "summary")
        if not self.groups and not self.nothing_found:
            raise ValueError("a result without groups must say in nothing_found what was looked for")
        ids = [group.tracking_id for group in self.groups]
        if len(set(ids)) != len(ids):
            raise ValueError(f"tracking ids must be unique in a result; got {ids}")
        if len({group.region is None for group in self.groups}) > 1:
            raise ValueError("all groups have a region (TID 1410) or none has (TID 1501): viewers refuse a mix")
        roles = [part.role for part in (*self.pictures, *self.maps, *self.derived)]
        if len(set(roles)) != len(roles):
            raise ValueError(f"roles must be unique in a result; got {roles}")
