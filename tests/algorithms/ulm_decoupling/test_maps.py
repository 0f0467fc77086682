"""Maps of tracks that are known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.maps import MapOptions, draw_maps, speed_mm_per_s
from algorithms.ulm_decoupling.psf import PointSpread
from algorithms.ulm_decoupling.scene import PictureQuality

QUALITY = PictureQuality(range_db=None, noise=1.0, floor=6.0, bright=60.0, brightest=90.0, isolated_bubbles=9)


def straight_track(step_px: float = 2.0, n: int = 5, track: int = 0) -> Localisations:
    """A bubble that moves to the right along row 3."""
    frame = np.arange(n)
    return Localisations(
        frame, np.full(n, track), 1.0 + step_px * frame, np.full(n, 3.0), np.ones(n),
        np.full(n, step_px), np.zeros(n), PointSpread(1.5, 1.0), QUALITY,
    )  # fmt: skip


def test_points_count_localisations_where_they_are():
    maps = draw_maps(straight_track(), 8, 12, MapOptions(factor=2, rendering="points"))
    assert maps.density.shape == (16, 24)
    assert maps.density.sum() == 5
    # pixel centre 3 is the border between the fine pixels 6 and 7, and belongs to the latter
    assert np.argwhere(maps.density > 0).tolist() == [[7, 3], [7, 7], [7, 11], [7, 15], [7, 19]]


def test_paths_count_each_pixel_once_per_track():
    maps = draw_maps(straight_track(), 8, 12, MapOptions(factor=4))
    row = maps.density[14]
    assert maps.density.sum() == row.sum()
    assert set(row[6:39].tolist()) == {1.0}  # from x = 1 to x = 9 without a hole
    assert row[:6].sum() == row[39:].sum() == 0
    np.testing.assert_allclose(maps.speed_px_per_frame[14, 6:39], 2.0)
    np.testing.assert_allclose(maps.direction_rad[14, 6:39], 0.0)
    assert np.isnan(maps.speed_px_per_frame[0, 0])


def test_gaussian_keeps_the_count_and_the_speed():
    maps = draw_maps(straight_track(), 8, 12, MapOptions(factor=4, rendering="gaussian", sigma_px=0.3))
    assert maps.density.sum() == pytest.approx(5, rel=1e-3)
    assert maps.speed_px_per_frame[14, 14] == pytest.approx(2.0, rel=1e-5)


def test_nothing_found_is_an_empty_map():
    nothing = straight_track(n=0)
    for rendering in ("points", "paths", "gaussian"):
        maps = draw_maps(nothing, 4, 5, MapOptions(factor=3, rendering=rendering))
        assert not maps.density.any()
        assert np.isnan(maps.speed_px_per_frame).all()


def test_positions_spread_evenly_leave_no_grid():
    rng = np.random.default_rng(0)
    n = 40000
    found = Localisations(
        np.zeros(n, int), np.full(n, -1), rng.uniform(-0.5, 9.5, n), rng.uniform(-0.5, 9.5, n), np.ones(n),
        np.full(n, np.nan), np.full(n, np.nan), PointSpread(1, 1), QUALITY,
    )  # fmt: skip
    density = draw_maps(found, 10, 10, MapOptions(factor=4, rendering="points")).density
    phases = density.reshape(10, 4, 10, 4).sum((0, 2))
    assert phases.std() / phases.mean() < 3 / np.sqrt(n / 16)


def test_a_speed_needs_pixel_size_and_frame_time():
    speed = np.array([2.0], dtype=np.float32)
    assert speed_mm_per_s(speed, None, 0.01) is None
    assert speed_mm_per_s(speed, 0.1, None) is None
    assert speed_mm_per_s(speed, 0.1, 0.01) == pytest.approx([20.0])
    with pytest.raises(ValueError, match="must be positive"):
        speed_mm_per_s(speed, 0.0, 0.01)


@pytest.mark.parametrize("bad", [{"factor": 0}, {"rendering": "lines"}, {"sigma_px": 0}])
def test_impossible_options_are_refused(bad):
    with pytest.raises(ValueError):
        MapOptions(**bad)
