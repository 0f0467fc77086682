"""A case: what an algorithm drafted, what a person made of it, and the files that it rests on.

Cases are what models are improved from, and what a candidate model is judged on against the one in use. A case stands
on one side for ever: ``held_out`` decides by its subject, so whatever is trained never sees what it will be judged on.

An algorithm that learns from cases has, in its package,

    train.py      def train_from_cases(cases: Sequence[Case], out: Path, bench: Workbench) -> None
    evaluate.py   def evaluate_cases(cases: Sequence[Case], bench: Workbench) -> CaseScores

``train_from_cases`` starts from ``bench.models``, the models in use, and leaves in ``out`` what ``train`` leaves:
``model.toml``, the models' files, a card. ``evaluate_cases`` judges ``bench.models``; it is called once for the models
in use and once for the candidate, on the same cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from dicom_node.algorithm import ModelInfo
from dicom_node.result import AnalysisResult

Outcome = Literal["accepted", "corrected", "rejected"]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "corrected", "rejected")
HELD_OUT_SHARE = 0.3
"""Of all subjects, the part that is never trained on."""


@dataclass(frozen=True, slots=True)
class Case:
    """One reviewed result.

    Args:
        id: unique among the cases of an export, and the same in every export of one node.
        subject: whose it is, as a token that tells nobody who: cases of one patient share it.
        algorithm, version, models, options: what drafted it, and how it was asked to.
        sources: the DICOM files that were analysed.
        confirmed: what the person confirmed, with everything that follows from a correction recomputed; the draft
            itself where it was accepted as it stood, ``None`` where it was rejected.
        conclusion: the person's words; empty in a de-identified export.
        simulated: whether every source says that it is a simulated image. What learns from such cases alone has seen
            no patient. Cases of older exports without identities do not know, and count as not simulated.
    """

    id: str
    subject: str
    algorithm: str
    version: str
    models: tuple[ModelInfo, ...]
    sources: tuple[Path, ...]
    drafted: AnalysisResult
    confirmed: AnalysisResult | None
    outcome: Outcome
    conclusion: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"case {self.id}: an outcome is one of {', '.join(OUTCOMES)}; got {self.outcome!r}")
        if (self.confirmed is None) != (self.outcome == "rejected"):
            raise ValueError(f"case {self.id}: a confirmed result belongs to every outcome but rejected")


def held_out(subject: str) -> bool:
    """Whether cases of this subject are kept for judging: decided by the token alone, so it is the same for ever."""
    drawn = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") / 2**64
    return drawn < HELD_OUT_SHARE


@dataclass(frozen=True, slots=True)
class CaseFigure:
    """One figure of a comparison.

    ``statistic`` makes it of an array of rows, one or more for each case, in any number: a mean, a weighted kappa.
    """

    name: str
    statistic: Callable[[NDArray], float]
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True, slots=True)
class CaseScores:
    """How models do on cases.

    Args:
        figures: what is told; the first is the one that decides whether a candidate is better.
        per_case: case id -> name of the figure -> its row of numbers (all of one length for a figure). A case that a
            figure cannot be had of lacks it, and is left out of that figure for both sides of a comparison.
        notes: sentences below the table.
    """

    figures: tuple[CaseFigure, ...]
    per_case: Mapping[str, Mapping[str, Sequence[float]]]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [figure.name for figure in self.figures]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a comparison has one figure or more, each with a name of its own; got {names}")
