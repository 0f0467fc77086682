"""jobs, inbox and status, on the folder of a node that has run."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = [
    pytest.mark.loopback,
    pytest.mark.process,
    # pynetdicom drops the socket of a refused connection without closing it
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FOURTH_RULE = """\
  - {name: a rule of today, when: {PatientID: "4"}, run: fake_arithmetic, options: {factor: 4}, send_to: []}
"""


@pytest.fixture
def copy(used, tmp_path):
    """The same folder, for a test that changes something; its routing.yaml."""
    shutil.copytree(used.parent / "var", tmp_path / "var")
    return shutil.copyfile(used, tmp_path / "routing.yaml")


@pytest.fixture
def read(call):
    """A function: words -> what the command prints with --json."""

    def read(*words):
        shown = call(*words, "--json")
        assert (shown.code, shown.err) == (0, "")
        return json.loads(shown.out)

    return read


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "words", [["jobs", "list"], ["inbox", "list"], ["inbox", "list", "--studies"], ["inbox", "aside"], ["status"]]
)
def test_tables_fit_the_terminal(call, used, monkeypatch, columns, words):
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = call(*words, "--config", used)
    assert (shown.code, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines())) <= columns
    assert len(shown.out.splitlines()) > 4


def test_status_counts_everything(call, read, used):
    assert read("status", "--config", used) == {
        "instances": {"stored": 8},
        "series": {"routed": 4},
        "series without a rule": {"unmatched": 1},
        "analyse jobs": {"done": 2, "unsuitable": 1},
        "reviews": {},
        "report jobs": {},
        "deliver jobs": {"done": 1, "waiting": 1},
        "objects to peers": {"delivered": 2, "waiting": 2},
        "set aside": {"conflict": 1},
    }
    assert "2 delivered, 2 waiting" in call("status", "--config", used).out


def test_jobs_list_shows_each_with_its_reason(call, read, used, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    jobs = read("jobs", "list", "--config", used)
    assert len(jobs) == 5
    assert [job["kind"] for job in read("jobs", "list", "--kind", "deliver", "--config", used)] == ["deliver"] * 2
    (unsuitable,) = read("jobs", "list", "--state", "unsuitable", "--config", used)
    assert unsuitable["work"]["rule"] == "needs more"
    assert len(read("jobs", "list", "--limit", "1", "--config", used)) == 1
    shown = call("jobs", "list", "--config", used).out
    assert "needs 9 frames; got 2" in shown
    assert "again at " in shown
    assert "no connection to AWAY" in shown
    assert call("jobs", "list", "--state", "parked", "--config", used).out == "no jobs\n"


def test_jobs_show_tells_all_of_one(call, read, used):
    jobs = {(job["kind"], job["state"]): job["id"] for job in read("jobs", "list", "--config", used)}
    (deliver,) = read("jobs", "list", "--kind", "deliver", "--state", "done", "--config", used)
    analysis = read("jobs", "show", deliver["parent_id"], "--config", used)
    assert [event["what"] for event in analysis["events"]] == ["put", "claimed", "done"]
    assert {result["role"] for result in analysis["results"]} == {"report", "mean_colour"}
    assert {(d["peer"], d["role"], d["state"], d["status"]) for d in analysis["deliveries"]} == {
        ("archive", "report", "delivered", "0x0000"),
        ("archive", "mean_colour", "delivered", "0x0000"),
    }
    text = call("jobs", "show", deliver["parent_id"], "--config", used).out
    for told in ("fake_arithmetic", "to the archive", "report.dcm", "0x0000", "without a new instance"):
        assert told in text
    assert "no connection to AWAY" in call("jobs", "show", jobs["deliver", "waiting"], "--config", used).out
    missing = call("jobs", "show", 99, "--config", used)
    assert (missing.code, missing.err) == (2, "there is no job 99; `dicom-node jobs list` shows all\n")


def test_jobs_are_retried_and_cancelled(call, read, copy):
    state = {}

    def look():
        state.update({job["id"]: job["state"] for job in read("jobs", "list", "--config", copy)})

    look()
    (unsuitable,) = (job for job, now in state.items() if now == "unsuitable")
    (waiting,) = (job for job, now in state.items() if now == "waiting")
    done = next(job for job, now in state.items() if now == "done")
    assert call("jobs", "retry", unsuitable, "--config", copy).out == f"job {unsuitable} waits again\n"
    assert call("jobs", "cancel", waiting, "--config", copy).out.startswith(f"job {waiting} is cancelled")
    look()
    assert (state[unsuitable], state[waiting]) == ("waiting", "cancelled")
    for words in (["retry", done], ["cancel", done], ["cancel", 99]):
        shown = call("jobs", *words, "--config", copy)
        assert shown.code == 2
        assert "job" in shown.err


def test_inbox_list_says_what_came_and_what_nobody_wants(call, read, used):
    series = read("inbox", "list", "--config", used)
    assert [(unit["state"], unit["instances"], unit["revision"]) for unit in series] == [("routed", 2, 1)] * 4
    (unmatched,) = read("inbox", "list", "--unmatched", "--config", used)
    assert unmatched["uid"] == "2.25.4242000004.1"
    assert len(read("inbox", "list", "--studies", "--config", used)) == 4
    assert "none" in call("inbox", "list", "--unmatched", "--config", used).out


def test_inbox_show_takes_the_end_of_a_uid(call, read, used):
    whole = read("inbox", "show", "2.25.4242000004.1", "--config", used)
    assert read("inbox", "show", "4.1", "--config", used) == whole
    assert len(whole["instances"]) == 2
    (routing,) = whole["routings"]
    assert [rule["matched"] for rule in routing["trace"]["rules"]] == [False, False, False]
    text = call("inbox", "show", "…4242000004.1", "--config", used).out
    assert "US1" in text
    assert "- to the archive (line" in text
    ambiguous = call("inbox", "show", ".1", "--config", used)
    assert (ambiguous.code, ambiguous.err) == (2, "4 series or studies end in '.1': give more of the UID\n")
    assert call("inbox", "show", "%", "--config", used).code == 2


def test_inbox_aside_lists_the_conflict_with_its_reason_and_file(call, read, used):
    (aside,) = read("inbox", "aside", "--config", used)
    assert (aside["kind"], aside["times_seen"], aside["calling_ae"]) == ("conflict", 1, "US1")
    assert (used.parent / "var" / aside["path"]).exists()
    assert "conflict" in call("inbox", "aside", "--config", used).out


def test_inbox_route_tries_the_rules_of_today(call, read, copy):
    nothing = call("inbox", "route", "4242000004.1", "--config", copy)
    assert nothing.out == "series …4242000004.1: 0 of 3 rules matched, no new job\n"
    copy.write_text(copy.read_text() + FOURTH_RULE)
    routed = call("inbox", "route", "4242000004.1", "--config", copy)
    assert (routed.code, routed.err) == (0, "")
    (job,) = read("jobs", "list", "--state", "waiting", "--kind", "analyse", "--config", copy)
    assert routed.out == f"series …4242000004.1: 1 of 4 rules matched, new: job {job['id']}\n"
    assert (job["work"]["rule"], job["work"]["options"]["factor"]) == ("a rule of today", 4)
    assert call("inbox", "route", "4242000004.1", "--config", copy).out.endswith("matched, no new job\n")
    assert read("inbox", "list", "--unmatched", "--config", copy) == []
    assert call("inbox", "route", "77", "--config", copy).code == 2


@pytest.mark.parametrize("words", [["status"], ["jobs", "list"], ["inbox", "list"], ["inbox", "route", "1"]])
def test_without_a_node_the_commands_say_so(call, tmp_path, words):
    routing = tmp_path / "routing.yaml"
    routing.write_text("")
    shown = call(*words, "--config", routing)
    assert shown.code == 2
    assert "no node has run on" in shown.err
    assert not (tmp_path / "var").exists()
