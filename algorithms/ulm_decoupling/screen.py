"""A scanner's dual view of a phantom: tissue picture on the left, contrast picture on the right, in colour.

Two regions on one screen is what many contrast series look like in an archive, and which of the two is contrast
stands nowhere in the header.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.phantom import Phantom, simulate_b_mode

MARGIN_PX = 12
"""Black border around each half: holds the grey bars and the depth marks."""

AMBER = (1.0, 0.72, 0.28)
"""Tint of the contrast half, the amber of most scanners: red, green, blue per grey."""

NEUTRAL = (0.94, 0.97, 1.0)
"""Tint of the tissue half: a cool grey."""


@dataclass(frozen=True)
class Region:
    """Part of the screen, in pixels from 0, both ends inside (as DICOM's region location is)."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True, eq=False)
class Screen:
    """What the scanner shows.

    Attributes:
        frames: (frames, rows, columns, 3) uint8, RGB.
        tissue: where the tissue (B-mode) picture is: left.
        contrast: where the contrast picture is: right.
    """

    frames: NDArray[np.uint8]
    tissue: Region
    contrast: Region


def side_by_side(phantom: Phantom) -> Screen:
    """Both pictures of a phantom on one screen, with a grey bar each and depth marks every 2 mm."""
    count, rows, columns = phantom.frames.shape
    half = columns + 2 * MARGIN_PX
    canvas = np.zeros((count, rows + 2 * MARGIN_PX, 2 * half, 3), np.uint8)
    halves = ((simulate_b_mode(phantom), NEUTRAL), (phantom.frames, AMBER))
    regions = []
    for number, (frames, tint) in enumerate(halves):
        x0, y0 = number * half + MARGIN_PX, MARGIN_PX
        table = np.rint(np.arange(256)[:, None] * np.array(tint)).astype(np.uint8)
        canvas[:, y0 : y0 + rows, x0 : x0 + columns] = table[frames]
        _draw_bar(canvas, x0 + columns + 3, y0, table)
        _draw_depth_marks(canvas, x0 - 4, y0, rows, phantom.options.spacing_mm)
        regions.append(Region(x0, y0, x0 + columns - 1, y0 + rows - 1))
    return Screen(canvas, tissue=regions[0], contrast=regions[1])


def _draw_bar(canvas: NDArray, x: int, y: int, table: NDArray) -> None:
    """The grey scale in use, brightest on top: 5 x 64 pixels."""
    canvas[:, y : y + 64, x : x + 5] = table[::-4][:64, None]


def _draw_depth_marks(canvas: NDArray, x: int, y: int, rows: int, spacing_mm: float) -> None:
    marks = np.arange(0, rows, 2.0 / spacing_mm).astype(int)
    canvas[:, y + marks, x : x + 3] = 160
