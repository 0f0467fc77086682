"""What an algorithm gets: a series as values, with no pydicom type in it.

    Series                 what one job works on: a series, or a study where the rule groups by study
    └── Volume             frames that share one pixel grid, in order of time
        ├── Frame          one image plane: where it comes from, when and where it was taken
        ├── PixelSource    the pixels, read a few frames at a time
        ├── Timing         when the frames were taken, and how that is known
        └── UltrasoundRegion   calibrated parts of the picture (PS3.3 C.8.5.5)

Truth or nothing: what the header does not say is ``None``, never 1.0. Pixel coordinates are (x, y) =
(column, row), 0-based, with the *centre* of the first pixel at (0, 0). (DICOM's SCOORD puts (0, 0) at that
pixel's top-left corner; the encoders add the half pixel.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class FrameRef:
    """Names one frame of one SOP instance; ``frame_number`` is 1-based, ``None`` for a single-frame object."""

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None

    def __post_init__(self) -> None:
        if self.frame_number is not None and self.frame_number < 1:
            raise ValueError(f"frame numbers count from 1; got {self.frame_number}")


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distance between pixel centres: ``row_mm`` down a column (y), ``column_mm`` along a row (x)."""

    row_mm: float
    column_mm: float

    def __post_init__(self) -> None:
        for value in (self.row_mm, self.column_mm):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"a spacing is a positive number of mm; got {value}")


class RegionFormat(IntEnum):
    """Region Spatial Format (0018,6012)."""

    NONE = 0
    TWO_D = 1
    M_MODE = 2
    SPECTRAL = 3
    WAVE_FORM = 4
    GRAPHICS = 5


class RegionData(IntEnum):
    """Region Data Type (0018,6014), the ones that the algorithms tell apart."""

    NONE = 0
    TISSUE = 1
    COLOR_FLOW = 2
    PW_DOPPLER = 3
    CW_DOPPLER = 4
    ECG = 0xA
    OTHER = -1


class RegionUnit(IntEnum):
    """Physical Units X/Y Direction (0018,6024), (0018,6026)."""

    NONE = 0
    PERCENT = 1
    DECIBEL = 2
    CENTIMETRE = 3
    SECOND = 4
    HERTZ = 5
    DECIBEL_PER_SECOND = 6
    CENTIMETRE_PER_SECOND = 7
    SQUARE_CENTIMETRE = 8
    SQUARE_CENTIMETRE_PER_SECOND = 9
    CUBIC_CENTIMETRE = 10
    CUBIC_CENTIMETRE_PER_SECOND = 11
    DEGREE = 12


NO_BOUNDS = (0, 0, -1, -1)
"""x0, y0, x1, y1 of a region that names no place: it has no pixel and overlaps nothing."""


@dataclass(frozen=True, slots=True)
class UltrasoundRegion:
    """One calibrated region of an ultrasound image (PS3.3 C.8.5.5). Bounds are inclusive pixel indices.

    ``delta_x`` and ``delta_y`` are the physical size of a pixel step in ``unit_x`` / ``unit_y``. A region whose
    bounds lie outside the image, or are not complete in the header (they are NO_BOUNDS then), has ``stale`` = True:
    its calibration belongs to some other picture, or nobody knows where it holds, and it must not be used. The
    reference pixel counts from (x0, y0) of the region and may lie outside of it (C.8.5.5.1.16).
    """

    x0: int
    y0: int
    x1: int
    y1: int
    format: RegionFormat
    data: RegionData
    unit_x: RegionUnit
    unit_y: RegionUnit
    delta_x: float
    delta_y: float
    stale: bool = False
    reference_x0: int | None = None
    reference_y0: int | None = None

    @property
    def place(self) -> str:
        """Where it lies, in words."""
        if (self.x0, self.y0, self.x1, self.y1) == NO_BOUNDS:
            return "bounds not complete"
        return f"columns {self.x0}..{self.x1}, rows {self.y0}..{self.y1}"

    @property
    def columns(self) -> int:
        """Width in pixels."""
        return self.x1 - self.x0 + 1

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0 + 1

    @property
    def spacing(self) -> Spacing | None:
        """Pixel spacing of a 2-D region calibrated in cm; ``None`` for anything else or a stale region."""
        if self.stale or self.format is not RegionFormat.TWO_D:
            return None
        if (self.unit_x, self.unit_y) != (RegionUnit.CENTIMETRE, RegionUnit.CENTIMETRE):
            return None
        if not (self.delta_x and self.delta_y):
            return None
        return Spacing(row_mm=abs(self.delta_y) * 10.0, column_mm=abs(self.delta_x) * 10.0)

    def overlaps(self, other: UltrasoundRegion) -> bool:
        """Whether the two share a pixel."""
        return not (self.x1 < other.x0 or other.x1 < self.x0 or self.y1 < other.y0 or other.y1 < self.y0)


@dataclass(frozen=True, slots=True)
class Timing:
    """When the frames of a volume were taken: ``times_s`` from the first frame, and the attribute it rests on.

    ``source`` is the DICOM keyword that gave the times (FrameTime, FrameTimeVector, CineRate, TriggerTime ...).
    ``nominal`` is True where that attribute only names a display rate (CineRate), so the times may be wrong.
    """

    times_s: tuple[float, ...]
    source: str
    nominal: bool = False
    rr_interval_s: float | None = None

    def __post_init__(self) -> None:
        if not all(math.isfinite(time) for time in self.times_s):
            raise ValueError("frame times must be finite numbers of seconds")
        if any(later < earlier for earlier, later in pairwise(self.times_s)):
            raise ValueError("frame times must not run backwards")

    @property
    def frame_time_s(self) -> float | None:
        """Mean time from one frame to the next; ``None`` for fewer than two frames or no advance."""
        if len(self.times_s) < 2 or self.times_s[-1] <= self.times_s[0]:
            return None
        return (self.times_s[-1] - self.times_s[0]) / (len(self.times_s) - 1)


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a frame lies in the patient (PS3.3 C.7.6.2): mm, LPS. Absent for ultrasound."""

    position_mm: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    column_direction: tuple[float, float, float]
    frame_of_reference_uid: str | None = None
    thickness_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its name in the archive and what is known of it. The pixels are the volume's."""

    ref: FrameRef
    time_s: float | None = None
    plane: Plane | None = None
    instance_number: int | None = None
    cardiac_phase: int | None = None


class PixelSource(Protocol):
    """Pixels of a volume, read a few frames at a time so that long sequences fit in bounded memory.

    ``shape`` is (frames, rows, columns) for grey and (frames, rows, columns, 3) for colour (RGB); modality
    rescale is applied where the header has one (then float32), palette and YBR are already RGB.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    def read(self, start: int, stop: int) -> NDArray:
        """Frames ``start`` <= i < ``stop`` as a new or read-only array."""
        ...


@dataclass(frozen=True, slots=True)
class ArrayPixels:
    """A PixelSource over an array (or memory map) that is at hand."""

    array: NDArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def read(self, start: int, stop: int) -> NDArray:
        return self.array[start:stop]


@dataclass(frozen=True, slots=True)
class Volume:
    """Frames that share one pixel grid, in order of time: a cine clip, one slice of a cine MR, one image.

    ``spacing`` is set where one spacing holds for the whole picture (MR, CT). For ultrasound it stays ``None``:
    ask the region that is measured in. ``series_uid`` is the series of the instances in it. ``photometric`` is
    the header's word; whatever it says, the pixels are RGB or grey with larger = brighter (MONOCHROME1 is turned
    over in its stored range), or a quantity where the header has a modality rescale. ``cardiac_images`` is how many
    images of the heart cycle the header promises for the slice (CardiacNumberOfImages).
    """

    frames: tuple[Frame, ...]
    pixels: PixelSource
    series_uid: str
    modality: str
    spacing: Spacing | None = None
    timing: Timing | None = None
    regions: tuple[UltrasoundRegion, ...] = ()
    photometric: str = "MONOCHROME2"
    bits_stored: int = 8
    slice_index: int | None = None
    cardiac_images: int | None = None
    lossy: bool = False
    burned_in_annotation: bool = True

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("a volume needs at least one frame")
        if self.pixels.shape[0] != len(self.frames):
            raise ValueError(f"{len(self.frames)} frames but pixels of shape {self.pixels.shape}")
        if self.timing is not None and len(self.timing.times_s) != len(self.frames):
            raise ValueError(f"{len(self.frames)} frames but {len(self.timing.times_s)} times")

    @property
    def rows(self) -> int:
        return self.pixels.shape[1]

    @property
    def columns(self) -> int:
        return self.pixels.shape[2]

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are RGB."""
        return len(self.pixels.shape) == 4

    def read(self) -> NDArray:
        """All pixels at once. For long sequences use ``chunks``."""
        return self.pixels.read(0, len(self.frames))

    def chunks(self, frames_at_once: int = 32) -> Iterator[tuple[int, NDArray]]:
        """(index of the first frame, pixels) for runs of frames, in order."""
        for start in range(0, len(self.frames), frames_at_once):
            yield start, self.pixels.read(start, min(start + frames_at_once, len(self.frames)))


@dataclass(frozen=True, slots=True)
class Series:
    """What one job works on. With ``group: study`` it holds the matching instances of several series.

    ``attributes`` are the header values that an algorithm may ask for by DICOM keyword (strings as the header
    has them, first instance that has one): BodyPartExamined, SeriesDescription, PatientAge, PatientSex, Manufacturer,
    ManufacturerModelName, ContrastBolusAgent, HeartRate ... Names, ids and dates of the patient are never in it.
    ``notes`` tell what loading found and did (a rejected calibration, a rate taken for a time).
    """

    study_uid: str
    volumes: tuple[Volume, ...]
    attributes: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.volumes:
            raise ValueError("a series needs at least one volume")

    @property
    def frames(self) -> tuple[Frame, ...]:
        """All frames, volume by volume."""
        return tuple(frame for volume in self.volumes for frame in volume.frames)

    @property
    def series_uids(self) -> tuple[str, ...]:
        """The series in it, each once, in order."""
        return tuple(dict.fromkeys(volume.series_uid for volume in self.volumes))

    @property
    def instance_uids(self) -> tuple[str, ...]:
        """The SOP instances in it, each once, in order."""
        return tuple(dict.fromkeys(frame.ref.sop_instance_uid for frame in self.frames))
