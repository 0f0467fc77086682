"""Comparisons are paired, by subject, and one figure decides."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_node.case import HELD_OUT_SHARE, CaseFigure, CaseScores, held_out
from dicom_node.comparison import compare
from dicom_node.errors import AlgorithmFailed

EXACT, ERROR = CaseFigure("exact", np.mean), CaseFigure("error", np.mean, better="lower")


def scores(figures, **columns) -> CaseScores:
    count = len(next(iter(columns.values())))
    rows = {
        f"case-{i}": {name: [values[i]] for name, values in columns.items() if values[i] is not None}
        for i in range(count)
    }
    return CaseScores(figures, rows)


def subjects(count: int) -> dict[str, str]:
    return {f"case-{i}": f"subject-{i}" for i in range(count)}


def test_a_difference_is_paired_so_hard_cases_widen_both_sides_but_not_it():
    hard = np.linspace(0, 10, 40)
    compared = compare(
        scores((ERROR,), error=list(hard + 1)), scores((ERROR,), error=list(hard)), subjects(40)
    ).figures[0]
    assert compared.difference.value == pytest.approx(-1)
    assert compared.difference.high - compared.difference.low < 1e-9
    assert compared.in_use.high - compared.in_use.low > 1
    assert compared.beats


@pytest.mark.parametrize(
    ("figure", "ours", "theirs", "beats"),
    [(EXACT, [0, 1], [1, 1], True), (EXACT, [1, 1], [0, 1], False), (EXACT, [1, 0], [0, 1], False)],
)
def test_who_is_better_goes_by_the_first_figure(figure, ours, theirs, beats):
    first = scores((figure, ERROR), exact=ours, error=[1, 1])
    assert compare(first, scores((figure, ERROR), exact=theirs, error=[0, 0]), subjects(2)).beats is beats


def test_cases_that_one_side_has_no_figure_of_are_left_out_of_both():
    compared = compare(scores((EXACT,), exact=[1, 0, 0]), scores((EXACT,), exact=[1, None, 1]), subjects(3)).figures[0]
    assert compared.cases == 2
    assert (compared.in_use.value, compared.candidate.value) == (0.5, 1.0)


def test_cases_of_one_subject_are_drawn_together():
    same = dict.fromkeys(subjects(10), "one patient")
    assert compare(scores((EXACT,), exact=[1, 0] * 5), None, same).figures[0].in_use.low is None


def test_without_the_deciding_figure_there_is_no_comparison():
    with pytest.raises(AlgorithmFailed, match="exact"):
        compare(scores((EXACT, ERROR), error=[1.0]), None, subjects(1))


def test_a_subject_is_always_on_the_same_side_and_the_sides_have_their_shares():
    sides = [held_out(f"{number:016x}") for number in range(4000)]
    assert sides == [held_out(f"{number:016x}") for number in range(4000)]
    assert np.mean(sides) == pytest.approx(HELD_OUT_SHARE, abs=0.03)
