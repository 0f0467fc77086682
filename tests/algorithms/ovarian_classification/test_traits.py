"""Traits of drawn lesions: what must be larger is larger, and none depends on size or place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.traits import TRAITS, traits_of


def _picture(radius=40, centre=(150, 110), inside=30, outside=120, noise=6.0):
    rng = np.random.default_rng(5)
    mask = np.zeros((260, 320), np.uint8)
    cv2.circle(mask, centre, radius, 1, -1)
    grey = np.where(mask, inside, outside) + rng.normal(0.0, noise, mask.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), mask.astype(bool)


def _trait(name, grey, mask):
    return traits_of(grey, mask)[TRAITS.index(name)]


def test_fluid_is_dark():
    cyst, solid = _picture(inside=15), _picture(inside=110)
    assert _trait("fluid_share", *cyst) > 0.95
    assert _trait("fluid_share", *solid) < 0.05
    assert _trait("echo_ratio", *cyst) < 0.2 < 0.8 < _trait("echo_ratio", *solid)


def test_a_ragged_outline_is_irregular():
    grey, mask = _picture()
    ragged = mask.copy()
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        x, y = 150 + 40 * np.cos(angle), 110 + 40 * np.sin(angle)
        ragged |= cv2.circle(np.zeros(mask.shape, np.uint8), (round(x), round(y)), 7, 1, -1).astype(bool)
    assert _trait("irregularity", grey, ragged) > _trait("irregularity", grey, mask) + 0.2
    assert _trait("fullness", grey, ragged) < _trait("fullness", grey, mask)


def test_elongation_of_an_ellipse():
    """Axes 60 and 20: the logarithm of 3."""
    mask = cv2.ellipse(np.zeros((260, 320), np.uint8), (150, 110), (60, 20), 30, 0, 360, 1, -1).astype(bool)
    assert _trait("elongation", np.full(mask.shape, 90, np.uint8), mask) == pytest.approx(np.log(3), abs=0.05)


def test_neither_size_nor_place_matter():
    small, large = traits_of(*_picture(30, (100, 90))), traits_of(*_picture(60, (200, 150)))
    assert np.abs(small - large).max() < 0.35


def test_what_is_too_small_has_none():
    grey, mask = _picture(radius=2)
    assert np.isnan(traits_of(grey, mask)).all()
