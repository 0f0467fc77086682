"""One simulated M-mode recording: heart, sweep and grey strip, without the screen around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import Beats, random_beats
from algorithms.mmode_ef.cycle_truth import CycleTruth, Sweep, cycles_of
from algorithms.mmode_ef.heart_motion import random_ventricle
from algorithms.mmode_ef.lv_scene import LvLine, Sight, lv_scene
from algorithms.mmode_ef.other_scenes import aortic_scene, ivc_scene, mitral_scene, tapse_scene
from algorithms.mmode_ef.scene import Scene
from algorithms.mmode_ef.strip_texture import Appearance, paint_strip, random_appearance

M_MODE_KINDS = ("lv", "mitral", "aortic", "tapse", "ivc")
KINDS = (*M_MODE_KINDS, "none")
NOISE_LEVELS = ("low", "medium", "high")

_SWEEP_SPEEDS_MM_S = (25.0, 33.0, 50.0, 66.0, 75.0, 100.0, 150.0)
_FEWEST_BEATS, _MOST_BEATS = 1.4, 8.6
_OTHER_SCENES = {"mitral": mitral_scene, "aortic": aortic_scene, "tapse": tapse_scene, "ivc": ivc_scene}


@dataclass(frozen=True)
class ScreenOptions:
    """What chance may choose from.

    Attributes:
        layouts: names of screen layouts; empty for all.
        noise_levels: of ``NOISE_LEVELS``.
        heart_rate_bpm, depth_mm, ef_percent: lowest and highest.
        jpeg_quality: lowest and highest of the compression that most screens have been through; ``None`` for none.
        sweep_bar_chance: share of the strips that the sweep bar crosses.
        calliper_chance: share with calliper marks.
    """

    layouts: tuple[str, ...] = ()
    noise_levels: tuple[str, ...] = NOISE_LEVELS
    heart_rate_bpm: tuple[float, float] = (40.0, 180.0)
    depth_mm: tuple[float, float] = (80.0, 240.0)
    ef_percent: tuple[float, float] = (15.0, 80.0)
    jpeg_quality: tuple[int, int] | None = (60, 95)
    sweep_bar_chance: float = 0.25
    calliper_chance: float = 0.35


@dataclass(frozen=True)
class Recording:
    """A grey strip and all that is known about it.

    Attributes:
        grey: (rows, columns) uint8.
        sweep, mm_per_px: scale of the strip.
        sweep_mm_s: speed that the scanner prints.
        heart_rate_bpm: 60 over the mean RR interval of the sinus beats.
        noise: one of ``NOISE_LEVELS``.
        cycles: truth in pixels of the strip; empty for kinds other than "lv".
        beats, scene, appearance: what the strip was made of.
    """

    grey: NDArray[np.uint8]
    sweep: Sweep
    mm_per_px: float
    sweep_mm_s: float
    heart_rate_bpm: float
    noise: str
    cycles: tuple[CycleTruth, ...]
    beats: Beats
    scene: Scene
    appearance: Appearance


def random_recording(
    rng: np.random.Generator, kind: str, options: ScreenOptions, shape: tuple[int, int], px_per_mm: float
) -> Recording:
    """A recording of an M-mode ``kind`` on a strip of ``shape`` (rows, columns) at ``px_per_mm`` of sweep."""
    rows, columns = shape
    rate = _random_rate_bpm(rng, options)
    speed = _random_speed_mm_s(rng, columns / px_per_mm, rate)
    sweep = _random_sweep(rng, columns, 1.0 / (speed * px_per_mm), options.sweep_bar_chance)
    beats, sweep = _beats_with_a_whole_cycle(rng, rate, sweep)
    noise = str(rng.choice(options.noise_levels))
    sight = _random_sight(rng, noise)
    scene, line, reach_mm = _random_scene(rng, kind, options, beats, sweep, sight)
    # The operator sets the depth; what must be measured is always in the picture.
    depth_mm = float(
        np.clip(reach_mm * rng.uniform(1.04, 1.6), max(options.depth_mm[0], reach_mm), options.depth_mm[1])
    )
    appearance = random_appearance(rng, noise)
    mm_per_px = depth_mm / rows
    grey = paint_strip(rng, scene, rows, mm_per_px, appearance)
    if sweep.gap:
        grey[:, sweep.bar : sweep.bar + sweep.gap] = 0
    return Recording(
        grey=grey,
        sweep=sweep,
        mm_per_px=mm_per_px,
        sweep_mm_s=speed,
        heart_rate_bpm=60.0 / float(np.median(beats.rr_s)),
        noise=noise,
        cycles=cycles_of(line, sweep, mm_per_px) if line else (),
        beats=beats,
        scene=scene,
        appearance=appearance,
    )


def _random_rate_bpm(rng: np.random.Generator, options: ScreenOptions) -> float:
    """Any rate in the range, resting rates more often."""
    low, high = options.heart_rate_bpm
    if rng.random() < 0.5:
        return float(rng.uniform(low, high))
    return float(np.clip(rng.normal(75.0, 14.0), low, high))


def _random_speed_mm_s(rng: np.random.Generator, width_mm: float, rate_bpm: float) -> float:
    """A speed at which the strip holds one to eight beats."""
    beats = {speed: width_mm / speed * rate_bpm / 60.0 for speed in _SWEEP_SPEEDS_MM_S}
    fitting = [speed for speed in _SWEEP_SPEEDS_MM_S if _FEWEST_BEATS <= beats[speed] <= _MOST_BEATS]
    return float(rng.choice(fitting)) if fitting else min(beats, key=lambda speed: abs(beats[speed] - 3.0))


def _random_sweep(rng: np.random.Generator, columns: int, seconds_per_px: float, bar_chance: float) -> Sweep:
    if rng.random() >= bar_chance:
        return Sweep(columns, seconds_per_px)
    gap = int(rng.integers(4, 30))
    return Sweep(columns, seconds_per_px, int(rng.integers(20, columns - gap - 20)), gap)


def _beats_with_a_whole_cycle(rng: np.random.Generator, rate_bpm: float, sweep: Sweep) -> tuple[Beats, Sweep]:
    """Beats of which the strip shows at least one from R wave to R wave; a sweep bar that hides all is left out."""
    duration = sweep.columns * sweep.seconds_per_px
    for attempt in range(60):
        if attempt == 10:
            sweep = Sweep(sweep.columns, sweep.seconds_per_px)
        beats = random_beats(rng, rate_bpm, duration)
        for first, last, origin_s in sweep.runs:
            start, stop = (origin_s + column * sweep.seconds_per_px for column in (first, last))
            inside = (beats.r_times_s >= start) & (beats.r_times_s <= stop)
            if np.count_nonzero(inside) >= 2:
                return beats, sweep
    return beats, sweep


def _random_sight(rng: np.random.Generator, noise: str) -> Sight:
    """The noisier the scanner's picture, the worse the patient is seen, as a rule."""
    worst = {"low": 0.35, "medium": 0.7, "high": 1.0}[noise]
    return Sight(
        clutter=float(rng.uniform(0.0, worst)),
        dropout=float(rng.uniform(0.0, 0.3 * worst)),
        lines_db=float(rng.uniform(1.0, 11.0)),
    )


def _random_scene(
    rng: np.random.Generator, kind: str, options: ScreenOptions, beats: Beats, sweep: Sweep, sight: Sight
) -> tuple[Scene, LvLine | None, float]:
    """(scene, the ventricle's line where there is one, depth in mm that must be shown)."""
    if kind in _OTHER_SCENES:
        scene, reach_mm = _OTHER_SCENES[kind](rng, beats, sweep.times_s, sight)
        return scene, None, reach_mm
    if kind != "lv":
        raise ValueError(f"an M-mode kind is one of {', '.join(M_MODE_KINDS)}; got {kind!r}")
    deepest = options.depth_mm[1] - 2.0
    for _ in range(12):
        ventricle = random_ventricle(rng, beats, rng.uniform(*options.ef_percent))
        scene, line, reach_mm = lv_scene(rng, beats, ventricle, sweep.times_s, sight)
        if reach_mm <= deepest:
            return scene, line, reach_mm
    raise ValueError(f"no heart fits into a depth of {options.depth_mm[1]:g} mm; options.depth_mm needs a deeper limit")
