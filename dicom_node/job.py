"""A job as a value: what is to be done, the row that keeps it, its history and its results."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dicom_node.config import ReviewTerms
from dicom_node.errors import JobInterrupted

ANALYSE = "analyse"
DELIVER = "deliver"
REPORT = "report"
OF_WORKERS = (REPORT, ANALYSE)
"""Kinds that worker processes do, the more urgent first: a person waits for a report, and it takes a second."""


class LeaseLost(JobInterrupted):
    """The lease ran out and the job was given to somebody else: stop, and leave the job alone."""

    retryable = False


@dataclass(frozen=True, slots=True)
class AnalyseWork:
    """One algorithm on one complete unit. All that a worker needs; later changes of routing.yaml do not touch it.

    ``models`` is the version of the promoted set of models that it is to run with (model_registry.py); "" = those that
    come with the algorithm.
    """

    rule: str
    algorithm: str
    options: Mapping[str, Any]
    unit_kind: str
    unit_uid: str
    revision: int
    instances: tuple[str, ...]
    send_to: tuple[str, ...]
    time_limit_s: float
    memory_limit_mib: int
    reason: str
    models: str = ""
    review: ReviewTerms = field(default_factory=ReviewTerms)

    @property
    def key(self) -> str:
        """The same algorithm, models and options on the same instances are the same work: its results have one UID.

        So a late instance that the rule does not take makes a new revision of the unit, but no second job; nor does
        a rule that was renamed, nor one for the study where the study is this one series.
        """
        parts = (self.algorithm, self.options, sorted(self.instances))
        if self.models:
            parts = (*parts, self.models)
        text = json.dumps(parts, sort_keys=True, default=plain)
        return f"{ANALYSE}:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class DeliverWork:
    """All results of one analyse job (the parent) to one peer."""

    peer: str


@dataclass(frozen=True, slots=True)
class ReportWork:
    """What a person decided on the draft of an analyse job (the parent), made into documents.

    ``act_id`` is the row of ``review_acts``. Limits are those of the analysis.
    """

    act_id: int
    rule: str
    time_limit_s: float
    memory_limit_mib: int


Work = AnalyseWork | DeliverWork | ReportWork


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``jobs``; times in seconds since the epoch, ``lease_until`` on the machine's monotonic clock."""

    id: int
    kind: str
    key: str
    lane: str
    state: str
    priority: int
    not_before: float
    attempts: int
    kills: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    lease_until: float | None
    worker: str | None
    cancel_asked: bool
    progress: float
    doing: str
    error_class: str | None
    error: str | None
    work: Work
    parent_id: int | None
    predecessor_id: int | None

    @property
    def shadow(self) -> bool:
        """Whether it runs a candidate beside its parent, an analyse job: nothing of it is reviewed or sent."""
        return self.kind == ANALYSE and self.parent_id is not None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history."""

    at: float
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One object in the outbox; ``path`` is relative to data_dir, ``sha256`` that of the data set."""

    sop_instance_uid: str
    role: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    size_bytes: int
    sha256: str


def work_to_json(work: Work) -> str:
    """The column ``payload``."""
    return json.dumps({field.name: getattr(work, field.name) for field in fields(work)}, sort_keys=True, default=plain)


def plain(value: Any) -> Any:
    """For ``json.dumps(default=)``: options come as YAML has them.

    Read-only mappings become plain ones; dates become text, which the algorithm's options read as well.
    """
    if isinstance(value, ReviewTerms):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


def job_of_row(row: sqlite3.Row) -> Job:
    """A row of ``jobs`` with its payload parsed."""
    columns = dict(row)
    payload = json.loads(columns.pop("payload"))
    work: Work
    if row["kind"] == ANALYSE:
        lists = {name: tuple(payload[name]) for name in ("instances", "send_to")}
        review = ReviewTerms(**payload.get("review", {}))  # jobs of an older version have none
        work = AnalyseWork(**{**payload, **lists, "review": review})
    else:
        work = {DELIVER: DeliverWork, REPORT: ReportWork}[row["kind"]](**payload)
    return Job(**{**columns, "cancel_asked": bool(row["cancel_asked"]), "work": work})
