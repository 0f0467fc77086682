"""DeLong against a published example, the definition written out, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.delong import delong_difference, delong_interval
from algorithms.ovarian_classification.roc import area


def test_hanley_and_mcneil_1982():
    """CT ratings of 58 normal and 51 abnormal patients; Stata's roctab gives 0.8932 (0.83295 to 0.95339) by DeLong."""
    ratings = np.concatenate([np.repeat(range(5), [33, 6, 6, 11, 2]), np.repeat(range(5), [3, 2, 2, 11, 33])])
    found = delong_interval(ratings, np.arange(109) >= 58)
    assert (found.low, found.value, found.high) == pytest.approx((0.83295, 0.8932, 0.95339), abs=5e-5)


def _components(scores, truth):
    """Placement values pair by pair, as DeLong et al. 1988 define them."""
    above, below = scores[truth], scores[~truth]
    kernel = (above[:, None] > below[None]) + 0.5 * (above[:, None] == below[None])
    return kernel.mean(axis=1), kernel.mean(axis=0)


def test_difference_by_the_definition():
    rng = np.random.default_rng(0)
    truth = np.arange(60) >= 42
    first = np.round(rng.normal(size=60) + truth, 1)
    second = np.round(0.7 * first + rng.normal(size=60) * 0.7, 1)
    (a10, a01), (b10, b01) = _components(first, truth), _components(second, truth)
    variance = np.var(a10 - b10, ddof=1) / 18 + np.var(a01 - b01, ddof=1) / 42
    found = delong_difference(first, second, truth)
    assert found.value.value == pytest.approx(a10.mean() - b10.mean())
    assert found.value.high - found.value.low == pytest.approx(2 * 1.959964 * np.sqrt(variance), rel=1e-6)
    assert found.p == pytest.approx(2 * (1 - _normal_cdf(abs(found.value.value) / np.sqrt(variance))), abs=1e-9)


def _normal_cdf(z):
    from math import erf, sqrt

    return 0.5 * (1 + erf(z / sqrt(2)))


def test_area_agrees_with_the_interval():
    rng = np.random.default_rng(2)
    truth = rng.random(80) < 0.3
    scores = rng.integers(0, 6, 80)
    assert delong_interval(scores, truth).value == pytest.approx(area(scores, truth))


@pytest.mark.parametrize("scores", [[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
def test_scores_without_spread_have_no_ends(scores):
    found = delong_interval(scores, [False, False, True, True])
    assert found.low is None
    assert found.high is None


def test_one_positive_has_no_ends():
    found = delong_interval([1.0, 2.0, 3.0], [False, False, True])
    assert (found.low, found.value) == (None, 1.0)


def test_a_score_against_itself_has_nothing_to_test():
    rng = np.random.default_rng(4)
    truth, scores = np.arange(40) >= 30, rng.normal(size=40)
    found = delong_difference(scores, 3 * scores + 1, truth)
    assert found.value.value == 0.0
    assert found.p is None


def test_the_interval_stays_within_0_and_1():
    truth = np.arange(24) >= 20
    scores = np.arange(24.0)
    scores[19] = 21.5
    found = delong_interval(scores, truth)
    assert found.high == 1.0


def test_intervals_cover_and_the_test_keeps_its_level():
    """150 sets of 30 and 90 with area 0.8: Phi(1.190 / sqrt 2)."""
    rng = np.random.default_rng(7)
    truth = np.arange(120) >= 90
    covered, found = [], []
    for _ in range(150):
        shared = rng.normal(size=120)
        first, second = (0.6 * shared + 0.8 * rng.normal(size=120) + 1.1902 * truth for _ in range(2))
        interval = delong_interval(first, truth)
        covered.append(interval.low <= 0.8 <= interval.high)
        found.append(delong_difference(first, second, truth).p)
    assert 0.89 <= np.mean(covered) <= 0.99
    assert np.mean(np.array(found) < 0.05) <= 0.10
