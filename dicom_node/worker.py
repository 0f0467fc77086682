"""The worker process: claims analyse and report jobs, keeps algorithms warm, leaves results in the outbox.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydicom import dcmread

from dicom_node.algorithm import Algorithm
from dicom_node.config import ReviewTerms
from dicom_node.database import Database
from dicom_node.encode import REPORT_ROLE, EncodedObject, EncodeJob, ObjectRef, local_moment, prepare
from dicom_node.errors import InvalidResult, ModelError, StorageError, UnreadableInstance
from dicom_node.failure import reason
from dicom_node.heartbeat import LEASE_S, Heartbeat
from dicom_node.intake import SetAside, record_aside
from dicom_node.jobs import ANALYSE, OF_WORKERS, REPORT, Job, LeaseLost, Queue, ResultRow
from dicom_node.model_registry import ModelRegistry
from dicom_node.plugins import Catalogue
from dicom_node.review_rows import act, last_report, review_of
from dicom_node.run import REJECTED, analyse
from dicom_node.storage import Inbox, Outbox, sha256_of_dataset
from dicom_node.verdict import Verdict, document

log = logging.getLogger("dicom_node.worker")  # as a process this module is called __main__

POLL_S = 0.1
"""How often an idle worker looks for a job, unless it is woken."""
TROUBLE_S = 1.0
"""How long to wait where the database refuses."""
MOST_WARM = 4
"""Algorithms kept with their models open; the one unused for longest goes first."""

IN_WORDS = {ANALYSE: "analysis", REPORT: "report"}

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


@dataclass(frozen=True, slots=True)
class Made:
    """What one attempt left in the staging folder; ``review``: on which terms a person has to judge it."""

    study_uid: str
    objects: tuple[EncodedObject, ...]
    review: ReviewTerms | None = None


class WarmAlgorithms:
    """Algorithms by name, options and models, made at first use and kept."""

    def __init__(self, catalogue: Catalogue, registry: ModelRegistry) -> None:
        self._catalogue = catalogue
        self._registry = registry
        self._warm: OrderedDict[str, Algorithm] = OrderedDict()

    def get(self, name: str, options: Mapping[str, Any], models: str) -> Algorithm:
        """The algorithm with this version of its models, ready to run.

        Raises:
            ModelError: the models are not what was added, or results would not name them.
            UsageError: as ``Catalogue.create`` does.
        """
        key = json.dumps([name, options, models], sort_keys=True)
        if key not in self._warm:
            folder = self._registry.folder_of(name, models)
            algorithm = self._catalogue.create(name, options, folder)
            if folder is not None and not algorithm.info.models:
                raise ModelError(f"{name} names no models in its info: nobody could tell the results of {models}")
            self._warm[key] = algorithm
            if len(self._warm) > MOST_WARM:
                self._warm.popitem(last=False)
        self._warm.move_to_end(key)
        return self._warm[key]


class Worker:
    """The loop: claim, work, finish or fail; one job at a time."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        catalogue: Catalogue,
        scratch: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._database = database
        self._queue = Queue(database, clock, holder=settings.name)
        self._inbox, self._outbox = Inbox(settings.data_dir), Outbox(settings.data_dir)
        self._catalogue = catalogue
        self._registry = ModelRegistry(database, settings.data_dir)
        self._algorithms = WarmAlgorithms(catalogue, self._registry)
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
            if self.do_next():
                continue
            if self._to_warm:
                self._warm_up(*self._to_warm.pop(0))
            else:
                self._wake.wait(POLL_S)
                self._wake.clear()

    def do_next(self) -> bool:
        """Claims a job and does it, whatever comes of it. Returns whether there was one."""
        job = self._claim()
        if job is not None:
            self._do(job)
        return job is not None

    def _claim(self) -> Job | None:
        try:
            claims = (self._queue.claim(kind, lease_s=LEASE_S) for kind in OF_WORKERS)
            return next((job for job in claims if job is not None), None)
        except StorageError as error:
            log.error("no job can be claimed: %s", error)
            time.sleep(TROUBLE_S)
            return None

    def _warm_up(self, name: str, options: Mapping[str, Any]) -> None:
        try:
            options = self._catalogue.canonical_options(name, options)
            self._algorithms.get(name, options, self._registry.in_use(name))
        except Exception as error:  # noqa: BLE001 - the worker loop; told again by every job that needs it
            log.warning("an algorithm cannot be made ready: %s", reason(error), extra={"algorithm": name})

    def _do(self, job: Job) -> None:
        """One attempt, whatever comes of it: this is the worker's boundary, nothing passes."""
        staged: Path | None = None
        began = time.monotonic()
        what = IN_WORDS[job.kind]
        told = {"job": job.id, "rule": job.work.rule, "attempt": job.attempts}
        try:
            staged = self._outbox.stage(job.id, job.worker or "")
            with Heartbeat(self._queue, job) as heartbeat:  # syncing gigabytes to disk takes its time, too
                made = self._analyse(job, staged, heartbeat) if job.kind == ANALYSE else self._report(job, staged)
                rows = _result_rows(job, made)
                self._queue.renew(job)  # whoever lost the lease must not replace the folder of another
                self._outbox.commit(staged, job.id)  # from here on the results only wait for their rows
            self._queue.finish(job, rows, made.review)
            log.info("%s is done", what, extra={**told, "seconds": round(time.monotonic() - began, 3)})
        except LeaseLost as error:
            log.warning("%s", error, extra=told)
        except Exception as error:  # noqa: BLE001 - the worker loop
            log.warning(
                "%s gave no result: %s", what, reason(error), extra={**told, "error_class": type(error).__name__}
            )
            self._failed(job, error, staged)
        finally:
            if staged is not None:
                shutil.rmtree(staged, ignore_errors=True)
            empty(self._scratch)
            os.chdir(self._home)  # wherever an algorithm went

    def _analyse(self, job: Job, staged: Path, heartbeat: Heartbeat) -> Made:
        options = self._catalogue.canonical_options(job.work.algorithm, job.work.options)
        algorithm = self._algorithms.get(job.work.algorithm, options, job.work.models)
        encode_job = replace(self._encode_job(job), options=options)
        terms = job.work.review
        outcome = analyse(algorithm, self._paths(job), encode_job, staged, self._scratch, heartbeat.progress, terms)
        asked = terms.asked(outcome.result.requires_review)
        return Made(outcome.content["source"]["study"], outcome.objects, terms if asked else None)

    def _report(self, job: Job, staged: Path) -> Made:
        """The documents of what a person decided on the draft of an analysis."""
        analysis = self._queue.get(job.parent_id)
        rows = self._queue.results(analysis.id)
        review = review_of(self._database, analysis.id)
        verdict = Verdict(
            act=act(self._database, job.work.act_id),
            folder=self._outbox.folder / str(analysis.id),
            objects=tuple(self._encoded(row) for row in rows),
            sent=review.draft == "sent",
        )
        objects = document(verdict, self._paths(analysis), self._encode_job(analysis), staged)
        return Made(rows[0].study_uid, objects)

    def _encode_job(self, analysis: Job) -> EncodeJob:
        return EncodeJob(
            content_time=local_moment(analysis.created_at),
            namespace=self._settings.namespace,
            options=analysis.work.options,
            predecessor=self._predecessor(analysis),
            rule=analysis.work.rule,
            reason=analysis.work.reason,
        )

    def _encoded(self, row: ResultRow) -> EncodedObject:
        return EncodedObject(
            path=self._outbox.data_dir / row.path,
            role=row.role,
            sop_class_uid=row.sop_class_uid,
            sop_instance_uid=row.sop_instance_uid,
            series_uid=row.series_uid,
            transfer_syntax_uid=row.transfer_syntax_uid,
        )

    def _paths(self, job: Job) -> list[Path]:
        paths = [self._inbox.path_of(uid) for uid in job.work.instances]
        missing = [uid for uid, path in zip(job.work.instances, paths, strict=True) if not path.exists()]
        if missing:
            raise UnreadableInstance(
                f"{len(missing)} of {len(paths)} instances are no longer in the inbox, the first is {missing[0]}: "
                "send the series again"
            )
        return paths

    def _predecessor(self, analysis: Job) -> tuple[ObjectRef, ...]:
        """The newest report of the revisions before."""
        row = last_report(self._database, analysis.predecessor_id, REPORT_ROLE)
        return (ObjectRef(row.study_uid, row.series_uid, row.sop_class_uid, row.sop_instance_uid),) if row else ()

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


def _result_rows(job: Job, made: Made) -> list[ResultRow]:
    """The rows of what lies in the staging folder, as it will lie in the outbox."""
    return [
        ResultRow(
            sop_instance_uid=entry.sop_instance_uid,
            role=entry.role,
            study_uid=made.study_uid,
            series_uid=entry.series_uid,
            sop_class_uid=entry.sop_class_uid,
            transfer_syntax_uid=entry.transfer_syntax_uid,
            path=f"outbox/{job.id}/{entry.path.name}",
            size_bytes=entry.path.stat().st_size,
            sha256=sha256_of_dataset(entry.path),
        )
        for entry in made.objects
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
