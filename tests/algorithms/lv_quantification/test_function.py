"""Summation over slices, held against bodies whose volume is known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.function import bridged, global_function, largest_run, volumes_ml

NAN = np.nan


def test_a_cylinder():
    areas = np.full((5, 2), 1000.0)
    assert volumes_ml(areas, [0, 10, 20, 30, 40], 10.0) == pytest.approx([50, 50])


def test_slice_distance_counts_and_not_thickness():
    assert volumes_ml(np.full((4, 1), 500.0), [3, 13, 23, 33], 10.0) == pytest.approx([20])
    assert volumes_ml(np.full((4, 1), 500.0), [3, 11, 19, 27], 8.0) == pytest.approx([16])


def test_half_an_ellipsoid():
    """Semi-axes 25, 25 and 80 mm: 2/3 pi a b c = 104.7 ml."""
    places = np.arange(4, 80, 8.0)
    areas = np.pi * 25**2 * (1 - (places / 80) ** 2)
    assert volumes_ml(areas[:, None], places, 8.0)[0] == pytest.approx(2 / 3 * np.pi * 25 * 25 * 80 / 1000, rel=0.01)


def test_a_missing_slice_is_bridged_straight():
    """Areas fall evenly: without the middle one the sum is the same."""
    areas = np.array([[1000.0], [800.0], [600.0], [400.0], [200.0]])
    places = [0, 10, 20, 30, 40]
    whole = volumes_ml(areas, places, 10.0)
    without = volumes_ml(np.delete(areas, 2, axis=0), np.delete(places, 2), 10.0)
    assert without == pytest.approx(whole)
    unseen = areas.copy()
    unseen[2] = NAN
    assert volumes_ml(unseen, places, 10.0) == pytest.approx(whole)
    assert bridged(np.delete(places, 2), 10.0) == [1]
    assert bridged(places, 10.0) == []


def test_a_slice_that_leaves_the_ventricle_adds_nothing():
    areas = np.array([[900.0, NAN], [900.0, 500.0], [900.0, 500.0]])
    assert volumes_ml(areas, [0, 10, 20], 10.0) == pytest.approx([27, 10])
    assert volumes_ml(np.full((3, 1), NAN), [0, 10, 20], 10.0) == pytest.approx([0])


def test_global_function():
    cavity = np.array([[1200.0, 500.0]] * 4)
    wall = np.array([[1000.0, 1300.0]] * 4)
    found = global_function(cavity, wall, [0, 10, 20, 30], 10.0, ed_frame=0, es_frame=1)
    assert (found.edv_ml, found.esv_ml, found.sv_ml) == pytest.approx((48, 20, 28))
    assert found.ef_percent == pytest.approx(100 * 28 / 48)
    assert found.mass_g == pytest.approx(40 * 1.05)
    assert found.curve_ml == pytest.approx([48, 20])
    assert global_function(cavity, wall * NAN, [0, 10, 20, 30], 10.0, 0, 1).mass_g is None
    with pytest.raises(ValueError, match="no volume"):
        global_function(cavity * NAN, wall, [0, 10, 20, 30], 10.0, 0, 1)


def test_volumes_never_reach_a_slice_far_from_the_rest():
    assert largest_run([0, 10, 20, 30, 60], 10.0) == [0, 1, 2, 3]
    assert largest_run([0, 10, 30, 40], 10.0) == [0, 1, 2, 3]
    assert largest_run([0, 40], 10.0) == [0]
    assert largest_run([5], 10.0) == [0]
