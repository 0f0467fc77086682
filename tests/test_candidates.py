"""When a candidate is due, and that rows remember it."""

from __future__ import annotations

import pytest

from dicom_node.candidates import CandidateRuns, due
from dicom_node.config import CandidatePlan
from dicom_node.database import Database
from dicom_node.errors import UsageError
from dicom_node.testing import FakeClock

DAY_S = 86_400.0
PLAN = CandidatePlan(every_s=7 * DAY_S, at_least=50)


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "node.db")
    yield made
    made.close()


def runs_of(database, tmp_path, clock) -> CandidateRuns:
    return CandidateRuns(database, tmp_path, clock)


def is_due(runs: CandidateRuns, cases: int, clock: FakeClock) -> bool:
    """With ``cases`` cases numbered from 1."""
    return due(runs.of("scale"), lambda after: cases - after, PLAN, clock())


def test_the_first_waits_for_enough_cases(database, tmp_path):
    clock = FakeClock()
    runs = runs_of(database, tmp_path, clock)
    assert not is_due(runs, 49, clock)
    assert is_due(runs, 50, clock)


def test_the_next_waits_for_its_time_and_for_new_cases(database, tmp_path):
    clock = FakeClock()
    runs = runs_of(database, tmp_path, clock)
    runs.done(runs.begin("scale", last_case=50, cases=50), "1.1")
    clock.advance(6 * DAY_S)
    assert not is_due(runs, 200, clock)
    clock.advance(DAY_S)
    assert not is_due(runs, 99, clock)
    assert is_due(runs, 100, clock)


def test_what_failed_is_tried_again_in_its_time_and_its_cases_still_count(database, tmp_path):
    clock = FakeClock()
    runs = runs_of(database, tmp_path, clock)
    runs.failed(runs.begin("scale", last_case=50, cases=50), "no torch")
    assert not is_due(runs, 50, clock)
    clock.advance(7 * DAY_S)
    assert is_due(runs, 50, clock)
    assert runs.of("scale")[-1].reason == "no torch"


def test_what_was_interrupted_goes_on_in_its_folder(database, tmp_path):
    clock = FakeClock()
    first = runs_of(database, tmp_path, clock).begin("scale", last_case=50, cases=50)
    later = runs_of(database, tmp_path / "other", clock)  # as another process, which has no lock of its own yet
    assert is_due(later, 50, clock)
    assert later.begin("scale", last_case=50, cases=50) == first
    after_more_cases = runs_of(database, tmp_path / "third", clock).begin("scale", last_case=60, cases=60)
    assert after_more_cases == first  # it learns from the cases that it began with


def test_two_do_not_prepare_the_same(database, tmp_path):
    holder = runs_of(database, tmp_path, FakeClock())
    holder.begin("scale", last_case=1, cases=1)
    with pytest.raises(UsageError, match="is being prepared already"):
        runs_of(database, tmp_path, FakeClock()).begin("scale", last_case=1, cases=1)
    runs_of(database, tmp_path, FakeClock()).begin("another", last_case=1, cases=1)
