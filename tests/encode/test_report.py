"""The root report: what it says, what it refers to, and coordinates by hand."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread

from dicom_node import codes
from dicom_node.algorithm import ModelInfo
from dicom_node.encode import ObjectRef, encode_result
from dicom_node.encode.content import graphic_data
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult, Measurement, Region, Shape

LENGTH = codes.Code("410668003", "SCT", "Length")


def report_of(result, info, job, paths, folder):
    objects = encode_result(result, info, paths, job, folder)
    assert objects[-1].role == "report"
    return dcmread(objects[-1].path), objects


def items_of(item, value_type):
    for child in item.get("ContentSequence") or []:
        if child.ValueType == value_type:
            yield child
        yield from items_of(child, value_type)


def texts_of(report):
    return [item.TextValue for item in items_of(report, "TEXT")]


def test_the_centre_of_the_first_pixel_is_half_a_pixel_in_and_polygons_are_closed(make):
    triangle = Region(Shape.POLYGON, ((0, 0), (4, 0), (4, 2.25)), make.clip_frames()[0])
    shape, points = graphic_data(triangle)
    assert shape == "POLYLINE"
    np.testing.assert_array_equal(points, [[0.5, 0.5], [4.5, 0.5], [4.5, 2.75], [0.5, 0.5]])


def test_a_region_makes_a_planar_group_on_its_frame(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames()
    region = Region(Shape.POLYGON, ((10, 20), (14, 20), (14, 24)), frames[2])
    result = AnalysisResult(summary={}, groups=(make.group(frames, region=region),))
    report, objects = report_of(result, info, job, [us_clip], tmp_path)
    (group,) = srread(objects[-1].path).content.get_planar_roi_measurement_groups()
    assert group.roi.GraphicType == "POLYLINE"
    assert list(group.roi.GraphicData) == [10.5, 20.5, 14.5, 20.5, 14.5, 24.5, 10.5, 20.5]
    assert group.roi.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == 3
    assert group.get_measurements()[0].value == 42
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.34"


def test_a_line_is_what_its_number_is_inferred_from(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames()
    line = Region(Shape.POLYLINE, ((3, 5), (3, 9)), frames[5])
    measured = Measurement(LENGTH, 0.8, codes.MILLIMETRE, method=codes.DIRECTLY_MEASURED, inferred_from=line)
    report, _ = report_of(
        AnalysisResult(summary={}, groups=(make.group(frames, measurements=(measured,)),)),
        info,
        job,
        [us_clip],
        tmp_path,
    )
    (number,) = [item for item in items_of(report, "NUM") if item.ConceptNameCodeSequence[0].CodeValue == "410668003"]
    (scoord,) = items_of(number, "SCOORD")
    assert scoord.RelationshipType == "INFERRED FROM"
    assert list(scoord.GraphicData) == [3.5, 5.5, 3.5, 9.5]
    assert float(number.MeasuredValueSequence[0].NumericValue) == 0.8
    (method,) = items_of(number, "CODE")
    assert method.RelationshipType == "HAS CONCEPT MOD"


@pytest.mark.parametrize("measurements", [(), None])
def test_a_group_without_a_place_owns_the_outline_of_its_frame(us_clip, info, job, tmp_path, make, measurements):
    parts = {} if measurements is None else {"measurements": measurements}
    result = AnalysisResult(summary={}, groups=(make.group(make.clip_frames(), **parts),))
    report, _ = report_of(result, info, job, [us_clip], tmp_path)
    (scoord,) = items_of(report, "SCOORD")
    assert list(scoord.GraphicData) == [0, 0, 80, 0, 80, 60, 0, 60, 0, 0]


def test_nothing_found_is_an_answer(us_clip, info, job, tmp_path):
    result = AnalysisResult(summary={}, nothing_found="Looked for bubbles on 6 frames.")
    report, objects = report_of(result, info, job, [us_clip], tmp_path)
    numbers = {
        item.ConceptNameCodeSequence[0].CodeValue: float(item.MeasuredValueSequence[0].NumericValue)
        for item in items_of(report, "NUM")
    }
    assert numbers["FRAMES_EXAMINED"] == 6
    assert numbers["FINDING_COUNT"] == 0
    assert "Looked for bubbles on 6 frames." in texts_of(report)
    assert [one.role for one in objects] == ["summary", "report"]


def test_the_report_refers_to_every_other_object_and_source(us_clip, info, job, tmp_path, make):
    report, objects = report_of(make.full_result(make.clip_frames()), info, job, [us_clip], tmp_path)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    named = {
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert named == {one.sop_instance_uid for one in objects[:-1]} | {dcmread(us_clip).SOPInstanceUID}
    in_tree = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for kind in ("IMAGE", "COMPOSITE")
        for item in items_of(report, kind)
    }
    assert named == in_tree


def test_algorithm_models_options_and_remarks_are_said(us_clip, info, job, tmp_path, make):
    empty = make.segment(make.clip_frames()[1:2])
    empty.masks.array[:] = False
    result = replace(make.full_result(make.clip_frames()), requires_review=True, segments=(empty,))
    report, objects = report_of(result, info, job, [us_clip], tmp_path)
    said = texts_of(report)
    assert "threshold=otsu" in said
    assert f"model net 3, sha256 {'ab' * 32}" in said
    assert "threshold 0.31 (Otsu)" in said
    assert "Requires review by a person before use." in said
    assert any("'Bubbles' marks no pixel" in text for text in said)
    assert any("contrast ultrasound" in text and "no instance for 10 s" in text for text in said)
    assert "segmentation" not in {one.role for one in objects}
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


def test_a_model_of_simulated_images_is_named_in_every_object(us_clip, info, job, tmp_path, make):
    info = replace(info, models=(ModelInfo("net", "3", "ab" * 32, simulated_only=True),))
    for one in encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path):
        assert b"trained on simulated images only" in one.path.read_bytes(), one.role


def test_a_revision_names_its_predecessor(us_clip, info, job, tmp_path, make):
    study = dcmread(us_clip).StudyInstanceUID
    before = ObjectRef(study, "2.25.5", "1.2.840.10008.5.1.4.1.1.88.34", "2.25.6")
    result = AnalysisResult(summary={}, groups=(make.group(make.clip_frames()),))
    report, _ = report_of(result, info, replace(job, predecessor=(before,)), [us_clip], tmp_path)
    (series,) = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "2.25.5"
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.6"


def test_points_lie_on_the_picture(us_clip, info, job, tmp_path, make):
    """80 columns, 60 rows: (79.5, 59.5) is its lower right corner; (20, 70) is what swapped coordinates give."""
    frames = make.clip_frames()
    for inside, points in ((True, ((-0.5, -0.5), (79.5, 59.5))), (False, ((20, 70), (20, 75)))):
        line = Region(Shape.POLYLINE, points, frames[0])
        measured = (Measurement(LENGTH, 1.0, codes.MILLIMETRE, inferred_from=line),)
        result = AnalysisResult(summary={}, groups=(make.group(frames, measurements=measured),))
        with nullcontext() if inside else pytest.raises(InvalidResult, match="outside of the 80 columns x 60 rows"):
            encode_result(result, info, [us_clip], job, tmp_path)


def test_a_frame_that_is_no_source_is_refused(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames(7)  # the clip has 6
    with pytest.raises(InvalidResult, match=r"frame 7 .* which has 6"):
        encode_result(AnalysisResult(summary={}, groups=(make.group(frames),)), info, [us_clip], job, tmp_path)
    foreign = AnalysisResult(summary={}, groups=(make.group(make.stack_frames()),))
    with pytest.raises(InvalidResult, match="not among the 1 sources"):
        encode_result(foreign, info, [us_clip], job, tmp_path)
