"""The desk: who may decide what when, what follows from it, and that a decision is one and for ever."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dicom_node.correction import Change, CorrectionError
from dicom_node.errors import ReviewConflict, UsageError
from dicom_node.review import Reviewer
from tests.review.conftest import ANNA, BERT

MEAN = 132.6476953125  # of the pixels of the sample image


def state(practice, job_id):
    return practice.desk.show(job_id).review.state


# What becomes a draft


@pytest.mark.parametrize(
    ("asks", "required", "pends"),
    [
        (True, "auto", True),
        (False, "auto", False),
        (False, "always", True),
        (True, "always", True),
        (True, "never", False),
    ],
)
def test_the_algorithm_asks_for_a_review_or_the_rule_does(practice, asks, required, pends):
    job_id = practice.drafted(asks=asks, required=required)
    assert [waiting.analysis.id for waiting in practice.desk.pending()] == [job_id] * pends
    folder = practice.outbox.folder / str(job_id)
    assert (folder / "analysis.json").exists() == pends
    told = json.loads((folder / "result.json").read_text())
    assert told["requires_review"] == (pends or asks)
    assert practice.deliveries(job_id) == ["archive"]


def test_a_draft_that_is_held_goes_to_nobody_and_another_to_everybody(practice):
    held, sent = practice.drafted(draft="hold"), practice.drafted(offset=1.0)
    assert (practice.deliveries(held), practice.deliveries(sent)) == ([], ["archive"])
    assert [(waiting.review.draft, waiting.review.version) for waiting in practice.desk.pending()] == [
        ("held", 1),
        ("sent", 1),
    ]


def test_show_has_all_that_a_person_judges_by(practice):
    job_id = practice.drafted()
    draft = practice.desk.show(job_id)
    assert draft.made_by.info.models[0].version == "3"
    assert draft.made_by.options == {"offset": 0.0, "asks": True}
    assert draft.result.summary["level"] == pytest.approx(MEAN)
    settable = {one.key: one for one in draft.correctables}
    assert list(settable) == ["level", "doubled", "line_mm", "line", "grade", "remark"]
    assert settable["level"].dependants == ("doubled", "grade")
    assert [path.name for path in draft.previews] == ["mean-grey.png"]
    assert [row.role for row in draft.objects] == ["mean_grey", "report"]
    assert (draft.version, draft.acts, draft.revision_id) == (1, (), None)


# What a person does


def test_accept_makes_a_report_job_and_keeps_who_when_and_what(practice):
    job_id = practice.drafted()
    at = practice.clock.advance(3600.0)
    decision = practice.desk.accept(job_id, ANNA, "  As drafted. ")
    draft = practice.desk.show(job_id)
    assert (draft.review.state, draft.review.version, draft.review.decided_s) == ("accepted", 2, at)
    (act,) = draft.acts
    assert decision.act == act
    assert (act.act, act.version, act.at_s, act.reviewer) == ("accepted", 1, at, ANNA)
    assert (act.conclusion, act.changes) == ("As drafted.", ())
    job = practice.report_job(job_id)
    assert (job.id, job.id, job.state) == (decision.report_job_id, draft.review.outcome_job_id, "waiting")
    assert practice.desk.pending() == ()
    (case,) = practice.database.query("SELECT * FROM cases")
    assert (case["job_id"], case["act_id"], case["outcome"], case["created_s"]) == (job_id, act.id, "accepted", at)


def test_correct_keeps_what_was_set_and_what_followed_from_what_to_what(practice):
    job_id = practice.drafted()
    changes = [Change("level", "60.5"), Change("line", "1,2 1,12")]
    foreseen = practice.desk.consequences(job_id, changes)
    decision = practice.desk.correct(job_id, changes, ANNA, "Scale misread.")
    assert decision.correction == foreseen
    assert decision.correction.result.summary == {"level": 60.5, "doubled": 121.0, "grade": "Middle", "line_mm": 5.0}
    (act,) = practice.desk.show(job_id).acts
    told = {change.key: (change.before, change.after, change.because, change.given) for change in act.changes}
    assert told == {
        "level": ("132.6476953", "60.5", "set", "60.5"),
        "line": ("1,2 5,2", "1,2 1,12", "set", "1,2 1,12"),
        "doubled": ("265.2953906", "121", "follows from level", None),
        "grade": ("High", "Middle", "follows from level", None),
        "line_mm": ("2", "5", "follows from line", None),
    }
    assert act.given == tuple(changes)
    (row,) = practice.database.query("SELECT changes FROM review_acts")
    assert json.loads(row["changes"])[0] == {
        "key": "level",
        "what": "all pixels: Mean pixel value",
        "from": "132.6476953",
        "to": "60.5",
        "unit": "no units",
        "because": "set",
        "given": "60.5",
    }
    assert practice.desk.show(job_id).result.summary["level"] == pytest.approx(MEAN)  # the draft stays as it was


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({}, True),
        ({"on_reject": "nothing"}, False),
        ({"draft": "hold"}, False),  # nobody has what is rejected
    ],
)
def test_reject_tells_those_who_have_the_draft_where_the_rule_says_so(practice, terms, told):
    job_id = practice.drafted(**terms)
    decision = practice.desk.reject(job_id, BERT, "Wrong patient position.")
    assert state(practice, job_id) == "rejected"
    assert (decision.report_job_id is not None) == told
    assert len(practice.queue.list("report")) == told
    assert practice.database.query("SELECT outcome FROM cases")[0]["outcome"] == "rejected"


def test_what_cannot_be_set_is_told_all_at_once_and_changes_nothing(practice):
    job_id = practice.drafted()
    changes = [Change("level", "300"), Change("grade", "Gigantic"), Change("levl", "1"), Change("line", "1,2 400,2")]
    with pytest.raises(CorrectionError) as raised:
        practice.desk.correct(job_id, changes, ANNA, "")
    told = str(raised.value)
    assert len(raised.value.problems) == 4
    for part in ("300", "limits, 0 to 255", "'Gigantic' is none of its choices", "did you mean level", "160 columns"):
        assert part in told
    assert (state(practice, job_id), practice.desk.show(job_id).acts) == ("pending", ())


NOBODY = Reviewer("^Anna", "", "a" * 65)


def test_words_that_no_report_can_hold_are_told_all_at_once(practice):
    job_id = practice.drafted()
    with pytest.raises(UsageError) as raised:
        practice.desk.accept(job_id, NOBODY, "bell \a")
    assert str(raised.value).splitlines() == [
        "the reviewer's name '^Anna' has no family name: needs Family^Given, such as Meyer^Anna",
        "the reviewer's role is empty: a verified report names it",
        "the reviewer's organisation has 65 characters: at most 64",
        "the conclusion has control characters: write plain text",
    ]
    with pytest.raises(UsageError, match="needs a reason"):
        practice.desk.reject(job_id, ANNA, " ")
    with pytest.raises(UsageError, match="at most 10000"):
        practice.desk.accept(job_id, ANNA, "x" * 10_001)
    with pytest.raises(UsageError, match="backslash"):
        practice.desk.accept(job_id, Reviewer("Meyer^A\\na", "r", "o"))
    assert state(practice, job_id) == "pending"


# One decision


def test_of_two_at_once_one_decides_and_the_other_is_told_who_and_when(practice):
    job_id = practice.drafted()
    start = Barrier(2)

    def decide(act):
        start.wait()
        try:
            return act()
        except ReviewConflict as conflict:
            return conflict
        finally:
            practice.database.close()

    acts = [
        lambda: practice.desk.accept(job_id, ANNA, "Fine."),
        lambda: practice.desk.correct(job_id, [Change("level", "60")], BERT, "Not fine."),
    ]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(decide, acts))
    (conflict,) = [outcome for outcome in outcomes if isinstance(outcome, ReviewConflict)]
    (act,) = practice.desk.show(job_id).acts
    first = {"accepted": ANNA, "corrected": BERT}[act.act]
    assert act.reviewer == first
    assert f"job {job_id} was {act.act} by {first.name} ({first.role}, City Hospital) at " in str(conflict)
    assert len(practice.queue.list("report")) == 1
    assert len(practice.database.query("SELECT * FROM cases")) == 1


def test_a_second_decision_and_one_on_another_version_are_refused(practice):
    job_id = practice.drafted()
    with pytest.raises(ReviewConflict, match=r"nobody has decided .* is now version 1, you saw 2: look at it again"):
        practice.desk.accept(job_id, ANNA, "", version=2)
    practice.desk.accept(job_id, ANNA, "", version=1)
    for version in (None, 1, 2):
        with pytest.raises(ReviewConflict, match=r"was accepted by Meyer\^Anna \(radiologist, City Hospital\)"):
            practice.desk.reject(job_id, BERT, "No.", version)


def test_what_has_no_review_says_why(practice):
    plain = practice.drafted(asks=False)
    waiting = practice.put(options={"offset": 5.0})
    deliver = practice.queue.list("deliver")[0].id
    for job_id, told in (
        (plain, "nobody asked for a review of job 1"),
        (waiting, f"job {waiting} is waiting: it has no result to review"),
        (deliver, f"job {deliver} is a deliver job of job 1"),
        (99, "there is no job 99"),
    ):
        with pytest.raises(UsageError, match=told):
            practice.desk.accept(job_id, ANNA, "")
    practice.queue.cancel(waiting)
    with pytest.raises(UsageError, match="is cancelled: it has no result"):
        practice.desk.show(waiting)


def test_files_that_are_gone_are_told_before_anything_is_decided(practice):
    job_id = practice.drafted()
    source = practice.inbox.path_of(practice.image_uid)
    moved = source.rename(source.with_suffix(".away"))
    with pytest.raises(UsageError, match=r"1 of 1 instances .* no longer in the inbox.*send the series again"):
        practice.desk.accept(job_id, ANNA, "")
    moved.rename(source)
    (practice.outbox.folder / str(job_id) / "analysis.json").unlink()
    for act in (practice.desk.show, lambda job_id: practice.desk.accept(job_id, ANNA, "")):
        with pytest.raises(UsageError, match=r"analysis\.json"):
            act(job_id)
    assert practice.database.query("SELECT state FROM reviews")[0]["state"] == "pending"


# Revisions


def test_a_revision_that_is_done_supersedes_the_drafts_before_it(practice):
    first = practice.drafted()
    revision = practice.put(predecessor_id=first, revision=2, options={"offset": 1.0})
    assert practice.desk.show(first).revision_id == revision
    practice.work()
    assert state(practice, first) == "superseded"
    assert [waiting.analysis.id for waiting in practice.desk.pending()] == [revision]
    with pytest.raises(ReviewConflict, match=rf"job {first} is superseded: job {revision} analysed the series again"):
        practice.desk.accept(first, ANNA, "")
    third = practice.drafted(predecessor_id=revision, offset=2.0, asks=False)
    assert [state(practice, job_id) for job_id in (first, revision)] == ["superseded"] * 2
    assert practice.desk.show(revision).review.outcome_job_id == third


def test_a_revision_leaves_what_was_decided_and_fails_without_a_trace(practice):
    first = practice.drafted()
    practice.desk.accept(first, ANNA, "")
    practice.work()
    practice.drafted(predecessor_id=first, offset=1.0)
    assert state(practice, first) == "accepted"
    second = practice.drafted(offset=2.0)
    practice.put(predecessor_id=second, options={"offset": 3.0}, instances=("1.2.3.4",))  # not in the inbox
    practice.work()
    assert state(practice, second) == "pending"


def test_neither_patient_nor_what_a_person_writes_is_in_the_log(practice, caplog):
    caplog.set_level(logging.DEBUG)
    job_id = practice.drafted()
    practice.desk.correct(job_id, [Change("remark", "Odd shape")], ANNA, "Benign.")
    practice.work()
    told = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "a draft was corrected" in told
    for word in ("Meyer", "Benign", "Odd shape", "radiologist"):
        assert word not in told
