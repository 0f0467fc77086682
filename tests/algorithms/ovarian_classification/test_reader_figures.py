"""The table's figures: a table worked by hand, sklearn's and Newcombe's values, and blocks that stay together."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.reader_figures import (
    DECIDED,
    Draws,
    average,
    decided,
    discrimination,
    median,
    share,
    weighted_area,
    wilson,
)
from algorithms.ovarian_classification.roc import area
from dicom_node.figures import interval


def _calls(tp, fp, fn, tn):
    called = np.repeat([True, True, False, False], [tp, fp, fn, tn])
    truth = np.repeat([True, False, True, False], [tp, fp, fn, tn])
    return called, truth


def test_by_hand():
    called, truth = _calls(8, 4, 2, 26)
    found = decided(called, truth, Draws.of(np.arange(40)))
    told = {name: one.value for name, one in found.items()}
    expected = {
        "accuracy": 34 / 40,
        "sensitivity": 8 / 10,
        "specificity": 26 / 30,
        "ppv": 8 / 12,
        "npv": 26 / 28,
        # by chance: (12 x 10 + 28 x 30) / 1600 = 0.6; (0.85 - 0.6) / 0.4
        "kappa": 0.625,
        "f1": 16 / 22,
    }
    assert told == pytest.approx(expected)
    assert tuple(found) == DECIDED
    for one in found.values():
        assert one.by_block[0] <= one.value <= one.by_block[1]
    assert found["kappa"].interval is None
    assert found["sensitivity"].interval == wilson(8, 10)


def test_agrees_with_sklearn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    truth, scores = rng.random(150) < 0.3, np.round(rng.normal(size=150), 1)
    called = scores > 0.2
    draws = Draws.of(np.arange(150))
    found = decided(called, truth, draws)
    assert found["kappa"].value == pytest.approx(metrics.cohen_kappa_score(truth, called))
    assert found["f1"].value == pytest.approx(metrics.f1_score(truth, called))
    assert discrimination(scores, truth, draws).value == pytest.approx(metrics.roc_auc_score(truth, scores))
    times = rng.integers(0, 4, (1, 150)).astype(float)
    expected = metrics.roc_auc_score(truth, scores, sample_weight=times[0])
    assert weighted_area(scores, truth, times)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_newcombe_1998_prints_it(hits, count, low, high):
    assert wilson(hits, count) == pytest.approx((low, high), abs=6e-5)


def test_what_divides_by_zero_has_no_value():
    called, truth = _calls(0, 0, 3, 9)
    found = decided(called, truth, Draws.of(np.arange(12)))
    assert found["ppv"].value is None
    assert found["ppv"].interval is None
    assert found["sensitivity"].value == 0.0
    called, truth = _calls(0, 0, 0, 5)
    found = decided(called, truth, Draws.of(np.arange(5)))
    assert found["kappa"].value is None
    assert found["f1"].value is None
    assert found["sensitivity"].value is None


def test_one_kind_has_no_area():
    found = discrimination([0.1, 0.2], [False, False], Draws.of([0, 1]))
    assert (found.value, found.interval, found.by_block) == (None, None, None)


def test_empty_sets_have_no_value():
    draws = Draws.of([0, 1])
    assert share([], draws).value is None
    assert average([], draws).value is None
    assert median([], draws).value is None
    with pytest.raises(ValueError, match="at least one call"):
        decided([], [], draws)


def test_blocks_stay_together():
    """Ten patients with ten like images each: the interval is that of ten, not of a hundred."""
    called, truth = np.ones(100, bool), np.repeat(np.arange(10) < 5, 10)
    alone = decided(called, truth, Draws.of(np.arange(100)))["accuracy"]
    together = decided(called, truth, Draws.of(np.repeat(np.arange(10), 10)))["accuracy"]
    assert alone.value == together.value == 0.5
    assert together.by_block[1] - together.by_block[0] > 2.5 * (alone.by_block[1] - alone.by_block[0])


def test_one_block_has_no_interval():
    called, truth = _calls(2, 1, 1, 2)
    found = decided(called, truth, Draws.of(np.zeros(6, int)))
    assert found["accuracy"].value == pytest.approx(4 / 6)
    assert found["accuracy"].by_block is None


def test_bootstrap_agrees_with_the_node_s_own():
    """Another implementation (drawn rows), another stream of random numbers: the same ends but for chance."""
    rng = np.random.default_rng(8)
    blocks, values = np.repeat(np.arange(30), 4), rng.normal(size=120) + np.repeat(rng.normal(size=30), 4)
    draws = Draws.of(blocks)
    for mine, statistic in ((average(values, draws), np.mean), (median(values, draws), np.median)):
        other = interval(values, statistic, blocks, seed=9)
        assert mine.value == pytest.approx(other.value)
        assert mine.by_block == pytest.approx((other.low, other.high), abs=0.12)


def test_area_when_every_image_counts_once():
    rng = np.random.default_rng(6)
    truth, scores = rng.random(50) < 0.4, rng.integers(0, 8, 50).astype(float)
    assert weighted_area(scores, truth, np.ones((1, 50)))[0] == pytest.approx(area(scores, truth))


def test_a_rare_kind_that_is_often_not_drawn_has_no_interval():
    truth = np.arange(40) == 0
    found = discrimination(np.arange(40.0), truth, Draws.of(np.arange(40)))
    assert found.value == 0.0
    assert found.by_block is None
