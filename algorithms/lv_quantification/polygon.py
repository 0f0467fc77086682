"""A drawn contour as a mask, and the contour that a filled mask came from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

SUBPIXELS = 16
STEP_PX = 0.5
"""Between points along a traced rim."""
SMOOTHED_PX = 1.5
SMOOTHED_SHARE = 0.1
"""The smoothing (standard deviation along the contour) is SMOOTHED_PX, or this share of the side of a square as large
as the mask if that is less: a cavity of some pixels would shrink."""


def mask_of(polygon: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): pixels more than half of which lie in a closed polygon; (x, y) in pixels, centres at integers.

    By area and not by their centre: drawn contours come in halves of a pixel and run through many centres; counted as
    inside, these would make the mask of such a contour 2.7 % larger than the polygon.
    """
    canvas = np.zeros((rows * SUBPIXELS, columns * SUBPIXELS), np.uint8)
    corners = np.round((np.asarray(polygon) + 0.5) * SUBPIXELS - 0.5).astype(np.int32)
    cv2.fillPoly(canvas, [corners.reshape(-1, 1, 2)], 1)
    return canvas.reshape(rows, SUBPIXELS, columns, SUBPIXELS).mean(axis=(1, 3)) > 0.5


def traced(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, 2) contour of (x, y) in pixels through the rim of a mask, whose rim pixels the filling counted whole.

    Its stairs are smoothed out. For 56 contours that were cut off to whole pixels and filled so, with what was cut off
    added again, masks of Dice 0.994 with those of the contours as drawn come back (area 0.6 % above the polygons'),
    where the filled ones have 0.961 (6.6 % above) for they lie beside them, too.

    Args:
        mask: (rows, columns), not empty, of one piece; others are left out, and holes are not seen.
    """
    rims, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(rims, key=cv2.contourArea)[:, 0, :].astype(np.float64)
    lengths = np.linalg.norm(np.roll(rim, -1, axis=0) - rim, axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.arange(0.0, along[-1], STEP_PX)
    if not wanted.size:
        return rim
    closed = np.vstack([rim, rim[:1]])
    points = np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    width = min(SMOOTHED_PX, SMOOTHED_SHARE * float(np.sqrt(np.count_nonzero(mask)))) / STEP_PX
    return np.asarray(gaussian_filter1d(points, width, axis=0, mode="wrap"))
