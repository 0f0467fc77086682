"""What the worker makes of a decision, who gets it, and that a crash between the two loses nothing."""

from __future__ import annotations

import json
import shutil

import pytest
from pydicom.uid import EncapsulatedPDFStorage

from dicom_node.correction import Change
from dicom_node.deliver.ledger import Ledger
from dicom_node.review import Reviewer
from tests.review.conftest import ANNA


def predecessor(report) -> str:
    """SOP Instance UID that the report names in its Predecessor Documents Sequence; "" where it names none."""
    uids = [
        reference.ReferencedSOPInstanceUID
        for study in report.get("PredecessorDocumentsSequence", ())
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]
    assert len(uids) <= 1
    return str(uids[0]) if uids else ""


def numbers(item, code: str) -> list[float]:
    """The numbers of that concept anywhere in a report."""
    here = item.get("ValueType") == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == code
    found = [float(item.MeasuredValueSequence[0].NumericValue)] if here else []
    return found + [number for inner in item.get("ContentSequence", ()) for number in numbers(inner, code)]


def texts(item) -> str:
    """All text of a report."""
    return " | ".join([str(item.get("TextValue", "")), *(texts(inner) for inner in item.get("ContentSequence", ()))])


def test_a_corrected_draft_becomes_a_final_report_by_its_reviewer_and_a_pdf(practice):
    job_id = practice.drafted()
    practice.clock.advance(60.0)
    practice.desk.correct(job_id, [Change("level", "60")], ANNA, "Middle, surely.")
    practice.work()
    job = practice.report_job(job_id)
    assert (job.state, practice.roles(job.id)) == ("done", ["pdf", "report"])
    report, draft = practice.object(job.id, "report"), practice.object(job_id, "report")
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == ("VERIFIED", "COMPLETE", "FINAL")
    (observer,) = report.VerifyingObserverSequence
    assert (observer.VerifyingObserverName, observer.VerifyingOrganization) == ("Meyer^Anna", "City Hospital")
    assert predecessor(report) == draft.SOPInstanceUID
    assert (numbers(draft, "DOUBLED"), numbers(report, "DOUBLED")) == ([pytest.approx(265.295390625)], [120.0])
    for told in ("Middle, surely.", "all pixels: Mean pixel value: from 132.6476953 ", "follows from level"):
        assert told in texts(report)
    assert "Requires review" in texts(draft)
    assert "Requires review" not in texts(report)
    assert practice.object(job.id, "pdf").SOPClassUID == EncapsulatedPDFStorage
    assert report.PatientID == draft.PatientID
    told = json.loads((practice.outbox.folder / str(job.id) / "result.json").read_text())
    assert told["summary"] == {"level": 60.0, "doubled": 120.0, "grade": "Middle", "line_mm": 2.0}
    assert told["review"]["reviewer"]["name"] == "Meyer^Anna"
    assert [change["key"] for change in told["review"]["changes"]] == ["level", "doubled", "grade"]
    assert {entry["role"] for entry in told["objects"]} == {"pdf", "report"}
    assert told["models"] == [{"name": "grades", "version": "3", "sha256": "ab" * 32}]


def test_an_accepted_draft_is_said_by_a_person_with_the_same_numbers(practice):
    job_id = practice.drafted(required="always", asks=False)
    reviewer = Reviewer("Müller^Änne=ミュラー^アンネ", "Kardiologin", "Städtische Klinik")
    practice.desk.accept(job_id, reviewer, "Zeile eins.\nZeile zwei: Δ ≥ 3.")
    practice.work()
    report = practice.object(practice.report_job(job_id).id, "report")
    assert "Zeile eins.\nZeile zwei: Δ ≥ 3." in texts(report).replace("\r\n", "\n")
    assert numbers(report, "MEAN") == numbers(practice.object(job_id, "report"), "MEAN")
    assert report.VerifyingObserverSequence[0].VerifyingObserverName == "Müller^Änne=ミュラー^アンネ"


def test_documents_go_to_the_peers_of_the_analysis_also_to_those_that_came_later(practice):
    job_id = practice.drafted()
    practice.desk.accept(job_id, ANNA)
    share(practice, job_id, "second")
    assert sorted(practice.deliveries(job_id)) == ["archive", "second"]
    practice.work()
    job = practice.report_job(job_id)
    assert sorted(practice.deliveries(job.id)) == ["archive", "second"]
    share(practice, job_id, "third")
    assert sorted(practice.deliveries(job_id)) == sorted(practice.deliveries(job.id)) == ["archive", "second", "third"]


def share(practice, job_id: int, peer: str) -> None:
    """A rule of later days sends the same work to another peer."""
    work = practice.queue.get(job_id).work
    with practice.database.transaction() as connection:
        practice.queue.share(connection, type(work)(**{**fields_of(work), "send_to": (peer,)}))


def fields_of(work) -> dict:
    return {name: getattr(work, name) for name in type(work).__dataclass_fields__}


def test_a_held_draft_goes_out_whole_once_it_is_confirmed_and_names_nothing_that_nobody_has(practice):
    job_id = practice.drafted(draft="hold")
    share(practice, job_id, "second")
    assert practice.deliveries(job_id) == []
    practice.desk.accept(job_id, ANNA)
    practice.work()
    job = practice.report_job(job_id)
    assert sorted(practice.roles(job.id)) == ["mean_grey", "pdf", "report"]
    assert sorted(practice.deliveries(job.id)) == ["archive", "second"]
    assert predecessor(practice.object(job.id, "report")) == ""
    mine = {row.sop_instance_uid for row in practice.queue.results(job.id)}
    assert mine.isdisjoint(row.sop_instance_uid for row in practice.queue.results(job_id))
    share(practice, job_id, "third")
    assert practice.deliveries(job_id) == []


def test_a_rejected_draft_is_named_by_a_key_object(practice):
    job_id = practice.drafted()
    practice.desk.reject(job_id, ANNA, "Not this patient.")
    practice.work()
    job = practice.report_job(job_id)
    assert (practice.roles(job.id), practice.deliveries(job.id)) == (["rejection"], ["archive"])
    rejection = practice.object(job.id, "rejection")
    title = rejection.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113001", "DCM")
    named = {
        reference.ReferencedSOPInstanceUID
        for study in rejection.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    assert {row.sop_instance_uid for row in practice.queue.results(job_id)} <= named
    assert "Not this patient." in texts(rejection)


def test_a_revision_replaces_the_verified_report_and_skips_a_held_draft(practice):
    first = practice.drafted()
    practice.desk.accept(first, ANNA)
    practice.work()
    verified = practice.object(practice.report_job(first).id, "report")
    second = practice.drafted(predecessor_id=first, offset=1.0, draft="hold")
    assert predecessor(practice.object(second, "report")) == verified.SOPInstanceUID
    third = practice.drafted(predecessor_id=second, offset=2.0, draft="hold")
    assert predecessor(practice.object(third, "report")) == verified.SOPInstanceUID
    practice.desk.accept(third, ANNA)
    practice.work()
    last = practice.object(practice.report_job(third).id, "report")
    assert predecessor(last) == verified.SOPInstanceUID


def test_a_peer_is_told_of_earlier_objects_by_the_names_that_it_has_them_by(practice):
    """Those of the draft for its verified report, and that report for the draft of the next revision."""

    def deliver(job_id: int) -> dict[str, tuple[str, str]]:
        """As a peer that takes the report rewritten, under another UID, and the rest as it is."""
        (job,) = practice.queue.list("deliver", parent_id=job_id)
        ledger = Ledger(practice.database, job.id, practice.clock)
        told = ledger.earlier_objects()
        with practice.database.transaction() as connection:
            connection.execute("UPDATE deliveries SET state = 'delivered' WHERE job_id = ?", (job.id,))
            connection.execute(
                "UPDATE deliveries SET sop_instance_uid = '9.' || ?, sop_class_uid = '88.33' "
                "WHERE job_id = ? AND role = 'report'",
                (job_id, job.id),
            )
        again = ledger.earlier_objects()
        assert again == told  # a retry does not take its own objects for earlier ones
        return told

    first = practice.drafted()
    assert deliver(first) == {}
    practice.desk.accept(first, ANNA)
    practice.work()
    verified = practice.report_job(first).id
    told = deliver(verified)
    made = {row.role: row.sop_instance_uid for row in practice.queue.results(first)}
    assert {uid: name for uid, (_, name) in told.items()} == {
        made["report"]: f"9.{first}",
        made["mean_grey"]: made["mean_grey"],
    }
    second = practice.drafted(predecessor_id=first, offset=1.0)
    made |= {f"verified {row.role}": row.sop_instance_uid for row in practice.queue.results(verified)}
    assert {uid: name for uid, (_, name) in deliver(second).items()} == {
        made["report"]: f"9.{first}",
        made["mean_grey"]: made["mean_grey"],
        made["verified report"]: f"9.{verified}",
        made["verified pdf"]: made["verified pdf"],
    }


def test_a_revision_waits_for_the_documents_of_the_one_before_and_so_does_each_delivery(practice):
    first = practice.drafted()
    practice.desk.accept(first, ANNA)
    revision = practice.put(predecessor_id=first, options={"offset": 1.0})
    assert practice.queue.claim("analyse") is None
    practice.work()
    verified = practice.report_job(first).id
    assert practice.queue.get(revision).state == "done"
    assert len(practice.queue.list("deliver", ("waiting",))) == 3
    claimed = []
    while job := practice.queue.claim("deliver", "archive"):
        claimed.append(job.parent_id)
        assert practice.queue.claim("deliver", "archive") is None  # while that is on its way
        practice.queue.finish(job)
    assert claimed == [first, verified, revision]


def test_what_cannot_be_made_fails_with_the_reason_and_can_be_retried(practice):
    job_id = practice.drafted()
    practice.desk.accept(job_id, ANNA)
    folder = practice.outbox.folder / str(job_id)
    kept = shutil.move(folder / "made_by.json", folder / "away")
    practice.work()
    job = practice.report_job(job_id)
    assert job.state == "failed"
    assert "made_by.json is gone" in job.error
    shutil.move(kept, folder / "made_by.json")
    practice.queue.retry(job.id)
    practice.work()
    assert practice.report_job(job_id).state == "done"


def test_what_a_killed_worker_left_half_made_is_made_again_and_recorded_once(practice):
    """The act is committed with its job: whoever comes next makes the documents, under the same UIDs."""
    job_id = practice.drafted()
    practice.desk.correct(job_id, [Change("level", "60")], ANNA)
    claimed = practice.queue.claim("report", lease_s=0.0)  # and its worker is killed
    staged = practice.outbox.stage(claimed.id, claimed.worker)
    (staged / "report.dcm").write_text("half")
    assert practice.queue.release_all_running() == 1
    practice.outbox.clear_staging()
    practice.work()
    job = practice.report_job(job_id)
    assert (job.state, job.attempts, practice.roles(job.id)) == ("done", 2, ["pdf", "report"])
    assert len(practice.deliveries(job.id)) == 1


def test_a_report_goes_before_analyses_that_wait(practice):
    job_id = practice.drafted()
    waiting = practice.put(options={"offset": 9.0})
    practice.desk.accept(job_id, ANNA)
    assert practice.worker.do_next()
    assert practice.report_job(job_id).state == "done"
    assert practice.queue.get(waiting).state == "waiting"
