"""The embedded archive, asked by pynetdicom and by DCMTK."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as STUDY_ROOT_FIND

from dicom_node.archive import Behaviour, EmbeddedArchive, safe_name
from dicom_node.archive.query import answers
from dicom_node.errors import StorageError
from dicom_node.send import send_paths

pytestmark = pytest.mark.loopback

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def header(study: str, series: str, instance: str, **values: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CAPTURE, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    for keyword, value in {"PatientID": "P1", "Modality": "US", "StudyDate": "20240310", **values}.items():
        setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, folder: Path) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


HEADERS = [
    header("1.1", "1.1.1", "1.1.1.1"),
    header("1.1", "1.1.1", "1.1.1.2"),
    header("1.1", "1.1.2", "1.1.2.1", Modality="SR"),
    header("1.2", "1.2.1", "1.2.1.1", PatientID="Q2", StudyDate="20240401"),
]


@pytest.mark.parametrize(
    ("level", "keys", "found"),
    [
        ("STUDY", {"StudyInstanceUID": ""}, ["1.1", "1.2"]),
        ("STUDY", {"StudyInstanceUID": "", "PatientID": "P*"}, ["1.1"]),
        ("STUDY", {"StudyInstanceUID": "", "PatientID": "?2"}, ["1.2"]),
        ("STUDY", {"StudyInstanceUID": "", "PatientID": "p1"}, []),
        ("STUDY", {"StudyInstanceUID": "", "StudyDate": "20240311-"}, ["1.2"]),
        ("STUDY", {"StudyInstanceUID": "", "StudyDate": "20240301-20240331"}, ["1.1"]),
        ("STUDY", {"StudyInstanceUID": "", "ModalitiesInStudy": "SR"}, ["1.1"]),
        ("SERIES", {"StudyInstanceUID": "1.1", "SeriesInstanceUID": ""}, ["1.1.1", "1.1.2"]),
        ("IMAGE", {"SeriesInstanceUID": "1.1.1", "SOPInstanceUID": ""}, ["1.1.1.1", "1.1.1.2"]),
        ("IMAGE", {"SOPInstanceUID": ["1.1.1.2", "1.2.1.1"]}, ["1.1.1.2", "1.2.1.1"]),
        ("IMAGE", {"SOPInstanceUID": "9.9"}, []),
    ],
)
def test_queries(level, keys, found):
    query = Dataset()
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    unique = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[level]
    assert [str(answer[unique].value) for answer in answers(query, HEADERS)] == found


def test_counts_in_answers():
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", "1.1"
    query.NumberOfStudyRelatedSeries = query.NumberOfStudyRelatedInstances = None
    query.ModalitiesInStudy = None
    (answer,) = answers(query, HEADERS)
    assert (answer.NumberOfStudyRelatedSeries, answer.NumberOfStudyRelatedInstances) == (2, 3)
    assert list(answer.ModalitiesInStudy) == ["SR", "US"]


def test_a_level_that_does_not_exist():
    query = Dataset()
    query.QueryRetrieveLevel = "PATIENT"
    with pytest.raises(ValueError, match="PATIENT"):
        answers(query, HEADERS)


@pytest.fixture
def sent(tmp_path) -> Path:
    folder = tmp_path / "sent"
    folder.mkdir()
    for dataset in HEADERS:
        save(dataset, folder)
    return folder


def test_what_is_stored_lies_by_study_and_series_and_is_found_again(tmp_path, sent):
    with EmbeddedArchive(tmp_path / "kept") as archive:
        send_paths([sent], "127.0.0.1", archive.port, "ME", "ARCHIVE")
        send_paths([sent / "0.dcm"], "127.0.0.1", archive.port, "ME", "ARCHIVE")
        assert archive.times_stored == {"1.1.1.1": 2, "1.1.1.2": 1, "1.1.2.1": 1, "1.2.1.1": 1}
    assert dcmread(tmp_path / "kept" / "1.1" / "1.1.2" / "1.1.2.1.dcm").Modality == "SR"
    with EmbeddedArchive(tmp_path / "kept") as again:
        assert set(again.kept) == {"1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1"}
        entity = AE()
        entity.add_requested_context(STUDY_ROOT_FIND)
        association = entity.associate("127.0.0.1", again.port)
        query = Dataset()
        query.QueryRetrieveLevel, query.SeriesInstanceUID, query.SOPInstanceUID = "IMAGE", "1.1.1", ""
        found = [match.SOPInstanceUID for status, match in association.send_c_find(query, STUDY_ROOT_FIND) if match]
        association.release()
    assert sorted(found) == ["1.1.1.1", "1.1.1.2"]


@pytest.mark.parametrize("uid", ["../../etc/passwd", "", "1..2", "1." * 40 + "1", "1.2/3"])
def test_strange_uids_stay_in_the_folder(uid):
    name = safe_name(uid)
    assert "/" not in name
    assert "." not in name
    assert name


def test_dcmtk_echo_and_find(tmp_path, sent, needs_program):
    with EmbeddedArchive(tmp_path / "kept", ae_title="STORE") as archive:
        send_paths([sent], "127.0.0.1", archive.port, "ME", "STORE")
        where = ["-aec", "STORE", "127.0.0.1", str(archive.port)]
        subprocess.run([needs_program("/usr/bin/echoscu"), *where], check=True, timeout=30)
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientID=Q*"]
        output = subprocess.run(
            [needs_program("/usr/bin/findscu"), "-S", *keys, *where], check=True, timeout=30, capture_output=True
        )
    assert b"1.2" in output.stdout + output.stderr
    assert b"[1.1" not in output.stdout + output.stderr


def test_refused_classes_and_overruled_answers(tmp_path, sent):
    behaviour = Behaviour(before=lambda request: 0xA700 if request.number == 1 else None)
    with EmbeddedArchive(tmp_path / "a", behaviour=behaviour) as archive:
        report = send_paths([sent], "127.0.0.1", archive.port, "ME", "ARCHIVE")
    assert [item.status for item in report.items] == ["0xA700", "0x0000", "0x0000", "0x0000"]
    with EmbeddedArchive(tmp_path / "b", behaviour=Behaviour(refused_sop_classes=(CAPTURE,))) as archive:
        report = send_paths([sent], "127.0.0.1", archive.port, "ME", "ARCHIVE")
    assert not any(item.stored for item in report.items)
    assert "no presentation context" in report.items[0].reason


def test_a_taken_port_is_said(tmp_path):
    with (
        EmbeddedArchive(tmp_path / "a") as archive,
        pytest.raises(StorageError, match=r"cannot start on 127\.0\.0\.1"),
    ):
        EmbeddedArchive(tmp_path / "b", port=archive.port).start()
