"""What lies where: a phantom's block, and the layers of thyroid, breast, liver and prostate as a probe sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.tissue import (
    FASCIA_DB,
    FAT,
    FLUID,
    GLAND,
    MUSCLE,
    SKIN,
    Body,
    Host,
    Material,
    edge,
)

BONE = Material(8.0, 10, 45.0)
"""Rib, cartilage or the air behind it: a bright surface, then shadow."""


def _circle(body: Body, x_mm: float, y_mm: float, radius_mm: float, height: float = 1.0) -> NDArray[np.float32]:
    """(rows, cols) mm inside an ellipse of a height by its width."""
    return radius_mm * (1 - np.hypot((body.x_mm - x_mm) / radius_mm, (body.y_mm - y_mm) / (radius_mm * height)))


def _room(body: Body, top_mm: float, bottom_mm: float, radius: tuple[float, float] = (0.09, 0.2)) -> Host:
    """A host between two depths, in the middle of what is seen, for lesions of a size by the size of the picture."""
    size_mm = min(float(np.ptp(body.across_mm[body.across_mm.shape[0] // 2])), body.view.depth_mm)
    high_mm = min(radius[1] * size_mm, max((bottom_mm - top_mm) / 2, radius[0] * size_mm * 1.05))
    low_mm = min(radius[0] * size_mm, high_mm)
    middle = (top_mm + bottom_mm) / 2
    top_mm, bottom_mm = min(top_mm + low_mm, middle), max(bottom_mm - low_mm, middle)
    reach_mm = 0.22 * size_mm
    return Host((-reach_mm, reach_mm), (top_mm, bottom_mm), (low_mm, high_mm))


def phantom(body: Body, rng: np.random.Generator) -> Host:
    """An even block, or two to three layers of which the brighter is the stiffer by a little."""
    depth_mm = body.view.depth_mm
    if rng.random() < 0.25:
        share = rng.uniform(0.2, 0.75)
        contrast = rng.uniform(0.3, 0.6) * rng.choice([-1, 1])
        material = Material(float(np.exp(contrast)), 7 * contrast, grain_db=0.3)
        body.paint(edge(body.depth_mm - share * depth_mm - body.wave(0.4, 20, rng), 0.3), material, rng)
        top, bottom = (0.1, share) if share > 0.5 else (share, 0.92)
        return _room(body, top * depth_mm, bottom * depth_mm)
    return _room(body, 0.22 * depth_mm, 0.85 * depth_mm, (0.08, 0.22))


def thyroid(body: Body, rng: np.random.Generator) -> Host:
    """Skin, fat, strap muscle, the gland's lobe; carotid artery on one side, trachea on the other, muscle below."""
    depth_mm = body.view.depth_mm
    scale = depth_mm / 38
    bottom = body.layers(
        [
            (SKIN, rng.uniform(1.2, 2.2) * scale),
            (FAT, rng.uniform(2.0, 5.0) * scale),
            (MUSCLE, rng.uniform(3.0, 6.0) * scale),
        ],
        rng,
    )
    thickness_mm = rng.uniform(14, 20) * scale
    below = bottom + thickness_mm + body.wave(0.8, 20, rng)
    body.paint(edge(body.depth_mm - below, 0.3), replace(MUSCLE, stiffness=1.5, echo_db=-7), rng)
    body.line(below, 0.4, FASCIA_DB)
    side = rng.choice([-1, 1])
    half_mm = body.view.width_mm / 2
    middle_mm = float(bottom.mean()) + thickness_mm / 2
    if rng.random() < 0.8:
        inside = _circle(body, side * half_mm * 0.84, middle_mm, rng.uniform(2.5, 3.6) * scale)
        body.paint(edge(inside + 0.7, 0.3), Material(1.2, 4), rng)
        body.paint(edge(inside, 0.3), replace(FLUID, stiffness=0.5), rng)
    if rng.random() < 0.6:
        inside = _circle(body, -side * half_mm * 1.12, middle_mm + 2 * scale, rng.uniform(7, 9) * scale, 1.1)
        body.paint(edge(inside, 0.4), replace(BONE, echo_db=-4, stiffness=4.0), rng)
        body.echo_db += 14 * np.exp(-((inside / 0.5) ** 2))
    return _room(body, float(bottom.mean()), float(below.mean()), (0.09, 0.19))


def breast(body: Body, rng: np.random.Generator) -> Host:
    """Skin, fat with ligaments, glandular tissue, fat behind it, pectoral muscle."""
    scale = body.view.depth_mm / 38
    bottom = body.layers([(SKIN, rng.uniform(1.2, 2.2) * scale), (FAT, rng.uniform(4, 10) * scale)], rng)
    ligaments = np.abs(body.noise((9.0, 5.0), rng)) < 0.12
    body.echo_db[ligaments & (body.depth_mm < bottom)] += 7
    below = bottom + rng.uniform(14, 20) * scale + body.wave(1.0, 18, rng)
    gland = replace(GLAND, stiffness=1.15, echo_db=2, grain_db=1.8, grain_mm=(5.0, 2.0))
    body.paint(edge(body.depth_mm - bottom, 0.5), gland, rng)
    deep = below + rng.uniform(2, 4) * scale
    body.paint(edge(body.depth_mm - below, 0.4), FAT, rng)
    body.paint(edge(body.depth_mm - deep, 0.3), replace(MUSCLE, stiffness=2.0), rng)
    body.line(deep, 0.4, FASCIA_DB)
    return _room(body, float(bottom.mean()), float(below.mean()), (0.09, 0.2))


def liver(body: Body, rng: np.random.Generator) -> Host:
    """Skin, fat and muscle of the wall, the capsule, even parenchyma with vessels, sometimes the diaphragm."""
    depth_mm = body.view.depth_mm
    scale = depth_mm / 75
    bottom = body.layers(
        [
            (SKIN, rng.uniform(1.5, 2.5) * scale),
            (FAT, rng.uniform(4, 12) * scale),
            (MUSCLE, rng.uniform(4, 9) * scale),
        ],
        rng,
    )
    parenchyma = Material(rng.uniform(0.9, 1.2), rng.uniform(-1, 2), 0.0, 0.8, (6.0, 4.0))
    body.paint(edge(body.depth_mm - bottom, 0.4), parenchyma, rng)
    body.line(bottom, 0.5, FASCIA_DB)
    for _ in range(rng.integers(0, 4)):
        x_mm, y_mm = rng.uniform(-0.4, 0.4) * depth_mm, rng.uniform(0.45, 0.9) * depth_mm
        inside = _circle(body, x_mm, y_mm, rng.uniform(1.2, 2.6) * scale, rng.uniform(0.5, 1.0))
        body.paint(edge(inside + 0.8, 0.5), replace(parenchyma, echo_db=5), rng)
        body.paint(edge(inside, 0.5), replace(FLUID, stiffness=0.7), rng)
    if rng.random() < 0.35:
        dome = rng.uniform(0.86, 0.95) * depth_mm - 0.004 * body.x_mm**2
        body.echo_db += 16 * np.exp(-(((body.y_mm - dome) / 0.9) ** 2))
    return _room(body, float(bottom.mean()) + 2, 0.85 * depth_mm, (0.09, 0.18))


def prostate(body: Body, rng: np.random.Generator) -> Host:
    """Seen from the rectum: its wall, then the peripheral zone around the darker, stiffer transition zone, then fat."""
    depth_mm = body.view.depth_mm
    scale = depth_mm / 45
    bottom = body.layers([(replace(MUSCLE, stiffness=1.1), rng.uniform(2, 4) * scale)], rng)
    body.paint(edge(body.depth_mm - bottom, 0.4), replace(FAT, echo_db=-2), rng)
    middle_mm = float(bottom.mean()) + 17 * scale
    half_mm = rng.uniform(20, 25) * scale
    whole = _circle(body, 0, middle_mm, half_mm, 15.5 * scale / half_mm)
    body.paint(edge(whole, 0.5), replace(GLAND, echo_db=2), rng)
    body.echo_db += 5 * np.exp(-((whole / 0.6) ** 2))
    transition = _circle(body, 0, middle_mm + 4.5 * scale, half_mm * 0.62, 0.75)
    body.paint(edge(transition, 0.8), Material(1.6, -4, 0.3, 2.0, (3.0, 3.0)), rng)
    return _room(body, float(bottom.mean()) + 2.5 * scale, middle_mm + 2 * scale, (0.09, 0.15))
