"""Folders of cases that somebody made, moved or damaged."""

from __future__ import annotations

import json

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.analysis_file import write_analysis
from dicom_node.case_folder import CASE, FORMAT, INDEX, _renamed, read_cases, write_deidentified
from dicom_node.cases import are_simulated
from dicom_node.errors import UnreadableInstance, UsageError
from dicom_node.pseudonyms import Pseudonyms
from dicom_node.result import AnalysisResult
from dicom_node.series import FrameRef


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / INDEX, {"format": FORMAT, "version": 1, "identified": False})
    return tmp_path


def test_what_is_no_folder_of_cases_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cases\.json is not there"):
        read_cases(tmp_path, "scale")
    write(tmp_path / INDEX, {"format": FORMAT, "version": 9, "identified": False})
    with pytest.raises(UsageError, match=r"reads format .* version 1; got .* version 9"):
        read_cases(tmp_path, "scale")


def test_cases_of_other_algorithms_are_told_of(folder):
    with pytest.raises(UsageError, match="it holds no cases"):
        read_cases(folder, "scale")
    write(folder / "case-1" / CASE, {"id": "case-1", "algorithm": "another"})
    with pytest.raises(UsageError, match="there are cases of another"):
        read_cases(folder, "scale")


def test_a_damaged_case_is_named(folder):
    write(folder / "case-1" / CASE, {"id": "case-1", "algorithm": "scale"})
    with pytest.raises(UsageError, match=r"case\.json does not hold a case: 'subject'"):
        read_cases(folder, "scale")
    (folder / "case-1" / CASE).write_text("{")
    with pytest.raises(UsageError, match=r"case\.json cannot be read"):
        read_cases(folder, "scale")


def test_uids_are_renamed_wherever_they_stand_and_codes_are_not():
    frame = FrameRef("1.2.840.10008.5.1.4.1.1.6.1", "1.2.276.0.99.1.1.7", 3)
    told = {"frames": (frame,), "texts": ["1.2.276.0.99.1.1.7", "113100", "4.5.1"], "n": 2}
    renamed = _renamed(told, lambda uid: f"new {uid}")
    assert renamed["frames"] == (FrameRef(frame.sop_class_uid, "new 1.2.276.0.99.1.1.7", 3),)
    assert renamed["texts"] == ["new 1.2.276.0.99.1.1.7", "113100", "4.5.1"]
    assert renamed["n"] == 2


def test_what_cannot_be_read_is_no_deidentified_file_and_says_nothing_of_the_patient(tmp_path, caplog, recwarn):
    (tmp_path / "a.dcm").write_bytes(b"Doe^Jane")
    with pytest.raises(UnreadableInstance, match=r"a\.dcm holds what cannot be read"):
        write_deidentified(tmp_path / "a.dcm", tmp_path / "out.dcm", "token", Pseudonyms(b"k" * 32))
    odd = Dataset()
    odd.SOPClassUID, odd.SOPInstanceUID, odd.Modality = "1.2.840.10008.5.1.4.1.1.4", "1.2.3", "MR"
    odd.file_meta = FileMetaDataset()
    odd.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with disable_value_validation():
        odd.add_new("StudyDate", "DA", "Doe^Jane")
        odd.add_new("PatientID", "LO", "Doe" * 40)
        odd.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    write_deidentified(tmp_path / "b.dcm", tmp_path / "out.dcm", "token", Pseudonyms(b"k" * 32))
    assert dcmread(tmp_path / "out.dcm").StudyDate == ""
    assert "Doe" not in caplog.text
    assert not recwarn.list


def put_case(folder, comment, **more):
    """A whole case of two sources, of which the first says ``comment`` of itself."""
    case = folder / "case-1"
    (case / "source").mkdir(parents=True)
    for number, words in enumerate((comment, "Simulated image, by a phantom."), start=1):
        source = Dataset()
        source.SOPClassUID, source.SOPInstanceUID, source.ImageComments = "1.2.840.10008.5.1.4.1.1.4", "1.2.3", words
        source.file_meta = FileMetaDataset()
        source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        source.save_as(case / "source" / f"000{number}.dcm", enforce_file_format=True)
    (case / "drafted").mkdir()
    write_analysis(AnalysisResult({}, nothing_found="anything"), case / "drafted")
    told = {"id": "case-1", "subject": "s", "algorithm": "scale", "version": "1", "models": [], "options": {}}
    write(case / CASE, {**told, "outcome": "rejected", "conclusion": "", **more})


@pytest.mark.parametrize(
    ("comment", "more", "simulated"),
    [
        ("SIMULATED IMAGE", {}, True),  # of an older export, by what its sources say
        ("", {}, False),
        ("typed by Dr", {}, False),
        ("", {"simulated": True}, True),  # without identities the sources say nothing any more
        ("Simulated image", {"simulated": False}, False),
    ],
)
def test_a_case_knows_whether_it_is_simulated(folder, comment, more, simulated):
    put_case(folder, comment, **more)
    (case,) = read_cases(folder, "scale")
    assert case.simulated is simulated


def test_what_a_source_says_of_being_simulated_is_lost_with_the_identity(tmp_path):
    """So the case has to tell it."""
    put_case(tmp_path, "Simulated image, by a phantom.")
    source = tmp_path / "case-1" / "source" / "0001.dcm"
    assert are_simulated([source])
    write_deidentified(source, tmp_path / "out.dcm", "token", Pseudonyms(b"k" * 32))
    assert not are_simulated([source, tmp_path / "out.dcm"])


def test_a_source_that_is_no_dicom_is_named(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"Doe^Jane")
    with pytest.raises(UnreadableInstance, match=r"^a\.dcm cannot be read as DICOM$"):
        are_simulated([tmp_path / "a.dcm"])
