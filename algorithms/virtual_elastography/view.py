"""Where a probe looks: beam coordinates (across, depth), the body's plane in mm, and the picture's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = tuple[NDArray[np.floating], NDArray[np.floating]]


@dataclass(frozen=True)
class View:
    """The part of the plane that a linear or a convex probe sees.

    Beam coordinates are `across` (-1 at the left edge of what is seen, 1 at the right) and `depth_mm` below the probe's
    face. The plane has x to the right and y downwards in mm, from the middle of the face.

    Attributes:
        rows, cols: size of the picture.
        mm_per_px: side of a pixel.
        depth_mm: greatest depth seen.
        width_mm: length of the face that is seen through (an arc where convex).
        radius_mm: of the face where convex; math.inf where it is straight.
    """

    rows: int
    cols: int
    mm_per_px: float
    depth_mm: float
    width_mm: float
    radius_mm: float = math.inf

    @property
    def convex(self) -> bool:
        """Whether the beams fan out."""
        return math.isfinite(self.radius_mm)

    @property
    def half_angle(self) -> float:
        """Angle in radians of the outermost beam with the middle one."""
        return self.width_mm / 2 / self.radius_mm

    def plane(self, across: NDArray[np.floating], depth_mm: NDArray[np.floating]) -> Plane:
        """x and y in mm of places in beam coordinates."""
        if not self.convex:
            return across * (self.width_mm / 2), depth_mm
        angle, radius = across * self.half_angle, self.radius_mm + depth_mm
        return radius * np.sin(angle), radius * np.cos(angle) - self.radius_mm

    def beam(self, x_mm: NDArray[np.floating], y_mm: NDArray[np.floating]) -> Plane:
        """Beam coordinates (across, depth_mm) of places in the plane."""
        if not self.convex:
            return x_mm / (self.width_mm / 2), y_mm
        below = y_mm + self.radius_mm
        return np.arctan2(x_mm, below) / self.half_angle, np.hypot(x_mm, below) - self.radius_mm


@lru_cache(maxsize=4)
def pixels(view: View) -> Plane:
    """(rows, cols) beam coordinates of a picture's pixels; the middle of the face is in the middle of the top."""
    x_mm = (np.arange(view.cols, dtype=np.float32) - (view.cols - 1) / 2) * view.mm_per_px
    top_mm = view.radius_mm * (1 - math.cos(view.half_angle)) if view.convex else 0.0
    y_mm = (np.arange(view.rows, dtype=np.float32) + 0.5) * view.mm_per_px - top_mm
    x_mm, y_mm = np.meshgrid(x_mm, y_mm.astype(np.float32))
    if not view.convex:
        return view.beam(x_mm, y_mm)
    below_mm = y_mm + np.float32(view.radius_mm)
    depth_mm, angle = cv2.cartToPolar(below_mm, x_mm)
    across = ((angle + math.pi) % (2 * math.pi) - math.pi) / view.half_angle
    return across.astype(np.float32), depth_mm - np.float32(view.radius_mm)


def linear_view(rows: int, cols: int, mm_per_px: float) -> View:
    """The view of a straight array whose picture fills rows x cols."""
    return View(rows, cols, mm_per_px, rows * mm_per_px, cols * mm_per_px)


def convex_view(depth_mm: float, half_angle: float, radius_mm: float, mm_per_px: float) -> View:
    """The view of a curved array: the picture is the smallest that holds the sector."""
    width_mm = 2 * (radius_mm + depth_mm) * math.sin(half_angle)
    height_mm = depth_mm + radius_mm * (1 - math.cos(half_angle))
    return View(
        rows=math.ceil(height_mm / mm_per_px),
        cols=math.ceil(width_mm / mm_per_px),
        mm_per_px=mm_per_px,
        depth_mm=depth_mm,
        width_mm=2 * half_angle * radius_mm,
        radius_mm=radius_mm,
    )
