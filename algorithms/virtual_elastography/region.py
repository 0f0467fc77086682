"""The region of interest: from the region network's probabilities to a smooth polygon on the picture."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.region import Points

LEVEL = 0.5
LEAST_PART, LARGEST_PART = 0.002, 0.6
"""Of the canvas: less is a speck, more is no lesion but the tissue itself."""
LEAST_CERTAINTY = 0.6
"""Mean probability within: a large faint patch is no finding."""
SMOOTHING_PX = 1.0  # on the canvas, where a pixel is some 0.3 mm
CLOSE_ENOUGH_PX = 0.25  # that a left-out corner may lie off the outline
FINER = 4
MARGIN = 2
HALF_LEVEL = 0.5 - 0.5 / FINER
"""OpenCV joins the centres of the outermost pixels: on a finer grid, at this level, outlines lie where edges are."""
DECIMALS = 2


class Places(Protocol):
    """Where a canvas lies on the picture: preprocess.Placed."""

    @property
    def box_px(self) -> tuple[int, int, int, int]: ...
    def to_image(self, canvas: NDArray) -> NDArray:
        """A canvas on the grid of its crop."""
        ...


def found(probability: NDArray[np.floating], placed: Places) -> Points | None:
    """The largest plausible region of a probability map, as a polygon.

    Args:
        probability: (rows, cols) of the canvas, 0..1.
        placed: where the canvas lies.

    Returns:
        (x, y) on the picture that ``placed`` was made of; ``None`` where no region is plausible.
    """
    smooth = cv2.GaussianBlur(np.asarray(probability, np.float32), (0, 0), SMOOTHING_PX)
    count, pieces = cv2.connectedComponents((smooth >= LEVEL).astype(np.uint8))
    plausible = [piece for number in range(1, count) if _is_plausible(piece := pieces == number, probability)]
    if not plausible:
        return None
    largest = max(plausible, key=np.count_nonzero)
    others = (pieces > 0) & ~largest
    on_image = placed.to_image(np.where(others, np.float32(0), smooth))
    points = _largest_outline(on_image, LEVEL)
    if points is None:
        return None
    x0, y0 = placed.box_px[:2]
    return tuple((round(x + x0, DECIMALS), round(y + y0, DECIMALS)) for x, y in points)


def _is_plausible(piece: NDArray[np.bool_], probability: NDArray[np.floating]) -> bool:
    part = np.count_nonzero(piece) / piece.size
    return LEAST_PART <= part <= LARGEST_PART and float(probability[piece].mean()) >= LEAST_CERTAINTY


def outline(mask: NDArray[np.bool_]) -> Points | None:
    """The polygon around the largest piece of a (rows, cols) mask; ``None`` for an empty one."""
    return _largest_outline(np.asarray(mask, np.float32), HALF_LEVEL)


def _largest_outline(values: NDArray[np.floating], level: float) -> Points | None:
    """Around where ``values`` reach ``level``, on a finer grid; holes are filled."""
    rows, columns = (np.flatnonzero((values >= level).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    padded = np.pad(values, MARGIN)[rows[0] : rows[-1] + 1 + 2 * MARGIN, columns[0] : columns[-1] + 1 + 2 * MARGIN]
    fine = cv2.resize(padded.astype(np.float32), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR) >= level
    contours, _ = cv2.findContours(fine.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = cv2.approxPolyDP(max(contours, key=cv2.contourArea), CLOSE_ENOUGH_PX * FINER, True)[:, 0, :]
    if len(corners) < 3:
        return None
    points = (corners + 0.5) / FINER - 0.5 - MARGIN + (columns[0], rows[0])
    points = np.clip(points, -0.5, (values.shape[1] - 0.5, values.shape[0] - 0.5))
    return tuple((float(x), float(y)) for x, y in points)
