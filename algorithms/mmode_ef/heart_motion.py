"""How a simulated left ventricle moves along one ultrasound line: septum, cavity, posterior wall, right ventricle.

The internal diameter is drawn first, beat by beat: largest exactly at the R wave (end-diastole), smallest exactly at
the end of systole. The septum's own motion and both walls' thickening come on top, so that a flat or paradoxical
septum, or a posterior wall that peaks late, changes the picture and never the lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from algorithms.mmode_ef.beats import Beats


def teichholz_ml(diameter_mm: float) -> float:
    """Volume of a left ventricle from its internal diameter: 7 D^3 / (2.4 + D), D in cm (Teichholz 1976)."""
    d = diameter_mm / 10.0
    return 7.0 * d**3 / (2.4 + d)


def diameter_for_volume_mm(volume_ml: float) -> float:
    """The diameter whose Teichholz volume is ``volume_ml`` (the one real root of 7 D^3 - V D - 2.4 V)."""
    roots = np.roots([7.0, 0.0, -volume_ml, -2.4 * volume_ml])
    return 10.0 * float(max(root.real for root in roots if abs(root.imag) < 1e-6))


_Filling = tuple[float, float, float]
"""Ends of isovolumic relaxation, rapid filling and diastasis, in s after the R wave."""


@dataclass(frozen=True)
class Ventricle:
    """Lengths at end-diastole (d) and end-systole (s), one value per beat, and how the septum moves.

    Attributes:
        lvidd_mm: (beats + 1,) internal diameter at each R wave.
        lvids_mm, ivsd_mm, ivss_mm, lvpwd_mm, lvpws_mm: (beats,).
        septal_share: part of the diameter's shortening that the septum's motion makes; about 0.35 in health, near 0
            for a flat septum, negative for a paradoxical one.
        septal_lead: time of the septum's turning point, as a share of systole (below 1: the posterior wall is late).
        early_filling: part of the filling that is done before diastasis.
        septal_notch_mm: early diastolic dip of the septum.
    """

    lvidd_mm: NDArray[np.float64]
    lvids_mm: NDArray[np.float64]
    ivsd_mm: NDArray[np.float64]
    ivss_mm: NDArray[np.float64]
    lvpwd_mm: NDArray[np.float64]
    lvpws_mm: NDArray[np.float64]
    septal_share: float
    septal_lead: float
    early_filling: float
    septal_notch_mm: float


@dataclass(frozen=True)
class Walls:
    """Depths in mm at some times, the septum's inner edge at end-diastole being the origin; all (times,)."""

    upper_outer_mm: NDArray[np.float64]
    upper_inner_mm: NDArray[np.float64]
    lower_inner_mm: NDArray[np.float64]
    lower_outer_mm: NDArray[np.float64]

    def moved(self, by_mm: NDArray | float) -> Walls:
        """The same walls, deeper by ``by_mm``."""
        return Walls(
            self.upper_outer_mm + by_mm,
            self.upper_inner_mm + by_mm,
            self.lower_inner_mm + by_mm,
            self.lower_outer_mm + by_mm,
        )


def random_ventricle(
    rng: np.random.Generator, beats: Beats, ef_percent: float, lvidd_range_mm: tuple[float, float] = (28.0, 74.0)
) -> Ventricle:
    """A ventricle of about ``ef_percent`` in its sinus beats; ectopic beats eject less, the beat after them more."""
    n = len(beats)
    diameter = rng.uniform(*lvidd_range_mm)
    lvidd = diameter * (1.0 + 0.012 * rng.standard_normal(n + 1).clip(-2, 2))
    lvidd[:-1][beats.after_pause] *= rng.uniform(1.01, 1.05)
    ejected = ef_percent * (1.0 + 0.02 * rng.standard_normal(n).clip(-2, 2))
    ejected[beats.ectopic] *= rng.uniform(0.55, 0.8)
    ejected[beats.after_pause] *= 1.08
    ejected = ejected.clip(8.0, 84.0)
    lvids = np.zeros(n)
    for k in range(n):
        if k and beats.ectopic[k]:  # it came before the ventricle was full
            lvidd[k] -= rng.uniform(0.15, 0.35) * (lvidd[k] - lvids[k - 1])
        lvids[k] = diameter_for_volume_mm(teichholz_ml(lvidd[k]) * (1.0 - ejected[k] / 100.0))
    septum, posterior = _random_walls_mm(rng)
    vigour = ejected / 60.0
    kind = rng.choice(["normal", "flat", "paradoxical"], p=[0.76, 0.14, 0.10])
    share = {
        "normal": rng.uniform(0.22, 0.48),
        "flat": rng.uniform(-0.04, 0.12),
        "paradoxical": rng.uniform(-0.3, -0.05),
    }
    septal_vigour = vigour * (1.0 if kind == "normal" else 0.5)
    return Ventricle(
        lvidd_mm=lvidd,
        lvids_mm=lvids,
        ivsd_mm=septum * np.ones(n),
        ivss_mm=np.minimum(septum * (1 + rng.uniform(0.2, 0.5) * septal_vigour), septum + 8.0),
        lvpwd_mm=posterior * np.ones(n),
        lvpws_mm=np.minimum(posterior * (1 + rng.uniform(0.35, 0.75) * vigour), posterior + 10.0),
        septal_share=share[kind],
        septal_lead=rng.uniform(0.8, 1.0),
        early_filling=rng.uniform(0.6, 0.9),
        septal_notch_mm=rng.uniform(0.0, 1.3),
    )


class WallMotion:
    """The four edges at any time within the beats."""

    def __init__(self, ventricle: Ventricle, beats: Beats) -> None:
        filling = [_filling_times_s(beats, k) for k in range(len(beats))]
        self._cavity = _cavity_mm(ventricle, beats, filling)
        self._septum = _septum_mm(ventricle, beats, filling)
        self._walls = _thicknesses_mm(ventricle, beats, filling)

    def walls(self, times_s: NDArray) -> Walls:
        """Depths at ``times_s``."""
        inner = self._septum(times_s)
        lower = inner + self._cavity(times_s)
        ivs, pw = self._walls(times_s).T
        return Walls(inner - ivs, inner, lower, lower + pw)


def _random_walls_mm(rng: np.random.Generator) -> tuple[float, float]:
    """(septum, posterior wall) at end-diastole: mostly alike, sometimes one-sided hypertrophy or a thin scar."""
    septum = float(np.clip(rng.lognormal(np.log(9.8), 0.27), 5.0, 20.0))
    posterior = float(np.clip(septum * rng.uniform(0.75, 1.15), 5.0, 18.0))
    odd = rng.random()
    if odd < 0.07:
        septum = float(rng.uniform(15.0, 20.0))
    elif odd < 0.13:
        septum = float(rng.uniform(5.0, 7.0))
    return septum, posterior


def _filling_times_s(beats: Beats, k: int) -> _Filling:
    """Filling of beat k."""
    rr, systole = beats.rr_s[k], beats.systole_s[k]
    diastole = rr - systole
    relaxed = systole + min(0.06, 0.14 * diastole)
    filled = relaxed + min(0.17, 0.42 * diastole)
    return relaxed, filled, max(rr - min(0.15, 0.26 * diastole), filled + 0.02 * diastole)


def _cavity_mm(ventricle: Ventricle, beats: Beats, filling: list[_Filling]) -> PchipInterpolator:
    """Internal diameter over time. Monotone between its knots, so that its extremes are the knots at R and ES."""
    times, values = [], []
    rr = beats.rr_s
    for k in range(len(beats)):
        start, systole = beats.r_times_s[k], beats.systole_s[k]
        large, small, next_large = ventricle.lvidd_mm[k], ventricle.lvids_mm[k], ventricle.lvidd_mm[k + 1]
        for share, shortened in ((0.0, 0.0), (0.13, 0.03), (0.5, 0.58), (0.8, 0.93), (1.0, 1.0)):
            times.append(start + share * systole)
            values.append(large - shortened * (large - small))
        relaxed, filled, kick = filling[k]
        early = ventricle.early_filling
        for after, refilled in (
            (relaxed, 0.05),
            (filled, 0.85 * early),
            (filled + 0.35 * (kick - filled), early),
            (kick, early + 0.25 * (0.96 - early)),
            (kick + 0.72 * (rr[k] - kick), 0.9 + 0.1 * early),
        ):
            times.append(start + after)
            values.append(small + refilled * (next_large - small))
    times.append(beats.r_times_s[-1])
    values.append(ventricle.lvidd_mm[-1])
    return PchipInterpolator(times, values)


def _thicknesses_mm(ventricle: Ventricle, beats: Beats, filling: list[_Filling]) -> PchipInterpolator:
    """Thickness of septum and posterior wall over time: thinnest at R, thickest at end-systole."""
    diastolic = np.stack([ventricle.ivsd_mm, ventricle.lvpwd_mm], axis=1)
    gain = np.stack([ventricle.ivss_mm, ventricle.lvpws_mm], axis=1) - diastolic
    times, values = [], []
    for k in range(len(beats)):
        start, systole = beats.r_times_s[k], beats.systole_s[k]
        relaxed, filled, kick = filling[k]
        for after, share in (
            (0.0, 0.0),
            (0.15 * systole, 0.06),
            (0.6 * systole, 0.7),
            (systole, 1.0),
            (relaxed, 0.85),
            (filled, 0.22),
            (kick, 0.1),
        ):
            times.append(start + after)
            values.append(diastolic[k] + share * gain[k])
    times.append(beats.r_times_s[-1])
    values.append(diastolic[-1])
    return PchipInterpolator(times, values)


def _septum_mm(ventricle: Ventricle, beats: Beats, filling: list[_Filling]) -> PchipInterpolator:
    """Depth of the septum's inner edge against end-diastole; positive is towards the posterior wall."""
    times, values = [], []
    for k in range(len(beats)):
        start, systole = beats.r_times_s[k], beats.systole_s[k]
        relaxed, filled, kick = filling[k]
        reach = ventricle.septal_share * (ventricle.lvidd_mm[k] - ventricle.lvids_mm[k])
        lead = ventricle.septal_lead
        notch = ventricle.septal_notch_mm
        knots = (
            (0.0, 0.0),
            (0.12 * systole, -0.03 * reach),
            (0.55 * lead * systole, 0.66 * reach),
            (lead * systole, reach),
            (relaxed, 0.86 * reach),
            (relaxed + 0.55 * (filled - relaxed), 0.35 * reach),
            (filled, 0.12 * reach + notch),
            (filled + 0.5 * (kick - filled), 0.14 * reach),
            (kick, 0.1 * reach),
        )
        times.extend(start + after for after, _ in knots)
        values.extend(value for _, value in knots)
    times.append(beats.r_times_s[-1])
    values.append(0.0)
    return PchipInterpolator(times, values)
