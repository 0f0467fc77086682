"""Properties of drawn pictures whose properties are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.image_properties import Properties, groups_of, properties_of
from algorithms.ovarian_classification.marks import unmarked

NO_MASK = np.zeros((240, 320), bool)


def _cut_out():
    return np.full((240, 320, 3), 90, np.uint8)


def _sector():
    rgb = np.zeros((240, 320, 3), np.uint8)
    cv2.ellipse(rgb, (160, 10), (220, 220), 0, 40, 140, (90, 90, 90), -1)
    return rgb


def _of(rgb, mask=NO_MASK):
    return properties_of(rgb, unmarked(rgb), mask)


def test_a_plain_cut_out():
    found = _of(_cut_out())
    assert found.cut_out
    assert not found.blood_flow
    assert not found.marked
    assert found.lesion_share is None
    assert found.brightness == pytest.approx(90, abs=1)


def test_a_sector_is_no_cut_out():
    assert not _of(_sector()).cut_out


def test_doppler_colour_is_no_mark():
    rgb = _cut_out()
    cv2.circle(rgb, (100, 100), 20, (220, 30, 20), -1)
    found = _of(rgb)
    assert found.blood_flow
    assert found.mark_pixels < 40


def test_calipers_are_marks_and_no_flow():
    rgb = _cut_out()
    for at in ((80, 80), (200, 150)):
        cv2.drawMarker(rgb, at, (240, 230, 40), cv2.MARKER_CROSS, 25, 1)
    found = _of(rgb)
    assert found.marked
    assert not found.blood_flow


def test_the_lesion_s_share_is_that_of_the_sector():
    rgb, mask = _sector(), NO_MASK.copy()
    mask[100:140, 140:180] = True
    sector = np.count_nonzero(unmarked(rgb).sector)
    assert _of(rgb, mask).lesion_share == pytest.approx(1600 / sector)


def test_groups_part_the_pictures():
    properties = [Properties(n % 2 == 0, 100 * (n % 3), n < 4, None if n == 8 else n / 10, 10.0 * n) for n in range(9)]
    groups = groups_of(properties)
    assert groups["with Doppler colour"].tolist() == [n % 2 == 0 for n in range(9)]
    assert groups["with calipers or other coloured marks"].sum() == 6
    for kind in ("size of lesion or ovary", "brightness"):
        parts = [groups[f"{kind}: {third} third"] for third in ("lowest", "middle", "highest")]
        assert np.stack(parts).sum(axis=0).max() == 1
    sized = sum(groups[f"size of lesion or ovary: {third} third"] for third in ("lowest", "middle", "highest"))
    assert sized.tolist() == [1] * 8 + [0]
    assert groups["brightness: lowest third"].tolist() == [True] * 3 + [False] * 6


def test_without_sizes_there_are_no_thirds_of_them():
    groups = groups_of([Properties(False, 0, False, None, 50.0)] * 4)
    assert not any(name.startswith("size") for name in groups)
