"""The association server: pynetdicom's, with data sets that stream to files and bounds on what a peer can hold.

What is replaced, and why: the DIMSE provider (stream.py); reading from the socket, which pynetdicom does 4 KiB at a
time and for any length that a PDU header declares; the socket's time-out, without which a peer that stops in the middle
of a PDU keeps its association for ever; the wait for a request that cannot come any more.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from dicom_node.receive.stream import IncomingDataSet, StreamingProvider

MIN_PDU_LIMIT = 1 << 20  # an A-ASSOCIATE-RQ with 128 contexts of every transfer syntax is some 400 KiB
UNLIMITED_PDU = 64 << 20  # where max_pdu is 0, any length: what is still believed
BACKLOG = 128
POLL_S = 0.1
STOP_WAIT_S = 10.0


class StorageServer(ThreadedAssociationServer):
    """Listens from construction; serves between ``start`` and ``stop``.

    Args:
        open_data_set: makes the file for one data set, given the bytes before it.
        watch: called in a thread of its own for each association, returns when that is over.
    """

    request_queue_size = BACKLOG
    daemon_threads = True

    def __init__(
        self,
        ae: AE,
        address: tuple[str, int],
        ae_title: str,
        contexts: list[PresentationContext],
        evt_handlers: list,
        open_data_set: Callable[[bytes], IncomingDataSet],
        watch: Callable[[Association], None],
    ) -> None:
        self.open_data_set = open_data_set
        self.watch = watch
        super().__init__(ae, address, ae_title, contexts, None, evt_handlers, _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": POLL_S}, name="storage-scp", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops accepting, aborts what is open, waits for the associations' threads to end (at most some seconds)."""
        if self._thread.is_alive():
            BaseServer.shutdown(self)
        associations = self.active_associations
        for association in associations:
            association.abort()
        for association in associations:
            association.join(STOP_WAIT_S)
        self.server_close()


class _Handler(RequestHandler):
    server: StorageServer

    def handle(self) -> None:
        """One connection, from its acceptance to its end."""
        self.request.settimeout(self.ae.network_timeout)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        association = self._create_association()
        provider = StreamingProvider(association, self.server.open_data_set)
        association.dimse = provider
        association.bind(evt.EVT_CONN_CLOSE, _nothing_will_come)
        wire: Any = association.dul.socket
        wire.recv = _reader(self.request, association.acceptor.maximum_length)
        association.start()
        try:
            self.server.watch(association)
        finally:
            provider.discard_unclaimed()
            self.request.close()  # pynetdicom leaves it open where the peer was gone first


def _nothing_will_come(event: evt.Event) -> None:
    """A connection that ends before it asked for an association, as a monitor's TCP check does.

    pynetdicom would wait acse_timeout for the request, and count the association among the open ones until then.
    """
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


def _reader(connection: socket.socket, max_pdu: int) -> Callable[[int], bytearray]:
    """Reads exactly ``count`` bytes, or fewer where the connection ends; refuses lengths that no PDU here may have."""
    limit = max(max_pdu, MIN_PDU_LIMIT) if max_pdu else UNLIMITED_PDU

    def read(count: int) -> bytearray:
        if count > limit:
            raise OSError(f"a PDU declares {count} bytes, at most {limit} are agreed")
        data, have = bytearray(count), 0
        view = memoryview(data)
        while have < count:
            received = connection.recv_into(view[have:])
            if not received:
                break
            have += received
        view.release()
        del data[have:]
        return data

    return read
