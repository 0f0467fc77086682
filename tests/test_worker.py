"""Real worker processes under a real supervisor: what they finish, what kills them, and what is left of a job then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import psutil
import pydicom
import pytest

from dicom_node.config import NodeConfig, NodeSettings
from dicom_node.database import Database
from dicom_node.jobs import AnalyseWork, Queue
from dicom_node.retry import BackOff
from dicom_node.storage import Inbox, sha256_of_dataset
from dicom_node.supervisor import Supervisor
from dicom_node.testing import install_fake_algorithms

pytestmark = pytest.mark.process

STILL = Path(__file__).resolve().parents[1] / "sample_dicom" / "other" / "b_mode_still.dcm"
SOON = BackOff(first_s=0.01, factor=1.0, max_s=0.01, give_up_after_s=60.0)
LONG_S = 60.0


def until(true, what: str, limit_s: float = LONG_S):
    """Waits for another process. Returns what ``true`` gave."""
    end = time.monotonic() + limit_s
    while not (answer := true()):
        assert time.monotonic() < end, f"waited {limit_s} s in vain until {what}"
        time.sleep(0.02)
    return answer


@dataclass
class Site:
    """A node's data folder with one received image, its queue, and workers while ``supervised``."""

    data_dir: Path
    database: Database
    queue: Queue
    image_uid: str
    changes: threading.Event
    units: int = 0

    def put(self, algorithm: str = "fake_arithmetic", predecessor_id: int | None = None, **changes) -> int:
        self.units += 1
        work = AnalyseWork(
            rule=f"rule {self.units}",
            algorithm=algorithm,
            options={},
            unit_kind="series",
            unit_uid=f"1.2.{self.units}",
            revision=1,
            instances=(self.image_uid,),
            send_to=("archive",),
            time_limit_s=LONG_S,
            memory_limit_mib=4096,
            reason="quiet for 10 s",
        )
        with self.database.transaction() as connection:
            job_id = self.queue.put_analyse(connection, replace(work, **changes), predecessor_id=predecessor_id)
        assert job_id is not None
        return job_id

    def config(self, workers: int) -> NodeConfig:
        settings = NodeSettings(data_dir=self.data_dir, workers=workers, uid_namespace=UUID(int=7))
        return NodeConfig(node=settings, peers={}, rules=(), path=self.data_dir / "routing.yaml")

    @contextmanager
    def supervised(self, workers: int = 1, cancel_grace_s: float = 3.0):
        supervisor = Supervisor(self.config(workers), self.queue, self.changes.set, cancel_grace_s)
        supervisor.start()
        try:
            yield supervisor
        finally:
            supervisor.stop(1000.0)  # far more than the test may take: a worker that does not end by itself is told
            assert supervisor.pids() == ()

    def state(self, job_id: int) -> str:
        return self.queue.get(job_id).state

    def wait_for(self, job_id: int, *states: str):
        until(lambda: self.state(job_id) in states, f"job {job_id} is {states}")
        return self.queue.get(job_id)

    def wait_until_busy(self, job_id: int) -> int:
        """The pid of the worker whose algorithm is at work on the job."""
        until(lambda: self.queue.get(job_id).doing, f"job {job_id} reports progress")
        name = self.queue.get(job_id).worker.rpartition("-")[0]
        for process in psutil.Process().children():
            if name in process.cmdline():
                return process.pid
        raise AssertionError(f"no process {name}")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install_fake_algorithms(tmp_path / "fakes"))
    data_dir = tmp_path / "var"
    inbox = Inbox(data_dir)
    image_uid = str(pydicom.dcmread(STILL, stop_before_pixels=True).SOPInstanceUID)
    shutil.copyfile(STILL, inbox.incoming / "one")
    inbox.keep(inbox.incoming / "one", image_uid)
    database = Database(data_dir / "node.db")
    yield Site(data_dir, database, Queue(database, back_off=SOON), image_uid, threading.Event())
    database.close()


def test_a_job_becomes_files_rows_and_a_delivery(site):
    first = site.put()
    revision = site.put(predecessor_id=first, revision=2, options={"factor": 2.0})
    unsuitable = site.put(options={"needs_frames": 9})
    wrong = site.put(options={"factor": -1})
    unknown = site.put(algorithm="fake_nothing")
    lost = site.put(instances=("1.2.3.4.5",))
    invalid = site.put("fake_misbehaving", options={"how": "point elsewhere"})
    with site.supervised() as supervisor:
        until(lambda: not site.queue.list(kind="analyse", states=("waiting", "running")), "all jobs ended")
        scratch = site.data_dir / "scratch" / str(supervisor.pids()[0])
        until(lambda: not list(scratch.iterdir()), "the working files are gone")
        assert site.changes.wait(LONG_S)
    assert [site.state(job) for job in (first, revision)] == ["done", "done"]
    folder = site.data_dir / "outbox" / str(first)
    rows = site.queue.results(first)
    assert {row.role for row in rows} == {"mean_colour", "report"}
    for row in rows:
        path = site.data_dir / row.path
        assert path.parent == folder
        assert (row.size_bytes, row.sha256) == (path.stat().st_size, sha256_of_dataset(path))
        assert pydicom.dcmread(path).SOPInstanceUID == row.sop_instance_uid
    content = json.loads((folder / "result.json").read_text())
    assert content["status"] == "done"
    assert (folder / "preview" / "mean-colour.png").exists()
    assert [job.lane for job in site.queue.list(kind="deliver", parent_id=first)] == ["archive"]
    # the revision's report names the one before it (Predecessor Documents Sequence)
    report = pydicom.dcmread(site.data_dir / "outbox" / str(revision) / "report.dcm")
    named = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == next(row.sop_instance_uid for row in rows if row.role == "report")
    # what cannot be done says why
    assert site.state(unsuitable) == "unsuitable"
    assert "needs 9 frames; got 1" in site.queue.get(unsuitable).error
    assert site.state(wrong) == "failed"
    assert "factor: input should be greater than 0; got -1" in site.queue.get(wrong).error
    assert site.queue.get(unknown).error.startswith("no algorithm 'fake_nothing' is installed; there are: ")
    assert "send the series again" in site.queue.get(lost).error
    # a result that failed its check is kept aside and never sent
    assert (site.queue.get(invalid).state, site.queue.get(invalid).error_class) == ("failed", "InvalidResult")
    (aside,) = site.database.query("SELECT * FROM set_aside")
    assert (aside["kind"], f"black.dcm of job {invalid}" in aside["reason"]) == ("quarantined", True)
    assert pydicom.dcmread(site.data_dir / aside["path"]).SOPInstanceUID == aside["sop_instance_uid"]
    assert site.queue.list(kind="deliver", parent_id=invalid) == ()
    assert sorted(path.name for path in (site.data_dir / "outbox").iterdir()) == sorted(map(str, (first, revision)))
    assert list((site.data_dir / "scratch").iterdir()) == []


def test_jobs_that_go_wrong_are_parked_or_fail_and_others_go_on(site):
    hangs = site.put("fake_misbehaving", options={"how": "hang"}, time_limit_s=0.5)
    eats = site.put("fake_misbehaving", options={"how": "eat memory"}, memory_limit_mib=700)
    for job_id in (hangs, eats):  # spares the test two starts of a worker
        job = site.queue.claim("analyse")
        site.queue.worker_died(job_id, job.worker, "the first time")
    exits = site.put("fake_misbehaving", options={"how": "exit as if all were well"})
    calls_exit = site.put("fake_misbehaving", options={"how": "call sys.exit"})
    raises = site.put("fake_misbehaving", options={"how": "raise"})
    works = site.put()
    with site.supervised(workers=2):
        until(lambda: not site.queue.list(kind="analyse", states=("waiting", "running")), "all jobs ended")
    told_of = {
        hangs: "the limit of rule 'rule 1' is 0.5 s",
        eats: "the limit of rule 'rule 2' is 0.68 GiB",
        exits: "its worker ended with exit code 0",
    }
    for job_id, told in told_of.items():
        job = site.queue.get(job_id)
        assert (job.state, job.kills) == ("parked", 2)
        assert told in job.error
        assert site.queue.results(job_id) == ()
    failed = site.queue.get(raises)
    assert (failed.state, failed.attempts, failed.error_class) == ("failed", 2, "AlgorithmFailed")
    assert "ValueError" in failed.error
    assert "too much for me" not in failed.error.replace('is too much for me")', "")  # the message; the line may stay
    failed = site.queue.get(calls_exit)
    assert (failed.state, failed.kills, failed.attempts) == ("failed", 0, 2)
    assert "SystemExit" in failed.error
    assert site.state(works) == "done"
    assert not list((site.data_dir / "outbox").glob(".staging*"))


def test_a_worker_killed_in_mid_job_is_replaced_and_the_result_is_recorded_once(site, tmp_path):
    go = tmp_path / "go"
    job_id = site.put(options={"wait_for": str(go)})
    with site.supervised():
        os.kill(site.wait_until_busy(job_id), signal.SIGKILL)
        until(lambda: site.queue.get(job_id).kills == 1, "the death is recorded")
        go.touch()
        job = site.wait_for(job_id, "done", "parked")
    assert (job.state, job.kills, job.attempts) == ("done", 1, 2)
    assert len(site.queue.results(job_id)) == 2
    assert len(site.queue.list(kind="deliver")) == 1
    told = [event.what for event in site.queue.events(job_id)]
    assert told == ["put", "claimed", "killed", "again later", "claimed", "done"]


def test_what_a_worker_left_between_outbox_and_database_is_replaced(site):
    job_id = site.put()
    left = site.data_dir / "outbox" / str(job_id)
    left.mkdir(parents=True)
    (left / "old.dcm").write_text("renamed to its place, but its row was never committed")
    with site.supervised():
        site.wait_for(job_id, "done")
        assert not (left / "old.dcm").exists()
        assert (left / "report.dcm").exists()
        # what was delivered may be deleted: a revision still names the report before it
        shutil.rmtree(left)
        revision = site.put(predecessor_id=job_id, revision=2, options={"factor": 2.0})
        site.wait_for(revision, "done", "failed")
    report = next(row for row in site.queue.results(job_id) if row.role == "report")
    assert _predecessor(site, revision) == (report.study_uid, report.series_uid, report.sop_instance_uid)


def _predecessor(site, job_id) -> tuple[str, str, str]:
    """(study, series, instance) that the job's report names in its Predecessor Documents Sequence."""
    (study,) = pydicom.dcmread(site.data_dir / "outbox" / str(job_id) / "report.dcm").PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    return study.StudyInstanceUID, series.SeriesInstanceUID, series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def test_disorder_that_an_algorithm_leaves_ends_with_its_job_or_its_worker(site):
    traces = site.put("fake_misbehaving", options={"how": "leave traces"})
    with site.supervised() as supervisor:
        site.wait_for(traces, "done", "failed")
        (pid,) = supervisor.pids()
        worker = psutil.Process(pid)
        (child,) = worker.children()
        after = site.put()
        site.wait_for(after, "done", "failed")
        assert supervisor.pids() == (pid,)
        until(lambda: worker.cwd() == os.getcwd(), "the worker is back in its folder")
    assert [site.state(job_id) for job_id in (traces, after)] == ["done", "done"]
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its child is gone")


def test_cancelling_ends_a_job_that_reports_and_one_that_does_not(site):
    reports = site.put("fake_misbehaving", options={"how": "call progress for ever"})
    hangs = site.put("fake_misbehaving", options={"how": "hang"})
    with site.supervised(workers=2, cancel_grace_s=1.5) as supervisor:
        for job_id in (reports, hangs):
            site.wait_until_busy(job_id)
        pids = supervisor.pids()
        for job_id in (reports, hangs):
            site.queue.cancel(job_id)
        for job_id in (reports, hangs):
            assert site.wait_for(job_id, "cancelled", "failed", "parked").state == "cancelled"
        until(lambda: len(set(pids) & set(supervisor.pids())) == 1, "only the worker that did not listen is replaced")


def test_stopping_gives_back_what_does_not_finish_in_time(site, tmp_path):
    job_id = site.put("fake_misbehaving", options={"how": "hang"})
    supervisor = Supervisor(site.config(1), site.queue)
    supervisor.start()
    pid = site.wait_until_busy(job_id)
    supervisor.stop(0.2)
    assert not psutil.pid_exists(pid)
    job = site.queue.get(job_id)
    assert (job.state, job.attempts, job.kills) == ("waiting", 0, 0)


def test_stopping_lets_a_job_finish(site, tmp_path):
    go = tmp_path / "go"
    job_id = site.put(options={"wait_for": str(go)})
    waiting = site.put()
    supervisor = Supervisor(site.config(1), site.queue)
    supervisor.start()
    site.wait_until_busy(job_id)
    stopping = threading.Thread(target=supervisor.stop, args=(LONG_S,))
    stopping.start()
    go.touch()
    stopping.join()
    assert site.state(job_id) == "done"
    assert site.state(waiting) == "waiting"


def test_a_reload_changes_the_number_of_workers(site):
    with site.supervised(workers=2) as supervisor:
        until(lambda: len(supervisor.pids()) == 2, "two workers")
        elsewhere = replace(site.config(1).node, data_dir=site.data_dir / "elsewhere")
        supervisor.reload(replace(site.config(1), node=elsewhere))
        until(lambda: len(supervisor.pids()) == 1, "one worker")
        supervisor.reload(site.config(2))
        until(lambda: len(supervisor.pids()) == 2, "two workers again")
        newest = psutil.Process(max(supervisor.pids())).cmdline()
        assert newest[newest.index("--data-dir") + 1] == str(site.data_dir)  # a folder changes with the next start only


NODE = """
import sys, threading
from pathlib import Path
from dicom_node.config import NodeConfig, NodeSettings
from dicom_node.database import Database
from dicom_node.jobs import Queue
from dicom_node.supervisor import Supervisor
data_dir = Path(sys.argv[1])
config = NodeConfig(NodeSettings(data_dir=data_dir, workers=1), {}, (), data_dir)
supervisor = Supervisor(config, Queue(Database(data_dir / "node.db")))
supervisor.start()
threading.Event().wait()
"""


def test_a_killed_node_leaves_no_worker_behind(site):
    job_id = site.put("fake_misbehaving", options={"how": "hang"})
    environment = {**os.environ, "PYTHONPATH": sys.path[0]}
    node = subprocess.Popen([sys.executable, "-c", NODE, str(site.data_dir)], env=environment)
    until(lambda: site.queue.get(job_id).doing, "the job is at work")
    (worker,) = psutil.Process(node.pid).children()
    node.kill()
    node.wait()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "the worker is gone", 5.0)
    assert site.state(job_id) == "running"  # nobody could say otherwise; the next start does
    assert site.queue.release_all_running() == 1
    assert site.state(job_id) == "waiting"
