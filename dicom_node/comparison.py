"""Candidate against what is in use, on the same cases: each figure of both, and of their difference, with intervals.

The difference is paired: cases are drawn together for both sides, so that a hard case is hard for both. Cases of one
subject are drawn together (figures.interval).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dicom_node.case import CaseFigure, CaseScores
from dicom_node.errors import AlgorithmFailed
from dicom_node.figures import Interval, interval


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure on the cases that both sides have it of; without a candidate, of what is in use alone."""

    name: str
    better: Literal["higher", "lower"]
    cases: int
    subjects: int
    in_use: Interval
    candidate: Interval | None
    difference: Interval | None

    @property
    def beats(self) -> bool:
        """Whether the candidate is better, be it by little; the interval of the difference tells how sure that is."""
        if self.difference is None:
            return False
        return self.difference.value > 0 if self.better == "higher" else self.difference.value < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The table of a comparison; its first figure decides."""

    figures: tuple[ComparedFigure, ...]
    cases: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def beats(self) -> bool:
        """Whether the candidate is better by the figure that decides."""
        return self.figures[0].beats

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints and the registry keeps."""
        return {"figures": [asdict(figure) for figure in self.figures], "cases": self.cases, "notes": self.notes}

    def rows(self) -> tuple[dict[str, str | int], ...]:
        """The table for a person."""
        return tuple(_row(figure) for figure in self.figures)


def compare(scores: CaseScores, candidate: CaseScores | None, subjects: Mapping[str, str], seed: int = 0) -> Comparison:
    """The comparison of two judgements of the same cases.

    Args:
        scores: of the models in use.
        candidate: of the candidate; ``None`` tells of the models in use alone.
        subjects: case id -> whose case it is.
        seed: of the bootstrap.

    Raises:
        AlgorithmFailed: the figure that decides is there for no case, or the two sides have other figures.
    """
    names = [figure.name for figure in scores.figures]
    if candidate is not None and [figure.name for figure in candidate.figures] != names:
        raise AlgorithmFailed("evaluate_cases gave other figures for the candidate than for the models in use")
    compared = [_compared(figure, scores, candidate, subjects, seed) for figure in scores.figures]
    if compared[0] is None:
        raise AlgorithmFailed(f"no case has the figure {names[0]!r}, which decides: there is nothing to compare by")
    cases = sorted(set(scores.per_case) | set(candidate.per_case if candidate else ()))
    notes = tuple(dict.fromkeys((*scores.notes, *(candidate.notes if candidate else ()))))
    return Comparison(tuple(figure for figure in compared if figure is not None), tuple(cases), notes)


def _compared(
    figure: CaseFigure, scores: CaseScores, candidate: CaseScores | None, subjects: Mapping[str, str], seed: int
) -> ComparedFigure | None:
    cases = [case for case, row in scores.per_case.items() if figure.name in row]
    if candidate is not None:
        cases = [case for case in cases if figure.name in candidate.per_case.get(case, {})]
    if not cases:
        return None
    groups = [subjects[case] for case in cases]
    ours = _rows(figure, scores, cases)
    width = ours.shape[1]

    def of(rows: NDArray) -> Interval:
        return interval(rows, figure.statistic, groups, seed)

    def difference(rows: NDArray) -> float:
        return figure.statistic(rows[:, :width]) - figure.statistic(rows[:, width:])

    theirs = None if candidate is None else _rows(figure, candidate, cases)
    return ComparedFigure(
        name=figure.name,
        better=figure.better,
        cases=len(cases),
        subjects=len(set(groups)),
        in_use=of(ours),
        candidate=None if theirs is None else of(theirs),
        difference=None if theirs is None else interval(np.hstack([theirs, ours]), difference, groups, seed),
    )


def _rows(figure: CaseFigure, scores: CaseScores, cases: Sequence[str]) -> NDArray[np.float64]:
    return np.array([np.atleast_1d(scores.per_case[case][figure.name]) for case in cases], np.float64)


def _row(figure: ComparedFigure) -> dict[str, str | int]:
    row: dict[str, str | int] = {"figure": figure.name, "cases": figure.cases, "subjects": figure.subjects}
    row["in use"] = str(figure.in_use)
    if figure.candidate is not None:
        row["candidate"] = str(figure.candidate)
        row["candidate - in use"] = str(figure.difference)
        row["better is"] = figure.better
    return row
