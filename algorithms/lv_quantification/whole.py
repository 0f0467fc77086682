"""What a stack of slices lacks: measured without it, a part of the ventricle would be missing, and nobody would see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from algorithms.lv_quantification.cycle import CARDIAC_TIMES, LEAST_FRAMES
from algorithms.lv_quantification.places import (
    SAME_PLACE_MM,
    WIDE,
    any_near,
    plane_of,
    positions_mm,
    same_frame_of_reference,
    same_place_mm,
    same_spacing,
    step_mm,
)
from algorithms.lv_quantification.planes import are_parallel, normal_to_apex
from dicom_node.series import Volume

UNSEEN, OF_A_STEP = 0.8, 0.75
"""Of a slice's thickness, and of the distance of slices: what is so far from every slice shows what they do not."""
ROOM = 0.95
"""Of a slice's thickness to either side: so much room has a slice that is missing between two others."""
NEXT_PLACE = 1.5
"""Of the slices' distance beyond the first or the last: a slice so near is the next one of the same stack."""
LARGEST_GAP = 2.5
"""Of the slices' distance: one that is missing can be bridged, two cannot."""
LEAST_ABOVE = 2
"""A lone slice far above the others is a test, or great vessels, and no part of a stack with a hole."""
NEARLY_WHOLE = 0.8
"""Of the others' frames: a slice with more of them, but not all, has lost some on its way."""
LONGEST = 1.5
"""Times the others' frames in time: longer ones are of several heartbeats (perfusion, mapping, real time)."""


def what_is_missing(
    best: Sequence[Volume],
    stacks: Sequence[Sequence[Volume]],
    volumes: Sequence[Volume],
    faults: dict[int, list[str]],
) -> str:
    """Of the stack that is to be measured, in words; empty if nothing is.

    Args:
        best: the stack, in order.
        stacks: all that were put together, ``best`` among them.
        volumes: everything that came.
        faults: of the slices of all stacks, by ``id``.
    """
    lost = [
        _difference(volume, best[0])
        for volume, inside in _otherwise(best, stacks)
        if inside or _has_lost_frames(volume, best[0])
    ]
    told = "; ".join(
        f"{count} slice(s) of other series lie between its slices or next to them, but differ: {difference}; needs "
        "slices that are whole and taken alike: send them so, or keep other acquisitions out"
        for difference, count in Counter(lost).items()
    )
    return _gaps(best) or _lost(best, volumes, faults) or told


def what_lies_beside(best: Sequence[Volume], stacks: Sequence[Sequence[Volume]]) -> str:
    """Cines next to the ends of the stack that were taken otherwise, in words: the ventricle may go on in them."""
    found = Counter(_difference(volume, best[0]) for volume, inside in _otherwise(best, stacks) if not inside)
    return "; ".join(f"{count} slice(s): {difference}" for difference, count in found.items())


def _gaps(best: Sequence[Volume]) -> str:
    """Where two slices or more are missing inside the stack: volumes would leave out a part of the heart."""
    positions = positions_mm(best, normal_to_apex(plane_of(best[0])))
    gaps = np.diff(positions)
    if len(gaps) < 2:
        return ""
    distance = step_mm(positions)
    if gaps.min() < SAME_PLACE_MM:
        return (
            f"{np.count_nonzero(gaps < SAME_PLACE_MM)} of its slices share the place of another; needs one acquisition"
        )
    return "; ".join(
        f"slices are missing between slice {number} and {number + 1} of those that came, which are {gap:.0f} mm apart "
        f"(others {distance:.0f} mm); needs every slice: send them, too"
        for number, gap in enumerate(gaps, start=1)
        if gap > LARGEST_GAP * distance and number >= LEAST_ABOVE
    )


def _lost(best: Sequence[Volume], volumes: Sequence[Volume], faults: dict[int, list[str]]) -> str:
    """What the series of the stack hold beside it that must be slices of it: measured without, it would look whole.

    Of other series only a cine that lacks nothing but its spacing must be one. A second picture of a place that is
    taken (another kind, another echo) is none of them.
    """
    plane, uids = plane_of(best[0]), {volume.series_uid for volume in best}
    normal, inside = normal_to_apex(plane), {id(volume) for volume in best}
    taken = positions_mm(best, normal)
    reasons = Counter[str]()
    for volume in volumes:
        grid = (volume.modality, volume.rows, volume.columns)
        without_scale = volume.spacing is None and len(volume.frames) == len(best[0].frames)
        if id(volume) in inside or grid != ("MR", best[0].rows, best[0].columns):
            continue
        if volume.series_uid not in uids and not without_scale:
            continue
        own = volume.frames[0].plane
        if own is None and volume.series_uid not in uids:
            continue
        if own is None:
            reasons["image(s) of its series without a valid ImagePositionPatient and ImageOrientationPatient"] += 1
        elif are_parallel(own, plane) and not any_near(positions_mm([volume], normal), taken, same_place_mm(plane)):
            why = "; ".join(faults.get(id(volume), ())) or "its spacing or number of frames is not that of the others"
            reasons[f"slice(s) that belong to it left out: {why}"] += 1
    return "; ".join(f"{count} {reason}" for reason, count in reasons.items())


def _otherwise(best: Sequence[Volume], stacks: Sequence[Sequence[Volume]]) -> list[tuple[Volume, bool]]:
    """Cines of one heartbeat that show a piece of the heart inside the stack (True) or next to it (False), and differ.

    A scanner that writes each slice as a series has lost a frame of that slice, or it was taken with another field of
    view or number of phases. What has a slice where the stack has one is an acquisition of its own.
    """
    plane = plane_of(best[0])
    normal = normal_to_apex(plane)
    taken = positions_mm(best, normal)
    thickness_mm = plane.thickness_mm
    step = step_mm(taken) if len(taken) > 1 else thickness_mm
    if step is None:
        return []
    unseen_mm = min(OF_A_STEP * step, UNSEEN * (thickness_mm or step))
    found = []
    for stack in stacks:
        if stack is best or not are_parallel(plane_of(stack[0]), plane):
            continue
        places = positions_mm(stack, normal)
        beside = [any_near([place], taken, unseen_mm) for place in places]
        if 2 * sum(beside) > len(beside):
            continue
        for volume, place, seen in zip(stack, places, beside, strict=True):
            near = taken[0] - NEXT_PLACE * step <= place <= taken[-1] + NEXT_PLACE * step
            inside = taken[0] < place < taken[-1]
            if seen or not near or (inside and not _has_room(place, taken, step, thickness_mm)):
                continue
            if _is_of_one_beat(volume, best[0]) and same_frame_of_reference([volume], best[:1]):
                found.append((volume, inside))
    return found


def _has_room(place: float, taken: Sequence[float], step: float, thickness_mm: float | None) -> bool:
    """Whether a slice is missing there: two slices are further apart than others, or leave one unseen between them."""
    at = int(np.searchsorted(taken, place))
    below, above = place - taken[at - 1], taken[at] - place
    return below + above > WIDE * step or (thickness_mm is not None and min(below, above) >= ROOM * thickness_mm)


def _is_of_one_beat(volume: Volume, other: Volume) -> bool:
    """Whether it is a cine of the heart cycle, as ``other`` is."""
    if len(volume.frames) < LEAST_FRAMES or volume.timing is None or other.timing is None:
        return False
    return volume.timing.source in CARDIAC_TIMES and volume.timing.times_s[-1] <= LONGEST * other.timing.times_s[-1]


def _has_lost_frames(volume: Volume, other: Volume) -> bool:
    """Whether it is taken as ``other`` was, and lacks a few frames, which its own header does not deny."""
    if volume.cardiac_images == len(volume.frames):
        return False
    same = (volume.rows, volume.columns) == (other.rows, other.columns) and same_spacing(volume.spacing, other.spacing)
    return same and NEARLY_WHOLE * len(other.frames) < len(volume.frames) < len(other.frames)


def _difference(volume: Volume, other: Volume) -> str:
    """What keeps a slice from being one of a stack that ``other`` is of."""
    told = []
    if len(volume.frames) != len(other.frames):
        told.append(f"{len(volume.frames)} frames where the others have {len(other.frames)}")
    if volume.cardiac_images != other.cardiac_images:
        told.append(f"CardiacNumberOfImages {volume.cardiac_images or '(none)'} and {other.cardiac_images or '(none)'}")
    if (volume.rows, volume.columns) != (other.rows, other.columns):
        told.append(f"{volume.rows} x {volume.columns} pixels where the others have {other.rows} x {other.columns}")
    if not same_spacing(volume.spacing, other.spacing):
        told.append("another PixelSpacing")
    return ", ".join(told) or "too near to each other"
