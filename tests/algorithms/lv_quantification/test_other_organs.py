"""Lessons without a ventricle hold none of the heart that they were made beside of."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.augment import Teaching
from algorithms.lv_quantification.other_organs import CLEAR_OF_HEART_MM, WALL_MM, beside, head, replaced
from dicom_node.series import Spacing

SPACING = Spacing(1.25, 1.25)
HEART, ELSEWHERE = 1000.0, 100.0


@pytest.fixture
def heart():
    """A cavity of 20 mm, right of the middle; its wall and 10 mm more are as bright as it is."""
    rows, columns = np.indices((200, 220))
    radius_mm = np.hypot((columns - 130) * 1.25, (rows - 100) * 1.25)
    cavity = radius_mm < 20.0
    image = np.where(radius_mm < 20.0 + CLEAR_OF_HEART_MM - 2.0, HEART, ELSEWHERE).astype(np.float32)
    return Teaching(image, cavity, radius_mm < 30.0, SPACING, 0.5, (130.0, 100.0))


def is_empty(lesson):
    return not lesson.cavity.any() and not lesson.inside.any() and lesson.cavity.shape == lesson.image.shape


def test_parts_beside_a_heart(heart):
    rng = np.random.default_rng(0)
    parts = [beside(heart, rng) for _ in range(30)]
    assert all(is_empty(part) and part.trust == 1.0 for part in parts)
    assert {float(part.image.max()) for part in parts} == {ELSEWHERE}
    assert len({part.image.shape for part in parts}) == 3  # left, right, and above or below, which are alike
    assert min(part.spacing.row_mm for part in parts) < 1.4
    assert max(part.spacing.row_mm for part in parts) > 2.4


def test_nothing_is_beside_a_heart_that_fills_the_picture(heart):
    rng = np.random.default_rng(0)
    close = np.s_[60:140, 90:170]
    cut = Teaching(heart.image[close], heart.cavity[close], heart.inside[close], SPACING, 1.0, (40.0, 40.0))
    assert beside(cut, rng) is None
    empty = Teaching(heart.image, np.zeros_like(heart.cavity), heart.inside, SPACING, 1.0, (130.0, 100.0))
    assert beside(empty, rng) is None
    assert replaced(empty, heart, rng) is None


@pytest.mark.parametrize("seed", range(6))
def test_another_piece_is_where_the_heart_was(heart, seed):
    """Cavity and wall are gone; further away nothing has changed."""
    rng = np.random.default_rng(seed)
    wave = 50.0 + 40.0 * np.sin(np.arange(150) / 3.0)[:, None] * np.ones(150)
    none = np.zeros(wave.shape, bool)
    other = Teaching(wave.astype(np.float32), none, none, Spacing(1.0, 1.0), 1.0, (75.0, 75.0))
    lesson = replaced(heart, other, rng)
    assert is_empty(lesson)
    assert lesson.centre_px == heart.centre_px
    rows, columns = np.indices(heart.image.shape)
    radius_mm = np.hypot((columns - 130) * 1.25, (rows - 100) * 1.25)
    assert lesson.image[radius_mm < 20.0 + WALL_MM[0] - 3.0].std() > 50.0  # the wave, where all was equal
    far = radius_mm > 20.0 + WALL_MM[1] + 4.0
    assert (lesson.image[far] == heart.image[far]).all()


def test_a_piece_of_air_stays_dark(heart):
    """One bright pixel in the other picture, far from the piece: the piece is not blown up to a heart's brightness."""
    air = np.full((200, 200), 1.0, np.float32)
    air[0, 0] = 1000.0
    none = np.zeros(air.shape, bool)
    lesson = replaced(heart, Teaching(air, none, none, SPACING, 1.0, (100.0, 100.0)), np.random.default_rng(0))
    assert lesson.image[100, 130] < 0.05 * HEART


def test_a_head_is_brain_in_a_skull_on_a_dark_ground():
    pytest.importorskip("nilearn")
    rng = np.random.default_rng(0)
    heads = [head(rng) for _ in range(12)]
    assert all(is_empty(one) and one.image.dtype == np.float32 and np.isfinite(one.image).all() for one in heads)
    for one in heads:
        rim = np.concatenate([one.image[:8].ravel(), one.image[-8:].ravel()])
        assert np.median(rim) < 0.12  # air
        assert np.percentile(one.image, 99.5) > 0.25
        x, y = one.centre_px
        assert 0 <= x < one.image.shape[1]
        assert 0 <= y < one.image.shape[0]
    assert len({one.image.shape for one in heads}) == 3  # cut across, from the side, from the front
    again = head(np.random.default_rng(0))
    assert (again.image == heads[0].image).all()
