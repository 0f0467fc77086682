"""From a mask to a polygon: where edges of pixels are, simple, and nothing for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.outline import outline_of
from dicom_node.geometry import centroid, crosses_itself, pixels_inside


def disc(x: float, y: float, radius: float, rows: int = 120, columns: int = 160) -> np.ndarray:
    row, column = np.mgrid[:rows, :columns]
    return np.hypot(column - x, row - y) < radius


def test_a_disc_keeps_its_place_and_area():
    points = outline_of(disc(70, 50, 30), (200, 100))
    assert centroid(points) == pytest.approx((270, 150), abs=0.2)
    inside = pixels_inside(tuple((x - 200, y - 100) for x, y in points), 120, 160)
    assert (inside != disc(70, 50, 30)).sum() < 30


def test_a_mask_at_the_edge_stays_on_the_picture():
    points = outline_of(np.ones((40, 60), bool))
    assert min(x for x, _ in points) >= -0.5
    assert max(y for _, y in points) <= 39.5
    assert pixels_inside(points, 40, 60).mean() > 0.98


def test_of_two_pieces_the_larger_is_outlined():
    assert centroid(outline_of(disc(30, 30, 8) | disc(110, 80, 20))) == pytest.approx((110, 80), abs=0.3)


@pytest.mark.parametrize("mask", [np.zeros((50, 50), bool), disc(20, 20, 0.5)])
def test_nothing_and_a_speck_have_no_outline(mask):
    assert outline_of(mask) is None


def test_no_outline_crosses_itself():
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = disc(80, 60, 35) & (rng.random((120, 160)) < 0.7)
        points = outline_of(mask)
        assert points is not None
        assert not crosses_itself(points)
