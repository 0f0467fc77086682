"""Linking and smoothing on paths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.track import LinkOptions, filled, link, smoothed


def crossing(n: int = 21) -> tuple[np.ndarray, ...]:
    """Two bubbles on crossing straight lines, one going right-down, one right-up; shuffled."""
    t = np.arange(n)
    frame, owner = np.concatenate([t, t]), np.repeat([0, 1], n)
    x = 10.0 + frame
    y = np.where(owner == 0, 10.0 + frame, 29.5 - frame)
    order = np.random.default_rng(1).permutation(2 * n)
    return tuple(v[order] for v in (frame, x, y, owner))


def test_crossing_bubbles_keep_their_identity():
    frame, x, y, owner = crossing()
    track = link(frame, x, y, np.ones(len(x)))
    assert set(zip(owner.tolist(), track.tolist(), strict=True)) in ({(0, 0), (1, 1)}, {(0, 1), (1, 0)})


def test_a_gap_is_bridged_up_to_its_limit_and_filled_by_a_line():
    frame = np.array([0, 1, 2, 3, 7, 8, 9])
    x = frame * 1.5
    y = np.full(7, 5.0)
    assert link(frame, x, y, np.ones(7), LinkOptions(max_gap_frames=3)).tolist() == [0] * 7
    assert link(frame, x, y, np.ones(7), LinkOptions(max_gap_frames=2, min_length=3)).tolist() == [0] * 4 + [1] * 3
    added_frame, added_track, (added_x,) = filled(frame, np.zeros(7, int), (x,))
    assert added_frame.tolist() == [4, 5, 6]
    assert added_track.tolist() == [0, 0, 0]
    np.testing.assert_allclose(added_x, [6.0, 7.5, 9.0])


def test_short_tracks_and_far_jumps_are_no_tracks():
    frame = np.arange(6)
    x = np.array([0.0, 1, 2, 50, 51, 52])
    track = link(frame, x, np.zeros(6), np.ones(6), LinkOptions(min_length=3))
    assert track.tolist() == [0, 0, 0, 1, 1, 1]
    assert (link(frame, x, np.zeros(6), np.ones(6), LinkOptions(min_length=4)) == -1).all()


def test_the_likelier_brightness_wins_where_distance_does_not_decide():
    frame = np.array([0, 0, 1, 1])
    y = np.array([0.0, 1.0, 0.5, 0.5001])
    track = link(frame, np.zeros(4), y, np.array([1.0, 5.0, 5.0, 1.0]), LinkOptions(min_length=1))
    assert track.tolist() == [0, 1, 1, 0]


def test_nothing_to_link():
    empty = np.empty(0)
    assert len(link(empty.astype(int), empty, empty, empty)) == 0
    assert len(smoothed(empty.astype(int), empty, empty, empty.astype(int))[0]) == 0


def test_smoothing_keeps_parabolas_and_calms_noise_and_outliers():
    t = np.arange(40)
    x, y = 0.02 * t**2 + t, 100 - 0.5 * t
    track = np.zeros(40, int)
    for found, true in zip(smoothed(t, x, y, track), (x, y, 0.04 * t + 1, np.full(40, -0.5)), strict=True):
        np.testing.assert_allclose(found, true, atol=1e-6)
    rng = np.random.default_rng(3)
    noisy = x + rng.normal(0, 0.3, 40)
    noisy[20] += 2
    result, *_ = smoothed(t, noisy, y, track)
    assert np.sqrt(np.mean((result - x) ** 2)) < 0.25
    assert abs(result[20] - x[20]) < 0.5


def test_smoothing_leaves_others_alone():
    t = np.arange(6)
    x = np.array([1.0, 7, 2, 9, 3, 4])
    result, _, v_x, _ = smoothed(t, x, x, np.full(6, -1))
    np.testing.assert_array_equal(result, x)
    assert not v_x.any()


@pytest.mark.parametrize("bad", [{"max_step_px": 0}, {"max_gap_frames": -1}, {"min_length": 0}])
def test_impossible_options_are_refused(bad):
    with pytest.raises(ValueError):
        LinkOptions(**bad)
