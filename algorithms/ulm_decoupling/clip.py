"""From a volume as the archive has it to the contrast picture: which part, in grey, and what scale it has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.errors import UnsuitableSeries
from dicom_node.series import RegionData, RegionFormat, Spacing, UltrasoundRegion, Volume

LEAST_FRAMES = 8
LEAST_SIDE_PX = 16
FRAMES_AT_ONCE = 32
TINT_SAMPLE_FRAMES = 4
TINT_BRIGHT = 24  # grey value from which a pixel has a colour to speak of
TINTED = 0.25  # median saturation of a picture that is shown in amber or blue rather than grey


@dataclass(frozen=True)
class Clip:
    """The contrast picture of one volume.

    Attributes:
        frames: (N, rows, columns) uint8, uint16 or float32, in memory that is backed by a file.
        x0, y0: where its first pixel lies in the volume's picture.
        spacing: mm per pixel, or None.
        frame_time_s: time from frame to frame, or None.
        missing: what the header does not say, in words.
        notes: how the part was chosen.
    """

    frames: NDArray
    x0: int
    y0: int
    spacing: Spacing | None
    frame_time_s: float | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def full_scale(self) -> float:
        """The grey value that an amplitude of 1 stands for."""
        if self.frames.dtype.kind == "u":
            return float(np.iinfo(self.frames.dtype).max)
        return float(max(self.frames.max(), np.finfo(np.float32).tiny))


def contrast_clip(volume: Volume, side: str) -> Clip:
    """The contrast part of ``volume`` as grey frames.

    Args:
        side: ``auto``, ``left``, ``right`` or ``whole``.

    Raises:
        UnsuitableSeries: too few frames, too small, or a side-by-side picture that does not tell its halves.
    """
    count = len(volume.frames)
    if count < LEAST_FRAMES:
        raise UnsuitableSeries(f"needs a contrast cine of >= {LEAST_FRAMES} frames; got {count}")
    region, notes = _contrast_region(volume, side)
    x0, y0, x1, y1 = region
    if min(x1 - x0, y1 - y0) + 1 < LEAST_SIDE_PX:
        raise UnsuitableSeries(
            f"needs a contrast picture of >= {LEAST_SIDE_PX} pixels each way; got {x1 - x0 + 1} x {y1 - y0 + 1}"
        )
    spacing = _spacing(volume, region)
    timing = volume.timing
    frame_time_s = timing.frame_time_s if timing is not None else None
    missing = []
    if spacing is None:
        missing.append("pixel calibration: positions, distances and speeds are in pixels")
    if frame_time_s is None:
        missing.append("frame time: speeds are per frame")
    elif timing.nominal:
        notes.append(f"the frame time is a display rate ({timing.source}), not a time of acquisition")
    return Clip(_grey(volume, region), x0, y0, spacing, frame_time_s, tuple(missing), tuple(notes))


def _contrast_region(volume: Volume, side: str) -> tuple[tuple[int, int, int, int], list[str]]:
    """(x0, y0, x1, y1), inclusive, and how it was chosen."""
    whole = (0, 0, volume.columns - 1, volume.rows - 1)
    if side == "whole":
        return whole, ["the whole picture was analysed (option contrast_side: whole)"]
    regions = _two_d(volume)
    if not regions:
        if side == "auto":
            return whole, ["no 2-D region in the header: the whole picture was analysed"]
        middle = volume.columns // 2
        half = (0, 0, middle - 1, volume.rows - 1) if side == "left" else (middle, 0, *whole[2:])
        return half, [f"no 2-D region in the header: the {side} half was analysed (option contrast_side)"]
    if len(regions) == 1:
        return _bounds(regions[0]), ["the one 2-D region of the header was analysed"]
    if len(regions) > 2 or regions[0].overlaps(regions[1]) or not _side_by_side(*regions):
        raise UnsuitableSeries(
            f"needs one 2-D region, or two side by side; the header has {len(regions)}: set option contrast_side: "
            "whole to analyse the picture undivided"
        )
    left, right = regions
    if side == "auto":
        side = _tinted_side(volume, left, right)
        how = "by its tint"
    else:
        how = "option contrast_side"
    return _bounds(left if side == "left" else right), [f"of two 2-D regions the {side} one was analysed ({how})"]


def _two_d(volume: Volume) -> list[UltrasoundRegion]:
    """Usable 2-D tissue regions from left to right, each once."""
    usable = {
        _bounds(region): region
        for region in volume.regions
        if region.format is RegionFormat.TWO_D
        and not region.stale
        and region.data in (RegionData.TISSUE, RegionData.COLOR_FLOW, RegionData.NONE, RegionData.OTHER)
    }
    return [usable[bounds] for bounds in sorted(usable)]


def _bounds(region: UltrasoundRegion) -> tuple[int, int, int, int]:
    return region.x0, region.y0, region.x1, region.y1


def _side_by_side(left: UltrasoundRegion, right: UltrasoundRegion) -> bool:
    return left.x1 < right.x0 and left.y0 <= right.y1 and right.y0 <= left.y1


def _tinted_side(volume: Volume, left: UltrasoundRegion, right: UltrasoundRegion) -> str:
    """Scanners show the contrast picture in a tint (amber, blue) beside the grey tissue picture."""
    if volume.is_colour:
        tinted = [_saturation(volume, region) > TINTED for region in (left, right)]
        if tinted[0] != tinted[1]:
            return "left" if tinted[0] else "right"
    raise UnsuitableSeries(
        "two 2-D regions side by side, and neither header nor colours tell which holds the contrast picture: "
        "set option contrast_side to left or right"
    )


def _saturation(volume: Volume, region: UltrasoundRegion) -> float:
    """Median saturation, 0..1, of the region's bright pixels in a few frames."""
    count = len(volume.frames)
    picks = sorted({round(i * (count - 1) / max(TINT_SAMPLE_FRAMES - 1, 1)) for i in range(TINT_SAMPLE_FRAMES)})
    values = []
    for index in picks:
        rgb = volume.pixels.read(index, index + 1)[0, region.y0 : region.y1 + 1, region.x0 : region.x1 + 1]
        top, bottom = rgb.max(axis=-1).astype(float), rgb.min(axis=-1).astype(float)
        bright = top >= TINT_BRIGHT
        values.append(((top - bottom) / np.maximum(top, 1))[bright])
    joined = np.concatenate(values)
    return float(np.median(joined)) if len(joined) else 0.0


def _spacing(volume: Volume, bounds: tuple[int, int, int, int]) -> Spacing | None:
    """Calibration of the region with these bounds, or the one 2-D region there is."""
    regions = _two_d(volume)
    exact = [region for region in regions if _bounds(region) == bounds]
    candidates = exact or regions
    spacings = {region.spacing for region in candidates}
    return spacings.pop() if len(spacings) == 1 else None


def _grey(volume: Volume, bounds: tuple[int, int, int, int]) -> NDArray:
    """The part's frames in grey, written to an unlinked temporary file and mapped."""
    x0, y0, x1, y1 = bounds
    dtype = volume.pixels.dtype if volume.pixels.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    shape = (len(volume.frames), y1 - y0 + 1, x1 - x0 + 1)
    with tempfile.TemporaryFile(prefix="contrast-") as file:
        for chunk in _grey_chunks(volume, (slice(y0, y1 + 1), slice(x0, x1 + 1))):
            file.write(np.ascontiguousarray(chunk, dtype).data)
        file.flush()
        return np.memmap(file, dtype, "r", shape=shape)


def _grey_chunks(volume: Volume, part: tuple[slice, slice]) -> Iterator[NDArray]:
    for _, chunk in volume.chunks(FRAMES_AT_ONCE):
        chunk = chunk[:, part[0], part[1]]
        if volume.is_colour:
            chunk = np.stack([cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in chunk])
        yield chunk
