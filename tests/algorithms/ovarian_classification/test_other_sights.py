"""Sights of other pictures: somewhere in them, worth seeing, with an outline that means nothing."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification import other_sights
from algorithms.ovarian_classification.canvas import CROP_PX
from algorithms.ovarian_classification.other_sights import other_pictures, other_sight, sight
from algorithms.ovarian_classification.real_pictures import Picture


@pytest.fixture
def noisy():
    return np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)


def test_a_picture_of_one_grey_is_passed_over(noisy):
    """It would teach nothing; it is black here (as what lies beside a picture), and the other one is not."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        seen = sight([np.zeros((90, 120), np.uint8), noisy], rng)
        assert seen.shape == (CROP_PX, CROP_PX)
        assert seen.mean() > -0.8
        assert np.abs(seen).max() <= 1.0


def test_the_outline_is_a_share_in_the_middle_part(noisy):
    rng = np.random.default_rng(2)
    outlines = np.stack([other_sight([noisy], rng)[1] for _ in range(20)])
    assert outlines.min() >= 0.0
    assert outlines.max() <= 1.0
    shares = outlines.mean(axis=(1, 2))
    assert (shares > 0.02).all()
    assert (shares < 0.5).all()
    assert shares.std() > 0.01


def test_pictures_come_small_and_grey_the_same_for_the_same_seed(tmp_path, monkeypatch):
    """A folder alone has no pictures of other kinds beside it: the simulated ones are left."""
    monkeypatch.setattr(other_sights, "SIMULATED", 3)
    (tmp_path / "set").mkdir()
    one, two = (other_pictures(tmp_path / "set", lambda files: None, 7, lambda share, text: None) for _ in range(2))
    assert len(one) == 3
    for first, second in zip(one, two, strict=True):
        assert first.ndim == 2
        assert first.dtype == np.uint8
        assert max(first.shape) <= 448
        np.testing.assert_array_equal(first, second)


def test_real_pictures_come_first_made_small(tmp_path, monkeypatch):
    monkeypatch.setattr(other_sights, "SIMULATED", 0)
    real = np.repeat(np.linspace(40, 160, 896, dtype=np.uint8)[None, :, None], 500, axis=0).repeat(3, axis=2)
    monkeypatch.setattr(other_sights, "no_pelvis", lambda data, load, most: [Picture("MR", "one", real)])
    (found,) = other_pictures(tmp_path, lambda files: None, 7, lambda share, text: None)
    assert found.shape == (250, 448)
    assert abs(float(found.mean()) - float(real.mean())) < 2
