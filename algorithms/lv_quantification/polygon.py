"""A drawn contour as a mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SUBPIXELS = 16


def mask_of(polygon: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): pixels whose centre lies inside a closed polygon of (x, y) in pixels, centres at integers."""
    canvas = np.zeros((rows * SUBPIXELS, columns * SUBPIXELS), np.uint8)
    corners = np.round((np.asarray(polygon) + 0.5) * SUBPIXELS - 0.5).astype(np.int32)
    cv2.fillPoly(canvas, [corners.reshape(-1, 1, 2)], 1)
    return canvas[SUBPIXELS // 2 :: SUBPIXELS, SUBPIXELS // 2 :: SUBPIXELS].astype(bool)
