"""The paper of the pages: its size and inks, letters, words in lines, a picture fitted into a panel."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

Drawn = NDArray[np.uint8]

ROWS, COLUMNS = 780, 1130
MARGIN_PX, HEADER_PX = 16, 44
INK, DIM, WARNING = (235, 235, 235), (160, 160, 165), (255, 214, 102)
PAPER, PANEL_PAPER = (16, 16, 20), (0, 0, 0)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters that Pillow brings."""
    return ImageFont.load_default(size=size)


def wrapped(text: str, size: int, width_px: float) -> list[str]:
    """A text in lines of at most that width; a longer word, such as a UID, is broken."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if font(size).getlength(longer) <= width_px:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if font(size).getlength(lines[-1] + letter) > width_px:
                lines.append("")
            lines[-1] += letter
    return lines


def fitted(picture: Drawn, width_px: int, height_px: int, draw: Callable[[Drawn], Drawn] | None = None) -> Drawn:
    """(height_px, width_px, 3): a picture in a panel, its sides in proportion, drawn on at its size there."""
    rows, columns = picture.shape[:2]
    scale = min(width_px / columns, height_px / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if draw is not None:
        shown = draw(shown)
    panel = np.full((height_px, width_px, 3), PANEL_PAPER, np.uint8)
    x0, y0 = (width_px - size[0]) // 2, (height_px - size[1]) // 2
    panel[y0 : y0 + size[1], x0 : x0 + size[0]] = shown
    return panel
