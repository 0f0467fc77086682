"""Crop and normalisation (CN 117679077 A, paragraph 0069): the same in training, in evaluation and in a node.

Dark margins around the beam are cut off, the rest is brought to 128 x 128 pixels by area averaging (so it is stretched
where it was not square), and grey is shifted and scaled so that the pixels of the beam have mean 0 and deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.errors import UnsuitableSeries

CANVAS = 128
DARK = 12
"""Grey levels of 255 up to which a pixel counts as margin."""
SHARE_SHOWN = 0.02
"""Of a row or column: with fewer pixels brighter than DARK it is margin."""
SMALLEST_PX = 32
NEAR_PX = 9
"""On the canvas: darkness wider than this window, such as a corner or a vessel, is no part of what sets the grey."""
LEAST_DEVIATION = 4.0
"""Grey levels: what varies less is not blown up to full contrast."""
FARTHEST = 4.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture ready for the networks, and where on its image it lies.

    Args:
        canvas: (128, 128) float32, mean 0 and deviation 1 over the beam, clipped at -4 and 4.
        beam: (128, 128) bool: False where it is dark, as in corners outside the beam.
        box_px: (x0, y0, x1, y1) of the crop on the image, x1 and y1 just outside.
    """

    canvas: NDArray[np.float32]
    beam: NDArray[np.bool_]
    box_px: tuple[int, int, int, int]

    def to_image(self, array: NDArray) -> NDArray:
        """(128, 128[, 3]) on the canvas -> (rows, columns[, 3]) of the crop, same type; bilinear, bool at one half."""
        x0, y0, x1, y1 = self.box_px
        return _resized(array, (x1 - x0, y1 - y0), cv2.INTER_LINEAR)

    def from_image(self, array: NDArray) -> NDArray:
        """(rows, columns[, 3]) of the crop -> (128, 128[, 3]) on the canvas, same type; area averages."""
        x0, y0, x1, y1 = self.box_px
        if array.shape[:2] != (y1 - y0, x1 - x0):
            raise ValueError(f"the crop has {y1 - y0} x {x1 - x0} pixels; got {array.shape[0]} x {array.shape[1]}")
        return _resized(array, (CANVAS, CANVAS), cv2.INTER_AREA)

    def points_to_image(self, points_px: NDArray) -> NDArray[np.float64]:
        """(n, 2) x, y on the canvas -> on the image, pixel centres at integers."""
        corner, scale = self._grid()
        return (np.asarray(points_px, np.float64) + 0.5) * scale - 0.5 + corner

    def points_to_canvas(self, points_px: NDArray) -> NDArray[np.float64]:
        """(n, 2) x, y on the image -> on the canvas, pixel centres at integers."""
        corner, scale = self._grid()
        return (np.asarray(points_px, np.float64) - corner + 0.5) / scale - 0.5

    def _grid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x0, y0, x1, y1 = self.box_px
        return np.array([x0, y0], np.float64), np.array([x1 - x0, y1 - y0], np.float64) / CANVAS


def prepared(grey: NDArray[np.uint8]) -> Placed:
    """The 2-D region of an image, (rows, columns) grey, as the networks see it.

    Raises:
        UnsuitableSeries: nothing, or too little, is brighter than black.
    """
    box = shown_box(grey)
    x0, y0, x1, y1 = box
    if x1 - x0 < SMALLEST_PX or y1 - y0 < SMALLEST_PX:
        raise UnsuitableSeries(
            f"needs a B-mode picture of at least {SMALLEST_PX} x {SMALLEST_PX} pixels that are not black; "
            f"the region has {grey.shape[1]} x {grey.shape[0]}, and {x1 - x0} x {y1 - y0} of it show something"
        )
    part = cv2.resize(np.float32(grey[y0:y1, x0:x1]), (CANVAS, CANVAS), interpolation=cv2.INTER_AREA)
    return placed(part, box)


def placed(part: NDArray[np.float32], box_px: tuple[int, int, int, int]) -> Placed:
    """Normalises a crop that is (128, 128) already, grey levels 0..255."""
    beam = cv2.morphologyEx(part, cv2.MORPH_CLOSE, np.ones((NEAR_PX, NEAR_PX), np.uint8)) > DARK
    seen = part[beam] if beam.any() else part
    canvas = (part - seen.mean()) / max(float(seen.std()), LEAST_DEVIATION)
    return Placed(np.clip(canvas, -FARTHEST, FARTHEST).astype(np.float32), beam, box_px)


def shown_box(grey: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of what is not dark margin; empty where everything is dark."""
    bright = grey > DARK
    rows = np.flatnonzero(bright.mean(axis=1) > SHARE_SHOWN)
    columns = np.flatnonzero(bright.mean(axis=0) > SHARE_SHOWN)
    if not len(rows) or not len(columns):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _resized(array: NDArray, size: tuple[int, int], interpolation: int) -> NDArray:
    if array.dtype == np.bool_:
        return cv2.resize(array.astype(np.float32), size, interpolation=interpolation) >= 0.5
    return cv2.resize(array, size, interpolation=interpolation)
