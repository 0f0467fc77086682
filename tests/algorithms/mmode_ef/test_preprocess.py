"""What the networks see, and the way back to pixels."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef.points import Box, lengths_mm
from algorithms.mmode_ef.preprocess import (
    crop_of,
    grey,
    grey_crop,
    points_from_crop,
    points_to_crop,
    view_of,
    whitened,
)


def test_coloured_marks_vanish_and_grey_stays():
    picture = np.full((4, 5, 3), 90, np.uint8)
    picture[1] = (0, 255, 0)
    assert grey(picture)[0].tolist() == [90] * 5
    assert grey(picture)[1].tolist() == [0] * 5
    assert grey(picture[..., 0]).dtype == np.float32


def test_whitening():
    picture = np.random.default_rng(0).normal(50, 9, (40, 50)).astype(np.float32)
    assert whitened(picture).mean() == pytest.approx(0, abs=1e-5)
    assert whitened(picture).std() == pytest.approx(1, abs=1e-4)
    assert not whitened(np.full((3, 3), 7, np.float32)).any()


@pytest.mark.parametrize(("columns", "seconds_per_px"), [(900, 1 / 284), (400, 0.02), (300, 0.002)])
def test_a_view_has_one_scale_of_time_and_leads_back(columns, seconds_per_px):
    strip = np.zeros((390, columns), np.float32)
    line = columns // 2
    strip[:, line] = 200
    view = view_of(strip, seconds_per_px)
    assert view.picture.shape[0] == 192
    shown = round(columns * seconds_per_px * 96)
    assert view.picture.shape[1] == max(shown, 128)
    seen = int(view.picture[90].argmax())
    box = view.to_strip(Box(seen, 10, seen + 20, 100))
    assert box.x0 == pytest.approx(line, abs=max(1, view.step_x))
    again = view.from_strip(box)
    assert (again.x0, again.y0, again.x1, again.y1) == pytest.approx((seen, 10, seen + 20, 100))


def test_a_crop_keeps_places():
    """On a slope of grey, the crop's value says which strip pixel its own pixel came from."""
    rows, columns = np.mgrid[:300, :400].astype(np.float32)
    box = Box(50.0, 40.0, 242.0, 168.0)  # 192 x 128: two columns and one row of the strip for one pixel of the crop
    across, down = grey_crop(columns, box), grey_crop(rows, box)
    assert across.shape == (128, 96)
    first = points_from_crop(np.array([[0.5 / 96, 0.5 / 128]]), box)[0]
    assert (across[0, 0], down[0, 0]) == pytest.approx(tuple(first), abs=0.51)
    assert across[5, 50] - across[5, 49] == pytest.approx(2.0, abs=0.01)
    points = np.array([[60.0, 50.0], [200.0, 160.0]])
    assert points_from_crop(points_to_crop(points, box), box) == pytest.approx(points)
    assert crop_of(columns, Box(-30, -20, 60, 90)).shape == (128, 96)


def test_lengths_are_depths_between_neighbouring_points(eight):
    lengths = lengths_mm(eight(10, 50), mm_per_px=0.4)
    assert lengths == pytest.approx(
        {"ivsd_mm": 10, "lvidd_mm": 50, "lvpwd_mm": 10, "ivss_mm": 14, "lvids_mm": 34, "lvpws_mm": 18}
    )
