"""What results repeat of their sources: decoded, identifiers exactly, anything invalid left empty."""

from __future__ import annotations

import warnings

import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation

from dicom_node.encode import encode_result
from dicom_node.encode.source import read_sources
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult

# The examples of PS3.5 annexes H (Japanese), I (Korean), J (Chinese), and of their files' makers
NAMES = {
    "chrH31": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrX1": "Wang^XiaoDong=王^小東",
    "chrGerm": "Äneas^Rüdiger",
    "chrArab": "قباني^لنزار",
    "chrHbrw": "שרון^דבורה",
    "chrKoreanMulti": "김희중",
    "chrJapMulti": "やまだ^たろう",
    "chrFrenMulti": "Buc^Jérôme",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_character_set_are_the_same_in_utf_8(name, info, job, tmp_path, needs_shared):
    path = needs_shared(f"data/dicom/charset/{name}.dcm")
    result = AnalysisResult(summary={}, nothing_found="Nothing was looked for.")
    for written in encode_result(result, info, [path], job, tmp_path):
        dataset = dcmread(written.path)
        assert dataset.SpecificCharacterSet == "ISO_IR 192"
        assert str(dataset.PatientName) == NAMES[name]
        assert NAMES[name].encode("utf-8") in written.path.read_bytes()


def change(path, **values):
    with disable_value_validation():
        ds = dcmread(path)
        for keyword, value in values.items():
            if value is None:
                del ds[keyword]
            else:
                setattr(ds, keyword, value)
        ds.save_as(path)


def sources_of(*paths):
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        return read_sources(paths)


def test_invalid_values_are_left_empty_and_identifiers_kept(us_clip):
    change(
        us_clip, StudyDate="1997.04.24", PatientBirthDate="00000000", PatientID="4711\n" + "x" * 70, StudyID="A" * 20
    )
    header = sources_of(us_clip).patient_and_study
    assert header.StudyDate == header.PatientBirthDate == ""
    assert header.PatientID == "4711" + "x" * 70
    assert header.StudyID == "A" * 20
    assert header.AccessionNumber == "A-7"
    assert header.IssuerOfPatientID == "HOSPITAL"


def test_a_source_with_almost_nothing_gives_type_2_attributes_empty(us_clip, info, job, tmp_path, make):
    gone = (
        "PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex StudyDate StudyTime AccessionNumber "
        "StudyID ReferringPhysicianName Modality Manufacturer ManufacturerModelName SeriesNumber SpecificCharacterSet"
    )
    change(us_clip, **dict.fromkeys(gone.split()))
    for written in encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path):
        dataset = dcmread(written.path, stop_before_pixels=True)
        for keyword in ("PatientName", "PatientID", "StudyDate", "AccessionNumber", "StudyID"):
            assert keyword in dataset
            assert not dataset[keyword].value


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_without_the_uids_that_results_repeat_there_is_no_result(us_clip, keyword):
    change(us_clip, **{keyword: None})
    with pytest.raises(InvalidResult, match=r"Study Instance UID|SeriesInstanceUID"):
        sources_of(us_clip)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "PatientID"])
def test_sources_of_two_patients_or_studies_are_refused_without_naming_them(mr_stack, keyword):
    change(mr_stack[3], **{keyword: "1.2.3"})
    with pytest.raises(InvalidResult, match="2 different values") as caught:
        sources_of(*mr_stack)
    assert "4711" not in str(caught.value)


def test_what_a_simulated_source_says_every_result_says(us_clip, info, job, tmp_path, make):
    change(us_clip, ImageComments="Simulated image, made by a phantom. Vessel tree 3.")
    for written in encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path):
        assert b"Simulated image, made by a phantom." in written.path.read_bytes()


@pytest.mark.parametrize("comment", ["SIMULATED IMAGE", " simulated image, by hand.\r\nMore"])
def test_a_simulated_source_is_known_however_it_writes_it(us_clip, comment):
    change(us_clip, ImageComments=comment)
    assert sources_of(us_clip).said == (comment.strip().splitlines()[0],)


def test_lossy_compression_is_known_by_the_transfer_syntax_too(needs_shared):
    path = needs_shared("data/dicom/ultrasound/ATL_jpeg422.dcm")
    (instance,) = sources_of(path).instances.values()
    assert instance.lossy.methods == ("ISO_10918_1",)
    assert instance.lossy.ratios[0] > 1
