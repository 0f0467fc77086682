"""What scanners draw over and around their pictures: traces, ticks, callipers, text. All draw in place, in RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.layouts import Box

Ink = tuple[int, int, int]


def draw_trace(image: NDArray[np.uint8], x: NDArray, heights: NDArray, box: Box, ink: Ink) -> None:
    """An electrocardiogram over columns ``x``; height 1 stands near the top of ``box``, -0.6 near its bottom."""
    y = box.y0 + (1.1 - np.clip(heights, -1.2, 1.4)) / 2.0 * box.rows
    points = np.stack([x, np.clip(y, box.y0, box.y1)], axis=1).round().astype(np.int32)
    cv2.polylines(image, [points[:, None]], False, ink, 1, cv2.LINE_AA)


def draw_depth_scale(image: NDArray[np.uint8], strip: Box, px_per_cm: float, side: str, ink: Ink) -> None:
    """Ticks at each centimetre, longer ones and numbers at each fifth."""
    x = strip.x1 + 3 if side == "right" else strip.x0 - 8
    for cm in range(int(strip.rows / px_per_cm) + 1):
        y = round(strip.y0 + cm * px_per_cm)
        fifth = cm % 5 == 0
        cv2.line(image, (x, y), (x + (6 if fifth else 3), y), ink, 1)
        if fifth:
            _put(image, str(cm), (x + 10 if side == "right" else x - 18, y + 5), ink, 0.45)


def draw_time_ticks(image: NDArray[np.uint8], strip: Box, px_per_s: float, ink: Ink, inside: bool) -> None:
    """Ticks at each fifth of a second along the strip's lower edge, longer ones at each second."""
    step = px_per_s / 5.0
    for i in range(int(strip.columns / step) + 1):
        x = round(strip.x0 + i * step)
        length = 9 if i % 5 == 0 else 4
        y = strip.y1 if inside else strip.y1 + length + 1
        cv2.line(image, (x, y), (x, y - length), ink, 1)


def draw_grid_dots(image: NDArray[np.uint8], strip: Box, px_per_s: float, px_per_cm: float, ink: Ink) -> None:
    """A dot at each second and centimetre."""
    x = np.arange(strip.x0 + 0.5 * px_per_s, strip.x1 - 1, px_per_s).astype(int)
    y = np.arange(strip.y0 + px_per_cm, strip.y1 - 1, px_per_cm).astype(int)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        image[np.ix_(y + dy, x + dx)] = ink


def draw_calliper(image: NDArray[np.uint8], first: tuple[float, float], last: tuple[float, float], ink: Ink) -> None:
    """Two crosses and a dotted line between them, as a measurement leaves behind."""
    a, b = np.round(first).astype(int), np.round(last).astype(int)
    for x, y in (a, b):
        cv2.line(image, (int(x) - 5, int(y)), (int(x) + 5, int(y)), ink, 1)
        cv2.line(image, (int(x), int(y) - 5), (int(x), int(y) + 5), ink, 1)
    steps = max(int(np.hypot(*(b - a)) / 6), 1)
    for share in np.linspace(0.0, 1.0, steps + 1):
        x, y = np.round(a + share * (b - a)).astype(int)
        if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
            image[y, x] = ink


def draw_lines_of_text(image: NDArray[np.uint8], corner: tuple[int, int], lines: list[str], ink: Ink) -> None:
    """A block of text, one line below the other."""
    size = 0.42 + 0.1 * (image.shape[1] > 900) + 0.08 * (image.shape[1] > 1100)
    for i, line in enumerate(lines):
        _put(image, line, (corner[0], corner[1] + round(i * 44 * size)), ink, size)


def draw_grey_bar(image: NDArray[np.uint8], box: Box, tint: NDArray[np.uint8]) -> None:
    """The scale of grey levels, white on top."""
    levels = np.linspace(255, 0, box.rows).astype(np.uint8)
    image[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = tint[levels][:, None, :]


def _put(image: NDArray[np.uint8], text: str, at: tuple[int, int], ink: Ink, size: float) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
