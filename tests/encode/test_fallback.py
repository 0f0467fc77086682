"""The same results for a peer that does not take every SOP class."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import dcmread

from dicom_node.config import Viewer
from dicom_node.encode import ObjectRef, adapt_to_peer, encode_result

SC = "1.2.840.10008.5.1.4.1.1.7"
SC_BYTE = "1.2.840.10008.5.1.4.1.1.7.2"
SC_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
ENHANCED, COMPREHENSIVE, COMPREHENSIVE_3D = (f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (22, 33, 34))
US = "1.2.840.10008.5.1.4.1.1.3.1"
EVERYTHING = {SC, SC_BYTE, SC_COLOUR, SEGMENTATION, KEY_OBJECTS, COMPREHENSIVE_3D, US}


@pytest.fixture
def objects(us_clip, info, job, tmp_path, make):
    (tmp_path / "made").mkdir()
    before = ObjectRef(dcmread(us_clip).StudyInstanceUID, "2.25.5", COMPREHENSIVE_3D, "2.25.6")
    job = replace(job, predecessor=(before,))
    return encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path / "made")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "adapted"
    path.mkdir()
    return path


def evidence(report):
    return {
        one.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def test_a_peer_that_takes_all_gets_what_was_made(objects, folder):
    adapted = adapt_to_peer(objects, EVERYTHING, folder)
    assert adapted.objects == tuple(objects)
    assert adapted.skipped == ()
    assert list(folder.iterdir()) == []


def test_an_older_peer_gets_the_same_in_its_own_classes(objects, folder):
    adapted = adapt_to_peer(objects, {SC, SC_BYTE, COMPREHENSIVE, ENHANCED}, folder)
    sent = {one.role: one for one in adapted.objects}
    assert {role: one.sop_class_uid for role, one in sent.items()} == {
        "density_picture": SC,
        "tracks_picture": SC,
        "density": SC,
        "decoupled": SC_BYTE,
        "report": COMPREHENSIVE,
    }
    assert [role for role, _ in adapted.skipped] == ["segmentation", "key_objects"]
    assert all("does not take" in reason for _, reason in adapted.skipped)
    made = {one.role: one for one in objects}
    derived = dcmread(sent["decoupled"].path)
    assert (derived.pixel_array == dcmread(made["decoupled"].path).pixel_array).all()
    assert "SequenceOfUltrasoundRegions" not in derived
    first = dcmread(sent["tracks_picture"].path)
    assert (first.pixel_array == dcmread(made["tracks_picture"].path).pixel_array[0]).all()
    assert first.SeriesDescription.endswith("(1 of 3)")
    report = dcmread(sent["report"].path)
    assert evidence(report) == {one.sop_instance_uid for one in adapted.objects[:-1]} | {
        dcmread(made["density"].path).SourceImageSequence[0].ReferencedSOPInstanceUID
    }
    assert report.SOPInstanceUID != made["report"].sop_instance_uid
    assert made["segmentation"].sop_instance_uid.encode() not in sent["report"].path.read_bytes()


def test_the_same_peer_gets_the_same_bytes_again(objects, folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    accepted = {SC, SC_BYTE, ENHANCED}
    one, two = adapt_to_peer(objects, accepted, folder), adapt_to_peer(objects, accepted, again)
    assert [a.path.read_bytes() for a in one.objects] == [b.path.read_bytes() for b in two.objects]


def test_a_report_that_loses_an_object_is_another_document(objects, folder):
    adapted = adapt_to_peer(objects, EVERYTHING - {SEGMENTATION}, folder)
    report = adapted.objects[-1]
    assert report.sop_class_uid == COMPREHENSIVE_3D
    assert report.sop_instance_uid != objects[-1].sop_instance_uid


def test_what_the_configuration_left_out_before_is_not_named(objects, folder):
    remaining = [one for one in objects if one.role != "density"]
    gone = next(one for one in objects if one.role == "density").sop_instance_uid
    adapted = adapt_to_peer(remaining, EVERYTHING, folder)
    assert gone not in evidence(dcmread(adapted.objects[-1].path))


def test_the_predecessor_is_named_as_this_peer_knows_it(objects, folder, us_clip, info, job, tmp_path, make):
    """A report without predecessor that is adapted alike has the name that its successor then gives it."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first_adapted").mkdir()
    accepted = {SC, SC_BYTE, ENHANCED}
    first = encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path / "first")
    as_sent = adapt_to_peer(first, accepted, tmp_path / "first_adapted").objects[-1]
    report = first[-1]
    ref = ObjectRef(dcmread(us_clip).StudyInstanceUID, report.series_uid, report.sop_class_uid, report.sop_instance_uid)
    later = replace(job, predecessor=(ref,), options={"levels": 6})
    (tmp_path / "second").mkdir()
    second = encode_result(make.full_result(make.clip_frames()), info, [us_clip], later, tmp_path / "second")
    adapted = dcmread(adapt_to_peer(second, accepted, folder).objects[-1].path)
    (series,) = adapted.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == as_sent.sop_instance_uid
    assert series.SeriesInstanceUID == as_sent.series_uid


@pytest.mark.parametrize("sent_as", [(COMPREHENSIVE_3D, "2.25.6"), (COMPREHENSIVE, "2.25.66")])
@pytest.mark.parametrize("accepted", [EVERYTHING, EVERYTHING - {SEGMENTATION}])
def test_the_predecessor_is_named_as_it_really_reached_this_peer(objects, folder, sent_as, accepted):
    """Its results may have been others: nothing to leave out where there is now, or the other way round."""
    report = adapt_to_peer(objects, accepted, folder, earlier={"2.25.6": sent_as}).objects[-1]
    (series,) = dcmread(report.path).PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == sent_as
    assert (series.SeriesInstanceUID == "2.25.5") == (sent_as[1] == "2.25.6")
    same = sent_as[1] == "2.25.6" and accepted is EVERYTHING
    assert (report.sop_instance_uid == objects[-1].sop_instance_uid) == same


def test_a_plane_orientation_for_ohif_only_where_it_is_asked_for(objects, folder):
    adapted = adapt_to_peer(objects, EVERYTHING, folder, Viewer.OHIF)
    one = next(one for one in adapted.objects if one.role == "segmentation")
    shared = dcmread(one.path).SharedFunctionalGroupsSequence[0]
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert one.sop_instance_uid != next(one for one in objects if one.role == "segmentation").sop_instance_uid
    assert one.sop_instance_uid in evidence(dcmread(adapted.objects[-1].path))
