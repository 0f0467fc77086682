"""Files that survive: order of the syncs, names, the outbox's all or nothing."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node import storage
from dicom_node.errors import StorageError
from dicom_node.storage import Inbox, Outbox, dataset_offset, free_bytes, sha256_of_dataset


def _arrive(inbox: Inbox, data: bytes = b"bytes"):
    path = inbox.incoming / "arrived.dcm"
    path.write_bytes(data)
    return path


def _record_syncs(monkeypatch) -> list[str]:
    synced: list[str] = []
    monkeypatch.setattr(storage.os, "fsync", lambda file: synced.append(os.readlink(f"/proc/self/fd/{file}")))
    return synced


def test_keeping_syncs_the_file_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    temporary, uid = _arrive(inbox), "1.2.3"
    final = inbox.path_of(uid)
    seen = []

    def fsync(descriptor):
        seen.append((os.readlink(f"/proc/self/fd/{descriptor}"), final.exists()))

    monkeypatch.setattr(storage.os, "fsync", fsync)
    inbox.keep(temporary, uid)
    first_use = (str(final.parent.parent), False)  # the folder's own name, before anything relies on it
    assert seen == [(str(temporary), False), first_use, (str(final.parent), True)]
    assert final.read_bytes() == b"bytes"
    assert not temporary.exists()
    seen.clear()
    final.unlink()
    inbox.keep(_arrive(inbox), uid)
    assert seen == [(str(temporary), False), (str(final.parent), True)]


def test_a_folder_that_an_earlier_run_made_is_durable_before_it_is_used(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    inbox.path_of("1.2.3").parent.mkdir()  # ... and then was killed before it could sync the name
    synced = []
    monkeypatch.setattr(
        storage.os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    Inbox(tmp_path)
    assert str(tmp_path / "inbox") in synced


def test_bytes_that_lie_aside_already_are_synced_again(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    inbox.set_aside(_arrive(inbox), "ab" * 32)
    synced = []
    monkeypatch.setattr(
        storage.os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    inbox.set_aside(_arrive(inbox), "ab" * 32)  # the first may have failed between its rename and its sync
    assert synced == [str(tmp_path / "aside" / "ab")]


@pytest.mark.parametrize("uid", ["../../../etc/passwd", "/etc/passwd", "1.2\0.3", "1" * 5000, "CON", "é", ""])
def test_no_uid_points_outside_of_the_inbox(tmp_path, uid):
    path = Inbox(tmp_path).path_of(uid)
    assert path.parent.parent == tmp_path / "inbox"
    assert len(path.name) == 68


def test_uids_that_differ_only_in_zeros_have_different_files(tmp_path):
    inbox = Inbox(tmp_path)
    assert len({inbox.path_of(uid) for uid in ("1.2.3", "1.2.03", "1.2.3.", "1.2.30")}) == 4


def test_a_disk_that_refuses_is_a_storage_error_and_the_file_stays(tmp_path, monkeypatch):
    inbox = Inbox(tmp_path)
    temporary = _arrive(inbox)

    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device"):
        inbox.keep(temporary, "1.2.3")
    assert temporary.exists()
    assert not inbox.path_of("1.2.3").exists()


def test_the_same_bytes_are_set_aside_once(tmp_path):
    inbox = Inbox(tmp_path)
    first = inbox.set_aside(_arrive(inbox), "ab" * 32)
    assert inbox.set_aside(_arrive(inbox), "ab" * 32) == first == "aside/ab/" + "ab" * 32 + ".dcm"
    assert list(inbox.incoming.iterdir()) == []


def test_kept_files_are_all_of_the_inbox(tmp_path):
    inbox = Inbox(tmp_path)
    for number in range(20):
        inbox.keep(_arrive(inbox), f"1.2.{number}")
    assert set(inbox.kept_files()) == {(inbox.relative(inbox.path_of(f"1.2.{number}")), 5) for number in range(20)}


def test_results_of_a_job_appear_whole_and_replace_an_interrupted_claim(tmp_path):
    outbox = Outbox(tmp_path)
    for content in (b"first", b"second"):
        staged = outbox.stage(7, "token")
        (staged / "preview").mkdir()
        (staged / "report.dcm").write_bytes(content)
        assert not (outbox.folder / "7").exists() or content == b"second"
        assert outbox.commit(staged, 7) == outbox.folder / "7"
    assert (outbox.folder / "7" / "report.dcm").read_bytes() == b"second"
    assert [path.name for path in outbox.folder.iterdir()] == ["7"]


def test_what_interrupted_claims_left_is_removed(tmp_path):
    outbox = Outbox(tmp_path)
    (outbox.stage(7, "token") / "half.dcm").write_bytes(b"half")
    outbox.clear_staging()
    assert list(outbox.folder.iterdir()) == []


def test_free_bytes_are_those_of_the_file_system(tmp_path):
    status = os.statvfs(tmp_path)
    assert free_bytes(tmp_path) == pytest.approx(status.f_bavail * status.f_frsize, rel=0.2)


def _part10(prefix: bytes = b"") -> bytes:
    dataset = Dataset()
    dataset.PatientID = "X"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return prefix + buffer.getvalue()


DATA_SET = b"\x10\x00\x20\x00LO\x02\x00X "


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file,
        lambda file: file[:140] + b"\xff\xff\xff\x00" + file[144:],  # a group length that is far too long
        lambda file: file[:140] + b"\x01\x00\x00\x00" + file[144:],  # ... that ends inside an element
        lambda file: file[:132] + file[144:],  # no group length at all
    ],
)
def test_the_digest_is_of_the_data_set_alone(tmp_path, damage):
    path = tmp_path / "file.dcm"
    path.write_bytes(damage(_part10()))
    assert sha256_of_dataset(path) == hashlib.sha256(DATA_SET).hexdigest()


def test_a_data_set_that_begins_with_group_2_is_told_from_the_file_meta(tmp_path):
    path = tmp_path / "file.dcm"
    strange = b"\x02\x00\x10\x00UI\x04\x001.2\0"
    path.write_bytes(_part10()[: -len(DATA_SET)] + strange)
    assert sha256_of_dataset(path) == hashlib.sha256(strange).hexdigest()


def test_a_file_without_prefix_is_a_bare_data_set():
    assert dataset_offset(BytesIO(DATA_SET)) == 0
