"""Judges scores by confirmed ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicom_node.algorithm import Workbench
from dicom_node.case import Case, CaseFigure, CaseScores
from fake_scale import Scale

FIGURES = (CaseFigure("within 1 %", np.mean), CaseFigure("error", np.mean, better="lower"))


def evaluate_cases(cases: Sequence[Case], bench: Workbench) -> CaseScores:
    """How far each score is from the confirmed one."""
    algorithm = Scale(bench.models)
    per_case = {}
    for case in cases:
        if case.confirmed is not None:
            truth = case.confirmed.summary["score"]
            error = abs(algorithm.score(bench.load(case.sources))[1] - truth)
            per_case[case.id] = {"within 1 %": [float(error <= 0.01 * truth)], "error": [error]}
    return CaseScores(FIGURES, per_case)
