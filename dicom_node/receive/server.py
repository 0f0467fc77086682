"""The association server: pynetdicom's, with data sets that stream to files and bounds on what a peer can hold.

What is replaced, and why: the DIMSE provider (stream.py); reading from the socket, which pynetdicom does 4 KiB at a
time and for any length that a PDU header declares; the wait for bytes, which it does by asking a thousand times a
second; the socket's time-out, without which a peer that stops in the middle of a PDU keeps its association for ever;
the wait for a request that cannot come any more; connections without number.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from socketserver import BaseServer

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from dicom_node.receive.command import Answer, StoreRequest
from dicom_node.receive.stream import IncomingDataSet, StreamingProvider

MIN_PDU_LIMIT = 1 << 20  # an A-ASSOCIATE-RQ with 128 contexts of every transfer syntax is some 400 KiB
UNLIMITED_PDU = 64 << 20  # where max_pdu is 0, any length: what is still believed
BACKLOG = 128
POLL_S = 0.1
WAIT_FOR_BYTES_S = 0.005  # then pynetdicom looks whether there is something to send
SLOWEST_BYTES_PER_S = 10_000
STOP_WAIT_S = 10.0
QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux; forgotten by the kernel, so that it is said at each read
"""Peers that leave Nagle's algorithm on, as DCMTK does, hold a data set back until its command is acknowledged."""


class StorageServer(ThreadedAssociationServer):
    """Listens from construction; serves between ``start`` and ``stop``.

    Args:
        open_data_set: makes the file for one data set, given the bytes before it.
        store: decides on a whole data set and says what to answer; called in the association's network thread, so it
            must not wait for the association (``abort(block=False)``).
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
        store: Callable[[Association, StoreRequest, IncomingDataSet], Answer],
        watch: Callable[[Association], None],
    ) -> None:
        self.open_data_set = open_data_set
        self.store = store
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
        ends = [threading.Thread(target=_end, args=(one,), daemon=True) for one in self.active_associations]
        for end in ends:
            end.start()
        deadline = time.monotonic() + STOP_WAIT_S
        for end in ends:
            end.join(max(0.0, deadline - time.monotonic()))
        self.server_close()

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether a connection is looked at: each costs three threads before it has said who it is."""
        return len(self.active_associations) <= self.ae.maximum_associations

    def service_actions(self) -> None:
        """pynetdicom collects garbage here; Python does that by itself, and not while an instance waits."""


def _end(association: Association) -> None:
    """Returns when the association's threads are done; one that is storing finishes that first."""
    if association.is_established:
        association.abort()
    elif (connection := association.dul.socket.socket) is not None:  # asked for nothing yet: nobody to send an A-ABORT
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # and the rest goes as if the peer had left
    association.join()


class _Handler(RequestHandler):
    server: StorageServer

    def handle(self) -> None:
        """One connection, from its acceptance to its end."""
        self.request.settimeout(self.ae.network_timeout)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        association = self._create_association()
        provider = StreamingProvider(association, self.server.open_data_set, self.server.store)
        association.dimse = provider
        association.bind(evt.EVT_CONN_CLOSE, _nothing_will_come)
        association.dul.event_queue.get()  # pynetdicom's own socket has told of the connection; the next one does too
        association.dul.socket = _Wire(association, self.request)
        association.start()
        try:
            self.server.watch(association)
        finally:
            if association.dul.is_alive():
                association.dul.join()  # it may still be storing
            provider.discard_unfinished()
            self.request.close()  # pynetdicom leaves it open where the peer was gone first


def _nothing_will_come(event: evt.Event) -> None:
    """A connection that ends before it asked for an association, as a monitor's TCP check does.

    pynetdicom would wait acse_timeout for the request, and count the association among the open ones until then.
    """
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


class _Wire(AssociationSocket):
    """One connection; see the module. The network thread is the only one that reads."""

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits a little for it. Tells of a connection that is gone as Evt17."""
        if self.socket is None or not self._is_connected:
            return False
        waiting = select.poll()  # select() knows no descriptor above 1023
        try:
            waiting.register(self.socket, select.POLLIN)
            return bool(waiting.poll(WAIT_FOR_BYTES_S * 1000))
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def recv(self, count: int) -> bytearray:
        """Exactly ``count`` bytes, or fewer where the connection ends.

        Raises:
            OSError: no PDU here may be so long, or it comes more slowly than any network is.
        """
        connection, agreed = self.socket, self.assoc.acceptor.maximum_length
        limit = max(agreed, MIN_PDU_LIMIT) if agreed else UNLIMITED_PDU
        if connection is None:
            raise OSError("the connection is closed")
        if count > limit:
            raise OSError(f"a PDU declares {count} bytes, at most {limit} are agreed")
        deadline = time.monotonic() + (connection.gettimeout() or 0.0) + count / SLOWEST_BYTES_PER_S
        data, have = bytearray(count), 0
        with memoryview(data) as view:
            while have < count and (received := connection.recv_into(view[have:])):
                if QUICK_ACK is not None:
                    connection.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
                have += received
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{have} of {count} bytes of a PDU in {SLOWEST_BYTES_PER_S} bytes/s")
        del data[have:]
        return data
