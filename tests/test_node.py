"""The whole node on loopback: what a modality sends, what the archive gets, what restarts and reloads change."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage

from dicom_node.archive import EmbeddedArchive
from dicom_node.config import load_config
from dicom_node.database import Database
from dicom_node.demo import free_port
from dicom_node.errors import StorageError, UsageError
from dicom_node.jobs import ENDED, Job, Queue
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.send import SendReport, send_paths
from dicom_node.testing import install_fake_algorithms

pytestmark = [pytest.mark.loopback, pytest.mark.process]

ROUTING = """\
node:
  port: {port}
  data_dir: {data_dir}
  series_complete_after: 200ms
  study_complete_after: 200ms
  min_free: 1MiB
  workers: 1
peers:
  archive: {{ae_title: ARCHIVE, host: 127.0.0.1, port: {archive_port}, retry: {{first: 100ms, max: 200ms}}}}
rules:
  - name: mean of the whole
    when: {{SeriesDescription: whole}}
    run: fake_arithmetic
    send_to: [archive]
  - name: breaks its worker
    when: {{SeriesDescription: breaks}}
    run: fake_misbehaving
    options: {{how: exit}}
    send_to: [archive]
"""


def picture(folder: Path, series: int, instance: int, description: str = "whole") -> Path:
    """A small ultrasound picture whose pixels all have the value ``series``."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundImageStorage, f"1.2.3.{series}.1.{instance}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.3.{series}", f"1.2.3.{series}.1"
    dataset.PatientID, dataset.PatientName, dataset.Modality = f"P{series}", "SIMULATED^NODE", "US"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.ReferringPhysicianName = dataset.AccessionNumber = ""
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.Manufacturer = "20260101", "120000", "1", "tests"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.ImageType = series, instance, ["ORIGINAL", "PRIMARY"]
    dataset.SeriesDescription = description
    dataset.Rows = dataset.Columns = 16
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = bytes([series]) * 256
    folder.mkdir(exist_ok=True)
    path = folder / f"{series}_{instance}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@dataclass
class Site:
    """What a hospital would have around the node: pictures, an archive, the configuration."""

    folder: Path
    archive: EmbeddedArchive
    until: Callable[..., Any]
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.routing = self.folder / "routing.yaml"
        self.write_routing()

    def write_routing(self, more: str = "", **values: object) -> None:
        known = {"port": self.port, "data_dir": "./node", "archive_port": self.archive.port, **values}
        self.routing.write_text(ROUTING.format(**known) + more)

    @property
    def database(self) -> Database:
        return Database(self.folder / "node" / "node.db")

    @property
    def queue(self) -> Queue:
        return Queue(self.database)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self.database.query(sql, values)]

    def send(self, *paths: Path) -> SendReport:
        return send_paths(paths, "127.0.0.1", self.port, "MODALITY", "DICOM_NODE")

    def jobs_of(self, series: int) -> list[Job]:
        """The analyses of a series, oldest first."""
        return [job for job in reversed(self.queue.list("analyse")) if job.work.unit_uid == f"1.2.3.{series}.1"]

    def delivered(self, series: int, revision: int = 1) -> Job:
        """Waits until the series' results are at the archive; the analysis."""

        def job() -> Job | None:
            found = [job for job in self.jobs_of(series) if job.work.revision == revision]
            deliveries = self.queue.list("deliver", ("done",), parent_id=found[0].id) if found else ()
            return found[0] if deliveries else None

        return self.until(job, f"series {series}, revision {revision}, is delivered")

    def report(self, job: Job) -> pydicom.Dataset:
        """The job's root report as the archive has it."""
        (uid,) = [row.sop_instance_uid for row in self.queue.results(job.id) if row.role == "report"]
        return pydicom.dcmread(self.archive.kept[uid].path)

    @contextmanager
    def node(self) -> Iterator[Node]:
        catalogue = Catalogue()
        node = Node(load_config(self.routing, catalogue), catalogue)
        node.start()
        try:
            yield node
        finally:
            node.stop()

    @contextmanager
    def served(self) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """``dicom-node serve`` as a process that listens, and its log."""
        log = self.folder / "serve.log"
        command = [sys.executable, "-m", "dicom_node", "serve", "--config", str(self.routing), "--log-format", "json"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with log.open("wb") as out:
            process = subprocess.Popen(command, stderr=out, stdout=out, env=environment)
        try:
            self.until(lambda: process.poll() is not None or "node is listening" in log.read_text(), "it listens")
            assert process.poll() is None, log.read_text()
            yield process, log
        finally:
            process.kill()
            process.wait()


def numbers(item: Dataset, code: str) -> list[float]:
    """The numbers of that concept anywhere in a report."""
    here = item.get("ValueType") == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == code
    found = [float(item.MeasuredValueSequence[0].NumericValue)] if here else []
    return found + [number for inner in item.get("ContentSequence", ()) for number in numbers(inner, code)]


@pytest.fixture(scope="module")
def fakes(tmp_path_factory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(install_fake_algorithms(tmp_path_factory.mktemp("fakes")))
        yield


@pytest.fixture
def site(tmp_path, fakes, until) -> Iterator[Site]:
    with EmbeddedArchive(tmp_path / "archive") as archive:
        yield Site(tmp_path, archive, until)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory, fakes, until) -> Iterator[Site]:
    """A site whose node runs; each test sends series of its own."""
    folder = tmp_path_factory.mktemp("site")
    with EmbeddedArchive(folder / "archive") as archive:
        site = Site(folder, archive, until)
        with site.node():
            yield site


def test_what_storescu_sends_is_analysed_and_the_results_are_at_the_archive(shared_site, needs_program):
    storescu = needs_program("/usr/bin/storescu")
    paths = [picture(shared_site.folder / "in", 10, number) for number in (1, 2)]
    command = [storescu, "-aet", "US1", "-aec", "DICOM_NODE", "127.0.0.1", str(shared_site.port), *map(str, paths)]
    subprocess.run(command, check=True, env={**os.environ, "TCP_NODELAY": "1"}, timeout=30)
    job = shared_site.delivered(10)
    assert job.work.rule == "mean of the whole"
    assert job.work.reason.startswith("0.2 s without a new instance (last of 2 at ")
    results = {row.sop_instance_uid: row.role for row in shared_site.queue.results(job.id)}
    assert set(results.values()) == {"mean_colour", "report"}
    assert {uid: shared_site.archive.times_stored[uid] for uid in results} == dict.fromkeys(results, 1)
    for uid in results:
        header = shared_site.archive.kept[uid].header
        assert (header.StudyInstanceUID, header.PatientID, header.PatientName) == ("1.2.3.10", "P10", "SIMULATED^NODE")
    (mean,) = numbers(shared_site.report(job), "MEAN")
    assert mean == 10  # every pixel of this series


def test_what_no_rule_wants_is_kept_and_listed_with_what_each_rule_said(shared_site):
    shared_site.send(picture(shared_site.folder / "in", 11, 1, "something else"))
    unmatched = "SELECT * FROM units WHERE uid = '1.2.3.11.1' AND state = 'routed'"
    (unit,) = shared_site.until(lambda: shared_site.rows(unmatched), "it is routed")
    assert unit["matched"] == 0
    (routing,) = shared_site.rows("SELECT trace FROM routings WHERE unit_id = ?", unit["id"])
    said = {entry["rule"]: entry["matched"] for entry in json.loads(routing["trace"])["rules"]}
    assert said == {"mean of the whole": False, "breaks its worker": False}
    assert shared_site.jobs_of(11) == []
    (instance,) = shared_site.rows("SELECT path FROM instances WHERE series_uid = '1.2.3.11.1'")
    assert (shared_site.folder / "node" / instance["path"]).exists()


def test_a_late_instance_makes_a_revision_whose_report_names_the_one_before(shared_site):
    shared_site.send(picture(shared_site.folder / "in", 12, 1))
    first = shared_site.delivered(12)
    shared_site.send(picture(shared_site.folder / "in", 12, 2))
    second = shared_site.delivered(12, revision=2)
    assert second.work.instances == ("1.2.3.12.1.1", "1.2.3.12.1.2")
    reports = [shared_site.report(job) for job in (first, second)]
    assert "PredecessorDocumentsSequence" not in reports[0]
    (study,) = reports[1].PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (document,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID, document.ReferencedSOPInstanceUID) == (
        "1.2.3.12",
        reports[0].SeriesInstanceUID,
        reports[0].SOPInstanceUID,
    )
    assert document.ReferencedSOPInstanceUID in shared_site.archive.kept


def test_the_same_bytes_again_are_acknowledged_and_analysed_once(shared_site):
    path = picture(shared_site.folder / "in", 13, 1)
    shared_site.send(path)
    shared_site.delivered(13)
    assert shared_site.send(path).all_stored
    assert shared_site.rows("SELECT state, revision FROM units WHERE uid = '1.2.3.13.1'") == [
        {"state": "routed", "revision": 1}
    ]
    assert len(shared_site.jobs_of(13)) == 1


def test_the_nodes_own_results_are_stored_and_never_routed(shared_site):
    shared_site.send(picture(shared_site.folder / "in", 14, 1))
    job = shared_site.delivered(14)
    mine = [shared_site.archive.kept[row.sop_instance_uid] for row in shared_site.queue.results(job.id)]
    assert shared_site.send(*(kept.path for kept in mine)).all_stored
    for kept in mine:
        (row,) = shared_site.rows("SELECT * FROM instances WHERE sop_instance_uid = ?", kept.header.SOPInstanceUID)
        assert row["excluded"]
        assert shared_site.rows("SELECT * FROM units WHERE uid = ?", kept.header.SeriesInstanceUID) == []
    assert shared_site.rows("SELECT state, revision FROM units WHERE uid = '1.2.3.14'") == [
        {"state": "routed", "revision": 1}
    ]


def test_a_job_that_kills_its_worker_is_parked_and_others_go_on(shared_site):
    shared_site.send(picture(shared_site.folder / "in", 15, 1, "breaks"), picture(shared_site.folder / "in", 16, 1))
    shared_site.delivered(16)
    (broken,) = shared_site.until(
        lambda: [job for job in shared_site.jobs_of(15) if job.state in ENDED], "the other is given up"
    )
    assert (broken.state, broken.kills) == ("parked", 2)
    assert "ended with exit code 3" in broken.error


def test_a_second_node_on_the_same_data_folder_is_refused(shared_site):
    shared_site.write_routing(port=free_port())
    with pytest.raises(UsageError, match=r"another node works on .*node: stop it first"), shared_site.node():
        pass
    shared_site.write_routing()


def test_a_node_that_cannot_listen_says_so_and_leaves_nothing_running(site):
    with socket.create_server(("127.0.0.1", site.port)):
        told = rf"cannot listen on 127.0.0.1 port {site.port}.*another program"
        with pytest.raises(StorageError, match=told), site.node():
            pass
        assert [child for child in psutil.Process().children() if str(site.folder) in " ".join(child.cmdline())] == []
    with site.node():  # the folder is free again
        pass


# pynetdicom drops the socket of a refused connection without closing it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_results_wait_for_an_archive_that_is_away(site):
    port = site.archive.port
    site.archive.stop()
    with site.node():
        site.send(picture(site.folder / "in", 1, 1))
        waiting = site.until(lambda: [job for job in site.queue.list("deliver") if job.attempts > 1], "it was tried")
        assert f"no connection to ARCHIVE at 127.0.0.1:{port}" in waiting[0].error
        assert site.jobs_of(1)[0].state == "done"
        site.archive.start()
        job = site.delivered(1)
    assert job.attempts == 1
    uids = [row.sop_instance_uid for row in site.queue.results(job.id)]
    assert [site.archive.times_stored[uid] for uid in uids] == [1, 1]


def test_what_was_acknowledged_before_a_stop_is_analysed_after_the_next_start(site):
    with site.node():
        assert site.send(picture(site.folder / "in", 2, 1)).all_stored
    (unit,) = site.rows("SELECT state FROM units WHERE kind = 'series'")
    assert unit["state"] in ("open", "routed")
    with site.node():
        site.delivered(2)


NEW_RULE = """\
  - name: came by reload
    when: {SeriesDescription: something else}
    run: fake_arithmetic
    options: {factor: 3}
    send_to: [archive]
"""


def test_sighup_takes_a_good_file_and_leaves_everything_after_a_bad_one_sigterm_stops(site):
    with site.served() as (process, log):
        site.write_routing(NEW_RULE.replace("fake_arithmetic", "fake_arithmetik"))
        process.send_signal(signal.SIGHUP)
        site.until(lambda: "not reloaded" in log.read_text(), "the mistake is reported")
        (told,) = [line for line in _messages(log) if "not reloaded" in line]
        line = site.routing.read_text().splitlines().index("    run: fake_arithmetik") + 1
        assert f"routing.yaml:{line}:10: " in told
        assert "did you mean 'fake_arithmetic'?" in told
        site.send(picture(site.folder / "in", 3, 1), picture(site.folder / "in", 4, 1, "something else"))
        assert site.delivered(3).work.rule == "mean of the whole"

        site.write_routing(NEW_RULE, data_dir="./elsewhere")
        process.send_signal(signal.SIGHUP)
        site.until(lambda: "configuration reloaded" in log.read_text(), "it is reloaded")
        assert "this setting takes effect at the next start: data_dir" in _messages(log)
        site.send(picture(site.folder / "in", 5, 1, "something else"))
        job = site.delivered(5)
        assert (job.work.rule, job.work.options["factor"]) == ("came by reload", 3)
        assert site.jobs_of(4) == []  # routed by the rules of its time
        assert not (site.folder / "elsewhere").exists()

        workers = psutil.Process(process.pid).children()
        assert len(workers) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not workers[0].is_running()
        assert _messages(log)[-1] == "node stopped"
        assert list((site.folder / "node" / "scratch").iterdir()) == []


def _messages(log: Path) -> list[str]:
    return [json.loads(line)["message"] for line in log.read_text().splitlines()]
