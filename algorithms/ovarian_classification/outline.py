"""The outline of what the segmentation networks found: from a mask to a polygon that a person can correct."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.geometry import crosses_itself
from dicom_node.region import Points

CLOSE_ENOUGH_PX = 0.25
"""That a left-out corner may lie off the outline."""
FINER = 4
MARGIN = 2
LEVEL = 0.5 - 0.5 / FINER
"""OpenCV joins the centres of the outermost pixels: on a finer grid, at this level, outlines lie where edges are."""
LEAST_AREA_PX = 4.0
DECIMALS = 2


def outline_of(mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> Points | None:
    """The polygon around the largest piece of a (rows, columns) mask, its holes filled.

    Args:
        corner: (x, y) of the mask's first pixel on the frame.

    Returns:
        (x, y) on the frame, pixel centres at integers; ``None`` for an empty mask or a speck.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    padded = np.pad(mask, MARGIN)[rows[0] : rows[-1] + 1 + 2 * MARGIN, columns[0] : columns[-1] + 1 + 2 * MARGIN]
    fine = cv2.resize(padded.astype(np.float32), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR) >= LEVEL
    contours, _ = cv2.findContours(fine.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(contours, key=cv2.contourArea)
    corners = cv2.approxPolyDP(largest, CLOSE_ENOUGH_PX * FINER, True)[:, 0, :]
    if len(corners) < 3 or cv2.contourArea(corners) < LEAST_AREA_PX * FINER**2:
        return None
    if crosses_itself(_points(corners)):
        corners = cv2.convexHull(largest)[:, 0, :]
    places = (corners + 0.5) / FINER - 0.5 - MARGIN + (columns[0], rows[0])
    places = np.clip(places, -0.5, (mask.shape[1] - 0.5, mask.shape[0] - 0.5)) + corner
    return _points(np.round(places, DECIMALS))


def _points(places: NDArray) -> Points:
    return tuple((float(x), float(y)) for x, y in places)
