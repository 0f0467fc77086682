"""What the plane of a picture says of the heart in it: whether it is a short axis, which way is base, where the septum
lies, and whether it is seen from the apex as the standard display is.

Directions are DICOM's, LPS: +x to the patient's left, +y to the back, +z to the head. What is known of hearts is a
prior, wide enough for upright and for horizontal ones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dicom_node.series import Plane

BASE_TO_APEX = np.array([0.65, -0.65, -0.40]) / np.linalg.norm([0.65, -0.65, -0.40])
"""The left ventricle's axis: to the left, forward and down. The three Sunnybrook studies with DICOM lie within 6
degrees of it; an upright or a horizontal heart within about 30."""
LARGEST_TILT_DEG = 45.0
"""Of a short axis against the prior. Long-axis planes hold the axis, so their normals are 90 degrees from it and 60 or
more from the prior; transverse planes are at 67, coronal and sagittal ones at 50."""
PARALLEL_WITHIN_DEG = 5.0
TOWARDS_SEPTUM = np.array([-1.0, -1.0, 0.0]) / math.sqrt(2.0)
"""From the left ventricle to the right one: to the right and forward."""
SEPTUM_ON_DISPLAY_DEG = 180.0


def normal_to_apex(plane: Plane) -> NDArray[np.float64]:
    """(3,) the unit normal of the plane, on the side where the apex is expected."""
    normal = np.cross(plane.row_direction, plane.column_direction)
    normal /= np.linalg.norm(normal)
    return normal if normal @ BASE_TO_APEX >= 0 else -normal


def tilt_deg(plane: Plane) -> float:
    """Angle between the plane's normal and the expected axis of the left ventricle, 0 ... 90."""
    return math.degrees(math.acos(min(1.0, float(normal_to_apex(plane) @ BASE_TO_APEX))))


def are_parallel(one: Plane, other: Plane) -> bool:
    """Whether two pictures lie in parallel planes and are turned alike within them."""
    limit = math.cos(math.radians(PARALLEL_WITHIN_DEG))
    rows, columns = (
        np.dot(one.row_direction, other.row_direction),
        np.dot(one.column_direction, other.column_direction),
    )
    return bool(min(rows, columns) >= limit)


def is_mirrored(plane: Plane) -> bool:
    """Whether the picture is seen from the base: its third axis (row x column) then points to the apex.

    The standard display looks from the apex, so that going round from the septum by the anterior wall is clockwise.
    """
    return bool(np.cross(plane.row_direction, plane.column_direction) @ normal_to_apex(plane) > 0)


def anchor_deg(plane: Plane) -> float:
    """By how much the anatomy is turned, counter-clockwise, against the standard display; -180 < value <= 180.

    For a mirrored plane: of the picture with its columns reversed, which is how it is then measured.
    """
    x = float(TOWARDS_SEPTUM @ np.array(plane.row_direction))
    y = -float(TOWARDS_SEPTUM @ np.array(plane.column_direction))
    septum_deg = math.degrees(math.atan2(y, -x if is_mirrored(plane) else x))
    turned = (septum_deg - SEPTUM_ON_DISPLAY_DEG) % 360.0
    return turned - 360.0 if turned > 180.0 else turned
