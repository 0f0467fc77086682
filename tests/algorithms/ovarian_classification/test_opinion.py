"""The logarithmic opinion pool, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.opinion import agreed


def test_by_hand():
    """Odds multiply: 9 to 1 and 1 to 1 give the root of 9, 3 to 1."""
    assert agreed(np.array([[0.9, 0.1], [0.5, 0.5]])) == pytest.approx([0.75, 0.25], abs=2e-3)


def test_equal_opinions_stay():
    one = np.array([0.6, 0.3, 0.1])
    assert agreed(np.stack([one] * 4)) == pytest.approx(one, abs=2e-3)


def test_the_surer_opinion_counts_more_than_in_the_mean():
    sure, unsure = np.array([0.99, 0.01]), np.array([0.4, 0.6])
    assert agreed(np.stack([sure, unsure]))[0] > np.mean([sure[0], unsure[0]])


def test_nothing_is_ruled_out_by_one_alone():
    pooled = agreed(np.array([[0.0, 1.0], [0.9, 0.1]]))
    assert np.isfinite(pooled).all()
    assert pooled[0] > 0.05


def test_along_an_axis():
    opinions = np.random.default_rng(0).dirichlet(np.ones(8), size=(2, 5, 3))
    pooled = agreed(opinions, axis=1)
    assert pooled.shape == (2, 3, 8)
    assert pooled.sum(axis=-1) == pytest.approx(np.ones((2, 3)))
    assert pooled[1, 2] == pytest.approx(agreed(opinions[1, :, 2]))


def test_weights_are_powers_of_the_odds():
    """9 to 1 with three quarters, 1 to 9 with one quarter: 9 to the power of a half, 3 to 1."""
    assert agreed(np.array([[0.9, 0.1], [0.1, 0.9]]), weights=(0.75, 0.25)) == pytest.approx([0.75, 0.25], abs=2e-3)
