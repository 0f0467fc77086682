"""Pictures that are not of the pelvis: liver, kidney, thyroid, heart, as their usual probes show them."""

from __future__ import annotations

import math

import numpy as np

from algorithms.ovarian_classification.pelvis_scene import belly_wall, face, vessel
from algorithms.ovarian_classification.pelvis_texture import Tissue


def liver(tissue: Tissue, rng: np.random.Generator) -> None:
    """Even parenchyma, veins, often gallbladder, diaphragm and kidney."""
    size = tissue.probe.depth_mm
    tissue.echo_db[:] = rng.uniform(-3, 3)
    tissue.echo_db += 0.8 * tissue.noise(8, 6) + 1.2 * tissue.noise(0.4 * size, 0.3 * size)
    belly_wall(tissue, rng)
    for _ in range(int(rng.integers(2, 9))):
        vessel(tissue, rng)
    if rng.random() < 0.5:
        centre = (rng.uniform(-0.25, 0.25) * size, rng.uniform(0.4, 0.6) * size)
        gallbladder = tissue.ellipse(centre, (0.17 * size, 0.07 * size), rng.uniform(-1, 1), 0.07)
        tissue.fluid(gallbladder, 7.0, 1.2)
    if rng.random() < 0.65:
        bow = rng.uniform(0.2, 0.5) / size
        dome = tissue.y_mm - np.float32(rng.uniform(0.75, 0.92) * size) + np.float32(bow) * tissue.x_mm**2
        tissue.paint(dome, rng.uniform(-18, -8) + 3 * tissue.noise(9, 5), 0.5, 1.0)
        tissue.wall(dome, 1.3, rng.uniform(10, 17), 0.5)
    if rng.random() < 0.35:
        kidney(tissue, rng, (rng.choice([-1, 1]) * 0.3 * size, 0.6 * size), 0.24 * size)
    face(tissue, rng)


def kidney(tissue: Tissue, rng: np.random.Generator, centre: tuple[float, float], radius_mm: float) -> None:
    """Dark cortex with darker pyramids round a bright sinus."""
    turn = rng.uniform(-0.5, 0.5)
    whole = tissue.ellipse(centre, (radius_mm, 0.48 * radius_mm), turn, 0.03)
    tissue.solid(whole, rng.uniform(-10, -6), 1.2, 4.0)
    for place in range(int(rng.integers(5, 9))):
        angle = 2 * math.pi * place / 7 + rng.uniform(-0.2, 0.2)
        along, across = 0.62 * radius_mm * math.cos(angle), 0.3 * radius_mm * math.sin(angle)
        middle = (
            centre[0] + along * math.cos(turn) - across * math.sin(turn),
            centre[1] + along * math.sin(turn) + across * math.cos(turn),
        )
        pyramid = tissue.ellipse(middle, (0.1 * radius_mm, 0.075 * radius_mm), angle, 0.1)
        tissue.paint(pyramid, rng.uniform(-19, -14), -0.3, 1.2)
    sinus = tissue.ellipse(centre, (0.55 * radius_mm, 0.17 * radius_mm), turn, 0.14)
    tissue.solid(sinus, rng.uniform(3, 8), 3.0, 4.0, 0.5)
    tissue.wall(whole, 1.0, rng.uniform(2, 8), 0.2)


def kidney_alone(tissue: Tissue, rng: np.random.Generator) -> None:
    """A kidney across the picture, liver or spleen before it."""
    size = tissue.probe.depth_mm
    tissue.echo_db[:] = rng.uniform(-4, 2)
    tissue.echo_db += 0.9 * tissue.noise(8, 6)
    deep = tissue.y_mm - np.float32(rng.uniform(0.6, 0.75) * size) + 4 * tissue.noise(40, 60)
    tissue.solid(deep, rng.uniform(-4, 3), 3.5, 9.0, 0.5)
    belly_wall(tissue, rng)
    kidney(tissue, rng, (rng.uniform(-0.1, 0.1) * size, rng.uniform(0.42, 0.55) * size), rng.uniform(0.34, 0.44) * size)
    face(tissue, rng)


def thyroid(tissue: Tissue, rng: np.random.Generator) -> None:
    """The neck under a linear probe: skin, straps, gland, artery, the windpipe's shadow."""
    size, half_mm = tissue.probe.depth_mm, tissue.probe.half_width_mm
    tissue.echo_db[:] = rng.uniform(-6, 0)
    tissue.echo_db += 3 * tissue.noise(12, 1.2) + 1.5 * tissue.noise(3, 1)
    belly = tissue.depth_mm - np.float32(0.06 * size)
    tissue.solid(belly, rng.uniform(-9, -5), 1.5, 3.0)
    tissue.echo_db += np.where(belly > 0, 2.5 * tissue.noise(15, 0.8), 0)
    side = float(rng.choice([-1, 1]))
    gland = tissue.ellipse((side * 0.15 * half_mm, 0.43 * size), (0.75 * half_mm, 0.19 * size), 0, 0.05)
    tissue.solid(gland, rng.uniform(0, 4), 1.0, 2.0)
    tissue.wall(gland, 0.5, 6, 0.15)
    artery = tissue.ellipse((side * 0.78 * half_mm, 0.5 * size), (0.1 * size, 0.1 * size))
    tissue.fluid(artery, 4, 0.5)
    windpipe = tissue.ellipse((-side * 0.95 * half_mm, 0.55 * size), (0.5 * half_mm, 0.26 * size))
    tissue.paint(windpipe, rng.uniform(-10, -4), 9.0, 1.0)
    tissue.wall(windpipe, 0.8, 12, 0.2)
    if rng.random() < 0.4:
        nodule = tissue.ellipse((side * 0.1 * half_mm, 0.43 * size), (0.12 * size, 0.09 * size), 0, 0.08)
        tissue.solid(np.minimum(nodule, gland), rng.uniform(-14, -3), 2.0, 1.5)
        tissue.wall(nodule, 0.4, 3, 0.2)
    face(tissue, rng)


def heart(tissue: Tissue, rng: np.random.Generator) -> None:
    """Four chambers from the apex: dark blood, muscle, valves, bright sac."""
    size = tissue.probe.depth_mm
    tissue.echo_db[:] = rng.uniform(-14, -6)
    tissue.echo_db += 4 * tissue.noise(18, 9)
    turn = rng.uniform(-0.25, 0.25)
    whole = tissue.ellipse((0, 0.52 * size), (0.27 * size, 0.42 * size), turn, 0.03)
    tissue.solid(whole, rng.uniform(-8, -2), 2.2, 6.0)
    tissue.wall(whole, 1.6, rng.uniform(4, 10), 0.3)
    blood_db = rng.uniform(-40, -26)
    for x, y, across, along in (
        (0.11, 0.4, 0.1, 0.24),
        (-0.12, 0.44, 0.075, 0.19),
        (0.11, 0.78, 0.1, 0.11),
        (-0.12, 0.78, 0.09, 0.1),
    ):
        shift = (0.52 - y) * math.tan(turn)
        chamber = tissue.ellipse(
            ((x + shift) * size, y * size), (across * size * rng.uniform(0.85, 1.15), along * size), turn, 0.04
        )
        tissue.paint(chamber, np.float32(blood_db), -0.6, 1.0)
        tissue.wall(chamber, 0.8, rng.uniform(-4, 5), 0.15)
    for side in (-1, 1):
        leaf = tissue.ellipse((side * 0.11 * size, 0.645 * size), (0.085 * size, 0.8), side * rng.uniform(0.1, 0.6))
        tissue.paint(leaf, rng.uniform(2, 8), 0.0, 0.8)
    face(tissue, rng)
