"""What the networks are shown: sizes, ranges, variation that keeps mask and picture together."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX
from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.lessons import (
    Lesson,
    closeup_of,
    crop_sample,
    epoch_of,
    field_of,
    field_sample,
    trait_scale,
)
from algorithms.ovarian_classification.traits import traits_of


def _lesson(category=0, centre=(150, 100), radius=40):
    """A bright disc on black, so that the picture itself says where the mask must be."""
    mask = np.zeros((240, 300), np.uint8)
    cv2.circle(mask, centre, radius, 1, -1)
    grey = np.where(mask, 220, 4).astype(np.uint8)
    return Lesson(grey, mask.astype(bool), category, traits_of(grey, mask.astype(bool)))


@pytest.fixture
def lessons():
    return [_lesson(index % len(CLASSES), radius=30 + index) for index in range(16)]


def test_a_crop_and_its_mask_move_together(lessons):
    rng, scale = np.random.default_rng(2), trait_scale(lessons)
    for lesson in lessons:
        sample = crop_sample(closeup_of(lesson), scale, rng)
        assert sample.crop.shape == (2, CROP_PX, CROP_PX)
        assert sample.crop.dtype == np.float32
        assert -1.0 <= sample.crop[0].min() <= sample.crop[0].max() <= 1.0
        drawn, mask = sample.crop[0] > -0.2, sample.crop[1] > 0.5
        assert 2 * np.count_nonzero(drawn & mask) / (drawn.sum() + mask.sum()) > 0.75  # masks err on purpose
        assert np.nanmax(np.abs(sample.traits)) <= 3.0


def test_an_expert_sees_what_was_found(lessons):
    """Not what a person drew: the found outline lies elsewhere, and the crop is about that."""
    elsewhere = np.zeros((240, 300), np.uint8)
    cv2.circle(elsewhere, (60, 180), 25, 1, -1)
    closeup = closeup_of(replace(lessons[0], found=elsewhere.astype(bool)))
    assert closeup.mask[closeup.mask.shape[0] // 2, closeup.mask.shape[1] // 2]
    assert closeup.grey[closeup.mask].mean() < 30


def test_a_field_and_its_mask_move_together(lessons):
    rng = np.random.default_rng(4)
    for lesson in lessons:
        seen, share = field_sample(field_of(lesson), rng)
        assert seen.shape == share.shape == (CANVAS_PX, CANVAS_PX)
        drawn, mask = seen > -0.2, share > 0.5
        assert 2 * np.count_nonzero(drawn & mask) / max(1, drawn.sum() + mask.sum()) > 0.8


def test_rare_classes_come_more_often():
    common, rare = [_lesson(0)] * 90, [_lesson(1)] * 10
    rng = np.random.default_rng(0)
    seen = [lesson.category for _ in range(40) for batch in epoch_of(common + rare, 10, rng) for lesson in batch]
    assert np.mean(seen) == pytest.approx(np.sqrt(10) / (np.sqrt(10) + np.sqrt(90)), abs=0.03)
    plain = [lesson.category for _ in range(40) for batch in epoch_of(common + rare, 10, rng, 0.0) for lesson in batch]
    assert np.mean(plain) == pytest.approx(0.1, abs=0.03)


def test_traits_in_units_of_their_spread(lessons):
    scale = trait_scale(lessons)
    scaled = np.array([scale.scaled(lesson.traits) for lesson in lessons])
    varied = scale.deviation > 1e-6
    assert np.abs(scaled[:, varied].mean(axis=0)).max() < 0.2
