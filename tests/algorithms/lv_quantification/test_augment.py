"""Random views: picture, masks and indices stay together, and the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.augment import GRID_SPACING, Teaching, crop_sample, field_sample
from algorithms.lv_quantification.indices import indices_of
from dicom_node.series import Spacing

SPACING = Spacing(1.4, 1.4)
CENTRE = (60.0, 44.0)


@pytest.fixture
def ring(three_greys):
    image = three_greys(20.0, 29.0).astype(np.float32)
    return Teaching(image, image > 600, image > 200, SPACING, 0.7, CENTRE)


def overlap(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize("seed", range(8))
def test_a_crop_and_its_masks_stay_together(ring, seed):
    """Blood is the brightest of the crop and the only bright thing in it, however it was turned, bent and marred."""
    sample = crop_sample(ring, np.random.default_rng(seed))
    assert sample.picture.shape == (128, 128)
    assert sample.masks.shape == (2, 128, 128)
    assert set(np.unique(sample.masks)) == {0.0, 1.0}
    cavity, inside = sample.masks > 0.5
    assert inside[cavity].all()
    assert sample.trust == 0.7
    brightest = sample.picture >= np.sort(sample.picture, axis=None)[-np.count_nonzero(cavity)]
    assert overlap(brightest, cavity) > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_indices_are_those_of_the_masks(ring, seed):
    sample = crop_sample(ring, np.random.default_rng(seed))
    cavity, inside = sample.masks > 0.5
    assert sample.indices == pytest.approx(indices_of(cavity, inside & ~cavity, GRID_SPACING), rel=1e-5)
    assert sample.indices[0] == np.count_nonzero(cavity)  # 1 mm2 each


def test_views_differ_in_size_and_place(ring):
    """A scale of about 13 % either way, about a cavity of 20 mm."""
    areas, middles = [], []
    rng = np.random.default_rng(0)
    for _ in range(40):
        sample = crop_sample(ring, rng)
        areas.append(sample.indices[0])
        middles.append(np.argwhere(sample.masks[0] > 0.5).mean(axis=0))
    radii = np.sqrt(np.array(areas) / np.pi)
    assert np.median(radii) == pytest.approx(20.0, rel=0.1)
    assert 0.06 < np.std(np.log(radii)) < 0.25
    assert np.mean(middles, axis=0) == pytest.approx([63.5, 63.5], abs=4.0)
    assert 2.0 < np.std(middles, axis=0).mean() < 8.0


def test_the_seed_decides(ring):
    first, again, other = (crop_sample(ring, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.picture == again.picture).all()
    assert (first.masks == again.masks).all()
    assert (first.indices == again.indices).all()
    assert not (first.picture == other.picture).all()


def test_a_picture_without_a_ventricle(ring):
    nothing = np.zeros_like(ring.cavity)
    sample = crop_sample(Teaching(ring.image, nothing, nothing, SPACING, 1.0, CENTRE), np.random.default_rng(0))
    assert not sample.masks.any()
    assert np.isnan(sample.indices).all()


@pytest.mark.parametrize("spacing", [SPACING, Spacing(2.8, 2.8), Spacing(0.7, 0.7)])
def test_a_field_and_its_shares_stay_together(three_greys, spacing):
    """The share of cavity in each pixel of 2.6 mm: their sum is its area, scaled by about 15 % either way."""
    shape = (round(134 / spacing.row_mm), round(157 / spacing.column_mm))
    centre = (84.0 / spacing.column_mm, 61.6 / spacing.row_mm)
    image = three_greys(20.0, 29.0, centre, shape, spacing).astype(np.float32)
    ring = Teaching(image, image > 600, image > 200, spacing, 1.0, centre)
    radii = []
    for seed in range(12):
        seen, shares = field_sample(ring, np.random.default_rng(seed))
        assert seen.shape == shares.shape == (128, 128)
        assert shares.min() >= 0.0
        assert shares.max() <= 1.0 + 1e-5
        radii.append(np.sqrt(shares.sum() * 2.6**2 / np.pi))
        brightest = seen >= np.sort(seen, axis=None)[-round(shares.sum())]
        assert overlap(brightest, shares > 0.5) > 0.8
    assert np.median(radii) == pytest.approx(20.0, rel=0.15)


def test_both_senses_of_rotation_are_seen(ring):
    """A marker beside the heart: among views that are hardly turned, some are mirrored and some are not."""
    image = ring.image.copy()
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    marker = np.hypot(x - CENTRE[0] - 20, y - CENTRE[1]) < 5
    marked = Teaching(image, ring.cavity, ring.cavity | marker, SPACING, 1.0, CENTRE)
    rng, sides = np.random.default_rng(0), []
    for _ in range(40):
        cavity, inside = crop_sample(marked, rng).masks > 0.5
        if (inside & ~cavity).any():
            sides.append((np.argwhere(inside & ~cavity).mean(axis=0) - np.argwhere(cavity).mean(axis=0))[1] > 0)
    assert 0.2 < np.mean(sides) < 0.8
