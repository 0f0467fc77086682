"""How a probe's lines lie in the body and on the screen: a polar grid in millimetres, and its scan conversion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLES, BEAMS = 420, 200
"""Of a picture's polar grid: as fine as a picture of some 450 pixels shows."""


@dataclass(frozen=True)
class Probe:
    """What a probe sees. x = 0, y = 0 is the middle of its face; y grows with depth.

    Attributes:
        name: endocavity, curved, phased or linear.
        radius_mm: of the face; what a linear probe has is so large that its beams are parallel.
        half_angle: of the fan, radians.
        depth_mm: of the picture.
    """

    name: str
    radius_mm: float
    half_angle: float
    depth_mm: float

    @property
    def half_width_mm(self) -> float:
        """Half the width of what is seen, at the widest."""
        return (self.radius_mm + self.depth_mm) * math.sin(self.half_angle)

    @property
    def rise_mm(self) -> float:
        """How far the face's ends lie above its middle."""
        return self.radius_mm * (1 - math.cos(self.half_angle))

    def grid_mm(self, beams: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """(samples, beams) x, y and depth in mm; more beams than BEAMS lie at the same pitch, beyond the sides."""
        angle = np.linspace(-1, 1, beams, dtype=np.float32) * np.float32(self.half_angle * (beams - 1) / (BEAMS - 1))
        depth = np.linspace(0, self.depth_mm, SAMPLES, dtype=np.float32)[:, None] + np.zeros_like(angle)
        x_mm = (self.radius_mm + depth) * np.sin(angle)
        y_mm = depth * np.cos(angle) - self.radius_mm * (1 - np.cos(angle))
        return x_mm, y_mm, depth


def linear(width_mm: float, depth_mm: float) -> Probe:
    """Parallel beams, as a fan of a very large radius."""
    radius_mm = 400 * width_mm
    return Probe("linear", radius_mm, width_mm / 2 / radius_mm, depth_mm)


@dataclass(frozen=True)
class Placed:
    """Where a probe's picture stands on a screen.

    Attributes:
        rows, columns: of the screen.
        x_px, y_px: of the middle of the probe's face.
        mm_per_px: side of a pixel.
        x0, y0, x1, y1: the window of the screen that shows the picture, inclusive; the fan may be cut by it.
    """

    rows: int
    columns: int
    x_px: float
    y_px: float
    mm_per_px: float
    x0: int
    y0: int
    x1: int
    y1: int

    def pixel(self, x_mm: float, y_mm: float) -> tuple[int, int]:
        """Column and row of a place in the body."""
        return round(self.x_px + x_mm / self.mm_per_px), round(self.y_px + y_mm / self.mm_per_px)


@dataclass(frozen=True, eq=False)
class Conversion:
    """From the polar grid to the screen.

    Attributes:
        beam, sample: (rows, columns) float32 place of every pixel on the grid of BEAMS lines.
        seen: (rows, columns) bool, within the fan and the window.
    """

    beam: NDArray[np.float32]
    sample: NDArray[np.float32]
    seen: NDArray[np.bool_]

    def on_screen(self, lines: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, columns) of (samples, beams); 0 outside the fan. Beams beyond BEAMS are those at the sides."""
        aside = (lines.shape[1] - BEAMS) / 2
        picture = cv2.remap(lines, self.beam + np.float32(aside), self.sample, cv2.INTER_LINEAR)
        picture[~self.seen] = 0
        return picture


def conversion(probe: Probe, placed: Placed) -> Conversion:
    """The scan conversion of a probe's picture to its place on the screen."""
    x_mm = ((np.arange(placed.columns) - placed.x_px) * placed.mm_per_px)[None, :]
    y_mm = ((np.arange(placed.rows) - placed.y_px) * placed.mm_per_px)[:, None] + probe.radius_mm
    depth_mm = np.hypot(x_mm, y_mm) - probe.radius_mm
    angle = np.arctan2(x_mm, y_mm)
    seen = (np.abs(angle) <= probe.half_angle) & (depth_mm >= 0) & (depth_mm <= probe.depth_mm)
    window = np.zeros_like(seen)
    window[placed.y0 : placed.y1 + 1, placed.x0 : placed.x1 + 1] = True
    beam = (angle / probe.half_angle + 1) * ((BEAMS - 1) / 2)
    sample = depth_mm * ((SAMPLES - 1) / probe.depth_mm)
    return Conversion(beam.astype(np.float32), sample.astype(np.float32), seen & window)


def any_probe(name: str, rng: np.random.Generator) -> Probe:
    """A probe as it is set for pelvis, abdomen, heart or neck."""
    if name == "endocavity":
        return Probe(name, rng.uniform(9, 13), math.radians(rng.uniform(58, 76)), rng.uniform(52, 105))
    if name == "curved":
        return Probe(name, rng.uniform(42, 62), math.radians(rng.uniform(27, 36)), rng.uniform(95, 175))
    if name == "phased":
        return Probe(name, rng.uniform(2, 6), math.radians(rng.uniform(36, 45)), rng.uniform(120, 190))
    depth_mm = rng.uniform(30, 50)
    return linear(depth_mm * rng.uniform(0.9, 1.35), depth_mm)


def placed_in(probe: Probe, rows: int, columns: int, box: tuple[int, int, int, int], wide: float) -> Placed:
    """A probe's picture put into a box (x0, y0, x1, y1) of a screen.

    Args:
        probe: the probe.
        rows, columns: of the screen.
        box: the window.
        wide: share of the fan's width that the window shows: below 1, its sides are cut and the picture is larger.
    """
    x0, y0, x1, y1 = box
    height_mm = probe.depth_mm + probe.rise_mm
    mm_per_px = max(2 * probe.half_width_mm * wide / (x1 - x0 + 1), height_mm / (y1 - y0 + 1))
    return Placed(rows, columns, (x0 + x1) / 2, y0 + probe.rise_mm / mm_per_px, mm_per_px, x0, y0, x1, y1)
