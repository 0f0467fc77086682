"""The node's side of the workers: starts them, watches each job's time and memory, kills, replaces, stops.

It runs in one thread, which also starts the workers: Linux ends a worker with the *thread* that started it
(prctl(2), PR_SET_PDEATHSIG). What it knows of jobs it reads from their rows; a worker's name begins its tokens.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from dicom_node.config import NodeConfig
from dicom_node.errors import StorageError
from dicom_node.job import Job, plain
from dicom_node.jobs import Lease, LeaseLost, Queue
from dicom_node.storage import Outbox

log = logging.getLogger(__name__)

WATCH_S = 0.1
CANCEL_GRACE_S = 3.0
SHORT_LIFE_S = 5.0
LONGEST_PAUSE_S = 30.0
"""Workers that die young, without a job, come back after pauses that double up to this."""
CHILDREN_S = 1.0
TROUBLE_S = 1.0
"""How long to wait where the database refuses or no process can be started."""
MIB = 1 << 20
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class MemoryUse:
    """Memory that a process and its children hold and nobody could take back.

    Resident memory, on Linux without the pages that are a file's (memory-mapped frames, libraries): those are given
    back when memory is short. Children are looked for once a second, because that reads every process of the machine.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._family: list[psutil.Process] = []
        self._look_again = 0.0

    def bytes(self, now: float) -> int:
        """The sum; what has ended counts 0."""
        if now >= self._look_again:
            self._look_again = now + CHILDREN_S
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(self._pid)
                self._family = [process, *process.children(recursive=True)]
        total = 0
        for member in self._family:
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = member.memory_info()
                total += memory.rss - getattr(memory, "shared", 0)
        return total


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a worker was killed, over the claim that it held then; ``blames_job``: the job itself was the cause."""

    reason: str
    claim: str
    blames_job: bool = True


@dataclass(slots=True)
class WorkerProcess:
    """One worker, and the job it is seen to hold."""

    name: str
    process: subprocess.Popen[bytes]
    memory: MemoryUse
    started: float
    lease: Lease | None = None
    job: Job | None = None
    job_since: float = 0.0
    cancel_since: float | None = None
    had_jobs: bool = False
    stopping: bool = False
    verdict: Verdict | None = None

    def hold(self, lease: Lease | None, now: float) -> bool:
        """Notes what the worker holds; true if that is a job it did not hold before."""
        new = lease is not None and (self.lease is None or lease.worker != self.lease.worker)
        if new:
            self.job_since, self.cancel_since, self.had_jobs = now, None, True
        if lease is None:
            self.job = None
        elif lease.cancel_asked and self.cancel_since is None:
            self.cancel_since = now
        self.lease = lease
        return new


class Supervisor:
    """The worker processes of one node.

    Args:
        on_change: called, from the supervisor's thread, after jobs have changed (to nudge deliveries).
        cancel_grace_s: how long an algorithm may take to notice that its job was cancelled; then its worker is killed.
    """

    def __init__(
        self,
        config: NodeConfig,
        queue: Queue,
        on_change: Callable[[], None] = lambda: None,
        cancel_grace_s: float = CANCEL_GRACE_S,
    ) -> None:
        self._config = config
        self._queue = queue
        self._on_change = on_change
        self._cancel_grace_s = cancel_grace_s
        self._workers: list[WorkerProcess] = []
        self._number = 0
        self._young_deaths = 0
        self._pause_until = 0.0
        self._seen_event = 0
        self._stop_by: float | None = None
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Clears what an earlier run left half made, and starts the workers. Jobs have been released before."""
        data_dir = self._config.node.data_dir
        shutil.rmtree(data_dir / "scratch", ignore_errors=True)
        Outbox(data_dir).clear_staging()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Lets every worker finish its job; those that need longer give it back. Returns when none is left."""
        self._stop_by = time.monotonic() + timeout_s
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def reload(self, config: NodeConfig) -> None:
        """Takes the new number of workers; running jobs keep the limits they were put with.

        Folder and UID namespace stay: all workers of one node share them, and they change with its next start.
        """
        self._config = replace(config, node=replace(self._config.node, workers=config.node.workers))
        self._wake.set()

    def wake(self) -> None:
        """There are new jobs: idle workers look at once."""
        self._wake.set()

    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.process.pid for worker in self._workers)

    # The thread

    def _run(self) -> None:
        while True:
            try:
                self._watch()
            except (StorageError, sqlite3.Error, OSError) as error:
                log.error("workers cannot be watched: %s", error)
                time.sleep(TROUBLE_S)
            if self._stop_by is not None and not self._workers:
                self._queue.close()
                return
            if self._wake.wait(WATCH_S):
                self._wake.clear()
                self._wake_workers()

    def _wake_workers(self) -> None:
        for worker in self._workers:
            with contextlib.suppress(OSError):  # it has just ended, or has not read what it was told before
                os.write(worker.process.stdin.fileno(), b"\n")

    def _watch(self) -> None:
        now = time.monotonic()
        self._match_number(now)
        leases = self._leases()
        for worker in tuple(self._workers):
            if worker.process.returncode is None:  # else it ended before, and that could not be recorded
                if worker.process.poll() is None:
                    if worker.hold(leases.get(worker.name), now):
                        worker.job = self._queue.get(worker.lease.job_id)
                    worker.verdict = self._judge(worker, now)
                    if worker.verdict is None:
                        continue
                kill(worker.process)
            self._bury(worker, now)
        self._tell_changes()

    def _leases(self) -> dict[str, Lease]:
        """Who holds what, by the worker's name."""
        return {lease.worker.rpartition("-")[0]: lease for lease in self._queue.leases()}

    def _match_number(self, now: float) -> None:
        """As many workers as configured; none while stopping. Surplus ones may finish their job."""
        wanted = self._config.node.workers if self._stop_by is None else 0
        staying = [worker for worker in self._workers if not worker.stopping]
        for worker in staying[wanted:]:
            worker.stopping = True
            worker.process.terminate()
        if now >= self._pause_until:
            for _ in range(wanted - len(staying)):
                self._number += 1
                self._workers.append(self._start(f"w{self._number}", now))

    def _judge(self, worker: WorkerProcess, now: float) -> Verdict | None:
        """Why the worker must be killed now, if it must."""
        claim = worker.lease.worker if worker.lease else ""
        if self._stop_by is not None and now > self._stop_by:
            return Verdict("the node is stopping", claim, blames_job=False)
        if worker.job is None:
            return None
        work = worker.job.work
        took_s = now - worker.job_since
        if took_s > work.time_limit_s:
            return Verdict(f"took {took_s:.1f} s; the limit of rule {work.rule!r} is {work.time_limit_s:g} s", claim)
        if worker.cancel_since is not None and now - worker.cancel_since > self._cancel_grace_s:
            return Verdict("was cancelled", claim)
        used_mib = worker.memory.bytes(now) / MIB
        if used_mib > work.memory_limit_mib:
            limit = f"the limit of rule {work.rule!r} is {work.memory_limit_mib / 1024:.2f} GiB"
            return Verdict(f"took {used_mib / 1024:.2f} GiB of memory; {limit}", claim)
        return None

    def _bury(self, worker: WorkerProcess, now: float) -> None:
        """Records what the dead worker's job comes to, removes what it left, and lets another take its place.

        Where the database refuses, the worker stays in the list and this is tried again.
        """
        told = {"worker": worker.name, "pid": worker.process.pid}
        lease = self._leases().get(worker.name)  # read anew: what it held when it ended
        if lease is not None:
            worker.had_jobs = True
            self._settle(worker, lease)
        elif not worker.stopping:
            log.error("a worker without a job %s", _end_in_words(worker.process.returncode), extra=told)
        data_dir = self._config.node.data_dir
        shutil.rmtree(data_dir / "scratch" / str(worker.process.pid), ignore_errors=True)
        worker.process.stdin.close()
        self._workers.remove(worker)
        self._slow_down(worker, now)

    def _settle(self, worker: WorkerProcess, lease: Lease) -> None:
        """The job is to blame if it was judged, or if the worker ended unasked; else it goes back untouched."""
        told = {"worker": worker.name, "pid": worker.process.pid, "job": lease.job_id}
        verdict = worker.verdict
        if verdict is None and not (worker.stopping and worker.process.returncode == 0):
            verdict = Verdict(f"its worker {_end_in_words(worker.process.returncode)}", lease.worker)
        if verdict is not None and verdict.blames_job and verdict.claim == lease.worker:
            self._queue.worker_died(lease.job_id, lease.worker, verdict.reason)
            log.error("a job has cost its worker: %s", verdict.reason, extra=told)
        else:
            with contextlib.suppress(LeaseLost):
                self._queue.release(self._queue.get(lease.job_id))
            log.info("a job was given back: its worker had to stop", extra=told)
        staging = self._config.node.data_dir / "outbox" / f".staging-{lease.job_id}-{lease.worker}"
        shutil.rmtree(staging, ignore_errors=True)

    def _slow_down(self, worker: WorkerProcess, now: float) -> None:
        """A worker that cannot even start must not be started over and over."""
        if worker.stopping or worker.had_jobs or now - worker.started > SHORT_LIFE_S:
            self._young_deaths = 0
            return
        self._young_deaths += 1
        self._pause_until = now + min(2.0 ** (self._young_deaths - 1), LONGEST_PAUSE_S)

    def _tell_changes(self) -> None:
        last = self._queue.last_event()
        if last != self._seen_event:
            self._seen_event = last
            self._on_change()

    def _start(self, name: str, now: float) -> WorkerProcess:
        node = self._config.node
        threads = max(1, cores() // node.workers)
        warm = dict.fromkeys(json.dumps([rule.run, rule.options], default=plain) for rule in self._config.rules)
        command = [sys.executable, "-P", "-m", "dicom_node.worker", "--name", name]
        command += ["--data-dir", str(node.data_dir), "--namespace", str(node.uid_namespace)]
        command += ["--parent", str(os.getpid()), "--threads", str(threads), "--warm", f"[{', '.join(warm)}]"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=_environment(threads),
            start_new_session=True,  # a Ctrl-C is for the node, which stops its workers in order
        )
        os.set_blocking(process.stdin.fileno(), False)  # a wake that nobody reads must not hold up the node
        threading.Thread(target=relay, args=(process.stdout,), name=f"log-{name}", daemon=True).start()
        return WorkerProcess(name, process, MemoryUse(process.pid), now)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environment(threads: int) -> dict[str, str]:
    """This process's environment, with the same modules to be found, and the number of threads for libraries."""
    found = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": found, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def relay(records) -> None:
    """Logs a worker's records (one JSON object a line) here, until it ends."""
    with records:
        for line in records:
            with contextlib.suppress(ValueError, KeyError):  # the line during which it was killed
                record = json.loads(line)
                logging.getLogger(record["name"]).log(record["level"], "%s", record["message"], extra=record["extra"])


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a worker and whatever it started, at once, and waits until it has ended; of a dead one, what it left."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _end_in_words(return_code: int) -> str:
    if return_code >= 0:
        return f"ended with exit code {return_code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-return_code).name
        hint = {"SIGBUS": " (is the disk full?)", "SIGKILL": " (is memory short? the kernel's log tells)"}
        return f"ended by {name}{hint.get(name, '')}"
    return f"ended by signal {-return_code}"
