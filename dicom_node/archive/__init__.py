"""A small archive: C-ECHO, C-STORE into a folder, C-FIND (Study Root). For trials, the demo and tests.

Files lie as ``<study>/<series>/<instance>.dcm``. It counts how often each instance came, so that a test can say
"exactly once". ``Behaviour`` makes it an archive with faults. It is no place for patients' images: no security,
no backup, no deletion.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_node.archive.query import answers
from dicom_node.errors import StorageError
from dicom_node.receive import command
from dicom_node.receive.server import StorageServer
from dicom_node.receive.stream import IncomingDataSet

log = logging.getLogger(__name__)

SUCCESS = 0x0000
PENDING = 0xFF00
CANCELLED = 0xFE00
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
INVALID_QUERY = 0xA900

MOST_ASSOCIATIONS = 50
MAX_PDU = 131072

_SAFE = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One C-STORE as a ``Behaviour`` sees it; ``number`` counts from 1 over the archive's life."""

    number: int
    sop_class_uid: str
    sop_instance_uid: str
    abort: Callable[[], None]


def _no_objection(request: StoreRequest) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Faults to show. ``before`` may give a status to answer in place of storing; both hooks may block or abort."""

    refused_sop_classes: tuple[str, ...] = ()
    transfer_syntaxes: tuple[str, ...] = tuple(ALL_TRANSFER_SYNTAXES)
    offers_find: bool = True
    before: Callable[[StoreRequest], int | None] = _no_objection
    after: Callable[[StoreRequest], int | None] = _no_objection


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance at the archive."""

    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str
    header: Dataset


class EmbeddedArchive:
    """The archive; listens inside a ``with`` block, or between ``start`` and ``stop``. Port 0 takes a free one.

    What lies in ``folder`` from an earlier run is there again.
    """

    def __init__(
        self,
        folder: Path,
        ae_title: str = "ARCHIVE",
        bind: str = "127.0.0.1",
        port: int = 0,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.folder = folder
        self.ae_title = ae_title
        self.behaviour = behaviour or Behaviour()
        self.port = port
        self._bind = bind
        self._arriving = folder / ".arriving"
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._times: dict[str, int] = {}
        self._order: list[str] = []
        self._requests = 0
        self._server: Any = None

    def __enter__(self) -> EmbeddedArchive:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listens. Raises StorageError where the port is taken or the folder cannot be made."""
        entity = AE(ae_title=self.ae_title)
        entity.maximum_associations = MOST_ASSOCIATIONS
        entity.maximum_pdu_size = MAX_PDU
        handlers = [(evt.EVT_C_FIND, self._on_find)]
        try:
            self._arriving.mkdir(parents=True, exist_ok=True)
            for left in self._arriving.iterdir():
                left.unlink()
            self._index_folder()
            self._server = StorageServer(
                entity,
                (self._bind, self.port),
                self.ae_title,
                self._contexts(),
                handlers,
                lambda meta: IncomingDataSet(self._arriving, meta, 0),
                lambda association, request, incoming: command.Answer(self._store(association, request, incoming)),
                lambda association: association.join(),
            )
        except OSError as error:
            raise StorageError(f"the archive cannot start on {self._bind}:{self.port}: {error.strerror}") from error
        self._server.start()
        self.port = self._server.server_address[1]

    def stop(self) -> None:
        """Stops listening and ends open associations."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def kept(self) -> dict[str, Kept]:
        """What it has, by SOP Instance UID."""
        with self._lock:
            return dict(self._kept)

    @property
    def times_stored(self) -> dict[str, int]:
        """How often each SOP Instance UID was stored since the start: 1 is once, 2 a duplicate."""
        with self._lock:
            return dict(self._times)

    @property
    def order(self) -> tuple[str, ...]:
        """SOP Instance UIDs in the order of storing, duplicates included."""
        with self._lock:
            return tuple(self._order)

    def _contexts(self) -> list[PresentationContext]:
        storage = [
            build_context(str(context.abstract_syntax), list(self.behaviour.transfer_syntaxes))
            for context in AllStoragePresentationContexts
            if context.abstract_syntax not in self.behaviour.refused_sop_classes
        ]
        find = [build_context(StudyRootQueryRetrieveInformationModelFind)] if self.behaviour.offers_find else []
        return [*storage, build_context(Verification), *find]

    def _index_folder(self) -> None:
        for path in sorted(self.folder.glob("*/*/*.dcm")):
            header = dcmread(path, stop_before_pixels=True)
            self._kept[str(header.SOPInstanceUID)] = _kept(path, header)

    def _store(self, association: Association, asked: command.StoreRequest, incoming: IncomingDataSet) -> int:
        with self._lock:
            self._requests += 1
            number = self._requests
        request = StoreRequest(
            number, asked.sop_class_uid, asked.sop_instance_uid, lambda: association.abort(block=False)
        )
        objection = self.behaviour.before(request)
        if objection is not None:
            return objection
        try:
            self._keep(incoming, request.sop_instance_uid)
        except OSError as error:
            log.error("an instance cannot be written: %s", error.strerror)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 - the SCP's boundary: a broken data set must not end the server
            log.error("an instance cannot be understood (%s)", type(error).__name__)
            return CANNOT_UNDERSTAND
        overruled = self.behaviour.after(request)
        return SUCCESS if overruled is None else overruled

    def _keep(self, incoming: IncomingDataSet, sop_instance_uid: str) -> None:
        if incoming.problem is not None:
            raise OSError(errno.ENOSPC, incoming.problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = dcmread(incoming.path, stop_before_pixels=True)
        target = (
            self.folder
            / safe_name(str(header.StudyInstanceUID))
            / safe_name(str(header.SeriesInstanceUID))
            / f"{safe_name(sop_instance_uid)}.dcm"
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        incoming.path.replace(target)
        with self._lock:
            self._kept[sop_instance_uid] = _kept(target, header)
            self._times[sop_instance_uid] = self._times.get(sop_instance_uid, 0) + 1
            self._order.append(sop_instance_uid)

    def _on_find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        with self._lock:
            headers = [kept.header for kept in self._kept.values()]
        try:
            found = answers(event.identifier, headers)
        except ValueError:
            yield INVALID_QUERY, None
            return
        for answer in found:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, answer


def _kept(path: Path, header: Dataset) -> Kept:
    return Kept(path, str(header.SOPClassUID), str(header.file_meta.TransferSyntaxUID), header)


def safe_name(uid: str) -> str:
    """A UID as a file name; anything that is no UID becomes a digest, so that it cannot lead out of the folder."""
    return uid if _SAFE.fullmatch(uid) and len(uid) <= 64 else hashlib.sha256(uid.encode()).hexdigest()
