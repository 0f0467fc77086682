"""Where slices lie along the axis of a stack, and which of them share a place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dicom_node.series import Frame, Plane, Spacing, Volume

SAME_PLACE_MM = 1.0
SAME_PLACE = 0.9
"""Of a slice's thickness: nearer ones of two series show the same piece of the heart."""
WIDE = 1.5
"""Times the usual distance of two slices: in a wider one a slice is missing."""
SPACING_WITHIN = 1e-3


def plane_of(of: Volume | Frame) -> Plane:
    """Of the first frame. Only of what is known to have one."""
    plane = of.frames[0].plane if isinstance(of, Volume) else of.plane
    assert plane is not None
    return plane


def positions_mm(volumes: Sequence[Volume], normal: NDArray[np.float64]) -> list[float]:
    """Of each slice, along ``normal``."""
    return [float(normal @ np.array(plane_of(volume).position_mm)) for volume in volumes]


def any_near(places: Sequence[float], taken: Sequence[float], within_mm: float) -> bool:
    """Whether any of the first lies within that of any of the second."""
    return bool((np.abs(np.subtract.outer(places, taken)) < within_mm).any())


def same_place_mm(plane: Plane) -> float:
    """How near a slice of another series must be to show the same piece of the heart."""
    return max(SAME_PLACE_MM, SAME_PLACE * (plane.thickness_mm or 0.0))


def same_frame_of_reference(some: Sequence[Volume], others: Sequence[Volume]) -> bool:
    """Or one that is not known, as where an anonymiser gave every file its own."""
    mine, its = _frame_of_reference(some), _frame_of_reference(others)
    return mine is None or its is None or mine == its


def _frame_of_reference(volumes: Sequence[Volume]) -> str | None:
    """The one that all frames have."""
    found = {plane_of(frame).frame_of_reference_uid for volume in volumes for frame in volume.frames}
    return found.pop() if len(found) == 1 else None


def step_mm(positions_in_order: Sequence[float]) -> float:
    """From slice to slice, of two or more: the middle of those distances that no missing slice has made wide."""
    gaps = np.diff(positions_in_order)
    usual = np.quantile(gaps, 0.25, method="lower")
    return float(np.median(gaps[gaps <= WIDE * usual]))


def same_spacing(one: Spacing | None, other: Spacing | None) -> bool:
    """Pixels of the same size; of two that are not known nothing else is."""
    if one is None or other is None:
        return one is other
    return bool(np.allclose((one.row_mm, one.column_mm), (other.row_mm, other.column_mm), rtol=SPACING_WITHIN))
