"""dicom-node review, on a folder with drafts that a worker made in this process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import UUID

import pydicom
import pytest

from dicom_node.config import ReviewTerms
from dicom_node.database import Database
from dicom_node.job import AnalyseWork
from dicom_node.jobs import Queue
from dicom_node.plugins import Catalogue
from dicom_node.storage import Inbox
from dicom_node.worker import Worker, WorkerSettings

STILL = Path(__file__).resolve().parents[2] / "sample_dicom" / "other" / "b_mode_still.dcm"
ANNA = ("--as", "Meyer^Anna", "--role", "radiologist", "--organisation", "City Hospital")


@pytest.fixture(scope="module")
def drafts(tmp_path_factory, fakes) -> Path:
    """The routing.yaml of a node with four drafts, jobs 1, 3, 5 and 7; their deliver jobs lie between."""
    folder = tmp_path_factory.mktemp("drafts")
    data_dir, scratch = folder / "var", folder / "scratch"
    scratch.mkdir()
    inbox = Inbox(data_dir)
    uid = str(pydicom.dcmread(STILL, stop_before_pixels=True).SOPInstanceUID)
    shutil.copyfile(STILL, inbox.incoming / "one")
    inbox.keep(inbox.incoming / "one", uid)
    database = Database(data_dir / "node.db")
    queue = Queue(database)
    worker = Worker(WorkerSettings("w1", data_dir, UUID(int=7), 1), database, Catalogue(1), scratch)
    for number in range(4):
        work = AnalyseWork(
            rule="grade it",
            algorithm="fake_grading",
            options={"offset": float(number)},
            unit_kind="series",
            unit_uid="1.2.3",
            revision=1,
            instances=(uid,),
            send_to=("archive",),
            time_limit_s=60.0,
            memory_limit_mib=4096,
            reason="quiet",
            review=ReviewTerms(),
        )
        with database.transaction() as connection:
            queue.put_analyse(connection, work)
        assert worker.do_next()
    database.close()
    routing = folder / "routing.yaml"
    routing.write_text("node: {data_dir: ./var}\n")
    return routing


def test_what_waits_is_listed_and_shown_whole(call, drafts, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    listed = call("review", "list", "--config", drafts)
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.count("fake_grading") >= 1
    assert json.loads(call("review", "list", "--state", "superseded", "--json", "--config", drafts).out) == []
    shown = call("review", "show", 1, "--config", drafts).out
    for told in ("pending, version 1", "grades 3", "made for a test", "preview/mean-grey.png", "0 to 255", "x,y x,y"):
        assert told in shown
    assert "waits for a review" in call("jobs", "list", "--config", drafts).out
    assert "dicom-node review show 1" in call("jobs", "show", 1, "--config", drafts).out
    told = json.loads(call("review", "show", 1, "--json", "--config", drafts).out)
    assert (told["state"], told["version"], told["models"][0]["name"]) == ("pending", 1, "grades")
    assert [one["key"] for one in told["correctables"]][:2] == ["level", "doubled"]


def test_try_tells_what_would_follow_and_keeps_nothing(call, drafts):
    tried = call("review", "try", 1, "--set", "level=60", "--json", "--config", drafts)
    assert json.loads(tried.out)["summary"] == {"level": 60.0, "doubled": 120.0, "grade": "Middle", "line_mm": 2.0}
    told = call("review", "try", 1, "--set", "level=60", "--config", drafts).out
    assert "follows from" in told  # a narrow table breaks the line here
    assert json.loads(call("review", "show", 1, "--json", "--config", drafts).out)["acts"] == []


def test_correct_tells_what_changed_and_which_job_follows(call, drafts):
    done = call("review", "correct", 3, "--set", "level=60", *ANNA, "--conclusion", "Middle.", "--config", drafts)
    assert (done.code, done.err) == (0, "")
    assert "Middle" in done.out
    (last,) = [line for line in done.out.splitlines() if line.startswith("job 3")]
    report_job = json.loads(call("jobs", "list", "--kind", "report", "--json", "--config", drafts).out)[0]["id"]
    assert last == f"job 3 is corrected: job {report_job} makes the verified report and sends it"
    shown = call("review", "show", 3, "--config", drafts).out
    for told in ("corrected, version 2", "Meyer^Anna (radiologist, City Hospital)", "Middle.", "set"):
        assert told in shown
    (act,) = json.loads(call("review", "show", 3, "--json", "--config", drafts).out)["acts"]
    assert (act["act"], act["changes"][0]["given"]) == ("corrected", "60")
    status = json.loads(call("status", "--json", "--config", drafts).out)
    assert (status["reviews"]["corrected"], status["report jobs"]) == (1, {"waiting": 1})


def test_whoever_comes_second_gets_exit_code_9_and_a_name(call, drafts):
    assert call("review", "accept", 5, *ANNA, "--version", 1, "--config", drafts).code == 0
    second = call("review", "reject", 5, *ANNA, "--reason", "No.", "--config", drafts)
    assert second.code == 9
    assert "job 5 was accepted by Meyer^Anna (radiologist, City Hospital)" in second.err
    assert second.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("accept", 7), "Missing option '--as'"),
        (("reject", 7, *ANNA), "Missing option '--reason'"),
        (("correct", 7, *ANNA), "Missing option '--set'"),
        (
            ("correct", 7, "--set", "level", "--set", "=3", *ANNA),
            "--set takes KEY=VALUE, such as score=3; got 'level', '=3'",
        ),
        (("correct", 7, "--set", "levl=3", *ANNA), "did you mean level"),
        (("accept", 99, *ANNA), "there is no job 99"),
        (("accept", 7, *ANNA, "--version", "2"), "is now version 1, you saw 2"),
    ],
)
def test_mistakes_are_told_and_change_nothing(call, drafts, words, told):
    shown = call("review", *words, "--config", drafts)
    assert shown.code in (2, 9)
    assert told in shown.err
    assert json.loads(call("review", "show", 7, "--json", "--config", drafts).out)["state"] == "pending"
