"""What one ultrasound line meets over time: layers between moving boundaries, and thin bright echoes.

A scene knows millimetres and seconds only; ``strip_texture`` makes a grey strip of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import Beats

ABSENT_DB = -90.0
"""Level of an echo that is not there."""

SMALLEST_LAYER_MM = 0.4


@dataclass(frozen=True)
class EchoLine:
    """A thin bright echo. It begins at ``depth_mm`` (its leading edge) and fades below it.

    Attributes:
        depth_mm: (columns,) depth of the leading edge.
        level_db: (columns,) against tissue of level 0; ``ABSENT_DB`` where it is not seen.
        thickness_mm: one standard deviation of its profile.
    """

    depth_mm: NDArray[np.float64]
    level_db: NDArray[np.float64]
    thickness_mm: float


@dataclass(frozen=True)
class Fade:
    """A stretch of time in which layers ``first`` .. ``last`` lose ``loss_db`` (dropout; negative: brighter).

    ``soft_s`` is how long it takes to come and to go.
    """

    first: int
    last: int
    start_s: float
    stop_s: float
    loss_db: float
    soft_s: float = 0.04

    def share(self, times_s: NDArray) -> NDArray[np.float64]:
        """0 outside, 1 inside."""
        return _logistic((times_s - self.start_s) / self.soft_s) * _logistic((self.stop_s - times_s) / self.soft_s)


@dataclass(frozen=True)
class Scene:
    """Layers and echoes along one line.

    Attributes:
        times_s: (columns,) time of each column; may jump back once, where a sweep bar overwrites old columns.
        boundaries_mm: (layers + 1, columns) depths, rising in each column; the first is 0, the last below the picture.
        levels_db: (layers,) mean echo level, ordinary tissue being 0 and blood about -30.
        lines: thin echoes on top.
        fades: dropout.
    """

    times_s: NDArray[np.float64]
    boundaries_mm: NDArray[np.float64]
    levels_db: tuple[float, ...]
    lines: tuple[EchoLine, ...]
    fades: tuple[Fade, ...] = ()

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.times_s)


def stacked(boundaries_mm: list[NDArray | float], columns: int) -> NDArray[np.float64]:
    """(boundaries, columns): each boundary pushed down, where needed, below the one above it."""
    stack = np.array([np.broadcast_to(np.asarray(b, float), columns) for b in boundaries_mm])
    for i in range(1, len(stack)):
        np.maximum(stack[i], stack[i - 1] + SMALLEST_LAYER_MM, out=stack[i])
    return stack


def wander(rng: np.random.Generator, times_s: NDArray, period_s: float) -> NDArray[np.float64]:
    """Smooth chance over time, standard deviation about 0.7: a cubic through a new value every ``period_s``."""
    first, last = float(times_s.min()), float(times_s.max())
    place = (times_s - first) / period_s + 1.0 + rng.random()
    knots = rng.standard_normal(int((last - first) / period_s) + 6)
    i = place.astype(int)
    f = place - i
    before, here, after, beyond = knots[i - 1], knots[i], knots[i + 1], knots[i + 2]
    bend = f * (
        after - before + f * (2 * before - 5 * here + 4 * after - beyond + f * (3 * (here - after) + beyond - before))
    )
    return here + 0.5 * bend  # Catmull-Rom


def sparkle_db(rng: np.random.Generator, times_s: NDArray, period_s: float) -> NDArray[np.float64]:
    """How the level of a border's echo comes and goes: near 0 most of the time, with short deep losses."""
    power = wander(rng, times_s, period_s) ** 2 + wander(rng, times_s, 2.3 * period_s) ** 2
    return 10.0 * np.log10(0.06 + power)


@dataclass(frozen=True)
class Breathing:
    """Slow drift of the heart under the probe.

    Attributes:
        period_s, amplitude_mm: of a sine.
        phase: share of the period at time 0.
    """

    period_s: float
    amplitude_mm: float
    phase: float

    def depth_mm(self, times_s: NDArray) -> NDArray[np.float64]:
        """How much deeper than in the mean the heart lies."""
        return self.amplitude_mm * np.sin(2 * np.pi * (np.asarray(times_s) / self.period_s + self.phase))


def random_breathing(rng: np.random.Generator, largest_mm: float) -> Breathing:
    """A drift of up to ``largest_mm`` from end to end."""
    return Breathing(rng.uniform(2.5, 6.0), 0.5 * rng.uniform(0.0, largest_mm), rng.random())


def beat_fades(rng: np.random.Generator, beats: Beats, layers: tuple[int, ...]) -> list[Fade]:
    """Some layers are darker or brighter in one part of every beat: tissue moves through the beam's plane."""
    fades = []
    for layer in layers:
        if rng.random() < 0.35:
            begin, length = rng.uniform(-0.2, 0.7), rng.uniform(0.2, 0.6)
            loss, soft = rng.uniform(-7.0, 9.0), rng.uniform(0.02, 0.08)
            for start, rr in zip(beats.r_times_s[:-1], beats.rr_s, strict=True):
                fades.append(Fade(layer, layer, start + begin * rr, start + (begin + length) * rr, loss, soft))
    return fades


def static_lines(
    rng: np.random.Generator, times_s: NDArray, span_mm: tuple[float, float], count: int, level_db: float
) -> list[EchoLine]:
    """Chest wall and reverberation: echoes that stay where they are."""
    lines = []
    for _ in range(count):
        depth = rng.uniform(*span_mm) + 0.25 * wander(rng, times_s, 0.8)
        level = level_db + rng.normal(0.0, 5.0) + 3.0 * wander(rng, times_s, 0.6)
        lines.append(EchoLine(depth, level, float(rng.uniform(0.2, 0.7))))
    return lines


def _logistic(x: NDArray) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
