"""The two-dimensional picture beside an M-mode: a fan of the same layers, with the M-mode's cursor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.scene import EchoLine, Scene, wander
from algorithms.mmode_ef.strip_texture import Appearance, paint_strip

_BEAMS = 96


def paint_sector(
    rng: np.random.Generator, scene: Scene, depth_mm: float, size: tuple[int, int], appearance: Appearance
) -> NDArray[np.uint8]:
    """(rows, columns) grey fan of ``size``, ``depth_mm`` deep, its layers as in the scene's first column."""
    rows, columns = size
    half_angle = rng.uniform(0.55, 0.8)
    angle = np.linspace(-half_angle, half_angle, _BEAMS)
    depths = scene.boundaries_mm[:, :1] * np.ones((1, _BEAMS))
    tilt, bow = rng.uniform(-0.25, 0.25), rng.uniform(0.05, 0.6)
    depths[1:-1] *= 1.0 + tilt * angle + bow * angle**2
    depths[1:-1] += 1.5 * wander(rng, angle, 0.3)
    lines = tuple(EchoLine(edge, rng.uniform(-2.0, 9.0) + 4.0 * wander(rng, angle, 0.2), 0.6) for edge in depths[2:-1])
    fan = Scene(angle - angle[0], depths, scene.levels_db, lines)
    polar = paint_strip(rng, fan, rows, depth_mm / rows, appearance)
    x = (np.arange(columns, dtype=np.float32) - columns / 2)[None, :]
    y = np.arange(rows, dtype=np.float32)[:, None]
    radius, theta = np.hypot(x, y), np.arctan2(x, y)
    beam = (theta / half_angle + 1.0) * (_BEAMS - 1) / 2
    picture = cv2.remap(polar, beam.astype(np.float32), radius.astype(np.float32), cv2.INTER_LINEAR)
    _draw_cursor(picture, float(rng.uniform(-0.3, 0.3)) * half_angle)
    return picture


def _draw_cursor(picture: NDArray[np.uint8], angle: float) -> None:
    """The dotted line along which the M-mode was taken."""
    radius = np.arange(4, picture.shape[0] - 3, 9)
    x = np.round(picture.shape[1] / 2 + radius * np.sin(angle)).astype(int)
    y = np.round(radius * np.cos(angle)).astype(int)
    inside = (x >= 0) & (x < picture.shape[1] - 1)
    picture[y[inside], x[inside]] = 230
    picture[y[inside], x[inside] + 1] = 230
