"""Which grey scales are logarithmic: judged on noise whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.compression import LogCompression, measure_compression

SHAPE = (48, 40, 50)


def rayleigh(rms: float) -> np.ndarray:
    """Magnitude of complex normal noise."""
    return np.hypot(*np.random.default_rng(5).normal(0, rms / np.sqrt(2), (2, *SHAPE)))


def logarithmic(magnitude: np.ndarray, range_db: float) -> np.ndarray:
    """Grey values of 0..255, whole; magnitude 1 is 255."""
    grey = np.rint(255 * np.clip(1 + 20 * np.log10(magnitude) / range_db, 0, 1))
    grey[0, 0, 0] = 255  # something is as bright as can be
    return grey


@pytest.mark.parametrize("range_db", [30, 36, 50, 70])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_decibels_are_measured(range_db, dtype):
    frames = logarithmic(rayleigh(0.06), range_db).astype(dtype)
    found = measure_compression(frames)
    assert 255 * found.db_per_grey == pytest.approx(range_db, rel=0.04)
    assert (found.black, found.white) == (frames.min(), 255)


def test_noise_that_is_mostly_cut_off_is_enough():
    frames = logarithmic(rayleigh(10 ** (-38 / 20)), 36).astype(np.uint8)
    assert (frames == 0).mean() > 0.7
    assert 255 * measure_compression(frames).db_per_grey == pytest.approx(36, rel=0.06)


@pytest.mark.parametrize("unit", [3.0, 20.0, 60.0])
def test_a_scale_in_proportion_to_magnitude_is_left_alone(unit):
    for noise in (rayleigh(1.0), np.abs(np.random.default_rng(0).normal(0, 1, SHAPE))):
        assert measure_compression((noise * unit).clip(0, 255).astype(np.uint8)) is None


def test_where_noise_cannot_be_seen_nothing_is_claimed():
    black = np.zeros(SHAPE, np.uint8)
    assert measure_compression(black) is None
    black[:, 3, :] = 90
    assert measure_compression(black) is None
    assert measure_compression(np.full(SHAPE, 7, np.uint8)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_undone_twenty_decibels_are_a_factor_of_ten(dtype):
    scale = LogCompression(db_per_grey=0.2, black=0.0, white=200.0)  # 40 dB
    undone = scale.undone(np.array([[[0, 100, 200]]], dtype)).ravel()
    assert undone[[0, 2]] == pytest.approx([0, 200], abs=1e-3)
    assert undone[1] == pytest.approx(200 * (0.1 - 0.01) / 0.99, rel=1e-3)
