"""The eight points of one cardiac cycle (CN 109620293 B, paragraph 0110) and the lengths between them.

Upper wall: interventricular septum, its outer side towards the right ventricle. Lower wall: posterior wall, its outer
side the epicardium. Points are (x, y) in pixels of the whole screen unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINT_NAMES = (
    "ed_upper_outer",
    "ed_upper_inner",
    "ed_lower_inner",
    "ed_lower_outer",
    "es_upper_outer",
    "es_upper_inner",
    "es_lower_inner",
    "es_lower_outer",
)
LENGTHS: Mapping[str, tuple[str, str]] = {
    "ivsd_mm": ("ed_upper_outer", "ed_upper_inner"),
    "lvidd_mm": ("ed_upper_inner", "ed_lower_inner"),
    "lvpwd_mm": ("ed_lower_inner", "ed_lower_outer"),
    "ivss_mm": ("es_upper_outer", "es_upper_inner"),
    "lvids_mm": ("es_upper_inner", "es_lower_inner"),
    "lvpws_mm": ("es_lower_inner", "es_lower_outer"),
}
"""Each measured length, from the upper point to the lower."""
END_DIASTOLE, END_SYSTOLE = slice(0, 4), slice(4, 8)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle between pixel centres: columns x0 to x1, rows y0 to y1."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def scaled(self, factor_x: float, factor_y: float, shift_x: float = 0.0, shift_y: float = 0.0) -> Box:
        """Widened about its centre; the shift is in widths and heights of this box."""
        x, y = (self.x0 + self.x1) / 2 + shift_x * self.width, (self.y0 + self.y1) / 2 + shift_y * self.height
        half_x, half_y = factor_x * self.width / 2, factor_y * self.height / 2
        return Box(x - half_x, y - half_y, x + half_x, y + half_y)

    def moved(self, x: float, y: float) -> Box:
        """By a number of pixels."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)


def lengths_mm(points_px: NDArray[np.floating], mm_per_px: float) -> dict[str, float]:
    """The six lengths of (8, 2) points in the order of POINT_NAMES.

    M-mode shows depth along one line only, so a length is the difference in depth; across is time.
    """
    row = dict(zip(POINT_NAMES, points_px[:, 1], strict=True))
    return {name: float(row[lower] - row[upper]) * mm_per_px for name, (upper, lower) in LENGTHS.items()}
