"""The part of a rectangle that the probe saw: a sector or a trapezium leaves corners black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DARK = 8
"""Grey value up to which a pixel counts as black; lossy compression leaves some noise in corners."""
GAP = 0.06
"""Of the shorter side: darkness so wide, such as a vessel at the rim, still belongs to the picture."""


def beam_of(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(rows, cols): the largest connected part that is not black, gaps and holes filled.

    All of the rectangle where nothing is bright.
    """
    side = max(3, round(GAP * min(grey.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    padded = cv2.copyMakeBorder((cv2.medianBlur(grey, 3) > DARK).astype(np.uint8), *(side,) * 4, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[side:-side, side:-side]
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.ones(grey.shape, bool)
    filled = np.zeros(grey.shape, np.uint8)
    cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled.astype(bool)
