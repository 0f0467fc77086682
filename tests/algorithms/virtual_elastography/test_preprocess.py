"""Crop and normalisation, against pictures whose place and grey are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.virtual_elastography.preprocess import CANVAS, prepared
from dicom_node.errors import UnsuitableSeries


def _framed(rows=300, columns=400, box=(50, 20, 306, 276)):
    """Noise of mean 100 in a box, black around it, with a lone bright mark in the margin."""
    rng = np.random.default_rng(1)
    picture = np.zeros((rows, columns), np.uint8)
    x0, y0, x1, y1 = box
    picture[y0:y1, x0:x1] = np.clip(rng.normal(100, 30, (y1 - y0, x1 - x0)), 40, 255)
    picture[5, 5] = 255
    return picture, box


def test_dark_margins_are_cut_and_a_mark_in_them_does_not_count():
    picture, box = _framed()
    assert prepared(picture).box_px == box


def test_the_beam_has_mean_zero_and_deviation_one():
    canvas = prepared(_framed()[0]).canvas
    assert canvas.shape == (CANVAS, CANVAS)
    assert abs(canvas.mean()) < 0.01
    assert abs(canvas.std() - 1) < 0.01


def test_brightness_and_contrast_of_the_monitor_make_no_difference():
    picture, _ = _framed()
    other = np.where(picture > 30, np.clip(0.5 * picture + 60, 0, 255), 0).astype(np.uint8)
    assert np.abs(prepared(picture).canvas - prepared(other).canvas).max() < 0.05


def test_black_corners_are_no_part_of_the_beam_and_do_not_shift_the_grey():
    picture, _ = _framed(256, 256, (0, 0, 256, 256))
    whole = prepared(picture)
    rows, columns = np.mgrid[:256, :256]
    cut = picture.copy()
    cut[rows + columns < 100] = 0
    corner = prepared(cut)
    assert whole.beam.all()
    assert not corner.beam[:20, :20].any()
    assert abs(corner.canvas[64:, 64:].mean() - whole.canvas[64:, 64:].mean()) < 0.05


def test_points_and_pictures_come_back_to_where_they_were():
    placed = prepared(_framed()[0])
    assert placed.points_to_image(np.array([[-0.5, -0.5], [127.5, 127.5]])).tolist() == [[49.5, 19.5], [305.5, 275.5]]
    points = np.array([[60.0, 33.0], [200.0, 270.0]])
    np.testing.assert_allclose(placed.points_to_image(placed.points_to_canvas(points)), points)
    mask = np.zeros((256, 256), bool)
    mask[64:128, 32:64] = True
    on_canvas = placed.from_image(mask)
    assert on_canvas.dtype == np.bool_
    assert on_canvas.sum() == 32 * 16
    assert (placed.to_image(on_canvas) == mask).mean() > 0.99
    with pytest.raises(ValueError, match="256 x 256"):
        placed.from_image(mask[1:])


@pytest.mark.parametrize("picture", [np.zeros((200, 200), np.uint8), np.full((20, 300), 90, np.uint8)])
def test_nothing_to_see_is_said(picture):
    with pytest.raises(UnsuitableSeries, match="at least 32 x 32"):
        prepared(picture)
