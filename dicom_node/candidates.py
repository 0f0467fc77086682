"""Candidates that the node prepares by itself: when one is due, and the low-priority process that makes it.

Rows decide (``candidate_runs``), so a restart forgets nothing: what was being prepared goes on where it stopped. A
candidate changes nothing by itself: a person promotes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from dicom_node.config import CandidatePlan, NodeConfig
from dicom_node.database import Database
from dicom_node.errors import UsageError

log = logging.getLogger(__name__)

CANDIDATES = "candidates"
LEAST_URGENT = 19
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class CandidateRun:
    """One row of ``candidate_runs``."""

    id: int
    algorithm: str
    begun_s: float
    ended_s: float | None
    state: str
    last_case: int
    cases: int
    folder: str
    version: str
    reason: str


class CandidateRuns:
    """The rows, and who may work on which: one process for an algorithm at a time (flock)."""

    def __init__(self, database: Database, data_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._database, self._data_dir, self._clock = database, data_dir, clock
        self._lock = -1

    def of(self, algorithm: str) -> tuple[CandidateRun, ...]:
        """All runs of the algorithm, oldest first."""
        rows = self._database.query("SELECT * FROM candidate_runs WHERE algorithm = ? ORDER BY id", (algorithm,))
        return tuple(CandidateRun(**dict(row)) for row in rows)

    def begin(self, algorithm: str, last_case: int, cases: int) -> CandidateRun:
        """A new run, or the one that was interrupted, with its cases. The lock is held until this process ends.

        Raises:
            UsageError: another process prepares a candidate of this algorithm.
        """
        folder = self._data_dir / CANDIDATES / algorithm
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise UsageError(f"a candidate of {algorithm} is being prepared already") from error
        interrupted = [run for run in self.of(algorithm) if run.state == "running"]
        if interrupted:
            return interrupted[-1]
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO candidate_runs (algorithm, begun_s, state, last_case, cases, folder) "
                "VALUES (?, ?, 'running', ?, ?, '')",
                (algorithm, self._clock(), last_case, cases),
            )
            path = f"{CANDIDATES}/{algorithm}/{cursor.lastrowid}"
            connection.execute("UPDATE candidate_runs SET folder = ? WHERE id = ?", (path, cursor.lastrowid))
        return self.of(algorithm)[-1]

    def folder_of(self, run: CandidateRun) -> Path:
        """Where it is trained."""
        return self._data_dir / run.folder

    def done(self, run: CandidateRun, version: str) -> None:
        """The candidate is there, under this version."""
        self._end(run, "done", version=version)

    def failed(self, run: CandidateRun, reason: str) -> None:
        """Nothing came of it."""
        self._end(run, "failed", reason=reason)

    def _end(self, run: CandidateRun, state: str, version: str = "", reason: str = "") -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE candidate_runs SET state = ?, ended_s = ?, version = ?, reason = ? WHERE id = ?",
                (state, self._clock(), version, reason, run.id),
            )


def due(runs: tuple[CandidateRun, ...], new_cases: Callable[[int], int], plan: CandidatePlan, now: float) -> bool:
    """Whether a candidate is to be prepared now.

    Args:
        runs: earlier ones of the algorithm, oldest first.
        new_cases: how many cases there are after the case of that number.
    """
    if runs and runs[-1].state == "running":
        return True  # interrupted: it goes on
    if runs and now < runs[-1].begun_s + plan.every_s:
        return False
    made = [run.last_case for run in runs if run.state == "done"]
    return new_cases(made[-1] if made else 0) >= plan.at_least


class CandidateSchedule:
    """Starts what is due, one process at a time, and sees it end. Driven by the node's scheduler."""

    def __init__(self, config: NodeConfig, database: Database) -> None:
        self._config, self._database = config, database
        self._process: subprocess.Popen[bytes] | None = None
        self._algorithm = ""

    def reload(self, config: NodeConfig) -> None:
        """Takes the new plans; what is being prepared is finished."""
        self._config = config

    @property
    def _plans(self) -> Mapping[str, CandidatePlan]:
        return self._config.node.candidates

    def tick(self, now: float) -> bool:
        """Looks after the process; starts one if something is due. Returns whether one was started."""
        if self._process is not None:
            if self._process.poll() is None:
                return False
            self._told_end(self._process.returncode)
            self._process = None
        runs = CandidateRuns(self._database, self._config.node.data_dir)
        for algorithm, plan in self._plans.items():
            if due(runs.of(algorithm), lambda after, name=algorithm: self._new_cases(name, after), plan, now):
                self._start(algorithm)
                return True
        return False

    def _new_cases(self, algorithm: str, after: int) -> int:
        rows = self._database.query(
            "SELECT count(*) AS n FROM cases WHERE algorithm = ? AND id > ?", (algorithm, after)
        )
        return rows[0]["n"]

    def _start(self, algorithm: str) -> None:
        log.info("a candidate is being prepared", extra={"algorithm": algorithm})
        found = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
        command = [sys.executable, "-P", "-m", "dicom_node", "models", "prepare", algorithm]
        self._algorithm = algorithm
        self._process = subprocess.Popen(
            [*command, "--config", str(self._config.path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what went wrong stands in the row
            env={**os.environ, "PYTHONPATH": found, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        with contextlib.suppress(psutil.Error):
            psutil.Process(self._process.pid).nice(LEAST_URGENT)

    def _told_end(self, code: int) -> None:
        told = {"algorithm": self._algorithm, "exit_code": code}
        if code == 0:
            log.info("a candidate is ready for a person to promote", extra=told)
            return
        runs = CandidateRuns(self._database, self._config.node.data_dir)
        last = [run for run in runs.of(self._algorithm) if run.state == "running"]
        if last:  # it had no time to say why
            runs.failed(last[-1], f"its process ended with exit code {code}")
        log.error("no candidate could be prepared: dicom-node models list says why", extra=told)

    def stop(self) -> None:
        """Ends the process; the next start of the node goes on with it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
