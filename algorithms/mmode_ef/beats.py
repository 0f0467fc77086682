"""When a simulated heart beats: R waves, ectopic beats, the length of systole, and the electrocardiogram's trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ECTOPIC_CHANCE = 0.15
"""Share of recordings with one premature beat."""


@dataclass(frozen=True)
class Beats:
    """The R waves of a recording. Beat k lasts from ``r_times_s[k]`` to ``r_times_s[k + 1]``.

    Attributes:
        r_times_s: (beats + 1,) rising; the first lies before the recording's start, the last after its end.
        systole_s: (beats,) from the R wave to end-systole.
        ectopic: (beats,) whether the beat's R wave came early (a premature ventricular complex).
        after_pause: (beats,) whether the beat follows the compensatory pause of an ectopic beat.
    """

    r_times_s: NDArray[np.float64]
    systole_s: NDArray[np.float64]
    ectopic: NDArray[np.bool_]
    after_pause: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.systole_s)

    @property
    def rr_s(self) -> NDArray[np.float64]:
        """(beats,) length of each beat."""
        return np.diff(self.r_times_s)


def electromechanical_systole_s(rr_s: NDArray, stretch: float = 1.0) -> NDArray[np.float64]:
    """From the R wave to end-systole for beats of ``rr_s``: QS2 = 0.546 - 0.0021 x rate (Weissler 1968, men).

    Never more than 0.52 of the beat, so that a fast heart still has time to fill.
    """
    rate = 60.0 / np.asarray(rr_s, float)
    return np.minimum(np.maximum(0.546 - 0.0021 * rate, 0.12) * stretch, 0.52 * np.asarray(rr_s))


def random_beats(rng: np.random.Generator, heart_rate_bpm: float, duration_s: float) -> Beats:
    """Beats that cover 0 .. ``duration_s``: slight variability, sometimes one ectopic beat with its pause."""
    mean_rr = 60.0 / heart_rate_bpm
    count = int(np.ceil(duration_s / mean_rr)) + 4
    rr = mean_rr * (1.0 + rng.uniform(0.003, 0.03) * rng.standard_normal(count).clip(-2.0, 2.0))
    ectopic = np.zeros(count, bool)
    if heart_rate_bpm < 130 and rng.random() < _ECTOPIC_CHANCE:
        k = int(rng.integers(2, max(3, count - 1)))
        early = rng.uniform(0.58, 0.78)
        ectopic[k] = True
        rr[k - 1] *= early
        rr[k] *= min(2.0 - early, 1.45)
    r_times = np.concatenate(([0.0], np.cumsum(rr))) - rr[0] * (1.0 + rng.random())
    stretch = rng.uniform(0.9, 1.08)
    # Systole follows the rate of the sinus rhythm: an ectopic beat's long pause does not lengthen it.
    systole = electromechanical_systole_s(np.minimum(rr, mean_rr * 1.05), stretch)
    return Beats(r_times, systole, ectopic, np.concatenate(([False], ectopic[:-1])))


@dataclass(frozen=True)
class Electrocardiogram:
    """Shape of one lead's trace.

    Attributes:
        r, q, s, t, p: heights of the waves, R of a sinus beat = 1; negative R is a lead seen from the other side.
        wander: height of the base line's slow drift.
    """

    r: float
    q: float
    s: float
    t: float
    p: float
    wander: float


def random_electrocardiogram(rng: np.random.Generator) -> Electrocardiogram:
    """One lead: most often upright, sometimes inverted."""
    r = 1.0 if rng.random() < 0.85 else -0.8
    wave = rng.uniform
    return Electrocardiogram(r, wave(-0.15, 0.0), wave(-0.9, -0.05), wave(0.1, 0.5), wave(0.06, 0.2), wave(0.0, 0.1))


def ecg_trace(lead: Electrocardiogram, beats: Beats, times_s: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Height of the trace at ``times_s``; each sinus beat's R peak stands exactly on its R time."""
    t = np.asarray(times_s, float)
    trace = lead.wander * np.sin(2 * np.pi * (t / rng.uniform(2.5, 5.0) + rng.random()))
    trace += rng.uniform(0.0, 0.02) * rng.standard_normal(len(t))
    for k in range(len(beats)):
        start, rr = beats.r_times_s[k], beats.rr_s[k]
        width = 2.4 if beats.ectopic[k] else 1.0
        _add_wave(trace, t, start, 0.011 * width, lead.r * (1.3 if beats.ectopic[k] else 1.0))
        _add_wave(trace, t, start - 0.026 * width, 0.008, lead.q)
        _add_wave(trace, t, start + 0.03 * width, 0.012 * width, lead.s)
        flip = -1.0 if beats.ectopic[k] else 1.0
        _add_wave(trace, t, start + min(0.3 * np.sqrt(rr), 0.55 * rr), 0.045 * np.sqrt(rr), flip * lead.t)
        if not beats.ectopic[k]:
            before = min(0.16, 0.3 * beats.rr_s[k - 1]) if k else 0.14
            _add_wave(trace, t, start - before, 0.022, lead.p)
    return trace


def _add_wave(trace: NDArray, times_s: NDArray, centre_s: float, sigma_s: float, height: float) -> None:
    """Adds one bell-shaped wave in place, only where it is more than nothing."""
    near = np.abs(times_s - centre_s) < 4 * sigma_s
    trace[near] += height * np.exp(-0.5 * ((times_s[near] - centre_s) / sigma_s) ** 2)
