"""What the gate learns from: windows of strips of every kind, shown as very different machines might show them.

Simulated tracings are cleaner and more alike than real ones. What tells one kind from another is how its walls and
leaflets move, so everything else is varied here: grey curve, gain, haze, grain, resolution, reverberation, depth and
time scale, alike for every kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.gate import KINDS, WINDOW_COLUMNS
from algorithms.mmode_ef.preprocess import VIEW_ROWS, resized, view_columns, whitened
from algorithms.mmode_ef.simulated import Lesson

TIME_SCALES = (0.75, 1.3)
MOST_ABOVE, MOST_BELOW = 0.12, 0.18
"""Share of the depth that may be left out above and below."""
UPSIDE_DOWN = 0.06
"""Share of the ventricles that are turned over: those are none."""
HAZY, VEILED, COARSE, GRAINY, BANDED = 0.5, 0.4, 0.4, 0.5, 0.35
"""Share of the windows that are changed so."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a strip that are shown, and how wide a second is against the view's."""

    top: int
    bottom: int
    time_scale: float


def gate_sample(lesson: Lesson, rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    """A whitened window (192, 256) of a strip and the number of its kind; a ventricle upside down is none."""
    part = _Part(*_rows_shown(lesson, rng), rng.uniform(*TIME_SCALES))
    wide = max(8, round(view_columns(lesson.strip.shape[1], lesson.seconds_per_px) * part.time_scale))
    used = min(WINDOW_COLUMNS, wide)
    start = int(rng.integers(0, wide - used + 1))
    view = resized(np.float32(lesson.strip[part.top : part.bottom]), VIEW_ROWS, wide)[:, start : start + used]
    picture = np.zeros((VIEW_ROWS, WINDOW_COLUMNS), np.float32)
    picture[:, :used] = whitened(on_another_machine(view / np.float32(255.0), rng))
    kind = KINDS.index(lesson.kind)
    if kind == 0 and rng.random() < UPSIDE_DOWN:
        return np.ascontiguousarray(picture[::-1]), KINDS.index("none")
    return picture, kind


def _rows_shown(lesson: Lesson, rng: np.random.Generator) -> tuple[int, int]:
    """Less above and below, never less than the ventricle."""
    rows = lesson.strip.shape[0]
    top, bottom = rng.uniform(0, MOST_ABOVE) * rows, (1 - rng.uniform(0, MOST_BELOW)) * rows
    if len(lesson.boxes):
        top = min(top, lesson.boxes[:, 1].min() - 0.02 * rows)
        bottom = max(bottom, lesson.boxes[:, 3].max() + 0.02 * rows + 1)
    return int(max(top, 0)), int(min(bottom, rows))


def on_another_machine(shares: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A picture (rows, columns) of 0..1 with another grey curve, gain, resolution, haze and grain."""
    shares = np.clip(shares, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    shares = shares * _smooth(rng, shares.shape, (4, 3), 0.3, 1.0)
    if rng.random() < VEILED:  # a veil over all depths of some times and places: gain, clutter
        shares = shares + np.clip(_smooth(rng, shares.shape, (5, 4), 0.15, 0.0), 0, None)
    if rng.random() < HAZY:  # speckle where blood should be dark, at a depth of its own
        shares = np.maximum(shares, _haze(rng, shares.shape))
    if rng.random() < BANDED:
        shares = shares + _reverberation(rng, shares.shape[0])[:, None]
    if rng.random() < COARSE:
        shares = cv2.GaussianBlur(shares, (0, 0), rng.uniform(0.3, 1.8), sigmaY=rng.uniform(0.3, 1.2))
    if rng.random() < GRAINY:
        shares = shares + rng.normal(0, rng.uniform(0, 0.09), shares.shape).astype(np.float32)
    return np.clip(shares * np.float32(rng.uniform(0.7, 1.25)), 0, 1).astype(np.float32)


def _smooth(
    rng: np.random.Generator, shape: tuple[int, int], knots: tuple[int, int], deviation: float, mean: float
) -> NDArray[np.float32]:
    """A slowly varying field of this mean and (at its knots) standard deviation."""
    field = rng.normal(mean, deviation * rng.random(), knots).astype(np.float32)
    return cv2.resize(field, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _haze(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Speckle (Rayleigh) of its own grain, brightest around one depth."""
    coarse = (max(2, int(shape[0] / rng.uniform(1, 3))), max(2, int(shape[1] / rng.uniform(1, 5))))
    grain = cv2.resize(rng.rayleigh(0.8, coarse).astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    depth = np.linspace(0, 1, shape[0], dtype=np.float32)
    profile = np.exp(-0.5 * ((depth - rng.uniform(-0.2, 1.2)) / rng.uniform(0.1, 0.6)) ** 2)
    return np.float32(rng.uniform(0.0, 0.4)) * profile[:, None].astype(np.float32) * grain


def _reverberation(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    """(rows,) still bright bands near the probe, weaker with depth."""
    bands = np.abs(rng.standard_normal(rows).astype(np.float32))
    bands = cv2.GaussianBlur(bands[:, None], (1, 7), 0.1, sigmaY=rng.uniform(0.6, 2.0))[:, 0]
    reach = rng.uniform(0.05, 0.25)
    return np.float32(rng.uniform(0.1, 0.7)) * bands * np.exp(-np.arange(rows, dtype=np.float32) / (reach * rows))
