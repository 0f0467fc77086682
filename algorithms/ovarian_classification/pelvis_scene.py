"""What lies in the pelvis before a probe: its tissue, ovaries with follicles, uterus, bladder, bowel, free fluid."""

from __future__ import annotations

import math

import numpy as np

from algorithms.ovarian_classification.pelvis_texture import FLUID_DB, FLUID_LOSS, Field, Tissue


def face(tissue: Tissue, rng: np.random.Generator) -> None:
    """What the probe touches: bright lines of its cover and of the wall, dense and layered, then the body."""
    depth = tissue.depth_mm
    inside = tissue.probe.name == "endocavity"
    thick_mm = rng.uniform(0.6, 1.2) if inside else rng.uniform(1.0, 2.0)
    for place in np.cumsum(rng.uniform(1.2, 2.2, int(rng.integers(2, 5 if inside else 8)))) * thick_mm:
        wave = 0.3 * thick_mm * tissue.noise(22.0, 30.0)
        line = np.exp(-(((depth - np.float32(place) + wave) / np.float32(0.35 * thick_mm)) ** 2))
        tissue.echo_db += np.float32(rng.uniform(2, 10)) * line
    first = np.exp(-(((depth - np.float32(0.5 * thick_mm)) / np.float32(0.4 * thick_mm)) ** 2))
    tissue.echo_db += np.float32(rng.uniform(8, 18)) * first


def surroundings(tissue: Tissue, rng: np.random.Generator) -> None:
    """Fat, ligaments and bowel round the adnexa: streaky, uneven, here and there a vessel or a bowel's shadow."""
    size = tissue.probe.depth_mm
    tissue.echo_db[:] = rng.uniform(-5, 3)
    tissue.echo_db += rng.uniform(2.5, 5.5) * tissue.noise(0.3 * size, 0.16 * size)
    tissue.echo_db += rng.uniform(2.5, 5.5) * tissue.noise(0.11 * size, 0.03 * size)
    tissue.echo_db += rng.uniform(1, 3) * tissue.noise(0.035 * size, 0.016 * size)
    tissue.loss[:] = rng.uniform(-0.2, 0.6)
    bright = np.maximum(tissue.noise(0.14 * size, 0.022 * size) - rng.uniform(0.9, 1.5), 0)
    tissue.echo_db += rng.uniform(6, 12) * np.minimum(bright, 1.5)
    for _ in range(int(rng.integers(1, 6))):
        _fold(tissue, rng)
    for _ in range(int(rng.integers(0, 4))):
        bowel(tissue, rng)
    for _ in range(int(rng.integers(0, 4))):
        vessel(tissue, rng)
    _poor_contact(tissue, rng)
    face(tissue, rng)


def _fold(tissue: Tissue, rng: np.random.Generator) -> None:
    """A fold of fat, muscle or ligament: brighter or darker than what is round it, often with a bright edge."""
    size = tissue.probe.depth_mm
    radius_mm = rng.uniform(0.06, 0.22) * size
    inside = tissue.ellipse(
        _anywhere(tissue, rng, (0.15, 1.0)), (radius_mm * rng.uniform(1.2, 3), radius_mm), rng.uniform(-0.9, 0.9), 0.15
    )
    texture = rng.uniform(-9, 6) + rng.uniform(1, 3) * tissue.noise(0.08 * size, 0.025 * size)
    tissue.paint(inside, texture, rng.uniform(-0.6, 1.2), rng.uniform(0.5, 3))
    tissue.wall(inside, rng.uniform(0.5, 1.2), rng.uniform(0, 9), 0.1)


def _poor_contact(tissue: Tissue, rng: np.random.Generator) -> None:
    """Beams that lose sound at the face: the flanks, or a stripe behind gas; what lies behind is dark."""
    across = np.linspace(-1, 1, tissue.x_mm.shape[1], dtype=np.float32)
    lost_db = np.zeros_like(across)
    if rng.random() < 0.55:
        side, reach = rng.choice([-1, 1]), rng.uniform(0.35, 0.9)
        lost_db += np.float32(rng.uniform(8, 30)) * np.clip((side * across - np.float32(reach)) / 0.2, 0, 1)
    if rng.random() < 0.4:
        width = np.float32(rng.uniform(0.03, 0.15))
        lost_db += np.float32(rng.uniform(4, 14)) * np.exp(-(((across - np.float32(rng.uniform(-1, 1))) / width) ** 2))
    tissue.shade_db += lost_db * np.clip(tissue.depth_mm / np.float32(0.2 * tissue.probe.depth_mm), 0, 1)


def _anywhere(tissue: Tissue, rng: np.random.Generator, depths: tuple[float, float]) -> tuple[float, float]:
    """x and y in mm at a depth between two shares of the picture's, within the fan."""
    share = rng.uniform(*depths)
    depth_mm = share * tissue.probe.depth_mm
    angle = rng.uniform(-0.85, 0.85) * tissue.probe.half_angle
    reach_mm = tissue.probe.radius_mm + depth_mm
    return reach_mm * math.sin(angle), reach_mm * math.cos(angle) - tissue.probe.radius_mm


def bowel(tissue: Tissue, rng: np.random.Generator) -> None:
    """A loop with gas: a bright front and a dirty shadow."""
    size = tissue.probe.depth_mm
    centre, radius_mm = _anywhere(tissue, rng, (0.35, 0.95)), rng.uniform(0.05, 0.14) * size
    inside = tissue.ellipse(centre, (1.5 * radius_mm, radius_mm), rng.uniform(-0.6, 0.6), 0.12)
    texture = rng.uniform(-6, 5) + 4 * tissue.noise(0.06 * size, 0.02 * size)
    tissue.paint(inside, texture, rng.uniform(1, 6), 1.5)
    tissue.wall(inside - np.float32(0.2 * radius_mm), 0.12 * radius_mm, rng.uniform(6, 14), 0.05)


def vessel(tissue: Tissue, rng: np.random.Generator) -> None:
    """A vein or artery along or across the picture."""
    size = tissue.probe.depth_mm
    across_mm = rng.uniform(0.008, 0.025) * size
    inside = tissue.ellipse(
        _anywhere(tissue, rng, (0.25, 0.9)), (across_mm * rng.uniform(1, 9), across_mm), rng.uniform(0, math.pi), 0.05
    )
    tissue.paint(inside, rng.uniform(-32, -18), -1.0, 0.6)
    tissue.wall(inside, 0.5, rng.uniform(0, 7), 0.2)


def adnexal_place(tissue: Tissue, radius_mm: float, rng: np.random.Generator) -> tuple[float, float]:
    """The middle of something of a radius that is wholly seen: off the middle line, not against the face."""
    probe = tissue.probe
    top, bottom = 0.12 * probe.depth_mm + radius_mm, 0.93 * probe.depth_mm - radius_mm
    depth_mm = rng.uniform(min(top, bottom), max(top, min(bottom, 0.62 * probe.depth_mm)))
    reach_mm = probe.radius_mm + depth_mm
    free = max(probe.half_angle - math.asin(min(1.0, 1.1 * radius_mm / reach_mm)), 0.0)
    angle = rng.uniform(-0.75, 0.75) * min(free, 0.7)
    return reach_mm * math.sin(angle), reach_mm * math.cos(angle) - probe.radius_mm


def normal_ovary(tissue: Tissue, rng: np.random.Generator) -> Field:
    """An ovary with follicles; mm inside its outline."""
    scale = 1.0 if tissue.probe.name == "endocavity" else 1.25
    radii_mm = (scale * rng.uniform(11, 19), scale * rng.uniform(7, 12))
    centre, turn = adnexal_place(tissue, radii_mm[1] * 1.2, rng), rng.uniform(-0.8, 0.8)
    whole = tissue.ellipse(centre, radii_mm, turn, 0.05)
    tissue.solid(whole, rng.uniform(-11, -3), rng.uniform(1, 2.5), 3.5)
    tissue.wall(whole, 0.8, rng.uniform(-2, 5), 0.2)
    count = int(rng.integers(1, 12))
    largest = rng.uniform(1.6, 3.2) if count > 6 else rng.uniform(2.0, 6.5)
    for place in range(count):
        radius_mm = largest * (1.0 if place == 0 else rng.uniform(0.35, 0.95))
        angle = 2 * math.pi * (place + rng.uniform(-0.3, 0.3)) / count
        share = 1 - 1.1 * radius_mm / min(radii_mm) * rng.uniform(0.8, 1.3)
        along, across = share * radii_mm[0] * math.cos(angle), share * radii_mm[1] * math.sin(angle)
        middle = (
            centre[0] + along * math.cos(turn) - across * math.sin(turn),
            centre[1] + along * math.sin(turn) + across * math.cos(turn),
        )
        follicle = tissue.ellipse(middle, (radius_mm * rng.uniform(1, 1.35), radius_mm), rng.uniform(0, 3), 0.04)
        tissue.fluid(np.minimum(follicle, whole - np.float32(0.6)), rng.uniform(0, 5), 0.5)
    return whole


def uterus(tissue: Tissue, rng: np.random.Generator, centre: tuple[float, float] | None = None) -> Field:
    """A uterus with its endometrium, sometimes a fibroid; mm inside its outline."""
    scale = rng.uniform(0.85, 1.2)
    radii_mm = (scale * rng.uniform(28, 42), scale * rng.uniform(17, 24))
    turn = rng.uniform(-0.5, 0.5)
    if centre is None:
        depth_mm = rng.uniform(0.3, 0.5) * tissue.probe.depth_mm + 0.3 * radii_mm[1]
        centre = (rng.uniform(-8, 8), depth_mm)
    whole = tissue.ellipse(centre, radii_mm, turn, 0.04)
    tissue.paint(whole + np.float32(3.0), rng.uniform(1, 5) + 2.0 * tissue.noise(9, 3), 0.0, 3.0)
    tissue.solid(whole, rng.uniform(-10, -4), rng.uniform(1.0, 2.0), 6.0, rng.uniform(0, 0.6))
    tissue.echo_db += np.where(whole > 0, 1.4 * tissue.noise(14, 2.2), 0)
    tissue.wall(whole, 1.0, rng.uniform(3, 9), 0.15)
    thick_mm = rng.uniform(1.5, 6.5)
    lining = tissue.ellipse(centre, (0.72 * radii_mm[0], thick_mm), turn, 0.05)
    tissue.paint(lining + np.float32(2.0), rng.uniform(-11, -7), 0.0, 1.5)
    tissue.solid(lining, rng.uniform(1, 6), 1.5, 2.5)
    if rng.random() < 0.6:
        middle = tissue.ellipse(centre, (0.7 * radii_mm[0], 0.4), turn)
        tissue.wall(np.minimum(middle, 0), 0.5, 7, 0.5)
    if rng.random() < 0.25:
        side = rng.choice([-1, 1])
        fibroid = tissue.ellipse((centre[0] + side * 0.5 * radii_mm[0], centre[1] + 8), (11.0, 9.0), 0, 0.06)
        tissue.solid(fibroid, rng.uniform(-12, -7), 2.5, 3.0, rng.uniform(1, 4))
    return whole


def bladder(tissue: Tissue, rng: np.random.Generator) -> Field:
    """A filled bladder below the wall of the belly: clear, with reverberations at its front; mm inside."""
    size = tissue.probe.depth_mm
    radii_mm = (rng.uniform(0.24, 0.42) * size, rng.uniform(0.12, 0.24) * size)
    centre = (rng.uniform(-0.1, 0.1) * size, rng.uniform(0.16, 0.22) * size + radii_mm[1])
    inside = tissue.ellipse(centre, radii_mm, rng.uniform(-0.25, 0.25), 0.07)
    tissue.fluid(inside, rng.uniform(4, 10), 1.2)
    front = np.exp(-np.maximum(inside, 0) / np.float32(rng.uniform(2, 5))) * (inside > 0)
    tissue.echo_db += front * np.float32(rng.uniform(6, 20)) * (tissue.y_mm < centre[1])
    return inside


def belly_wall(tissue: Tissue, rng: np.random.Generator) -> None:
    """Skin, fat and muscle as a curved probe sees them first."""
    at_mm = 0.0
    for echo_db, thick_mm in ((3, rng.uniform(2, 4)), (-6, rng.uniform(5, 16)), (-3, rng.uniform(5, 11))):
        inside = tissue.depth_mm - np.float32(at_mm) - 0.6 * tissue.noise(30, 60)
        layer = np.minimum(inside, np.float32(thick_mm) - inside)
        tissue.solid(layer, echo_db + rng.uniform(-2, 2), 3.0, 5.0)
        tissue.echo_db += np.where(layer > 0, 3.5 * tissue.noise(16, 0.9), 0)
        at_mm += thick_mm
        tissue.wall(tissue.depth_mm - np.float32(at_mm), 0.6, rng.uniform(3, 10), 0.2)


def free_fluid(tissue: Tissue, rng: np.random.Generator, keep_mm: Field | None = None) -> None:
    """Ascites: clear fluid between uterus, loops of bowel and wall, its corners sharp where they meet.

    Args:
        tissue: painted so far.
        rng: of the scene.
        keep_mm: mm inside what the fluid lies around.
    """
    size = tissue.probe.depth_mm
    at_mm, thick_mm = rng.uniform(0.42, 0.7) * size, rng.uniform(0.12, 0.3) * size
    tilt = rng.uniform(-0.25, 0.25)
    middle = (
        tissue.y_mm - np.float32(at_mm) - np.float32(tilt) * tissue.x_mm + 0.03 * size * tissue.noise(0.3 * size, 90)
    )
    reach = 1 - np.abs(tissue.x_mm - rng.uniform(-0.2, 0.2) * size) / np.float32(rng.uniform(0.45, 1.0) * size)
    pool = np.float32(thick_mm) * np.clip(reach, -1, 1) - np.abs(middle)
    if keep_mm is not None:
        here = np.clip(tissue.noise(0.35 * size, 0.3 * size) + np.float32(rng.uniform(-0.4, 0.8)), -1, 1)
        around = np.float32(rng.uniform(0.05, 0.14) * size) * here + np.minimum(keep_mm, 0)
        pool = np.minimum(np.maximum(pool, around), -keep_mm)
    clear_db = rng.choice([FLUID_DB, rng.uniform(-34, -24)])
    tissue.paint(pool, np.float32(clear_db) + 2 * tissue.noise(4, 3), FLUID_LOSS, 0.5)
    tissue.wall(pool, 0.6, rng.uniform(1, 6), 0.1)
    for _ in range(int(rng.integers(2, 6))):
        _loop_in_fluid(tissue, pool, size, rng)


def _loop_in_fluid(tissue: Tissue, pool_mm: Field, size_mm: float, rng: np.random.Generator) -> None:
    """A loop of bowel that reaches into the fluid: wall, contents, sometimes gas."""
    rows, beams = np.nonzero(np.abs(pool_mm) < 0.02 * size_mm)
    if not len(rows):
        return
    pick = int(rng.integers(len(rows)))
    centre = float(tissue.x_mm[rows[pick], beams[pick]]), float(tissue.y_mm[rows[pick], beams[pick]])
    radius_mm = rng.uniform(0.05, 0.11) * size_mm
    loop = tissue.ellipse(centre, (radius_mm * rng.uniform(1, 1.8), radius_mm), rng.uniform(-0.7, 0.7), 0.07)
    near = np.minimum(loop, pool_mm + np.float32(2 * radius_mm))
    tissue.solid(near, rng.uniform(-9, -1), 2.5, 3.0, rng.uniform(0, 2.5))
    tissue.wall(near, 0.9, rng.uniform(1, 7), 0.3)
    if rng.random() < 0.5:
        gas = tissue.ellipse(centre, (0.6 * radius_mm, 0.25 * radius_mm), rng.uniform(-0.5, 0.5), 0.1)
        tissue.paint(np.minimum(gas, near), rng.uniform(7, 13), rng.uniform(4, 10), 0.6)
