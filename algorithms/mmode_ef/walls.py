"""The four sides of the walls over a cycle: the best way through the picture that passes the eight points.

Dynamic programming along time: each side follows the edge of its kind (from dark to bright or back), near a smooth way
from end-diastole over end-systole to the next end-diastole, no faster than a wall can move.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.points import END_DIASTOLE, END_SYSTOLE, Box

SIDES = ("upper_outer", "upper_inner", "lower_inner", "lower_outer")
BRIGHTER_BELOW = np.array([1.0, -1.0, 1.0, 1.0])
"""Of each side: right ventricle to septum, septum to cavity, cavity to posterior wall, wall to pericardium."""
COLUMNS = 96
REACH_MM = 5.0
FASTEST_MM_PER_S = 180.0
STRAY = 2.0
"""Cost at the end of the reach, against 1 for the strongest edge."""
BEND = 0.06
"""Cost of moving by a row from one column to the next."""
BLUR_MM = 1.0


@dataclass(frozen=True, eq=False)
class WallCurves:
    """``x`` (n,) and ``y`` (4, n) in pixels of the strip, sides in the order of SIDES."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def cavity_mm(self, mm_per_px: float) -> NDArray[np.float64]:
        """(n,) internal dimension over time."""
        return (self.y[2] - self.y[1]) * mm_per_px


def wall_curves(
    strip: NDArray[np.float32], box: Box, points: NDArray[np.floating], scale: tuple[float, float]
) -> WallCurves:
    """The curves of one cycle.

    Args:
        strip: (rows, columns) grey.
        box: of the cycle; curves run from its first column to its last.
        points: (8, 2) in pixels of the strip.
        scale: seconds per column and mm per row.
    """
    seconds_per_px, mm_per_px = scale
    x = np.linspace(max(box.x0, 0.0), min(box.x1, strip.shape[1] - 1.0), COLUMNS)
    smooth = _smooth_way(x, box, points)
    reach = max(2, round(REACH_MM / mm_per_px))
    offsets = np.arange(-reach, reach + 1)
    edges = _edges(strip, x, mm_per_px)
    rows = np.clip(np.rint(smooth[:, :, None] + offsets), 0, strip.shape[0] - 1).astype(int)
    strength = edges[rows, np.arange(len(x))[None, :, None]] * BRIGHTER_BELOW[:, None, None]
    strength /= np.maximum(strength.max(axis=(1, 2), keepdims=True), 1e-6)
    cost = STRAY * (offsets / reach) ** 2 - np.clip(strength, 0, None)
    step_s = (x[1] - x[0]) * seconds_per_px
    fastest = max(1, int(np.ceil(FASTEST_MM_PER_S * step_s / mm_per_px)))
    held = np.abs(x[:, None] - [points[END_DIASTOLE, 0].mean(), points[END_SYSTOLE, 0].mean()]).argmin(axis=0)
    cost[:, held] += 1e3 * (offsets != 0)
    return WallCurves(x, smooth + offsets[_best_way(cost, min(fastest, reach))])


def _smooth_way(x: NDArray, box: Box, points: NDArray) -> NDArray[np.float64]:
    """(4, n) from end-diastole to end-systole and back, along half cosines."""
    diastole, systole = points[END_DIASTOLE], points[END_SYSTOLE]
    start, turn, end = diastole[:, 0].mean(), systole[:, 0].mean(), max(box.x1, systole[:, 0].mean() + 1.0)
    share = np.interp(x, [start, max(turn, start + 1e-3), end], [0.0, 1.0, 2.0])
    weight = (1 - np.cos(np.pi * share)) / 2
    return diastole[:, 1, None] + weight * (systole[:, 1] - diastole[:, 1])[:, None]


def _edges(strip: NDArray[np.float32], x: NDArray, mm_per_px: float) -> NDArray[np.float32]:
    """(rows, n) change of grey downwards at the columns of the curves."""
    first, step = x[0], x[1] - x[0]
    matrix = np.array([[step, 0, first], [0, 1, 0]], np.float64)
    size = (len(x), strip.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    blurred = cv2.GaussianBlur(strip, (0, 0), sigmaX=max(0.6, 0.5 * step), sigmaY=max(0.6, BLUR_MM / mm_per_px))
    seen = cv2.warpAffine(blurred, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.Sobel(seen, cv2.CV_32F, 0, 1, ksize=3)


def _best_way(cost: NDArray[np.float64], fastest: int) -> NDArray[np.int64]:
    """(4, n) index of the offset at each column of (4, n, offsets) costs; moves of up to ``fastest`` at a time."""
    sides, count, width = cost.shape
    total = cost[:, 0].copy()
    came = np.zeros((sides, count, width), np.int64)
    moves = np.arange(-fastest, fastest + 1)
    padded = np.full((sides, width + 2 * fastest), np.inf)
    for column in range(1, count):
        padded[:, fastest:-fastest] = total
        options = np.lib.stride_tricks.sliding_window_view(padded, 2 * fastest + 1, axis=1) + BEND * np.abs(moves)
        best = options.argmin(axis=2)
        came[:, column] = np.arange(width) + moves[best]
        total = np.take_along_axis(options, best[:, :, None], axis=2)[:, :, 0] + cost[:, column]
    way = np.zeros((sides, count), np.int64)
    way[:, -1] = total.argmin(axis=1)
    for column in range(count - 1, 0, -1):
        way[:, column - 1] = came[np.arange(sides), column, way[:, column]]
    return way
