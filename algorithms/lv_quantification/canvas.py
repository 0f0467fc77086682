"""Lines and letters of the pictures: a black page, RGB, drawn with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, GREY, FRAME_GREY, BLACK = (235, 235, 235), (150, 150, 150), (70, 70, 70), (0, 0, 0)
ENDOCARDIUM, EPICARDIUM = (255, 64, 64), (64, 220, 96)
SHIFT = 4  # fractional bits of polygon corners


def page(rows: int, columns: int) -> Canvas:
    """(rows, columns, 3) black."""
    return np.zeros((rows, columns, 3), np.uint8)


def write(canvas: Canvas, text: str, x: float, y: float, size: float = 0.45, colour: Colour = WHITE) -> None:
    """Text whose first letter begins at (x, y) on the base line."""
    cv2.putText(canvas, text, (round(x), round(y)), FONT, size, colour, 1, cv2.LINE_AA)


def write_centred(canvas: Canvas, text: str, x: float, y: float, size: float = 0.45, colour: Colour = WHITE) -> None:
    """Text around (x, y)."""
    (width, height), _ = cv2.getTextSize(text, FONT, size, 1)
    write(canvas, text, x - width / 2, y + height / 2, size, colour)


def corners(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """(n, 2) of (x, y) as OpenCV wants them with ``shift=SHIFT``."""
    return np.rint(np.asarray(points) * (1 << SHIFT)).astype(np.int32)


def polygon(canvas: Canvas, points: NDArray[np.floating], colour: Colour, closed: bool = True, width: int = 1) -> None:
    """A line through (n, 2) points (x, y)."""
    cv2.polylines(canvas, [corners(points)], closed, colour, width, cv2.LINE_AA, shift=SHIFT)


def fill(canvas: Canvas, points: NDArray[np.floating], colour: Colour) -> None:
    """A filled polygon of (n, 2) points (x, y)."""
    cv2.fillPoly(canvas, [corners(points)], colour, cv2.LINE_AA, shift=SHIFT)


def colours_of(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(n, 3) RGB for values 0 ... 1."""
    grey = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    return cv2.applyColorMap(grey.reshape(-1, 1), cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
