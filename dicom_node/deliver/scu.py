"""One association as a requestor: C-STORE straight from disk, and C-FIND for one instance."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, build_context, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_node.errors import PeerError

_config.STORE_SEND_CHUNKED_DATASET = True  # pynetdicom's switch for sending from disk is one for the process

log = logging.getLogger(__name__)

MOST_CONTEXTS = 128
"""Presentation contexts in one association (PS3.8 section 9.3.2.2: odd numbers from 1 to 255)."""

QUEUED_PDUS = 64
_PENDING = (0xFF00, 0xFF01)


@dataclass(frozen=True, slots=True)
class Remote:
    """Whom to call, under which names, and how long to wait for each step."""

    host: str
    port: int
    called_ae: str
    calling_ae: str
    timeout_s: float = 30.0

    def __str__(self) -> str:
        return f"{self.called_ae} at {self.host}:{self.port}"


class ScuAssociation:
    """An association that is open inside a ``with`` block.

    Args:
        remote: the other side.
        wanted: pairs (SOP class UID, transfer syntax UID), each proposed as a context of its own, so that the
            answer says which encodings the peer takes. At most ``MOST_CONTEXTS - 2``.
        find: also propose C-FIND (Study Root).
    """

    def __init__(self, remote: Remote, wanted: Iterable[tuple[str, str]], find: bool = False) -> None:
        self._remote = remote
        self._contexts = [build_context(sop_class, [syntax]) for sop_class, syntax in dict.fromkeys(wanted)]
        self._contexts.append(build_context(Verification))  # accepted by all: an answer even where nothing else is
        if find:
            self._contexts.append(build_context(StudyRootQueryRetrieveInformationModelFind))
        self._association: Any = None
        self._messages = 0

    def __enter__(self) -> ScuAssociation:
        """Raises PeerError where the peer cannot be reached, rejects or aborts; the text says what to check."""
        entity = AE(ae_title=self._remote.calling_ae)
        timeout_s = self._remote.timeout_s
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = timeout_s
        entity.network_timeout = None  # silence between two messages is ours: a file being rewritten
        association = entity.associate(
            self._remote.host,
            self._remote.port,
            contexts=self._contexts,
            ae_title=self._remote.called_ae,
            evt_handlers=[(evt.EVT_CONN_OPEN, _prepare_socket, [timeout_s])],
        )
        if not association.is_established:
            raise PeerError(self._why_not(association))
        _bound_memory(association)
        _answers_to_the_caller(association)
        self._association = association
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._association.is_established:
            self._association.release()

    @property
    def accepted(self) -> frozenset[tuple[str, str]]:
        """(SOP class UID, transfer syntax UID) that the peer takes."""
        return frozenset(
            (str(context.abstract_syntax), str(context.transfer_syntax[0]))
            for context in self._association.accepted_contexts
        )

    def store(self, path: Path) -> int:
        """Sends one part-10 file whose (class, syntax) is accepted. Returns the status of the response.

        Memory stays bounded whatever the size of the file.

        Raises:
            PeerError: no response: whether the peer has stored it is unknown.
        """
        self._messages += 1
        if not self._association.is_established:
            raise PeerError(f"{self._remote} closed the association")
        answer = self._association.send_c_store(path, msg_id=self._messages % 0xFFFF + 1)
        if "Status" not in answer:
            raise PeerError(
                f"{self._remote} did not answer a C-STORE within {self._remote.timeout_s:g} s or closed the connection"
            )
        return int(answer.Status)

    def has_instance(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:
        """Asks by C-FIND whether the peer has an instance; ``None`` where it cannot tell."""
        model = StudyRootQueryRetrieveInformationModelFind
        if not any(context.abstract_syntax == model for context in self._association.accepted_contexts):
            return None
        query = Dataset()
        query.QueryRetrieveLevel = "IMAGE"
        query.StudyInstanceUID, query.SeriesInstanceUID = study_uid, series_uid
        query.SOPInstanceUID = sop_instance_uid
        found = False
        for status, match in self._association.send_c_find(query, model):
            code = status.get("Status")
            if code in _PENDING:
                found = found or (match is not None and match.get("SOPInstanceUID") == sop_instance_uid)
            elif code != 0x0000:
                return None
        return found

    def _why_not(self, association: Any) -> str:
        if association.is_rejected:
            answer = association.acceptor.primitive
            return (
                f"{self._remote} rejected the association ({answer.result_str}; {answer.reason_str}): check that "
                f"the called AE title is its own and that the calling AE title {self._remote.calling_ae} is known there"
            )
        refusal = _connection_fault(self._remote)
        if refusal:
            return f"no connection to {self._remote}: {refusal}; check host and port, and that the peer is running"
        return (
            f"{self._remote} accepts connections but aborted the association: check the port, that "
            f"the called AE title is its own and that the calling AE title {self._remote.calling_ae} is known there"
        )


def _connection_fault(remote: Remote) -> str:
    """Why a connection fails (pynetdicom only logs it); '' where it does not."""
    try:
        with socket.create_connection((remote.host, remote.port), timeout=min(remote.timeout_s, 5.0)):
            return ""
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__


def _prepare_socket(event: Any, timeout_s: float) -> None:
    """TCP_NODELAY: without it the data of each C-STORE may wait 40 ms for the command's acknowledgement.

    SO_SNDTIMEO: a peer that stops reading ends the association; pynetdicom would wait for ever.
    """
    connection = event.assoc.dul.socket.socket
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seconds = int(timeout_s)
    timeval = struct.pack("ll", seconds, int((timeout_s - seconds) * 1e6))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _bound_memory(association: Any) -> None:
    """Lets the reading of a file wait for the network: pynetdicom's queue between the two takes any amount."""
    queue = association.dul.to_provider_queue
    put = queue.put

    def put_when_there_is_room(item: object) -> None:
        while queue.qsize() >= QUEUED_PDUS and association.dul.is_alive() and association.is_established:
            time.sleep(0.0005)
        put(item)

    queue.put = put_when_there_is_room


def _answers_to_the_caller(association: Any) -> None:
    """Keeps pynetdicom's reactor thread from taking the response that the calling thread waits for.

    Its pause for a request has a gap (Association._run_reactor between ``wait`` and ``_is_paused = False``): a
    fast response could be taken as a request there, and the sender would wait until the time-out. Only the reactor
    polls, and a requestor without role selection gets no requests.
    """
    get = association.dimse.get_msg

    def get_for_the_caller(block: bool = False) -> Any:
        return get(block=True) if block else (None, None)

    association.dimse.get_msg = get_for_the_caller
