"""When the frames of a multi-frame clip were taken (PS3.3 C.7.6.5): the header's word, or None with the reason."""

from __future__ import annotations

from itertools import accumulate

from pydicom.dataset import Dataset

from dicom_node.load.header import number, numbers, value
from dicom_node.series import Timing

_FRAME_TIME = 0x00181063
_FRAME_TIME_VECTOR = 0x00181065
_DISPLAY_RATES = ("CineRate", "RecommendedDisplayFrameRate")


def clip_timing(header: Dataset, frames: int, notes: list[str]) -> Timing | None:
    """Times of ``frames`` frames. Frame Increment Pointer (0028,0009) decides where they are looked for.

    Without a usable Frame Time or Frame Time Vector, a display rate is taken and flagged ``nominal``.
    ``None`` for a single frame, and where the header tells nothing that can be believed; ``notes`` says why.
    """
    if frames < 2:
        return None
    pointers = _pointers(header)
    timing = None
    if _FRAME_TIME_VECTOR in pointers:
        timing = _from_vector(header, frames, notes)
    elif _FRAME_TIME in pointers:
        timing = _from_frame_time(header, frames, notes)
    elif pointers:
        notes.append("FrameIncrementPointer names no time: frames do not follow each other in time")
        return None
    elif value(header, "FrameTime") is not None:
        notes.append("FrameIncrementPointer is absent; FrameTime is there and was taken")
        timing = _from_frame_time(header, frames, notes)
    elif value(header, "FrameTimeVector") is not None:
        notes.append("FrameIncrementPointer is absent; FrameTimeVector is there and was taken")
        timing = _from_vector(header, frames, notes)
    return timing or _from_display_rate(header, frames, notes)


def _pointers(header: Dataset) -> set[int]:
    found = value(header, "FrameIncrementPointer")
    if found is None:
        return set()
    try:
        return {int(found)} if isinstance(found, int) else {int(tag) for tag in found}  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return set()


def _from_frame_time(header: Dataset, frames: int, notes: list[str]) -> Timing | None:
    frame_time_ms = number(header, "FrameTime")
    if frame_time_ms is None or frame_time_ms <= 0:
        notes.append("FrameTime is absent, no number or not above 0 and was not used")
        return None
    return Timing(tuple(index * frame_time_ms / 1000.0 for index in range(frames)), "FrameTime")


def _from_vector(header: Dataset, frames: int, notes: list[str]) -> Timing | None:
    """Increments in ms from the frame before; the first has none before it, whatever some writers put there."""
    increments_ms = numbers(header, "FrameTimeVector")
    if increments_ms is None or len(increments_ms) != frames:
        found = "none" if increments_ms is None else str(len(increments_ms))
        notes.append(f"FrameTimeVector was not used: {found} valid entries for {frames} frames")
        return None
    if min(increments_ms[1:]) <= 0:
        notes.append("FrameTimeVector was not used: it has increments that are not above 0")
        return None
    if increments_ms[0] != 0:
        notes.append("FrameTimeVector does not start with 0; its first entry was taken as 0")
    return Timing(tuple(time / 1000.0 for time in accumulate((0.0, *increments_ms[1:]))), "FrameTimeVector")


def _from_display_rate(header: Dataset, frames: int, notes: list[str]) -> Timing | None:
    for keyword in _DISPLAY_RATES:
        rate_hz = number(header, keyword)
        if rate_hz is not None and rate_hz > 0:
            notes.append(f"no frame times in the header; {keyword} ({rate_hz:g}/s), a display rate, stands in for them")
            return Timing(tuple(index / rate_hz for index in range(frames)), keyword, nominal=True)
    notes.append("no frame times in the header: FrameTime, FrameTimeVector and CineRate are absent or not valid")
    return None
