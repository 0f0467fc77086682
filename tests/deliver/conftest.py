"""A node's memory with the results of one analyse job in it, ready to be delivered."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.config import NodeConfig, NodeSettings, Peer, Retry
from dicom_node.database import Database
from dicom_node.deliver import Deliverer, Outgoing
from dicom_node.encode import EncodedObject
from dicom_node.jobs import ANALYSE, AnalyseWork, Job, Queue, ResultRow
from dicom_node.storage import Outbox


def result_file(path: Path, sop_class_uid: str, uid: str, syntax: str = ExplicitVRLittleEndian) -> Path:
    """A small part-10 file of any class, with 8 x 8 pixels."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    dataset.PatientID, dataset.Modality = "P1", "OT"
    dataset.Rows = dataset.Columns = 8
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = np.arange(64, dtype=np.uint8).tobytes()
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def never_needed(objects: Sequence[Outgoing], accepted: Container[str], *more: object) -> NoReturn:
    """The ``adapt`` of tests whose peers take everything."""
    raise AssertionError("this peer takes everything: nothing was to be adapted")


@dataclass
class World:
    """The parts that a delivery meets, with a clock that the test sets."""

    data_dir: Path
    now: float = 1_000_000.0
    peers: dict[str, Peer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = Database(self.data_dir / "node.db")
        self.queue = Queue(self.database, lambda: self.now)
        self.outbox = Outbox(self.data_dir)

    def add_peer(self, name: str, port: int, **changes: object) -> None:
        settings: dict = {"ae_title": "ARCHIVE", "timeout_s": 5.0, "retry": Retry(10.0, 2.0, 600.0, 1000.0), **changes}
        self.peers[name] = Peer(name, host="127.0.0.1", port=port, **settings)

    def results(
        self, *objects: tuple[str, str, str], syntax: str = ExplicitVRLittleEndian, revises: int | None = None
    ) -> tuple[Job, ...]:
        """Finishes an analyse job (a revision of the job ``revises``) with these (role, SOP class, UID); returns the
        deliver jobs, one per peer.
        """

        def rows(folder: Path) -> Iterator[ResultRow]:
            for role, sop_class, uid in objects:
                path = result_file(folder / f"{uid}.dcm", sop_class, uid, syntax)
                yield self._row(path, uid, role, "1.2.3", "1.2.3.4", sop_class, syntax)

        return self._finish(rows, revises)

    def encoded(self, objects: Sequence[EncodedObject], study_uid: str, revises: int | None = None) -> tuple[Job, ...]:
        """Finishes an analyse job (a revision of the job ``revises``) with what the encoders made; returns the
        deliver jobs, one per peer.
        """

        def rows(folder: Path) -> Iterator[ResultRow]:
            folder.mkdir()
            for one in objects:
                path = Path(shutil.copy(one.path, folder))
                names = one.sop_instance_uid, one.role, study_uid, one.series_uid, one.sop_class_uid
                yield self._row(path, *names, one.transfer_syntax_uid)

        return self._finish(rows, revises)

    def _row(self, path: Path, *names: str) -> ResultRow:
        return ResultRow(*names, path.relative_to(self.data_dir).as_posix(), path.stat().st_size, "0" * 64)

    def _finish(self, rows: Callable[[Path], Iterable[ResultRow]], revises: int | None = None) -> tuple[Job, ...]:
        uid = f"1.2.{len(self.queue.list())}"
        work = AnalyseWork(
            "rule", "algorithm", {}, "series", uid, 1, (f"{uid}.5",), tuple(self.peers), 60.0, 512, "",
        )  # fmt: skip
        with self.database.transaction() as connection:
            self.queue.put_analyse(connection, work, predecessor_id=revises)
        job = self.queue.claim(ANALYSE)
        self.queue.finish(job, list(rows(self.outbox.folder / str(job.id))))
        return tuple(reversed(self.queue.list(parent_id=job.id)))

    def deliverer(self, adapt: Callable = never_needed) -> Deliverer:
        settings = NodeSettings(data_dir=self.data_dir)
        config = NodeConfig(settings, self.peers, (), self.data_dir / "routing.yaml")
        return Deliverer(self.database, self.queue, self.outbox, config, adapt, lambda: self.now)

    def rows(self, job: Job) -> dict[str, dict]:
        """The job's deliveries by UID."""
        found = self.database.query("SELECT * FROM deliveries WHERE job_id = ? ORDER BY rowid", (job.id,))
        return {row["sop_instance_uid"]: dict(row) for row in found}

    def states(self, job: Job) -> dict[str, str]:
        return {uid: row["state"] for uid, row in self.rows(job).items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "node"
    folder.mkdir()
    return World(folder)


@pytest.fixture
def make_file() -> Callable[..., Path]:
    """``result_file``, for tests that make further objects."""
    return result_file


@pytest.fixture
def stalling() -> Iterator[Callable[[int, int], int]]:
    """A function: (port, after_bytes) -> port of a relay to it that stops reading after so many bytes."""
    done = threading.Event()
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def forward(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        while limit is None or passed < limit:
            try:
                data = source.recv(16384)
                if not data:
                    return
                target.sendall(data)
            except OSError:
                return
            passed += len(data)
        done.wait(30)

    def serve(listener: socket.socket, port: int, limit: int) -> None:
        inner, _ = listener.accept()
        with inner, socket.create_connection(("127.0.0.1", port)) as outer:
            back = threading.Thread(target=forward, args=(outer, inner, None))
            back.start()
            forward(inner, outer, limit)
            for end in (inner, outer):
                end.shutdown(socket.SHUT_RDWR)
            back.join()

    def start(port: int, after_bytes: int) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, port, after_bytes)))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    done.set()
    for thread in threads:
        thread.join(30)
    for listener in listeners:
        listener.close()
