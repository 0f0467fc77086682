"""A number that was read from several lines names them all."""

from __future__ import annotations

from pydicom import dcmread

from dicom_node import codes
from dicom_node.encode import encode_result
from dicom_node.result import AnalysisResult, Measurement, Region, Shape


def test_each_line_is_inferred_from_in_order(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames()
    lines = tuple(Region(Shape.POLYLINE, ((x, 5), (x, 9)), frames[x]) for x in (1, 4))
    measured = Measurement(codes.DIAMETER, 0.8, codes.MILLIMETRE, inferred_from=lines)
    result = AnalysisResult({}, (make.group(frames, measurements=(measured,)),))
    report = dcmread(encode_result(result, info, [us_clip], job, tmp_path)[-1].path)
    (number,) = [item for item in _items(report) if item.ConceptNameCodeSequence[0].CodeValue == codes.DIAMETER.value]
    drawn = [item for item in number.ContentSequence if item.ValueType == "SCOORD"]
    assert [list(item.GraphicData) for item in drawn] == [[1.5, 5.5, 1.5, 9.5], [4.5, 5.5, 4.5, 9.5]]
    assert {item.RelationshipType for item in drawn} == {"INFERRED FROM"}
    seen = [item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber for item in drawn]
    assert seen == [frames[1].frame_number, frames[4].frame_number]


def _items(item):
    for child in item.get("ContentSequence") or []:
        yield child
        yield from _items(child)
