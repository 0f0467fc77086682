from __future__ import annotations

import numpy as np
import pytest

from algorithms.virtual_elastography.colours import CLASSES, classes_of, colour_bar, coloured, softness_of


def test_soft_is_red_medium_green_hard_blue() -> None:
    assert np.allclose(coloured(np.array([[1.0, 0.5, 0.0]])), [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], atol=4)


def test_softness_survives_the_way_through_colour() -> None:
    softness = np.random.default_rng(0).uniform(0, 1, (80, 90))
    assert np.abs(softness_of(coloured(softness)) - softness).max() < 1 / 255


def test_colours_a_bit_off_the_ramp_give_nearly_the_same_softness() -> None:
    rng = np.random.default_rng(1)
    softness = rng.uniform(0, 1, (80, 90))
    noisy = np.clip(coloured(softness) + rng.normal(0, 8, (80, 90, 3)), 0, 255).astype(np.uint8)
    assert np.abs(softness_of(noisy) - softness).mean() < 0.01
    assert np.abs(softness_of((coloured(softness) * 0.8).astype(np.uint8)) - softness).max() < 0.08


def test_thirds_of_the_scale_are_the_classes() -> None:
    classes = classes_of(np.array([[0.0, 0.33, 0.34, 0.66, 0.67, 1.0]]))
    assert [CLASSES[value] for value in classes[0]] == ["hard", "hard", "medium", "medium", "soft", "soft"]


def test_bar_has_soft_at_the_top() -> None:
    bar = colour_bar(100, 12)
    assert bar.shape == (100, 12, 3)
    assert bar[0, 0].tolist() == [255, 0, 0]
    assert bar[-1, -1].tolist() == [0, 0, 255]
    assert (np.diff(softness_of(bar)[:, 5]) < 0).all()


def test_a_hole_in_the_map_is_named() -> None:
    with pytest.raises(ValueError, match="fill them first"):
        coloured(np.array([[0.5, np.nan]]))


def test_grey_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="RGB"):
        softness_of(np.zeros((8, 8), np.uint8))
