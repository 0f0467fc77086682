"""The retry decision against the table in its docstring, and delays against the formula worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node import errors
from dicom_node.retry import BackOff, GiveUp, RetryAfter, decide, decide_after_kill, delay_s

POLICY = BackOff(first_s=10.0, factor=2.0, max_s=60.0, give_up_after_s=3600.0)


@pytest.mark.parametrize(
    ("error", "attempts", "state"),
    [
        (errors.UnsuitableSeries("needs two frames"), 1, "unsuitable"),
        (errors.JobCancelled("asked"), 1, "cancelled"),
        (errors.UnreadableInstance("no pixels"), 1, "failed"),
        (errors.InvalidResult("no study"), 1, "failed"),
        (errors.ModelError("no file"), 1, "failed"),
        (errors.PeerRefused("0xA900"), 1, "failed"),
        (errors.AlgorithmFailed("raised"), 2, "failed"),
        (ValueError("raised"), 2, "failed"),
    ],
)
def test_gives_up(error, attempts, state):
    assert decide(error, attempts, 0.0, 1, POLICY) == GiveUp(state)


@pytest.mark.parametrize(
    "error",
    [errors.AlgorithmFailed("raised"), KeyError("raised"), errors.StorageError("full"), errors.PeerError("away")],
)
def test_tries_again(error):
    decision = decide(error, 1, 0.0, 1, POLICY)
    assert isinstance(decision, RetryAfter)
    assert 8.0 <= decision.after_s <= 12.0


def test_a_full_disk_is_waited_out_until_the_policy_ends_it():
    full = errors.StorageError("full")
    assert isinstance(decide(full, 50, 3500.0, 1, POLICY), RetryAfter)
    assert decide(full, 51, 3570.0, 1, POLICY) == GiveUp("failed")


def test_an_interrupted_job_comes_back_at_once():
    assert decide(errors.JobInterrupted("stopped"), 7, 1e9, 1, POLICY) == RetryAfter(0.0)


def test_the_second_kill_parks():
    assert isinstance(decide_after_kill(1, 5, POLICY), RetryAfter)
    assert decide_after_kill(2, 5, POLICY) == GiveUp("parked")


@given(st.integers(1, 10_000), st.integers(1, 10**9))
def test_delays_grow_within_the_jitter_up_to_the_limit_and_never_vary(attempt, job_id):
    delay = delay_s(attempt, job_id, POLICY)
    plain = 10.0 * 2.0 ** min(attempt - 1, 20)
    assert delay == delay_s(attempt, job_id, POLICY)
    assert min(0.8 * plain, 60.0) <= delay <= min(1.2 * plain, 60.0)


def test_jobs_that_failed_together_do_not_come_back_together():
    assert len({round(delay_s(1, job_id, POLICY), 3) for job_id in range(20)}) > 15
