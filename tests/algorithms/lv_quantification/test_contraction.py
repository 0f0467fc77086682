"""Contracted hearts: held against discs, whose areas and rims are known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.contraction import (
    DEPTHS,
    LEAST_RADIUS_MM,
    MOST_CROWDED,
    WIDEST,
    Contraction,
    any_contraction,
    any_grain,
)
from dicom_node.series import Spacing

ROWS, COLUMNS = np.indices((161, 161), float)
X_MM, Y_MM = (COLUMNS - 80.0) * 0.5, (ROWS - 80.0) * 0.5
RADIUS_MM = np.hypot(X_MM, Y_MM)


def contraction(share, contrast=1.0, taper=0.0, crowded=0.0, cavity_mm=20.0):
    return Contraction(cavity_mm, 30.0, share, contrast, taper, crowded)


def disc(one, radius_mm):
    """Where the contracted picture shows a disc of the picture."""
    x, y = one.sources(X_MM, Y_MM)
    return np.hypot(x, y) < radius_mm


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0, 1.2])
def test_the_cavity_shrinks_to_its_share_and_the_epicardium_stays(share):
    one = contraction(share)
    assert np.sqrt(disc(one, 20.0).sum() * 0.25 / np.pi) == pytest.approx(20.0 * share, rel=0.02)
    assert np.sqrt(disc(one, 30.0).sum() * 0.25 / np.pi) == pytest.approx(30.0, rel=0.01)


def test_what_lies_beyond_the_epicardium_stays_where_it_is():
    x, y = contraction(0.4).sources(X_MM, Y_MM)
    beyond = RADIUS_MM > 30.0
    assert x[beyond] == pytest.approx(X_MM[beyond])
    assert y[beyond] == pytest.approx(Y_MM[beyond])


def test_every_point_stays_on_its_radius():
    """Only the distance from the centre changes, and what was further out stays further out."""
    x, y = contraction(0.4).sources(X_MM, Y_MM)
    assert x * Y_MM == pytest.approx(y * X_MM, abs=1e-6)
    along = np.hypot(x, y)[80, 80:]
    assert (np.diff(along) > 0).all()


def test_muscle_takes_the_rim_of_a_crowded_cavity():
    crowded = contraction(0.5, crowded=0.2)
    assert np.sqrt(disc(crowded.blood(), 20.0).sum() * 0.25 / np.pi) == pytest.approx(20.0 * 0.5 * 0.8, rel=0.02)
    assert disc(crowded, 20.0).sum() > disc(crowded.blood(), 20.0).sum()


def test_a_tapering_cavity_is_larger_above_and_smaller_below():
    one = contraction(0.5, taper=0.4)
    radii = [np.sqrt(disc(one.at(depth), 20.0).sum() * 0.25 / np.pi) for depth in DEPTHS]
    assert radii == pytest.approx([20.0 * 0.5 * (1.0 + 0.4 * depth) for depth in DEPTHS], rel=0.02)
    mean = np.mean([disc(one.at(depth), 20.0) for depth in DEPTHS], axis=0)
    assert mean[80, 80 + 13] == pytest.approx(0.8)  # 6.5 mm: of 6, 8, 10, 12 and 14 mm all but the lowest
    assert mean[80, 80 + 26] == pytest.approx(0.2)  # 13 mm: only the uppermost
    assert contraction(1.2, taper=0.5, cavity_mm=25.0).at(1.0).share * 25.0 <= WIDEST * 30.0


def test_blood_pales_towards_the_wall_and_the_wall_gets_grain():
    cavity = (RADIUS_MM < 5.0).astype(np.float32)
    wall = ((RADIUS_MM >= 5.0) & (RADIUS_MM < 30.0)).astype(np.float32)
    picture = np.where(cavity > 0, 900.0, np.where(wall > 0, 200.0, 500.0)).astype(np.float32)
    nothing = np.zeros_like(picture)
    paler = contraction(0.5, contrast=0.5).shown(picture, cavity, wall, 200.0, nothing)
    assert paler[80, 80] == pytest.approx(550.0)
    assert paler[0, 0] == 500.0
    grain = any_grain(20.0, 161, np.random.default_rng(0))
    assert 4.0 <= grain.std() <= 20.0
    grained = contraction(0.5).shown(picture, cavity, wall, 200.0, grain)
    middle = (RADIUS_MM > 12.0) & (RADIUS_MM < 22.0)
    assert grained[middle] - grain[middle] == pytest.approx(200.0, abs=0.5)
    assert grained[80, 80] == 900.0


def test_chance_keeps_to_what_a_heart_can_do():
    spacing, rng = Spacing(0.5, 0.5), np.random.default_rng(0)
    large = [any_contraction(RADIUS_MM < 20.0, RADIUS_MM < 30.0, spacing, rng) for _ in range(200)]
    assert [one.cavity_mm for one in large] == pytest.approx([20.0] * 200, rel=0.01)
    assert min(one.share for one in large) >= 0.45
    assert max(one.share * one.cavity_mm / one.epicardium_mm for one in large) <= WIDEST
    assert all(0.35 <= one.contrast <= 1.0 and 0.0 <= one.crowded <= MOST_CROWDED for one in large)
    assert not any(one.crowded for one in large if one.share >= 1.0)
    small = [any_contraction(RADIUS_MM < 3.0, RADIUS_MM < 3.0, spacing, rng) for _ in range(50)]
    assert min(one.share * one.cavity_mm for one in small) >= LEAST_RADIUS_MM * 0.99
    assert min(one.epicardium_mm for one in small) > 8.0  # a wall that nobody knows is 6 mm
    tiny = any_contraction(RADIUS_MM < 1.0, RADIUS_MM < 9.0, spacing, rng)
    assert tiny.share >= 1.0
