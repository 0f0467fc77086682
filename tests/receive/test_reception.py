"""Reception over loopback: what is promised, refused, set aside, and what the rows say of it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import select
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from dicom_node import IMPLEMENTATION_CLASS_UID, intake
from dicom_node.config import Accept
from dicom_node.intake import read_promises
from dicom_node.receive import keep, scp, server, stream
from dicom_node.storage import sha256_of_dataset

pytestmark = pytest.mark.loopback

SUCCESS, DUPLICATE, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0x0111, 0xA700, 0xA900, 0xC000
PROCESSING_FAILURE = 0x0110


def test_an_instance_is_a_file_a_row_and_two_open_units(reception, mr, encode):
    node = reception()
    sender = node.sender()
    assert sender.store(mr(ImagesInAcquisition=20, AcquisitionNumber=3)) == SUCCESS
    sender.release()

    (row,) = node.rows("instances")
    path = node.inbox.data_dir / row["path"]
    data = encode(mr(ImagesInAcquisition=20, AcquisitionNumber=3))
    assert row["sha256"] == hashlib.sha256(data).hexdigest() == sha256_of_dataset(path)
    assert path.read_bytes().endswith(data)
    assert row["size_bytes"] == path.stat().st_size
    assert (row["calling_ae"], row["called_ae"], row["excluded"]) == ("MODALITY", "DICOM_NODE", None)
    assert [(p.count, p.source, p.part) for p in read_promises(row["expected"])] == [
        (20, "ImagesInAcquisition", "acquisition 3")
    ]
    assert [(u["kind"], u["uid"], u["state"], u["revision"]) for u in node.rows("units")] == [
        ("series", "1.2.3.4", "open", 0),
        ("study", "1.2.3", "open", 0),
    ]
    meta = pydicom.filereader.read_file_meta_info(path)
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert (meta.SourceApplicationEntityTitle, meta.ReceivingApplicationEntityTitle) == ("MODALITY", "DICOM_NODE")
    assert pydicom.dcmread(path).SOPInstanceUID == "1.2.3.4.1"

    (association,) = node.closed()
    assert (association["closed_how"], row["association_id"]) == ("released", association["id"])
    assert list(node.inbox.incoming.iterdir()) == []


def test_the_same_bytes_again_are_success_and_change_nothing(reception, mr):
    node = reception()
    assert node.sender().store(mr()) == SUCCESS
    before = node.rows("instances"), node.rows("units")
    node.clock.advance(5)
    assert node.sender(calling="ARCHIVE").store(mr()) == SUCCESS
    assert (node.rows("instances"), node.rows("units")) == before
    assert node.rows("set_aside") == []


def test_other_bytes_under_a_known_uid_are_refused_kept_aside_and_counted(reception, mr):
    node = reception()
    sender = node.sender()
    assert sender.store(mr()) == SUCCESS
    (first,) = node.rows("instances")
    for _ in range(2):
        assert sender.store(mr(InstanceNumber=99)) == DUPLICATE
    assert node.rows("instances") == [first]
    assert pydicom.dcmread(node.inbox.data_dir / first["path"]).InstanceNumber == 1
    (aside,) = node.rows("set_aside")
    assert (aside["kind"], aside["times_seen"], aside["sop_instance_uid"]) == ("conflict", 2, "1.2.3.4.1")
    assert pydicom.dcmread(node.inbox.data_dir / aside["path"]).InstanceNumber == 99


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"cut off")])
def test_a_lost_or_damaged_file_is_whole_again_when_its_instance_comes_again(reception, mr, damage):
    node = reception()
    sender = node.sender()
    sender.store(mr())
    (row,) = node.rows("instances")
    path = node.inbox.data_dir / row["path"]
    damage(path)
    assert node.sender(calling="A_LONG_AE_TITLE").store(mr()) == SUCCESS
    (row,) = node.rows("instances")
    assert path.stat().st_size == row["size_bytes"]
    assert sha256_of_dataset(path) == row["sha256"]


@pytest.mark.parametrize(
    ("change", "asked", "status", "words"),
    [
        ({"StudyInstanceUID": None}, {}, CANNOT_UNDERSTAND, "no Study Instance UID"),
        ({"SeriesInstanceUID": None}, {}, CANNOT_UNDERSTAND, "no Series Instance UID"),
        (
            {},
            {"sop_instance": "1.2.9"},
            MISMATCH,
            "is 1.2.3.4.1, but the C-STORE request says 1.2.9",
        ),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, {}, MISMATCH, "its SOP Class UID is"),
    ],
)
def test_what_cannot_be_used_is_answered_and_set_aside_with_the_reason(
    reception, mr, encode, change, asked, status, words
):
    node = reception()
    sender = node.sender()
    data = encode(mr(**change))
    assert sender.send(data, **asked).Status == status
    assert sender.store(mr(2)) == SUCCESS, "the association goes on"
    (aside,) = node.rows("set_aside")
    assert aside["kind"] == "undecodable"
    assert words in aside["reason"]
    assert (node.inbox.data_dir / aside["path"]).read_bytes().endswith(data)
    assert "SECRET" not in aside["reason"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"Manufacturer": "dicom-node"}, "own output: its Manufacturer is dicom-node"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.34"}, "no image: Comprehensive 3D SR Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "no image: Segmentation Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "no image: Encapsulated PDF Storage"),
        ({"Manufacturer": "dicom-node simulator"}, None),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6"}, None),  # ultrasound, retired
    ],
)
def test_own_output_and_objects_without_image_are_kept_but_open_no_unit(reception, mr, values, reason):
    node = reception()
    instance = mr(**values)
    assert node.sender(classes=(instance.SOPClassUID,)).store(instance) == SUCCESS
    (row,) = node.rows("instances")
    assert row["excluded"] == reason
    assert len(node.rows("units")) == (0 if reason else 2)


def test_own_output_is_known_by_contributing_equipment_and_by_its_uid(reception, mr):
    node = reception()
    equipment = [pydicom.Dataset(), pydicom.Dataset()]
    equipment[0].Manufacturer, equipment[1].Manufacturer = "Scanner maker", "dicom-node"
    with node.database.transaction() as connection:
        connection.execute(
            "INSERT INTO jobs (id, kind, key, state, created_at, payload) VALUES (7, 'analyse', 'k', 'done', 0, '{}')"
        )
        connection.execute(
            """
            INSERT INTO results (sop_instance_uid, job_id, role, study_uid, series_uid, sop_class_uid,
                transfer_syntax_uid, path, size_bytes, sha256)
            VALUES ('1.2.3.4.2', 7, 'report', '1', '1', '1', '1', 'p', 1, 's')
            """
        )
    sender = node.sender()
    sender.store(mr(1, ContributingEquipmentSequence=equipment))
    sender.store(mr(2))
    assert [row["excluded"] for row in node.rows("instances")] == [
        "own output: dicom-node is among its Contributing Equipment",
        "own output: a result of job 7",
    ]


def test_private_unknown_and_compressed_are_taken_as_they_come(reception, mr, encode):
    node = reception()
    private = "1.3.12.2.1107.5.9.1"  # Siemens CSA non-image
    assert node.sender(classes=(private,)).store(mr(1, SOPClassUID=private)) == SUCCESS
    assert (
        node.sender(classes=("1.2.840.10008.5.1.4.1.1.999",)).store(mr(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.999"))
        == SUCCESS
    )
    assert node.sender(syntax=JPEGBaseline8Bit).store(mr(3)) == SUCCESS
    implicit = node.sender(syntax=ImplicitVRLittleEndian).send(encode(mr(4), implicit=True), sop_instance="1.2.3.4.4")
    assert implicit.Status == SUCCESS
    assert [row["transfer_syntax_uid"] for row in node.rows("instances")[2:]] == [
        JPEGBaseline8Bit,
        ImplicitVRLittleEndian,
    ]


def test_a_query_class_is_not_taken_for_storage(reception):
    sender = reception().sender(classes=("1.2.840.10008.5.1.4.1.2.2.1",))
    assert [context.abstract_syntax for context in sender.association.accepted_contexts] == ["1.2.840.10008.1.1"]


@pytest.mark.parametrize(
    ("accept", "reason"),
    [
        (Accept(calling_ae=("CT1",)), (1, 1, 3)),
        (Accept(called_ae=("OTHER",)), (1, 1, 7)),
        (Accept(networks=(ip_network("10.0.0.0/8"),)), (1, 1, 1)),
    ],
)
def test_who_is_not_welcome_is_rejected_with_the_reason_of_the_standard(reception, accept, reason):
    node = reception(accept=accept)
    association = node.sender().association
    assert association.is_rejected
    answer = association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == reason
    assert node.rows("associations") == []


def test_a_reload_restricts_new_associations_and_leaves_open_ones(reception, mr):
    node = reception(accept=Accept(networks=(ip_network("127.0.0.0/8"),), calling_ae=("MODALITY",)))
    before = node.sender()
    node.receiver.reload(replace(node.settings, accept=Accept(calling_ae=("CT1",))))
    assert node.sender().association.is_rejected
    assert before.store(mr()) == SUCCESS
    assert node.sender(calling="CT1").echo()


def test_more_associations_than_allowed_are_rejected_for_now(reception):
    node = reception(max_associations=1)
    first = node.sender()
    answer = node.sender().association.acceptor.primitive
    assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 2)  # transient, local limit exceeded
    assert first.echo()


def test_too_little_free_space_is_out_of_resources_and_loses_nothing(reception, mr, monkeypatch):
    node = reception()
    sender = node.sender()
    monkeypatch.setattr(stream, "free_bytes", lambda path: 0)
    assert sender.store(mr()) == OUT_OF_RESOURCES
    assert list(node.inbox.incoming.iterdir()) == []
    monkeypatch.undo()
    assert sender.store(mr()) == SUCCESS


def test_a_disk_that_fills_while_a_data_set_arrives_is_answered(reception, mr, encode, monkeypatch):
    node = reception()
    sender = node.sender()
    real_write = os.write

    def full(descriptor, data):
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data)

    monkeypatch.setattr(stream.os, "write", full)
    response = sender.send(encode(mr()) + bytes(300_000))
    assert (response.Status, response.ErrorComment) == (OUT_OF_RESOURCES, "the disk refused: No space left on device")
    monkeypatch.undo()
    assert list(node.inbox.incoming.iterdir()) == []
    assert sender.store(mr()) == SUCCESS


def test_a_transfer_that_breaks_off_leaves_nothing(reception, mr, encode, command, until):
    node = reception()
    sender = node.sender()
    assert sender.store(mr(1)) == SUCCESS
    sender.put((3, command("1.2.3.4.2")), (0, encode(mr(2))))
    sender.association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
    assert [row["closed_how"] for row in node.closed()] == ["aborted"]
    until(lambda: not list(node.inbox.incoming.iterdir()), "what came in part is gone", 10)
    assert len(node.rows("instances")) == 1


def test_commands_without_their_data_sets_end_the_association_and_hold_no_file(reception, command, until):
    node = reception()
    node.sender().put((3, command("1.2.3.4.1")), (3, command("1.2.3.4.2")))
    until(lambda: not node.receiver._sessions, "the association is over", 10)
    until(lambda: not list(node.inbox.incoming.iterdir()), "its file is gone", 10)
    assert node.sender().echo()


def test_a_sender_that_does_not_wait_for_answers_is_stored_one_by_one(reception, mr, encode, command, until):
    node = reception()
    sender = node.sender()
    open_at_once = []
    real = node.inbox.keep
    node.inbox.keep = lambda *what: (open_at_once.append(len(list(node.inbox.incoming.iterdir()))), real(*what))
    for number in range(1, 31):
        sender.put((3, command(f"1.2.3.4.{number}", number)), (2, encode(mr(number))))
    until(lambda: len(node.rows("instances")) == 30, "all are stored", 30)
    assert max(open_at_once) == 1


@pytest.mark.parametrize("uid", ["1.2.x", None, "../../etc", "1" * 100])
def test_a_request_whose_uid_is_none_is_answered_and_its_data_set_set_aside(
    reception, mr, encode, command, until, monkeypatch, uid
):
    node = reception()
    sender = node.sender()
    answered = threading.Event()
    # pynetdicom's sender does not take such a UID back: what it gets to hear is looked at before it does
    monkeypatch.setattr(sender.association.dimse, "receive_primitive", lambda primitive: answered.set())
    value = None if uid is None else uid.encode() + b"\0" * (len(uid) % 2)
    sender.put((3, command(AffectedSOPInstanceUID=value)), (2, encode(mr())))
    assert answered.wait(10)
    (aside,) = node.rows("set_aside")
    assert aside["reason"] == "its SOP Instance UID is 1.2.3.4.1, but the C-STORE request says no UID"
    answered.clear()
    sender.put((3, command()), (2, encode(mr())))
    assert answered.wait(10)
    assert len(node.rows("instances")) == 1, "the association goes on"


def test_storing_for_long_is_not_the_peers_silence(reception, mr, monkeypatch, until):
    node = reception()
    sender = node.sender()
    (association,) = node.receiver._sessions
    looked = []
    real_look, real_keep = association.dimse.get_msg, node.inbox.keep
    association.dimse.get_msg = lambda block=False: (looked.append(1), real_look(block))[1]
    shifted = SimpleNamespace(now=time.time())

    def keep_for_hours(*what):
        shifted.now += 100_000
        looked.clear()
        until(lambda: len(looked) > 2, "the association's thread looked at its timers", 10)
        real_keep(*what)

    node.inbox.keep = keep_for_hours
    monkeypatch.setattr("pynetdicom.timer.time", SimpleNamespace(time=lambda: shifted.now))
    assert sender.store(mr()) == SUCCESS
    assert sender.echo()


def test_a_commit_that_fails_after_the_rename_is_no_success_and_nothing_is_in_the_way(reception, mr, monkeypatch):
    node = reception()
    sender = node.sender()

    def refuse(*arguments):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(intake, "register", refuse)
    assert sender.store(mr()) == OUT_OF_RESOURCES
    assert node.rows("instances") == node.rows("associations") == []
    monkeypatch.undo()
    assert sender.store(mr(InstanceNumber=9)) == SUCCESS, "the bytes that nobody was promised are replaced"
    (row,) = node.rows("instances")
    assert sha256_of_dataset(node.inbox.data_dir / row["path"]) == row["sha256"]


def test_the_row_comes_after_the_file_is_safe_and_the_answer_after_the_row(reception, mr):
    node = reception()
    seen = []
    real = node.inbox.keep

    def keep_and_look(temporary, uid):
        real(temporary, uid)
        seen.append((node.inbox.path_of(uid).exists(), node.rows("instances"), node.rows("units")))

    node.inbox.keep = keep_and_look
    assert node.sender().store(mr()) == SUCCESS
    assert len(node.rows("instances")) == 1
    assert seen == [(True, [], [])]


@pytest.mark.parametrize("same", [True, False])
def test_one_uid_on_two_associations_at_once_is_kept_once(reception, mr, same):
    node = reception()
    first, second = node.sender(), node.sender()
    both_in = threading.Barrier(2)
    real = node.inbox.keep

    def keep_when_both_would(temporary, uid):
        with contextlib.suppress(threading.BrokenBarrierError):
            both_in.wait(0.3)  # in vain: one UID is decided upon by one thread at a time
        real(temporary, uid)

    node.inbox.keep = keep_when_both_would
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(second.store, mr(InstanceNumber=1 if same else 9))
        statuses = sorted([first.store(mr()), other.result()])
    assert statuses == [SUCCESS, SUCCESS if same else DUPLICATE]
    (row,) = node.rows("instances")
    assert sha256_of_dataset(node.inbox.data_dir / row["path"]) == row["sha256"]


def test_a_mistake_of_this_software_costs_no_instance_and_no_association(reception, mr, monkeypatch):
    node = reception()
    sender = node.sender()

    def fail(*arguments):
        raise RuntimeError("SECRET-ID")

    monkeypatch.setattr(keep, "promises_of", fail)
    assert sender.store(mr()) == PROCESSING_FAILURE
    (aside,) = node.rows("set_aside")
    assert aside["reason"] == "reception failed on it: RuntimeError"
    monkeypatch.setattr(intake, "record_aside", fail)
    assert sender.store(mr()) == OUT_OF_RESOURCES
    monkeypatch.undo()
    assert sender.store(mr()) == SUCCESS


def test_a_disk_that_went_read_only_is_answered(reception, mr, encode, monkeypatch):
    node = reception()
    sender = node.sender()

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(stream.os, "write", refuse)
    monkeypatch.setattr(stream.Path, "unlink", refuse)
    assert sender.store(mr()) == OUT_OF_RESOURCES
    monkeypatch.setattr(stream, "free_bytes", refuse)
    assert sender.store(mr()) == OUT_OF_RESOURCES
    monkeypatch.undo()
    assert sender.store(mr()) == SUCCESS


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x04\x00" + struct.pack(">L", 0xFFFFFFF0),  # a PDU of 4 GiB
        b"\x04\x00" + struct.pack(">L", 10) + struct.pack(">LBB", 6, 1, 3) + b"junk",  # a command set that is none
        b"\x04\x00" + struct.pack(">L", 10) + struct.pack(">LBB", 6, 77, 0) + b"junk",  # a context never agreed
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_on_the_wire_ends_its_association_and_no_other(reception, mr, garbage):
    node = reception()
    other, broken = node.sender(), node.sender()
    broken.association.dul.socket.socket.sendall(garbage)
    broken.association.dul.join(10)
    assert other.store(mr()) == SUCCESS
    assert node.sender().echo()


def test_connections_that_ask_for_nothing_take_no_place_and_end_with_the_node(reception):
    node = reception(max_associations=1)
    said = (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\x00\x00")
    connections = [socket.create_connection(("127.0.0.1", node.receiver.port)) for _ in said]
    try:
        for connection, words in zip(connections, said, strict=True):
            connection.sendall(words)
        assert node.sender().echo()
        node.receiver.stop()
        assert node.receiver._server.active_associations == []
    finally:
        for connection in connections:
            connection.close()


def test_connections_beyond_the_bound_are_closed_at_once(reception, monkeypatch):
    monkeypatch.setattr(scp, "WAITING_CONNECTIONS", 1)
    node = reception(max_associations=1)
    connections = [socket.create_connection(("127.0.0.1", node.receiver.port), 10) for _ in range(8)]
    ended = select.select(connections, [], [], 10)[0]
    assert ended
    assert all(connection.recv(1) == b"" for connection in ended)
    for connection in connections:
        connection.close()


def test_a_monitor_that_connects_and_leaves_is_forgotten(reception, until):
    node = reception()
    with socket.create_connection(("127.0.0.1", node.receiver.port)):
        until(lambda: node.receiver._server.active_associations, "the connection is noticed", 10)
    until(lambda: not node.receiver._server.active_associations, "its threads are done", 10)


def test_a_pdu_that_trickles_in_is_given_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(server, "time", SimpleNamespace(monotonic=lambda: now[0]))

    class Trickle:
        def gettimeout(self):
            return 60.0

        def setsockopt(self, *option):
            pass

        def recv_into(self, view):
            now[0] += 50.0  # always just before the socket's own time-out
            return 1

    wire = object.__new__(server._Wire)
    wire.socket, wire._assoc = Trickle(), SimpleNamespace(acceptor=SimpleNamespace(maximum_length=16384))
    with pytest.raises(TimeoutError, match="2 of 100000 bytes"):
        wire.recv(100_000)


def test_only_a_data_set_that_takes_long_is_activity(reception):
    node = reception()
    with node.database.transaction() as connection:
        id_ = intake.open_association(connection, intake.Association("CT", "NODE", "127.0.0.1", 0.0))

    class Transfers:
        """What the watching thread sees of an association, second by second."""

        is_released = True
        dul = SimpleNamespace(is_alive=lambda: False)

        def __init__(self, *arriving):
            self._seen, self.dimse = list(arriving), SimpleNamespace(arriving=None)

        def is_alive(self):
            return bool(self._seen)

        def join(self, seconds):
            self.dimse.arriving = self._seen.pop(0)

    def watched(*arriving):
        transfers = Transfers(*arriving)
        node.receiver._sessions[transfers] = keep.Session(None, id_)
        node.receiver._watch(transfers)
        return node.rows("associations")[0]["active_at"]

    small = [SimpleNamespace(size_bytes=100 * n, whole=n % 2) for n in range(5)]
    assert watched(*small) is None, "a sender that never pauses holds no series open"

    stuck = SimpleNamespace(size_bytes=100, whole=False)
    assert watched(stuck, stuck, stuck) is None

    class Loop:
        """Four gigabytes that grow whenever somebody looks."""

        size_bytes, whole = property(lambda self: next(self.sizes)), False
        sizes = itertools.count(1)

    loop = Loop()
    assert watched(loop, loop, None) == node.clock()
    node.clock.advance(100)
    syncing = SimpleNamespace(size_bytes=100, whole=True)
    assert watched(syncing, syncing) == node.clock()


def test_uids_never_become_paths(reception, mr, encode):
    node = reception()
    data = encode(mr()).replace(b"1.2.3.4.1\0", b"../../etc\0")
    assert node.sender().send(data).Status == CANNOT_UNDERSTAND
    (aside,) = node.rows("set_aside")
    assert "is not a UID" in aside["reason"]
    names = {path.name for path in node.inbox.data_dir.rglob("*") if path.is_file()}
    assert all(name.startswith("node.") or len(name) == 68 for name in names)


def test_storescu_of_dcmtk_sends_and_is_heard(reception, mr, tmp_path, needs_program):
    storescu, echoscu = needs_program("/usr/bin/storescu"), needs_program("/usr/bin/echoscu")
    node = reception(tmp_path / "node")
    port = str(node.receiver.port)
    subprocess.run([echoscu, "-aec", "ANY", "127.0.0.1", port], check=True, timeout=20)
    for number in (1, 2, 3):
        instance = mr(number)
        instance.file_meta = pydicom.dataset.FileMetaDataset()
        instance.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        instance.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    files = [str(tmp_path / f"{number}.dcm") for number in (1, 2, 3)]
    subprocess.run([storescu, "127.0.0.1", port, *files], check=True, timeout=20, env={"TCP_NODELAY": "1"})
    assert [row["sop_instance_uid"] for row in node.rows("instances")] == ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
    assert [row["closed_how"] for row in node.closed()] == ["released"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_really_full_refuses_and_keeps_what_it_promised(reception, mr, encode, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 << 20))
    node = reception(small_disk, min_free_mib=0)
    sender = node.sender()
    statuses = []
    for number in range(1, 20):
        data = encode(mr(number, EncapsulatedDocument=bytes(700_000)))
        statuses.append(sender.send(data, sop_instance=f"1.2.3.4.{number}").Status)
    assert {0, OUT_OF_RESOURCES} == set(statuses)
    rows = node.rows("instances")
    assert len(rows) == statuses.count(0)
    for row in rows:
        assert sha256_of_dataset(small_disk / row["path"]) == row["sha256"]
    assert list(node.inbox.incoming.iterdir()) == []
    filler.unlink()
    assert sender.send(data, sop_instance="1.2.3.4.19").Status == SUCCESS
