"""From a draft and what a person decided on it to documents: a verified report and its PDF, or a rejection.

The worker calls it for a report job. It reads what the analysis left (run.py) and leaves

    out/<role>.dcm ...      the documents, each checked
    out/result.json         the draft's, with what was confirmed and, under "review", who decided what
    out/rejected/           only after InvalidResult: what was written until an object failed its check
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dicom_node import result_json
from dicom_node.analysis_file import read_analysis
from dicom_node.correction import corrected
from dicom_node.encode import (
    ChangedValue,
    Draft,
    EncodedObject,
    EncodeJob,
    Outcome,
    Verification,
    encode_rejection,
    encode_verified,
    local_moment,
)
from dicom_node.errors import InvalidResult, UsageError
from dicom_node.made_by import read_made_by
from dicom_node.result import AnalysisResult
from dicom_node.review_rows import Act, ActChange
from dicom_node.run import REJECTED, RESULT_JSON


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person decided on a draft.

    Args:
        folder: of the draft's analysis.
        objects: the draft's, as they were encoded.
        sent: whether anybody got them.
    """

    act: Act
    folder: Path
    objects: tuple[EncodedObject, ...]
    sent: bool

    def confirmed(self, drafted: AnalysisResult) -> AnalysisResult:
        """The result as the person confirmed it; of a rejected draft, the draft."""
        if self.act.act == "corrected":
            return corrected(drafted, self.act.given).result
        return replace(drafted, requires_review=False)


def document(verdict: Verdict, sources: Sequence[Path], job: EncodeJob, out: Path) -> tuple[EncodedObject, ...]:
    """Makes the documents of a verdict in ``out``; none where a rejected draft was never sent.

    Args:
        sources: the instances that were analysed.
        job: as it was for the draft; time, options and verification are those of the verdict.

    Raises:
        UsageError: what the analysis left is gone or changed.
        UnreadableInstance: a source cannot be read.
        InvalidResult: an object failed its check; what was written lies in ``out/rejected``.
        StorageError: the disk refused.
    """
    began = time.perf_counter()
    drafted = read_analysis(verdict.folder)
    made_by = read_made_by(verdict.folder)
    told = _draft_told(verdict.folder)
    verification = verification_of(verdict.act)
    job = replace(job, content_time=verification.at, options=made_by.options, verification=verification)
    draft = Draft(drafted, verdict.objects, verdict.sent)
    confirmed = verdict.confirmed(drafted)
    try:
        if verification.outcome is Outcome.REJECTED:
            objects = encode_rejection(made_by.info, sources, job, draft, out)
        else:
            objects = encode_verified(confirmed, made_by.info, sources, job, draft, out)
    except InvalidResult:
        _put_aside(out)
        raise
    took = {"encode": round(time.perf_counter() - began, 4)}
    content = result_json.judged(told, confirmed, _as_json(verdict.act), objects, took)
    result_json.write_json(content, out / RESULT_JSON)
    return objects


def verification_of(act: Act) -> Verification:
    """An act in the words of the encoders."""
    return Verification(
        observer_name=act.reviewer.name,
        observer_role=act.reviewer.role,
        organisation=act.reviewer.organisation,
        at=local_moment(act.at_s),
        outcome=Outcome(act.act),
        conclusion=act.conclusion,
        changes=tuple(map(_changed, act.changes)),
    )


def _changed(change: ActChange) -> ChangedValue:
    before, after = (" ".join(filter(None, (value, change.unit))) for value in (change.before, change.after))
    return ChangedValue(change.what, before, after, "" if change.given is not None else change.because)


def _as_json(act: Act) -> dict[str, Any]:
    return {
        "outcome": act.act,
        "at": local_moment(act.at_s).isoformat(timespec="seconds"),
        "reviewer": {
            "name": act.reviewer.name,
            "role": act.reviewer.role,
            "organisation": act.reviewer.organisation,
        },
        "conclusion": act.conclusion,
        "changes": [
            {"key": change.key, "from": change.before, "to": change.after, "because": change.because}
            for change in act.changes
        ],
    }


def _draft_told(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / RESULT_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder.name}/{RESULT_JSON} is gone or damaged: was the folder changed by hand? Restore it from a backup"
        ) from error
    return told


def _put_aside(out: Path) -> None:
    """What was written until an object failed its check, where the worker looks for it."""
    rejected = out / REJECTED
    rejected.mkdir(exist_ok=True)
    for path in sorted(out.glob("*.dcm")):
        path.rename(rejected / path.name)
