"""The worker process: claims analyse jobs, keeps algorithms warm, leaves results in the outbox.

    python -m dicom_node.worker --name w1 --data-dir D --namespace UUID --parent PID --threads N --warm JSON

The supervisor (supervisor.py) starts, watches and kills it. All a worker needs to know of a job is in the job's row,
so a change of routing.yaml does not touch it. It never outlives the node: the kernel kills it with its parent, and
where there is no such kernel the end of its standard input does. SIGTERM lets it finish its job and then end.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydicom import dcmread

from dicom_node.algorithm import Algorithm
from dicom_node.database import Database
from dicom_node.encode import REPORT_ROLE, EncodeJob, ObjectRef, local_moment, prepare
from dicom_node.errors import InvalidResult, JobInterrupted, StorageError, UnreadableInstance
from dicom_node.failure import reason
from dicom_node.intake import SetAside, record_aside
from dicom_node.jobs import ANALYSE, Job, LeaseLost, Queue, ResultRow
from dicom_node.plugins import Catalogue
from dicom_node.run import REJECTED, RunOutcome, analyse
from dicom_node.storage import Inbox, Outbox, sha256_of_dataset

log = logging.getLogger("dicom_node.worker")  # as a process this module is called __main__

LEASE_S = 60.0
"""From the claim to the first heartbeat. Later a lease outlasts the job's time limit by this: the supervisor, which
sees the process, judges first, and a library that holds the interpreter for long loses nothing."""
HEARTBEAT_S = 1.0
"""How often progress is written and a request to cancel is seen."""
POLL_S = 0.1
"""How often an idle worker looks for a job, unless it is woken."""
TROUBLE_S = 1.0
"""How long to wait where the database refuses."""
MOST_WARM = 4
"""Algorithms kept with their models open; the one unused for longest goes first."""

PR_SET_PDEATHSIG = 1  # prctl(2)
WORSE_THAN_THE_NODE = "500"  # proc(5), oom_score_adj: the kernel, when memory is out, takes a worker before the node


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the supervisor tells a worker. ``warm``: (algorithm, options) to make ready while there is no job."""

    name: str
    data_dir: Path
    namespace: UUID
    threads: int
    warm: tuple[tuple[str, Mapping[str, Any]], ...] = ()


class WarmAlgorithms:
    """Algorithms by name and options, made at first use and kept."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._warm: OrderedDict[str, Algorithm] = OrderedDict()

    def get(self, name: str, options: Mapping[str, Any]) -> Algorithm:
        """The algorithm, ready to run. Raises what ``Catalogue.create`` raises."""
        key = json.dumps([name, options], sort_keys=True)
        if key not in self._warm:
            self._warm[key] = self._catalogue.create(name, options)
            if len(self._warm) > MOST_WARM:
                self._warm.popitem(last=False)
        self._warm.move_to_end(key)
        return self._warm[key]


class Heartbeat:
    """Renews a job's lease from a thread of its own, and brings what the queue answers to the algorithm's next report.

    ``progress`` is the algorithm's ``Progress``: it raises JobCancelled or LeaseLost once the queue has said so.
    """

    def __init__(self, queue: Queue, job: Job) -> None:
        self._queue, self._job = queue, job
        self._report: tuple[float, str] = (0.0, "")
        self._answer: JobInterrupted | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def progress(self, fraction: float, doing: str) -> None:
        """Notes how far the work is; raises what the queue answered last."""
        self._report = (min(max(fraction, 0.0), 1.0), doing)
        if self._answer is not None:
            raise self._answer

    def _beat(self) -> None:
        lease_s = self._job.work.time_limit_s + LEASE_S
        while True:
            try:
                self._queue.renew(self._job, lease_s, *self._report)
            except JobInterrupted as answer:
                self._answer = answer
            except StorageError as error:
                log.warning("a lease could not be renewed: %s", error, extra={"job": self._job.id})
            if self._answer is not None or self._ended.wait(HEARTBEAT_S):
                break
        self._queue.close()


class Worker:
    """The loop: claim, work, finish or fail; one job at a time."""

    def __init__(self, settings: WorkerSettings, database: Database, catalogue: Catalogue, scratch: Path) -> None:
        self._settings = settings
        self._database = database
        self._queue = Queue(database, holder=settings.name)
        self._inbox, self._outbox = Inbox(settings.data_dir), Outbox(settings.data_dir)
        self._catalogue = catalogue
        self._algorithms = WarmAlgorithms(catalogue)
        self._to_warm = list(settings.warm)
        self._scratch = scratch
        self._home = Path.cwd()
        self._stopping = False
        self._wake = threading.Event()

    def stop(self) -> None:
        """Lets the loop end after the job at hand. For a signal handler, which may interrupt whoever holds a lock:
        it takes none, and an idle loop sees it at its next look.
        """
        self._stopping = True

    def wake(self) -> None:
        """There may be a job."""
        self._wake.set()

    def run(self) -> None:
        """Works until it is stopped."""
        while not self._stopping:
            job = self._claim()
            if job is not None:
                self._do(job)
            elif self._to_warm:
                self._warm_up(*self._to_warm.pop(0))
            else:
                self._wake.wait(POLL_S)
                self._wake.clear()

    def _claim(self) -> Job | None:
        try:
            return self._queue.claim(ANALYSE, lease_s=LEASE_S)
        except StorageError as error:
            log.error("no job can be claimed: %s", error)
            time.sleep(TROUBLE_S)
            return None

    def _warm_up(self, name: str, options: Mapping[str, Any]) -> None:
        try:
            self._algorithms.get(name, self._catalogue.canonical_options(name, options))
        except Exception as error:  # noqa: BLE001 - the worker loop; told again by every job that needs it
            log.warning("an algorithm cannot be made ready: %s", reason(error), extra={"algorithm": name})

    def _do(self, job: Job) -> None:
        """One attempt, whatever comes of it: this is the worker's boundary, nothing passes."""
        staged: Path | None = None
        began = time.monotonic()
        told = {"job": job.id, "algorithm": job.work.algorithm, "attempt": job.attempts}
        try:
            staged = self._outbox.stage(job.id, job.worker or "")
            with Heartbeat(self._queue, job) as heartbeat:  # syncing gigabytes to disk takes its time, too
                rows = _result_rows(job, self._analyse(job, staged, heartbeat))
                self._queue.renew(job)  # whoever lost the lease must not replace the folder of another
                self._outbox.commit(staged, job.id)  # from here on the results only wait for their rows
            self._queue.finish(job, rows)
            log.info("analysis is done", extra={**told, "seconds": round(time.monotonic() - began, 3)})
        except LeaseLost as error:
            log.warning("%s", error, extra=told)
        except Exception as error:  # noqa: BLE001 - the worker loop
            log.warning(
                "analysis gave no result: %s", reason(error), extra={**told, "error_class": type(error).__name__}
            )
            self._failed(job, error, staged)
        finally:
            if staged is not None:
                shutil.rmtree(staged, ignore_errors=True)
            empty(self._scratch)
            os.chdir(self._home)  # wherever an algorithm went

    def _analyse(self, job: Job, staged: Path, heartbeat: Heartbeat) -> RunOutcome:
        options = self._catalogue.canonical_options(job.work.algorithm, job.work.options)
        algorithm = self._algorithms.get(job.work.algorithm, options)
        encode_job = EncodeJob(
            content_time=local_moment(job.created_at),
            namespace=self._settings.namespace,
            options=options,
            predecessor=self._predecessor(job),
            rule=job.work.rule,
            reason=job.work.reason,
        )
        return analyse(algorithm, self._paths(job), encode_job, staged, self._scratch, heartbeat.progress)

    def _paths(self, job: Job) -> list[Path]:
        paths = [self._inbox.path_of(uid) for uid in job.work.instances]
        missing = [uid for uid, path in zip(job.work.instances, paths, strict=True) if not path.exists()]
        if missing:
            raise UnreadableInstance(
                f"{len(missing)} of {len(paths)} instances are no longer in the inbox, the first is {missing[0]}: "
                "send the series again"
            )
        return paths

    def _predecessor(self, job: Job) -> tuple[ObjectRef, ...]:
        """The report of the latest earlier revision that has one."""
        predecessor_id = job.predecessor_id
        while predecessor_id is not None:
            earlier = self._queue.get(predecessor_id)
            for row in self._queue.results(earlier.id):
                if row.role == REPORT_ROLE:
                    return (ObjectRef(row.study_uid, row.series_uid, row.sop_class_uid, row.sop_instance_uid),)
            predecessor_id = earlier.predecessor_id
        return ()

    def _failed(self, job: Job, error: Exception, staged: Path | None) -> None:
        """Records the failure, however long the database refuses, unless the worker is to stop."""
        while True:
            try:
                if isinstance(error, InvalidResult) and staged is not None:
                    self._quarantine(job, error, staged / REJECTED)
                    self._quarantine(job, error, self._outbox.folder / str(job.id))  # if it was found out that late
                self._queue.fail(job, error)
                return
            except LeaseLost:
                return
            except StorageError as trouble:
                log.error("a failure could not be recorded yet: %s", trouble, extra={"job": job.id})
                if self._stopping:
                    return
                time.sleep(TROUBLE_S)

    def _quarantine(self, job: Job, error: InvalidResult, rejected: Path) -> None:
        """What failed its check is kept aside, with the reason, and never sent."""
        for path in sorted(rejected.glob("*.dcm")):
            size_bytes, sha256 = path.stat().st_size, sha256_of_dataset(path)
            header = dcmread(path, stop_before_pixels=True, force=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
            aside = SetAside(
                kind="quarantined",
                reason=f"{path.name} of job {job.id}: {error}",
                path=self._inbox.set_aside(path, sha256),
                size_bytes=size_bytes,
                sha256=sha256,
                sop_class_uid=str(header.get("SOPClassUID", "")),
                sop_instance_uid=str(header.get("SOPInstanceUID", "")),
                calling_ae="",
                at=time.time(),
            )
            with self._database.transaction() as connection:
                record_aside(connection, aside)
        shutil.rmtree(rejected, ignore_errors=True)


def _result_rows(job: Job, outcome: RunOutcome) -> list[ResultRow]:
    """The rows of what lies in the staging folder, as it will lie in the outbox."""
    return [
        ResultRow(
            sop_instance_uid=entry.sop_instance_uid,
            role=entry.role,
            study_uid=outcome.content["source"]["study"],
            series_uid=entry.series_uid,
            sop_class_uid=entry.sop_class_uid,
            transfer_syntax_uid=entry.transfer_syntax_uid,
            path=f"outbox/{job.id}/{entry.path.name}",
            size_bytes=entry.path.stat().st_size,
            sha256=sha256_of_dataset(entry.path),
        )
        for entry in outcome.objects
    ]


def empty(folder: Path) -> None:
    """Removes everything in a folder, not the folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _die_with(parent_pid: int) -> None:
    """The kernel kills this process when its parent's thread ends, also while a library holds the interpreter."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # some containers do not allow it
            Path("/proc/self/oom_score_adj").write_text(WORSE_THAN_THE_NODE)
    if os.getppid() != parent_pid:
        sys.exit("the node that started this worker is gone")


def _listen_to_the_node(worker: Worker) -> None:
    """A byte on standard input wakes the worker; its end means that the node is gone."""

    def listen() -> None:
        while os.read(0, 64):
            worker.wake()
        os._exit(1)

    threading.Thread(target=listen, name="listen", daemon=True).start()


class _RecordsAsJson(logging.Formatter):
    """One record a line, for ``supervisor.relay``, which logs it again in the node."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        fields = {"name": record.name, "level": record.levelno, "message": record.getMessage(), "extra": extra}
        return json.dumps(fields, default=str)


_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({})))


def _log_to_the_node() -> None:
    """Log records go to the node over standard output; what a library prints there goes to standard error instead."""
    handler = logging.StreamHandler(os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8"))
    os.dup2(2, 1)
    handler.setFormatter(_RecordsAsJson())
    logger = logging.getLogger("dicom_node")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # What pydicom warns of is the senders' header values, which may name a patient; what a thread of an algorithm
    # dies of may be one as well.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    threading.excepthook = lambda end: log.error("a thread has ended: %s", end.exc_value and reason(end.exc_value))


@click.command()
@click.option("--name", required=True)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path))
@click.option("--namespace", required=True, type=click.UUID)
@click.option("--parent", "parent_pid", required=True, type=int)
@click.option("--threads", default=1)
@click.option("--warm", default="[]", help="JSON: [[algorithm, options], ...]")
def main(name: str, data_dir: Path, namespace: UUID, parent_pid: int, threads: int, warm: str) -> None:
    """A worker of a running node. The node starts it; there is no use in starting one by hand."""
    _die_with(parent_pid)
    faulthandler.enable()  # where a library crashes, standard error says in which function
    _log_to_the_node()
    scratch = data_dir / "scratch" / str(os.getpid())
    scratch.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(scratch)  # an algorithm's own files go with the job's
    warmed = tuple((algorithm, options) for algorithm, options in json.loads(warm))
    settings = WorkerSettings(name, data_dir, namespace, threads, warmed)
    worker = Worker(settings, Database(data_dir / "node.db"), Catalogue(threads), scratch)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _listen_to_the_node(worker)
    prepare()
    log.info("worker is ready", extra={"worker": name})
    worker.run()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)  # without waiting for threads that an algorithm left behind


if __name__ == "__main__":
    main()
