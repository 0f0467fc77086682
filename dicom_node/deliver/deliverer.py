"""Works off the deliver jobs of a peer, one object at a time, so that a crash leaves at most one in doubt."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dicom_node.config import NodeConfig, Peer, Viewer
from dicom_node.database import Database
from dicom_node.deliver.ledger import FINAL, Entry, Ledger
from dicom_node.deliver.outgoing import REPORT_ROLE, Outgoing, images_first
from dicom_node.deliver.scu import Remote, ScuAssociation
from dicom_node.deliver.statuses import Fate, judge
from dicom_node.deliver.transcode import PLAIN_SYNTAXES, alternatives, transcode
from dicom_node.errors import DicomNodeError, PeerError, PeerRefused, StorageError
from dicom_node.jobs import DELIVER, Job, LeaseLost, Queue, ResultRow
from dicom_node.storage import Outbox

log = logging.getLogger(__name__)

FALLBACK_SOP_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.2",  # Multi-frame Grayscale Byte Secondary Capture
)
"""Proposed besides what is sent: what ``adapt`` may turn an object into that the peer does not take."""

LEASE_S = 600.0
SLOWEST_BYTES_PER_S = 50_000.0
TROUBLE_S = 0.5
"""How long to wait before what the database refused is tried again."""


class Adapted(Protocol):
    """What ``adapt`` gives: the result set as this peer takes it, and (role, reason) of what is left out."""

    @property
    def objects(self) -> Sequence[Any]: ...
    @property
    def skipped(self) -> Sequence[tuple[str, str]]: ...


Adapt = Callable[[Sequence[Outgoing], Container[str], Path, Viewer, Mapping[str, tuple[str, str]]], Adapted]
"""(objects, SOP classes that the peer takes, folder for new files, what its people look with, objects of earlier
jobs as the peer has them: see ``Ledger.earlier_objects``) -> Adapted. The same input gives the same UIDs.
"""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One attempt at one job."""

    job: Job
    peer: Peer
    ledger: Ledger
    study_uid: str
    objects: tuple[Outgoing, ...]

    @property
    def remote(self) -> Remote:
        return Remote(self.peer.host, self.peer.port, self.peer.ae_title, self.peer.calling_ae, self.peer.timeout_s)


class Deliverer:
    """Delivers what the outbox holds. One thread per peer calls ``deliver_once``; peers do not wait for each other."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        outbox: Outbox,
        config: NodeConfig,
        adapt: Adapt,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._queue = queue
        self._outbox = outbox
        self._peers = config.peers
        self._adapt = adapt
        self._clock = clock
        self._stopping = threading.Event()
        self._tell_who_is_missing()

    def reload(self, config: NodeConfig) -> None:
        """Takes over the peers of a new configuration; a delivery that is on its way ends with the old ones."""
        self._peers = config.peers
        self._tell_who_is_missing()

    def _tell_who_is_missing(self) -> None:
        """Deliveries to a peer that was taken out of the configuration are kept, and somebody must know."""
        for (kind, peer, state), count in self._queue.counts().items():
            if kind == DELIVER and state == "waiting" and peer not in self._peers:
                log.warning(
                    "deliveries wait for a peer that is not in the configuration: name it again, or cancel them",
                    extra={"peer": peer, "jobs": count},
                )

    def stop(self) -> None:
        """Lets deliveries end after the object that is on its way; the jobs are given back."""
        self._stopping.set()

    def deliver_once(self, peer: str) -> bool:
        """Works on the next due deliver job of ``peer``. Returns whether there was one.

        What goes wrong ends in the job's row; nothing is raised but what says that the node itself is broken.
        """
        settings = self._peers.get(peer)  # once: a reload may take it away at any moment
        if self._stopping.is_set() or settings is None:
            return False
        try:
            job = self._queue.claim(DELIVER, peer, LEASE_S)
        except StorageError as error:
            log.error("deliveries wait: %s", error, extra={"peer": peer})
            return False
        if job is None:
            return False
        try:
            self._attempt(job, settings)
        except LeaseLost:
            log.warning("a delivery was taken over by somebody else", extra={"job": job.id, "peer": peer})
        except StorageError as error:
            log.error("a delivery could not be recorded: %s", error, extra={"job": job.id, "peer": peer})
            return False
        return True

    def _attempt(self, job: Job, peer: Peer) -> None:
        where = {"job": job.id, "peer": peer.name}
        try:
            ledger = Ledger(self._database, job.id, self._clock)
            self._deliver(job, peer, ledger)
            if self._stopping.is_set() and not ledger.all_final():
                self._queue.release(job)
                return
            _conclude(peer, ledger)
            self._queue.finish(job)
            log.info("results delivered", extra=where)
        except LeaseLost:
            raise
        except DicomNodeError as error:
            log.warning("delivery did not succeed: %s", error, extra=where)
            self._failed(job, error, peer)
        except Exception as error:  # noqa: BLE001 - the worker loop of this stage: a fault in one job must not end it
            log.error("delivery failed unexpectedly (%s)", type(error).__name__, extra=where)
            self._failed(job, error, peer)

    def _failed(self, job: Job, error: Exception, peer: Peer) -> None:
        """Records the failure, however long the database refuses: else the job would wait for its lease to run out."""
        while True:
            try:
                self._queue.fail(job, error, peer.retry)
                return
            except StorageError as trouble:
                log.error("a failure could not be recorded yet: %s", trouble, extra={"job": job.id, "peer": peer.name})
                if self._stopping.wait(TROUBLE_S):
                    return

    def _deliver(self, job: Job, peer: Peer, ledger: Ledger) -> None:
        """Sends what is not final yet; the outcome is in the ledger. Raises PeerError where the association is lost."""
        if job.attempts == 1:
            ledger.begin_again()
        if ledger.all_final():
            return
        rows = self._queue.results(job.parent_id or 0)
        objects = tuple(self._outgoing(row) for row in rows)
        delivery = _Delivery(job, peer, ledger, rows[0].study_uid, objects)
        in_doubt = [entry for entry in ledger.entries().values() if entry.state == "sending"]
        wanted = [(item.sop_class_uid, syntax) for item in delivery.objects for syntax in _syntaxes(item)]
        wanted += [(sop_class, syntax) for sop_class in FALLBACK_SOP_CLASSES for syntax in PLAIN_SYNTAXES]
        with ScuAssociation(delivery.remote, wanted, find=bool(in_doubt)) as association:
            folder = self._outbox.folder / str(job.id)
            shutil.rmtree(folder, ignore_errors=True)
            plan = self._plan(delivery, association, folder)
            self._look_for(delivery, association, plan, in_doubt)
            try:
                self._send(delivery, association, plan, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _outgoing(self, row: ResultRow) -> Outgoing:
        path = self._outbox.data_dir / row.path
        size_bytes = path.stat().st_size if path.exists() else None
        if size_bytes != row.size_bytes:
            found = "is gone" if size_bytes is None else f"has {size_bytes} bytes instead of {row.size_bytes}"
            raise StorageError(
                f"{row.path} {found}: was it changed or removed by hand? Restore it from a backup; or cancel this "
                "delivery, make the results again (dicom-node run) and send them (dicom-node send)"
            )
        return Outgoing(
            path, row.role, row.sop_class_uid, row.sop_instance_uid, row.series_uid, row.transfer_syntax_uid
        )

    def _plan(self, delivery: _Delivery, association: ScuAssociation, folder: Path) -> tuple[Outgoing, ...]:
        """What is sent to this peer: the results as they are, or as ``adapt`` makes them for what it accepts."""
        excluded = delivery.peer.exclude
        out = {
            item.sop_instance_uid: "left out by the configuration of this peer (exclude)"
            for item in delivery.objects
            if item.role in excluded
        }
        remaining = tuple(item for item in delivery.objects if item.sop_instance_uid not in out)
        takes = {item.sop_class_uid for item in remaining if _route(item, association.accepted) is not None} - {
            item.sop_class_uid for item in remaining if _route(item, association.accepted) is None
        }
        takes |= {uid for uid in FALLBACK_SOP_CLASSES if any((uid, s) in association.accepted for s in PLAIN_SYNTAXES)}
        takes -= set(excluded)
        earlier = delivery.ledger.earlier_objects()
        known_as_made = all(made == sent for made, (_, sent) in earlier.items())
        as_they_are = not out and delivery.peer.viewer is Viewer.STANDARD and known_as_made
        if as_they_are and all(item.sop_class_uid in takes for item in remaining):
            plan = remaining
        else:
            folder.mkdir(parents=True)
            adapted = self._adapt(remaining, frozenset(takes), folder, delivery.peer.viewer, earlier)
            plan = tuple(_as_outgoing(item) for item in adapted.objects)
            out |= _left_out(remaining, plan, dict(adapted.skipped))
        delivery.ledger.settle_plan(plan, out)
        return images_first(plan)

    def _look_for(
        self, delivery: _Delivery, association: ScuAssociation, plan: Sequence[Outgoing], in_doubt: Sequence[Entry]
    ) -> None:
        """Objects that were on their way when the node went down: asks the peer, where it can tell."""
        by_uid = {item.sop_instance_uid: item for item in plan}
        for entry in in_doubt:
            item = by_uid.get(entry.sop_instance_uid)
            if item is None:
                continue
            if association.has_instance(delivery.study_uid, item.series_uid, item.sop_instance_uid):
                delivery.ledger.found_at_peer(item.sop_instance_uid)
            else:
                delivery.ledger.not_at_peer(item.sop_instance_uid)

    def _send(self, delivery: _Delivery, association: ScuAssociation, plan: Sequence[Outgoing], folder: Path) -> None:
        entries = delivery.ledger.entries()
        open_items = [item for item in plan if entries[item.sop_instance_uid].state not in FINAL]
        must_wait = False
        for position, item in enumerate(open_items):
            if self._stopping.is_set() or (must_wait and item.role == REPORT_ROLE):
                return
            self._queue.renew(
                delivery.job,
                LEASE_S + item.path.stat().st_size / SLOWEST_BYTES_PER_S,
                position / len(open_items),
                f"sending {item.role}",
            )
            must_wait |= self._send_one(delivery, association, item, folder) is Fate.LATER

    def _send_one(self, delivery: _Delivery, association: ScuAssociation, item: Outgoing, folder: Path) -> Fate:
        syntax = _route(item, association.accepted)
        if syntax is None:
            delivery.ledger.refuse(item.sop_instance_uid, "the peer accepts no presentation context for it")
            return Fate.REFUSED
        path = item.path
        if syntax != item.transfer_syntax_uid:
            folder.mkdir(parents=True, exist_ok=True)
            path = transcode(item.path, syntax, folder)
        delivery.ledger.sending(item.sop_instance_uid)
        status = judge(association.store(path))
        delivery.ledger.answered(item.sop_instance_uid, status)
        log.info(
            "object answered",
            extra={
                "job": delivery.job.id,
                "peer": delivery.peer.name,
                "sop_instance_uid": item.sop_instance_uid,
                "status": f"0x{status.code:04X}",
            },
        )
        if status.fate is Fate.LATER and status.short_of_resources:
            raise PeerError(
                f"{delivery.peer.name} is short of resources (0x{status.code:04X}): it gets time to recover"
            )
        return status.fate


def _conclude(peer: Peer, ledger: Ledger) -> None:
    """Judges what the ledger says.

    Raises:
        PeerError: objects must wait for another attempt.
        PeerRefused: objects were refused for good, or the peer takes none of them.
    """
    entries = ledger.entries().values()
    refused = [entry for entry in entries if entry.state == "refused"]
    waiting = [entry for entry in entries if entry.state not in FINAL]
    if waiting:
        raise PeerError(f"{peer.name} could not store {_listed(waiting)}")
    if refused:
        raise PeerRefused(f"{peer.name} refused {_listed(refused)}")
    unwanted = [entry for entry in entries if entry.state == "skipped"]
    if unwanted and not any(entry.state == "delivered" for entry in entries) and not peer.exclude:
        raise PeerRefused(f"{peer.name} takes none of the objects: {_listed(unwanted)}")


def _syntaxes(item: Outgoing) -> tuple[str, ...]:
    return alternatives(item.transfer_syntax_uid)


def _route(item: Outgoing, accepted: frozenset[tuple[str, str]]) -> str | None:
    """The transfer syntax to send an object in: its own where accepted, else a plain one; ``None`` where none is."""
    return next((syntax for syntax in _syntaxes(item) if (item.sop_class_uid, syntax) in accepted), None)


def _as_outgoing(item: Any) -> Outgoing:
    return Outgoing(
        item.path, item.role, item.sop_class_uid, item.sop_instance_uid, item.series_uid, item.transfer_syntax_uid
    )


def _left_out(before: Sequence[Outgoing], after: Sequence[Outgoing], skipped: dict[str, str]) -> dict[str, str]:
    """SOP Instance UID -> why it is not sent, of objects that ``adapt`` replaced or dropped."""
    kept = {item.sop_instance_uid for item in after}
    replaced = {item.role: item.sop_class_uid for item in after}
    reasons = {}
    for item in before:
        if item.sop_instance_uid not in kept:
            instead = f"sent rewritten for this peer, as SOP class {replaced.get(item.role)}"
            reasons[item.sop_instance_uid] = (
                instead if item.role in replaced else skipped.get(item.role, "the peer does not take its SOP class")
            )
    return reasons


def _listed(entries: Sequence[Entry]) -> str:
    return "; ".join(
        f"{entry.role} ({entry.sop_instance_uid}): "
        + (f"0x{entry.status:04X} " if entry.status is not None else "")
        + (entry.reason or "not sent yet")
        for entry in entries
    )
