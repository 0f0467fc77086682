"""``send_paths``: each file with its status, and errors that say what to check."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AllStoragePresentationContexts

from dicom_node.archive import Behaviour, EmbeddedArchive
from dicom_node.errors import PeerError, UsageError
from dicom_node.send import send_paths

pytestmark = pytest.mark.loopback


def save(path: Path, uid: str, sop_class_uid: str, syntax: str = ExplicitVRLittleEndian) -> Path:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.3"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)
    return path


CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def test_folders_are_searched_and_strangers_left_out(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    save(folder / "deep" / "b.dcm", "1.9.2", CAPTURE)
    save(folder / "a", "1.9.1", CAPTURE)
    (folder / "README.txt").write_text("no DICOM")
    told = []
    with EmbeddedArchive(tmp_path / "kept") as archive:
        report = send_paths([folder], "127.0.0.1", archive.port, "ME", "ARCHIVE", lambda *step: told.append(step))
        assert set(archive.kept) == {"1.9.1", "1.9.2"}
    assert report.all_stored
    assert [Path(item.path).name for item in report.items] == ["a", "b.dcm"]
    assert [Path(path).name for path in report.left_out] == ["README.txt"]
    assert told == [(1, 2), (2, 2)]


def test_a_broken_file_is_told_and_the_others_go(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    good = save(folder / "good.dcm", "1.9.1", CAPTURE).read_bytes()
    (folder / "meta_length.dcm").write_bytes(good[:140] + b"\xff\xff\xff\xff" + good[144:])
    (folder / "syntax.dcm").write_bytes(good.replace(b"1.2.840.10008.1.2.1\0", b"DOE^JANE 10008.1.2.1"))
    (folder / "cut.dcm").write_bytes(good[:150])
    with EmbeddedArchive(tmp_path / "kept") as archive:
        report = send_paths([folder], "127.0.0.1", archive.port, "ME", "ARCHIVE")
        assert set(archive.kept) == {"1.9.1"}
    broken = {Path(item.path).name: item.reason for item in report.items if not item.stored}
    assert set(broken) >= {"syntax.dcm", "cut.dcm"}
    assert broken["syntax.dcm"] == "syntax.dcm: TransferSyntaxUID absent or no UID in its file meta information"
    assert report.left_out == ()


def test_more_contexts_than_one_association_holds(tmp_path):
    """Two transfer syntaxes of each of 100 SOP classes: 200 presentation contexts, 128 fit."""
    folder = tmp_path / "in"
    folder.mkdir()
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:100]]
    for number, sop_class in enumerate(classes):
        for offset, syntax in ((1000, ExplicitVRLittleEndian), (2000, ImplicitVRLittleEndian)):
            save(folder / f"{offset + number}", f"1.9.{offset + number}", sop_class, syntax)
    with EmbeddedArchive(tmp_path / "kept") as archive:
        report = send_paths([folder], "127.0.0.1", archive.port, "ME", "ARCHIVE")
        assert report.all_stored
        assert len(archive.kept) == 200
        assert {kept.transfer_syntax_uid for kept in archive.kept.values()} == {
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
        }


def test_a_lost_association_costs_one_file(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        save(folder / f"{number}", f"1.9.{number}", CAPTURE)

    def break_off(request):
        if request.number == 2:
            request.abort()

    with EmbeddedArchive(tmp_path / "kept", behaviour=Behaviour(before=break_off)) as archive:
        report = send_paths([folder], "127.0.0.1", archive.port, "ME", "ARCHIVE")
    assert [item.stored for item in report.items] == [True, False, True]
    assert "closed the connection" in report.items[1].reason


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom drops a refused socket
def test_nobody_there(tmp_path):
    with pytest.raises(PeerError, match=r"no connection to THERE at 127\.0\.0\.1:1: Connection refused; check host"):
        send_paths([save(tmp_path / "a", "1.9.1", CAPTURE)], "127.0.0.1", 1, "ME", "THERE")


def test_nothing_to_send(tmp_path):
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(UsageError, match="no DICOM file among 1"):
        send_paths([tmp_path], "127.0.0.1", 1, "ME", "THERE")
    with pytest.raises(UsageError, match="does not exist"):
        send_paths([tmp_path / "gone"], "127.0.0.1", 1, "ME", "THERE")


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # real files have UIDs with leading zeros
def test_real_files_of_every_syntax_go_as_they_are(needs_shared, tmp_path):
    """Thirteen pictures of ten vendors; nothing is decoded on the way."""
    with EmbeddedArchive(tmp_path / "kept") as archive:
        report = send_paths([needs_shared("data/dicom/ultrasound")], "127.0.0.1", archive.port, "ME", "ARCHIVE")
        assert report.all_stored
        assert len({kept.transfer_syntax_uid for kept in archive.kept.values()}) >= 5
