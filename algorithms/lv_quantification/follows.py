"""How the global function follows from the areas of its slices, in formulas that a correction works out again.

Keys count slices and frames from 1, as texts for people do: ``cavity_s3_f1`` is the outline of the cavity of slice 3 in
frame 1, ``cavity_mm2_s3_f1`` its area. Only end-diastole and end-systole have keys: the volumes follow from these.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from algorithms.lv_quantification.function import MYOCARDIUM_G_PER_ML, shares_mm
from algorithms.lv_quantification.study import CAVITY, MYOCARDIUM, MeasuredSlice, Study
from dicom_node.formula import evaluate

DECIMALS = 3
"""Of what is reported."""
GLOBAL_KEYS = ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g")
AREA_KEYS = {CAVITY: "cavity_mm2", MYOCARDIUM: "myocardium_mm2"}


@dataclass(frozen=True, slots=True)
class Followed:
    """A number and the formula that gives it."""

    value: float
    formula: str


def has_keys(study: Study, frame: int) -> bool:
    """Whether what is measured in a frame can be corrected."""
    return frame in (study.phases.ed_frame, study.phases.es_frame)


def place(one: MeasuredSlice, frame: int) -> str:
    """The end of every key of a slice's frame."""
    return f"s{one.index + 1}_f{frame + 1}"


def contour_key(one: MeasuredSlice, frame: int) -> str:
    """Of the outline of the cavity."""
    return f"cavity_{place(one, frame)}"


def area_key(which: int, one: MeasuredSlice, frame: int) -> str:
    """Of the area of the cavity or the myocardium."""
    return f"{AREA_KEYS[which]}_{place(one, frame)}"


def area_formula(contour: str, reported_mm2: float) -> str:
    """The cavity's area: the reported one, a mean of networks and mask, until a person draws the outline anew."""
    return f"round(area({contour}), {DECIMALS}) if corrected({contour}) else {reported_mm2!r}"


def global_numbers(study: Study, reported: Container[str] = ()) -> dict[str, Followed]:
    """Volumes, ejection fraction and mass by key, from the areas as they are reported; empty where there are none.

    Args:
        reported: keys of areas that the report has; an area that it has not stands in the formulas as a number.
    """
    if study.function is None:
        return {}
    ed, es = study.phases.ed_frame, study.phases.es_frame
    found = {
        "edv_ml": _volume(study, CAVITY, ed, reported),
        "esv_ml": _volume(study, CAVITY, es, reported),
    }
    volumes = {key: one.value for key, one in found.items()}
    for key, formula in (("sv_ml", "edv_ml - esv_ml"), ("ef_percent", "100 * (edv_ml - esv_ml) / edv_ml")):
        found[key] = _followed(f"round({formula}, {DECIMALS})", volumes)
    if study.function.mass_g is not None:
        found["mass_g"] = _volume(study, MYOCARDIUM, ed, reported, MYOCARDIUM_G_PER_ML)
    return found


def _volume(study: Study, which: int, frame: int, reported: Container[str], per_ml: float = 1.0) -> Followed:
    """Area times the part of the axis that each slice stands for, summed (as function.volumes_ml)."""
    distance = study.stack.spacing_between_mm
    assert distance is not None  # there are volumes
    seen = [one for one in study.slices if np.isfinite(one.values[frame, which])]
    shares = shares_mm(np.array([one.slice.position_mm for one in seen]), distance) if seen else []
    areas = {area_key(which, one, frame): round(float(one.values[frame, which]), DECIMALS) for one in seen}
    terms = (
        f"{key if key in reported else repr(area)} * {round(float(share), 6)!r}"
        for (key, area), share in zip(areas.items(), shares, strict=True)
    )
    times = f"{per_ml!r} * " if per_ml != 1.0 else ""
    return _followed(f"round({times}sum({', '.join(terms)}) / 1000, {DECIMALS})", areas)


def _followed(formula: str, values: Mapping[str, float]) -> Followed:
    return Followed(float(evaluate(formula, values)), formula)
