"""The whole way of a case: drafted, corrected, exported, learned from, judged, promoted, rolled back; by commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest

from benchmarks.crash_trial import make_series
from dicom_node.candidates import CandidateRuns
from dicom_node.case import held_out
from dicom_node.case_folder import read_cases
from dicom_node.cli import main
from dicom_node.config import load_config
from dicom_node.correction import Change
from dicom_node.demo import free_port
from dicom_node.jobs import Queue
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.pseudonyms import KEY_FILE
from dicom_node.review import ReviewDesk, Reviewer
from dicom_node.send import send_paths
from dicom_node.storage import Inbox, Outbox
from tests.fake_scale import install

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]  # of a machine that does much else besides

PATIENTS = 6
KEY = bytes([5]) * 32
"""Of pseudonyms: under this one, the second and the sixth patient are held out."""
FACTOR = 3.0
"""What the reviewer thinks of the means."""
ROUTING = """\
node: {{port: {port}, data_dir: ./var, series_complete_after: 200ms, min_free: 1MiB, workers: 1}}
rules:
  - {{name: scores, when: {{Modality: US}}, run: fake_scale, send_to: []}}
"""
REVIEWER = Reviewer("Meyer^Anna", "Radiologist", "General Hospital")


@pytest.fixture(scope="module")
def algorithm(tmp_path_factory, needs_onnx) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = install(tmp_path_factory.mktemp("fake"))
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def needs_onnx() -> None:
    pytest.importorskip("onnx", reason="the extra test brings onnx")


@dataclass
class Site:
    """A node that runs, pictures to send, and the desk of a person."""

    routing: Path
    pictures: list[list[Path]]
    node: Node

    @property
    def data_dir(self) -> Path:
        return self.routing.parent / "var"

    def analyse(self, series: list[Path], shadows: int = 0) -> list[int]:
        """Waits until these series, and their shadows, are analysed. Returns the new jobs that are no shadows."""
        queue = self.node.queue
        before = {job.id for job in queue.list("analyse")}
        send_paths(series, "127.0.0.1", self.node.port, "US1", self.node.config.node.ae_title)
        end = time.monotonic() + 400
        while len(new := _done(queue, before)) < len(series) + shadows:
            failed = queue.list(states=("failed", "unsuitable", "parked"))
            assert not failed, failed[0].error
            assert time.monotonic() < end, [(job.id, job.state, job.error) for job in queue.list()]
            time.sleep(0.02)
        return [job.id for job in new if not job.shadow]

    def desk(self) -> ReviewDesk:
        return ReviewDesk(self.node.database, self.node.queue, Inbox(self.data_dir), Outbox(self.data_dir))

    def result(self, job_id: int) -> dict:
        return json.loads((self.data_dir / f"outbox/{job_id}/result.json").read_text())


def _done(queue: Queue, before: set[int]) -> list:
    return [job for job in reversed(queue.list("analyse", ("done",))) if job.id not in before]


@pytest.fixture(scope="module")
def site(tmp_path_factory, algorithm) -> Iterator[Site]:
    """A node that has analysed a picture of each patient; a person wrote FACTOR times the mean for every score.

    The last patients' pictures are not sent yet.
    """
    folder = tmp_path_factory.mktemp("site")
    pictures = make_series(folder / "in", PATIENTS + 4)
    for number, (path, *_) in enumerate(pictures, start=1):
        picture = pydicom.dcmread(path)
        picture.PixelData = np.full((64, 64), 10 + 5 * number, np.uint8).tobytes()
        picture.PatientName = f"Nobody^{number}"
        picture.BurnedInAnnotation = "NO"
        picture.save_as(path)
    routing = folder / "routing.yaml"
    routing.write_text(ROUTING.format(port=free_port()))
    (folder / "var").mkdir()
    (folder / "var" / KEY_FILE).write_bytes(KEY)
    node = Node(load_config(routing, Catalogue()), Catalogue())
    node.start()
    try:
        made = Site(routing, pictures, node)
        made.analyse([path for path, *_ in pictures[:PATIENTS]])
        desk = made.desk()
        for waiting in desk.pending():
            draft = desk.show(waiting.review.job_id)
            score = str(FACTOR * draft.result.summary["mean"])
            desk.correct(waiting.review.job_id, [Change("score", score)], REVIEWER, "Nobody has an odd score")
        yield made
    finally:
        node.stop()


@pytest.fixture
def call(capsys) -> Callable[..., str]:
    """A function: words of a command line that works -> what it wrote."""

    def call(*words: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        assert int(left.value.code or 0) == code, captured.err
        return captured.out + captured.err

    return call


def test_from_reviews_to_a_promoted_model_and_back(site, call, tmp_path):
    config = ("--config", site.routing)
    exported, candidate = tmp_path / "cases", tmp_path / "candidate"

    listed = json.loads(call("cases", "list", *config, "--json"))
    assert len(listed) == PATIENTS
    assert {row["outcome"] for row in listed} == {"corrected"}
    assert {row["models"][0]["version"] for row in listed} == {"1.0"}
    sent = [pydicom.dcmread(path, stop_before_pixels=True) for path, *_ in site.pictures[:PATIENTS]]
    assert {(row["unit_uid"], *row["instances"]) for row in listed} == {
        (picture.SeriesInstanceUID, picture.SOPInstanceUID) for picture in sent
    }

    told = call("cases", "export", exported, *config)
    assert f"{PATIENTS} case(s) written" in told
    assert "0 case(s) written" in call("cases", "export", exported, *config)
    cases = read_cases(exported, "fake_scale")
    assert len({case.subject for case in cases}) == PATIENTS
    for case in cases:
        assert case.confirmed.summary["score"] == pytest.approx(FACTOR * case.drafted.summary["mean"])
        assert pydicom.dcmread(case.sources[0]).PatientName == case.subject
        assert case.conclusion == ""
    everything = b"".join(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    assert b"Nobody" not in everything
    assert b"Meyer" not in everything
    assert b"2.25.4242" not in everything, "a UID of the node"

    call("train", "fake_scale", "--from-cases", exported, "--out", candidate)
    held = [case for case in cases if held_out(case.subject)]
    assert len(held) == 2
    table = json.loads(call("evaluate", "fake_scale", "--cases", exported, "--candidate", candidate, "--json"))
    right, error = table["figures"]
    assert (right["cases"], right["in_use"]["value"], right["candidate"]["value"]) == (len(held), 0.0, 1.0)
    assert error["difference"]["value"] < 0
    assert set(table["cases"]) == {case.id for case in held}

    added = call("models", "add", "fake_scale", candidate, *config, "--as", "Anna")
    version = f"1.0+{PATIENTS - len(held)}"
    assert version in added
    refused = call("models", "promote", "fake_scale", version, *config, "--as", "Anna", code=2)
    assert "never compared" in refused
    assert "beats built-in" in call("models", "compare", "fake_scale", version, *config)

    (before,) = site.analyse(site.pictures[PATIENTS][:1])
    call("models", "promote", "fake_scale", version, *config, "--as", "Anna")
    (after,) = site.analyse(site.pictures[PATIENTS + 1][:1])
    call("models", "rollback", "fake_scale", *config, "--as", "Anna", "--reason", "a test")
    (back,) = site.analyse(site.pictures[PATIENTS + 2][:1])
    used = [site.result(job_id)["models"][0]["version"] for job_id in (before, after, back)]
    assert used == ["1.0", version, "1.0"]
    summary = site.result(after)["summary"]
    assert summary["score"] == pytest.approx(FACTOR * summary["mean"])
    acts = json.loads(call("models", "list", *config, "--acts", "--json"))
    assert [(act["act"], act["person"]) for act in acts] == [
        ("added", "Anna"),
        ("promoted", "Anna"),
        ("rolled back", "Anna"),
    ]
    uids = [{entry["sop_instance_uid"] for entry in site.result(job_id)["objects"]} for job_id in (before, after, back)]
    assert not uids[0] & uids[1]
    states = json.loads(call("models", "list", *config, "--json", "--algorithm", "fake_scale"))
    assert {row["version"]: row["state"] for row in states} == {"built-in": "current", version: "retired"}


def test_a_candidate_is_prepared_by_the_schedule_and_runs_in_the_shadow(site, call, tmp_path):
    config = ("--config", site.routing)
    call("models", "prepare", "fake_scale", *config)
    (run,) = CandidateRuns(site.node.database, site.data_dir).of("fake_scale")
    assert (run.state, run.cases) == ("done", PATIENTS)
    call("models", "shadow", "fake_scale", run.version, *config, "--as", "Anna", "--on")
    (job_id,) = site.analyse(site.pictures[PATIENTS + 3][:1], shadows=1)
    call("models", "shadow", "fake_scale", run.version, *config, "--as", "Anna", "--off")

    table = json.loads(call("models", "compare", "fake_scale", run.version, *config, "--json"))
    (pair,) = table["shadow"]["pairs"]
    assert (pair["job_id"], pair["state"]) == (job_id, "done")
    score = next(key for key in table["shadow"]["keys"] if key["key"] == "score")
    assert score["mean_difference"] == pytest.approx((FACTOR - 1) * pair["in_use"]["mean"], rel=1e-4)
    assert site.node.queue.results(pair["shadow_id"]) == ()
    assert pair["shadow_id"] not in [waiting.review.job_id for waiting in site.desk().pending()]
