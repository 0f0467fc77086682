from __future__ import annotations

import json
import shutil

import pytest

from dicom_node.config import ReviewTerms
from dicom_node.database import Database
from dicom_node.errors import StorageError, UsageError
from dicom_node.jobs import Queue
from dicom_node.route import Router, trace_text
from dicom_node.storage import Inbox
from dicom_node.testing import FakeClock

CONFIG = """\
node: {{data_dir: data, job_time_limit: 10 min, job_memory_limit: 1GiB}}
peers:
  archive: {{ae_title: A, host: h, port: 1}}
  review: {{ae_title: B, host: h, port: 1}}
rules:
  - name: ultrasound
    when: {{Modality: US}}
    run: fake_arithmetic
    options: {{factor: 2.0}}
    send_to: [archive]
    priority: 3
{more}
"""
SAME = """\
  - name: the same again
    when: {NumberOfFrames: {min: 1}}
    run: fake_arithmetic
    options: {factor: 2.0}
    send_to: [review]
    time_limit: 1h
"""


class Site:
    """A node's folder, database and router, filled as reception and assembly would."""

    def __init__(self, make, config_of, data_dir):
        self._make, self._config_of = make, config_of
        self.clock = FakeClock()
        self.inbox = Inbox(data_dir)
        self.database = Database(data_dir / "node.db")
        self.queue = Queue(self.database, self.clock)
        self.router = Router(self.database, self.config(), self.queue, self.inbox)

    def config(self, more=""):
        return self._config_of(CONFIG.format(more=more))

    def receive(self, uid, excluded=None, calling_ae="US1", **attributes):
        source = self._make(uid, **attributes)
        path = self.inbox.path_of(uid)
        path.parent.mkdir(exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, path)
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO instances (sop_instance_uid, sop_class_uid, transfer_syntax_uid, study_uid, series_uid, "
                "path, size_bytes, sha256, received_at, calling_ae, excluded) "
                "VALUES (?, '', '', '1.2', ?, ?, 0, '', 0, ?, ?)",
                (uid, attributes.get("series", "1.2.3"), self.inbox.relative(path), calling_ae, excluded),
            )
        return path

    def complete(self, kind="series", uid="1.2.3", revision=1):
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO units (kind, uid, state, revision, first_at, last_at, completed_at, reason) "
                "VALUES (?, ?, 'complete', ?, 0, 0, 0, 'quiet for 10 s') ON CONFLICT DO UPDATE SET "
                "state = 'complete', revision = excluded.revision",
                (kind, uid, revision),
            )

    def route(self):
        return self.router.route_completed(self.clock())

    def unit(self, kind="series"):
        (row,) = self.database.query("SELECT * FROM units WHERE kind = ?", (kind,))
        return row

    def traces(self):
        return [json.loads(row["trace"]) for row in self.database.query("SELECT trace FROM routings ORDER BY revision")]


@pytest.fixture
def site(make, config_of, tmp_path):
    site = Site(make, config_of, tmp_path / "data")
    yield site
    site.database.close()


def test_what_matches_becomes_a_job_with_all_that_a_worker_needs(site):
    site.receive("1.1")
    site.receive("1.2", Modality="SR")
    site.receive("1.3", excluded="own output")
    site.complete()
    assert site.route() == 1
    (job,) = site.queue.list()
    assert (job.kind, job.state, job.priority, job.predecessor_id) == ("analyse", "waiting", 3, None)
    work = job.work
    assert (work.rule, work.algorithm, dict(work.options)) == ("ultrasound", "fake_arithmetic", {"factor": 2.0})
    assert (work.unit_kind, work.unit_uid, work.revision, work.instances) == ("series", "1.2.3", 1, ("1.1",))
    assert (work.send_to, work.time_limit_s, work.memory_limit_mib) == (("archive",), 600.0, 1024)
    assert work.reason == "quiet for 10 s"
    assert (site.unit()["state"], site.unit()["matched"]) == ("routed", 1)
    (trace,) = site.traces()
    assert (trace["instances"], trace["rules"][0]["job"]) == (2, job.id)
    assert f"job {job.id}" in trace_text(trace)
    assert site.route() == 0


def test_what_matches_nothing_is_kept_with_the_reason(site):
    path = site.receive("1.1", Modality="MR")
    site.complete()
    site.route()
    assert site.queue.list() == ()
    assert (site.unit()["state"], site.unit()["matched"]) == ("routed", 0)
    assert site.traces()[0]["rules"][0]["failed"] == ["""line 7: Modality equals 'US': saw "MR\""""]
    assert path.exists()


def test_a_late_instance_makes_a_job_that_names_the_one_before(site):
    site.receive("1.1")
    site.complete()
    site.route()
    site.receive("1.2")
    site.complete(revision=2)
    site.route()
    first, second = sorted(site.queue.list(), key=lambda job: job.id)
    assert second.predecessor_id == first.id
    assert (second.work.revision, second.work.instances) == (2, ("1.1", "1.2"))


def test_a_late_instance_that_no_rule_takes_puts_no_second_job_and_keeps_the_chain(site):
    site.receive("1.1")
    site.complete()
    site.route()
    site.receive("1.2", Modality="SR")
    site.complete(revision=2)
    site.route()
    (first,) = site.queue.list()
    assert [trace["rules"][0]["job"] for trace in site.traces()] == [first.id, first.id]
    site.receive("1.3")
    site.complete(revision=3)
    site.route()
    assert max(site.queue.list(), key=lambda job: job.id).predecessor_id == first.id


def test_rules_that_ask_for_the_same_analysis_share_one_job(site):
    site.router.reload(site.config(SAME))
    site.receive("1.1", NumberOfFrames=5)
    site.complete()
    site.route()
    (job,) = site.queue.list()
    assert (job.work.send_to, job.work.time_limit_s, job.work.rule) == (("archive", "review"), 3600.0, "ultrasound")
    assert [rule["job"] for rule in site.traces()[0]["rules"]] == [job.id, job.id]


HELD = (
    SAME
    + "    review: {required: never}\n"
    + SAME.replace("the same again", "and again")
    + "    review: {draft: hold}\n"
)


def test_rules_that_share_one_job_have_the_stricter_terms_of_review(site):
    site.router.reload(site.config(HELD))
    site.receive("1.1", NumberOfFrames=5)
    site.complete()
    site.route()
    (job,) = site.queue.list()
    assert job.work.review == ReviewTerms("auto", "hold", "key_object")


def test_stricter_terms_of_a_rule_of_later_days_hold_for_a_job_that_still_waits(site):
    site.receive("1.1", NumberOfFrames=5)
    site.complete()
    site.route()
    site.router.reload(site.config(SAME.replace("[review]", "[archive]") + "    review: always\n"))
    site.router.route_again("series", "1.2.3", site.clock())
    (job,) = site.queue.list()
    assert (job.work.review.required, job.work.send_to) == ("always", ("archive",))
    site.queue.claim("analyse")
    site.router.reload(site.config(SAME + "    review: {draft: hold}\n"))
    site.router.route_again("series", "1.2.3", site.clock())
    (job,) = site.queue.list()
    assert (job.work.review, job.work.send_to) == (ReviewTerms("always"), ("archive", "review"))


def test_a_study_of_one_series_is_the_same_work_as_that_series(site):
    site.router.reload(site.config(SAME.replace("    when", "    group: study\n    when")))
    site.receive("1.1", NumberOfFrames=5)
    site.complete()
    site.complete("study", "1.2")
    assert site.route() == 2
    (job,) = site.queue.list()
    assert (job.work.unit_kind, job.work.send_to) == ("series", ("archive", "review"))
    assert [trace["rules"][0]["job"] for trace in site.traces()] == [job.id, job.id]


def test_a_peer_added_later_gets_the_results_when_the_series_is_routed_again(site):
    site.receive("1.1", NumberOfFrames=5)
    site.complete()
    site.route()
    site.router.reload(site.config(SAME))
    site.router.route_again("series", "1.2.3", site.clock())
    (job,) = site.queue.list()
    assert job.work.send_to == ("archive", "review")


def test_headers_that_cannot_be_read_are_told_and_nothing_is_lost(site):
    site.receive("1.1").unlink()
    site.receive("1.2")
    site.complete()
    site.route()
    (job,) = site.queue.list()
    assert job.work.instances == ("1.2",)
    (unreadable,) = site.traces()[0]["unreadable"]
    assert unreadable["what"] == "1.1"
    assert "missing" in unreadable["reason"]


def test_nothing_readable_is_unmatched_and_says_so(site):
    site.receive("1.1").write_bytes(b"")
    site.complete()
    site.route()
    assert (site.unit()["state"], site.unit()["matched"]) == ("routed", 0)
    assert site.traces()[0]["rules"][0]["matched"] is False


def test_a_unit_that_grew_while_it_was_judged_is_left_for_its_next_completion(site, monkeypatch):
    site.receive("1.1")
    site.complete()
    judge = site.router._candidates

    def while_judging(*arguments):
        with site.database.transaction() as connection:
            connection.execute("UPDATE units SET state = 'open', last_at = 5")
        return judge(*arguments)

    monkeypatch.setattr(site.router, "_candidates", while_judging)
    assert site.route() == 0
    assert site.queue.list() == ()
    assert site.unit()["state"] == "open"


def test_a_disk_that_refuses_leaves_the_unit_complete(site):
    for number in range(100):  # unreadable ones make the trace longer than the page that is left
        site.receive(f"1.{number}").unlink()
    site.receive("2.1")
    site.complete()
    site.database.query("PRAGMA max_page_count = 1")  # no page more than there are
    with pytest.raises(StorageError, match="full"):
        site.route()
    assert site.unit()["state"] == "complete"
    assert site.queue.list() == ()
    site.database.query("PRAGMA max_page_count = 100000")
    assert site.route() == 1
    assert len(site.queue.list()) == 1


def test_a_study_is_unmatched_only_where_a_rule_asks_for_studies(site):
    site.receive("1.1")
    site.complete("study", "1.2")
    site.route()
    assert (site.unit("study")["state"], site.unit("study")["matched"]) == ("routed", None)
    rule = "  - {name: whole, group: study, when: {Modality: US}, run: other, send_to: [], memory_limit: 2GiB}\n"
    site.router.reload(site.config(rule))
    site.complete("study", "1.2", revision=2)
    site.route()
    (job,) = site.queue.list()
    assert (job.work.unit_kind, job.work.unit_uid, job.work.memory_limit_mib) == ("study", "1.2", 2048)


def test_new_rules_can_be_tried_on_what_was_routed_before(site):
    site.receive("1.1", Modality="MR")
    site.complete()
    site.route()
    site.router.reload(site.config("  - {name: mr, when: {Modality: MR}, run: other, send_to: []}\n"))
    assert site.route() == 0
    assert site.router.route_again("series", "1.2.3", site.clock()) == 1
    assert site.router.route_again("series", "1.2.3", site.clock()) == 1
    assert [job.work.rule for job in site.queue.list()] == ["mr"]
    assert len(site.traces()) == 1
    with pytest.raises(UsageError, match=r"no series 9\.9 was received"):
        site.router.route_again("series", "9.9", site.clock())
    with site.database.transaction() as connection:
        connection.execute("UPDATE units SET state = 'open'")
    with pytest.raises(UsageError, match="still arriving"):
        site.router.route_again("series", "1.2.3", site.clock())


def test_rules_see_who_sent(site):
    rule = "  - {name: room 2, when: {calling_ae: US2}, run: other, send_to: []}\n"
    site.router.reload(site.config(rule))
    site.receive("1.1", calling_ae="US1")
    site.receive("1.2", calling_ae="US2")
    site.complete()
    site.route()
    by_rule = {job.work.rule: job.work.instances for job in site.queue.list()}
    assert by_rule == {"ultrasound": ("1.1", "1.2"), "room 2": ("1.2",)}


def test_no_patient_attribute_in_trace_or_log(site, caplog):
    who = "  - {name: who, when: {PatientName: JANE}, run: other, send_to: []}\n"
    site.router.reload(site.config(who))
    site.receive("1.1")
    site.complete()
    with caplog.at_level("INFO"):
        site.route()
    kept = json.dumps(site.traces()) + caplog.text + repr([vars(record) for record in caplog.records])
    assert "DOE" not in kept
    assert "JANE" not in kept
    assert caplog.records[-1].matched == 1
