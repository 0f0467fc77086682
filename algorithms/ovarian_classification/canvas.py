"""Places of squares on a picture: the whole picture for the segmentation, a part about the lesion for the experts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CANVAS_PX = 144
"""Side of what the segmentation networks see: the whole picture, letterboxed."""
CROP_PX = 112
"""Side of what the experts see."""
MARGIN = 0.45
"""Of the lesion's longer side, left free on each side of it."""
LEAST_SIDE_SHARE = 0.2
"""A crop is at least this share of the picture's longer side, so that a speck is not blown up."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the picture, in its pixels: centre (x, y) and side."""

    x: float
    y: float
    side: float

    def to_canvas(self, size_px: int) -> NDArray[np.float64]:
        """(2, 3) affine matrix from the picture's pixels to those of a canvas of that side; pixel centres are whole."""
        scale = size_px / self.side
        half = (size_px - 1) / 2
        return np.array([[scale, 0.0, half - scale * self.x], [0.0, scale, half - scale * self.y]])


def whole(rows: int, columns: int) -> Square:
    """The square about the whole picture."""
    return Square((columns - 1) / 2, (rows - 1) / 2, float(max(rows, columns)))


def about(mask: NDArray[np.bool_]) -> Square:
    """The square about a lesion, with its margin; the whole picture where there is none."""
    rows, columns = mask.shape
    found_rows, found_columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not found_rows.size:
        return whole(rows, columns)
    top, bottom, left, right = found_rows[0], found_rows[-1], found_columns[0], found_columns[-1]
    longer = max(bottom - top, right - left) + 1
    side = max(longer * (1 + 2 * MARGIN), LEAST_SIDE_SHARE * max(rows, columns))
    return Square((left + right) / 2, (top + bottom) / 2, float(side))


def seen_in(values: NDArray, square: Square, size_px: int) -> NDArray[np.float32]:
    """(size, size) float32: the square of ``values`` (rows, columns), 0 outside the picture."""
    return warped(values, square.to_canvas(size_px), size_px)


def warped(values: NDArray, matrix: NDArray[np.float64], size_px: int) -> NDArray[np.float32]:
    """(size, size): ``values`` under an affine matrix; smoothed first where it shrinks them."""
    shrinks = 1.0 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    source = np.asarray(values, np.float32)
    if shrinks > 1.2:
        source = cv2.GaussianBlur(source, (0, 0), 0.45 * np.sqrt(shrinks**2 - 1))
    return cv2.warpAffine(source, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderValue=0.0)


def back_to_picture(values: NDArray[np.float32], square: Square, rows: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns): what a canvas says of each pixel of the picture, 0 outside the square."""
    matrix = square.to_canvas(values.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.asarray(values, np.float32), matrix, (columns, rows), flags=flags, borderValue=0.0)
