"""SSIM against its definition at one pixel, kappa against a table worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.virtual_elastography.similarity import ssim, ssim_map, weighted_kappa


def _pictures():
    rng = np.random.default_rng(3)
    first = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return first, np.clip(first + rng.normal(0, 30, first.shape), 0, 255).astype(np.uint8)


def test_it_is_equation_13_of_wang_at_any_pixel():
    first, second = _pictures()
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    row, column, found = 20, 31, []
    for channel in range(3):
        a, b = (
            picture[row - 5 : row + 6, column - 5 : column + 6, channel].astype(float) for picture in (first, second)
        )
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
        common = (window * (a - mean_a) * (b - mean_b)).sum()
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        found.append(
            (2 * mean_a * mean_b + c1) * (2 * common + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
        )
    assert ssim_map(first, second)[row, column] == pytest.approx(np.mean(found), abs=1e-6)


def test_alike_is_one_and_only_the_pixels_asked_for_count():
    first, second = _pictures()
    assert ssim(first, first) == pytest.approx(1.0)
    second[:, :20] = first[:, :20]
    left = np.zeros(first.shape[:2], bool)
    left[:, :14] = True
    assert ssim(first, second, left) == pytest.approx(1.0)
    assert ssim(first, second) < 0.99


def test_kappa_of_a_table_worked_by_hand():
    # 4 of 10 agree on 1, 4 on 2, two differ by one: observed 0.2; expected: shares .5/.5 and .5/.5 -> 0.5
    pairs = [(1, 1)] * 4 + [(2, 2)] * 4 + [(1, 2), (2, 1)]
    assert weighted_kappa(np.array(pairs)) == pytest.approx(1 - 0.2 / 0.5)
    assert weighted_kappa(np.array([(1, 1), (3, 3), (2, 2)])) == 1.0
