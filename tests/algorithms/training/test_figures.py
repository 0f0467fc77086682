"""Intervals: against the formula of the mean's standard error, and wider where frames of a patient are alike."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.training.figures import Interval, interval


def test_of_a_mean_it_is_the_one_of_the_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = interval(values)
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_groups_are_drawn_whole():
    """Ten patients of forty equal frames: the interval is that of ten values, not of four hundred."""
    of_patient = np.random.default_rng(1).normal(0, 1, 10)
    order = np.random.default_rng(2).permutation(400)
    patients = np.repeat([f"P{i}" for i in range(10)], 40)[order]
    frames = np.repeat(of_patient, 40)[order]
    grouped, plain = interval(frames, groups=patients), interval(frames)
    alone = interval(of_patient)
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert grouped.high - grouped.low > 4 * (plain.high - plain.low)


def test_rows_stay_together_for_a_ratio_of_sums():
    area = np.random.default_rng(3).uniform(1, 100, 50)
    rows = np.stack([0.05 * area, area], axis=1)
    found = interval(rows, lambda drawn: drawn[:, 0].sum() / drawn[:, 1].sum())
    assert (found.low, found.value, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_the_seed_fixes_the_interval_and_the_level_widens_it():
    values = np.random.default_rng(4).normal(size=30)
    assert interval(values, seed=1) == interval(values, seed=1) != interval(values, seed=2)
    narrow, wide = interval(values, level=0.5), interval(values, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_group_has_no_interval():
    found = interval([1.0, 2.0, 3.0], groups=["a", "a", "a"])
    assert found == Interval(None, 2.0, None)
    assert str(found) == "2 (no interval: one group)"
    assert str(Interval(0.8871, 0.9124, 0.93)) == "0.9124 (0.8871 to 0.93)"


@pytest.mark.parametrize(
    ("values", "groups", "said"),
    [([], None, "got 0"), ([1.0, np.nan], None, "1 not finite"), ([1.0, 2.0], ["a"], "one group for each of 2 rows")],
)
def test_what_carries_no_figure_is_refused(values, groups, said):
    with pytest.raises(ValueError, match=said):
        interval(values, groups=groups)
