"""Plane shapes for the cine simulator: star-shaped outlines, where a picture's pixels are, painting one on the other.

Positions are millimetres in the anatomy's frame: x to the right, y up, angles counter-clockwise as displayed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 360
"""Entries of an outline's table: one per degree, straight (in polar coordinates) in between."""

ANGLES = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
"""(360,) radians of an outline's entries."""

_ORDERS = np.arange(17)
_COSINES = np.cos(_ORDERS[:, None] * ANGLES)
_SINES = np.sin(_ORDERS[:, None] * ANGLES)
_COARSE = 4
"""Pixels between the samples of a smooth depth map."""

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Outline:
    """A star-shaped closed curve: distance from (x, y) to the curve in every direction.

    Attributes:
        x_mm, y_mm: the point that sees the whole curve.
        radius_mm: (360,) distances, one per degree.
    """

    x_mm: float
    y_mm: float
    radius_mm: NDArray[np.float32]

    @cached_property
    def tables(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Over two turns: radius, its step to the next degree, cosine of the angle between ray and normal."""
        radius = np.concatenate((self.radius_mm, self.radius_mm))
        step = np.empty_like(radius)
        np.subtract(radius[1:], radius[:-1], out=step[:-1])
        step[-1] = radius[0] - radius[-1]
        slope = step * np.float32(DIRECTIONS / (2 * math.pi)) / np.maximum(radius, np.float32(0.1))
        return radius, step, 1 / np.sqrt(1 + slope * slope)

    @property
    def area_mm2(self) -> float:
        """Area inside: half the integral of the squared radius."""
        return float(0.5 * np.mean(self.radius_mm.astype(float) ** 2) * 2 * math.pi)

    @property
    def mean_radius_mm(self) -> float:
        """Radius of the disc of the same area."""
        return math.sqrt(self.area_mm2 / math.pi)

    def point(self, degrees: float, share: float = 1.0) -> tuple[float, float]:
        """(x, y) at ``share`` of the way from the centre to the curve."""
        radius = share * float(self.radius_mm[round(degrees) % DIRECTIONS])
        angle = math.radians(degrees)
        return self.x_mm + radius * math.cos(angle), self.y_mm + radius * math.sin(angle)

    def grown(self, margin_mm: float | NDArray) -> Outline:
        """The same curve pushed outwards along its rays."""
        return Outline(self.x_mm, self.y_mm, np.maximum(self.radius_mm + margin_mm, 0.1).astype(np.float32))


def ellipse(x_mm: float, y_mm: float, a_mm: float, b_mm: float, tilt_degrees: float = 0.0) -> Outline:
    """An ellipse with semi-axes a (along the tilt) and b."""
    angle = ANGLES - math.radians(tilt_degrees)
    radius = a_mm * b_mm / np.hypot(b_mm * np.cos(angle), a_mm * np.sin(angle))
    return Outline(x_mm, y_mm, radius.astype(np.float32))


def harmonics(rng: np.random.Generator, orders: Sequence[int], size: float) -> NDArray[np.float64]:
    """(360,) random sum of cosines and sines; standard deviation about ``size``, shared by 1/order (orders <= 16)."""
    chosen = np.asarray(orders)
    weights = 1 / chosen
    weights = weights * (size / math.sqrt(float(weights @ weights)))
    return (weights * rng.standard_normal(len(chosen))) @ _COSINES[chosen] + (
        weights * rng.standard_normal(len(chosen))
    ) @ _SINES[chosen]


def bump(centre_degrees: float, width_degrees: float) -> NDArray[np.float64]:
    """(360,) 1 within the sector, 0 outside, with shoulders of a sixth of the width (raised cosine)."""
    away = np.abs((np.degrees(ANGLES) - centre_degrees + 180) % 360 - 180)
    shoulder = max(width_degrees / 6, 2.0)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((away - width_degrees / 2) / shoulder + 0.5, 0, 1))


def irregular(outline: Outline, rng: np.random.Generator, size: float, orders: Sequence[int] = (2, 3, 4, 5)) -> Outline:
    """The outline with its radius multiplied by 1 + harmonics (``size``: share of the radius)."""
    factor = np.clip(1 + harmonics(rng, orders, size), 0.3, 2.0)
    return Outline(outline.x_mm, outline.y_mm, (outline.radius_mm * factor).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Grid:
    """Where a picture's pixel centres are in the anatomy.

    Attributes:
        x_mm, y_mm: (rows, columns) float32.
        pixel_mm: side of a pixel.
    """

    x_mm: NDArray[np.float32]
    y_mm: NDArray[np.float32]
    pixel_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.x_mm.shape  # type: ignore[return-value]

    def around(self, outline: Outline, margin_mm: float = 0.0) -> Window:
        """The smallest window of the picture that holds the outline's circle with a margin."""
        reach = float(outline.radius_mm.max()) + margin_mm + self.pixel_mm
        x, y = self._coarse
        reach += 1.5 * _COARSE * self.pixel_mm  # a coarse sample stands for the pixels around it
        near = (np.abs(x - np.float32(outline.x_mm)) <= reach) & (np.abs(y - np.float32(outline.y_mm)) <= reach)
        rows = np.flatnonzero(near.any(1))
        columns = np.flatnonzero(near.any(0))
        if not len(rows):
            return slice(0, 0), slice(0, 0)
        return (
            slice(int(rows[0]) * _COARSE, (int(rows[-1]) + 1) * _COARSE),
            slice(int(columns[0]) * _COARSE, (int(columns[-1]) + 1) * _COARSE),
        )

    @cached_property
    def _coarse(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both coordinates, averaged over blocks of pixels."""
        rows, columns = self.shape
        size = -(-columns // _COARSE), -(-rows // _COARSE)
        return (
            cv2.resize(self.x_mm, size, interpolation=cv2.INTER_AREA),
            cv2.resize(self.y_mm, size, interpolation=cv2.INTER_AREA),
        )

    def smooth_depth_mm(self, outline: Outline) -> NDArray[np.float32]:
        """``depth_mm`` over the whole picture, interpolated from every fourth pixel: for large smooth shapes."""
        x, y = self._coarse
        depth = Grid(x, y, self.pixel_mm * _COARSE).depth_mm(outline, np.s_[:, :])
        return cv2.resize(depth, self.shape[::-1], interpolation=cv2.INTER_LINEAR)

    def depth_mm(self, outline: Outline, window: Window) -> NDArray[np.float32]:
        """Signed distance to the outline, to first order in its slope; positive inside."""
        dx = self.x_mm[window] - np.float32(outline.x_mm)
        dy = self.y_mm[window] - np.float32(outline.y_mm)
        radius = np.hypot(dx, dy)
        place = np.arctan2(dy, dx)
        place *= np.float32(DIRECTIONS / (2 * math.pi))
        place += np.float32(DIRECTIONS)
        first = place.astype(np.intp)
        place -= first
        start, step, lean = outline.tables
        place *= step.take(first)
        place += start.take(first)
        place -= radius
        place *= lean.take(first)
        return place


def edge(depth_mm: NDArray[np.float32], width_mm: float) -> NDArray[np.float32]:
    """How much of each pixel is inside: 0..1, a ramp of ``width_mm`` centred on the curve."""
    inside = depth_mm * np.float32(1 / width_mm)
    inside += np.float32(0.5)
    np.maximum(inside, np.float32(0), out=inside)
    return np.minimum(inside, np.float32(1), out=inside)


@dataclass(frozen=True, eq=False)
class Marbled:
    """A signal that varies from place to place: ``signal`` times 1 + ``share`` times ``grain`` (rows, columns)."""

    signal: float
    share: float
    grain: NDArray[np.float32]

    def at(self, window: Window) -> NDArray[np.float32]:
        """The signal in a part of the picture."""
        return np.float32(self.signal) + np.float32(self.signal * self.share) * self.grain[window]


def paint(
    canvas: NDArray[np.float32],
    grid: Grid,
    outline: Outline,
    value: float | Marbled,
    soft_mm: float = 0.0,
    ink: float = 0.0,
) -> None:
    """Lays a shape over the picture, in place.

    Args:
        canvas: (rows, columns) signal.
        value: signal of the shape.
        soft_mm: width of the edge beyond one pixel (partial volume of an oblique wall).
        ink: 0..1, how dark the line is that fat and water leave between them (opposed phase).
    """
    window = grid.around(outline, soft_mm + 2 * grid.pixel_mm)
    part = canvas[window]
    if not part.size:
        return
    if 6 * part.size > canvas.size and float(outline.radius_mm.min()) > 8 * grid.pixel_mm:
        depth = grid.smooth_depth_mm(outline)[window]
    else:
        depth = grid.depth_mm(outline, window)
    inside = edge(depth, grid.pixel_mm + soft_mm)
    part += inside * ((value.at(window) if isinstance(value, Marbled) else value) - part)
    if ink:
        width = np.float32(0.75 * grid.pixel_mm)
        part *= 1 - np.float32(ink) * np.exp(-((depth / width) ** 2))
