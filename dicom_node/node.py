"""The node: builds the stages from one configuration, starts them, keeps them going, stops them.

    Receiver (pynetdicom threads) ─> rows ─> tick: assemble, route ─> rows ─> worker processes ─> rows ─> peer threads

The stages meet in the database only, so any of them can stop or die at any moment; what was promised is in a row.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from dicom_node.assemble import Assembler
from dicom_node.candidates import CandidateSchedule
from dicom_node.config import NodeConfig, load_config
from dicom_node.database import Database
from dicom_node.deliver import Deliverer
from dicom_node.encode import adapt_to_peer
from dicom_node.errors import ConfigurationError, StorageError, UsageError
from dicom_node.jobs import Queue
from dicom_node.plugins import Catalogue
from dicom_node.receive import Receiver
from dicom_node.route import Router
from dicom_node.storage import Inbox, Outbox
from dicom_node.supervisor import Supervisor

log = logging.getLogger(__name__)

TICK_S = 0.1
IDLE_DELIVERY_WAIT_S = 0.2
TROUBLE_WAIT_S = 1.0
STOP_TIMEOUT_S = 20.0
TICK = "tick"
CANDIDATES_S = 30.0
FIXED_SETTINGS = ("ae_title", "bind", "port", "data_dir", "uid_namespace")
"""Settings of ``node`` that a reload cannot change: sockets, files and workers are bound to them."""

DATABASE_REFUSALS = (StorageError, sqlite3.Error)


class DataFolderLock:
    """One node per data folder: a second one is refused, a killed one leaves nothing behind (flock)."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._path = data_dir / "node.lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise UsageError(
                f"another node works on {data_dir}: stop it first, or give this one a data_dir of its own"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._descriptor)


class DeliveryThread(threading.Thread):
    """Delivers to one peer for as long as it is asked to; other peers go on beside it."""

    def __init__(self, deliverer: Deliverer, peer: str, database: Database) -> None:
        super().__init__(name=f"deliver-{peer}", daemon=True)
        self._deliverer, self._peer, self._database = deliverer, peer, database
        self._stopping, self._wake = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            if not self._deliver():
                self._wake.wait(IDLE_DELIVERY_WAIT_S)
                self._wake.clear()
        self._database.close()

    def _deliver(self) -> bool:
        """One job. A database that refuses must not end the thread: nobody would deliver to this peer any more."""
        try:
            return self._deliverer.deliver_once(self._peer)
        except DATABASE_REFUSALS as error:
            log.error("deliveries wait: %s", error, extra={"peer": self._peer})
            self._stopping.wait(TROUBLE_WAIT_S)
            return False

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()


class Node:
    """One node on one data folder. ``start`` returns when it listens; ``stop`` when everything is at rest."""

    def __init__(self, config: NodeConfig, catalogue: Catalogue, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self._catalogue = catalogue
        self._clock = clock
        self._lock = DataFolderLock(config.node.data_dir)
        try:
            self._build(config)
        except BaseException:
            self._lock.release()
            raise

    def _build(self, config: NodeConfig) -> None:
        data_dir = config.node.data_dir
        self.database = Database(data_dir / "node.db")
        inbox, outbox = Inbox(data_dir), Outbox(data_dir)
        self.queue = Queue(self.database, self._clock)
        self._receiver = Receiver(config.node, self.database, inbox, self._clock, on_change=self._tick_now)
        self._assembler = Assembler(self.database, config.node, listening_since=self._clock())
        self._router = Router(self.database, config, self.queue, inbox)
        self._supervisor = Supervisor(config, self.queue, on_change=self._wake_delivery)
        self._deliverer = Deliverer(self.database, self.queue, outbox, config, adapt_to_peer, self._clock)
        self._candidates = CandidateSchedule(config, self.database)
        self._deliveries: dict[str, DeliveryThread] = {}
        self._scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(1)})
        self._tick_trouble = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._receiver.port

    def start(self) -> None:
        """Takes up what an earlier run left, then listens.

        Raises:
            StorageError: the address cannot be bound, or the disk refuses. Nothing runs then.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        left_running = self.queue.release_all_running()
        if left_running:
            log.info("jobs of the last run are taken up again", extra={"jobs": left_running})
        self._receiver.start()
        self._supervisor.start()
        self._match_delivery_threads()
        # one thread ticks; a second tick may wait for it, so that what happens during one is seen at once
        every = {"seconds": TICK_S, "max_instances": 2, "coalesce": True, "misfire_grace_time": None}
        self._scheduler.add_job(self.tick, "interval", id=TICK, **every)
        self._scheduler.add_job(self.prepare_candidates, "interval", seconds=CANDIDATES_S)
        self._scheduler.start()
        log.info(
            "node is listening",
            extra={
                "ae_title": self.config.node.ae_title,
                "bind": self.config.node.bind,
                "port": self.port,
                "rules": len(self.config.rules),
                "peers": len(self.config.peers),
            },
        )

    def tick(self) -> None:
        """Looks which series are complete and routes them. Driven by the scheduler; nothing but rows remembers."""
        now = self._clock()
        try:
            self._assembler.tick(now)
            if self._router.route_completed(now):
                self._supervisor.wake()
        except DATABASE_REFUSALS as error:
            if str(error) != self._tick_trouble:  # told once, not five times a second
                log.error("completion and routing wait: %s", error)
            self._tick_trouble = str(error)
        else:
            self._tick_trouble = ""

    def prepare_candidates(self) -> None:
        """Starts the training of models that is due; see ``node.candidates``."""
        try:
            self._candidates.tick(self._clock())
        except (*DATABASE_REFUSALS, OSError) as error:
            log.error("candidates wait: %s", error)

    def reload(self) -> None:
        """Reads the configuration again (SIGHUP). A file with mistakes changes nothing and is reported."""
        try:
            config = load_config(self.config.path, self._catalogue)
        except ConfigurationError as error:
            for problem in error.problems:
                log.error("configuration not reloaded: %s", problem)
            return
        kept = {name: getattr(self.config.node, name) for name in FIXED_SETTINGS}
        for name, value in kept.items():
            if getattr(config.node, name) != value:
                log.warning("this setting takes effect at the next start: %s", name)
        config = replace(config, node=replace(config.node, **kept))
        self.config = config
        self._receiver.reload(config.node)
        self._assembler.reload(config.node)
        self._router.reload(config)
        self._supervisor.reload(config)
        self._candidates.reload(config)
        self._deliverer.reload(config)
        self._match_delivery_threads()
        log.info("configuration reloaded", extra={"rules": len(config.rules), "peers": len(config.peers)})

    def stop(self) -> None:
        """Stops listening, lets workers finish or give their jobs back, leaves every promise in its row."""
        log.info("node is stopping")
        self._receiver.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        self._candidates.stop()
        self._deliverer.stop()
        for thread in self._deliveries.values():
            thread.stop()
        self._supervisor.stop(STOP_TIMEOUT_S)
        for thread in self._deliveries.values():
            thread.join(STOP_TIMEOUT_S)
        self.database.close()
        self._lock.release()
        log.info("node stopped")

    def _match_delivery_threads(self) -> None:
        for peer in self.config.peers:
            if peer not in self._deliveries:
                self._deliveries[peer] = DeliveryThread(self._deliverer, peer, self.database)
                self._deliveries[peer].start()
        for peer in set(self._deliveries) - set(self.config.peers):
            self._deliveries.pop(peer).stop()

    def _wake_delivery(self) -> None:
        for thread in tuple(self._deliveries.values()):
            thread.wake()

    def _tick_now(self) -> None:
        """An association has ended: maybe a series is complete sooner than by silence."""
        with contextlib.suppress(JobLookupError):  # not started yet, or stopping
            self._scheduler.modify_job(TICK, next_run_time=datetime.now(UTC))
