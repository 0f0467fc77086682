"""One simulated heart, cut plane by plane and moment by moment.

The heart's form is drawn once (``Form``); ``short_axis`` and ``long_axis`` cut it at any moment of ``beat.Beat``.
Directions as in the standard short-axis display: septum at 180 degrees, anterior at 90.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.anatomy import Chamber, Heart, Ventricle
from algorithms.lv_quantification.beat import Moment
from algorithms.lv_quantification.shapes import ANGLES, DIRECTIONS, Outline, ellipse, harmonics, irregular
from algorithms.lv_quantification.thorax import even_fat

TIP_MM = 1.5
"""A cavity of a smaller radius than this is not drawn: only the wall of the apex is."""

LONG_AXIS_DEGREES = 145.0
"""Direction from apex to base in a long-axis picture."""


@dataclass(frozen=True, eq=False)
class Form:
    """What makes one heart unlike another; tables of 360 entries, one per degree.

    Attributes:
        cavity, outer: factors on the radii, of mean square 1, so that areas and volumes stay those of the ellipsoid.
        notches: (2, 360) depth of the trabeculae in 0..1, at the base and at the apex.
        papillary_degrees: where the two papillary muscles stand.
        fat_mm: (360,) fat on the surface.
        right: (360,) factor on the right ventricle's outline.
        pads: fat around the heart.
    """

    cavity: NDArray[np.float64]
    outer: NDArray[np.float64]
    notches: NDArray[np.float64]
    papillary_degrees: tuple[float, float]
    fat_mm: NDArray[np.float64]
    right: NDArray[np.float64]
    pads: tuple[Outline, ...]


def any_form(rng: np.random.Generator) -> Form:
    """One heart's form by chance."""
    common = 1 + harmonics(rng, (2, 3), 0.02)
    notches = np.stack([np.clip(0.5 * harmonics(rng, (3, 4, 5, 6, 7, 9), 1.0) ** 2, 0, 1) for _ in range(2)])
    return Form(
        cavity=_of_mean_square_one(common + harmonics(rng, (3, 4, 5), 0.006)),
        outer=_of_mean_square_one(common + harmonics(rng, (1, 2), 0.012)),
        notches=notches,
        papillary_degrees=(float(rng.normal(35, 8)), float(rng.normal(285, 8))),
        fat_mm=np.clip(even_fat(1.5, rng), 0.5, 5),
        right=1 + harmonics(rng, (2, 3), 0.03),
        pads=(irregular(ellipse(-62, 22, 40, 22, 60), rng, 0.1), irregular(ellipse(-35, -42, 24, 9, -20), rng, 0.1)),
    )


def short_axis(form: Form, moment: Moment, height_mm: float, thickness_mm: float) -> Heart:
    """The heart cut across its axis at a height above the epicardial apex."""
    outer_mm = moment.outer_radius_mm(height_mm)
    none = np.zeros(DIRECTIONS)
    if height_mm > moment.base_mm:
        return Heart(None, _above(form, moment, height_mm - moment.base_mm), form.fat_mm, none, form.pads)
    if outer_mm <= 0:
        return Heart(None, (), form.fat_mm, none, form.pads[:1])
    x_mm = -2.0 * moment.contracted  # the free wall moves more than the septum
    turn = moment.turned_degrees(height_mm)
    epicardium = Outline(x_mm, 0.0, (outer_mm * _turned(form.outer, turn)).astype(np.float32))
    cavity_mm = moment.cavity_radius_mm(height_mm)
    shown_mm = cavity_mm if cavity_mm >= TIP_MM else 0.05
    endocardium = Outline(x_mm, 0.0, (shown_mm * _turned(form.cavity, turn)).astype(np.float32))
    ventricle = Ventricle(
        endocardium=endocardium,
        epicardium=epicardium,
        blood=_blood(form, moment, height_mm, endocardium, turn),
        papillary=_papillary(form, moment, height_mm, endocardium, turn),
        soft_mm=float(np.clip(moment.slope(height_mm) * thickness_mm, 0, 1.2 * cavity_mm)),
        sponge=0.3,
    )
    right = _right(form, moment, height_mm, epicardium)
    return Heart(ventricle, right, form.fat_mm, none, form.pads)


def long_axis(form: Form, moment: Moment, offset_mm: float) -> Heart:
    """The heart cut along its axis, ``offset_mm`` from it: a horseshoe, open towards the atrium.

    The apex points down and to the right; the heart's middle is at the origin.
    """
    none = np.zeros(DIRECTIONS)
    away = offset_mm / moment.radius_mm
    if abs(away) >= 0.95:
        return Heart(None, (), form.fat_mm, none, form.pads)
    share = math.sqrt(1 - away * away)
    wall = moment.wall_mm
    # From the middle of the axis: base at + half, cavity's apex at - half of its length.
    half = 0.5 * moment.length_mm
    cavity = _bullet(share * moment.radius_mm, moment.length_mm, half)
    outer = _bullet(share * moment.radius_mm + wall, moment.base_mm, half)
    ventricle = Ventricle(
        endocardium=Outline(0.0, 0.0, cavity.astype(np.float32)),
        epicardium=Outline(0.0, 0.0, np.maximum(outer, cavity).astype(np.float32)),
        blood=Outline(0.0, 0.0, (0.97 * cavity).astype(np.float32)),
        sponge=0.6,
    )
    angle = math.radians(LONG_AXIS_DEGREES)
    up = (math.cos(angle), math.sin(angle))
    side = (-up[1], up[0])
    left = 0.9 * moment.radius_mm + 4 * moment.contracted
    atrium = ellipse((half + 0.8 * left) * up[0], (half + 0.8 * left) * up[1], left, left, 0)
    across = share * moment.radius_mm + wall + 8
    right = ellipse(
        across * side[0] + 12 * up[0], across * side[1] + 12 * up[1], 0.42 * moment.length_mm, 16, LONG_AXIS_DEGREES
    )
    return Heart(ventricle, (Chamber(atrium, 2.0), Chamber(right, 3.0)), form.fat_mm, none)


def _bullet(radius_mm: float, length_mm: float, base_mm: float) -> NDArray[np.float64]:
    """(360,) distance from the axis' middle to a half ellipse that ends in a straight line at the base."""
    along = np.cos(ANGLES - math.radians(LONG_AXIS_DEGREES))
    across = np.sin(ANGLES - math.radians(LONG_AXIS_DEGREES))
    # Where the ray meets the ellipse whose centre lies on the base: a quadratic in the distance.
    a = (along / length_mm) ** 2 + (across / radius_mm) ** 2
    b = -2 * along * base_mm / length_mm**2
    c = (base_mm / length_mm) ** 2 - 1
    curve = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    with np.errstate(divide="ignore"):
        line = np.where(along > 1e-6, base_mm / np.maximum(along, 1e-6), np.inf)
    return np.minimum(curve, line)


def _of_mean_square_one(factor: NDArray) -> NDArray[np.float64]:
    return factor / math.sqrt(float(np.mean(factor**2)))


def _turned(table: NDArray, degrees: float) -> NDArray[np.float64]:
    """The table turned counter-clockwise, straight between its entries."""
    index = np.arange(DIRECTIONS) - degrees
    return np.interp(index, np.arange(DIRECTIONS), table, period=DIRECTIONS)


def _blood(form: Form, moment: Moment, height_mm: float, endocardium: Outline, turn: float) -> Outline:
    """The compact blood within the trabeculae, which take more room in systole and towards the apex."""
    level = height_mm / moment.base_mm
    notches = level * form.notches[0] + (1 - level) * form.notches[1]
    depth = (2.5 + 1.5 * moment.contracted) * (1.25 - level)
    radius = endocardium.radius_mm - np.minimum(depth, 0.5 * endocardium.radius_mm) * _turned(notches, turn)
    return Outline(endocardium.x_mm, endocardium.y_mm, radius.astype(np.float32))


def _papillary(form: Form, moment: Moment, height_mm: float, endocardium: Outline, turn: float) -> tuple[Outline, ...]:
    """Both papillary muscles: spindles from the lower third to three quarters of the ventricle's height."""
    level = height_mm / moment.base_mm
    body = 1 - ((level - 0.5) / 0.26) ** 2
    if body <= 0.05:
        return ()
    size = 4.2 * math.sqrt(body) * (1 + 0.2 * moment.contracted)
    size = min(size, 0.3 * endocardium.mean_radius_mm)
    found = []
    for degrees in form.papillary_degrees:
        share = max(0.3, 1 - 1.35 * size / endocardium.mean_radius_mm)
        x, y = endocardium.point(degrees + turn, share)
        found.append(ellipse(x, y, size, 0.8 * size, degrees + turn))
    return tuple(found)


def _right(form: Form, moment: Moment, height_mm: float, epicardium: Outline) -> tuple[Chamber, ...]:
    """The right ventricle behind the septum, from above the apex to the base."""
    level = height_mm / moment.base_mm
    if level < 0.18:
        return ()
    reach = (level - 0.18) ** 0.6
    depth = (9 + 40 * reach) * (1 - 0.28 * moment.contracted)
    tall = epicardium.mean_radius_mm * (0.72 + 0.22 * reach)
    x, y = epicardium.point(180, 0.8)
    shape = ellipse(x, y, depth, tall, 180)
    crescent = Outline(x, y, (shape.radius_mm * form.right).astype(np.float32))
    bx, by = crescent.point(205, 0.8)
    band = ellipse(bx, by, 5.0, 1.4, 70)
    return (Chamber(crescent, 3.0, 0.95, (band,) if level < 0.65 else ()),)


def _above(form: Form, moment: Moment, over_mm: float) -> tuple[Chamber, ...]:
    """Above the base: right ventricle and its outflow tract, left atrium (fullest at end-systole), aortic root."""
    atrium = 0.72 * moment.radius_mm + 4 * moment.contracted + 0.05 * over_mm
    right = ellipse(-48, 0, 24 * (1 - 0.15 * moment.contracted), 27, 0)
    tract = ellipse(-22, 30, 16, 12, 30)
    left = ellipse(9, -12, 1.15 * atrium, atrium, 20)
    root = ellipse(-12, 10, 14.5, 13.5, 0)
    return tuple(
        Chamber(Outline(c.x_mm, c.y_mm, (c.radius_mm * form.right).astype(np.float32)), wall, blood)
        for c, wall, blood in ((right, 2.5, 0.92), (tract, 2.0, 0.95), (left, 1.5, 0.97), (root, 1.6, 1.0))
    )
