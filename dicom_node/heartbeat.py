"""The lease of a job at work, renewed once a second, and what the queue answers."""

from __future__ import annotations

import logging
import threading

from dicom_node.errors import JobInterrupted, StorageError
from dicom_node.jobs import Job, Queue

log = logging.getLogger(__name__)

LEASE_S = 60.0
"""From the claim to the first heartbeat. Later a lease outlasts the job's time limit by this: the supervisor, which
sees the process, judges first, and a library that holds the interpreter for long loses nothing."""
HEARTBEAT_S = 1.0
"""How often progress is written and a request to cancel is seen."""


class Heartbeat:
    """Renews a job's lease from a thread of its own, and brings what the queue answers to the algorithm's next report.

    ``progress`` is the algorithm's ``Progress``: it raises JobCancelled or LeaseLost once the queue has said so.
    """

    def __init__(self, queue: Queue, job: Job) -> None:
        self._queue, self._job = queue, job
        self._report: tuple[float, str] = (0.0, "")
        self._answer: JobInterrupted | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def progress(self, fraction: float, doing: str) -> None:
        """Notes how far the work is; raises what the queue answered last."""
        self._report = (min(max(fraction, 0.0), 1.0), doing)
        if self._answer is not None:
            raise self._answer

    def _beat(self) -> None:
        lease_s = self._job.work.time_limit_s + LEASE_S
        while True:
            try:
                self._queue.renew(self._job, lease_s, *self._report)
            except JobInterrupted as answer:
                self._answer = answer
            except StorageError as error:
                log.warning("a lease could not be renewed: %s", error, extra={"job": self._job.id})
            if self._answer is not None or self._ended.wait(HEARTBEAT_S):
                break
        self._queue.close()
