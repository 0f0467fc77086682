"""What follows from a person's act: the verified report, its PDF, the rejection."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydicom import dcmread

from dicom_node import codes
from dicom_node.encode import (
    ChangedValue,
    Draft,
    ObjectRef,
    Outcome,
    Verification,
    adapt_to_peer,
    encode_rejection,
    encode_result,
    encode_verified,
)
from dicom_node.encode.uids import ResultUids
from dicom_node.result import Measurement, Region, Shape

LENGTH = codes.Code("410668003", "SCT", "Length")
STATEMENT = "Synthetic, not a measurement."
COMPREHENSIVE, KEY_OBJECTS = (f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (33, 59))
AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
ACCEPTED = Verification("Meyer^Anna^^Dr.", "Radiologist", "City Hospital", AT, Outcome.ACCEPTED, "Nothing suspicious.")
CORRECTED = replace(
    ACCEPTED, outcome=Outcome.CORRECTED, changes=(ChangedValue("Length", "8 mm", "9.5 mm", "follows from Line"),)
)
REJECTED = replace(ACCEPTED, outcome=Outcome.REJECTED, conclusion="The probe was turned.")


@pytest.fixture
def result_of(make):
    """A function: row and length of a line -> a result with one of each kind, which a person has to look at."""

    def build(row, length_mm):
        frames = make.clip_frames()
        line = Region(Shape.POLYLINE, ((20, row), (60, row)), frames[2])
        group = make.group(frames, measurements=(Measurement(LENGTH, length_mm, codes.MILLIMETRE, inferred_from=line),))
        return make.full_result(frames, groups=(group,), statements=(STATEMENT,), requires_review=True)

    return build


@pytest.fixture
def drafted(us_clip, info, job, tmp_path, result_of):
    """What was drafted, and sent."""
    (tmp_path / "draft").mkdir()
    result = result_of(20, 8.0)
    return Draft(result, encode_result(result, info, [us_clip], job, tmp_path / "draft"), sent=True)


@pytest.fixture
def verify(us_clip, info, job, tmp_path, drafted):
    """A function: result, act, draft -> objects by role, in a folder of their own."""

    def run(result, act, draft=drafted, name="verified"):
        folder = tmp_path / name
        folder.mkdir()
        acted = replace(job, content_time=act.at, verification=act)
        return {one.role: one for one in encode_verified(result, info, [us_clip], acted, draft, folder)}

    return run


@pytest.fixture
def reject(us_clip, info, job, tmp_path, drafted):
    """A function: draft -> the objects of its rejection."""

    def run(draft=drafted):
        (tmp_path / "rejected").mkdir()
        return encode_rejection(info, [us_clip], replace(job, verification=REJECTED), draft, tmp_path / "rejected")

    return run


def items(dataset):
    for child in dataset.get("ContentSequence") or []:
        yield child
        yield from items(child)


def named(dataset, code):
    return [item for item in items(dataset) if item.ConceptNameCodeSequence[0].CodeValue == code]


def listed(sequence):
    return {
        reference.ReferencedSOPInstanceUID
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }


def test_a_verified_report_says_who_when_what_and_of_which_draft(verify, drafted, result_of):
    made = verify(result_of(30, 9.5), CORRECTED)
    report = dcmread(made["report"].path)
    assert (report.VerificationFlag, report.CompletionFlag, report.PreliminaryFlag) == ("VERIFIED", "COMPLETE", "FINAL")
    (observer,) = report.VerifyingObserverSequence
    assert observer.VerifyingObserverName == "Meyer^Anna^^Dr."
    assert observer.VerifyingOrganization == "City Hospital"
    assert observer.VerificationDateTime == "20260301123005+0000"
    draft_report = drafted.objects[-1]
    (series,) = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.SeriesInstanceUID == draft_report.series_uid
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == draft_report.sop_instance_uid
    assert named(report, "121008")[0].PersonName == "Meyer^Anna^^Dr."
    (role,) = named(report, "121011")
    assert role.ConceptCodeSequence[0].CodeValue == "121098"
    assert [item.TextValue for item in named(report, "121077")] == ["Nothing suspicious."]
    assert [item.TextValue for item in named(report, "CHANGE")] == ["Length: from 8 mm to 9.5 mm (follows from Line)."]
    assert float(named(report, "410668003")[0].MeasuredValueSequence[0].NumericValue) == 9.5
    said = [item.get("TextValue") for item in items(report)]
    assert "Requires review by a person before use." not in said
    assert any("Radiologist, City Hospital" in (text or "") for text in said)


def test_objects_of_a_sent_draft_stay_and_are_referred_to(verify, drafted):
    made = verify(drafted.result, ACCEPTED)
    assert list(made) == ["pdf", "report"]
    report = dcmread(made["report"].path)
    staying = {one.sop_instance_uid for one in drafted.objects[:-1]}
    assert staying | {made["pdf"].sop_instance_uid} < listed(report.CurrentRequestedProcedureEvidenceSequence)
    assert {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in named(report, "DRAFT")} == staying
    assert {one.series_uid for one in made.values()}.isdisjoint(one.series_uid for one in drafted.objects)
    assert "CHANGE" not in {item.ConceptNameCodeSequence[0].CodeValue for item in items(report)}


def test_of_a_draft_held_back_everything_is_sent_now(verify, drafted, result_of):
    made = verify(result_of(30, 9.5), CORRECTED, replace(drafted, sent=False))
    assert set(made) == {one.role for one in drafted.objects} | {"pdf"}
    assert {one.sop_instance_uid for one in made.values()}.isdisjoint(one.sop_instance_uid for one in drafted.objects)
    report = dcmread(made["report"].path)
    assert "PredecessorDocumentsSequence" not in report
    assert drafted.objects[-1].sop_instance_uid.encode() not in made["report"].path.read_bytes()
    picture = dcmread(made["density_picture"].path, stop_before_pixels=True)
    assert "Drawn before a person corrected the result" in picture.ImageComments


def test_the_same_act_gives_the_same_bytes_and_the_same_tracked_things(verify, drafted):
    first = verify(drafted.result, ACCEPTED)
    again = verify(drafted.result, ACCEPTED, name="again")
    assert [one.path.read_bytes() for one in first.values()] == [one.path.read_bytes() for one in again.values()]
    groups = [named(dcmread(one.path), "112040")[0].UID for one in (drafted.objects[-1], first["report"])]
    assert groups[0] == groups[1]


def test_times_of_an_act_are_told_on_the_clock_of_the_source(us_clip, verify, drafted):
    ds = dcmread(us_clip)
    ds.TimezoneOffsetFromUTC = "-0430"
    ds.save_as(us_clip)
    (observer,) = dcmread(verify(drafted.result, ACCEPTED)["report"].path).VerifyingObserverSequence
    assert observer.VerificationDateTime == "20260301080005-0430"


def test_a_rejection_names_every_object_of_the_draft(reject, drafted):
    (rejection,) = reject()
    document = dcmread(rejection.path)
    assert (rejection.role, rejection.sop_class_uid) == ("rejection", KEY_OBJECTS)
    title = document.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113001", "DCM")
    uids = {one.sop_instance_uid for one in drafted.objects}
    assert listed(document.CurrentRequestedProcedureEvidenceSequence) == uids
    references = [item for item in items(document) if "ReferencedSOPSequence" in item]
    assert {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in references} == uids
    assert {item.ValueType for item in references} == {"IMAGE", "COMPOSITE"}
    (words,) = named(document, "113012")
    assert words.TextValue.startswith(STATEMENT)
    assert words.TextValue.endswith("The probe was turned.")


def test_what_nobody_got_needs_no_rejection(reject, drafted):
    assert reject(replace(drafted, sent=False)) == ()


def test_an_act_of_the_wrong_kind_is_refused(verify, drafted):
    with pytest.raises(ValueError, match="needs a verification with outcome accepted or corrected; it has rejected"):
        verify(drafted.result, REJECTED)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"observer_name": "^^"}, "names its observer"),
        ({"observer_name": "A^B^C^D^E^F"}, "Family"),
        ({"observer_name": "Meyer\\Anna"}, "no backslash"),
        ({"organisation": " "}, "the organisation that the observer answers to"),
        ({"organisation": "x" * 65}, "at most 64"),
        ({"at": datetime(2026, 3, 1)}, "time zone"),
        ({"outcome": Outcome.CORRECTED}, "0 changes"),
        ({"changes": CORRECTED.changes}, "1 changes"),
    ],
)
def test_a_verification_that_no_report_could_tell_is_refused_at_once(change, why):
    with pytest.raises(ValueError, match=why):
        replace(ACCEPTED, **change)


def test_a_peer_hears_of_the_draft_by_the_names_that_it_knows(verify, reject, drafted, tmp_path):
    """It took the report as Comprehensive SR, under another UID, and never got the segmentation."""
    by_role = {one.role: one for one in drafted.objects}
    earlier = {one.sop_instance_uid: (one.sop_class_uid, one.sop_instance_uid) for one in drafted.objects}
    earlier[by_role["report"].sop_instance_uid] = (COMPREHENSIVE, "2.25.33")
    earlier[by_role["segmentation"].sop_instance_uid] = ("", "")
    (tmp_path / "peer").mkdir()
    objects = [*verify(drafted.result, ACCEPTED).values()]
    sent = adapt_to_peer(objects, {COMPREHENSIVE}, tmp_path / "peer", earlier=earlier)
    assert [role for role, _ in sent.skipped] == ["pdf"]
    report = dcmread(sent.objects[-1].path)
    assert listed(report.PredecessorDocumentsSequence) == {"2.25.33"}
    evidence = listed(report.CurrentRequestedProcedureEvidenceSequence)
    assert by_role["segmentation"].sop_instance_uid not in evidence
    assert by_role["density"].sop_instance_uid in evidence
    (rejection,) = adapt_to_peer(reject(), {KEY_OBJECTS}, tmp_path / "peer", earlier=earlier).objects
    named_there = listed(dcmread(rejection.path).CurrentRequestedProcedureEvidenceSequence)
    kept = {one.sop_instance_uid for role, one in by_role.items() if role not in ("report", "segmentation")}
    assert named_there == kept | {"2.25.33"}


def test_a_peer_that_has_nothing_of_the_draft_gets_no_rejection(reject, drafted, tmp_path):
    earlier = dict.fromkeys((one.sop_instance_uid for one in drafted.objects), ("", ""))
    adapted = adapt_to_peer(reject(), {KEY_OBJECTS}, tmp_path, earlier=earlier)
    assert adapted.objects == ()
    assert adapted.skipped == (("rejection", "the peer has none of the objects that it names"),)


def test_judges_accept_all_of_it(us_clip, verify, reject, drafted, result_of, judged):
    made = [*verify(result_of(30, 9.5), CORRECTED).values(), *reject()]
    assert [error for one in made for error in judged("/usr/bin/dciodvfy", one.path)] == []
    paths = [one.path for one in (*drafted.objects, *made)]
    assert judged("/usr/bin/dcentvfy", *paths, us_clip) == []
    held = verify(result_of(30, 9.5), CORRECTED, replace(drafted, sent=False), name="held")
    assert [error for one in held.values() for error in judged("/usr/bin/dciodvfy", one.path)] == []


def test_nothing_of_the_patient_is_logged(verify, drafted, caplog):
    with caplog.at_level(logging.DEBUG):
        verify(drafted.result, ACCEPTED)
    assert "4711" not in caplog.text
    assert "ller" not in caplog.text


def test_uids_depend_on_the_act_and_not_on_its_clock(info, job):
    def uid(act, draft_uid="2.25.6"):
        acted = replace(job, verification=act, predecessor=(ObjectRef("1.2", "2.25.5", COMPREHENSIVE, draft_uid),))
        return ResultUids.of(info, acted, "1.2", ["1.2.3"], ["1.2.3.4"]).instance("report", COMPREHENSIVE)

    same = uid(ACCEPTED)
    assert uid(replace(ACCEPTED, at=AT.astimezone(timezone(timedelta(hours=9))))) == same
    others = [
        uid(None),
        uid(ACCEPTED, "2.25.7"),
        uid(CORRECTED),
        uid(replace(CORRECTED, changes=(ChangedValue("Length", "8 mm", "9.6 mm"),))),
        uid(replace(ACCEPTED, at=AT + timedelta(seconds=1))),
        uid(replace(ACCEPTED, observer_name="Weber^Paul")),
        uid(replace(ACCEPTED, conclusion="Suspicious.")),
    ]
    assert len({same, *others}) == 1 + len(others)
