"""What happens to a job after a failure: a pure function of the error, the attempts so far and the job's age.

    UnsuitableSeries            unsuitable      nothing is wrong with the node: the input is not for this algorithm
    JobCancelled                cancelled
    JobInterrupted              again at once   the worker was stopped; the work itself did nothing wrong
    AlgorithmFailed, foreign    again once, then failed
    other retryable errors      again with a growing delay until the policy's give_up_after_s, then failed
    all others                  failed at once  trying again cannot help

Foreign is every exception that is not of ``errors.py``: a fault in the code, which a second run may escape
(memory was short) or confirm.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from dicom_node.errors import AlgorithmFailed, DicomNodeError, JobCancelled, JobInterrupted, UnsuitableSeries

ATTEMPTS_OF_A_FAULT = 2
"""How often work whose algorithm raised is run in all: once more, because the cause may have been passing."""

KILLS_BEFORE_PARKING = 2
"""A job that took its worker down this often is parked: only a person starts it again."""

INTERRUPTIONS_BEFORE_PARKING = 30
"""A job that was running this often when the whole node went down is taken for the cause. Far more than kills,
because a node that goes down takes innocent jobs with it."""

JITTER = 0.2
"""Delays vary by this fraction up and down, so that jobs that failed together do not come back together."""


class RetryPolicy(Protocol):
    """How delays grow, and when to stop trying. A peer's ``retry`` in routing.yaml is one."""

    @property
    def first_s(self) -> float: ...
    @property
    def factor(self) -> float: ...
    @property
    def max_s(self) -> float: ...
    @property
    def give_up_after_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class BackOff:
    """A RetryPolicy of plain numbers."""

    first_s: float
    factor: float
    max_s: float
    give_up_after_s: float


ANALYSE_BACK_OFF = BackOff(first_s=5.0, factor=2.0, max_s=300.0, give_up_after_s=86_400.0)
"""For analyse jobs: a full disk is waited out for a day."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The job waits again."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job ends in ``state``: failed, unsuitable, parked or cancelled."""

    state: str


Decision = RetryAfter | GiveUp


def delay_s(attempt: int, job_id: int, policy: RetryPolicy) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1), the same for the same job and attempt.

    ``first_s * factor ** (attempt - 1)``, varied by ``JITTER``, never above ``max_s``.
    """
    exponent = min(attempt - 1, 64)  # further growth is cut by max_s anyhow, and a float must not overflow
    digest = hashlib.sha256(f"{job_id}:{attempt}".encode()).digest()
    fraction = int.from_bytes(digest[:4], "big") / 2**32
    varied = policy.first_s * policy.factor**exponent * (1.0 - JITTER + 2.0 * JITTER * fraction)
    return min(varied, policy.max_s)


def decide(error: BaseException, attempts: int, age_s: float, job_id: int, policy: RetryPolicy) -> Decision:
    """What happens after ``error`` ended attempt number ``attempts``.

    Args:
        attempts: attempts so far, the failed one included.
        age_s: seconds since the job was put, or since a person last asked for a retry.
    """
    if isinstance(error, UnsuitableSeries):
        return GiveUp("unsuitable")
    if isinstance(error, JobCancelled):
        return GiveUp("cancelled")
    if isinstance(error, JobInterrupted):
        return RetryAfter(0.0)
    after_s = delay_s(attempts, job_id, policy)
    if isinstance(error, AlgorithmFailed) or not isinstance(error, DicomNodeError):
        return RetryAfter(after_s) if attempts < ATTEMPTS_OF_A_FAULT else GiveUp("failed")
    if error.retryable and age_s + after_s <= policy.give_up_after_s:
        return RetryAfter(after_s)
    return GiveUp("failed")


def decide_after_kill(kills: int, job_id: int, policy: RetryPolicy) -> Decision:
    """What happens after the job took its worker down for the ``kills``-th time."""
    return GiveUp("parked") if kills >= KILLS_BEFORE_PARKING else RetryAfter(delay_s(kills, job_id, policy))
