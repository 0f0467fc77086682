"""Start after a stop of any kind; and reception killed at random moments."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset

from dicom_node import intake
from dicom_node.database import Database
from dicom_node.errors import StorageError
from dicom_node.receive import recover as recover_module
from dicom_node.receive.recover import recover
from dicom_node.storage import Inbox, sha256_of_dataset

SYNTAX = "1.2.840.10008.1.2.1"


@pytest.fixture
def place(tmp_path):
    database = Database(tmp_path / "node.db")
    yield database, Inbox(tmp_path)
    database.close()


def _file(inbox: Inbox, dataset, uid: str | None = None) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = SYNTAX
    dataset.file_meta.SourceApplicationEntityTitle = "CT"
    path = inbox.path_of(uid or dataset.SOPInstanceUID)
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_file_without_a_row_is_taken_in(place, mr):
    database, inbox = place
    path = _file(inbox, mr(ImagesInAcquisition=5))
    assert recover(database, inbox, 50.0).adopted == ("1.2.3.4.1",)
    (row,) = database.query("SELECT * FROM instances")
    assert (row["path"], row["sha256"], row["size_bytes"]) == (
        inbox.relative(path),
        sha256_of_dataset(path),
        path.stat().st_size,
    )
    assert (row["received_at"], row["calling_ae"], row["transfer_syntax_uid"]) == (50.0, "CT", SYNTAX)
    assert intake.read_promises(row["expected"])[0].count == 5
    assert [unit["state"] for unit in database.query("SELECT state FROM units")] == ["open", "open"]
    assert recover(database, inbox, 60.0).adopted == ()


@pytest.mark.parametrize(
    ("uid", "spoil", "words"),
    [
        ("9.9.9", lambda data: data, "not that of its SOP Instance UID"),
        ("1.2.3.4.1", lambda data: data[:-30], "cut off|has no"),
        ("1.2.3.4.1", lambda data: b"junk", "file meta information|cut off|declares|has no|empty"),
    ],
)
def test_a_strange_file_without_a_row_is_set_aside(place, mr, uid, spoil, words):
    database, inbox = place
    path = _file(inbox, mr(), uid)
    path.write_bytes(spoil(path.read_bytes()))
    content = path.read_bytes()
    assert recover(database, inbox, 50.0).set_aside == (inbox.relative(path),)
    (aside,) = database.query("SELECT * FROM set_aside")
    assert (inbox.data_dir / aside["path"]).read_bytes() == content
    assert aside["reason"].startswith("found in the inbox without a row: ")
    assert not path.exists()


def test_missing_and_damaged_files_are_reported_and_incoming_is_emptied(place, mr):
    database, inbox = place
    for number in (1, 2, 3):
        _file(inbox, mr(number))
    recover(database, inbox, 50.0)
    inbox.path_of("1.2.3.4.1").unlink()
    inbox.path_of("1.2.3.4.2").write_bytes(b"short")
    (inbox.incoming / "half.dcm").write_bytes(b"half")
    with database.transaction() as connection:
        intake.open_association(connection, intake.Association("CT", "NODE", "127.0.0.1", 40.0))
    found = recover(database, inbox, 60.0)
    assert (found.missing, found.damaged) == (("1.2.3.4.1",), ("1.2.3.4.2",))
    assert list(inbox.incoming.iterdir()) == []
    (association,) = database.query("SELECT * FROM associations")
    assert (association["closed_how"], association["closed_at"]) == ("lost", 60.0)


def test_a_file_that_cannot_be_read_is_told_and_keeps_nothing_else_from_being_taken_in(place, mr, caplog, monkeypatch):
    database, inbox = place
    bad, good = _file(inbox, mr(1)), _file(inbox, mr(2))
    real = recover_module.sha256_of_dataset

    def failing_disk(path):
        if path == bad:
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr(recover_module, "sha256_of_dataset", failing_disk)
    assert recover(database, inbox, 50.0).adopted == ("1.2.3.4.2",)
    assert "a file of the inbox cannot be read: Input/output error" in caplog.text
    assert bad.exists()
    assert good.exists()


def test_what_cannot_be_removed_from_incoming_is_a_storage_error(place):
    database, inbox = place
    (inbox.incoming / "folder").mkdir()
    with pytest.raises(StorageError, match="folder could not be"):
        recover(database, inbox, 50.0)


NODE = """
import sys, time
from pathlib import Path
from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.receive import Receiver
from dicom_node.storage import Inbox
folder = Path(sys.argv[1])
settings, database = NodeSettings(port=0, data_dir=folder), Database(folder / "node.db")
receiver = Receiver(settings, database, Inbox(folder), time.time, lambda: None)
receiver.start()
print(receiver.port, flush=True)
time.sleep(600)
"""


@pytest.mark.process
@pytest.mark.loopback
def test_killed_at_random_moments_nothing_acknowledged_is_lost(tmp_path, mr, encode, sender_to):
    generator = random.Random(1)
    acknowledged: dict[str, bytes] = {}
    number = 0
    for _ in range(4):
        command = [sys.executable, "-c", NODE, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        port = int(process.stdout.readline())
        sender = sender_to(port)
        killer = threading.Timer(generator.uniform(0.02, 0.5), process.kill)
        killer.start()
        try:
            while True:
                number += 1
                data = encode(mr(number, EncapsulatedDocument=os.urandom(20_000)))
                response = sender.send(data, sop_instance=f"1.2.3.4.{number}")
                if response.get("Status") != 0:
                    break
                acknowledged[f"1.2.3.4.{number}"] = data
        finally:
            killer.join()
            process.wait(10)
            process.stdout.close()
    assert len(acknowledged) > 4

    database, inbox = Database(tmp_path / "node.db"), Inbox(tmp_path)
    found = recover(database, inbox, time.time())
    assert (found.missing, found.damaged, found.set_aside) == ((), (), ())
    rows = {row["sop_instance_uid"]: row for row in database.query("SELECT * FROM instances")}
    assert set(acknowledged) <= set(rows)
    for uid, data in acknowledged.items():
        path = tmp_path / rows[uid]["path"]
        assert path.read_bytes().endswith(data)
        assert sha256_of_dataset(path) == rows[uid]["sha256"]
    for row in rows.values():
        assert sha256_of_dataset(tmp_path / row["path"]) == row["sha256"]
    database.close()
