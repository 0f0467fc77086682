"""The durable queue: rows of the table ``jobs`` are the truth, and every change of one is a transaction here.

    put ──> waiting ──claim──> running ──finish──> done
               ^                  │ fail, worker_died: retry.decide
               └──────────────────┼──> failed | unsuitable | parked | cancelled
               └──── retry (a person) ────────────┘

A claim holds a lease under a token that is new each time; the holder renews it. Whoever has lost the lease
cannot write any more: renew, finish, fail and release raise ``LeaseLost`` and change nothing. So a job's results
are recorded once, however many workers have tried it.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields

from dicom_node import retry
from dicom_node.database import Database
from dicom_node.errors import InvalidResult, JobCancelled, JobInterrupted, UsageError
from dicom_node.failure import describe
from dicom_node.job import (
    ANALYSE,
    DELIVER,
    AnalyseWork,
    DeliverWork,
    Job,
    JobEvent,
    LeaseLost,
    ResultRow,
    Work,
    job_of_row,
    work_to_json,
)
from dicom_node.retry import ANALYSE_BACK_OFF, Decision, GiveUp, RetryAfter, RetryPolicy

__all__ = [
    "ANALYSE",
    "DELIVER",
    "ENDED",
    "AnalyseWork",
    "DeliverWork",
    "Job",
    "JobEvent",
    "LeaseLost",
    "Queue",
    "ResultRow",
]

ENDED = ("done", "unsuitable", "failed", "parked", "cancelled")
CAN_BE_RETRIED = ("failed", "parked", "unsuitable", "cancelled", "waiting")


class Queue:
    """The queue over one database. ``holder`` begins every token that this queue hands out (a worker's name)."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.time,
        back_off: RetryPolicy = ANALYSE_BACK_OFF,
        holder: str = "node",
    ) -> None:
        self._database = database
        self._clock = clock
        self._back_off = back_off
        self._holder = holder

    # Putting and claiming

    def put_analyse(
        self, connection: sqlite3.Connection, work: AnalyseWork, priority: int = 0, predecessor_id: int | None = None
    ) -> int | None:
        """Puts the work in the caller's transaction. Returns the job's id; ``None`` if this work is known already."""
        return self._put(connection, ANALYSE, "", work.key, work, priority, None, predecessor_id)

    def claim(self, kind: str, lane: str = "", lease_s: float = 60.0) -> Job | None:
        """The next due job of the kind and lane, now held by the caller; ``None`` if nothing is due.

        Highest priority first, then the oldest. Leases that ran out are taken back before. When nothing is due
        this only reads, so it may be polled.
        """
        now = self._clock()
        due = "(state = 'waiting' AND not_before <= ?) OR (state = 'running' AND lease_until < ?)"
        if not self._database.query(
            f"SELECT 1 FROM jobs WHERE kind = ? AND lane = ? AND ({due}) LIMIT 1", (kind, lane, now, now)
        ):
            return None
        with self._database.transaction() as connection:
            self._take_back_expired(connection, kind, lane, now)
            row = connection.execute(
                "SELECT id, attempts FROM jobs WHERE state = 'waiting' AND kind = ? AND lane = ? AND not_before <= ? "
                "ORDER BY priority DESC, id LIMIT 1",
                (kind, lane, now),
            ).fetchone()
            if row is None:
                return None
            token = f"{self._holder}:{uuid.uuid4().hex}"
            connection.execute(
                "UPDATE jobs SET state = 'running', worker = ?, lease_until = ?, started_at = ?, "
                "attempts = attempts + 1, progress = 0, doing = '' WHERE id = ?",
                (token, now + lease_s, now, row["id"]),
            )
            self._event(connection, row["id"], "claimed", f"attempt {row['attempts'] + 1} by {self._holder}")
            return job_of_row(connection.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone())

    def next_due(self, kind: str, lane: str = "") -> float | None:
        """When the next waiting job of the lane becomes due (maybe in the past); ``None`` if none waits."""
        rows = self._database.query(
            "SELECT min(not_before) AS due FROM jobs WHERE state = 'waiting' AND kind = ? AND lane = ?", (kind, lane)
        )
        return rows[0]["due"]

    # What the holder of a lease says

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
                (self._clock() + lease_s, progress, doing, job.id),
            )
        if row["cancel_asked"]:
            raise JobCancelled(f"job {job.id} was cancelled on request")

    def finish(self, job: Job, results: Sequence[ResultRow] = ()) -> None:
        """Records the results, puts one deliver job for each peer of ``send_to``, and marks the job done: at once.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
            InvalidResult: an object is already another job's; nothing was changed.
        """
        with self._database.transaction() as connection:
            self._held(connection, job)
            self._record(connection, job, results)
            if isinstance(job.work, AnalyseWork) and results:
                for peer in dict.fromkeys(job.work.send_to):
                    self._put_delivery(connection, job, peer, results)
            self._end(connection, job.id, "done", None, None)
            self._event(connection, job.id, "done", f"{len(results)} object(s)" if results else "")

    def fail(self, job: Job, error: BaseException, policy: RetryPolicy | None = None) -> Decision:
        """Ends the attempt with an error: the job waits again or ends, as ``retry.decide`` says.

        Args:
            policy: the peer's, for a deliver job; else the queue's own.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
        """
        with self._database.transaction() as connection:
            row = self._held(connection, job)
            if row["cancel_asked"] and isinstance(error, JobInterrupted):
                error = JobCancelled(f"job {job.id} was cancelled on request")
            age_s = self._clock() - self._last_asked(connection, job.id)
            decision = retry.decide(error, row["attempts"], age_s, job.id, policy or self._back_off)
            self._apply(connection, job.id, decision, type(error).__name__, describe(error))
            return decision

    def release(self, job: Job) -> None:
        """Gives the job back untouched (the worker is being stopped): the attempt does not count.

        Raises:
            LeaseLost: somebody else has the job; nothing was changed.
        """
        with self._database.transaction() as connection:
            row = self._held(connection, job)
            self._give_back(connection, row, "released", "the worker was stopped", counts=False)

    # What the node says of a worker

    def worker_died(self, job_id: int, worker: str, reason: str) -> Decision | None:
        """The worker that held the job under token ``worker`` is gone, and the job is to blame.

        Returns what happens to the job, or ``None`` if that worker no longer held it (nothing was changed).
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM jobs WHERE id = ? AND worker = ? AND state = 'running'", (job_id, worker)
            ).fetchone()
            return None if row is None else self._killed(connection, row, reason)

    def running(self, kind: str = ANALYSE) -> tuple[Job, ...]:
        """The jobs that somebody holds now."""
        return self.list(kind=kind, states=("running",))

    def release_all_running(self) -> int:
        """For the start of the node, when nobody can be running: what was running waits again. Returns how many.

        An analyse job that went down with the node ``retry.INTERRUPTIONS_BEFORE_PARKING`` times is parked.
        """
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT * FROM jobs WHERE state = 'running' ORDER BY id").fetchall()
            for row in rows:
                if row["kind"] == ANALYSE and row["attempts"] >= retry.INTERRUPTIONS_BEFORE_PARKING:
                    text = f"was running each of {row['attempts']} times when the node went down: it may be the cause"
                    self._apply(connection, row["id"], GiveUp("parked"), JobInterrupted.__name__, text)
                else:
                    self._give_back(connection, row, "interrupted", "the node went down", counts=True)
            return len(rows)

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
            self._event(connection, job_id, "retried", f"on request; was {state}")
        return self.get(job_id)

    def cancel(self, job_id: int) -> Job:
        """Cancels a waiting job at once; asks the holder of a running one, which ends within seconds.

        Raises:
            UsageError: no such job, or it has ended.
        """
        with self._database.transaction() as connection:
            state = self._state(connection, job_id)
            if state == "waiting":
                self._end(connection, job_id, "cancelled", JobCancelled.__name__, "cancelled on request")
                self._event(connection, job_id, "cancelled", "on request, while waiting")
            elif state == "running":
                connection.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ?", (job_id,))
                self._event(connection, job_id, "cancel asked")
            else:
                raise UsageError(f"job {job_id} is {state}: only waiting and running jobs can be cancelled")
        return self.get(job_id)

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
            tests.append(f"state IN ({', '.join('?' * len(states))})")
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

    # The steps

    def _put(
        self,
        connection: sqlite3.Connection,
        kind: str,
        lane: str,
        key: str,
        work: Work,
        priority: int,
        parent_id: int | None,
        predecessor_id: int | None,
    ) -> int | None:
        cursor = connection.execute(
            "INSERT INTO jobs (kind, lane, key, state, priority, created_at, payload, parent_id, predecessor_id) "
            "VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (kind, lane, key, priority, self._clock(), work_to_json(work), parent_id, predecessor_id),
        )
        if not cursor.rowcount:
            return None
        self._event(connection, cursor.lastrowid, "put")
        return cursor.lastrowid

    def _put_delivery(self, connection: sqlite3.Connection, job: Job, peer: str, results: Sequence[ResultRow]) -> None:
        key = f"{DELIVER}:{job.id}:{peer}"
        delivery_id = self._put(connection, DELIVER, peer, key, DeliverWork(peer), job.priority, job.id, None)
        if delivery_id is None:
            return
        connection.executemany(
            "INSERT INTO deliveries (job_id, sop_instance_uid, role, sop_class_uid, state) "
            "VALUES (?, ?, ?, ?, 'waiting')",
            [(delivery_id, row.sop_instance_uid, row.role, row.sop_class_uid) for row in results],
        )

    def _record(self, connection: sqlite3.Connection, job: Job, results: Sequence[ResultRow]) -> None:
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
            connection.execute(
                "INSERT INTO results (job_id, sop_instance_uid, role, sop_class_uid, transfer_syntax_uid, path, "
                "size_bytes, sha256) VALUES (:job_id, :sop_instance_uid, :role, :sop_class_uid, :transfer_syntax_uid, "
                ":path, :size_bytes, :sha256)",
                {**asdict(row), "job_id": job.id},
            )

    def _held(self, connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
        row = connection.execute(
            "SELECT * FROM jobs WHERE id = ? AND worker = ? AND state = 'running'", (job.id, job.worker)
        ).fetchone()
        if row is None:
            raise LeaseLost(f"job {job.id} is no longer held by {job.worker}: its lease ran out or it was taken back")
        return row

    def _take_back_expired(self, connection: sqlite3.Connection, kind: str, lane: str, now: float) -> None:
        """A holder that has not renewed is taken for dead; for an analyse job that counts as a kill."""
        for row in connection.execute(
            "SELECT * FROM jobs WHERE state = 'running' AND kind = ? AND lane = ? AND lease_until < ?",
            (kind, lane, now),
        ).fetchall():
            if kind == ANALYSE:
                self._killed(connection, row, f"its worker {row['worker']} was silent until the lease ran out")
            else:
                self._give_back(connection, row, "interrupted", "its lease ran out", counts=True)

    def _killed(self, connection: sqlite3.Connection, row: sqlite3.Row, reason: str) -> Decision:
        if row["cancel_asked"]:
            decision: Decision = GiveUp("cancelled")
            self._apply(connection, row["id"], decision, JobCancelled.__name__, "cancelled on request")
            return decision
        kills = row["kills"] + 1
        connection.execute("UPDATE jobs SET kills = ? WHERE id = ?", (kills, row["id"]))
        self._event(connection, row["id"], "killed", reason)
        decision = retry.decide_after_kill(kills, row["id"], self._back_off)
        text = reason if isinstance(decision, RetryAfter) else f"took its worker down {kills} times; lastly: {reason}"
        self._apply(connection, row["id"], decision, JobInterrupted.__name__, text)
        return decision

    def _give_back(
        self, connection: sqlite3.Connection, row: sqlite3.Row, what: str, why: str, *, counts: bool
    ) -> None:
        if row["cancel_asked"]:
            self._apply(connection, row["id"], GiveUp("cancelled"), JobCancelled.__name__, "cancelled on request")
            return
        self._event(connection, row["id"], what, why)
        connection.execute(
            "UPDATE jobs SET state = 'waiting', worker = NULL, lease_until = NULL, not_before = ?, attempts = ? "
            "WHERE id = ?",
            (self._clock(), row["attempts"] - (0 if counts else 1), row["id"]),
        )

    def _apply(
        self, connection: sqlite3.Connection, job_id: int, decision: Decision, error_class: str, text: str
    ) -> None:
        if isinstance(decision, GiveUp):
            self._end(connection, job_id, decision.state, error_class, text)
            self._event(connection, job_id, decision.state, text)
            return
        connection.execute(
            "UPDATE jobs SET state = 'waiting', worker = NULL, lease_until = NULL, not_before = ?, error_class = ?, "
            "error = ? WHERE id = ?",
            (self._clock() + decision.after_s, error_class, text, job_id),
        )
        self._event(connection, job_id, "again later", f"in {decision.after_s:.1f} s, after {error_class}: {text}")

    def _end(
        self, connection: sqlite3.Connection, job_id: int, state: str, error_class: str | None, error: str | None
    ) -> None:
        connection.execute(
            "UPDATE jobs SET state = ?, worker = NULL, lease_until = NULL, finished_at = ?, error_class = ?, "
            "error = ?, progress = CASE ? WHEN 'done' THEN 1 ELSE progress END WHERE id = ?",
            (state, self._clock(), error_class, error, state, job_id),
        )

    def _state(self, connection: sqlite3.Connection, job_id: int) -> str:
        row = connection.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise UsageError(f"there is no job {job_id}; `dicom-node jobs list` shows all")
        return row["state"]

    def _last_asked(self, connection: sqlite3.Connection, job_id: int) -> float:
        """When the job was put, or a person last asked for a retry."""
        return connection.execute(
            "SELECT max(at) AS at FROM job_events WHERE job_id = ? AND what IN ('put', 'retried')", (job_id,)
        ).fetchone()["at"]

    def _event(self, connection: sqlite3.Connection, job_id: int, what: str, text: str = "") -> None:
        connection.execute(
            "INSERT INTO job_events (job_id, at, what, text) VALUES (?, ?, ?, ?)", (job_id, self._clock(), what, text)
        )
