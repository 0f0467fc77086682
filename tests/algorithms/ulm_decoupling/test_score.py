"""Scores by hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.score import pair_positions, score_localisations, score_overlap


def test_counts_and_errors_by_hand():
    true = [(0, 10, 10), (0, 20, 20), (1, 10, 10)]
    found = [(0, 10, 11), (0, 20, 24), (1, 10, 10), (1, 40, 40)]
    score = score_localisations(np.array(found), np.array(true), radius=2)
    assert (score.true_positives, score.false_positives, score.false_negatives) == (2, 2, 1)
    assert score.rmse_px == pytest.approx(np.sqrt(0.5))
    assert score.jaccard == pytest.approx(2 / 5)
    assert score.precision == pytest.approx(1 / 2)
    assert score.sensitivity == pytest.approx(2 / 3)


def test_pairing_is_greedy_nearest_first_and_one_to_one():
    true = np.array([(0, 0.0, 0.0), (0, 1.5, 0.0)])
    found = np.array([(0, 1.0, 0.0), (0, -1.8, 0.0)])
    i, j, distance = pair_positions(found, true, 2.0)
    assert list(zip(i, j, strict=True)) == [(0, 1), (1, 0)]
    np.testing.assert_allclose(distance, [0.5, 1.8])
    alone = pair_positions(np.array([(0, 0.7, 0.0)]), true, 2.0)
    assert alone[1].tolist() == [0]


def test_frames_never_mix():
    assert len(pair_positions(np.array([(0, 5, 5)]), np.array([(1, 5, 5)]), 2.0)[0]) == 0


def test_nothing_there_and_nothing_found_is_perfect():
    empty = np.empty((0, 3))
    assert score_localisations(empty, empty).jaccard == 1
    score = score_localisations(np.array([(0, 1, 1)]), empty)
    assert (score.precision, score.sensitivity, score.rmse_px) == (0, 1, None)


def test_wrong_columns_are_refused():
    with pytest.raises(ValueError, match="columns frame, x, y"):
        score_localisations(np.ones((3, 2)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="radius must be above 0"):
        pair_positions(np.ones((1, 3)), np.ones((1, 3)), 0)


def test_overlap_by_hand():
    a, b = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    a[0, :3], b[0, 1:] = True, True
    score = score_overlap(a, b)
    assert (score.dice, score.jaccard) == (pytest.approx(2 / 3), pytest.approx(1 / 2))
    with pytest.raises(ValueError, match="one shape"):
        score_overlap(a, b[:1])
