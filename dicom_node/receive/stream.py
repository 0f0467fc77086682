"""C-STORE data sets go to a file while they arrive; nothing of them is held in memory.

pynetdicom can do so too (``STORE_RECV_CHUNKED_DATASET``), but into the system's temporary folder, for the whole
process, and a full disk or a strange command set ends its thread without an answer. This provider writes into the
inbox's own file system (so that keeping is one rename), hashes on the way, drains what cannot be written so that it can
be answered, and bounds everything else that a peer could make grow.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import P_DATA

from dicom_node import IMPLEMENTATION_CLASS_UID, __version__
from dicom_node.receive.command import (
    C_STORE_REQUEST,
    COMMAND,
    COMMAND_FIELD,
    LAST,
    Answer,
    Status,
    StoreRequest,
    number,
    read_command,
    store_request,
    store_response,
)
from dicom_node.storage import free_bytes

log = logging.getLogger(__name__)

MAX_COMMAND_BYTES = 64 << 10
MAX_OTHER_MESSAGE_BYTES = 1 << 20
MAX_WAITING_MESSAGES = 16
WAIT_FOR_WORK_S = 0.05
MAX_META_VALUE_BYTES = 1024
FREE_CHECK_BYTES = 64 << 20
IMPLEMENTATION_VERSION_NAME = f"DICOM_NODE_{__version__}"[:16]


class IncomingDataSet:
    """One data set on its way into a part-10 file of ``folder``.

    Attributes:
        path: the file.
        offset: where the data set begins in it.
        size_bytes: of the data set so far.
        whole: nothing more will come.
        problem: why it is not being written any more, in words; None while all is well.
    """

    def __init__(self, folder: Path, meta: bytes, min_free_bytes: int) -> None:
        self.offset = len(meta)
        self.size_bytes = 0
        self.whole = False
        self.problem: str | None = None
        self._folder, self._min_free = folder, min_free_bytes
        self._digest = hashlib.sha256()
        self._check_at = 0
        self._descriptor = -1
        self.path = folder
        try:
            self._descriptor, name = tempfile.mkstemp(suffix=".dcm", dir=folder)
            self.path = Path(name)
            self._write(meta)
        except OSError as error:
            self._give_up(f"the disk refused: {error.strerror}")

    @property
    def sha256(self) -> str:
        """Digest of the data set so far, in hex."""
        return self._digest.hexdigest()

    def write(self, fragment: memoryview) -> None:
        """Appends what arrived; never raises: a refusal of the disk becomes ``problem`` and the rest is dropped."""
        if self.problem is None:
            self._digest.update(fragment)
            try:
                if self._has_space():
                    self._write(fragment)
            except OSError as error:
                self._give_up(f"the disk refused: {error.strerror}")
        self.size_bytes += len(fragment)

    def close(self) -> None:
        """Nothing more will come. A network file system may refuse only now; that becomes ``problem`` too."""
        self.whole = True
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.close(descriptor)
            except OSError as error:
                self._give_up(f"the disk refused: {error.strerror}")

    def discard(self) -> None:
        """Removes the file, if it is still there. What the disk does not let go is removed at the next start."""
        self.close()
        if self.path != self._folder:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _has_space(self) -> bool:
        if self.size_bytes >= self._check_at:
            self._check_at = self.size_bytes + FREE_CHECK_BYTES
            if free_bytes(self._folder) < self._min_free:
                self._give_up(f"less than min_free_mib ({self._min_free >> 20} MiB) would be left on the disk")
        return self.problem is None

    def _write(self, fragment: bytes | memoryview) -> None:
        view = memoryview(fragment)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self.discard()


class StreamingProvider(DIMSEServiceProvider):
    """The DIMSE provider of one association; see the module.

    A C-STORE is taken, stored and answered in pynetdicom's network thread: the next bytes are read when the instance
    is answered, so a peer that does not wait for answers fills the socket's buffer and nothing else. Messages of other
    kinds go pynetdicom's own way, to the association's thread.

    Args:
        open_data_set: makes the file for one data set, given the bytes before it.
        store: decides on a whole data set and says what to answer. What it leaves in the file's place is removed.
    """

    def __init__(
        self,
        assoc: Association,
        open_data_set: Callable[[bytes], IncomingDataSet],
        store: Callable[[Association, StoreRequest, IncomingDataSet], Answer],
    ) -> None:
        super().__init__(assoc)
        self._open, self._store = open_data_set, store
        self._command = bytearray()
        self._other_bytes = 0
        self._request: StoreRequest | None = None  # together with arriving: the C-STORE whose data set is coming
        self.arriving: IncomingDataSet | None = None

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Takes one P-DATA indication.

        This is a boundary: whatever a peer sends, the thread lives; what cannot be understood aborts the association.
        """
        try:
            for context_id, value in primitive.presentation_data_value_list:
                if value[0] & COMMAND:
                    self._take_command(context_id, value)
                elif self._request is not None and self.arriving is not None:
                    self._take_data(value, self._request, self.arriving)
                else:
                    self._take_other_data(context_id, value)
        except Exception:
            log.exception("a DIMSE message cannot be understood: the association is aborted")
            self.dul.event_queue.put("Evt19")  # PS3.8 table 9-10: unrecognised or invalid PDU

    def get_msg(self, block: bool = False) -> Any:
        """The next message of another kind. pynetdicom's loop asks without a pause; here it waits until there is work.

        Work is a message, or a release or abort in the other queue, whose condition both share.
        """
        if not block:
            events = self.dul.to_user_queue
            with events.not_empty:
                if not events.queue and self.msg_queue.empty():
                    events.not_empty.wait(WAIT_FOR_WORK_S)
        return super().get_msg(block)

    def discard_unfinished(self) -> None:
        """The association is over: what arrived in part goes."""
        if self.arriving is not None:
            self.arriving.discard()
            self.arriving = None

    def _take_command(self, context_id: int, value: bytes) -> None:
        if self.arriving is not None:
            raise ValueError("a command inside a data set")
        self._command += memoryview(value)[1:]
        if len(self._command) > MAX_COMMAND_BYTES:
            raise ValueError(f"a command set is over {MAX_COMMAND_BYTES} bytes")
        if not value[0] & LAST:
            return
        encoded, self._command = bytes(self._command), bytearray()
        elements = read_command(encoded)
        if number(elements, COMMAND_FIELD) != C_STORE_REQUEST:
            self._other_bytes = 0
            self._pass_on(context_id, bytes([value[0]]) + encoded)
            return
        syntax = str(self.assoc._accepted_cx[context_id].transfer_syntax[0])
        request = store_request(elements, context_id, syntax)
        if not request.has_data_set:
            self._respond(request, Answer(Status.CANNOT_UNDERSTAND, "the request has no data set"))
            return
        calling, called = self.assoc.requestor.ae_title, self.assoc.requestor.primitive.called_ae_title
        self.arriving = self._open(file_meta(request.sop_class_uid, request.sop_instance_uid, syntax, calling, called))
        self._request = request

    def _take_data(self, value: bytes, request: StoreRequest, arriving: IncomingDataSet) -> None:
        arriving.write(memoryview(value)[1:])
        if not value[0] & LAST:
            return
        arriving.close()
        silence = self.dul._idle_timer
        silence.stop()  # to sync gigabytes takes its time: that is not the peer's silence
        try:
            answer = self._store(self.assoc, request, arriving)
        finally:
            self.discard_unfinished()
            self._request = None
            silence.restart()
        self._respond(request, answer)

    def _respond(self, request: StoreRequest, answer: Answer) -> None:
        """Writes to the socket itself: this is the thread that owns it (action DT-1, send a P-DATA-TF PDU)."""
        if self.dul.socket is not None and not self.assoc._sent_abort:
            self.dul.socket.send(store_response(request, answer, self.maximum_pdu_size))

    def _take_other_data(self, context_id: int, value: bytes) -> None:
        if self.message is None:
            raise ValueError("a fragment of a data set without a command before it")
        self._other_bytes += len(value)
        if self._other_bytes > MAX_OTHER_MESSAGE_BYTES:
            raise ValueError(f"a message other than C-STORE is over {MAX_OTHER_MESSAGE_BYTES} bytes")
        self._pass_on(context_id, value)

    def _pass_on(self, context_id: int, value: bytes) -> None:
        if self.msg_queue.qsize() >= MAX_WAITING_MESSAGES:
            raise ValueError(f"{MAX_WAITING_MESSAGES} messages wait for an answer, and one may (no window was agreed)")
        single = P_DATA()
        single.presentation_data_value_list = [[context_id, value]]
        super().receive_primitive(single)
        events = self.dul.to_user_queue
        with events.not_empty:
            events.not_empty.notify()


def file_meta(sop_class: str, sop_instance: str, transfer_syntax: str, calling_ae: str, called_ae: str) -> bytes:
    """Preamble, prefix and file meta information (PS3.10 section 7.1) of what a peer sends.

    The values are the peer's and are written as they are: this file may be set aside, and must show what came. So it is
    packed here, without pydicom's validation (which also costs a millisecond per instance).
    """
    elements = struct.pack("<HH2sxxL", 2, 0x0001, b"OB", 2) + b"\x00\x01"
    for element, vr, value in (
        (0x0002, b"UI", sop_class),
        (0x0003, b"UI", sop_instance),
        (0x0010, b"UI", transfer_syntax),
        (0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        (0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        (0x0016, b"AE", calling_ae),
        (0x0017, b"AE", calling_ae),
        (0x0018, b"AE", called_ae),
    ):
        encoded = value.encode("ascii", "replace")[:MAX_META_VALUE_BYTES]
        encoded += (b"\0" if vr == b"UI" else b" ") * (len(encoded) % 2)
        elements += struct.pack("<HH2sH", 2, element, vr, len(encoded)) + encoded
    group_length = struct.pack("<HH2sHL", 2, 0x0000, b"UL", 4, len(elements))
    return bytes(128) + b"DICM" + group_length + elements
