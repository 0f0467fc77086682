"""Frames with a place in the patient: told apart by slice, put in order of time within each.

The key of a slice is its distance along the slice normal, rounded to 0.1 mm, for one orientation of one series.
In a slice, frames follow Trigger Time, then Temporal Position Identifier, then Instance Number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dicom_node.load.finish import StoredFrame
from dicom_node.load.planes import Acquired
from dicom_node.series import Frame, Plane, Timing

SLICE_STEP_MM = 0.1


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame on its way into a volume. ``frame`` has no time and no phase yet."""

    frame: Frame
    pixels: StoredFrame
    acquired: Acquired
    series_uid: str
    instance: int  # index of its instance in the list that was loaded


@dataclass(frozen=True, slots=True)
class Slice:
    """The frames of one slice in order; ``index`` counts the slices of one stack along its normal from 0."""

    frames: tuple[PlacedFrame, ...]
    index: int


def slices_of(frames: Sequence[PlacedFrame]) -> tuple[Slice, ...]:
    """Groups frames into slices: stack by stack in the order of first appearance, along the normal within one."""
    stacks: dict[tuple[object, ...], dict[float, list[PlacedFrame]]] = {}
    for frame in frames:
        plane = frame.acquired.plane
        assert plane is not None
        stack = stacks.setdefault(_stack_key(frame, plane), {})
        stack.setdefault(round(_distance_mm(plane) / SLICE_STEP_MM) * SLICE_STEP_MM, []).append(frame)
    return tuple(
        Slice(tuple(sorted(stack[distance], key=_time_key)), index)
        for stack in stacks.values()
        for index, distance in enumerate(sorted(stack))
    )


def _stack_key(frame: PlacedFrame, plane: Plane) -> tuple[object, ...]:
    axes = tuple(round(component, 3) + 0.0 for component in (*plane.row_direction, *plane.column_direction))
    return (
        frame.series_uid,
        axes,
        frame.pixels.shape,
        frame.acquired.spacing,
        frame.acquired.kind,
    )


def _distance_mm(plane: Plane) -> float:
    normal = np.cross(plane.row_direction, plane.column_direction)
    return float(np.dot(normal, plane.position_mm))


def _time_key(frame: PlacedFrame) -> tuple[float, float, float, str, int]:
    acquired, ref = frame.acquired, frame.frame.ref
    return (
        _or_last(acquired.trigger_time_ms),
        _or_last(acquired.temporal_position),
        _or_last(frame.frame.instance_number),
        ref.sop_instance_uid,
        ref.frame_number or 0,
    )


def _or_last(found: float | None) -> float:
    return math.inf if found is None else found


def slice_timing(frames: Sequence[PlacedFrame], name: str, notes: list[str]) -> Timing | None:
    """Times of the frames of one slice from their trigger times; ``None``, with a note, where these do not serve."""
    if len(frames) < 2:
        return None
    triggers_ms = [frame.acquired.trigger_time_ms for frame in frames]
    known_ms = [time for time in triggers_ms if time is not None]
    keyword = frames[0].acquired.trigger_keyword
    if len(known_ms) < len(frames):
        notes.append(f"{name}: no times: {keyword} is absent or no number in {len(frames) - len(known_ms)} frame(s)")
        return None
    if min(known_ms) < 0:
        notes.append(f"{name}: no times: {keyword} is below 0")
        return None
    if len(set(known_ms)) < len(known_ms):
        notes.append(f"{name}: no times: {len(known_ms)} frames share {len(set(known_ms))} values of {keyword}")
        return None
    rr_ms = {frame.acquired.rr_interval_ms for frame in frames} - {None}
    return Timing(
        times_s=tuple((time - known_ms[0]) / 1000.0 for time in known_ms),
        source=keyword,
        rr_interval_s=float(np.median([float(rr) for rr in rr_ms if rr is not None])) / 1000.0 if rr_ms else None,
    )
