"""Which B-mode pictures a series holds: the frames, their 2-D region in grey, and why the rest is refused.

Sources: US Region Calibration (PS3.3 C.8.5.5): format 1 is 2-D, data type 1 tissue; bounds are inclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.tint import has_colours
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import FrameRef, RegionData, RegionFormat, Series, UltrasoundRegion, Volume

US_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.6.1",  # Ultrasound Image
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.6",  # both again, retired, as older scanners and archives have them
    "1.2.840.10008.5.1.4.1.1.3",
)
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kin, .7.1 to .7.4
LEAST_SIDE_PX = 64
BLANK_BELOW = 16
"""Grey value that a 20th of a picture must reach: a frozen screen without a picture does not."""
DARK = 12
LEAST_PART_OF_SCREEN = 0.1
OTHER_FORMATS = {
    RegionFormat.M_MODE: "an M-mode tracing",
    RegionFormat.SPECTRAL: "a Doppler spectrum",
}
OTHER_DATA = {
    RegionData.COLOR_FLOW: "colour flow",
    RegionData.PW_DOPPLER: "pulsed-wave Doppler",
    RegionData.CW_DOPPLER: "continuous-wave Doppler",
}
NEEDS = "needs a B-mode ultrasound image with a 2-D region"


@dataclass(frozen=True, eq=False)
class BMode:
    """The 2-D region of one frame.

    Attributes:
        ref: the frame.
        grey: (rows, cols) uint8 of the region, as displayed.
        x0_px, y0_px: where the region's first pixel lies on the frame.
        rows, columns: of the whole frame.
        notes: how the frame and the region were chosen.
    """

    ref: FrameRef
    grey: NDArray[np.uint8]
    x0_px: int
    y0_px: int
    rows: int
    columns: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An image that is not analysed, and why: the reason says what is needed."""

    sop_instance_uid: str
    reason: str


def pictures_of(series: Series, options: Options) -> tuple[tuple[BMode, ...], tuple[Refusal, ...]]:
    """Every B-mode picture of a series or study, in its order, and what was refused."""
    pictures: list[BMode] = []
    refusals: list[Refusal] = []
    for volume in series.volumes:
        try:
            pictures.extend(_pictures(volume, options))
        except UnsuitableSeries as error:
            refusals.append(Refusal(volume.frames[0].ref.sop_instance_uid, str(error)))
    return tuple(pictures), tuple(refusals)


def _pictures(volume: Volume, options: Options) -> list[BMode]:
    _check_kind(volume)
    regions = two_d_regions(volume)
    if regions is None and options.without_regions == "refuse":
        raise UnsuitableSeries(
            f"{NEEDS}; its header has no ultrasound regions that hold for this picture (without_regions: whole_picture "
            "looks for the picture instead)"
        )
    return [_picture(volume, index, regions, note) for index, note in _frames(volume, options)]


def _check_kind(volume: Volume) -> None:
    """Raises UnsuitableSeries for what is no ultrasound image."""
    sop_class = volume.frames[0].ref.sop_class_uid
    if sop_class == SECONDARY_CAPTURE or sop_class.startswith(f"{SECONDARY_CAPTURE}."):
        raise UnsuitableSeries(f"{NEEDS}; got a Secondary Capture, which may show anything: send the scanner's image")
    if volume.modality != "US":
        raise UnsuitableSeries(f"{NEEDS} (modality US); got {volume.modality or 'no modality'}")
    if sop_class not in US_CLASSES:
        raise UnsuitableSeries(f"{NEEDS} (Ultrasound Image or Multi-frame Image Storage); got SOP class {sop_class}")


def two_d_regions(volume: Volume) -> tuple[UltrasoundRegion, ...] | None:
    """The 2-D tissue regions of a picture, the largest first; ``None`` where the header has no region that holds.

    Raises:
        UnsuitableSeries: the picture shows something else besides, or no 2-D tissue at all.
    """
    regions = [region for region in volume.regions if not region.stale]
    if not regions:
        return None
    for region in regions:
        other = OTHER_FORMATS.get(region.format) or OTHER_DATA.get(region.data)
        if other:
            raise UnsuitableSeries(f"{NEEDS} and nothing else on it; got {other}: send the B-mode image alone")
    tissue = [one for one in regions if one.format is RegionFormat.TWO_D and one.data is RegionData.TISSUE]
    if not tissue:
        raise UnsuitableSeries(f"{NEEDS} of tissue; none of its {len(regions)} ultrasound region(s) is one")
    return tuple(sorted(tissue, key=lambda one: -one.rows * one.columns))  # a stable sort: of equals the first


def _frames(volume: Volume, options: Options) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Indices of the frames that are analysed, and how they were chosen."""
    count = len(volume.frames)
    if count == 1:
        yield 0, ()
    elif not options.frames:
        yield count // 2, (f"frame {count // 2 + 1} of {count} was analysed: the middle one (option frames)",)
    else:
        beyond = [number for number in options.frames if number > count]
        if beyond:
            raise UnsuitableSeries(f"needs the frames that option frames names, {beyond} among them; got {count}")
        for number in options.frames:
            yield number - 1, (f"frame {number} of {count} was analysed, as option frames says",)


def _picture(volume: Volume, index: int, regions: tuple[UltrasoundRegion, ...] | None, notes: tuple[str, ...]) -> BMode:
    """The first region that shows a grey picture, or the picture found on the screen.

    Raises:
        UnsuitableSeries: none does; the text has the reason of the largest.
    """
    screen = _eight_bits(volume.pixels.read(index, index + 1)[0], volume.bits_stored)
    if regions is None:
        boxes = [_found_on(_grey(screen))]
        how = "the header has no ultrasound regions: the picture was looked for on the screen"
    else:
        boxes = [(one.x0, one.y0, one.x1 + 1, one.y1 + 1) for one in regions]
        how = f"of {len(boxes)} 2-D regions one was analysed: the largest in grey" if len(boxes) > 1 else ""
    reasons = []
    for x0, y0, x1, y1 in boxes:
        part = screen[y0:y1, x0:x1]
        reason = _unfit(part)
        if reason is None:
            told = (*notes, how) if how else notes
            return BMode(volume.frames[index].ref, _grey(part), x0, y0, *screen.shape[:2], told)
        reasons.append(reason)
    raise UnsuitableSeries(reasons[0])


def _unfit(part: NDArray[np.uint8]) -> str | None:
    """Why a 2-D region cannot be analysed."""
    rows, columns = part.shape[:2]
    if min(rows, columns) < LEAST_SIDE_PX:
        return f"needs a 2-D region of >= {LEAST_SIDE_PX} pixels each way; got {columns} x {rows}"
    if part.ndim == 3 and has_colours(part):
        return f"{NEEDS} in grey; got colours on it (flow, or an elastogram): send the B-mode image"
    if np.percentile(_grey(part), 95) < BLANK_BELOW:
        return "needs a picture in its 2-D region; it is blank"
    return None


def _eight_bits(pixels: NDArray, bits_stored: int) -> NDArray[np.uint8]:
    """Pixels as a screen has them, 0..255."""
    if pixels.dtype == np.uint8:
        return pixels
    full = float(2**bits_stored - 1) if pixels.dtype.kind == "u" else float(max(pixels.max(), 1e-6))
    return np.rint(np.clip(pixels / full, 0, 1) * 255).astype(np.uint8)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luminance (ITU-R BT.601), which grows along every tint that scanners use."""
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels


def _found_on(grey: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1), the end exclusive: the box around the largest connected bright part of a screen.

    Lines and letters are rubbed out first, then speckle is closed to an area.

    Raises:
        UnsuitableSeries: the largest part covers too little of the screen to be a picture.
    """
    bright = (cv2.medianBlur(grey, 5) > DARK).astype(np.uint8)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    count, _, facts, _ = cv2.connectedComponentsWithStats(closed)
    if count > 1:
        x, y, width, height, area = facts[1:][np.argmax(facts[1:, cv2.CC_STAT_AREA])]
        if area >= LEAST_PART_OF_SCREEN * grey.size:
            return int(x), int(y), int(x + width), int(y + height)
    raise UnsuitableSeries(f"{NEEDS}; none was found on the screen")
