"""The Storage and Verification SCP: opens and ends associations; keep.py answers what they bring."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from dicom_node import IMPLEMENTATION_CLASS_UID, intake
from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.errors import StorageError
from dicom_node.receive import negotiate
from dicom_node.receive.command import Answer, StoreRequest
from dicom_node.receive.keep import Arrived, Keeper, Session
from dicom_node.receive.recover import recover
from dicom_node.receive.server import StorageServer
from dicom_node.receive.stream import IMPLEMENTATION_VERSION_NAME, IncomingDataSet
from dicom_node.storage import Inbox

log = logging.getLogger(__name__)

ACTIVITY_INTERVAL_S = 1.0
WAITING_CONNECTIONS = 32  # that have not asked for an association yet, besides max_associations


class Receiver:
    """Listens and keeps what comes. ``on_change`` is called when an association that brought something has ended."""

    def __init__(
        self,
        settings: NodeSettings,
        database: Database,
        inbox: Inbox,
        clock: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._inbox = inbox
        self._clock = clock
        self._on_change = on_change
        self._keeper = Keeper(database, inbox, clock)
        self._stopping = False
        self._sessions: dict[Association, Session] = {}
        self._admitting = threading.Lock()
        self._server: StorageServer | None = None
        self._ae = AE(settings.ae_title)
        self._ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self._ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME

    @property
    def port(self) -> int:
        """The port it listens on; of use when the configured one is 0 (any free one)."""
        if self._server is None:
            raise RuntimeError("the receiver was not started")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Takes up what the last run left (recover.py), then listens.

        Raises:
            StorageError: the address cannot be bound, or the disk refuses.
        """
        recover(self._database, self._inbox, self._clock())
        self._apply(self._settings)
        address = (self._settings.bind, self._settings.port)
        handlers = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]
        try:
            self._server = StorageServer(
                self._ae,
                address,
                self._settings.ae_title,
                negotiate.supported_contexts(()),
                handlers,
                self._open_data_set,
                self._store,
                self._watch,
            )
        except OSError as error:
            raise StorageError(
                f"cannot listen on {address[0]} port {address[1]}: {error.strerror}; is another program using it? "
                "(node.bind, node.port)"
            ) from error
        self._server.start()

    def stop(self) -> None:
        """Refuses new associations, aborts open ones, and returns when their threads are done."""
        self._stopping = True
        if self._server is not None:
            self._server.stop()

    def reload(self, settings: NodeSettings) -> None:
        """Takes new restrictions and limits for associations to come; open ones go on as they were agreed."""
        self._settings = settings
        self._apply(settings)

    def _apply(self, settings: NodeSettings) -> None:
        # the server's bound on connections; _admit has the one on associations
        self._ae.maximum_associations = settings.max_associations + WAITING_CONNECTIONS
        self._ae.maximum_pdu_size = settings.max_pdu
        self._ae.acse_timeout = settings.timeouts.acse_s
        self._ae.dimse_timeout = settings.timeouts.dimse_s
        self._ae.network_timeout = settings.timeouts.network_s

    def _on_requested(self, event: Event) -> None:
        association = event.assoc
        request = association.requestor.primitive
        calling, called, address = request.calling_ae_title, request.called_ae_title, association.requestor.address
        session = Session(intake.Association(calling, called, address, self._clock()))
        rejection = negotiate.judge_request(self._settings.accept, address, calling, called)
        if rejection is None:
            rejection = self._admit(association, session)
        if rejection is not None:
            who = {"calling_ae": calling, "called_ae": called, "address": address}
            log.warning("association refused: %s", rejection.text, extra=who)
            association.acse.send_reject(rejection.result, rejection.source, rejection.reason)
            association.kill()
            return
        proposed = request.presentation_context_definition_list
        association.acceptor.supported_contexts = negotiate.supported_contexts(proposed)

    def _admit(self, association: Association, session: Session) -> negotiate.Rejection | None:
        """Gives it one of the ``max_associations`` places; a connection that asked for nothing takes none."""
        with self._admitting:
            if self._stopping:
                return negotiate.STOPPING
            if len(self._sessions) >= self._settings.max_associations:
                return negotiate.FULL
            self._sessions[association] = session
        return None

    def _on_established(self, event: Event) -> None:
        session = self._sessions[event.assoc]
        session.established = True
        fields = {
            "calling_ae": session.association.calling_ae,
            "called_ae": session.association.called_ae,
            "address": session.association.address,
            "contexts_accepted": len(event.assoc.accepted_contexts),
            "contexts_rejected": len(event.assoc.rejected_contexts),
        }
        log.info("association opened", extra=fields)

    def _store(self, association: Association, request: StoreRequest, incoming: IncomingDataSet) -> Answer:
        return self._keeper.answer(Arrived(incoming, request, self._sessions[association]))

    def _on_released(self, event: Event) -> None:
        self._end(event.assoc, "released")

    def _on_aborted(self, event: Event) -> None:
        self._end(event.assoc, "aborted")

    def _end(self, association: Association, how: str) -> None:
        """Records the end, once; the last call is for ends that pynetdicom does not tell of."""
        session = self._sessions.get(association)
        if session is None or session.ended or not session.established:
            return
        session.ended = True
        fields = {"association_id": session.id, "calling_ae": session.association.calling_ae}
        log.info("association %s", how, extra=fields)
        if session.id is None:
            return
        try:
            with self._database.transaction() as connection:
                intake.close_association(connection, session.id, self._clock(), how)
        except StorageError:
            log.exception("the end of an association could not be recorded", extra=fields)
        self._on_change()

    def _watch(self, association: Association) -> None:
        """Accompanies an association to its end, in a thread of its own; long transfers are marked as activity.

        Only a data set that takes longer than the interval counts: were every one to count, a sender that never pauses
        would keep the series of this morning open until the evening.
        """
        last, last_bytes = None, 0
        while association.is_alive():
            association.join(ACTIVITY_INTERVAL_S)
            session, arriving = self._sessions.get(association), association.dimse.arriving
            size = arriving.size_bytes if arriving is not None else 0
            # whole and still here: gigabytes are being synced
            moving = arriving is not None and arriving is last and (size != last_bytes or arriving.whole)
            last, last_bytes = arriving, size
            if moving and session is not None and session.id is not None:
                self._mark_active(session.id)
        if association.dul.is_alive():
            association.dul.join()  # it may still be storing what came whole
        self._end(association, "released" if association.is_released else "aborted")
        self._sessions.pop(association, None)
        self._database.close()

    def _mark_active(self, association_id: int) -> None:
        try:
            with self._database.transaction() as connection:
                intake.mark_active(connection, association_id, self._clock())
        except StorageError:
            log.exception("activity could not be recorded", extra={"association_id": association_id})

    def _open_data_set(self, meta: bytes) -> IncomingDataSet:
        return IncomingDataSet(self._inbox.incoming, meta, self._settings.min_free_mib << 20)
