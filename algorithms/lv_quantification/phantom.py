"""Simulated cine cardiac MR with known truth: single pictures for training, whole studies for samples and tests.

    random_picture   one short-axis picture of a heart that never was, with its masks
    make_study       a whole short-axis cine stack of one heart, with its volumes

shapes.py draws outlines; anatomy.py and hearts.py the heart; thorax.py what lies around it; contrast.py and
artefacts.py the scanner; cine.py the beating heart. The same seed gives the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.anatomy import Heart, paint_heart
from algorithms.lv_quantification.artefacts import smooth_noise, spoil
from algorithms.lv_quantification.contrast import any_contrast
from algorithms.lv_quantification.hearts import Level, any_heart, any_level
from algorithms.lv_quantification.shapes import Grid
from algorithms.lv_quantification.thorax import any_thorax, paint_chest_wall, paint_thorax

SIMULATED = "Simulated image, not from a patient"
"""For the header and the face of everything that is made from a phantom."""


@dataclass(frozen=True, eq=False)
class TrainingPicture:
    """One simulated short-axis picture.

    Attributes:
        image: (rows, columns) float32 grey values as stored (whole numbers, 8- or 12-bit kind).
        cavity: (rows, columns) inside the endocardium, papillary muscles and trabeculae included.
        myocardium: (rows, columns) between endocardium and epicardium; open at the outflow tract.
        spacing_mm: side of a pixel.
        has_ventricle: whether the plane cuts the left ventricle (its cavity or the tip of its wall).
        level: where the plane cuts.
    """

    image: NDArray[np.float32]
    cavity: NDArray[np.bool_]
    myocardium: NDArray[np.bool_]
    spacing_mm: float
    has_ventricle: bool
    level: Level


def random_picture(
    rng: np.random.Generator, shape: tuple[int, int] = (256, 256), level: Level | None = None
) -> TrainingPicture:
    """Draws one picture; the generator's state decides everything.

    Args:
        shape: (rows, columns).
        level: where the plane cuts; by chance (``hearts.SHARES``) if None.
    """
    level = level or any_level(rng)
    heart = any_heart(rng, level)
    contrast = any_contrast(rng)
    spacing = float(np.clip(rng.normal(1.38, 0.27), 0.8, 2.0))
    grid = _any_grid(rng, shape, spacing, _reach_mm(heart))
    cavity = wall = np.zeros(shape, bool)
    if heart.ventricle:
        cavity, wall = heart.ventricle.masks(grid)
        if level == Level.TIP:
            cavity, wall = np.zeros(shape, bool), cavity | wall
    thorax = any_thorax(rng, contrast, *_surroundings(rng, heart, level))
    canvas = np.empty(shape, np.float32)
    paint_thorax(canvas, grid, thorax, contrast)
    paint_heart(canvas, grid, heart, contrast)
    paint_chest_wall(canvas, grid, thorax, contrast)
    canvas *= 1 + np.float32(rng.uniform(0.01, 0.08)) * smooth_noise(rng, shape, 30)
    canvas *= 1 + np.float32(rng.uniform(0.01, 0.1)) * smooth_noise(rng, shape, 9)
    canvas = cv2.GaussianBlur(np.maximum(canvas, 0), (0, 0), rng.uniform(0.3, 0.8))
    image = spoil(canvas, grid, rng, keep=cavity)
    return TrainingPicture(image, cavity, wall, spacing, heart.ventricle is not None, level)


def _reach_mm(heart: Heart) -> float:
    """How much of the picture's middle the heart needs around its centre."""
    return float(heart.ventricle.epicardium.radius_mm.max()) if heart.ventricle else 30.0


def _surroundings(rng: np.random.Generator, heart: Heart, level: Level) -> tuple[float, float, float]:
    """(heart_mm, right_mm, belly_mm) for ``any_thorax``."""
    reach = _reach_mm(heart)
    left = max((float(-c.outline.x_mm + c.outline.radius_mm[180]) for c in heart.chambers), default=reach)
    belly = {Level.BELOW: -2.0 * reach + rng.normal(0, 15), Level.ABOVE: rng.normal(12, 10)}.get(
        level, rng.normal(5, 8) if level in (Level.OUTFLOW, Level.BASE) else rng.normal(1, 7)
    )
    return reach, max(left - reach, 0.0) + 5.0, max(belly, -6.0) if level != Level.BELOW else belly


def _any_grid(rng: np.random.Generator, shape: tuple[int, int], spacing_mm: float, reach_mm: float) -> Grid:
    """The picture's pixels in a heart that is turned, sometimes mirrored, put anywhere plausible and bent a little."""
    rows, columns = shape
    room = [max(size / 2 - 1.1 * reach_mm / spacing_mm, 0) / size for size in shape]
    middle = [
        size * (0.5 + float(np.clip(rng.normal(0, 0.1), -free, free))) for size, free in zip(shape, room, strict=True)
    ]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x = (x - np.float32(middle[1])) * np.float32(spacing_mm)
    y = (np.float32(middle[0]) - y) * np.float32(spacing_mm)
    if rng.random() < 0.1:
        x = -x
    turn = math.radians(float(np.clip(rng.normal(0, 18), -40, 40)))
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    x, y = c * x + s * y, c * y - s * x
    bend = np.float32(rng.uniform(0, 2.5))
    cells = max(2, round(columns * spacing_mm / 90))
    x += bend * smooth_noise(rng, shape, cells)
    y += bend * smooth_noise(rng, shape, cells)
    return Grid(x, y, spacing_mm)
