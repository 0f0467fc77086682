"""The scanner's part: noise of the level asked for, copies where they belong, grey values of both kinds."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification import artefacts
from algorithms.lv_quantification.shapes import Grid


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def grid(size: int = 64) -> Grid:
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return Grid((x - size / 2) * 2, (size / 2 - y) * 2, 2.0)


def block(size: int = 64) -> np.ndarray:
    picture = np.zeros((size, size), np.float32)
    picture[24:40, 24:40] = 1
    return picture


def test_noise_is_rician():
    empty = np.zeros((128, 128), np.float32)
    background = artefacts.acquire(empty, rng(), 0.05, (1.0, 1.0))
    assert background.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.03)  # Rayleigh
    assert background.std() == pytest.approx(0.05 * np.sqrt(2 - np.pi / 2), rel=0.03)
    bright = artefacts.acquire(empty + 1, rng(), 0.05, (1.0, 1.0))
    assert bright.std() == pytest.approx(0.05, rel=0.03)


def test_less_of_k_space_has_less_noise_and_the_same_kind():
    empty = np.zeros((128, 128), np.float32)
    background = artefacts.acquire(empty, rng(), 0.05, (0.5, 1.0))
    assert background.mean() / background.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.05)
    assert (
        0.75 * 0.05 * np.sqrt(0.5) < artefacts.acquire(empty + 1, rng(), 0.05, (0.5, 1.0)).std() < 0.05 * np.sqrt(0.5)
    )


def test_fewer_samples_blur_but_keep_the_signal():
    picture = artefacts.acquire(block(), rng(), 0.0, (0.4, 0.4))
    assert picture[32, 32] == pytest.approx(1, abs=0.1)
    assert 0.2 < picture[32, 24] < 0.95
    assert picture.dtype == np.float32


def test_a_ghost_is_a_weak_copy():
    copied = artefacts.ghost(block(), rng())
    extra = copied - block()
    assert 0 < extra.max() <= 0.12
    assert extra.sum() > 0


def test_folding_adds_at_one_side_only():
    folded = artefacts.fold(np.ones((64, 64), np.float32), rng())
    changed = folded != 1
    assert 0 < changed.mean() < 0.15


def test_dragging_keeps_the_amount_of_signal():
    dragged = artefacts.drag(block(), rng(), 4.0)
    assert dragged.sum() == pytest.approx(block().sum(), rel=1e-4)
    assert dragged.max() <= 1.0001
    assert ((dragged > 0.05) & (block() == 0)).any()


def test_a_band_takes_signal_away_and_never_adds():
    banded = artefacts.band(np.ones((64, 64), np.float32), rng())
    assert banded.max() <= 1
    assert banded.min() >= 0


def test_coils_are_brighter_above_and_to_the_left():
    factor = np.mean([artefacts.coils(grid(), rng(seed), 100.0) for seed in range(20)], axis=0)
    assert factor[8, 8] > 1.5 * factor[-8, -8]
    assert factor[32, 32] == pytest.approx(1, abs=0.1)


def test_stored_grey_values_are_whole_and_of_two_kinds():
    picture = np.abs(rng().normal(0.5, 0.3, (64, 64))).astype(np.float32)
    tops = []
    for seed in range(40):
        stored = artefacts.grey_values(picture, rng(seed))
        assert (stored == np.rint(stored)).all()
        assert 0 <= stored.min() <= stored.max() <= 4095
        tops.append(stored.max())
    assert 10 <= sum(top == 255 for top in tops) <= 30


def test_no_mask_hides_what_is_to_be_kept():
    corner = np.zeros((64, 64), bool)
    corner[1, 1] = True
    for seed in range(30):
        shown = artefacts.spoil(np.ones((64, 64), np.float32), grid(), rng(seed), keep=corner)
        assert shown[:6, :6].max() > 0


def test_field_masks_hide_little_of_the_middle():
    for seed in range(30):
        mask = artefacts.field_mask((64, 80), rng(seed))
        assert mask is None or (mask[16:48, 20:60].all() and 0.4 < mask.mean() < 1)
