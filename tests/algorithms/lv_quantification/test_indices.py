"""Eleven indices of shapes whose areas, chords and walls are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.indices import INDEX_NAMES, SECTORS, indices_of, ray_angles_deg
from dicom_node.series import Spacing

SQUARE = Spacing(1.0, 1.0)


def polar_mm(spacing, rows=160, columns=160, centre_mm=(79.7, 80.4)):
    """(distance, angle in degrees counter-clockwise as displayed) of every pixel from ``centre_mm`` = (x, y)."""
    y, x = np.mgrid[:rows, :columns]
    across, up = x * spacing.column_mm - centre_mm[0], centre_mm[1] - y * spacing.row_mm
    return np.hypot(across, up), np.degrees(np.arctan2(up, across)) % 360.0


def annulus(inner_mm, outer_mm, spacing=SQUARE, **where):
    away, _ = polar_mm(spacing, **where)
    return away < inner_mm, (away >= inner_mm) & (away < outer_mm)


def test_names_and_order():
    assert len(INDEX_NAMES) == 11
    assert SECTORS == ("AS", "A", "AL", "IL", "I", "IS")
    assert INDEX_NAMES[:2] == ("cavity_area_mm2", "myocardium_area_mm2")
    assert INDEX_NAMES[5] == "wall_thickness_as_mm"


@pytest.mark.parametrize(
    ("spacing", "shape", "centre_mm"),
    [
        (SQUARE, (160, 160), (79.7, 80.4)),
        (Spacing(1.4, 1.4), (110, 120), (70.3, 81.1)),
        (Spacing(0.8, 1.6), (200, 100), (77.0, 84.4)),
        (Spacing(3.0, 3.0), (54, 54), (80.6, 79.1)),
        (SQUARE, (160, 160), (45.2, 40.7)),
    ],
)
def test_annulus(spacing, shape, centre_mm):
    cavity, wall = annulus(22.0, 31.0, spacing, rows=shape[0], columns=shape[1], centre_mm=centre_mm)
    found = indices_of(cavity, wall, spacing)
    coarse = max(spacing.row_mm, spacing.column_mm)
    assert found[0] == pytest.approx(np.pi * 22**2, rel=0.01 * coarse)
    assert found[1] == pytest.approx(np.pi * (31**2 - 22**2), rel=0.01 * coarse)
    assert found[2:5] == pytest.approx(44.0, abs=0.75 * coarse)
    assert found[5:] == pytest.approx(9.0, abs=0.45 * coarse)


def test_coarse_pixels_do_not_shorten_the_outermost_radius():
    """A square of 3 x 3 pixels of 8 mm: half a pixel beyond the outer centres lies its side, 12 mm from the middle."""
    cavity = np.zeros((9, 9), bool)
    cavity[3:6, 3:6] = True
    found = indices_of(cavity, np.zeros_like(cavity), Spacing(8.0, 8.0))
    assert found[3] == pytest.approx(24.0, abs=0.2)


@pytest.mark.parametrize("anchor", [0.0, 30.0, -60.0, 137.0])
def test_chords_of_a_turned_ellipse(anchor):
    """Half axes 26 along the septum-lateral line, 18 across. Chord at angle a from the long axis: 2 / sqrt(...)."""
    y, x = np.mgrid[:160, :160]
    right, up = x - 79.6, 80.3 - y
    turn = np.deg2rad(anchor)
    along, across = right * np.cos(turn) + up * np.sin(turn), up * np.cos(turn) - right * np.sin(turn)
    found = indices_of(np.hypot(along / 26, across / 18) < 1, np.zeros((160, 160), bool), SQUARE, anchor)
    angles = np.deg2rad([30.0, 90.0, 150.0])
    chords = 2 / np.hypot(np.cos(angles) / 26, np.sin(angles) / 18)
    assert found[0] == pytest.approx(np.pi * 26 * 18, rel=0.01)
    assert found[2:5] == pytest.approx(chords, abs=0.6)
    assert np.isnan(found[1])
    assert np.isnan(found[5:]).all()


@pytest.mark.parametrize("anchor", [0.0, 90.0, -45.0])
@pytest.mark.parametrize(("sector", "direction"), [*zip(SECTORS, (150, 90, 30, 330, 270, 210), strict=True)])
def test_a_thick_sector_is_named(sector, direction, anchor):
    """The wall is 6 mm, but 12 mm in one sector: as the display names it, and turned with the anatomy."""
    away, angle = polar_mm(SQUARE)
    off = (angle - direction - anchor + 180.0) % 360.0 - 180.0
    outer = np.where(np.abs(off) < 30.0, 32.0, 26.0)
    found = indices_of(away < 20.0, (away >= 20.0) & (away < outer), SQUARE, anchor)
    truth = [12.0 if name == sector else 6.0 for name in SECTORS]
    assert found[5:] == pytest.approx(truth, abs=0.5)


def test_an_open_ring_has_no_wall_where_it_is_open():
    away, angle = polar_mm(SQUARE)
    wall = (away >= 20.0) & (away < 28.0) & (angle < 180.0)  # anterior half only
    found = indices_of(away < 20.0, wall, SQUARE)
    assert found[5:8] == pytest.approx(8.0, abs=0.4)
    assert found[8:] == pytest.approx(0.0, abs=0.4)


def test_the_wall_hangs_off_centre():
    """Cavity 20, epicardium 30, its centre 4 mm to the right: 14 mm laterally, 6 mm at the septum."""
    inner, _ = polar_mm(SQUARE)
    outer, _ = polar_mm(SQUARE, centre_mm=(83.7, 80.4))
    found = indices_of(inner < 20.0, (outer < 30.0) & (inner >= 20.0), SQUARE)
    angles = np.deg2rad(ray_angles_deg())
    radius = 4 * np.cos(angles) + np.sqrt(30**2 - (4 * np.sin(angles)) ** 2)
    assert found[5:] == pytest.approx((radius - 20.0).reshape(6, 12).mean(axis=1), abs=0.4)
    assert found[7] > 12.5 > 7.5 > found[5]


def test_a_hollow_cavity_ends_at_its_outer_edge():
    """A papillary muscle of 6 mm in the middle of it was left out: its area is missing, its diameter is not."""
    away, _ = polar_mm(SQUARE)
    found = indices_of((away < 20.0) & (away >= 6.0), (away >= 20.0) & (away < 29.0), SQUARE)
    assert found[0] == pytest.approx(np.pi * (20**2 - 6**2), rel=0.01)
    assert found[2:5] == pytest.approx(40.0, abs=0.6)
    assert found[5:] == pytest.approx(9.0, abs=0.4)


def test_a_crescent_has_no_radius_where_it_is_not():
    """The centroid lies outside; rays that never meet the cavity end at zero."""
    away, _ = polar_mm(SQUARE)
    bite, _ = polar_mm(SQUARE, centre_mm=(85.7, 80.4))
    found = indices_of((away < 30.0) & (bite > 30.0), np.zeros((160, 160), bool), SQUARE)
    assert np.isfinite(found[:1]).all()
    assert (found[2:5] >= 0.0).all()
    assert found[2:5].max() < 60.0


def test_a_wall_that_overlaps_the_cavity_counts_outside_it_only():
    away, _ = polar_mm(SQUARE)
    overlapping = indices_of(away < 20.0, away < 28.0, SQUARE)
    apart = indices_of(away < 20.0, (away >= 20.0) & (away < 28.0), SQUARE)
    assert overlapping == pytest.approx(apart)


def test_at_the_border_of_the_picture_it_ends_with_the_picture():
    cavity = np.ones((20, 20), bool)
    assert indices_of(cavity, ~cavity, SQUARE)[3] == pytest.approx(20.0, abs=0.2)


def test_without_a_cavity_there_is_nothing():
    nothing = np.zeros((8, 8), bool)
    assert np.isnan(indices_of(nothing, ~nothing, SQUARE)).all()


def test_rays_cover_the_circle_sector_by_sector():
    rays = ray_angles_deg()
    assert np.sort(rays % 360.0) == pytest.approx(np.arange(72) * 5.0 + 2.5)
    assert rays.reshape(6, 12).mean(axis=1) % 360.0 == pytest.approx([150, 90, 30, 330, 270, 210])
