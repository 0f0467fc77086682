"""Outlines against circles and ellipses worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from algorithms.lv_quantification.shapes import Grid, Outline, bump, edge, ellipse, harmonics, irregular, paint


def grid(rows: int = 80, columns: int = 100, pixel_mm: float = 1.0) -> Grid:
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    return Grid((x - columns / 2) * pixel_mm, (rows / 2 - y) * pixel_mm, pixel_mm)


def test_a_mask_of_a_circle_holds_just_the_pixel_centres_inside():
    place = grid()
    circle = Outline(3.3, -4.1, np.full(360, 17.25, np.float32))
    inside = place.depth_mm(circle, np.s_[:, :]) > 0
    np.testing.assert_array_equal(inside, np.hypot(place.x_mm - 3.3, place.y_mm + 4.1) < 17.25)


def test_an_ellipse_has_its_area_and_lies_where_it_should():
    place = grid(400, 400, 0.25)
    shape = ellipse(5.0, 8.0, 20.0, 9.0, 30.0)
    assert shape.area_mm2 == pytest.approx(math.pi * 20 * 9, rel=1e-3)
    inside = place.depth_mm(shape, np.s_[:, :]) > 0
    assert inside.sum() * 0.25**2 == pytest.approx(math.pi * 20 * 9, rel=5e-3)
    assert place.x_mm[inside].mean() == pytest.approx(5.0, abs=0.1)
    assert place.y_mm[inside].mean() == pytest.approx(8.0, abs=0.1)
    x, y = place.x_mm[inside] - 5.0, place.y_mm[inside] - 8.0
    assert math.degrees(0.5 * math.atan2(2 * (x * y).mean(), (x**2 - y**2).mean())) == pytest.approx(30, abs=1)


def test_depth_is_a_distance():
    place = grid()
    shape = ellipse(0.0, 0.0, 24.0, 18.0)
    depth = place.depth_mm(shape, np.s_[:, :])
    assert depth[40, 50] == pytest.approx(24, abs=0.01)  # the centre, along +x
    assert depth[40, 50 + 20] == pytest.approx(4, abs=0.05)
    assert depth[40 - 22, 50] == pytest.approx(-4, abs=0.05)


def test_a_window_leaves_nothing_out():
    place = grid()
    shape = irregular(ellipse(-20.0, 11.0, 14.0, 8.0, 70.0), np.random.default_rng(2), 0.1)
    everywhere = place.depth_mm(shape, np.s_[:, :]) > 0
    window = place.around(shape)
    assert everywhere[window].sum() == everywhere.sum() > 0
    assert place.x_mm[window].size < place.x_mm.size / 2
    far = place.around(ellipse(900.0, 0.0, 5.0, 5.0))
    assert place.x_mm[far].size == 0


def test_the_smooth_depth_of_a_large_shape_is_its_depth():
    place = grid(160, 160)
    shape = ellipse(10.0, -20.0, 70.0, 60.0, 20.0)
    exact, smooth = place.depth_mm(shape, np.s_[:, :]), place.smooth_depth_mm(shape)
    near = np.abs(exact[4:-4, 4:-4]) < 15
    assert np.abs(exact - smooth)[4:-4, 4:-4][near].max() < 0.3


def test_an_edge_is_a_ramp_of_the_asked_width():
    np.testing.assert_allclose(edge(np.array([-2, -1, 0, 0.5, 1, 2], np.float32), 2.0), [0, 0, 0.5, 0.75, 1, 1])


def test_painting_keeps_the_amount_of_signal():
    place = grid(200, 200, 0.5)
    canvas = np.zeros(place.shape, np.float32)
    paint(canvas, place, ellipse(2.0, 3.0, 15.0, 10.0), 2.0)
    assert canvas.sum() * 0.25 == pytest.approx(2 * math.pi * 150, rel=5e-3)


def test_ink_darkens_the_border_only():
    place = grid(120, 120)
    canvas = np.ones(place.shape, np.float32)
    paint(canvas, place, ellipse(0.0, 0.0, 20.0, 20.0), 1.0, ink=0.8)
    assert canvas[60, 60] == pytest.approx(1)
    assert canvas[60, 60 + 20] == pytest.approx(0.2, abs=0.05)
    assert canvas[60, 60 + 30] == pytest.approx(1)


def test_harmonics_have_the_size_asked_for():
    drawn = np.array([harmonics(np.random.default_rng(seed), (2, 3, 4, 5), 0.05) for seed in range(400)])
    assert drawn.std() == pytest.approx(0.05, rel=0.1)
    assert np.abs(drawn.mean(1)).max() < 1e-12


def test_a_bump_covers_its_sector_across_zero():
    sector = bump(350.0, 60.0)
    assert sector[350] == sector[0] == sector[330] == 1
    assert sector[60] == sector[290] == 0
    assert sector[20] == pytest.approx(0.5, abs=0.01)
