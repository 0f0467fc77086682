"""From a volume as the archive has it to the contrast picture: its part, in grey, with what scale and time it has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.layout import Part, Side, contrast_part, spacing_of
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import Spacing, Timing, Volume

LEAST_FRAMES = 8
LEAST_SIDE_PX = 16
FRAMES_AT_ONCE = 32
UNEVEN = 1.5  # longest over shortest time between frames, from which a mean frame time misleads
DISPLAY_FRAME_TIME_S = 0.04  # how fast a derived series is shown whose source gives no rate at all


@dataclass(frozen=True)
class Clip:
    """The contrast picture of one volume.

    Attributes:
        frames: (N, rows, columns) uint8, uint16 or float32, mapped from a file.
        part: where it lies in the volume's picture.
        full_scale: the grey value that a relative amplitude of 1 stands for: the largest that can be stored.
        spacing: mm per pixel, or None.
        frame_time_s: time from frame to frame, or None; a display rate is not taken for it.
        display_frame_time_s: how fast to show frames.
        missing: what the header does not say, and what that means for the results.
        notes: how the part was chosen, and what is odd.
    """

    frames: NDArray
    part: Part
    full_scale: float
    spacing: Spacing | None
    frame_time_s: float | None
    display_frame_time_s: float
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def contrast_clip(volume: Volume, side: Side) -> Clip:
    """The contrast part of ``volume`` as grey frames.

    Raises:
        UnsuitableSeries: no ultrasound, too few frames, too small, or a side-by-side picture that does not tell which
            half is contrast.
    """
    if volume.modality != "US":
        raise UnsuitableSeries(f"needs contrast ultrasound (modality US); got {volume.modality or 'no modality'}")
    if len(volume.frames) < LEAST_FRAMES:
        raise UnsuitableSeries(f"needs a contrast cine of >= {LEAST_FRAMES} frames; got {len(volume.frames)}")
    part, how = contrast_part(volume, side)
    if min(part.rows, part.columns) < LEAST_SIDE_PX:
        raise UnsuitableSeries(
            f"needs a contrast picture of >= {LEAST_SIDE_PX} pixels each way; got {part.columns} x {part.rows}"
        )
    spacing = spacing_of(volume, part)
    frame_time_s, missing, notes = _frame_time(volume.timing)
    if spacing is None:
        missing.insert(0, "pixel calibration of the contrast picture: positions and speeds are in pixels")
    frames = _grey(volume, part)
    shown = volume.timing.frame_time_s if volume.timing else None
    return Clip(
        frames,
        part,
        _full_scale(frames, volume.bits_stored),
        spacing,
        frame_time_s,
        shown or DISPLAY_FRAME_TIME_S,
        tuple(missing),
        (how, *notes),
    )


def _frame_time(timing: Timing | None) -> tuple[float | None, list[str], list[str]]:
    """Mean time between frames, what is missing, and what is odd."""
    mean_s = timing.frame_time_s if timing else None
    if timing is None or mean_s is None:
        return None, ["frame time: speeds are per frame"], []
    if timing.nominal:
        return None, [f"frame time but a display rate ({timing.source}): speeds are per frame"], []
    steps_s = np.diff(timing.times_s)
    if steps_s.max() > UNEVEN * steps_s.min():
        return mean_s, [], [
            f"time between frames varies from {1000 * steps_s.min():.3g} to {1000 * steps_s.max():.3g} ms: speeds "
            f"rest on the mean, {1000 * mean_s:.3g} ms"
        ]  # fmt: skip
    return mean_s, [], []


def _full_scale(frames: NDArray, bits_stored: int) -> float:
    if frames.dtype.kind == "u":
        return float(min(np.iinfo(frames.dtype).max, 2**bits_stored - 1))
    return float(max(frames.max(), np.finfo(np.float32).tiny))


def _grey(volume: Volume, part: Part) -> NDArray:
    """The part's frames in grey, written to a temporary file without a name and mapped."""
    dtype = volume.pixels.dtype if volume.pixels.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    with tempfile.TemporaryFile(prefix="contrast-") as file:
        for chunk in _grey_chunks(volume, part):
            file.write(np.ascontiguousarray(chunk, dtype).data)
        file.flush()
        return np.memmap(file, dtype, "r", shape=(len(volume.frames), part.rows, part.columns))


def _grey_chunks(volume: Volume, part: Part) -> Iterator[NDArray]:
    """RGB becomes luminance (ITU-R BT.601), which grows along every tint that scanners use."""
    for _, chunk in volume.chunks(FRAMES_AT_ONCE):
        chunk = chunk[:, part.y0 : part.y1 + 1, part.x0 : part.x1 + 1]
        if volume.is_colour:
            chunk = np.stack([cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in chunk])
        yield chunk
