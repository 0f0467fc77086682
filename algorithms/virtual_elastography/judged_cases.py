"""Networks judged on reviewed cases, the node's own way: does the score agree, does the region?

A draft without a score counts as one below the lowest of its scheme, one without a region as an overlap of none: models
do not get better by saying less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.case_pictures import CasePicture, case_picture
from algorithms.virtual_elastography.familiarity import Reference
from algorithms.virtual_elastography.generate import GENERATOR, Networks
from algorithms.virtual_elastography.judged import judge
from algorithms.virtual_elastography.scoring import proportions, score_of
from algorithms.virtual_elastography.similarity import weighted_kappa
from dicom_node.algorithm import Workbench
from dicom_node.case import Case, CaseFigure, CaseScores
from dicom_node.geometry import pixels_between

KAPPA, EXACT = "score: weighted kappa", "score: exact"
GIVEN_KAPPA, GIVEN_EXACT = "score in the confirmed region: weighted kappa", "score in the confirmed region: exact"
DICE = "region: Dice"


def _share(rows: NDArray) -> float:
    return float(np.mean(rows))


FIGURES = (
    CaseFigure(KAPPA, weighted_kappa),
    CaseFigure(EXACT, _share),
    CaseFigure(GIVEN_KAPPA, weighted_kappa),
    CaseFigure(GIVEN_EXACT, _share),
    CaseFigure(DICE, _share),
)
"""The first decides whether a candidate is better."""


def evaluate_cases(cases: Sequence[Case], bench: Workbench) -> CaseScores:
    """Agreement of ``bench.models`` with what persons confirmed; cases without a confirmed region are passed over."""
    networks, reference = Networks(bench.models), Reference.from_card(bench.models.card(GENERATOR))
    rows: dict[str, Mapping[str, Sequence[float]]] = {}
    for number, case in enumerate(cases):
        bench.progress(number / len(cases), f"case {number + 1} of {len(cases)}")
        told = case_picture(case, bench.load)
        if told is not None:
            rows[case.id] = _judged(told, networks, reference)
    notes = (
        f"{len(rows)} of {len(cases)} cases have a confirmed region and score",
        "kappa: quadratic weights; a draft without a score counts as one below the lowest",
    )
    return CaseScores(FIGURES, rows, notes)


def _judged(told: CasePicture, networks: Networks, reference: Reference) -> dict[str, Sequence[float]]:
    scheme = told.scheme.scheme
    none = scheme.values[0] - 1
    made = judge(told.picture, networks, reference.judge, told.options, told.scheme).elastogram
    own = given = none
    overlap = 0.0
    if made is not None:
        own = none if made.score is None else made.score.value
        shares = proportions(made.classes, told.region)
        given = none if shares is None else score_of(shares, scheme).value
        if made.score is not None:
            overlap = _dice(told.region, made.region, told.picture.rows, told.picture.columns)
    return {
        KAPPA: (told.score, own),
        EXACT: (float(own == told.score),),
        GIVEN_KAPPA: (told.score, given),
        GIVEN_EXACT: (float(given == told.score),),
        DICE: (overlap,),
    }


def _dice(first: Sequence, second: Sequence, rows: int, columns: int) -> float:
    a, b = (pixels_between(tuple(points), (0.0, 1.0), rows, columns) for points in (first, second))
    whole = np.count_nonzero(a) + np.count_nonzero(b)
    return 2.0 * np.count_nonzero(a & b) / whole if whole else 0.0
