"""From a whole data set to a promise: file, row, answer.

Statuses (PS3.4 table B.2-1, PS3.7 annex C), and why these:

- 0000 only after the bytes are synced and the row is committed. The same bytes again (digest of the data set): 0000.
- 0111 for a known SOP Instance UID with other bytes. No warning status says this; a success would let the sender
  believe that its version is the one in use. The digest decides, so the same object in another transfer syntax is
  "other bytes" too: without decoding every pixel nobody can know that it is the same. The bytes are kept aside.
- A900 where request and data set name different SOP classes or instances; C000 where the data set cannot be understood
  or lacks a UID. Kept aside both.
- A700 where the disk refuses or would be filled: the sender keeps it and tries again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from dicom_node import intake
from dicom_node.database import Database
from dicom_node.errors import StorageError, UnreadableInstance
from dicom_node.failure import describe
from dicom_node.failure import reason as reason_of
from dicom_node.receive.command import Answer, Status, StoreRequest
from dicom_node.receive.exclusion import reason_to_exclude
from dicom_node.receive.header import Header, is_uid, read_header
from dicom_node.receive.promises import promises_of
from dicom_node.receive.stream import IncomingDataSet
from dicom_node.storage import Inbox

log = logging.getLogger(__name__)

STRIPES = 64


@dataclass
class Session:
    """One association while it lives. ``id`` is its row, made with the first instance that it brings."""

    association: intake.Association
    id: int | None = None
    established: bool = False
    ended: bool = False


@dataclass(frozen=True)
class Arrived:
    """A whole data set, with what its request said."""

    data: IncomingDataSet
    request: StoreRequest
    session: Session

    @property
    def file_bytes(self) -> int:
        return self.data.offset + self.data.size_bytes

    @property
    def log_fields(self) -> dict[str, str]:
        """UIDs only; what is no UID is not shown."""
        uid, sop_class = self.request.sop_instance_uid, self.request.sop_class_uid
        return {
            "sop_instance_uid": uid if is_uid(uid) else "no UID",
            "sop_class_uid": sop_class if is_uid(sop_class) else "no UID",
            "calling_ae": self.session.association.calling_ae,
        }


class Keeper:
    """Keeps what arrives, and says so in rows."""

    def __init__(self, database: Database, inbox: Inbox, clock: Callable[[], float]) -> None:
        self._database = database
        self._inbox = inbox
        self._clock = clock
        self._uid_locks = tuple(threading.Lock() for _ in range(STRIPES))  # one UID on two associations at once

    def answer(self, arrived: Arrived) -> Answer:
        """The C-STORE response. This is the SCP's boundary: whatever happens inside, the association goes on."""
        try:
            return self._decide(arrived)
        except (StorageError, OSError) as error:
            log.error("instance refused: %s", reason_of(error), extra=arrived.log_fields)
            return Answer(Status.OUT_OF_RESOURCES, "the disk refused; send again later")
        except Exception as error:  # noqa: BLE001 - this is the boundary
            log.error("instance not stored: reception failed on it\n%s", describe(error), extra=arrived.log_fields)
            return self._keep_the_bytes(arrived, error)

    def _keep_the_bytes(self, arrived: Arrived, error: Exception) -> Answer:
        """For a data set that met a mistake of this software."""
        try:
            reason = f"reception failed on it: {type(error).__name__}"
            return self._set_aside(arrived, "undecodable", reason, Status.PROCESSING_FAILURE)
        except Exception as again:  # noqa: BLE001 - still the boundary
            log.error("it could not be set aside either\n%s", describe(again), extra=arrived.log_fields)
            return Answer(Status.OUT_OF_RESOURCES, "reception failed; see the log of the node")

    def _decide(self, arrived: Arrived) -> Answer:
        request = arrived.request
        if arrived.data.problem is not None:
            log.error("instance refused: %s", arrived.data.problem, extra=arrived.log_fields)
            return Answer(Status.OUT_OF_RESOURCES, arrived.data.problem)
        try:
            header = read_header(arrived.data.path, arrived.data.offset, request.transfer_syntax_uid)
        except UnreadableInstance as error:
            return self._set_aside(arrived, "undecodable", str(error), Status.CANNOT_UNDERSTAND)
        for name, asked, found in (
            ("SOP Class UID", request.sop_class_uid, header.sop_class_uid),
            ("SOP Instance UID", request.sop_instance_uid, header.sop_instance_uid),
        ):
            if asked != found:
                said = asked if is_uid(asked) else "no UID"
                reason = f"its {name} is {found}, but the C-STORE request says {said}"
                return self._set_aside(arrived, "undecodable", reason, Status.DATA_SET_DOES_NOT_MATCH)
        with self._uid_locks[hash(header.sop_instance_uid) % STRIPES]:
            return self._keep(arrived, header)

    def _keep(self, arrived: Arrived, header: Header) -> Answer:
        uid = header.sop_instance_uid
        known = intake.known_instance(self._database, uid)
        if known is not None and known["sha256"] != arrived.data.sha256:
            other_syntax = known["transfer_syntax_uid"] != arrived.request.transfer_syntax_uid
            reason = (
                f"SOP Instance UID {uid} is known with other bytes{', in another transfer syntax' * other_syntax}: "
                "the first stays in use, this one is kept aside"
            )
            return self._set_aside(arrived, "conflict", reason, Status.DUPLICATE_SOP_INSTANCE)
        if known is not None and self._inbox.holds(uid, known["size_bytes"]):
            log.info("instance came again and is known", extra=arrived.log_fields)
            return Answer(Status.SUCCESS)
        excluded = reason_to_exclude(header, intake.own_result(self._database, uid))
        promises = promises_of(header)
        self._inbox.keep(arrived.data.path, uid)
        if known is None:
            self._register(arrived, header, excluded, promises)
        else:  # acknowledged once, but the file was removed or cut off: it is whole again
            with self._database.transaction() as connection:
                intake.restore(connection, uid, arrived.file_bytes)
        log.info("instance kept", extra={**arrived.log_fields, "series_uid": header.series_uid})
        return Answer(Status.SUCCESS)

    def _register(
        self, arrived: Arrived, header: Header, excluded: str | None, promises: tuple[intake.Promise, ...]
    ) -> None:
        """The row; committed when this returns."""
        session, now = arrived.session, self._clock()  # now, not before the sync: silence begins here
        with self._database.transaction() as connection:
            association_id = session.id or intake.open_association(connection, session.association)
            intake.register(
                connection,
                intake.ReceivedInstance(
                    sop_instance_uid=header.sop_instance_uid,
                    sop_class_uid=header.sop_class_uid,
                    transfer_syntax_uid=arrived.request.transfer_syntax_uid,
                    study_uid=header.study_uid,
                    series_uid=header.series_uid,
                    path=self._inbox.relative(self._inbox.path_of(header.sop_instance_uid)),
                    size_bytes=arrived.file_bytes,
                    sha256=arrived.data.sha256,
                    received_at=now,
                    association_id=association_id,
                    calling_ae=session.association.calling_ae,
                    called_ae=session.association.called_ae,
                    excluded=excluded,
                    promises=promises,
                ),
            )
        session.id = association_id

    def _set_aside(self, arrived: Arrived, kind: intake.AsideKind, reason: str, status: Status) -> Answer:
        request = arrived.request
        path = self._inbox.set_aside(arrived.data.path, arrived.data.sha256)
        aside = intake.SetAside(
            kind=kind,
            reason=reason,
            path=path,
            size_bytes=arrived.file_bytes,
            sha256=arrived.data.sha256,
            sop_class_uid=request.sop_class_uid if is_uid(request.sop_class_uid) else "",
            sop_instance_uid=request.sop_instance_uid if is_uid(request.sop_instance_uid) else "",
            calling_ae=arrived.session.association.calling_ae,
            at=self._clock(),
        )
        with self._database.transaction() as connection:
            intake.record_aside(connection, aside)
        log.warning("instance set aside: %s", reason, extra={**arrived.log_fields, "kind": kind})
        return Answer(status, reason)
