"""Sparsity against hand calculation: the share of zeros of an on/off signal, whatever its height and length."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.sparsity import SparsityMeter


def measure(frames, pixels=None):
    meter = SparsityMeter(frames.shape[1:])
    for start in range(0, len(frames), 3):  # in uneven pieces
        meter.add(frames[start : start + 3])
    return meter.sparsity(meter.lit if pixels is None else pixels)


def test_an_on_off_signal_is_as_sparse_as_it_has_zeros():
    frames = np.zeros((10, 4, 5), np.float32)
    frames[3] = 7.0  # every pixel lit in one frame of ten
    sparsity = measure(frames)
    assert sparsity.time == pytest.approx(0.9)
    assert sparsity.space == pytest.approx(0.9)  # nine frames with nothing left (1) and one with all equal (0)


def test_in_space_it_is_the_share_of_dark_pixels():
    frames = np.zeros((8, 4, 5), np.uint8)
    frames[:, 2, 1:3] = 200
    assert measure(frames) == pytest.approx(measure(frames * 0.25))
    assert measure(frames).space == pytest.approx(0.9)
    assert measure(frames).time == pytest.approx(0.0)


def test_a_signal_repeated_is_as_sparse_as_before():
    frames = np.random.default_rng(1).random((12, 6, 6)) ** 4
    assert measure(np.concatenate([frames] * 3)).time == pytest.approx(measure(frames).time)


def test_the_sign_does_not_matter():
    frames = np.random.default_rng(1).normal(size=(12, 6, 6))
    assert measure(frames) == measure(np.abs(frames))


def test_pixels_that_fell_silent_count_as_fully_sparse():
    frames = np.zeros((10, 2, 2))
    frames[0, 0, 0] = 1
    pixels = np.array([[True, True], [False, False]])
    assert measure(frames, pixels).time == pytest.approx((0.9 + 1.0) / 2)


def test_no_pixel_no_figure():
    assert measure(np.zeros((5, 3, 3))).time is None
