"""The writes that make up a change of a job: each a function inside the caller's transaction, at time ``now``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields, replace

from dicom_node import retry
from dicom_node.errors import InvalidResult, JobCancelled, JobInterrupted
from dicom_node.job import (
    ANALYSE,
    DELIVER,
    OF_WORKERS,
    REPORT,
    AnalyseWork,
    DeliverWork,
    Job,
    ReportWork,
    ResultRow,
    Work,
    job_of_row,
    work_to_json,
)
from dicom_node.retry import Decision, GiveUp, RetryAfter, RetryPolicy

ON_REQUEST = "cancelled on request"
SHADOWS_WAIT = 1_000_000
"""By this much less urgent is a shadow job than its parent: it never holds up work that is meant for somebody."""


def note(connection: sqlite3.Connection, now: float, job_id: int, what: str, text: str = "") -> None:
    """One line of the job's history."""
    connection.execute("INSERT INTO job_events (job_id, at, what, text) VALUES (?, ?, ?, ?)", (job_id, now, what, text))


def attempt_events(connection: sqlite3.Connection, job_id: int, what: str) -> list[float]:
    """When this happened to the job, since it was put or a person last asked for a retry; oldest first."""
    rows = connection.execute(
        "SELECT at FROM job_events WHERE job_id = :id AND what = :what AND id > "
        "(SELECT max(id) FROM job_events WHERE job_id = :id AND what IN ('put', 'retried')) ORDER BY id",
        {"id": job_id, "what": what},
    )
    return [row["at"] for row in rows]


def put_analyse(
    connection: sqlite3.Connection, now: float, work: AnalyseWork, priority: int, predecessor_id: int | None
) -> int | None:
    """The new job's id; ``None`` if this work is known already."""
    return _put(connection, now, ANALYSE, work.key, work, priority=priority, predecessor_id=predecessor_id)


def share(connection: sqlite3.Connection, now: float, work: AnalyseWork) -> int:
    """The job that does this work already; peers of ``work`` that it did not name get its results as well.

    Terms of review that are stricter hold for a job that waits; what was begun or made keeps its own.
    """
    row = connection.execute("SELECT * FROM jobs WHERE key = ?", (work.key,)).fetchone()
    job = job_of_row(row)
    assert isinstance(job.work, AnalyseWork)
    more = [peer for peer in work.send_to if peer not in job.work.send_to]
    review = job.work.review.stricter(work.review) if job.state == "waiting" else job.work.review
    shared = replace(job.work, send_to=(*job.work.send_to, *more), review=review)
    if shared == job.work:
        return job.id
    connection.execute("UPDATE jobs SET payload = ? WHERE id = ?", (work_to_json(shared), job.id))
    if more:
        note(connection, now, job.id, "also to", ", ".join(more))
        for sent in _whose_results_are_sent(connection, job.id):
            put_deliveries(connection, now, sent, shared.send_to, results_of(connection, sent.id))
    return job.id


def _whose_results_are_sent(connection: sqlite3.Connection, analysis_id: int) -> list[Job]:
    """Jobs whose results go, or went, to the peers of an analysis: itself, unless its draft is held; its reports."""
    rows = connection.execute(
        "SELECT jobs.* FROM jobs LEFT JOIN reviews ON reviews.job_id = jobs.id WHERE jobs.state = 'done' AND "
        "(jobs.id = :id AND coalesce(reviews.draft, 'sent') = 'sent' OR jobs.parent_id = :id AND jobs.kind = :report) "
        "ORDER BY jobs.id",
        {"id": analysis_id, "report": REPORT},
    )
    return [job_of_row(row) for row in rows]


def results_of(connection: sqlite3.Connection, job_id: int) -> tuple[ResultRow, ...]:
    """The objects of an analyse job, in the order in which they were made."""
    columns = ", ".join(field.name for field in fields(ResultRow))
    rows = connection.execute(f"SELECT {columns} FROM results WHERE job_id = ? ORDER BY rowid", (job_id,))
    return tuple(ResultRow(**row) for row in rows)


def put_deliveries(
    connection: sqlite3.Connection, now: float, job: Job, send_to: Sequence[str], results: Sequence[ResultRow]
) -> None:
    """One deliver job of the job's results for each peer, with a row for each object; known ones stay as they are."""
    for peer in dict.fromkeys(send_to):
        key = f"{DELIVER}:{job.id}:{peer}"
        delivery_id = _put(
            connection, now, DELIVER, key, DeliverWork(peer), lane=peer, priority=job.priority, parent_id=job.id
        )
        if delivery_id is not None:
            connection.executemany(
                "INSERT INTO deliveries (job_id, sop_instance_uid, role, sop_class_uid, state) "
                "VALUES (?, ?, ?, ?, 'waiting')",
                [(delivery_id, row.sop_instance_uid, row.role, row.sop_class_uid) for row in results],
            )


def put_report(connection: sqlite3.Connection, now: float, analysis: Job, act_id: int) -> int:
    """The job that makes documents of what a person decided on the draft of an analysis. Returns its id.

    The analysis is also its predecessor, whose objects its documents name or replace.
    """
    assert isinstance(analysis.work, AnalyseWork)
    limits = {name: getattr(analysis.work, name) for name in ("rule", "time_limit_s", "memory_limit_mib")}
    work = ReportWork(act_id=act_id, **limits)
    key = f"{REPORT}:{act_id}"
    place = {"priority": analysis.priority, "parent_id": analysis.id, "predecessor_id": analysis.id}
    job_id = _put(connection, now, REPORT, key, work, **place)
    assert job_id is not None  # an act is new
    return job_id


def _put(connection: sqlite3.Connection, now: float, kind: str, key: str, work: Work, **columns: object) -> int | None:
    columns = {
        "kind": kind,
        "key": key,
        "state": "waiting",
        "created_at": now,
        "payload": work_to_json(work),
        **columns,
    }
    cursor = connection.execute(
        f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        "ON CONFLICT (key) DO NOTHING",
        tuple(columns.values()),
    )
    if not cursor.rowcount:
        return None
    note(connection, now, cursor.lastrowid, "put")
    return cursor.lastrowid


def put_shadow(connection: sqlite3.Connection, now: float, parent: Job, models: str) -> int | None:
    """A job that runs the candidate ``models`` on what ``parent`` has analysed; ``None`` if it was put before."""
    assert isinstance(parent.work, AnalyseWork)
    work = replace(parent.work, models=models, send_to=(), reason=f"shadow of job {parent.id}")
    key = f"shadow:{parent.id}:{models}"
    return _put(connection, now, ANALYSE, key, work, priority=parent.priority - SHADOWS_WAIT, parent_id=parent.id)


def pin_models(connection: sqlite3.Connection, now: float, algorithm: str, models: str) -> None:
    """Analyses of the algorithm that still wait take these models. One that becomes work known already is cancelled."""
    rows = connection.execute(
        "SELECT * FROM jobs WHERE kind = ? AND state = 'waiting' AND parent_id IS NULL "
        "AND json_extract(payload, '$.algorithm') = ?",
        (ANALYSE, algorithm),
    ).fetchall()
    for row in rows:
        work = job_of_row(row).work
        assert isinstance(work, AnalyseWork)
        pinned = replace(work, models=models)
        other = connection.execute("SELECT id FROM jobs WHERE key = ? AND id != ?", (pinned.key, row["id"])).fetchone()
        if other is not None:
            text = f"the models in use were changed while it waited, and with these job {other['id']} is the same work"
            end(connection, now, row["id"], "cancelled", JobCancelled.__name__, text)
            note(connection, now, row["id"], "cancelled", text)
        elif pinned != work:
            connection.execute(
                "UPDATE jobs SET payload = ?, key = ? WHERE id = ?", (work_to_json(pinned), pinned.key, row["id"])
            )
            note(connection, now, row["id"], "models", models or "those that come with the algorithm")


def record_results(connection: sqlite3.Connection, job: Job, results: Sequence[ResultRow]) -> None:
    """The job's objects, in place of any that it had. Raises InvalidResult if one is another job's."""
    connection.execute("DELETE FROM results WHERE job_id = ?", (job.id,))
    for row in results:
        other = connection.execute(
            "SELECT job_id FROM results WHERE sop_instance_uid = ?", (row.sop_instance_uid,)
        ).fetchone()
        if other is not None:
            raise InvalidResult(
                f"object {row.sop_instance_uid} ({row.role}) of job {job.id} is already a result of job "
                f"{other['job_id']}: two rules run the same algorithm with the same options on the same instances; "
                "make one rule of them"
            )
        columns = {"job_id": job.id, **asdict(row)}
        connection.execute(
            f"INSERT INTO results ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )


def apply(
    connection: sqlite3.Connection, now: float, job_id: int, decision: Decision, error_class: str, text: str
) -> None:
    """A failure's consequence: the job waits for its next attempt, or ends."""
    if isinstance(decision, GiveUp):
        end(connection, now, job_id, decision.state, error_class, text)
        note(connection, now, job_id, decision.state, text)
        return
    connection.execute(
        "UPDATE jobs SET state = 'waiting', worker = NULL, lease_until = NULL, not_before = ?, error_class = ?, "
        "error = ? WHERE id = ?",
        (now + decision.after_s, error_class, text, job_id),
    )
    note(connection, now, job_id, "again later", f"in {decision.after_s:.1f} s, after {error_class}: {text}")


def end(
    connection: sqlite3.Connection, now: float, job_id: int, state: str, error_class: str | None, error: str | None
) -> None:
    """The job is at rest in ``state``."""
    connection.execute(
        "UPDATE jobs SET state = ?, worker = NULL, lease_until = NULL, finished_at = ?, error_class = ?, error = ?, "
        "progress = CASE ? WHEN 'done' THEN 1 ELSE progress END WHERE id = ?",
        (state, now, error_class, error, state, job_id),
    )


def kill(connection: sqlite3.Connection, now: float, row: sqlite3.Row, reason: str, policy: RetryPolicy) -> Decision:
    """The running job took its worker down: it waits for another try, or is parked."""
    if row["cancel_asked"]:
        decision: Decision = GiveUp("cancelled")
        apply(connection, now, row["id"], decision, JobCancelled.__name__, ON_REQUEST)
        return decision
    kills = row["kills"] + 1
    connection.execute("UPDATE jobs SET kills = ? WHERE id = ?", (kills, row["id"]))
    note(connection, now, row["id"], "killed", reason)
    decision = retry.decide_after_kill(kills, row["id"], policy)
    text = reason if isinstance(decision, RetryAfter) else f"took its worker down {kills} times; lastly: {reason}"
    apply(connection, now, row["id"], decision, JobInterrupted.__name__, text)
    return decision


def interrupt(connection: sqlite3.Connection, now: float, row: sqlite3.Row, why: str) -> None:
    """The running job lost its holder without being to blame; too often, and it is parked after all."""
    times = 1 + len(attempt_events(connection, row["id"], "interrupted"))
    if row["kind"] in OF_WORKERS and times >= retry.INTERRUPTIONS_BEFORE_PARKING:
        text = f"lost its worker {times} times without a word and may be the cause; lastly: {why}"
        apply(connection, now, row["id"], GiveUp("parked"), JobInterrupted.__name__, text)
    else:
        give_back(connection, now, row, "interrupted", why)


def give_back(connection: sqlite3.Connection, now: float, row: sqlite3.Row, what: str, why: str) -> None:
    """The running job waits again and is due at once."""
    if row["cancel_asked"]:
        apply(connection, now, row["id"], GiveUp("cancelled"), JobCancelled.__name__, ON_REQUEST)
        return
    note(connection, now, row["id"], what, why)
    connection.execute(
        "UPDATE jobs SET state = 'waiting', worker = NULL, lease_until = NULL, not_before = 0 WHERE id = ?",
        (row["id"],),
    )
