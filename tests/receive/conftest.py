"""A receiver on loopback, and a sender that puts bytes on the wire as they are."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import build_context

from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.receive import Receiver
from dicom_node.storage import Inbox
from dicom_node.testing import FakeClock

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"


def mr_instance(number: int = 1, series: str = "1.2.3.4", **values: Any) -> Dataset:
    """A small MR image; keywords add or replace attributes, None leaves one out."""
    dataset = Dataset()
    dataset.SOPClassUID = MR_IMAGE_STORAGE
    dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = series
    dataset.Modality = "MR"
    dataset.PatientID = "SECRET-ID"
    dataset.InstanceNumber = number
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def encoded(dataset: Dataset, implicit: bool = False, little: bool = True) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def store_command(sop_instance: str = "1.2.3.4.1", message_id: int = 1, **changed: bytes | None) -> bytes:
    """A C-STORE-RQ command set by hand (PS3.7 table 9.3-1); keywords replace a value or leave it out."""
    padded = sop_instance.encode() + b"\0" * (len(sop_instance) % 2)
    values = {
        "AffectedSOPClassUID": (0x0002, MR_IMAGE_STORAGE.encode() + b"\0"),
        "CommandField": (0x0100, b"\x01\x00"),
        "MessageID": (0x0110, struct.pack("<H", message_id)),
        "Priority": (0x0700, b"\x02\x00"),
        "CommandDataSetType": (0x0800, b"\x01\x00"),
        "AffectedSOPInstanceUID": (0x1000, padded),
    }
    command = b""
    for keyword, (element, value) in values.items():
        value = changed.get(keyword, value)
        if value is not None:
            command += struct.pack("<HHL", 0, element, len(value)) + value
    return struct.pack("<HHLL", 0, 0, 4, len(command)) + command


@dataclass
class Sender:
    """One association that sends raw data sets."""

    port: int
    syntax: str = ExplicitVRLittleEndian
    classes: tuple[str, ...] = (MR_IMAGE_STORAGE,)
    contexts: Sequence[tuple[str, str]] = ()  # (class, transfer syntax), in place of the two above
    calling: str = "MODALITY"
    called: str = "DICOM_NODE"
    association: Any = field(init=False)

    def __post_init__(self) -> None:
        ae = AE(self.calling)
        ae.acse_timeout = ae.dimse_timeout = 60
        ae.network_timeout = None  # one sender may wait for another, however busy the machine is
        pairs = self.contexts or [(uid, self.syntax) for uid in self.classes]
        contexts = [build_context(uid, [syntax]) for uid, syntax in pairs] + [build_context(VERIFICATION)]
        self.association = ae.associate("127.0.0.1", self.port, contexts, ae_title=self.called)
        self._wire = self.association.dul.socket.socket if self.association.is_established else None
        # pynetdicom's own loop now and then takes an answer away; the pause that send_c_store makes does not prevent it
        wait_for_message = self.association.dimse.get_msg
        self.association.dimse.get_msg = lambda block=False: wait_for_message(block) if block else (None, None)

    def accepts(self, sop_class: str, syntax: str) -> bool:
        return bool(self._contexts(sop_class, syntax))

    def _contexts(self, sop_class: str, syntax: str) -> list[Any]:
        accepted = self.association.accepted_contexts
        return [c for c in accepted if c.abstract_syntax == sop_class and c.transfer_syntax == [syntax]]

    def send(
        self,
        data: bytes,
        sop_class: str = MR_IMAGE_STORAGE,
        sop_instance: str = "1.2.3.4.1",
        syntax: str | None = None,
    ) -> Dataset:
        """The response; empty where the association broke."""
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, sop_instance
        request.DataSet = BytesIO(data)
        (context,) = self._contexts(sop_class, syntax or self.syntax)
        self.association.dimse.send_msg(request, context.context_id)
        if not data:  # pynetdicom then sends no fragment at all, not even the last one
            last = P_DATA()
            last.presentation_data_value_list = [[context.context_id, b"\x02"]]
            self.association.dul.send_pdu(last)
        _, answer = self.association.dimse.get_msg(block=True)
        response = Dataset()
        if answer is not None:
            response.Status = answer.Status
            response.ErrorComment = answer.ErrorComment or ""
        return response

    def store(self, dataset: Dataset) -> int:
        return self.send(encoded(dataset), dataset.SOPClassUID, dataset.SOPInstanceUID).Status

    def put(self, *fragments: tuple[int, bytes]) -> None:
        """(Message control header, bytes), each as a PDU of its own; nobody waits for an answer."""
        (context,) = self._contexts(self.classes[0], self.syntax)
        for control, fragment in fragments:
            value = struct.pack(">LBB", len(fragment) + 2, context.context_id, control) + fragment
            self._wire.sendall(struct.pack(">BBL", 4, 0, len(value)) + value)

    def echo(self) -> bool:
        return self.association.send_c_echo().get("Status") == 0

    def release(self) -> None:
        self.association.release()

    def end(self) -> None:
        if self.association.is_established:
            self.association.abort()
        if self._wire is not None:
            self._wire.close()  # pynetdicom leaves it open where the peer was gone first


@dataclass
class Reception:
    """A running receiver with what it works on."""

    receiver: Receiver
    settings: NodeSettings
    database: Database
    inbox: Inbox
    clock: FakeClock
    senders: list[Sender] = field(default_factory=list)

    def sender(self, **options: Any) -> Sender:
        self.senders.append(Sender(self.receiver.port, **options))
        return self.senders[-1]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.database.query(f"SELECT * FROM {table}")]

    def closed(self) -> list[dict[str, Any]]:
        """The associations, when all of them have ended: the last row is written just after the peer hears of it."""
        deadline = time.monotonic() + 10
        while any(row["closed_at"] is None for row in self.rows("associations")) and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.rows("associations")


@pytest.fixture
def reception(tmp_path: Path) -> Iterator[Callable[..., Reception]]:
    """A function: settings -> a receiver that listens on a free port of loopback."""
    running: list[Reception] = []

    def start(data_dir: Path = tmp_path, **settings: Any) -> Reception:
        data_dir.mkdir(exist_ok=True)
        chosen = replace(NodeSettings(port=0, data_dir=data_dir, min_free_mib=1), **settings)
        database, inbox, clock = Database(data_dir / "node.db"), Inbox(data_dir), FakeClock()
        receiver = Receiver(chosen, database, inbox, clock, on_change=lambda: None)
        receiver.start()
        running.append(Reception(receiver, chosen, database, inbox, clock))
        return running[-1]

    yield start
    for one in running:
        for sender in one.senders:
            sender.end()
        one.receiver.stop()
        one.database.close()


@pytest.fixture
def mr() -> Callable[..., Dataset]:
    return mr_instance


@pytest.fixture
def encode() -> Callable[..., bytes]:
    return encoded


@pytest.fixture
def command() -> Callable[..., bytes]:
    return store_command


@pytest.fixture
def sender_to() -> Iterator[Callable[[int], Sender]]:
    """A function: port -> a sender with one association to it."""
    made: list[Sender] = []

    def associate(port: int) -> Sender:
        made.append(Sender(port))
        return made[-1]

    yield associate
    for sender in made:
        sender.end()
