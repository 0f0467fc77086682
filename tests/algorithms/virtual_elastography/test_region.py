"""The region: from probabilities to a polygon whose place and area are those of the drawn disc."""

from __future__ import annotations

import math

import numpy as np
import pytest

from algorithms.virtual_elastography.preprocess import CANVAS, Placed, prepared
from algorithms.virtual_elastography.region import found, outline
from dicom_node.geometry import centroid, pixels_inside

ROWS, COLUMNS = 256, 384


@pytest.fixture
def placed() -> Placed:
    """A canvas that lies on a picture twice and three times as large, 20 and 10 pixels from its corner."""
    grey = np.zeros((ROWS + 40, COLUMNS + 40), np.uint8)
    grey[10 : 10 + ROWS, 20 : 20 + COLUMNS] = 120
    return prepared(grey)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:CANVAS, :CANVAS]
    return (np.hypot(columns - x, rows - y) < radius).astype(np.float32)


def test_a_disc_is_found_where_it_lies(placed):
    polygon = found(0.95 * disc(40.0, 70.0, 15.0), placed)
    x, y = centroid(polygon)
    assert x == pytest.approx((40.5 * 3) - 0.5 + 20, abs=1.0)
    assert y == pytest.approx((70.5 * 2) - 0.5 + 10, abs=1.0)
    area = pixels_inside(polygon, ROWS + 40, COLUMNS + 40).sum()
    assert area == pytest.approx(math.pi * 15**2 * 6, rel=0.06)
    assert all(value == round(value, 2) for point in polygon for value in point)
    assert len(polygon) < 100


@pytest.mark.parametrize(
    "probability",
    [
        np.zeros((CANVAS, CANVAS), np.float32),
        disc(60, 60, 2.0),
        np.ones((CANVAS, CANVAS), np.float32),
        0.55 * disc(60, 60, 20.0),
    ],
    ids=["nothing", "a speck", "everything", "hardly more likely than not"],
)
def test_what_is_no_plausible_lesion_is_none(probability, placed):
    assert found(probability, placed) is None


def test_the_largest_of_several_is_taken_and_the_others_do_not_touch_it(placed):
    both = np.maximum(disc(30, 30, 8.0), disc(90, 90, 14.0))
    x, y = centroid(found(both, placed))
    assert (x, y) == pytest.approx((90.5 * 3 + 19.5, 90.5 * 2 + 9.5), abs=1.5)


def test_a_lesion_at_the_edge_stays_on_the_picture(placed):
    polygon = np.array(found(disc(0, 64, 20.0), placed))
    assert polygon[:, 0].min() >= 19.5
    assert polygon[:, 0].min() <= 21.0


def test_an_outline_encloses_the_pixels_of_its_mask():
    y, x = np.mgrid[:90, :120]
    mask = (np.hypot((x - 50) / 1.7, y - 40) < 20) & ~(np.hypot(x - 50, y - 40) < 5)
    filled = mask | (np.hypot(x - 50, y - 40) < 5)
    inside = pixels_inside(outline(mask), 90, 120)
    assert np.count_nonzero(inside ^ filled) <= 0.02 * np.count_nonzero(filled)
    assert outline(np.zeros((20, 20), bool)) is None


def test_the_outline_of_the_whole_is_the_whole():
    assert pixels_inside(outline(np.ones((30, 40), bool)), 30, 40).all()
