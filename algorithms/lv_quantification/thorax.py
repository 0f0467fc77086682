"""What lies around the heart in a short-axis plane: lungs, diaphragm, abdominal organs, great vessels, chest wall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.artefacts import smooth_noise
from algorithms.lv_quantification.contrast import Contrast
from algorithms.lv_quantification.shapes import (
    ANGLES,
    Grid,
    Marbled,
    Outline,
    edge,
    ellipse,
    harmonics,
    irregular,
    paint,
)


@dataclass(frozen=True, eq=False)
class Organ:
    """One lump of tissue: its outline and signal, and how marbled it is."""

    outline: Outline
    signal: float
    marbled: float = 0.0
    inner: float | None = None


@dataclass(frozen=True, eq=False)
class Thorax:
    """Surroundings in one plane.

    Attributes:
        inside: inner border of the chest wall.
        muscle_mm, fat_mm: (360,) thickness of the wall's layers along the rays of ``inside``.
        ribs: bones within the muscle.
        abdomen: all below the diaphragm; ``organs`` are clipped to it.
        vessels: great vessels behind the heart.
        wires: metal after surgery: holes in the picture.
    """

    inside: Outline
    muscle_mm: NDArray[np.float64]
    fat_mm: NDArray[np.float64]
    ribs: tuple[Organ, ...]
    abdomen: Outline
    bed: float
    organs: tuple[Organ, ...]
    vessels: tuple[Organ, ...]
    wires: tuple[Outline, ...] = ()
    lung_vessels: int = 40
    layers_per_mm: float = 0.6
    seed: int = 0


def any_thorax(
    rng: np.random.Generator, contrast: Contrast, heart_mm: float, right_mm: float, belly_mm: float
) -> Thorax:
    """A trunk around a heart at the origin.

    Args:
        heart_mm: radius of the left ventricle's epicardium (or of what stands in its place).
        right_mm: how far the right ventricle reaches to the left of it.
        belly_mm: gap between heart and diaphragm; negative where the plane lies below the heart.
    """
    u = rng.uniform
    towards = math.radians(u(95, 175))
    gap = heart_mm + right_mm * max(0.15, -math.cos(towards)) + rng.exponential(14)
    half = u(110, 165)
    along = rng.normal(0, 25)
    x = (gap - half) * math.cos(towards) - along * math.sin(towards)
    y = (gap - half) * math.sin(towards) + along * math.cos(towards)
    inside = irregular(ellipse(x, y, u(150, 230), half, math.degrees(towards) - 90), rng, 0.04)
    muscle = np.clip(u(6, 22) * (1 + harmonics(rng, (1, 2, 3, 5), 0.35)), 3, 40)
    fat = np.clip(math.exp(rng.normal(2.6, 0.6)) * (1 + harmonics(rng, (1, 2, 3), 0.5)), 1.5, 70)
    top = -heart_mm - belly_mm
    tall = u(70, 160)
    lean = u(-25, 15)
    abdomen = irregular(ellipse(u(-50, 30), top - tall, u(80, 160), tall, lean), rng, 0.05)
    organs = _organs(rng, contrast, top)
    return Thorax(
        inside=inside,
        muscle_mm=muscle,
        fat_mm=fat,
        ribs=_ribs(rng, inside, muscle, contrast),
        abdomen=abdomen,
        bed=contrast.fat * u(0.3, 0.9),
        organs=organs,
        vessels=_vessels(rng, contrast, heart_mm),
        wires=_wires(rng, inside, towards) if rng.random() < 0.04 else (),
        lung_vessels=int(rng.integers(0, 90)),
        layers_per_mm=u(0.3, 0.9),
        seed=int(rng.integers(2**31)),
    )


def _organs(rng: np.random.Generator, contrast: Contrast, top_mm: float) -> tuple[Organ, ...]:
    """Bowel loops, kidney, spleen, stomach, liver: painted in this order, the liver highest."""
    u = rng.uniform
    organs = []
    for _ in range(int(rng.integers(6, 22))):
        size = u(4, 22)
        place = ellipse(u(-90, 130), top_mm - u(20, 150), size, size * u(0.5, 1), u(0, 180))
        signal = rng.choice([contrast.lung, contrast.spleen, contrast.liver, contrast.fluid, contrast.muscle])
        organs.append(Organ(irregular(place, rng, 0.12), float(signal) * u(0.7, 1.2), 0.1))
    if rng.random() < 0.6:
        kidney = irregular(ellipse(u(40, 100), top_mm - u(60, 110), u(25, 45), u(18, 27), u(40, 130)), rng, 0.05)
        organs.append(Organ(kidney, contrast.spleen * u(0.8, 1.4), 0.1, inner=contrast.fat * u(0.5, 1)))
    if rng.random() < 0.75:
        spleen = irregular(ellipse(u(55, 120), top_mm - u(5, 50), u(25, 55), u(15, 28), u(90, 170)), rng, 0.08)
        organs.append(Organ(spleen, contrast.spleen * u(0.8, 1.2), 0.05))
    if rng.random() < 0.8:
        a = u(18, 60)
        stomach = irregular(ellipse(u(5, 75), top_mm - u(0.2, 0.9) * a - 4, a, a * u(0.35, 0.8), u(-50, 30)), rng, 0.1)
        filling = rng.choice(
            [contrast.lung, contrast.muscle, contrast.fluid, contrast.spleen], p=[0.35, 0.3, 0.1, 0.25]
        )
        inner = float(rng.choice([contrast.fluid, contrast.lung, contrast.liver])) if rng.random() < 0.4 else None
        organs.append(Organ(stomach, float(filling) * u(0.7, 1.3), 0.25, inner=inner))
    if rng.random() < 0.85:
        a, b = u(45, 110), u(22, 65)
        liver = irregular(ellipse(u(-120, -25), top_mm - 0.7 * b - u(-6, 12), a, b, u(-10, 40)), rng, 0.08)
        organs.append(Organ(liver, contrast.liver * u(0.85, 1.15), 0.06))
    return tuple(organs)


def _vessels(rng: np.random.Generator, contrast: Contrast, heart_mm: float) -> tuple[Organ, ...]:
    """Spine with its canal, descending aorta, sometimes the inferior vena cava or the oesophagus."""
    u = rng.uniform
    found = []
    way = math.radians(u(-100, -10))
    far = heart_mm + u(18, 60)
    x, y = far * math.cos(way), far * math.sin(way)
    if rng.random() < 0.6:
        sx, sy = x + 38 * math.cos(way - 0.4), y + 38 * math.sin(way - 0.4)
        spine = irregular(ellipse(sx, sy, u(17, 24), u(14, 19), u(0, 180)), rng, 0.06)
        found.append(Organ(spine, contrast.marrow * u(0.5, 1), 0.2))
        canal = ellipse(sx + 24 * math.cos(way), sy + 24 * math.sin(way), u(6, 9), u(5, 7))
        found.append(Organ(canal, contrast.fluid * u(0.6, 1), inner=contrast.muscle))
    if rng.random() < 0.8:
        radius = u(7, 15)
        found.append(
            Organ(irregular(ellipse(x, y, radius, radius * u(0.8, 1)), rng, 0.03), contrast.blood * u(0.6, 1.15))
        )
    if rng.random() < 0.4:
        radius = u(5, 13)
        vein = ellipse(u(-60, -20), -heart_mm - u(2, 25), radius, radius * u(0.6, 1), u(0, 180))
        found.append(Organ(irregular(vein, rng, 0.06), contrast.blood * u(0.5, 1.1)))
    return tuple(found)


def _ribs(rng: np.random.Generator, inside: Outline, muscle_mm: NDArray, contrast: Contrast) -> tuple[Organ, ...]:
    """Ribs and sternum, cut across: dark cortex or bright marrow in the middle of the muscle."""
    ribs = []
    degree = rng.uniform(0, 40)
    while degree < 360:
        index = int(degree)
        depth = 0.5 * float(muscle_mm[index])
        x, y = inside.point(degree, 1 + depth / float(inside.radius_mm[index]))
        size = rng.uniform(4, 9)
        bone = ellipse(x, y, size, min(depth, size) * rng.uniform(0.5, 0.9) + 0.5, degree + 90)
        marrow = contrast.marrow * rng.uniform(0.4, 1.3) if rng.random() < 0.6 else contrast.lung
        ribs.append(Organ(irregular(bone, rng, 0.05), marrow))
        degree += rng.uniform(8, 40)
    return tuple(ribs)


def _wires(rng: np.random.Generator, inside: Outline, towards: float) -> tuple[Outline, ...]:
    wires = []
    for _ in range(int(rng.integers(2, 7))):
        x, y = inside.point(math.degrees(towards) + rng.normal(15, 12), rng.uniform(0.9, 1.1))
        size = rng.uniform(3, 9)
        wires.append(irregular(ellipse(x, y, size, size), rng, 0.2))
    return tuple(wires)


def paint_thorax(canvas: NDArray[np.float32], grid: Grid, thorax: Thorax, contrast: Contrast) -> None:
    """Fills the picture with everything but the heart and the chest wall, in place."""
    rng = np.random.default_rng(thorax.seed)
    canvas[:] = np.float32(contrast.lung) * (1 + np.float32(0.3) * smooth_noise(rng, grid.shape, 24))
    _paint_lung_vessels(canvas, grid, thorax, contrast, rng)
    belly = np.full(grid.shape, np.float32(thorax.bed))
    belly *= 1 + np.float32(0.1) * smooth_noise(rng, grid.shape, 22)
    grain = smooth_noise(rng, grid.shape, 40)
    for organ in thorax.organs:
        _paint_organ(belly, grid, organ, contrast, grain)
    depth = grid.smooth_depth_mm(thorax.abdomen)
    canvas += edge(depth, grid.pixel_mm) * (belly - canvas)
    canvas *= 1 - np.float32(0.6 * contrast.ink) * np.exp(-((depth / np.float32(0.8 * grid.pixel_mm)) ** 2))
    for vessel in thorax.vessels:
        _paint_organ(canvas, grid, vessel, contrast, grain)


@dataclass(frozen=True, eq=False)
class ChestWall:
    """Muscle, ribs, fat and the air outside, ready to be laid over pictures of one plane.

    Attributes:
        signal: (rows, columns).
        cover: (rows, columns) share of each pixel that it covers.
        wires: metal.
    """

    signal: NDArray[np.float32]
    cover: NDArray[np.float32]
    wires: tuple[Outline, ...]

    def paint(self, canvas: NDArray[np.float32], grid: Grid, contrast: Contrast) -> None:
        """Lays it over the picture, in place."""
        canvas += self.cover * (self.signal - canvas)
        for wire in self.wires:
            paint(canvas, grid, wire.grown(1.2), 1.2 * contrast.fat, soft_mm=3.0)
            paint(canvas, grid, wire, 0.0, soft_mm=3.0)


def chest_wall(grid: Grid, thorax: Thorax, contrast: Contrast) -> ChestWall:
    """Draws the wall."""
    rng = np.random.default_rng([thorax.seed, 1])
    width = grid.pixel_mm
    grain = smooth_noise(rng, grid.shape, 40)
    coarse = smooth_noise(rng, grid.shape, 9)
    muscle = thorax.inside.grown(thorax.muscle_mm)
    depth = grid.smooth_depth_mm(muscle)
    # Layers of muscle with fat between them, bent by chance.
    layers = edge(np.sin(depth * np.float32(thorax.layers_per_mm) + np.float32(1.6) * coarse) - np.float32(0.7), 0.3)
    flesh = np.float32(contrast.muscle) + layers * np.float32(0.7 * (contrast.fat - contrast.muscle))
    wall = np.full(grid.shape, np.float32(contrast.fat))
    wall += edge(depth, width) * (flesh - wall)
    wall *= 1 - np.float32(0.7 * contrast.ink) * np.exp(-((depth * np.float32(1.25 / width)) ** 2))
    for rib in thorax.ribs:
        paint(wall, grid, rib.outline, rib.signal, ink=0.8)
    wall *= 1 + np.float32(0.07) * grain + np.float32(0.05) * coarse
    wall *= edge(grid.smooth_depth_mm(muscle.grown(thorax.fat_mm)), width)
    return ChestWall(wall, edge(-grid.smooth_depth_mm(thorax.inside), width), thorax.wires)


def _paint_organ(
    canvas: NDArray[np.float32], grid: Grid, organ: Organ, contrast: Contrast, grain: NDArray[np.float32]
) -> None:
    value = Marbled(organ.signal, organ.marbled, grain) if organ.marbled else organ.signal
    paint(canvas, grid, organ.outline, value, ink=0.6 * contrast.ink)
    if organ.inner is not None:
        core = Outline(organ.outline.x_mm, organ.outline.y_mm, organ.outline.radius_mm * np.float32(0.5))
        paint(canvas, grid, core, organ.inner, soft_mm=4.0)


def _paint_lung_vessels(
    canvas: NDArray[np.float32], grid: Grid, thorax: Thorax, contrast: Contrast, rng: np.random.Generator
) -> None:
    """Bright dots and short branches."""
    rows, columns = grid.shape
    layer = np.zeros(grid.shape, np.uint8)
    for _ in range(thorax.lung_vessels):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        way, length = rng.uniform(0, 2 * math.pi), rng.exponential(5.0) / grid.pixel_mm
        end = round(x + length * math.cos(way)), round(y + length * math.sin(way))
        cv2.line(layer, (x, y), end, int(rng.integers(60, 255)), 1, cv2.LINE_AA)
    layer = cv2.GaussianBlur(layer, (3, 3), 0.7)
    canvas += layer * np.float32(0.5 * contrast.blood / 255)


def even_fat(mean_mm: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(360,) thickness of fat that varies around the heart, thickest in the grooves towards the right ventricle."""
    groove = 1 + 0.5 * np.cos(ANGLES - math.radians(225))
    return np.clip(mean_mm * groove * (1 + harmonics(rng, (2, 3, 4), 0.5)), 0, 20)
