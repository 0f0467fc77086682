"""Pictures as the networks see them: grey, whitened, on a grid of their own.

Grey and whitening are the document's (CN 109620293 B, paragraph 0048). Grey is the darkest of the three colours: on
grey tissue that is the grey value itself, and coloured marks (ECG, calipers, ticks) nearly vanish.
Whitening sets each picture to mean 0 and standard deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.points import Box

VIEW_ROWS = 192
VIEW_COLUMNS_PER_S = 96.0
"""Of the picture that detector and gate see: time has one scale there, whatever the sweep speed."""
VIEW_LEAST_COLUMNS, VIEW_MOST_COLUMNS = 128, 1536
CROP_ROWS, CROP_COLUMNS = 128, 96
"""Of the picture of one cycle that the point regressor sees."""
LEAST_DEVIATION = 1e-3


def grey(pixels: NDArray) -> NDArray[np.float32]:
    """(rows, columns) of grey or (rows, columns, 3) of RGB pixels as float32 grey."""
    if pixels.ndim == 3:
        pixels = pixels.min(axis=2)
    return np.ascontiguousarray(pixels, np.float32)


def whitened(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0, standard deviation 1; a blank picture becomes 0."""
    deviation = max(float(picture.std()), LEAST_DEVIATION)
    return ((picture - picture.mean()) / deviation).astype(np.float32)


@dataclass(frozen=True, eq=False)
class View:
    """A strip as detector and gate see it: whitened ``picture`` (192, columns), a fixed number of columns per second.

    The strip fills the first ``columns`` of it. ``step_x`` and ``step_y`` are strip pixels per view pixel.
    """

    picture: NDArray[np.float32]
    columns: int
    step_x: float
    step_y: float

    def to_strip(self, box: Box) -> Box:
        """A box of the view in pixels of the strip ("restored to the size of the image")."""
        return Box(*(_moved(v, s) for v, s in zip(_corners(box), self._steps(), strict=True)))

    def from_strip(self, box: Box) -> Box:
        """A box of the strip in pixels of the view."""
        return Box(*(_moved(v, 1 / s) for v, s in zip(_corners(box), self._steps(), strict=True)))

    def _steps(self) -> tuple[float, float, float, float]:
        return self.step_x, self.step_y, self.step_x, self.step_y


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x0, box.y0, box.x1, box.y1


def _moved(value: float, step: float) -> float:
    """Pixel centres are at integers on both grids, so their edges, not their centres, coincide."""
    return (value + 0.5) * step - 0.5


def view_columns(columns: int, seconds_per_px: float) -> int:
    """How many columns the view of a strip has."""
    return int(np.clip(round(columns * seconds_per_px * VIEW_COLUMNS_PER_S), 8, VIEW_MOST_COLUMNS))


def view_of(strip: NDArray[np.float32], seconds_per_px: float) -> View:
    """The view of a grey strip (rows, columns). Short strips are continued by what whitening makes of the mean."""
    columns = view_columns(strip.shape[1], seconds_per_px)
    picture = whitened(resized(strip, VIEW_ROWS, columns))
    missing = VIEW_LEAST_COLUMNS - columns
    if missing > 0:
        picture = np.pad(picture, ((0, 0), (0, missing)))
    return View(picture, columns, strip.shape[1] / columns, strip.shape[0] / VIEW_ROWS)


def resized(picture: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Each axis by area means where it shrinks, linear where it grows."""
    for size, axis in ((rows, 0), (columns, 1)):
        shape = [picture.shape[1], picture.shape[0]]
        shape[1 - axis] = size
        method = cv2.INTER_AREA if size < picture.shape[axis] else cv2.INTER_LINEAR
        picture = cv2.resize(picture, tuple(shape), interpolation=method)
    return picture


def crop_of(strip: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """(128, 96) whitened picture of a box of the strip.

    Crop coordinates run 0..1 from edge to edge of the box: (x - x0) / width, (y - y0) / height.
    """
    return whitened(grey_crop(strip, box))


def grey_crop(strip: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """(128, 96) grey picture of a box of the strip; beyond the strip its edge goes on."""
    over_y = max(1, int(np.ceil(box.height / CROP_ROWS)))
    over_x = max(1, int(np.ceil(box.width / CROP_COLUMNS)))
    rows, columns = CROP_ROWS * over_y, CROP_COLUMNS * over_x
    step_x, step_y = box.width / columns, box.height / rows
    matrix = np.array([[step_x, 0, box.x0 + 0.5 * step_x], [0, step_y, box.y0 + 0.5 * step_y]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(strip, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(fine, (CROP_COLUMNS, CROP_ROWS), interpolation=cv2.INTER_AREA)


def points_to_crop(points: NDArray[np.floating], box: Box) -> NDArray[np.float64]:
    """(n, 2) points of the strip as normalised coordinates of a crop (CN 109620293 B, paragraph 0115)."""
    return (np.asarray(points, np.float64) - (box.x0, box.y0)) / (box.width, box.height)


def points_from_crop(normalised: NDArray[np.floating], box: Box) -> NDArray[np.float64]:
    """The inverse of ``points_to_crop``."""
    return np.asarray(normalised, np.float64) * (box.width, box.height) + (box.x0, box.y0)
