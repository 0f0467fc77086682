"""The scene of a left-ventricular M-mode: chest wall, right ventricle, septum, cavity, posterior wall, pericardium.

Where the lengths are measured: every point lies on the leading edge of its echo, the edge that faces the probe
(American Society of Echocardiography, Sahn 1978). Here the tissue changes exactly at that edge and the bright echo of
the border hangs below it, so the leading edges and the anatomical borders are the same depths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import Beats
from algorithms.mmode_ef.heart_motion import Ventricle, WallMotion, Walls
from algorithms.mmode_ef.leaflets import anterior_leaflet, posterior_leaflet, systolic_bell
from algorithms.mmode_ef.scene import (
    ABSENT_DB,
    Breathing,
    EchoLine,
    Fade,
    Scene,
    beat_fades,
    random_breathing,
    sparkle_db,
    stacked,
    static_lines,
    wander,
)

_RV_WALL, _SEPTUM, _POSTERIOR = 1, 3, 7
"""Indices of the muscle layers in the scene of :func:`lv_scene`."""

_PAPILLARY_CHANCE = 0.12
"""Share of the lines that pass through a papillary muscle."""


@dataclass(frozen=True)
class Sight:
    """How well this patient is seen.

    Attributes:
        clutter: 0 (clean cavity) .. 1 (reverberation and haze).
        dropout: expected number of lost wall segments per second of recording.
        lines_db: how far the border echoes stand above the tissue.
    """

    clutter: float
    dropout: float
    lines_db: float


@dataclass(frozen=True)
class LvLine:
    """Where the line meets the left ventricle's walls, at any time.

    Attributes:
        ventricle, beats: whose walls.
        motion: how they move.
        breathing: drift on top.
        origin_mm: depth of the septum's inner edge at end-diastole without drift.
    """

    ventricle: Ventricle
    beats: Beats
    motion: WallMotion
    breathing: Breathing
    origin_mm: float

    def walls(self, times_s: NDArray) -> Walls:
        """The four edges as depths below the probe."""
        return self.motion.walls(times_s).moved(self.origin_mm + self.breathing.depth_mm(times_s))


def lv_scene(
    rng: np.random.Generator, beats: Beats, ventricle: Ventricle, times_s: NDArray, sight: Sight
) -> tuple[Scene, LvLine, float]:
    """The scene, the walls at any time, and the depth in mm down to which the heart reaches."""
    chest = rng.uniform(10.0, 28.0)
    rv_wall = rng.uniform(2.5, 6.0)
    rv_cavity = rng.uniform(8.0, 30.0) if rng.random() < 0.9 else rng.uniform(2.5, 8.0)
    line = LvLine(ventricle, beats, WallMotion(ventricle, beats), random_breathing(rng, 4.0), 0.0)
    highest = float(line.walls(times_s).upper_outer_mm.min())
    line = replace(line, origin_mm=chest + rv_wall + rv_cavity - highest)
    walls = line.walls(times_s)
    squeeze = rng.uniform(0.1, 0.6)
    rv_inner = (
        chest + rv_wall + squeeze * (walls.upper_outer_mm - walls.upper_outer_mm.mean()) * rng.choice([-0.5, 1.0])
    )
    rv_inner = rv_inner + rng.uniform(0.0, 0.4) * rv_cavity * systolic_bell(beats, times_s, 1.0, rng.uniform(0.1, 0.5))
    rv_inner = np.minimum(rv_inner, walls.upper_outer_mm - 1.5)
    pericardium = rng.uniform(2.0, 5.0)
    boundaries = stacked(
        [
            0.0,
            np.minimum(chest + 0.4 * wander(rng, times_s, 0.8), rv_inner - 1.0),
            rv_inner,
            walls.upper_outer_mm,
            walls.upper_inner_mm,
            *_papillary_mm(rng, walls),
            walls.lower_inner_mm,
            walls.lower_outer_mm,
            walls.lower_outer_mm + pericardium,
            float(walls.lower_outer_mm.max()) + pericardium + rng.uniform(25.0, 150.0),
        ],
        len(times_s),
    )
    haze = 14.0 * sight.clutter
    muscle = rng.uniform(-9.0, -2.0)
    blood = rng.uniform(-38.0, -30.0) + haze
    levels = (
        rng.uniform(-4.0, 4.0),
        muscle + rng.uniform(-3.0, 3.0),
        rng.uniform(-36.0, -26.0) + haze * rng.uniform(0.5, 1.3),
        muscle + rng.uniform(-2.0, 2.0),
        blood,
        muscle + rng.uniform(-6.0, 3.0) if rng.random() < _PAPILLARY_CHANCE else blood,
        blood,
        muscle + rng.uniform(-3.0, 3.0),
        rng.uniform(4.0, 12.0),
        rng.uniform(-16.0, -3.0),
    )
    fades = tuple(_random_fades(rng, times_s, sight))
    lines = _border_lines(rng, times_s, walls, rv_inner, sight, fades)
    lines += _inside_lines(rng, times_s, beats, walls, sight)
    lines += static_lines(rng, times_s, (0.5, chest), int(rng.integers(4, 12)), rng.uniform(-2.0, 6.0))
    if rng.random() < 0.7 * sight.clutter:
        lines += static_lines(rng, times_s, (chest, 2.6 * chest), int(rng.integers(1, 5)), -12.0 + 8.0 * sight.clutter)
    through_plane = beat_fades(rng, beats, tuple(range(len(levels))))
    scene = Scene(np.asarray(times_s, float), boundaries, levels, tuple(lines), (*fades, *through_plane))
    return scene, line, float(walls.lower_outer_mm.max()) + pericardium


def _papillary_mm(rng: np.random.Generator, walls: Walls) -> tuple[NDArray, NDArray]:
    """Upper and lower edge of a papillary muscle: near the posterior wall, with blood between them."""
    cavity = walls.lower_inner_mm - walls.upper_inner_mm
    upper = walls.upper_inner_mm + rng.uniform(0.6, 0.8) * cavity
    return upper, np.minimum(upper + rng.uniform(3.0, 8.0), walls.lower_inner_mm - rng.uniform(1.5, 3.0))


def _random_fades(rng: np.random.Generator, times_s: NDArray, sight: Sight) -> list[Fade]:
    """Dropout of the septum, the posterior wall or the right ventricle's wall for part of the time."""
    start, stop = float(times_s.min()), float(times_s.max())
    fades = []
    for layer in (_RV_WALL, _SEPTUM, _SEPTUM, _POSTERIOR):
        if rng.random() < sight.dropout:
            begin = rng.uniform(start - 0.2, stop)
            last = layer + (1 if layer == _POSTERIOR and rng.random() < 0.3 else 0)
            fades.append(Fade(layer, last, begin, begin + rng.uniform(0.1, 0.7), rng.uniform(8.0, 22.0)))
    return fades


def _border_lines(
    rng: np.random.Generator,
    times_s: NDArray,
    walls: Walls,
    rv_inner: NDArray,
    sight: Sight,
    fades: tuple[Fade, ...],
) -> list[EchoLine]:
    """Endocardial, epicardial and pericardial echoes, brighter and weaker over time, lost where their wall is."""
    lines = []
    plan = (
        (rv_inner, _RV_WALL, -4.0, 0.4),
        (walls.upper_outer_mm, _SEPTUM, 0.0, 0.45),
        (walls.upper_inner_mm, _SEPTUM, 0.0, 0.4),
        (walls.lower_inner_mm, _POSTERIOR, 0.0, 0.4),
        (walls.lower_outer_mm, _POSTERIOR + 1, 9.0, 0.8),
    )
    for depth, layer, extra_db, thickness in plan:
        level = sight.lines_db + extra_db + rng.normal(0.0, 3.5) + sparkle_db(rng, times_s, rng.uniform(0.02, 0.06))
        for fade in fades:
            if fade.first <= layer <= fade.last:
                level = level - 1.3 * fade.loss_db * fade.share(times_s)
        rough = depth + 0.2 * wander(rng, times_s, 0.03)
        lines.append(EchoLine(rough, level, thickness * float(rng.uniform(0.5, 1.3))))
    if rng.random() < 0.6:  # the pericardium is often several echoes, one below the other
        for _ in range(int(rng.integers(1, 3))):
            below = walls.lower_outer_mm + rng.uniform(1.5, 4.5) + 0.3 * wander(rng, times_s, 0.1)
            level = sight.lines_db + rng.uniform(2.0, 9.0) + sparkle_db(rng, times_s, 0.06)
            lines.append(EchoLine(below, level, float(rng.uniform(0.4, 1.0))))
    return lines


def _inside_lines(
    rng: np.random.Generator, times_s: NDArray, beats: Beats, walls: Walls, sight: Sight
) -> list[EchoLine]:
    """What may lie in the cavities without being a wall: chordae, leaflet fragments, RV bands, fibres."""
    lines = []
    cavity = walls.lower_inner_mm - walls.upper_inner_mm
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.42, 0.33, 0.17, 0.08]))):
        place = rng.uniform(0.55, 0.92)
        depth = walls.upper_inner_mm + place * cavity + 0.4 * wander(rng, times_s, 0.1)
        level = sight.lines_db - 7.5 + rng.normal(0.0, 4.0) + 1.7 * sparkle_db(rng, times_s, rng.uniform(0.04, 0.12))
        level += 9.0 * (wander(rng, times_s, 0.3) - 0.5)
        lines.append(EchoLine(depth, level, float(rng.uniform(0.2, 0.4))))
    if rng.random() < 0.3:
        lines += _leaflet_fragments(rng, times_s, beats, walls, sight)
    if rng.random() < 0.3:
        above = rng.uniform(2.0, 7.0)
        level = sight.lines_db - 5.0 + 1.5 * sparkle_db(rng, times_s, 0.08)
        lines.append(EchoLine(walls.upper_outer_mm - above, level, 0.4))
    for outer, inner in ((walls.upper_outer_mm, walls.upper_inner_mm), (walls.lower_inner_mm, walls.lower_outer_mm)):
        for _ in range(int(rng.integers(0, 3))):  # fibres within the muscle
            depth = outer + rng.uniform(0.2, 0.8) * (inner - outer)
            lines.append(EchoLine(depth, rng.normal(0.0, 2.5) + sparkle_db(rng, times_s, 0.06), 0.35))
    return lines


def _leaflet_fragments(
    rng: np.random.Generator, times_s: NDArray, beats: Beats, walls: Walls, sight: Sight
) -> list[EchoLine]:
    """Tips of the mitral leaflets: they open a little way, and are seen only at times."""
    cavity = walls.lower_inner_mm - walls.upper_inner_mm
    closed, opened = rng.uniform(0.55, 0.72), rng.uniform(0.12, 0.25)
    lines = []
    for path in (
        anterior_leaflet(rng, beats, times_s, closed, closed - opened),
        posterior_leaflet(rng, beats, times_s, closed + 0.02, min(closed + 0.6 * opened, 0.93)),
    ):
        seen = sparkle_db(rng, times_s, 0.05) + 14.0 * (wander(rng, times_s, 0.25) - 0.45)
        level = np.maximum(sight.lines_db - 5.0 + seen, ABSENT_DB)
        lines.append(EchoLine(walls.upper_inner_mm + path * cavity, level, 0.3))
    return lines
