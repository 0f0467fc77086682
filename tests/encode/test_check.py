"""The judge before the outbox: each kind of fault is found, and named."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement

from dicom_node.encode import encode_result
from dicom_node.encode.check import Expectation, check_objects
from dicom_node.encode.source import read_sources
from dicom_node.errors import InvalidResult

STATEMENT = "Synthetic, not a measurement."


@pytest.fixture
def made(us_clip, info, job, tmp_path, make):
    """The objects of a result that passed, by role, and what they must agree with."""
    result = make.full_result(make.clip_frames(), statements=(STATEMENT,))
    objects = encode_result(result, info, [us_clip], job, tmp_path)
    return {one.role: one for one in objects}, Expectation.of(read_sources([us_clip]), (), (STATEMENT,))


def spoil(one, how):
    with disable_value_validation():
        dataset = dcmread(one.path)
        how(dataset)
        dataset.save_as(one.path)


def put(keyword, value, *path):
    """Sets an attribute, in the first item of each sequence of ``path``."""

    def change(ds):
        for sequence in path:
            ds = ds[sequence].value[0]
        setattr(ds, keyword, value)

    return change


def drop(keyword):
    return lambda ds: delattr(ds, keyword)


def in_another_vr(keyword, vr):
    def change(ds):
        ds[keyword] = DataElement(ds[keyword].tag, vr, ds[keyword].value)

    return change


def pixels(change):
    return lambda ds: setattr(ds, "PixelData", change(ds.PixelData))


def forget_a_source(ds):
    series = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence = series[1:]


def say_nothing(ds):
    for item in ds.ContentSequence:
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Qualitative Evaluations":
            item.ContentSequence = [one for one in item.ContentSequence if one.get("TextValue") != STATEMENT]


def untrack(ds):
    group = next(item for item in ds.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "126010")
    group = group.ContentSequence[0]
    group.ContentSequence = [one for one in group.ContentSequence if one.ValueType != "UIDREF"]


@pytest.mark.parametrize(
    ("role", "how", "fault"),
    [
        ("density_picture", put("PatientID", "4712"), "PatientID is not that of the sources"),
        ("report", put("PatientName", "Somebody^Else"), "PatientName is not that of the sources"),
        ("density", put("StudyInstanceUID", "1.2.3"), "StudyInstanceUID is not that of the sources"),
        ("density", put("SOPInstanceUID", "1.2.3"), "not those that were promised"),
        ("density_picture", drop("ConversionType"), r"ConversionType is absent \(type 1\)"),
        ("decoupled", drop("InstanceNumber"), r"InstanceNumber is absent \(type 2\)"),
        ("segmentation", put("SegmentSequence", []), r"SegmentSequence is empty \(type 1\)"),
        ("density_picture", put("ContentDate", "2026-03-01"), "ContentDate has a value that VR DA does not allow"),
        ("density", put("RescaleSlope", "nan"), "RescaleSlope"),
        (
            "density",
            put("RealWorldValueSlope", math.nan, "RealWorldValueMappingSequence"),
            "RealWorldValueMappingSequence.RealWorldValueSlope is not a finite number",
        ),
        ("density", in_another_vr("Rows", "UL"), "Rows has VR UL; US is needed"),
        ("density", in_another_vr("SeriesDescription", "LT"), "SeriesDescription has VR LT; LO is needed"),
        ("density_picture", put("Rows", 30), "pixel data have"),
        ("density", pixels(lambda data: data[:-2]), "pixel data have"),
        ("decoupled", pixels(lambda data: data + bytes(2)), "pixel data have"),
        ("density", put("PhotometricInterpretation", "RGB"), "1 samples per pixel do not make RGB"),
        ("density", put("HighBit", 7), "bits allocated, stored and high"),
        ("density", put("WindowWidth", "0.5"), "WindowWidth is less than 1"),
        ("density", put("PixelSpacing", ["0.1", "0"]), "PixelSpacing is not greater than 0"),
        ("decoupled", drop("FrameTime"), "FrameIncrementPointer leads to an attribute that is absent"),
        ("decoupled", put("FrameTime", "0"), "FrameTime is not greater than 0"),
        (
            "decoupled",
            put("RegionLocationMaxX1", 24, "SequenceOfUltrasoundRegions"),
            "region lies outside of the picture",
        ),
        (
            "segmentation",
            put("ReferencedSegmentNumber", 2, "PerFrameFunctionalGroupsSequence", "SegmentIdentificationSequence"),
            "frame 1 belongs to a segment that is not described",
        ),
        (
            "segmentation",
            put("DimensionIndexValues", [1, 1, 1], "PerFrameFunctionalGroupsSequence", "FrameContentSequence"),
            "frame 1 has no value for each of the 2 dimensions",
        ),
        ("segmentation", put("NumberOfFrames", 4), "pixel data have"),
        ("segmentation", put("ReferencedSeriesSequence", []), "ReferencedSeriesSequence lacks 1 of the objects"),
        ("density", put("ReferencedSOPInstanceUID", "1.2.3", "SourceImageSequence"), "neither a source nor another"),
        (
            "density",
            put("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.4", "SourceImageSequence"),
            "not the SOP class",
        ),
        ("density", put("ReferencedFrameNumber", 7, "SourceImageSequence"), "beyond the 6 frames"),
        ("density", drop("ImageComments"), "does not say 'Synthetic, not a measurement.'"),
        ("report", say_nothing, "does not say 'Synthetic, not a measurement.'"),
        ("report", forget_a_source, "lacks 1 of the objects that ContentSequence refers to"),
        ("report", untrack, "no Tracking Unique Identifier"),
    ],
)
def test_a_fault_is_named_without_naming_the_patient(made, role, how, fault):
    objects, expected = made
    spoil(objects[role], how)
    with pytest.raises(InvalidResult, match=fault) as caught:
        check_objects(list(objects.values()), expected)
    assert str(caught.value).startswith(f"{role} (")
    assert not any(value in str(caught.value) for value in ("4711", "4712", "Somebody", "Müller"))


def test_a_truncated_file_is_found(made):
    objects, expected = made
    path = objects["decoupled"].path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidResult, match=r"decoupled .* ends at byte"):
        check_objects(list(objects.values()), expected)


def test_a_report_that_forgets_an_object_or_a_place_is_found(made):
    objects, expected = made

    def forget(ds):
        group = ds.ContentSequence[-2].ContentSequence[0]
        group.ContentSequence = [item for item in group.ContentSequence if item.ValueType != "NUM"]

    spoil(objects["report"], forget)
    with pytest.raises(InvalidResult, match="no spatial coordinates"):
        check_objects(list(objects.values()), expected)


def test_a_sibling_that_the_report_does_not_name_is_found(made, info, job, us_clip, tmp_path, make):
    objects, expected = made
    (tmp_path / "other").mkdir()
    other = encode_result(
        make.full_result(make.clip_frames()), info, [us_clip], replace(job, options={"levels": 4}), tmp_path / "other"
    )
    with pytest.raises(InvalidResult, match="does not refer to 1 of the other objects"):
        check_objects([*objects.values(), other[0]], expected)


def test_text_where_the_object_should_be_is_found(made):
    objects, expected = made
    objects["density"].path.write_bytes(b"not DICOM")
    with pytest.raises(InvalidResult, match=r"density .* cannot be read back"):
        check_objects(list(objects.values()), expected)
