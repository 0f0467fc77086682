"""Which 2-D pictures an examination holds: the frames, the part of each that the probe made, and why others are not.

Sources: US Region Calibration (PS3.3 C.8.5.5): format 1 is 2-D, data type 1 tissue, 2 colour flow; bounds are
inclusive. A screen with two 2-D regions side by side (dual) holds two pictures. Without regions that hold it is the
whole screen: the networks learned from such pictures, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.options import Options
from dicom_node.series import FrameRef, RegionData, RegionFormat, Series, Spacing, UltrasoundRegion, Volume

US_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.6.1",  # Ultrasound Image
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.6",  # both again, retired, as older scanners and archives have them
    "1.2.840.10008.5.1.4.1.1.3",
)
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kin, .7.1 to .7.4
SAME_PICTURE_SHARE = 0.5
"""Of the smaller of two regions that overlap by more, only the larger is a picture: a flow box lies on one."""
OTHER_FORMATS = {
    RegionFormat.M_MODE: "an M-mode tracing",
    RegionFormat.SPECTRAL: "a Doppler spectrum",
    RegionFormat.WAVE_FORM: "a waveform",
    RegionFormat.GRAPHICS: "graphics",
}
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the frame, the end exclusive."""


@dataclass(frozen=True, eq=False)
class PelvicPicture:
    """A 2-D picture on one frame. Its pixels are read when they are asked for: an examination may hold many.

    Attributes:
        volume, index: where the frame is.
        box_px: the picture on the frame.
        spacing: of its pixels where the header calibrates it.
        notes: how frame and picture were chosen.
    """

    volume: Volume
    index: int
    box_px: Box
    spacing: Spacing | None = None
    notes: tuple[str, ...] = ()

    @property
    def ref(self) -> FrameRef:
        """The frame."""
        return self.volume.frames[self.index].ref

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(rows, columns, 3) of the picture, as displayed."""
        x0, y0, x1, y1 = self.box_px
        frame = _eight_bits(self.volume.pixels.read(self.index, self.index + 1)[0], self.volume.bits_stored)
        part = np.ascontiguousarray(frame[y0:y1, x0:x1])
        return part if part.ndim == 3 else cv2.cvtColor(part, cv2.COLOR_GRAY2RGB)


@dataclass(frozen=True)
class LeftOut:
    """An image that holds no picture for the networks, and why; ``ref``: its first frame."""

    ref: FrameRef
    reason: str


def pictures_of(series: Series, options: Options) -> tuple[PelvicPicture | LeftOut, ...]:
    """Every picture of the examination and everything that is none, in the order of the series."""
    return tuple(found for volume in series.volumes for found in _of_volume(volume, options))


def _of_volume(volume: Volume, options: Options) -> Iterator[PelvicPicture | LeftOut]:
    first = volume.frames[0].ref
    reason = _wrong_kind(volume) or _no_two_d(volume)
    if reason:
        yield LeftOut(first, reason)
        return
    frames = chosen_frames(len(volume.frames), options.frames_per_clip)
    regions, how = _two_d_regions(volume)
    chosen = _told_frames(frames, len(volume.frames))
    for index in frames:
        for box, spacing in regions:
            yield PelvicPicture(volume, index, box, spacing, (*chosen, *how))


def chosen_frames(count: int, wanted: int) -> tuple[int, ...]:
    """Indices of the frames of a clip that are judged: equally spaced, both ends among them; one: the middle."""
    if wanted >= count:
        return tuple(range(count))
    if wanted == 1:
        return (count // 2,)
    return tuple(round(step * (count - 1) / (wanted - 1)) for step in range(wanted))


def _told_frames(frames: Sequence[int], count: int) -> tuple[str, ...]:
    if len(frames) == count:
        return ()
    numbers = ", ".join(str(index + 1) for index in frames)
    return (f"of {count} frames {numbers} were judged (option frames_per_clip)",)


def _wrong_kind(volume: Volume) -> str | None:
    """Why an object is no ultrasound image; ``None`` where it is."""
    sop_class = volume.frames[0].ref.sop_class_uid
    if sop_class == SECONDARY_CAPTURE or sop_class.startswith(f"{SECONDARY_CAPTURE}."):
        return "a Secondary Capture, which may show anything: send the scanner's image"
    if volume.modality != "US":
        return f"no ultrasound image: its modality is {volume.modality or 'not given'}"
    if sop_class not in US_CLASSES:
        return f"no Ultrasound Image or Multi-frame Image Storage: its SOP class is {sop_class}"
    return None


def _no_two_d(volume: Volume) -> str | None:
    """Why the header says that no 2-D picture is shown; ``None`` where it does not."""
    regions = [region for region in volume.regions if not region.stale]
    if not regions or any(map(_is_two_d, regions)):
        return None
    shown = sorted({OTHER_FORMATS.get(region.format, "another kind") for region in regions})
    return f"no 2-D picture: its ultrasound regions show {', '.join(shown)}"


def _is_two_d(region: UltrasoundRegion) -> bool:
    """Tissue, flow drawn over it, or a 2-D region of an undefined kind; not a curve of an ECG."""
    return region.format is RegionFormat.TWO_D and region.data is not RegionData.ECG


def _two_d_regions(volume: Volume) -> tuple[tuple[tuple[Box, Spacing | None], ...], tuple[str, ...]]:
    """The 2-D pictures of a screen, from left to right, and how they were found."""
    regions = [region for region in volume.regions if not region.stale and _is_two_d(region)]
    if not regions:
        stale = " that hold for this picture" if volume.regions else ""
        return (((0, 0, volume.columns, volume.rows), None),), (
            f"the header has no ultrasound regions{stale}: the whole screen was judged",
        )
    kept: list[UltrasoundRegion] = []
    for region in sorted(regions, key=lambda one: (-one.rows * one.columns, one.data is not RegionData.TISSUE)):
        if not any(_overlap(region, larger) > SAME_PICTURE_SHARE for larger in kept):
            kept.append(region)
    kept.sort(key=lambda one: (one.x0, one.y0))
    boxes = tuple(((one.x0, one.y0, one.x1 + 1, one.y1 + 1), one.spacing) for one in kept)
    return boxes, (f"{len(kept)} pictures on one screen were judged one by one",) if len(kept) > 1 else ()


def _overlap(one: UltrasoundRegion, other: UltrasoundRegion) -> float:
    """Share of the first region that lies on the other."""
    columns = min(one.x1, other.x1) - max(one.x0, other.x0) + 1
    rows = min(one.y1, other.y1) - max(one.y0, other.y0) + 1
    return max(columns, 0) * max(rows, 0) / (one.rows * one.columns)


def _eight_bits(pixels: NDArray, bits_stored: int) -> NDArray[np.uint8]:
    """Pixels as a screen has them, 0..255."""
    if pixels.dtype == np.uint8:
        return pixels
    full = float(2**bits_stored - 1) if pixels.dtype.kind == "u" else float(max(pixels.max(), 1e-6))
    return np.rint(np.clip(pixels / full, 0, 1) * 255).astype(np.uint8)
