"""Teaching from cases, and judging on cases: what ``train --from-cases``, ``evaluate --cases`` and ``models`` share.

Cases of one subject are all on one side (``case.held_out``): a candidate is made from the others and judged on these.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dicom_node.algorithm import Device, Models, Progress, Workbench, silent
from dicom_node.case import Case, CaseScores, held_out
from dicom_node.comparison import Comparison, compare
from dicom_node.errors import AlgorithmFailed, UsageError
from dicom_node.load import load_series
from dicom_node.plugins import Catalogue
from dicom_node.series import Series


@contextmanager
def workbench(
    models: Models, seed: int = 0, device: Device = "auto", progress: Progress = silent
) -> Iterator[Workbench]:
    """What ``train`` and ``evaluate`` get; files that their series are read from are removed in the end."""
    with tempfile.TemporaryDirectory(prefix="dicom-node-") as scratch:

        def load(paths: Sequence[Path]) -> Series:
            return load_series(paths, Path(tempfile.mkdtemp(dir=scratch)))

        yield Workbench(load=load, models=models, seed=seed, device=device, progress=progress)


def teach(catalogue: Catalogue, algorithm: str, cases: Sequence[Case], out: Path, bench: Workbench) -> int:
    """Makes a candidate in ``out`` from the cases that are not held out. Returns how many there were.

    Raises:
        UsageError: the algorithm learns nothing from cases, or there are none to learn from.
    """
    trainer = catalogue.part(algorithm, "train", "train_from_cases")
    if trainer is None:
        raise UsageError(f"{algorithm} cannot be trained from cases: it has no train_from_cases")
    to_learn = [case for case in cases if not held_out(case.subject)]
    if not to_learn:
        raise UsageError(
            f"no case of {algorithm} to learn from: there are {len(cases)}, all held out for judging; more are needed"
        )
    out.mkdir(parents=True, exist_ok=True)
    trainer(to_learn, out, bench)
    return len(to_learn)


def judge(
    catalogue: Catalogue, algorithm: str, cases: Sequence[Case], bench: Workbench, candidate: Models | None = None
) -> Comparison:
    """Judges ``bench.models``, and the candidate if there is one, on the cases that are held out.

    Raises:
        UsageError: the algorithm cannot be judged on cases, or none is held out.
        AlgorithmFailed: what evaluate_cases gave is no judgement of these cases.
    """
    evaluator = catalogue.part(algorithm, "evaluate", "evaluate_cases")
    if evaluator is None:
        raise UsageError(f"{algorithm} cannot be judged on cases: it has no evaluate_cases")
    to_judge = [case for case in cases if held_out(case.subject)]
    if not to_judge:
        raise UsageError(f"of {len(cases)} cases of {algorithm}, none is held out for judging: more are needed")
    subjects = {case.id: case.subject for case in to_judge}
    scores = _checked(evaluator(to_judge, bench), subjects, algorithm)
    theirs = None
    if candidate is not None:
        theirs = _checked(evaluator(to_judge, replace(bench, models=candidate)), subjects, algorithm)
    return compare(scores, theirs, subjects, bench.seed)


def _checked(scores: CaseScores, subjects: dict[str, str], algorithm: str) -> CaseScores:
    if not isinstance(scores, CaseScores) or not set(scores.per_case) <= set(subjects):
        raise AlgorithmFailed(f"evaluate_cases of {algorithm} gave no CaseScores of the cases that it got")
    return scores
