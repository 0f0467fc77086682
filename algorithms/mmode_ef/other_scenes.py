"""M-modes of other structures, which a left-ventricular measurement must refuse: mitral, aortic, TAPSE, caval vein."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import Beats
from algorithms.mmode_ef.heart_motion import WallMotion, Walls, random_ventricle
from algorithms.mmode_ef.leaflets import anterior_leaflet, aortic_cusps, posterior_leaflet, systolic_bell
from algorithms.mmode_ef.lv_scene import Sight
from algorithms.mmode_ef.scene import (
    ABSENT_DB,
    EchoLine,
    Scene,
    beat_fades,
    random_breathing,
    sparkle_db,
    stacked,
    static_lines,
    wander,
)

_BELOW_MM = 400.0


def mitral_scene(rng: np.random.Generator, beats: Beats, times_s: NDArray, sight: Sight) -> tuple[Scene, float]:
    """The line through the mitral valve: the anterior leaflet's M crosses most of the cavity, to the septum."""
    ventricle = random_ventricle(rng, beats, rng.uniform(20.0, 60.0), (36.0, 60.0))
    chest, rv = rng.uniform(12.0, 25.0), rng.uniform(8.0, 25.0)
    walls = WallMotion(ventricle, beats).walls(times_s)
    walls = walls.moved(
        chest + 4.0 + rv - float(walls.upper_outer_mm.min()) + random_breathing(rng, 3.0).depth_mm(times_s)
    )
    walls = _quieter(rng, walls)
    cavity = walls.lower_inner_mm - walls.upper_inner_mm
    groove = walls.lower_inner_mm + rng.uniform(3.0, 14.0)
    boundaries = stacked(
        [
            0.0,
            chest,
            chest + 4.0,
            walls.upper_outer_mm,
            walls.upper_inner_mm,
            walls.lower_inner_mm,
            groove,
            groove + 5.0,
            _BELOW_MM,
        ],
        len(times_s),
    )
    haze = 12.0 * sight.clutter
    levels = (
        rng.uniform(-4.0, 4.0),
        -6.0,
        rng.uniform(-34.0, -14.0) + haze,
        rng.uniform(-9.0, -1.0),
        rng.uniform(-38.0, -30.0) + haze,
        rng.uniform(-20.0, -3.0),
        rng.uniform(2.0, 12.0),
        rng.uniform(-16.0, 2.0),
    )
    closed = rng.uniform(0.5, 0.82)
    front = anterior_leaflet(rng, beats, times_s, closed, rng.uniform(0.0, 0.2))
    back = posterior_leaflet(rng, beats, times_s, closed + 0.03, rng.uniform(0.84, 0.97))
    lines = []
    for path, strength in ((front, 3.0), (back, rng.uniform(-8.0, 1.0))):
        apart, weaker = rng.uniform(0.7, 2.4), rng.uniform(0.5, 4.0)
        for echo in range(int(rng.integers(1, 6))):
            depth = walls.upper_inner_mm + path * cavity + echo * apart
            lines.append(_echo(rng, times_s, depth, sight.lines_db + strength - weaker * echo))
    for depth in (walls.upper_outer_mm, walls.upper_inner_mm, walls.lower_inner_mm):
        lines.append(_echo(rng, times_s, depth, sight.lines_db))
    lines.append(_echo(rng, times_s, groove, sight.lines_db + 9.0, 0.8))
    lines += static_lines(rng, times_s, (0.5, chest), int(rng.integers(4, 12)), 4.0)
    return Scene(
        times_s, boundaries, levels, tuple(lines), tuple(beat_fades(rng, beats, tuple(range(len(levels)))))
    ), float(groove.max()) + 6.0


def _quieter(rng: np.random.Generator, walls: Walls) -> Walls:
    """At the valve the walls move less than lower down: the line meets the ring, the atrium's wall, the outflow."""
    upper, lower = rng.uniform(0.2, 1.0), rng.uniform(0.1, 1.0)

    def moved(depth: NDArray, share: float) -> NDArray:
        return depth.mean() + share * (depth - depth.mean())

    return Walls(
        moved(walls.upper_outer_mm, upper),
        moved(walls.upper_inner_mm, upper),
        moved(walls.lower_inner_mm, lower),
        moved(walls.lower_outer_mm, lower),
    )


def aortic_scene(rng: np.random.Generator, beats: Beats, times_s: NDArray, sight: Sight) -> tuple[Scene, float]:
    """The line through the aortic root: two parallel walls, the cusps' boxes, the left atrium below."""
    chest, outflow = rng.uniform(10.0, 24.0), rng.uniform(15.0, 32.0)
    root, atrium = rng.uniform(22.0, 42.0), rng.uniform(24.0, 55.0)
    wall = rng.uniform(2.0, 4.0)
    rise = systolic_bell(beats, times_s, 1.0, 0.25) * rng.uniform(4.0, 14.0)
    drift = random_breathing(rng, 3.0).depth_mm(times_s)
    front = chest + 4.0 + outflow + wall - rise + drift
    inward = systolic_bell(beats, times_s, 1.0, rng.uniform(0.1, 0.6)) * rng.uniform(-0.1, 0.8) * outflow
    back = front + root
    rear = front.max() + root + wall + atrium + 0.15 * rise + drift
    boundaries = stacked(
        [0.0, chest, chest + 4.0 + inward, front - wall, front, back, back + wall, rear, rear + 5.0, _BELOW_MM],
        len(times_s),
    )
    haze = 14.0 * sight.clutter
    blood = rng.uniform(-36.0, -18.0)
    below = rng.uniform(-14.0, 2.0)
    levels = (0.0, -4.0, blood + haze * rng.uniform(0.4, 1.4), 0.0, blood + haze, 0.0, blood + haze, 6.0, below)
    upper, lower, openness = aortic_cusps(rng, beats, times_s)
    lines = []
    for cusp in (upper, lower):
        level = sight.lines_db - 2.0 - rng.uniform(0.0, 14.0) * openness
        lines.append(_echo(rng, times_s, front + cusp * root, level))
    for depth in (front - wall, front, back, back + wall):
        lines.append(_echo(rng, times_s, depth, sight.lines_db + 2.0))
    lines.append(_echo(rng, times_s, rear, sight.lines_db + 8.0, 0.8))
    lines += static_lines(rng, times_s, (0.5, chest), int(rng.integers(4, 12)), 5.0)
    return Scene(
        times_s, boundaries, levels, tuple(lines), tuple(beat_fades(rng, beats, tuple(range(len(levels)))))
    ), float(np.max(rear)) + 6.0


def tapse_scene(rng: np.random.Generator, beats: Beats, times_s: NDArray, sight: Sight) -> tuple[Scene, float]:
    """The line along the right ventricle's free wall: everything moves to the probe, the tricuspid ring furthest."""
    chest = rng.uniform(8.0, 20.0)
    ring = rng.uniform(70.0, 125.0)
    move = systolic_bell(beats, times_s, 1.0, 0.45) * rng.uniform(6.0, 30.0) - random_breathing(rng, 4.0).depth_mm(
        times_s
    )
    parts = np.sort(rng.uniform(0.1, 0.9, 3)) * (ring - chest) + chest
    thick, atrium = rng.uniform(3.0, 7.0), rng.uniform(25.0, 50.0)
    boundaries = stacked(
        [0.0, chest]
        + [part - (part - chest) / (ring - chest) * move for part in parts]
        + [ring - move, ring + thick - move, ring + thick + atrium - 0.4 * move, _BELOW_MM],
        len(times_s),
    )
    inside = [rng.uniform(-34.0, -16.0) if rng.random() < 0.4 else rng.uniform(-14.0, 0.0) for _ in range(4)]
    blood = rng.uniform(-32.0, -20.0) + 12.0 * sight.clutter
    levels = (2.0, *inside, rng.uniform(-12.0, 8.0), blood, rng.uniform(-14.0, -4.0))
    lines = []
    bright = rng.uniform(-9.0, 4.0)
    for offset in (0.0, *rng.uniform(-8.0, 8.0, int(rng.integers(0, 4)))):
        lines.append(_echo(rng, times_s, ring + offset - move, sight.lines_db + bright - 0.8 * abs(offset), 0.7))
    for _ in range(int(rng.integers(3, 12))):
        place = rng.uniform(0.05, 0.95)
        depth = chest + place * (ring - chest) - place * move
        lines.append(_echo(rng, times_s, depth, rng.uniform(-6.0, 8.0)))
    lines += static_lines(rng, times_s, (0.5, chest), int(rng.integers(4, 12)), 5.0)
    return Scene(
        times_s, boundaries, levels, tuple(lines), tuple(beat_fades(rng, beats, tuple(range(len(levels)))))
    ), ring + thick + atrium


def ivc_scene(rng: np.random.Generator, beats: Beats, times_s: NDArray, sight: Sight) -> tuple[Scene, float]:
    """The line through the inferior caval vein in the liver: two quiet walls that breathing brings together."""
    top, diameter = rng.uniform(25.0, 70.0), rng.uniform(9.0, 30.0)
    period, collapse = rng.uniform(2.0, 5.0), rng.uniform(0.0, 0.95)
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * (times_s / period + rng.random()))
    pulse = systolic_bell(beats, times_s, 0.8, 0.3) * rng.uniform(0.0, 2.5)
    upper = top + rng.uniform(0.0, 10.0) * breath
    lower = upper + np.maximum(diameter * (1 - collapse * breath**2) - pulse, 1.0)
    behind = lower.max() + rng.uniform(10.0, 40.0) + rng.uniform(0.0, 8.0) * breath
    boundaries = stacked([0.0, rng.uniform(6.0, 18.0), upper, lower, behind, behind + 4.0, _BELOW_MM], len(times_s))
    liver = rng.uniform(-10.0, -3.0)
    vein = rng.uniform(-36.0, -22.0) + 10.0 * sight.clutter
    levels = (2.0, liver, vein, liver + rng.normal(0, 2), rng.uniform(0.0, 10.0), -12.0)
    lines = [_echo(rng, times_s, depth, sight.lines_db - 1.0) for depth in (upper, lower)]
    if rng.random() < 0.7:
        lines.append(_echo(rng, times_s, behind, sight.lines_db + 6.0, 0.8))
    for _ in range(int(rng.integers(0, 5))):
        lines.append(_echo(rng, times_s, upper * rng.uniform(0.3, 0.95), -2.0))
    return Scene(
        times_s, boundaries, levels, tuple(lines), tuple(beat_fades(rng, beats, tuple(range(len(levels)))))
    ), float(np.max(behind)) + 5.0


def _echo(
    rng: np.random.Generator, times_s: NDArray, depth_mm: NDArray, level_db: NDArray | float, thickness_mm: float = 0.45
) -> EchoLine:
    """A border's echo as patients have it: sometimes whole, sometimes only pieces of it, thick or thin."""
    level = level_db + rng.normal(-2.0, 3.0) + rng.uniform(0.6, 1.6) * sparkle_db(rng, times_s, rng.uniform(0.03, 0.1))
    level = level + rng.uniform(0.0, 10.0) * np.minimum(wander(rng, times_s, 0.2) + 0.3, 0.0)
    return EchoLine(depth_mm, np.maximum(level, ABSENT_DB), thickness_mm * float(rng.uniform(0.6, 1.5)))
