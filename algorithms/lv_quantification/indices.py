"""The eleven indices of the document (CN 109003270 A, paragraph 0083), computed from masks.

Angles count counter-clockwise as displayed (x to the right, y up), from +x. In the standard short-axis display the
septum lies at 180 degrees, the anterior wall at 90, the lateral at 0, the inferior at 270; ``anchor_deg`` says by how
much the anatomy is turned against it. A sector is 60 degrees wide around its centre.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.series import Spacing

SECTORS = ("AS", "A", "AL", "IL", "I", "IS")
"""Anteroseptal, anterior, anterolateral, inferolateral, inferior, inferoseptal: the order of wall thicknesses."""
SECTOR_CENTRES_DEG = (150.0, 90.0, 30.0, -30.0, -90.0, -150.0)
DIAMETER_ANGLES_DEG = (30.0, 90.0, 150.0)
"""From inferoseptal to anterolateral (0 degrees of the three), inferior to anterior (60), inferolateral to
anteroseptal (120)."""

INDEX_NAMES = (
    "cavity_area_mm2",
    "myocardium_area_mm2",
    "diameter_0_mm",
    "diameter_60_mm",
    "diameter_120_mm",
    *(f"wall_thickness_{sector.lower()}_mm" for sector in SECTORS),
)

RAYS_PER_SECTOR = 12
RAYS = RAYS_PER_SECTOR * len(SECTORS)
RAY_STEP_MM = 0.5


def indices_of(
    cavity: NDArray[np.bool_], myocardium: NDArray[np.bool_], spacing: Spacing, anchor_deg: float = 0.0
) -> NDArray[np.float64]:
    """The eleven indices of one frame, in the order of INDEX_NAMES, in mm2 and mm.

    Args:
        cavity: (rows, columns), papillary muscles included.
        myocardium: (rows, columns), of the same picture.
        spacing: of the pixels; they need not be square.
        anchor_deg: rotation of the anatomy against the standard display.

    Returns:
        (11,); all nan without a cavity, the areas and thicknesses of the wall nan without a myocardium.
    """
    found = np.full(len(INDEX_NAMES), np.nan)
    if not cavity.any():
        return found
    pixel_mm2 = spacing.row_mm * spacing.column_mm
    inner, outer = radii_mm(cavity, cavity | myocardium, spacing, anchor_deg)
    found[0] = np.count_nonzero(cavity) * pixel_mm2
    found[2:5] = _diameters(inner)
    if myocardium.any():
        found[1] = np.count_nonzero(myocardium & ~cavity) * pixel_mm2
        found[5:] = (outer - inner).reshape(len(SECTORS), RAYS_PER_SECTOR).mean(axis=1)
    return found


def ray_angles_deg(anchor_deg: float = 0.0) -> NDArray[np.float64]:
    """(72,) directions of the rays, twelve to a sector, sector by sector in the order of SECTORS."""
    within = (np.arange(RAYS_PER_SECTOR) + 0.5) * (60.0 / RAYS_PER_SECTOR) - 30.0
    return (np.array(SECTOR_CENTRES_DEG)[:, None] + within).ravel() + anchor_deg


def radii_mm(
    cavity: NDArray[np.bool_], inside: NDArray[np.bool_], spacing: Spacing, anchor_deg: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(72,) endocardial and (72,) epicardial radius from the cavity's centroid: the last crossing on each ray."""
    rows, columns = np.nonzero(cavity)
    centre_row, centre_column = rows.mean(), columns.mean()
    where = np.nonzero(inside | cavity)
    farthest_mm = max(
        np.hypot((where[0] - centre_row) * spacing.row_mm, (where[1] - centre_column) * spacing.column_mm)
    )
    reach_mm = farthest_mm + float(np.hypot(spacing.row_mm, spacing.column_mm))  # a bilinear mask ends a pixel later
    steps_mm = np.arange(0.0, reach_mm + 2.0 * RAY_STEP_MM, RAY_STEP_MM)
    angles = np.deg2rad(ray_angles_deg(anchor_deg))[:, None]
    x = (centre_column + np.cos(angles) * steps_mm / spacing.column_mm).astype(np.float32)
    y = (centre_row - np.sin(angles) * steps_mm / spacing.row_mm).astype(np.float32)
    return tuple(_last_crossing(mask, x, y) for mask in (cavity, inside | cavity))  # type: ignore[return-value]


def _last_crossing(mask: NDArray[np.bool_], x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """(rays,) mm at which a bilinear mask falls below one half for the last time, between two steps."""
    values = cv2.remap(mask.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    over = values >= 0.5
    over[:, 0] |= ~over.any(axis=1)  # a hollow centre: the crossing is at zero
    last = values.shape[1] - 1 - np.argmax(over[:, ::-1], axis=1)
    after = np.minimum(last + 1, values.shape[1] - 1)
    ray = np.arange(len(values))
    high, low = values[ray, last], values[ray, after]
    fraction = np.where(high > low, (high - 0.5) / np.maximum(high - low, 1e-9), 0.0)
    return (last + np.clip(fraction, 0.0, 1.0)) * RAY_STEP_MM


def _diameters(inner_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chords through the centroid: the mean radius of the 10 degrees about each end, end and opposite end added."""
    by_sector = inner_mm.reshape(len(SECTORS), RAYS_PER_SECTOR)
    middle = by_sector[:, RAYS_PER_SECTOR // 2 - 1 : RAYS_PER_SECTOR // 2 + 1].mean(axis=1)
    ends = {centre % 360.0: radius for centre, radius in zip(SECTOR_CENTRES_DEG, middle, strict=True)}
    return np.array([ends[angle] + ends[(angle + 180.0) % 360.0] for angle in DIAMETER_ANGLES_DEG])
