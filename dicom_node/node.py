"""The node: builds the stages from one configuration, starts them, keeps them going, stops them.

    Receiver (pynetdicom threads) ─> rows ─> tick: assemble, route ─> rows ─> worker processes ─> rows ─> peer threads

The stages meet in the database only, so any of them can stop or die at any moment; what was promised is in a row.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from dicom_node.assemble import Assembler
from dicom_node.config import NodeConfig, load_config
from dicom_node.database import Database
from dicom_node.deliver import Deliverer
from dicom_node.encode import adapt_to_peer
from dicom_node.errors import ConfigurationError, UsageError
from dicom_node.jobs import Queue
from dicom_node.plugins import Catalogue
from dicom_node.receive import Receiver
from dicom_node.route import Router
from dicom_node.storage import Inbox, Outbox
from dicom_node.supervisor import Supervisor

log = logging.getLogger(__name__)

TICK_S = 0.2
IDLE_DELIVERY_WAIT_S = 0.2
STOP_TIMEOUT_S = 20.0


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

    def __init__(self, deliverer: Deliverer, peer: str) -> None:
        super().__init__(name=f"deliver-{peer}", daemon=True)
        self._deliverer, self._peer = deliverer, peer
        self._stopping, self._wake = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            if not self._deliverer.deliver_once(self._peer):
                self._wake.wait(IDLE_DELIVERY_WAIT_S)
                self._wake.clear()

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
        data_dir = config.node.data_dir
        self.database = Database(data_dir / "node.db")
        inbox, outbox = Inbox(data_dir), Outbox(data_dir)
        self.queue = Queue(self.database, clock)
        self._receiver = Receiver(config.node, self.database, inbox, clock, on_change=self._nudge)
        self._assembler = Assembler(self.database, config.node, listening_since=self._clock())
        self._router = Router(self.database, config, self.queue, inbox)
        self._supervisor = Supervisor(config, self.queue, on_change=self._wake_delivery)
        self._deliverer = Deliverer(self.database, self.queue, outbox, config, adapt_to_peer, clock)
        self._deliveries: dict[str, DeliveryThread] = {}
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._nudged = threading.Event()

    def start(self) -> None:
        """Takes up what an earlier run left, then listens."""
        left_running = self.queue.release_all_running()
        scratch = self.config.node.data_dir / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        if left_running:
            log.info("jobs of the last run are taken up again", extra={"jobs": left_running})
        self._supervisor.start()
        self._match_delivery_threads()
        self._scheduler.add_job(self.tick, "interval", seconds=TICK_S, max_instances=1, coalesce=True)
        self._scheduler.start()
        self._receiver.start()
        log.info(
            "node is listening",
            extra={
                "ae_title": self.config.node.ae_title,
                "bind": self.config.node.bind,
                "port": self.config.node.port,
                "rules": len(self.config.rules),
                "peers": len(self.config.peers),
            },
        )

    def tick(self) -> None:
        """Looks which series are complete and routes them. Driven by the scheduler; nothing but rows remembers."""
        now = self._clock()
        self._assembler.tick(now)
        if self._router.route_completed(now):
            self._supervisor.wake()

    def reload(self) -> None:
        """Reads the configuration again (SIGHUP). A file with mistakes changes nothing and is reported."""
        try:
            config = load_config(self.config.path, self._catalogue)
        except ConfigurationError as error:
            for problem in error.problems:
                log.error("configuration not reloaded: %s", problem)
            return
        for problem in self._fixed_settings_changed(config):
            log.warning("this setting takes effect at the next start: %s", problem)
        self.config = config
        self._receiver.reload(config.node)
        self._assembler.reload(config.node)
        self._router.reload(config)
        self._supervisor.reload(config)
        self._deliverer.reload(config)
        self._match_delivery_threads()
        log.info("configuration reloaded", extra={"rules": len(config.rules), "peers": len(config.peers)})

    def stop(self) -> None:
        """Stops listening, lets workers finish or give their jobs back, leaves every promise in its row."""
        self._receiver.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        for thread in self._deliveries.values():
            thread.stop()
        self._supervisor.stop(STOP_TIMEOUT_S)
        for thread in self._deliveries.values():
            thread.join(STOP_TIMEOUT_S)
        self.database.close()
        self._lock.release()
        log.info("node stopped")

    def _fixed_settings_changed(self, config: NodeConfig) -> list[str]:
        fixed = ("bind", "port", "data_dir", "uid_namespace")
        return [name for name in fixed if getattr(config.node, name) != getattr(self.config.node, name)]

    def _match_delivery_threads(self) -> None:
        for peer in self.config.peers:
            if peer not in self._deliveries:
                self._deliveries[peer] = DeliveryThread(self._deliverer, peer)
                self._deliveries[peer].start()
        for peer in set(self._deliveries) - set(self.config.peers):
            self._deliveries.pop(peer).stop()

    def _wake_delivery(self) -> None:
        for thread in tuple(self._deliveries.values()):
            thread.wake()

    def _nudge(self) -> None:
        self._nudged.set()
