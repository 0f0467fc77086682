"""Outlines of masks as polygons."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FINER = 8
"""Outlines are followed on a grid so much finer: OpenCV joins the centres of the outermost pixels, which would make
each outline half a pixel too small."""
CLOSE_ENOUGH = 0.08  # pixels that a left-out point may lie off the line
HALF_LEVEL = 0.5 - 0.5 / FINER  # an edge rises by 1 in a pixel: this makes up for the half fine pixel
MARGIN = 2


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """(points, 2) of (x, y) around the largest piece of a (rows, columns) mask; pixel centres are at whole numbers.

    The polygon is that of the half level of the mask taken as a smooth picture: its area is the mask's within a per
    cent for anything larger than a few pixels, and its corners are those of no pixel. ``None`` for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, left = rows[0] - MARGIN, columns[0] - MARGIN
    part = np.zeros((rows[-1] - top + 1 + MARGIN, columns[-1] - left + 1 + MARGIN), np.float32)
    part[MARGIN:-MARGIN, MARGIN:-MARGIN] = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fine = cv2.resize(part, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR) >= HALF_LEVEL
    found, _ = cv2.findContours(fine.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return None
    largest = cv2.approxPolyDP(max(found, key=cv2.contourArea), CLOSE_ENOUGH * FINER, True)[:, 0, :]
    if len(largest) < 3:
        return None
    points = (largest + 0.5) / FINER - 0.5 + (left, top)
    limits = np.array([mask.shape[1], mask.shape[0]]) - 0.5
    return np.clip(points, -0.5, limits)
