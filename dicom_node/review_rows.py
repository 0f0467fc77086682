"""The rows of ``reviews`` and ``review_acts``: values, reads, and writes inside the caller's transaction.

    analysis done ──> pending ──a person──> accepted | corrected | rejected
                         └──a revision is analysed──> superseded

A row's ``version`` grows with every change of it. A decision names the version that the person saw and holds only if
it is still that one, so of two decisions at once one is written and the other is told whose was first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from dicom_node import job_rows
from dicom_node.config import ReviewTerms
from dicom_node.correction import Applied, Change
from dicom_node.database import Database
from dicom_node.job import REPORT, Job, ResultRow

Outcome = Literal["accepted", "corrected", "rejected"]
ReviewState = Literal["pending", "accepted", "corrected", "rejected", "superseded"]
PENDING: ReviewState = "pending"
SUPERSEDED: ReviewState = "superseded"
STATES: tuple[ReviewState, ...] = get_args(ReviewState)

_AS_KEPT = {"before": "from", "after": "to"}  # a change's fields in the column changes


@dataclass(frozen=True, slots=True)
class Review:
    """A row of ``reviews``. ``outcome_job_id``: the report job; of a superseded one, the analysis of the revision."""

    job_id: int
    state: ReviewState
    version: int
    draft: Literal["sent", "held"]
    on_reject: Literal["key_object", "nothing"]
    opened_s: float
    decided_s: float | None
    outcome_job_id: int | None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who judges. ``name`` as DICOM writes names of persons: Family^Given."""

    name: str
    role: str
    organisation: str


@dataclass(frozen=True, slots=True)
class ActChange:
    """One value of an act: what it is, from what to what. ``given``: the text that the person set, else None.

    ``because`` is "set" or "follows from KEY".
    """

    key: str
    what: str
    before: str
    after: str
    unit: str
    because: str
    given: str | None = None

    @classmethod
    def of(cls, applied: Applied, given: Mapping[str, str]) -> ActChange:
        """What a correction made of the texts that were given, by key."""
        return cls(
            applied.key,
            applied.what,
            applied.before,
            applied.after,
            applied.unit,
            applied.because,
            given.get(applied.key),
        )


@dataclass(frozen=True, slots=True)
class Act:
    """A row of ``review_acts``. ``version`` is that of the review as the person saw it."""

    id: int
    job_id: int
    version: int
    at_s: float
    act: Outcome
    reviewer: Reviewer
    conclusion: str
    changes: tuple[ActChange, ...]

    @property
    def given(self) -> tuple[Change, ...]:
        """What the person set: with the draft, all that the confirmed result is made from."""
        return tuple(Change(change.key, change.given) for change in self.changes if change.given is not None)


def open_review(connection: sqlite3.Connection, now: float, job_id: int, terms: ReviewTerms) -> None:
    """The results of this analysis wait for a person."""
    draft = "held" if terms.draft == "hold" else "sent"
    connection.execute(
        "INSERT INTO reviews (job_id, state, draft, on_reject, opened_s) VALUES (?, ?, ?, ?, ?)",
        (job_id, PENDING, draft, terms.on_reject, now),
    )
    job_rows.note(connection, now, job_id, "review opened", f"the draft is {draft}")


def supersede(connection: sqlite3.Connection, now: float, revision: Job) -> None:
    """The analysis of a revision is done: drafts of the revisions before it are not to be judged any more."""
    rows = connection.execute(
        "WITH RECURSIVE before (id) AS (SELECT ? UNION "
        "SELECT jobs.predecessor_id FROM jobs JOIN before ON jobs.id = before.id) "
        "SELECT job_id FROM reviews WHERE state = ? AND job_id IN (SELECT id FROM before)",
        (revision.predecessor_id, PENDING),
    ).fetchall()
    for (job_id,) in rows:
        connection.execute(
            "UPDATE reviews SET state = ?, version = version + 1, decided_s = ?, outcome_job_id = ? WHERE job_id = ?",
            (SUPERSEDED, now, revision.id, job_id),
        )
        job_rows.note(connection, now, job_id, "review superseded", f"by the revision, job {revision.id}")


def decide(connection: sqlite3.Connection, now: float, seen: Review, state: Outcome) -> bool:
    """Takes the decision if the review is still as it was seen; False (and nothing changed) if it is not."""
    cursor = connection.execute(
        "UPDATE reviews SET state = ?, version = version + 1, decided_s = ? "
        "WHERE job_id = ? AND version = ? AND state = ?",
        (state, now, seen.job_id, seen.version, PENDING),
    )
    return cursor.rowcount == 1


def record_act(
    connection: sqlite3.Connection,
    now: float,
    seen: Review,
    act: Outcome,
    reviewer: Reviewer,
    conclusion: str,
    changes: Sequence[ActChange] = (),
) -> int:
    """Keeps what a person did, for ever. Returns the row's id."""
    told = [{_AS_KEPT.get(name, name): value for name, value in asdict(change).items()} for change in changes]
    cursor = connection.execute(
        "INSERT INTO review_acts (job_id, version, at_s, act, reviewer_name, reviewer_role, reviewer_organisation, "
        "conclusion, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seen.job_id,
            seen.version,
            now,
            act,
            reviewer.name,
            reviewer.role,
            reviewer.organisation,
            conclusion,
            json.dumps(told, ensure_ascii=False),
        ),
    )
    job_rows.note(connection, now, seen.job_id, act, f"by {reviewer.name}, who saw version {seen.version}")
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def set_outcome(connection: sqlite3.Connection, job_id: int, report_id: int) -> None:
    """The report job that makes documents of the decision."""
    connection.execute("UPDATE reviews SET outcome_job_id = ? WHERE job_id = ?", (report_id, job_id))


# Reading


def review_of(database: Database, job_id: int) -> Review | None:
    """The review of an analysis; None where nobody asked for one."""
    found = _reviews(database, "WHERE job_id = ?", job_id)
    return found[0] if found else None


def reviews(database: Database, states: Sequence[ReviewState], limit: int) -> tuple[Review, ...]:
    """Reviews in one of these states, those that wait longest first."""
    marks = ", ".join("?" * len(states))
    return _reviews(database, f"WHERE state IN ({marks}) ORDER BY opened_s, job_id LIMIT ?", *states, limit)


def _reviews(database: Database, clause: str, *values: object) -> tuple[Review, ...]:
    columns = ", ".join(field.name for field in fields(Review))
    return tuple(Review(**row) for row in database.query(f"SELECT {columns} FROM reviews {clause}", values))


def acts_of(database: Database, job_id: int) -> tuple[Act, ...]:
    """What persons did with the draft of an analysis, oldest first."""
    return tuple(map(_act, database.query("SELECT * FROM review_acts WHERE job_id = ? ORDER BY id", (job_id,))))


def act(database: Database, act_id: int) -> Act:
    """One act, which is there."""
    (row,) = database.query("SELECT * FROM review_acts WHERE id = ?", (act_id,))
    return _act(row)


def _act(row: sqlite3.Row) -> Act:
    reviewer = Reviewer(row["reviewer_name"], row["reviewer_role"], row["reviewer_organisation"])
    named = {kept: name for name, kept in _AS_KEPT.items()}
    changes = tuple(
        ActChange(**{named.get(name, name): value for name, value in told.items()})
        for told in json.loads(row["changes"])
    )
    return Act(row["id"], row["job_id"], row["version"], row["at_s"], row["act"], reviewer, row["conclusion"], changes)


def last_report(database: Database, job_id: int | None, role: str) -> ResultRow | None:
    """The newest report on the way of revisions that ends with this analysis: what the next report replaces.

    Of an analysis that was judged it is the verified report, else its draft, unless that was held: nobody has it.

    Args:
        job_id: the analysis; with None there is no report.
        role: of root reports.
    """
    columns = ", ".join(f"results.{field.name}" for field in fields(ResultRow))
    rows = database.query(
        "WITH RECURSIVE way (id, back) AS (SELECT :job, 0 UNION "
        "SELECT jobs.predecessor_id, back + 1 FROM jobs JOIN way ON jobs.id = way.id) "
        f"SELECT {columns} FROM way "
        "JOIN jobs ON jobs.id = way.id OR (jobs.parent_id = way.id AND jobs.kind = :report) "
        "JOIN results ON results.job_id = jobs.id AND results.role = :role "
        "LEFT JOIN reviews ON reviews.job_id = jobs.id WHERE coalesce(reviews.draft, 'sent') = 'sent' "
        "ORDER BY back, jobs.id DESC LIMIT 1",
        {"job": job_id, "report": REPORT, "role": role},
    )
    return ResultRow(**rows[0]) if rows else None
