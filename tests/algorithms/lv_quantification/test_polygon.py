"""Drawn contours as masks: pixel centres at whole numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.lv_quantification.polygon import mask_of, traced


def test_a_rectangle_holds_the_centres_within_it():
    """From 2.4 to 6.6 across lie columns 3 ... 6, from 0.9 to 3.1 down rows 1 ... 3."""
    mask = mask_of(np.array([[2.4, 0.9], [6.6, 0.9], [6.6, 3.1], [2.4, 3.1]]), 6, 9)
    truth = np.zeros((6, 9), bool)
    truth[1:4, 3:7] = True
    assert (mask == truth).all()


@pytest.mark.parametrize("centre", [(30.0, 22.0), (30.49, 22.51), (31.25, 20.75)])
def test_a_disc_keeps_area_and_place(centre):
    around = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    mask = mask_of(np.stack([centre[0] + 15.3 * np.cos(around), centre[1] + 15.3 * np.sin(around)], axis=1), 48, 64)
    y, x = np.mgrid[:48, :64]
    away = np.hypot(x - centre[0], y - centre[1])
    assert (mask == (away < 15.3))[np.abs(away - 15.3) > 0.1].all()
    assert np.argwhere(mask).mean(axis=0)[::-1] == pytest.approx(centre, abs=0.1)


def test_contours_in_halves_keep_their_area():
    """As the collection has them: many run through pixel centres, of which half lie inside. Area by the shoelace."""
    around = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    shares = []
    for radius in np.linspace(8.0, 20.0, 25):
        circle = np.round(2.0 * (30.0 + radius * np.stack([np.cos(around), np.sin(around)], axis=1))) / 2.0
        shares.append(np.count_nonzero(mask_of(circle, 60, 60)) / cv2.contourArea(circle.astype(np.float32)))
    assert np.mean(shares) == pytest.approx(1.0, abs=0.005)


def test_it_agrees_with_the_crossing_rule():
    """Share of each pixel by counting crossings at 20 x 20 points in it, for a star that no library draws."""
    rng = np.random.default_rng(4)
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = rng.uniform(6.0, 18.0, 40)
    star = np.stack([20.3 + radius * np.cos(around), 19.6 + radius * np.sin(around)], axis=1)
    mask = mask_of(star, 40, 42)
    y, x = (np.mgrid[:800, :840] + 0.5) / 20.0 - 0.5
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(star, np.roll(star, -1, axis=0), strict=True):
        inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    share = inside.reshape(40, 20, 42, 20).mean(axis=(1, 3))
    sure = np.abs(share - 0.5) > 0.1
    assert (mask == (share > 0.5))[sure].all()
    assert sure.mean() > 0.95


def test_what_lies_beyond_the_picture_is_cut_off():
    mask = mask_of(np.array([[-5.0, -5.0], [2.2, -5.0], [2.2, 30.0], [-5.0, 30.0]]), 8, 10)
    assert mask[:, :3].all()
    assert not mask[:, 3:].any()


@pytest.mark.parametrize("radius", [2.5, 5.0, 12.0, 25.0])
def test_a_traced_rim_is_the_contour_that_was_filled(radius):
    """A circle in halves of a pixel, cut off to whole ones and filled by OpenCV with its rim: area and place return."""
    around = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    errors = []
    for x, y in np.random.default_rng(3).uniform(40.0, 41.0, (24, 2)):
        circle = np.round(2.0 * np.stack([x + radius * np.cos(around), y + radius * np.sin(around)], axis=1)) / 2.0
        filled = np.zeros((80, 80), np.uint8)
        cv2.fillPoly(filled, [circle.astype(np.int32)], 1)
        contour = traced(filled.astype(bool)) + 0.25  # what is cut off on average
        area = cv2.contourArea(contour.astype(np.float32)) / (np.pi * radius**2)
        errors.append((np.count_nonzero(filled) / (np.pi * radius**2), area, *(contour.mean(axis=0) - (x, y))))
    filled_area, area, dx, dy = np.mean(errors, axis=0)
    assert abs(area - 1.0) < 0.15 * (filled_area - 1.0)
    assert np.hypot(dx, dy) < 0.15


def test_a_pixel_has_a_rim():
    one = np.zeros((9, 9), bool)
    one[4, 5] = True
    assert traced(one) == pytest.approx(np.array([[5.0, 4.0]]))
