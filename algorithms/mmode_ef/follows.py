"""How a strip's values follow from its measured lines, in formulas that a correction works out again.

A line gives a length; the lengths of a cycle give its volumes, fractions and mass; the cycles give means and spread.
Every step starts from what is reported, rounded as it is reported, so that a formula gives just the reported number.

Keys count cycles and strips from 1: ``cycle_2_lvidd_line`` is the line of LVIDd in cycle 2, ``cycle_2_lvidd_mm`` its
length, ``lvidd_mm`` the strip's value, ``lvidd_mm_spread`` its spread. Those of a second strip begin with ``strip_2_``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.gate import HEART_RATE_BPM
from algorithms.mmode_ef.gate import LIMITS as LENGTH_LIMITS_MM
from algorithms.mmode_ef.points import LENGTHS, POINT_NAMES, lengths_mm
from dicom_node.formula import evaluate
from dicom_node.region import Points
from dicom_node.summary import SummaryPath

DECIMALS = 3
"""Of what is reported."""
POINT_DECIMALS = 2
"""Of a pixel coordinate."""
HEART_RATE_KEY = "heart_rate_bpm"
CYCLE_FORMULAS: Mapping[str, str] = {
    "edv_ml": "7 * ({0}lvidd_mm / 10) ** 3 / (2.4 + {0}lvidd_mm / 10)",
    "esv_ml": "7 * ({0}lvids_mm / 10) ** 3 / (2.4 + {0}lvids_mm / 10)",
    "ef_percent": "100 * ({0}edv_ml - {0}esv_ml) / {0}edv_ml",
    "fs_percent": "100 * ({0}lvidd_mm - {0}lvids_mm) / {0}lvidd_mm",
    "lv_mass_g": "0.8 * 1.04 * ((({0}ivsd_mm + {0}lvidd_mm + {0}lvpwd_mm) / 10) ** 3 - ({0}lvidd_mm / 10) ** 3) + 0.6",
    "relative_wall_thickness": "2 * {0}lvpwd_mm / {0}lvidd_mm",
}
"""What follows from the lengths of one cycle; {0} begins its keys. Sources: teichholz.py."""
LIMITS: Mapping[str, tuple[float, float]] = {
    **LENGTH_LIMITS_MM,
    "edv_ml": (0.0, 1000.0),
    "esv_ml": (0.0, 1000.0),
    "ef_percent": (0.0, 100.0),
    "fs_percent": (0.0, 100.0),
    "lv_mass_g": (0.0, 2000.0),
    "relative_wall_thickness": (0.0, 3.0),
    HEART_RATE_KEY: HEART_RATE_BPM,
}
"""Beyond them no ventricle is: those of the gate for what it judges."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of a strip or a cycle stand: the beginning of their keys, and their place in the summary."""

    prefix: str
    path: SummaryPath

    def cycle(self, number: int) -> Place:
        """Of a cycle of this strip, from 1."""
        return Place(f"{self.prefix}cycle_{number}_", (*self.path, "cycles", number - 1))

    def line_key(self, length: str) -> str:
        """Of the line that a length of this cycle is read from."""
        return f"{self.prefix}{line_name(length)}_line"

    def line_path(self, length: str) -> SummaryPath:
        """Of the same line's points."""
        return (*self.path, "lines_px", line_name(length))


@dataclass(frozen=True, slots=True)
class Number:
    """A reported number: its value, key, formula, limits and place in the summary."""

    value: float
    key: str
    formula: str | None
    limits: tuple[float, float]
    path: SummaryPath


def strip_place(number: int) -> Place:
    """Of a strip, from 1. The first strip's values are those of the summary itself."""
    return Place("", ()) if number == 1 else Place(f"strip_{number}_", ("further_strips", number - 2))


def line_name(length: str) -> str:
    """``lvidd`` of ``lvidd_mm``."""
    return length.removesuffix("_mm")


def line_points(points: NDArray[np.float64], length: str) -> Points:
    """The upper and the lower end of the line of a length, among the (8, 2) points of its cycle."""
    upper, lower = (points[POINT_NAMES.index(name)] for name in LENGTHS[length])
    return (float(upper[0]), float(upper[1])), (float(lower[0]), float(lower[1]))


def values_of(points: NDArray[np.float64], mm_per_px: float) -> dict[str, float]:
    """The reported lengths of (8, 2) reported points, and what follows from them, by the keys of the summary."""
    values = {name: round(length, DECIMALS) for name, length in lengths_mm(points, mm_per_px).items()}
    for name, formula in CYCLE_FORMULAS.items():
        values[name] = _value(_rounded(formula.format("")), values)
    return values


def mean_of(name: str, values: Sequence[float]) -> float:
    """The reported mean of the beats' reported values; of a single beat its own."""
    named = {f"beat_{number}": value for number, value in enumerate(values, start=1)}
    return _value(_mean_formula(name, list(named)), named)


def spread_of(values: Sequence[float]) -> float:
    """The reported standard deviation (n - 1) of the reported values of two beats or more."""
    named = {f"beat_{number}": value for number, value in enumerate(values, start=1)}
    return _value(_spread_formula(list(named)), named)


def cycle_numbers(values: Mapping[str, float], place: Place) -> dict[str, Number]:
    """The numbers of one cycle: lengths follow from their lines, the others from the lengths, the heart rate stands."""
    return {
        name: Number(value, place.prefix + name, _cycle_formula(name, place), LIMITS[name], (*place.path, name))
        for name, value in values.items()
    }


def mean_numbers(means: Mapping[str, float], place: Place, beats: Sequence[Place]) -> dict[str, Number]:
    """The values that stand for a strip, from those of the cycles that they rest on."""
    return {
        name: Number(
            value,
            place.prefix + name,
            _mean_formula(name, [beat.prefix + name for beat in beats]),
            LIMITS[name],
            (*place.path, name),
        )
        for name, value in means.items()
    }


def spread_numbers(spreads: Mapping[str, float | None], place: Place, beats: Sequence[Place]) -> dict[str, Number]:
    """Their standard deviations from beat to beat, where known; none is wider than the limits of what it is of."""
    return {
        name: Number(
            value,
            f"{place.prefix}{name}_spread",
            _spread_formula([beat.prefix + name for beat in beats]),
            (0.0, LIMITS[name][1] - LIMITS[name][0]),
            (*place.path, "spread", name),
        )
        for name, value in spreads.items()
        if value is not None
    }


def _cycle_formula(name: str, place: Place) -> str | None:
    if name in LENGTH_LIMITS_MM:  # M-mode shows depth along one line only: a length is the difference in depth
        return _rounded(f"height({place.line_key(name)})")
    return _rounded(CYCLE_FORMULAS[name].format(place.prefix)) if name in CYCLE_FORMULAS else None


def _mean_formula(name: str, keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return keys[0]
    if name == HEART_RATE_KEY:  # by the mean length of the cycles
        return _rounded(f"60 / mean({', '.join(f'60 / {key}' for key in keys)})")
    return _rounded(f"mean({', '.join(keys)})")


def _spread_formula(keys: Sequence[str]) -> str:
    return _rounded(f"stdev({', '.join(keys)})")


def _rounded(formula: str) -> str:
    return f"round({formula}, {DECIMALS})"


def _value(formula: str, values: Mapping[str, float]) -> float:
    return float(evaluate(formula, values))
