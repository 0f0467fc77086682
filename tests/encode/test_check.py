"""The judge before the outbox: each kind of fault is found, and named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from dicom_node.encode import encode_result
from dicom_node.encode.check import Expectation, check_objects
from dicom_node.encode.source import read_sources
from dicom_node.errors import InvalidResult


@pytest.fixture
def made(us_clip, info, job, tmp_path, make):
    """The objects of a result that passed, by role, and what they must agree with."""
    objects = encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path)
    return {one.role: one for one in objects}, Expectation.of(read_sources([us_clip]), ())


def spoil(one, how):
    with disable_value_validation():
        dataset = dcmread(one.path)
        how(dataset)
        dataset.save_as(one.path)


def other_patient(ds):
    ds.PatientID = "4712"


def no_conversion_type(ds):
    del ds.ConversionType


def no_segment(ds):
    ds.SegmentSequence = []


def bad_date(ds):
    ds.ContentDate = "2026-03-01"


def fewer_rows(ds):
    ds.Rows = ds.Rows - 1


def dangling(ds):
    ds.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def wrong_class(ds):
    ds.SourceImageSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"


def no_such_frame(ds):
    ds.SourceImageSequence[0].ReferencedFrameNumber = 7


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        (other_patient, "PatientID is not that of the sources"),
        (no_conversion_type, r"ConversionType is absent \(type 1\)"),
        (no_segment, r"SegmentSequence is empty \(type 1\)"),
        (bad_date, "ContentDate has a value that VR DA does not allow"),
        (fewer_rows, "pixel data have"),
        (dangling, "neither a source nor another object"),
        (wrong_class, "not the SOP class"),
        (no_such_frame, "beyond the 6 frames"),
    ],
)
def test_a_fault_of_an_image_is_named(made, how, fault):
    objects, expected = made
    spoil(objects["segmentation" if how is no_segment else "density_picture"], how)
    with pytest.raises(InvalidResult, match=fault) as caught:
        check_objects(list(objects.values()), expected)
    assert "4712" not in str(caught.value)
    assert "Storage" in str(caught.value)


def test_a_truncated_file_is_found(made):
    objects, expected = made
    path = objects["decoupled"].path
    path.write_bytes(path.read_bytes()[:-100])
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
