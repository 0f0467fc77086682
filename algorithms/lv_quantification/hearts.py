"""Hearts by chance: every level from above the base to below the apex, healthy and sick."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from algorithms.lv_quantification.anatomy import Chamber, Heart, Ventricle
from algorithms.lv_quantification.shapes import ANGLES, Outline, bump, ellipse, harmonics, irregular
from algorithms.lv_quantification.thorax import even_fat

CAVITY_MM = (4.0, 45.0)
"""Mean cavity radius of any ventricle that has a cavity."""


class Level(StrEnum):
    """Where the plane cuts."""

    ABOVE = "above"
    OUTFLOW = "outflow"
    BASE = "base"
    MID = "mid"
    APEX = "apex"
    TIP = "tip"
    BELOW = "below"


SHARES = {
    Level.ABOVE: 0.08,
    Level.OUTFLOW: 0.08,
    Level.BASE: 0.15,
    Level.MID: 0.42,
    Level.APEX: 0.19,
    Level.TIP: 0.02,
    Level.BELOW: 0.06,
}
"""How often each is drawn. TIP is the wall of the apex without a cavity."""


def any_level(rng: np.random.Generator) -> Level:
    """One level, by SHARES."""
    return Level(rng.choice([str(level) for level in SHARES], p=list(SHARES.values())))


def any_heart(rng: np.random.Generator, level: Level) -> Heart:
    """A heart whose left ventricle (or what stands in its place) is at the origin."""
    effusion = np.zeros(360)
    if rng.random() < 0.07:
        effusion = rng.uniform(2, 12) * bump(rng.uniform(180, 360), rng.uniform(90, 300))
    fat = even_fat(rng.exponential(2.5), rng)
    pads = _pads(rng)
    if level == Level.BELOW:
        return Heart(None, (), fat, effusion, pads if rng.random() < 0.5 else ())
    if level == Level.ABOVE:
        return Heart(None, _clover(rng), fat, effusion, pads)
    ventricle = any_ventricle(rng, level)
    chambers = list(_right(rng, level, ventricle.epicardium))
    if level == Level.OUTFLOW or (level == Level.BASE and rng.random() < 0.25):
        chambers = [*_neighbours(rng, ventricle), *chambers]
    return Heart(ventricle, tuple(chambers), fat, effusion, pads)


def any_ventricle(rng: np.random.Generator, level: Level) -> Ventricle:
    """A left ventricle at the origin at any moment of its beat."""
    systole = rng.random() ** 1.3
    dilated = rng.random() < 0.3
    thick = rng.random() < 0.2
    radius = rng.normal(26, 3.5) if not dilated else rng.uniform(28, 45)
    radius *= 1 - systole * (rng.uniform(0.05, 0.3) if dilated else rng.uniform(0.15, 0.5))
    wall = rng.normal(7.5, 1.3) if not thick else rng.uniform(10, 17)
    wall *= 1 + systole * (rng.uniform(0.05, 0.35) if dilated else rng.uniform(0.2, 0.6))
    if level == Level.APEX:
        radius *= rng.uniform(0.18, 0.75)
        wall *= rng.uniform(0.7, 1.15)
    if level == Level.TIP:
        radius, wall = 0.4, rng.uniform(7, 16)
    elif not CAVITY_MM[0] <= radius <= CAVITY_MM[1]:
        radius = float(np.clip(radius, *CAVITY_MM))
    wall = float(np.clip(wall, 3.0, 20.0))
    base = 1 + harmonics(rng, (2, 3, 4), 0.05) + rng.normal(0, 0.04) * np.cos(2 * ANGLES)
    if rng.random() < 0.08:  # pressure overload of the right ventricle flattens the septum
        base -= rng.uniform(0.1, 0.3) * bump(180 + rng.normal(0, 10), rng.uniform(50, 90))
    inner = _scaled(radius * np.clip(base, 0.5, 1.6), radius)
    thickness = np.clip(wall * _thickness_pattern(rng, thick), 2.0, 26.0)
    outer = inner + thickness
    inner = inner * (1 + harmonics(rng, (3, 4, 5, 6, 7, 9), 0.035))
    if level == Level.TIP:
        inner = np.full(360, 0.1)
    endo = Outline(0.0, 0.0, inner.astype(np.float32))
    epi = Outline(0.0, 0.0, np.maximum(outer, inner + 1.5).astype(np.float32))
    soft = 0.0
    if level in (Level.APEX, Level.TIP):
        soft = rng.uniform(0, 0.35 * wall + 0.5)
    elif rng.random() < 0.3:
        soft = rng.uniform(0, 2.0)
    opening = None
    if level == Level.OUTFLOW:
        opening = (rng.normal(140, 20), rng.uniform(35, 130))
    blood = _blood(rng, endo, systole)
    papillary = _papillary(rng, endo, level, systole)
    return Ventricle(endo, epi, blood, papillary, opening, soft, float(rng.uniform(0.05, 0.75)))


def _scaled(radius_mm: NDArray, wanted_mm: float) -> NDArray:
    """The curve scaled so that its area is that of a disc of the wanted radius."""
    return radius_mm * (wanted_mm / math.sqrt(np.mean(radius_mm**2)))


def _thickness_pattern(rng: np.random.Generator, thick: bool) -> NDArray[np.float64]:
    """(360,) factor on the wall's thickness: uneven, thin where infarcted, a thick septum in some."""
    pattern = 1 + harmonics(rng, (1, 2, 3, 4), 0.1)
    if rng.random() < 0.18:
        pattern *= 1 - rng.uniform(0.3, 0.65) * bump(rng.uniform(0, 360), rng.uniform(40, 160))
    if thick and rng.random() < 0.5:
        pattern *= 1 + rng.uniform(0.2, 0.7) * bump(rng.normal(160, 25), rng.uniform(50, 130))
    return ndimage.gaussian_filter1d(pattern, 8.0, mode="wrap")


def _blood(rng: np.random.Generator, endo: Outline, systole: float) -> Outline:
    """Border of the compact blood: notched by trabeculae, more so towards end-systole."""
    if rng.random() < 0.15:
        return endo
    depth = rng.uniform(0.3, 2.2) + rng.uniform(0, 0.18) * endo.mean_radius_mm * (0.4 + systole)
    notches = harmonics(rng, (3, 4, 5, 6, 7, 9, 12), 1.0) ** 2
    ragged = np.clip(notches * rng.uniform(0.3, 1.0), 0, 2.5) * depth
    return Outline(endo.x_mm, endo.y_mm, np.maximum(endo.radius_mm - ragged, 0.25 * endo.radius_mm).astype(np.float32))


def _papillary(rng: np.random.Generator, endo: Outline, level: Level, systole: float) -> tuple[Outline, ...]:
    """The two papillary muscles (anterolateral, inferoseptal-inferior) and their heads, near the endocardium."""
    if level in (Level.TIP, Level.OUTFLOW) or (level == Level.BASE and rng.random() < 0.5):
        return ()
    radius = endo.mean_radius_mm
    muscles = []
    for centre in (rng.normal(35, 18), rng.normal(285, 18)):
        if rng.random() < 0.2:
            continue
        for _ in range(1 + (rng.random() < 0.4)):
            size = float(np.clip(rng.uniform(2, 5.5) * (1 + 0.3 * systole), 1.2, 0.36 * radius))
            x, y = endo.point(centre + rng.normal(0, 12), max(0.25, 1 - size * rng.uniform(0.6, 1.9) / radius))
            muscles.append(irregular(ellipse(x, y, size, size * rng.uniform(0.55, 1), rng.uniform(0, 180)), rng, 0.12))
    for _ in range(rng.poisson(0.8)):
        size = float(rng.uniform(0.7, 2.2))
        x, y = endo.point(rng.uniform(0, 360), rng.uniform(0.5, 0.98))
        muscles.append(ellipse(x, y, size, size * rng.uniform(0.5, 1), rng.uniform(0, 180)))
    return tuple(muscles)


def _right(rng: np.random.Generator, level: Level, epi: Outline) -> tuple[Chamber, ...]:
    """The right ventricle: an ellipse behind the left one, so that a crescent shows."""
    if level == Level.TIP or (level == Level.APEX and rng.random() < 0.25):
        return ()
    u = rng.uniform
    around = 180 + rng.normal(0, 14)
    radius = float(epi.radius_mm[round(around) % 360])
    large = {Level.OUTFLOW: (24, 48), Level.BASE: (20, 50), Level.MID: (8, 45), Level.APEX: (2, 24)}[level]
    depth = u(*large)
    x, y = epi.point(around, 0.85)
    tall = radius * u(0.75, 1.1) * (0.8 if level == Level.APEX else 1) + u(0, 6)
    crescent = irregular(ellipse(x, y, depth + 0.15 * radius, tall, around + rng.normal(0, 10)), rng, 0.06)
    bulge = crescent.radius_mm
    if level in (Level.OUTFLOW, Level.BASE) and rng.random() < 0.7:
        tract = u(0, 18) * bump(rng.normal(110, 12), u(30, 60))
        bulge = bulge + ndimage.gaussian_filter1d(tract, 8.0, mode="wrap")
    crescent = Outline(x, y, bulge.astype(np.float32))
    inside = []
    for _ in range(rng.poisson(4 if level == Level.APEX else 2)):
        px, py = crescent.point(around + rng.normal(0, 50), u(0.55, 1.0))
        inside.append(ellipse(px, py, u(1, 7), u(0.6, 2.2), u(0, 180)))
    return (Chamber(crescent, u(1.5, 5.0), u(0.8, 1.15), tuple(inside)),)


def _neighbours(rng: np.random.Generator, ventricle: Ventricle) -> list[Chamber]:
    """What else a basal cut meets: aortic root behind the outflow tract, atria below and to the left."""
    u = rng.uniform
    epi = ventricle.epicardium
    found = []
    if ventricle.opening and rng.random() < 0.7:
        x, y = epi.point(ventricle.opening[0], u(0.8, 1.25))
        found.append(Chamber(irregular(ellipse(x, y, u(9, 16), u(9, 15)), rng, 0.04), u(0.8, 2), u(0.9, 1.1)))
    if rng.random() < 0.5:
        x, y = epi.point(rng.normal(225, 20), u(1.1, 1.6))
        found.append(
            Chamber(irregular(ellipse(x, y, u(10, 28), u(9, 24), u(0, 180)), rng, 0.1), u(0.8, 2), u(0.8, 1.1))
        )
    return found


def _clover(rng: np.random.Generator) -> tuple[Chamber, ...]:
    """Above the base: aortic root in the middle, atria and right outflow tract around it, all with thin walls."""
    u = rng.uniform
    root = u(11, 18)
    chambers = []
    places = ((u(250, 330), (16, 34)), (u(170, 230), (14, 32)), (u(80, 140), (10, 22)), (u(0, 50), (5, 14)))
    for degrees, sizes in places:
        if rng.random() < 0.15:
            continue
        a = u(*sizes)
        b = a * u(0.6, 1)
        far = root + u(0.5, 0.95) * b
        x, y = far * math.cos(math.radians(degrees)), far * math.sin(math.radians(degrees))
        shape = irregular(ellipse(x, y, a, b, degrees + 90 + rng.normal(0, 20)), rng, 0.09)
        chambers.append(Chamber(shape, u(0.6, 2.4), u(0.75, 1.1)))
    order = rng.permutation(len(chambers))
    centre = Chamber(irregular(ellipse(0, 0, root, root * u(0.85, 1)), rng, 0.04), u(0.8, 2.2), u(0.85, 1.1))
    return (*(chambers[i] for i in order), centre) if rng.random() < 0.9 else tuple(chambers[i] for i in order)


def _pads(rng: np.random.Generator) -> tuple[Outline, ...]:
    """Fat in the angle between heart, diaphragm and chest wall, and around the right ventricle."""
    pads = []
    for _ in range(rng.poisson(1.0)):
        way = rng.normal(190, 55)
        far = rng.uniform(25, 75)
        pads.append(_pad(rng, way, far, rng.uniform(8, 40), rng.uniform(5, 22), rng.uniform(0, 180)))
    if rng.random() < 0.6:  # the mediastinum, up to the chest wall
        way = rng.normal(165, 25)
        pads.append(
            _pad(rng, way, rng.uniform(40, 70), rng.uniform(25, 60), rng.uniform(15, 45), way + rng.normal(0, 30))
        )
    return tuple(pads)


def _pad(rng: np.random.Generator, way: float, far: float, a: float, b: float, tilt: float) -> Outline:
    angle = math.radians(way)
    return irregular(ellipse(far * math.cos(angle), far * math.sin(angle), a, b, tilt), rng, 0.12)
