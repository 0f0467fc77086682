"""One simulated picture: its masks are what was drawn, its kinds are balanced, its grey values are a scanner's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import ndimage

from algorithms.lv_quantification.hearts import CAVITY_MM, SHARES, Level, any_level
from algorithms.lv_quantification.phantom import random_picture

WITH_CAVITY = (Level.OUTFLOW, Level.BASE, Level.MID, Level.APEX)
SMALL = (128, 128)


def picture(seed: int, level: Level | None = None, shape: tuple[int, int] = SMALL):
    return random_picture(np.random.default_rng(seed), shape, level)


def test_the_same_seed_gives_the_same_bytes():
    first, second = picture(4, shape=(256, 256)), picture(4, shape=(256, 256))
    assert first.image.tobytes() == second.image.tobytes()
    assert (first.cavity == second.cavity).all()
    assert first.spacing_mm == second.spacing_mm
    assert (picture(5).image != picture(4).image).any()


def test_pictures_of_one_generator_differ():
    rng = np.random.default_rng(1)
    assert (random_picture(rng, SMALL).image != random_picture(rng, SMALL).image).any()


def test_what_a_picture_is_made_of():
    for seed in range(12):
        found = picture(seed, shape=(96, 120))
        assert found.image.shape == found.cavity.shape == found.myocardium.shape == (96, 120)
        assert (found.image.dtype, found.cavity.dtype, found.myocardium.dtype) == (np.float32, bool, bool)
        assert np.isfinite(found.image).all()
        assert found.image.min() >= 0
        assert found.image.max() <= 4095
        assert (found.image == np.rint(found.image)).all()
        assert 0.8 <= found.spacing_mm <= 2.0
        assert not (found.cavity & found.myocardium).any()
        assert found.has_ventricle == found.myocardium.any()


@pytest.mark.parametrize("level", [Level.ABOVE, Level.BELOW])
def test_planes_beside_the_ventricle_have_none(level):
    for seed in range(5):
        found = picture(seed, level)
        assert not found.has_ventricle
        assert not found.cavity.any()
        assert not found.myocardium.any()


def test_the_tip_of_the_apex_is_wall_without_a_cavity():
    found = picture(3, Level.TIP)
    assert found.has_ventricle
    assert not found.cavity.any()
    assert found.myocardium.any()


@pytest.mark.parametrize("level", [Level.BASE, Level.MID, Level.APEX])
def test_the_ring_is_closed(level):
    for seed in range(8):
        found = picture(seed, level, shape=(256, 256))
        filled = ndimage.binary_fill_holes(found.myocardium)
        np.testing.assert_array_equal(filled, found.myocardium | found.cavity)
        assert ndimage.label(found.cavity)[1] == 1


def test_the_ring_is_open_at_the_outflow_tract():
    for seed in range(8):
        found = picture(seed, Level.OUTFLOW, shape=(256, 256))
        assert not (ndimage.binary_fill_holes(found.myocardium) & found.cavity).all()
        assert found.myocardium.any()


def test_cavities_have_the_sizes_of_hearts():
    sizes = []
    for seed in range(40):
        found = picture(seed, WITH_CAVITY[seed % 4])
        sizes.append(np.sqrt(found.cavity.sum() * found.spacing_mm**2 / np.pi))
    assert min(sizes) > CAVITY_MM[0] - 1.0
    assert max(sizes) < CAVITY_MM[1] + 2.0
    assert 14 < np.median(sizes) < 30
    assert np.std(sizes) > 5


def test_levels_come_as_often_as_stated():
    rng = np.random.default_rng(0)
    counts = Counter(any_level(rng) for _ in range(4000))
    for level, share in SHARES.items():
        assert counts[level] / 4000 == pytest.approx(share, abs=0.025)
    assert sum(SHARES.values()) == pytest.approx(1)
    assert 0.1 < SHARES[Level.ABOVE] + SHARES[Level.BELOW] < 0.2


def test_blood_is_brighter_than_muscle_as_in_real_pictures():
    ratios = []
    for seed in range(20):
        found = picture(seed, Level.MID)
        blood = np.percentile(found.image[found.cavity], 80)
        ratios.append(np.median(found.image[found.myocardium]) / blood)
    assert max(ratios) < 1
    assert 0.25 < np.median(ratios) < 0.55  # three Sunnybrook patients: 0.22 to 0.51
