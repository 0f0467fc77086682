"""Pictures for people: colours mean what the bar says, tracks lie where they were, the scale bar is true."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.pictures import (
    FOOTER_PX,
    LEAST_WIDTH_PX,
    MARGIN_PX,
    WHITE,
    Scale,
    density_picture,
    speed_picture,
    tracks_picture,
)
from algorithms.ulm_decoupling.psf import PointSpread
from algorithms.ulm_decoupling.scene import PictureQuality
from dicom_node.series import Spacing

QUALITY = PictureQuality(range_db=None, noise=1.0, floor=6.0, bright=60.0, brightest=90.0, isolated_bubbles=9)


def inner(picture, rows, columns):
    return picture[MARGIN_PX : MARGIN_PX + rows, MARGIN_PX : MARGIN_PX + columns]


def scale_bar_px(picture) -> int:
    """Length of the white line in the footer."""
    footer = picture[-FOOTER_PX + 10 :, :, :]
    return max(int((row == WHITE).all(-1).sum()) for row in footer)


def test_density_is_black_where_nothing_was_and_bright_where_much_was():
    density = np.zeros((100, 120), np.float32)
    density[10, 20], density[30, 40] = 1, 16
    picture = density_picture(density, Scale(5, None))
    shown = inner(picture, 100, 120)
    assert picture.dtype == np.uint8
    assert not shown[0, 0].any()
    assert shown[30, 40].sum() > shown[10, 20].sum() > 0


def test_an_empty_map_is_a_black_picture_with_its_scale():
    empty = np.zeros((64, 64), np.float32)
    assert not inner(density_picture(empty, Scale(4, None)), 64, 64).any()
    assert not inner(speed_picture(empty * np.nan, "mm/s", Scale(4, None)), 64, 64).any()
    assert speed_picture(empty * np.nan, "mm/s", Scale(4, None)).shape[1] >= LEAST_WIDTH_PX


def test_speed_is_shown_in_the_colour_of_the_bar():
    speed = np.full((100, 100), np.nan, np.float32)
    speed[:50], speed[50:90] = 10.0, 5.0
    shown = inner(speed_picture(speed, "mm/s", Scale(5, None)), 100, 100)
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_TURBO)[0, :, ::-1]
    assert np.array_equal(shown[10, 10], table[255])
    assert np.array_equal(shown[70, 10], table[128])
    assert not shown[95, 10].any()  # nothing passed: black, not the colour of 0


@pytest.mark.parametrize(
    ("spacing", "length_px"),
    [
        (Spacing(0.1, 0.1), 100),  # 100 px of 0.1 mm = 10 mm; a fifth is 2 mm = 20 px = 100 map pixels
        (Spacing(0.3, 0.05), 100),  # a fifth of 5 mm is 1 mm = 20 px across
        (Spacing(0.07, 0.07), 71),  # a fifth of 7 mm is 1.4: 1 mm = 14.3 px
        (None, 100),  # 20 pixels
    ],
)
def test_the_scale_bar_is_true(spacing, length_px):
    picture = density_picture(np.zeros((300, 500), np.float32), Scale(5, spacing))
    assert scale_bar_px(picture) == pytest.approx(length_px, abs=1)


def found_at(points, tracks) -> Localisations:
    points = np.asarray(points, float)
    n = np.arange(len(points))
    return Localisations(
        n, np.asarray(tracks), points[:, 0], points[:, 1], n * 0 + 1.0, n * 0.0, n * 0.0, PointSpread(1, 1), QUALITY
    )


def test_tracks_are_drawn_where_they_were():
    frames = np.zeros((9, 50, 70), np.uint8)
    frames[4, 30, 20] = 250  # the brightest of every pixel over time
    found = found_at([(10, 10), (30, 10), (60, 5), (60, 45)], [0, 0, 1, 1])
    shown = inner(tracks_picture(frames, found, None), 300, 420)  # 6 times larger
    lit = (shown.max(-1) > 60) & (shown.max(-1) > shown.min(-1) + 40)
    rows, columns = np.nonzero(lit)
    across = columns < 250
    assert columns[across].min() == pytest.approx(10.5 * 6 - 0.5, abs=1)
    assert columns[across].max() == pytest.approx(30.5 * 6 - 0.5, abs=1)
    assert np.median(rows[across]) == pytest.approx(10.5 * 6 - 0.5, abs=1)
    assert np.median(columns[~across]) == pytest.approx(60.5 * 6 - 0.5, abs=1)
    assert shown[183, 123].min() > 100


def test_no_track_is_a_picture_too():
    nothing = found_at(np.empty((0, 2)), np.empty(0, int))
    assert tracks_picture(np.zeros((9, 50, 70), np.float32), nothing, None).any()  # words and frame
