"""Outlines keep the area and the place of their masks."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.contours import outline


def area(points: np.ndarray) -> float:
    x, y = points.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def disc(radius: float, x: float = 30.3, y: float = 22.6, shape=(48, 64)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(columns - x, rows - y) < radius


@pytest.mark.parametrize("radius", [4.0, 8.0, 15.0])
def test_area_and_centre(radius):
    mask = disc(radius)
    points = outline(mask)
    assert area(points) == pytest.approx(mask.sum(), rel=0.02)
    rows, columns = np.nonzero(mask)
    assert points.min(axis=0) == pytest.approx([columns.min() - 0.5, rows.min() - 0.5], abs=0.3)
    assert points.max(axis=0) == pytest.approx([columns.max() + 0.5, rows.max() + 0.5], abs=0.3)
    assert len(points) < 120


def test_the_largest_piece_counts():
    mask = disc(9.0)
    mask[2:4, 2:4] = True
    assert area(outline(mask)) == pytest.approx(disc(9.0).sum(), rel=0.02)


def test_nothing_one_pixel_and_the_edge_of_the_picture():
    assert outline(np.zeros((9, 9), bool)) is None
    single = np.zeros((9, 9), bool)
    single[4, 5] = True
    points = outline(single)
    assert points.mean(axis=0) == pytest.approx([5, 4], abs=0.2)
    whole = outline(np.ones((9, 12), bool))
    assert whole.min() >= -0.5
    assert (whole.max(axis=0) <= [11.5, 8.5]).all()
    assert area(whole) == pytest.approx(108, rel=0.03)
