"""A small crash trial; ``python -m benchmarks.crash_trial`` runs the whole one (200 series, 50 kills)."""

from __future__ import annotations

import pytest

from benchmarks.crash_trial import crash_trial

pytestmark = [pytest.mark.loopback, pytest.mark.process]


# pynetdicom drops the socket of a refused connection without closing it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_is_killed_again_and_again_loses_nothing_and_delivers_once(tmp_path):
    outcome = crash_trial(tmp_path, series=8, kills=3, seed=1)
    assert outcome.bad == ()
    assert (outcome.series, outcome.acknowledged) == (8, 16)
    assert outcome.at_archive == outcome.results >= 16  # a report and a picture of each; more where a kill split one
