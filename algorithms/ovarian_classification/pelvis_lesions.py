"""The adnexal lesions of the public classes as scanners show them; each painter returns mm inside the outline."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from algorithms.ovarian_classification.pelvis_scene import adnexal_place
from algorithms.ovarian_classification.pelvis_texture import FLUID_DB, FLUID_LOSS, Field, Tissue


def _outline(
    tissue: Tissue, rng: np.random.Generator, shares: tuple[float, float], rough: float
) -> tuple[Field, tuple[float, float], float]:
    """mm inside, middle and smaller radius of a lesion whose radius is between two shares of the depth."""
    radius_mm = rng.uniform(*shares) * tissue.probe.depth_mm
    radii_mm = (radius_mm * rng.uniform(1.05, 1.5), radius_mm)
    centre = adnexal_place(tissue, radii_mm[0], rng)
    return tissue.ellipse(centre, radii_mm, rng.uniform(-0.7, 0.7), rough), centre, radius_mm


def _within(centre: tuple[float, float], reach_mm: float, rng: np.random.Generator) -> tuple[float, float]:
    angle, share = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform(0, 1))
    return centre[0] + share * reach_mm * math.cos(angle), centre[1] + share * reach_mm * math.sin(angle)


def simple_cyst(tissue: Tissue, rng: np.random.Generator) -> Field:
    """One clear chamber, thin smooth wall, bright behind."""
    inside, _, _ = _outline(tissue, rng, (0.09, 0.3), 0.04)
    tissue.fluid(inside, rng.uniform(3, 9), rng.uniform(0.5, 0.9))
    return inside


def chocolate_cyst(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Endometrioma: even low-level echoes (ground glass) in a thick wall, sometimes a level or a second chamber."""
    inside, centre, radius_mm = _outline(tissue, rng, (0.12, 0.3), 0.06)
    glass_db = rng.uniform(-20, -9)
    contents = glass_db + 0.7 * tissue.noise(5, 3)
    if rng.random() < 0.2:
        level = tissue.y_mm - np.float32(centre[1] + rng.uniform(-0.3, 0.5) * radius_mm)
        contents = contents + np.float32(rng.uniform(4, 9)) * np.clip(level + 0.5, 0, 1)
    tissue.paint(inside, contents, rng.uniform(-1.4, -0.5), 0.7)
    if rng.random() < 0.25:
        _septum(tissue, inside, centre, radius_mm, rng.uniform(0.6, 1.2), rng)
    tissue.wall(inside, rng.uniform(0.8, 1.6), rng.uniform(0, 6), 0.4)
    if rng.random() < 0.25:
        clot = tissue.ellipse(_within(centre, 0.8 * radius_mm, rng), (0.3 * radius_mm, 0.16 * radius_mm), 1.0, 0.2)
        tissue.solid(np.minimum(clot, inside), rng.uniform(-8, 0), 2.0, 2.0)
    return inside


def _septum(
    tissue: Tissue,
    inside: Field,
    centre: tuple[float, float],
    radius_mm: float,
    thick_mm: float,
    rng: np.random.Generator,
) -> None:
    """One curved wall through a chamber."""
    angle, bow = rng.uniform(0, math.pi), rng.uniform(-0.3, 0.3) / radius_mm
    x, y = tissue.x_mm - np.float32(centre[0]), tissue.y_mm - np.float32(centre[1])
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    place = across + np.float32(bow) * along**2 - np.float32(rng.uniform(-0.4, 0.4) * radius_mm)
    sheet = (np.float32(thick_mm) - np.abs(place)).astype(np.float32)
    tissue.paint(np.minimum(sheet, inside), rng.uniform(-2, 6), 0.0, 0.5)


def _chambers(
    tissue: Tissue, inside: Field, centre: tuple[float, float], radius_mm: float, count: int, rng: np.random.Generator
) -> tuple[Field, Field]:
    """mm to the nearest wall between chambers, and which chamber (its number)."""
    warp = 0.12 * radius_mm
    x = tissue.x_mm + warp * tissue.noise(0.7 * radius_mm, 0.7 * radius_mm)
    y = tissue.y_mm + warp * tissue.noise(0.7 * radius_mm, 0.7 * radius_mm)
    middles = [_within(centre, 1.1 * radius_mm, rng) for _ in range(count)]
    far = np.stack([np.hypot(x - np.float32(a), y - np.float32(b)) for a, b in middles])
    order = np.partition(far, 1, axis=0)
    return (order[1] - order[0]) / 2, np.argmin(far, axis=0).astype(np.float32)


def mucinous_cyst(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Many chambers of different fluid (thin to gelatinous) between thin walls; large."""
    inside, centre, radius_mm = _outline(tissue, rng, (0.2, 0.36), 0.06)
    count = int(rng.integers(2, 9))
    to_wall, chamber = _chambers(tissue, inside, centre, radius_mm, count, rng)
    levels = rng.uniform(-40, -16, count).astype(np.float32)
    contents = levels[chamber.astype(int)]
    if rng.random() < 0.3:
        contents = contents + 9 * np.maximum(tissue.noise(2.6, 1.6) - 0.4, 0)
    tissue.paint(inside, contents, -1.6, 0.7)
    thick_mm = rng.uniform(0.35, 0.9)
    tissue.paint(np.minimum(np.float32(thick_mm) - to_wall, inside), rng.uniform(-4, 5), 0.0, 0.5)
    tissue.wall(inside, rng.uniform(0.7, 1.2), rng.uniform(3, 8), 0.4)
    return inside


def serous_cyst(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Clear fluid, a thin wall, one to a few walls between chambers, sometimes a small papilla or a cyst within."""
    inside, centre, radius_mm = _outline(tissue, rng, (0.13, 0.35), 0.06)
    tissue.fluid(inside, rng.uniform(4, 9), rng.uniform(0.6, 1.0))
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))):
        _septum(tissue, inside, centre, radius_mm, rng.uniform(0.35, 0.8), rng)
    if rng.random() < 0.25:
        _papilla(tissue, inside, centre, radius_mm, rng.uniform(0.1, 0.2), rng)
    if rng.random() < 0.2:
        daughter = tissue.ellipse(_within(centre, 0.6 * radius_mm, rng), (0.2 * radius_mm, 0.18 * radius_mm))
        tissue.wall(np.minimum(daughter, inside), 0.8, 4, 0.5)
    return inside


def _papilla(
    tissue: Tissue, inside: Field, centre: tuple[float, float], radius_mm: float, share: float, rng: np.random.Generator
) -> None:
    """Solid tissue that grows from the wall into the chamber."""
    angle = rng.uniform(0, 2 * math.pi)
    foot = centre[0] + 0.95 * radius_mm * math.cos(angle), centre[1] + 0.95 * radius_mm * math.sin(angle)
    size_mm = share * radius_mm
    growth = tissue.ellipse(foot, (size_mm * rng.uniform(1, 1.8), size_mm), angle, 0.16)
    tissue.solid(np.minimum(growth, inside + 1), rng.uniform(-5, 3), 2.5, 0.25 * size_mm + 0.8, 0.2)


def teratoma(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Dermoid: echogenic fat, a node of hair with its shadow, lines and dots, sometimes a level or a clear chamber."""
    inside, centre, radius_mm = _outline(tissue, rng, (0.11, 0.26), 0.06)
    look = rng.choice(["bright", "node", "lines", "level"], p=[0.35, 0.3, 0.2, 0.15])
    if look == "bright":
        tissue.solid(inside, rng.uniform(2, 8), rng.uniform(1, 2.5), 4.0, rng.uniform(1.5, 6))
    else:
        tissue.paint(inside, rng.uniform(-30, -12) + 1.0 * tissue.noise(4, 3), rng.uniform(-1.4, -0.4), 0.7)
    if look == "lines":
        strands = np.maximum(tissue.noise(0.5 * radius_mm, 0.05 * radius_mm + 0.3) - 1.0, 0)
        dots = np.maximum(tissue.noise(1.1, 0.9) - 1.9, 0)
        tissue.echo_db += np.where(inside > 0, 14 * np.minimum(strands + dots, 1.3), 0)
    if look == "level":
        level = tissue.y_mm - np.float32(centre[1] + rng.uniform(-0.3, 0.3) * radius_mm) + 0.3 * tissue.noise(20, 20)
        tissue.paint(np.minimum(-level, inside), rng.uniform(0, 6), rng.uniform(0, 1.5), 0.6)
    if look == "node" or rng.random() < 0.3:
        size_mm = rng.uniform(0.35, 0.6) * radius_mm
        node = tissue.ellipse(_within(centre, 0.55 * radius_mm, rng), (1.2 * size_mm, size_mm), 0.4, 0.1)
        texture = rng.uniform(6, 11) + 2 * tissue.noise(2.5, 2)
        tissue.paint(np.minimum(node, inside), texture, rng.uniform(10, 26), 1.0)
    tissue.wall(inside, rng.uniform(0.7, 1.3), rng.uniform(0, 5), 0.25)
    return inside


def theca_tumour(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Thecoma or fibroma: solid, even, dark, smooth, taking sound away in stripes."""
    inside, _, _ = _outline(tissue, rng, (0.12, 0.27), 0.05)
    tissue.solid(inside, rng.uniform(-9, -3), rng.uniform(1, 2.2), 4.0)
    stripes = np.maximum(tissue.noise(0.05 * tissue.probe.depth_mm, 2 * tissue.probe.depth_mm), -0.4)
    taken = rng.uniform(1, 3.5) + rng.uniform(1, 4) * stripes
    tissue.loss += np.where(inside > 0, taken, 0).astype(np.float32)
    tissue.wall(inside, rng.uniform(0.7, 1.2), rng.uniform(-2, 4), 0.2)
    return inside


def high_grade_serous(tissue: Tissue, rng: np.random.Generator) -> Field:
    """Solid-cystic mass: uneven outline, solid parts, chambers with thick walls, papillae."""
    inside, centre, radius_mm = _outline(tissue, rng, (0.16, 0.33), 0.12)
    tissue.paint(inside + np.float32(3.0), rng.uniform(0, 6) + 2 * tissue.noise(9, 3), 0.0, 3.0)
    tissue.solid(inside, rng.uniform(-11, -4), rng.uniform(2, 4), 0.18 * radius_mm + 1)
    tissue.loss += np.where(inside > 0, np.float32(rng.uniform(0, 1)), 0).astype(np.float32)
    if rng.random() < 0.5:
        share = rng.uniform(0.55, 0.85)
        chamber = tissue.ellipse(
            _within(centre, 0.25 * radius_mm, rng), (share * radius_mm, share * radius_mm), 0, 0.14
        )
        chamber = np.minimum(chamber, inside - np.float32(0.06 * radius_mm))
        tissue.paint(chamber, rng.uniform(-40, -22), FLUID_LOSS, 0.7)
        for _ in range(int(rng.integers(2, 6))):
            _papilla(tissue, chamber, centre, share * radius_mm, rng.uniform(0.2, 0.5), rng)
        for _ in range(int(rng.integers(0, 3))):
            _septum(tissue, chamber, centre, radius_mm, rng.uniform(1.0, 2.0), rng)
    else:
        for _ in range(int(rng.integers(1, 7))):
            size_mm = rng.uniform(0.1, 0.36) * radius_mm
            space = tissue.ellipse(
                _within(centre, 0.7 * radius_mm, rng), (size_mm * rng.uniform(1, 1.8), size_mm), rng.uniform(0, 3), 0.2
            )
            tissue.paint(np.minimum(space, inside - 1), rng.uniform(FLUID_DB, -24), -1.5, 0.8)
    tissue.wall(inside, rng.uniform(0.8, 1.8), rng.uniform(0, 5), 0.25)
    return inside


LESIONS: MappingProxyType[str, tuple[Callable[[Tissue, np.random.Generator], Field], str]] = MappingProxyType(
    {
        "simple_cyst": (simple_cyst, "Simple_Cyst"),
        "chocolate_cyst": (chocolate_cyst, "Chocolate_Cyst"),
        "mucinous_cyst": (mucinous_cyst, "Mucinous_Cystadenoma"),
        "serous_cyst": (serous_cyst, "Serous_Cystadenoma"),
        "teratoma": (teratoma, "Teratoma"),
        "theca_tumour": (theca_tumour, "Theca_Cell_Tumor"),
        "high_grade_serous": (high_grade_serous, "High-grade_Serous_Cystadenoma"),
    }
)
"""Painter and class of the public images, by kind."""
