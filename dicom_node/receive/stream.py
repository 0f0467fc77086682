"""C-STORE data sets go to a file while they arrive; nothing of them is held in memory.

pynetdicom can do so too (``STORE_RECV_CHUNKED_DATASET``), but into the system's temporary folder, for the whole
process, and a full disk or a strange command set ends its thread without an answer. This provider writes into the
inbox's own file system (so that keeping is one rename), hashes on the way, drains what cannot be written so that it can
be answered, and bounds everything else that a peer could make grow.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dsutils import decode
from pynetdicom.pdu_primitives import P_DATA

from dicom_node import IMPLEMENTATION_CLASS_UID, __version__
from dicom_node.storage import free_bytes

log = logging.getLogger(__name__)

C_STORE_COMMAND = 0x0001  # PS3.7 table E.1-1
NO_DATA_SET = 0x0101
MAX_COMMAND_BYTES = 64 << 10
MAX_OTHER_MESSAGE_BYTES = 1 << 20
MAX_META_VALUE_BYTES = 1024
FREE_CHECK_BYTES = 64 << 20
IMPLEMENTATION_VERSION_NAME = f"DICOM_NODE_{__version__}"[:16]


class IncomingDataSet:
    """One data set on its way into a part-10 file of ``folder``.

    Attributes:
        path: the file.
        offset: where the data set begins in it.
        size_bytes: of the data set so far.
        problem: why it is not being written any more, in words; None while all is well.
    """

    def __init__(self, folder: Path, meta: bytes, min_free_bytes: int) -> None:
        self.offset = len(meta)
        self.size_bytes = 0
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
        if self.problem is None and self.size_bytes >= self._check_at:
            self._check_at = self.size_bytes + FREE_CHECK_BYTES
            if free_bytes(self._folder) < self._min_free:
                self._give_up(f"less than min_free_mib ({self._min_free >> 20} MiB) would be left on the disk")
        self.size_bytes += len(fragment)
        if self.problem is None:
            self._digest.update(fragment)
            try:
                self._write(fragment)
            except OSError as error:
                self._give_up(f"the disk refused: {error.strerror}")

    def close(self) -> None:
        """Nothing more will come."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Removes the file, if it is still there."""
        self.close()
        if self.path != self._folder:
            self.path.unlink(missing_ok=True)

    def _write(self, fragment: bytes | memoryview) -> None:
        view = memoryview(fragment)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self.discard()


class StreamingProvider(DIMSEServiceProvider):
    """The DIMSE provider of one association; see the module. ``open_data_set`` makes the file for one C-STORE."""

    def __init__(self, assoc: Association, open_data_set: Callable[[bytes], IncomingDataSet]) -> None:
        super().__init__(assoc)
        self._open = open_data_set
        self._command = bytearray()
        self._other_bytes = 0
        self._message: C_STORE_RQ | None = None  # together with arriving: the C-STORE whose data set is coming
        self.arriving: IncomingDataSet | None = None
        self.unclaimed: set[IncomingDataSet] = set()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Takes one P-DATA indication (called in pynetdicom's network thread).

        This is a boundary: whatever a peer sends, the thread lives; what cannot be understood aborts the association.
        """
        try:
            for context_id, value in primitive.presentation_data_value_list:
                if value[0] & 1:
                    self._take_command(context_id, value)
                elif self._message is not None and self.arriving is not None:
                    self._take_data(value, self._message, self.arriving)
                elif self.message is None:
                    raise ValueError("a fragment of a data set without a command before it")
                else:
                    self._other_bytes += len(value)
                    if self._other_bytes > MAX_OTHER_MESSAGE_BYTES:
                        raise ValueError(f"a message other than C-STORE is over {MAX_OTHER_MESSAGE_BYTES} bytes")
                    self._pass_on(context_id, value)
        except Exception:
            log.exception("a DIMSE message cannot be understood: the association is aborted")
            self.dul.event_queue.put("Evt19")  # PS3.8 table 9-10: unrecognised or invalid PDU

    def discard_unclaimed(self) -> None:
        """The association is over: what arrived in part, or was never answered, goes."""
        if self.arriving is not None:
            self.arriving.discard()
            self.arriving = None
        while self.unclaimed:
            self.unclaimed.pop().discard()

    def _take_command(self, context_id: int, value: bytes) -> None:
        self._command += memoryview(value)[1:]
        if len(self._command) > MAX_COMMAND_BYTES:
            raise ValueError(f"a command set is over {MAX_COMMAND_BYTES} bytes")
        if not value[0] & 2:
            return
        encoded, self._command = bytes(self._command), bytearray()
        command = decode(BytesIO(encoded), True, True)
        if command.CommandField == C_STORE_COMMAND and command.CommandDataSetType != NO_DATA_SET:
            context = self.assoc._accepted_cx[context_id]
            message = C_STORE_RQ()
            message.command_set, message.context_id = command, context_id
            self.arriving = self._open(
                file_meta(
                    str(command.get("AffectedSOPClassUID", "")),
                    str(command.get("AffectedSOPInstanceUID", "")),
                    str(context.transfer_syntax[0]),
                    self.assoc.requestor.ae_title,
                    self.assoc.requestor.primitive.called_ae_title,
                )
            )
            self._message = message
        else:
            self._other_bytes = 0
            self._pass_on(context_id, bytes([value[0]]) + encoded)

    def _take_data(self, value: bytes, message: C_STORE_RQ, arriving: IncomingDataSet) -> None:
        arriving.write(memoryview(value)[1:])
        if value[0] & 2:
            self.arriving = self._message = None
            arriving.close()
            self.unclaimed.add(arriving)
            request: Any = message.message_to_primitive()
            request.incoming = arriving
            self.msg_queue.put((message.context_id, request))

    def _pass_on(self, context_id: int, value: bytes) -> None:
        single = P_DATA()
        single.presentation_data_value_list = [[context_id, value]]
        super().receive_primitive(single)


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
