"""A B-mode picture on a scanner's screen: dark margins with ticks of depth, a grey bar, text, a mark of the probe."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Layout:
    """Where things stand on the screen, in pixels.

    Attributes:
        rows, cols: of the screen.
        left, top: of the picture's first pixel.
        background: grey value of the margins.
        ink: RGB of text and ticks.
        accent: RGB of the mark of the probe and of the focus.
        text_px: height of the text.
    """

    rows: int
    cols: int
    left: int
    top: int
    background: int
    ink: tuple[int, int, int]
    accent: tuple[int, int, int]
    text_px: int


def any_layout(rows: int, cols: int, rng: np.random.Generator) -> Layout:
    """Some layout with room for a picture of rows x cols and for what stands around it."""
    left, right = int(rng.integers(70, 160)), int(rng.integers(90, 180))
    top, bottom = int(rng.integers(48, 90)), int(rng.integers(30, 80))
    inks = ((225, 225, 225), (180, 200, 215), (235, 220, 150))
    accents = ((60, 160, 235), (240, 170, 40), (90, 210, 120))
    return Layout(
        rows=rows + top + bottom,
        cols=cols + left + right,
        left=left,
        top=top,
        background=int(rng.integers(0, 14)),
        ink=inks[rng.integers(len(inks))],
        accent=accents[rng.integers(len(accents))],
        text_px=int(rng.integers(11, 15)),
    )


def _write(screen: NDArray[np.uint8], text: str, x_px: int, y_px: int, layout: Layout) -> None:
    size = layout.text_px / 24
    cv2.putText(screen, text, (x_px, y_px), _FONT, size, layout.ink, 1, cv2.LINE_AA)


def _ticks(screen: NDArray[np.uint8], picture_rows: int, picture_cols: int, mm_per_px: float, layout: Layout) -> None:
    """Depth at the right edge: a short tick every 5 mm, a long one with its number every centimetre."""
    x_px = layout.left + picture_cols + 6
    for step in range(int(picture_rows * mm_per_px / 5) + 1):
        y_px = layout.top + round(step * 5 / mm_per_px)
        length = 4 if step % 2 else 9
        cv2.line(screen, (x_px, y_px), (x_px + length, y_px), layout.ink, 1)
        if step % 2 == 0:
            _write(screen, str(step // 2), x_px + 13, y_px + layout.text_px // 3, layout)


def _grey_bar(screen: NDArray[np.uint8], picture_rows: int, layout: Layout) -> None:
    height, left = picture_rows // 2, layout.left - 40
    shades = np.linspace(255, 0, height).astype(np.uint8)[:, None, None]
    screen[layout.top + 4 : layout.top + 4 + height, left : left + 12] = shades
    cv2.rectangle(screen, (left - 1, layout.top + 3), (left + 12, layout.top + 4 + height), layout.ink, 1)


def _marks(screen: NDArray[np.uint8], picture_rows: int, picture_cols: int, layout: Layout) -> None:
    """A mark of the probe's side at the top left and a triangle at the focus."""
    centre = (layout.left - 14, layout.top + 10)
    cv2.circle(screen, centre, 7, layout.accent, 1, cv2.LINE_AA)
    cv2.line(screen, (centre[0], centre[1] - 7), (centre[0], centre[1] + 7), layout.accent, 2, cv2.LINE_AA)
    x_px, y_px = layout.left + picture_cols + 40, layout.top + picture_rows // 2
    triangle = np.array([(x_px, y_px), (x_px + 9, y_px - 6), (x_px + 9, y_px + 6)], np.int32)
    cv2.fillPoly(screen, [triangle], layout.accent, cv2.LINE_AA)


def drawn(bmode: NDArray[np.uint8], mm_per_px: float, lines: tuple[str, ...], layout: Layout) -> NDArray[np.uint8]:
    """The screen with a picture on it.

    Args:
        bmode: (rows, cols), put at layout.left, layout.top unchanged.
        mm_per_px: side of its pixels, for the ticks.
        lines: the first at the top of the screen, the others at its bottom.
        layout: where things stand.

    Returns:
        (layout.rows, layout.cols, 3) RGB.
    """
    rows, cols = bmode.shape
    screen = np.full((layout.rows, layout.cols, 3), layout.background, np.uint8)
    _ticks(screen, rows, cols, mm_per_px, layout)
    _grey_bar(screen, rows, layout)
    _marks(screen, rows, cols, layout)
    _write(screen, lines[0], 12, 8 + layout.text_px, layout)
    for place, line in enumerate(lines[1:]):
        _write(screen, line, 12 + place * layout.cols // 2, layout.rows - 10, layout)
    screen[layout.top : layout.top + rows, layout.left : layout.left + cols] = bmode[..., None]
    return screen
