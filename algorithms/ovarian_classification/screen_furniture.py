"""What scanners write over and around a picture: settings, grey bar, ticks of depth, callipers, body marks, values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.scan import Placed

Ink = tuple[int, int, int]

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
YELLOW, WHITE, GREEN, CYAN = (240, 230, 40), (235, 235, 235), (60, 230, 70), (130, 190, 225)


@dataclass(frozen=True)
class Style:
    """How one make of scanner writes.

    Attributes:
        ink: of settings and ticks.
        mark: of callipers and labels.
        second: of the line of settings that stands out.
        margin: grey value round the picture.
        size: height of the text against a picture of 448 pixels.
        font: OpenCV's number.
    """

    ink: Ink
    mark: Ink
    second: Ink
    margin: int
    size: float
    font: int


def any_style(rng: np.random.Generator) -> Style:
    """Most often white settings with yellow callipers; also white, green and cyan ones."""
    mark = (YELLOW, WHITE, GREEN, CYAN)[int(rng.choice(4, p=[0.6, 0.25, 0.08, 0.07]))]
    ink = (WHITE, (180, 180, 180), CYAN, (200, 215, 190))[int(rng.choice(4, p=[0.5, 0.25, 0.15, 0.1]))]
    second = ((110, 100, 255), WHITE, (230, 160, 60))[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
    margin = int(rng.choice([0, 0, 0, rng.integers(5, 30)]))
    return Style(ink, mark, second, margin, rng.uniform(0.33, 0.5), int(rng.choice(_FONTS)))


def write(
    screen: NDArray[np.uint8], text: str, at: tuple[int, int], ink: Ink, style: Style, larger: float = 1.0
) -> None:
    """Text whose base line begins at (x, y)."""
    size = style.size * larger * max(min(screen.shape[:2]) / 448, 0.6)
    cv2.putText(screen, text, at, style.font, size, ink, 1, cv2.LINE_AA)


def settings(screen: NDArray[np.uint8], placed: Placed, style: Style, rng: np.random.Generator) -> None:
    """A column of settings at the right of the picture, as far as there is room."""
    lines = [
        str(rng.choice(["Routine", "GYN", "Gyn EV", "Pelvis", "OB/GYN"])),
        f"{rng.integers(8, 60)}Hz/{rng.uniform(5, 17):.1f}cm",
        f"Gn {rng.integers(-9, 12)}",
        f"C{rng.integers(4, 9)} / M{rng.integers(3, 9)}",
        f"FF{rng.integers(1, 4)} / E{rng.integers(1, 4)}",
        f"SRI II {rng.integers(0, 6)} / CRI {rng.integers(1, 5)}",
    ]
    step = round(18 * max(min(screen.shape[:2]) / 448, 0.6))
    left = min(placed.x1 + 8, screen.shape[1] - round(4.5 * step))
    for place, line in enumerate(lines):
        write(screen, line, (left, 30 + step * place), style.second if place == 5 else style.ink, style)


def flow_settings(screen: NDArray[np.uint8], placed: Placed, style: Style, rng: np.random.Generator) -> None:
    """The colour bar with its range, and a few settings of colour flow."""
    height, left, top = screen.shape[0] // 5, max(placed.x0 - 22, 3), max(placed.y0, 0) + 10
    for row in range(height):
        screen[top + row, left : left + 9] = flow_colour(1 - 2 * row / height)
    speed = f"{rng.uniform(3, 30):.1f}"
    write(screen, speed, (left, top - 2), style.ink, style, 0.7)
    write(screen, f"-{speed}", (left, top + height + 9), style.ink, style, 0.7)
    for place, line in enumerate((f"PRF {rng.uniform(0.4, 2):.1f}kHz", f"WMF {rng.choice(['low1', 'mid2', 'low2'])}")):
        write(screen, line, (screen.shape[1] - 78, 146 + 14 * place), style.ink, style, 0.75)


def flow_colour(speed: float) -> Ink:
    """RGB of a speed between -1 (away, blue) and 1 (towards, red); faster is brighter, towards cyan and yellow."""
    fast = min(abs(speed), 1.0)
    if speed >= 0:
        return (int(110 + 145 * fast**0.6), int(225 * max(fast - 0.3, 0) / 0.7), int(30 * fast))
    return (int(30 * fast), int(235 * max(fast - 0.3, 0) / 0.7), int(110 + 145 * fast**0.6))


def grey_bar(screen: NDArray[np.uint8], placed: Placed) -> None:
    """The grey scale at the left of the picture."""
    height, left = screen.shape[0] // 4, max(placed.x0 - 16, 1)
    shades = np.linspace(255, 0, height).astype(np.uint8)[:, None, None]
    top = max(placed.y0, 2)
    screen[top : top + height, left : left + 7] = shades


def depth_ticks(screen: NDArray[np.uint8], placed: Placed, side: str, style: Style) -> None:
    """A tick every centimetre and a longer one every five, with the focus's triangle."""
    x_px = max(placed.x0 + 3, 2) if side == "left" else min(placed.x1 - 12, screen.shape[1] - 12)
    step_px = 10 / placed.mm_per_px
    for step in range(int((placed.y1 - placed.y_px) / step_px) + 1):
        y_px = round(placed.y_px + step * step_px)
        long = step % 5 == 0
        cv2.line(screen, (x_px, y_px), (x_px + (8 if long else 3), y_px), style.mark if long else style.ink, 1)
    y_px = round(placed.y_px + 0.55 * (placed.y1 - placed.y_px))
    corners = np.array([(x_px - 2, y_px - 4), (x_px - 2, y_px + 4), (x_px + 4, y_px)], np.int32)
    cv2.fillPoly(screen, [corners], style.ink)


def _cross(screen: NDArray[np.uint8], at: tuple[int, int], ink: Ink, size_px: int) -> None:
    x, y = at
    cv2.line(screen, (x - size_px, y), (x + size_px, y), ink, 1)
    cv2.line(screen, (x, y - size_px), (x, y + size_px), ink, 1)


def callipers(
    screen: NDArray[np.uint8], lesion: NDArray[np.bool_], placed: Placed, style: Style, rng: np.random.Generator
) -> None:
    """Crosses at the ends of the outline's longer and shorter way, dots between, and the box of values."""
    rows, columns = np.nonzero(lesion)
    if len(rows) < 60:
        return
    points = np.stack([columns, rows], 1).astype(np.float32)
    middle = points.mean(axis=0)
    axes = np.linalg.eigh(np.cov((points - middle).T))[1].T[::-1]  # the longer first
    lengths_cm = []
    for number in range(int(rng.integers(1, 3))):
        axis = axes[number]
        along = (points - middle) @ axis
        aside = np.abs((points - middle) @ np.array([-axis[1], axis[0]])) < 2.5
        if not aside.any():
            continue
        ends = [
            tuple(np.round(middle + axis * reach).astype(int).tolist())
            for reach in (along[aside].min(), along[aside].max())
        ]
        for end in ends:
            _cross(screen, end, style.mark, 5)
        write(screen, str(number + 1), (ends[0][0] - 9, ends[0][1] - 5), style.mark, style)
        length_px = math.dist(ends[0], ends[1])
        if rng.random() < 0.7:
            for share in np.arange(0.06, 0.96, 5.5 / max(length_px, 20)):
                x, y = (round(a + share * (b - a)) for a, b in zip(ends[0], ends[1], strict=True))
                screen[y, x] = style.mark
        lengths_cm.append(length_px * placed.mm_per_px / 10)
    if lengths_cm and rng.random() < 0.75:
        values(screen, [f"{n + 1} D {length:.2f}cm" for n, length in enumerate(lengths_cm)], style, rng)


def values(screen: NDArray[np.uint8], lines: list[str], style: Style, rng: np.random.Generator) -> None:
    """The box of measured values, at the lower right or left."""
    scale = max(min(screen.shape[:2]) / 448, 0.6)
    width, step = round(96 * scale), round(15 * scale)
    left = screen.shape[1] - width - 2 if rng.random() < 0.8 else 4
    top = screen.shape[0] - step * len(lines) - 3
    ground = (60, 58, 30) if style.mark == YELLOW else (28, 32, 44)
    screen[top:, left : left + width] = ground
    for place, line in enumerate(lines):
        write(screen, line, (left + 3, top + step * (place + 1) - 4), style.mark, style)


_LABELS = ("L-OV", "R-OV", "LOV", "ROV", "R-CY", "L-CY", "CY", "M", "LT-OVARY", "RT-OVARY", "R", "L", "UT")


def label(screen: NDArray[np.uint8], near: tuple[int, int], style: Style, rng: np.random.Generator) -> None:
    """A name typed on or beside what is seen, sometimes with a pointer."""
    at = (
        int(np.clip(near[0] + rng.integers(-50, 30), 4, screen.shape[1] - 60)),
        int(np.clip(near[1] + rng.integers(-60, 60), 16, screen.shape[0] - 8)),
    )
    write(screen, str(rng.choice(_LABELS)), at, style.mark, style, rng.uniform(1.0, 1.5))
    if rng.random() < 0.2:
        tip = np.array([(0, 0), (4, 12), (6, 8), (11, 8)], np.int32) + np.array(near, np.int32)
        cv2.fillPoly(screen, [tip], WHITE)


def body_mark(screen: NDArray[np.uint8], placed: Placed, style: Style, rng: np.random.Generator) -> None:
    """A small torso with the probe's place, at a lower corner."""
    x = placed.x0 + 26 if rng.random() < 0.7 else placed.x1 - 40
    y = screen.shape[0] - 42
    for side in (-1, 1):
        outline = [(side * 13, -22), (side * 10, -4), (side * 15, 14), (side * 5, 22)]
        line = np.array(outline, np.int32) + np.array((x, y), np.int32)
        cv2.polylines(screen, [line], False, style.ink, 1, cv2.LINE_AA)
    offset = int(rng.integers(-8, 9))
    cv2.line(screen, (x + offset - 4, y + 6), (x + offset + 4, y + int(rng.integers(2, 11))), style.mark, 2)


def maker_mark(screen: NDArray[np.uint8], placed: Placed, style: Style, rng: np.random.Generator) -> None:
    """The mark of the probe's side beside the top of the fan."""
    x, y = int(placed.x_px - rng.uniform(0.1, 0.3) * (placed.x1 - placed.x0)), max(placed.y0 - 3, 9)
    if rng.random() < 0.5:
        write(screen, str(rng.choice(["E8", "m", "P", "V", "G"])), (x, y + 8), style.mark, style)
    else:
        cv2.circle(screen, (x, y + 3), 5, style.second, 1, cv2.LINE_AA)


def header(screen: NDArray[np.uint8], style: Style, rng: np.random.Generator) -> None:
    """The line at the top of a whole screen: it says that the picture is simulated."""
    place = str(rng.choice(["Simulated clinic", "dicom-node phantom", "Simulator"]))
    write(screen, f"{place}   SIMULATED", (10, 16), style.ink, style)
    power = f"MI {rng.uniform(0.5, 1.3):.1f}  TIs {rng.uniform(0.1, 0.8):.1f}"
    write(screen, power, (round(0.6 * screen.shape[1]), 16), style.ink, style)
