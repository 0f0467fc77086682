"""How valve leaflets move over the beat, as shares of a cavity's or a root's width (0 above, 1 below)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from algorithms.mmode_ef.beats import Beats


def anterior_leaflet(
    rng: np.random.Generator, beats: Beats, times_s: NDArray, closed: float, opened: float
) -> NDArray[np.float64]:
    """The mitral valve's M: closed in systole (C-D), wide open early (E), half closed (F), open again (A)."""
    half = closed + (opened - closed) * rng.choice([rng.uniform(0.2, 0.6), rng.uniform(0.6, 0.95)])
    again = closed + (opened - closed) * rng.uniform(0.35, 0.95)
    return _mitral(beats, times_s, (closed, closed - 0.03, closed - 0.07), (opened, half, again))


def posterior_leaflet(
    rng: np.random.Generator, beats: Beats, times_s: NDArray, closed: float, opened: float
) -> NDArray[np.float64]:
    """The W below the M: the same times, the other way and a smaller way."""
    half = closed + (opened - closed) * rng.uniform(0.3, 0.7)
    again = closed + (opened - closed) * rng.uniform(0.5, 0.9)
    return _mitral(beats, times_s, (closed, closed - 0.03, closed - 0.07), (opened, half, again))


def _mitral(
    beats: Beats, times_s: NDArray, systole: tuple[float, float, float], diastole: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Leaflet through C, mid-systole, D, then E, F, A of each beat."""
    times, values = [], []
    for k in range(len(beats)):
        start, rr, end = beats.r_times_s[k], beats.rr_s[k], beats.systole_s[k]
        filling = rr - end
        opens, wide = end + min(0.05, 0.14 * filling), end + min(0.11, 0.3 * filling)
        falls = end + min(0.27, 0.55 * filling)
        kick = max(rr - min(0.09, 0.2 * filling), falls + 0.05 * filling)
        knots = (
            (0.13 * end, systole[0]),
            (0.5 * end, systole[1]),
            (opens, systole[2]),
            (wide, diastole[0]),
            (falls, diastole[1]),
            (kick, diastole[2]),
        )
        times.extend(start + after for after, _ in knots)
        values.extend(value for _, value in knots)
    return PchipInterpolator(times, values, extrapolate=True)(np.clip(times_s, times[0], times[-1]))


def aortic_cusps(rng: np.random.Generator, beats: Beats, times_s: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """(upper cusp, lower cusp, openness) as shares of the root: a box in systole, one line in diastole."""
    openness = np.zeros(len(times_s))
    flutter = 0.02 * np.sin(2 * np.pi * np.asarray(times_s) * rng.uniform(18.0, 30.0))
    edge = rng.uniform(0.004, 0.012)
    for k in range(len(beats)):
        opens = beats.r_times_s[k] + min(0.1, 0.3 * beats.systole_s[k])
        closes = beats.r_times_s[k] + beats.systole_s[k]
        openness += 0.25 * (1 + np.tanh((times_s - opens) / edge)) * (1 + np.tanh((closes - times_s) / edge))
    middle, reach = rng.uniform(0.45, 0.56), rng.uniform(0.26, 0.4)
    upper = middle - openness * (reach + flutter)
    lower = middle + openness * (reach - flutter)
    return upper, lower, openness


def systolic_bell(beats: Beats, times_s: NDArray, peak: float, left_over: float) -> NDArray[np.float64]:
    """0 at the R wave, 1 at ``peak`` of systole, ``left_over`` before the atrium's kick."""
    times, values = [], []
    for k in range(len(beats)):
        start, rr, systole = beats.r_times_s[k], beats.rr_s[k], beats.systole_s[k]
        filling = rr - systole
        for after, value in (
            (0.0, 0.0),
            (0.5 * peak * systole, 0.6),
            (peak * systole, 1.0),
            (systole + min(0.08, 0.15 * filling), 0.8),
            (systole + min(0.2, 0.5 * filling), left_over),
            (max(rr - 0.14, systole + 0.7 * filling), 0.85 * left_over),
        ):
            times.append(start + after)
            values.append(value)
    times.append(beats.r_times_s[-1])
    values.append(0.0)
    return PchipInterpolator(times, values)(times_s)
