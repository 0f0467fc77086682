"""What a stack of slices lacks: measured without it, a part of the ventricle would be missing, and nobody would see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from algorithms.lv_quantification.cycle import LEAST_FRAMES
from algorithms.lv_quantification.places import any_near, plane_of, positions_mm, same_place_mm, same_spacing
from algorithms.lv_quantification.planes import are_parallel, normal_to_apex
from dicom_node.series import Volume

FREE_PLACE = 0.75
"""Of the slices' distance from each of them: a slice that is so far belongs between them or beside them."""
NEXT_PLACE = 1.5
"""Of the slices' distance beyond the first or the last: a slice so near is the next one of the same stack."""
LARGEST_GAP = 2.5
"""Of the slices' distance: one that is missing can be bridged, two cannot."""


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
    others = [stack for stack in stacks if stack is not best]
    return _gaps(best) or _lost(best, volumes, faults) or _unlike(best, others)


def _gaps(best: Sequence[Volume]) -> str:
    """Where two slices or more are missing inside the stack: volumes would leave out a part of the heart."""
    gaps = np.diff(positions_mm(best, normal_to_apex(plane_of(best[0]))))
    if len(gaps) < 2:
        return ""
    distance = float(np.median(gaps))
    return "; ".join(
        f"slices are missing between slice {number} and {number + 1} of those that came, which are {gap:.0f} mm apart "
        f"(the others {distance:.0f} mm); needs every slice: send them, too"
        for number, gap in enumerate(gaps, start=1)
        if gap > LARGEST_GAP * distance
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


def _unlike(best: Sequence[Volume], others: Sequence[Sequence[Volume]]) -> str:
    """Slices of other series that lie where one of the stack is missing, or next to it, but do not go with it.

    A scanner that writes each slice as a series has lost a frame of that slice, or it was taken with another field of
    view or number of phases. What has a slice where the stack has one is an acquisition of its own.
    """
    plane = plane_of(best[0])
    normal = normal_to_apex(plane)
    taken = np.array(positions_mm(best, normal))
    distance = float(np.median(np.diff(taken))) if len(taken) > 1 else (plane.thickness_mm or 0.0)
    low, high = taken.min() - NEXT_PLACE * distance, taken.max() + NEXT_PLACE * distance
    reasons = Counter[str]()
    for stack in others:
        places = positions_mm(stack, normal)
        if not any_near(places, taken.tolist(), FREE_PLACE * distance) and are_parallel(plane_of(stack[0]), plane):
            for volume, place in zip(stack, places, strict=True):
                alike = len(volume.frames) >= LEAST_FRAMES and _same_frame_of_reference(volume, best[0])
                if alike and low <= place <= high:
                    reasons[_difference(volume, best[0])] += 1
    return "; ".join(
        f"{count} slice(s) of other series lie between its slices or next to them, but differ: {told}; needs "
        "slices that are whole and taken alike: send them so, or keep other acquisitions out"
        for told, count in reasons.items()
    )


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


def _same_frame_of_reference(one: Volume, other: Volume) -> bool:
    """Or none that is known, as where an anonymiser gave every file its own."""
    found = [{frame.plane.frame_of_reference_uid for frame in volume.frames if frame.plane} for volume in (one, other)]
    return any(len(uids) != 1 for uids in found) or found[0] == found[1]
