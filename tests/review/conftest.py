"""A node's folder with one received image, its queue, a worker that is asked to work, and the desk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pydicom
import pytest

from dicom_node.config import ReviewTerms
from dicom_node.database import Database
from dicom_node.job import AnalyseWork, Job
from dicom_node.jobs import Queue
from dicom_node.plugins import Catalogue
from dicom_node.review import ReviewDesk, Reviewer
from dicom_node.storage import Inbox, Outbox
from dicom_node.testing import FakeClock, install_fake_algorithms
from dicom_node.worker import Worker, WorkerSettings

STILL = Path(__file__).resolve().parents[2] / "sample_dicom" / "other" / "b_mode_still.dcm"
ANNA = Reviewer("Meyer^Anna", "radiologist", "City Hospital")
BERT = Reviewer("Vogel^Bert", "cardiologist", "City Hospital")


@dataclass
class Practice:
    """Everything between a received image and a judged draft, in one process; time passes when the test says so."""

    data_dir: Path
    database: Database
    queue: Queue
    clock: FakeClock
    worker: Worker
    desk: ReviewDesk
    inbox: Inbox
    outbox: Outbox
    image_uid: str

    def put(self, algorithm: str = "fake_grading", predecessor_id: int | None = None, **changes) -> int:
        """An analysis of the image, waiting."""
        work = {
            "rule": "grade it",
            "algorithm": algorithm,
            "options": {},
            "unit_kind": "series",
            "unit_uid": "1.2.3",
            "revision": 1,
            "instances": (self.image_uid,),
            "send_to": ("archive",),
            "time_limit_s": 60.0,
            "memory_limit_mib": 4096,
            "reason": "quiet for 10 s",
            **changes,
        }
        with self.database.transaction() as connection:
            job_id = self.queue.put_analyse(connection, AnalyseWork(**work), predecessor_id=predecessor_id)
        assert job_id is not None
        return job_id

    def work(self) -> None:
        """The worker does all that waits for it."""
        while self.worker.do_next():
            self.clock.advance(1.0)

    def drafted(self, predecessor_id: int | None = None, offset: float = 0.0, asks: bool = True, **terms) -> int:
        """An analysis that is done, on these terms of review; another ``offset`` makes it another analysis."""
        options = {"offset": offset, "asks": asks}
        job_id = self.put(predecessor_id=predecessor_id, options=options, review=ReviewTerms(**terms))
        self.work()
        assert self.queue.get(job_id).state == "done", self.queue.get(job_id).error
        return job_id

    def deliveries(self, job_id: int) -> list[str]:
        """Peers that get the job's results."""
        return [job.lane for job in self.queue.list("deliver", parent_id=job_id)]

    def roles(self, job_id: int) -> list[str]:
        """Of the job's result objects, in the order in which they were made."""
        return [row.role for row in self.queue.results(job_id)]

    def object(self, job_id: int, role: str) -> pydicom.Dataset:
        """One of the job's result objects."""
        (row,) = [row for row in self.queue.results(job_id) if row.role == role]
        return pydicom.dcmread(self.data_dir / row.path)

    def report_job(self, job_id: int) -> Job:
        """The job that makes the documents of the decision on this draft."""
        (job,) = self.queue.list("report", parent_id=job_id)
        return job


@pytest.fixture
def practice(tmp_path, monkeypatch) -> Iterator[Practice]:
    monkeypatch.syspath_prepend(install_fake_algorithms(tmp_path / "fakes"))
    data_dir, scratch = tmp_path / "var", tmp_path / "scratch"
    scratch.mkdir()
    inbox, outbox = Inbox(data_dir), Outbox(data_dir)
    image_uid = str(pydicom.dcmread(STILL, stop_before_pixels=True).SOPInstanceUID)
    shutil.copyfile(STILL, inbox.incoming / "one")
    inbox.keep(inbox.incoming / "one", image_uid)
    database, clock = Database(data_dir / "node.db"), FakeClock()
    queue = Queue(database, clock)
    worker = Worker(WorkerSettings("w1", data_dir, UUID(int=7), 1), database, Catalogue(1), scratch, clock)
    desk = ReviewDesk(database, queue, inbox, outbox, clock)
    yield Practice(data_dir, database, queue, clock, worker, desk, inbox, outbox, image_uid)
    database.close()
