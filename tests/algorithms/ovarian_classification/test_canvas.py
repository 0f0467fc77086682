"""Squares of a picture and back: places by hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.canvas import (
    LEAST_SIDE_SHARE,
    MARGIN,
    Square,
    about,
    back_to_picture,
    seen_in,
    whole,
)


def test_the_whole_picture_lies_in_the_middle():
    """100 x 50 on a canvas of 50: rows 12..36 hold it, halved."""
    seen = seen_in(np.full((50, 100), 8.0), whole(50, 100), 50)
    assert seen[25, 25] == pytest.approx(8.0)
    assert seen[:12].max() == 0.0
    assert seen[38:].max() == 0.0


def test_about_a_lesion_with_its_margin():
    mask = np.zeros((200, 300), np.bool_)
    mask[80:120, 100:180] = True  # 40 rows, 80 columns
    square = about(mask)
    assert (square.x, square.y) == (139.5, 99.5)
    assert square.side == pytest.approx(80 * (1 + 2 * MARGIN))


def test_a_speck_is_not_blown_up():
    mask = np.zeros((200, 300), np.bool_)
    mask[100, 100] = True
    assert about(mask).side == pytest.approx(LEAST_SIDE_SHARE * 300)


def test_without_a_lesion_the_whole_picture():
    assert about(np.zeros((40, 60), np.bool_)) == whole(40, 60)


def test_a_pixel_comes_back_where_it_was():
    picture = np.zeros((60, 80), np.float32)
    picture[20:30, 50:60] = 1.0
    square = Square(54.5, 24.5, 40.0)
    back = back_to_picture(seen_in(picture, square, 80), square, 60, 80)
    assert back[25, 55] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(back - picture)[22:28, 52:58].max() < 0.05
    assert back[:, :30].max() == 0.0  # outside the square


def test_shrinking_averages():
    """Stripes of one pixel become grey, not one of the two."""
    stripes = np.tile(np.array([0.0, 100.0], np.float32), (64, 32))
    seen = seen_in(stripes, whole(64, 64), 16)
    assert np.ptp(seen[4:12, 4:12]) < 30.0
    assert seen[4:12, 4:12].mean() == pytest.approx(50.0, abs=5.0)
