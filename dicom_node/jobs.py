"""The durable queue: rows of the table ``jobs`` are the truth, and every change of one is a transaction here.

    put ──> waiting ──claim──> running ──finish──> done
               ^                  │ fail, worker_died: retry.decide
               ├──────────────────┴──> failed | unsuitable | parked | cancelled
               └────── retry (a person) ───────────┘

A claim holds a lease under a token that is new each time; the holder renews it. Whoever has lost the lease
cannot write any more: renew, finish, fail and release raise ``LeaseLost`` and change nothing. So a job's results
are recorded once, however many workers have tried it.

Leases run on the machine's monotonic clock, which all its processes share: neither a machine that slept nor a
clock that was set takes a job from a holder who is alive. Everything else is wall-clock time, for people.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from dicom_node import job_rows, retry, review_rows
from dicom_node.config import ReviewTerms
from dicom_node.database import Database
from dicom_node.errors import JobCancelled, JobInterrupted, UsageError
from dicom_node.failure import describe
from dicom_node.job import (
    ANALYSE,
    DELIVER,
    OF_WORKERS,
    REPORT,
    AnalyseWork,
    DeliverWork,
    Job,
    JobEvent,
    LeaseLost,
    ReportWork,
    ResultRow,
    job_of_row,
)
from dicom_node.model_acts import shadows
from dicom_node.retry import ANALYSE_BACK_OFF, Decision, RetryPolicy

__all__ = [
    "ANALYSE",
    "DELIVER",
    "ENDED",
    "OF_WORKERS",
    "REPORT",
    "AnalyseWork",
    "DeliverWork",
    "Job",
    "JobEvent",
    "Lease",
    "LeaseLost",
    "Queue",
    "ReportWork",
    "ResultRow",
]

ENDED = ("done", "unsuitable", "failed", "parked", "cancelled")
CAN_BE_RETRIED = ("failed", "parked", "unsuitable", "cancelled", "waiting")

# A revision waits for the one before it and for what a person made of that, so that its report can name the report it
# replaces; and its delivery waits for theirs to the same peer, so that no document comes before what it names. Its joins
# are CROSS, in this order: SQLite would else look through all that waits, for each of them.
# An attempt that began in the future: the clock was set back, and not_before is as wrong as started_at.
TO_CLAIM = """
    FROM jobs WHERE state = 'waiting' AND kind = :kind AND lane = :lane
    AND (not_before <= :now OR started_at > :now)
    AND NOT EXISTS (
        SELECT 1 FROM jobs AS before WHERE before.state IN ('waiting', 'running') AND before.id != jobs.id
        AND (before.id = jobs.predecessor_id OR before.predecessor_id = jobs.predecessor_id AND before.kind = 'report'))
    AND NOT EXISTS (
        SELECT 1 FROM jobs AS made
        CROSS JOIN jobs AS earlier ON earlier.id = made.predecessor_id
            OR earlier.predecessor_id = made.predecessor_id AND earlier.kind = 'report' AND earlier.id != made.id
        CROSS JOIN jobs AS before INDEXED BY jobs_by_parent ON before.parent_id = earlier.id
        WHERE made.id = jobs.parent_id AND before.kind = 'deliver' AND before.lane = jobs.lane
        AND before.state IN ('waiting', 'running'))
"""
# An analysis that was begun before lets new ones go first: if it is what brings the node down, they are not held up.
ORDER = "ORDER BY priority DESC, CASE kind WHEN 'deliver' THEN 0 ELSE attempts END, id"
EXPIRED = "FROM jobs WHERE state = 'running' AND kind = :kind AND lane = :lane AND lease_until < :lease_now"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on what, in short: what the supervisor looks at many times a second."""

    job_id: int
    worker: str
    cancel_asked: bool


class Queue:
    """The queue over one database. ``holder`` begins every token that this queue hands out (a worker's name).

    ``lease_clock`` must be one that all processes of the machine share and that nobody sets.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.time,
        back_off: RetryPolicy = ANALYSE_BACK_OFF,
        holder: str = "node",
        lease_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease_clock = lease_clock
        self._back_off = back_off
        self._holder = holder

    def close(self) -> None:
        """Closes this thread's connection, for a thread that ends."""
        self._database.close()

    # Putting and claiming

    def put_analyse(
        self, connection: sqlite3.Connection, work: AnalyseWork, priority: int = 0, predecessor_id: int | None = None
    ) -> int | None:
        """Puts the work in the caller's transaction. Returns the job's id; ``None`` if this work is known already."""
        return job_rows.put_analyse(connection, self._clock(), work, priority, predecessor_id)

    def share(self, connection: sqlite3.Connection, work: AnalyseWork) -> int:
        """For work that is known: its job. Peers that the job did not name get its results too, now or when it ends."""
        return job_rows.share(connection, self._clock(), work)

    def claim(self, kind: str, lane: str = "", lease_s: float = 60.0) -> Job | None:
        """The next due job of the kind and lane, now held by the caller; ``None`` if nothing is due.

        Highest priority first, then those never begun, then the oldest. Leases that ran out are taken back before.
        When nothing is due this only reads, so it may be polled.
        """
        now, lease_now = self._clock(), self._lease_clock()
        where = {"kind": kind, "lane": lane, "now": now, "lease_now": lease_now}
        if not self._database.query(
            f"SELECT 1 WHERE EXISTS (SELECT 1 {TO_CLAIM}) OR EXISTS (SELECT 1 {EXPIRED})", where
        ):
            return None
        with self._database.transaction() as connection:
            for row in connection.execute(f"SELECT * {EXPIRED}", where).fetchall():
                self._take_back(connection, now, row)
            row = connection.execute(f"SELECT * {TO_CLAIM} {ORDER} LIMIT 1", where).fetchone()
            if row is None:
                return None
            token = f"{self._holder}-{uuid.uuid4().hex}"
            connection.execute(
                "UPDATE jobs SET state = 'running', worker = ?, lease_until = ?, started_at = ?, "
                "attempts = attempts + 1, progress = 0, doing = '' WHERE id = ?",
                (token, lease_now + lease_s, now, row["id"]),
            )
            job_rows.note(connection, now, row["id"], "claimed", f"attempt {row['attempts'] + 1} by {self._holder}")
            return job_of_row(connection.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone())

    def _take_back(self, connection: sqlite3.Connection, now: float, row: sqlite3.Row) -> None:
        """A holder that has not renewed is taken for dead; for a job of a worker that counts as a kill."""
        if row["kind"] in OF_WORKERS:
            reason = f"worker {row['worker'].partition('-')[0]} was silent until its lease ran out"
            job_rows.kill(connection, now, row, reason, self._back_off)
        else:
            job_rows.interrupt(connection, now, row, "its lease ran out")

    def next_due(self, kind: str, lane: str = "") -> float | None:
        """When the next waiting job of the lane becomes due (maybe in the past); ``None`` if none waits."""
        rows = self._database.query(
            "SELECT min(not_before) AS due FROM jobs WHERE state = 'waiting' AND kind = ? AND lane = ?", (kind, lane)
        )
        return rows[0]["due"]

    # What the holder of a lease says

    def _row(self, connection: sqlite3.Connection, job_id: int | None) -> Job:
        """A job, which is there, as it is now."""
        return job_of_row(connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def _held(self, connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
        row = connection.execute(
            "SELECT * FROM jobs WHERE id = ? AND worker = ? AND state = 'running'", (job.id, job.worker)
        ).fetchone()
        if row is None:
            raise LeaseLost(f"job {job.id} is no longer held by {job.worker}: its lease ran out or it was taken back")
        return row

    def renew(self, job: Job, lease_s: float = 60.0, progress: float | None = None, doing: str | None = None) -> None:
        """Keeps the lease and notes the progress (0..1).

        Raises:
            LeaseLost: somebody else may have the job.
            JobCancelled: a person asked to cancel it; the lease is kept for the call of ``fail`` that follows.
        """
        with self._database.transaction() as connection:
            row = self._held(connection, job)
            connection.execute(
                "UPDATE jobs SET lease_until = ?, progress = coalesce(?, progress), doing = coalesce(?, doing) "
                "WHERE id = ?",
                (self._lease_clock() + lease_s, progress, doing, job.id),
            )
        if row["cancel_asked"]:
            raise JobCancelled(f"job {job.id} was cancelled on request")

    def finish(self, job: Job, results: Sequence[ResultRow] = (), review: ReviewTerms | None = None) -> None:
        """Records the results, puts one deliver job for each peer of ``send_to``, and marks the job done: at once.

        With ``review`` a person has to judge them: the review is opened, and where the draft is held nothing is sent.
        Reviews of the revisions before it end here. What a report job made goes to the peers of its analysis.
        Where candidates run in the shadow, their jobs are put as well; of a shadow job itself nothing is recorded.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
            InvalidResult: an object is already another job's; nothing was changed.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            held = job_of_row(self._held(connection, job))  # its peers may have become more meanwhile
            if job.kind == ANALYSE and not job.shadow:
                job_rows.record_results(connection, job, results)
                review_rows.supersede(connection, now, job)
                if review is not None:
                    review_rows.open_review(connection, now, job.id, review)
                if review is None or review.draft == "send":
                    job_rows.put_deliveries(connection, now, held, held.work.send_to, results)
                for version in shadows(connection, held.work.algorithm):
                    job_rows.put_shadow(connection, now, held, version)
            elif job.kind == REPORT:
                job_rows.record_results(connection, job, results)
                send_to = self._row(connection, held.parent_id).work.send_to
                job_rows.put_deliveries(connection, now, held, send_to, results)
            job_rows.end(connection, now, job.id, "done", None, None)
            job_rows.note(connection, now, job.id, "done", f"{len(results)} object(s)" if results else "")

    def fail(self, job: Job, error: BaseException, policy: RetryPolicy | None = None) -> Decision:
        """Ends the attempt with an error: the job waits again or ends, as ``retry.decide`` says.

        Args:
            policy: the peer's, for a deliver job; else the queue's own.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            row = self._held(connection, job)
            if row["cancel_asked"] and isinstance(error, JobInterrupted):
                error = JobCancelled(job_rows.ON_REQUEST)
            age_s = now - job_rows.attempt_events(connection, job.id, "claimed")[0]
            decision = retry.decide(error, row["attempts"], age_s, job.id, policy or self._back_off)
            job_rows.apply(connection, now, job.id, decision, type(error).__name__, describe(error))
            return decision

    def release(self, job: Job) -> None:
        """Gives the job back untouched (the worker is being stopped): the attempt does not count.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
        """
        with self._database.transaction() as connection:
            row = self._held(connection, job)
            connection.execute("UPDATE jobs SET attempts = attempts - 1 WHERE id = ?", (job.id,))
            job_rows.give_back(connection, self._clock(), row, "released", "the worker was stopped")

    # What the node says and sees of workers

    def worker_died(self, job_id: int, worker: str, reason: str) -> Decision | None:
        """The worker that held the job under token ``worker`` is gone, and the job is to blame.

        Returns what happens to the job, or ``None`` if that worker no longer held it (nothing was changed).
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM jobs WHERE id = ? AND worker = ? AND state = 'running'", (job_id, worker)
            ).fetchone()
            return None if row is None else job_rows.kill(connection, self._clock(), row, reason, self._back_off)

    def release_all_running(self) -> int:
        """For the start of the node, when nobody can be running: what was running waits again. Returns how many.

        An analyse job that lost its worker ``retry.INTERRUPTIONS_BEFORE_PARKING`` times is parked.
        """
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT * FROM jobs WHERE state = 'running' ORDER BY id").fetchall()
            for row in rows:
                job_rows.interrupt(connection, self._clock(), row, "the node went down")
            return len(rows)

    def leases(self, kinds: Sequence[str] = OF_WORKERS) -> tuple[Lease, ...]:
        """Who works on what."""
        rows = self._database.query(
            f"SELECT id, worker, cancel_asked FROM jobs WHERE state = 'running' AND kind IN ({_marks(kinds)})", kinds
        )
        return tuple(Lease(row["id"], row["worker"], bool(row["cancel_asked"])) for row in rows)

    def last_event(self) -> int:
        """The number of the newest event of any job; it grows with every change."""
        return self._database.query("SELECT coalesce(max(id), 0) AS last FROM job_events")[0]["last"]

    # What a person asks

    def retry(self, job_id: int) -> Job:
        """Starts a job again that has ended without results, or at once one that waits; counts begin anew.

        Raises:
            UsageError: no such job, or it is running or done.
        """
        with self._database.transaction() as connection:
            state = self._state(connection, job_id)
            if state not in CAN_BE_RETRIED:
                raise UsageError(f"job {job_id} is {state}: only {', '.join(CAN_BE_RETRIED)} jobs can be retried")
            connection.execute(
                "UPDATE jobs SET state = 'waiting', not_before = 0, attempts = 0, kills = 0, cancel_asked = 0, "
                "finished_at = NULL, progress = 0, doing = '', error_class = NULL, error = NULL WHERE id = ?",
                (job_id,),
            )
            job_rows.note(connection, self._clock(), job_id, "retried", f"on request; was {state}")
        return self.get(job_id)

    def cancel(self, job_id: int) -> Job:
        """Cancels a waiting job at once; asks the holder of a running one, which ends within seconds.

        Raises:
            UsageError: no such job, or it has ended.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            state = self._state(connection, job_id)
            if state == "waiting":
                job_rows.end(connection, now, job_id, "cancelled", JobCancelled.__name__, job_rows.ON_REQUEST)
                job_rows.note(connection, now, job_id, "cancelled", "on request, while waiting")
            elif state == "running":
                connection.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ?", (job_id,))
                job_rows.note(connection, now, job_id, "cancel asked")
            else:
                raise UsageError(f"job {job_id} is {state}: only waiting and running jobs can be cancelled")
        return self.get(job_id)

    def _state(self, connection: sqlite3.Connection, job_id: int) -> str:
        row = connection.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise UsageError(f"there is no job {job_id}; `dicom-node jobs list` shows all")
        return row["state"]

    # Reading

    def get(self, job_id: int) -> Job:
        """One job. Raises UsageError if there is none of that id."""
        rows = self._database.query("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise UsageError(f"there is no job {job_id}; `dicom-node jobs list` shows all")
        return job_of_row(rows[0])

    def list(
        self, kind: str | None = None, states: Sequence[str] = (), parent_id: int | None = None, limit: int = 1_000
    ) -> tuple[Job, ...]:
        """Jobs, newest first, of a kind, in one of the states, of one parent, each where given."""
        tests, values = ["1"], []
        if kind is not None:
            tests.append("kind = ?")
            values.append(kind)
        if states:
            tests.append(f"state IN ({_marks(states)})")
            values.extend(states)
        if parent_id is not None:
            tests.append("parent_id = ?")
            values.append(parent_id)
        rows = self._database.query(
            f"SELECT * FROM jobs WHERE {' AND '.join(tests)} ORDER BY id DESC LIMIT ?", (*values, limit)
        )
        return tuple(job_of_row(row) for row in rows)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many jobs there are by (kind, lane, state)."""
        rows = self._database.query("SELECT kind, lane, state, count(*) AS n FROM jobs GROUP BY kind, lane, state")
        return {(row["kind"], row["lane"], row["state"]): row["n"] for row in rows}

    def events(self, job_id: int) -> tuple[JobEvent, ...]:
        """The job's history, oldest first."""
        rows = self._database.query("SELECT at, what, text FROM job_events WHERE job_id = ? ORDER BY id", (job_id,))
        return tuple(JobEvent(**row) for row in rows)

    def results(self, job_id: int) -> tuple[ResultRow, ...]:
        """The objects of an analyse job, in the order in which they were made."""
        columns = ", ".join(field.name for field in fields(ResultRow))
        rows = self._database.query(f"SELECT {columns} FROM results WHERE job_id = ? ORDER BY rowid", (job_id,))
        return tuple(ResultRow(**row) for row in rows)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
