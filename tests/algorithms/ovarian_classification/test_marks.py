"""Marks are painted out, blood flow and tissue stay: pictures drawn here, so that what is a mark is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.marks import unmarked

ROWS, COLUMNS = 240, 320


@pytest.fixture
def tissue():
    """Grey speckle in a sector, black around it."""
    rng = np.random.default_rng(3)
    grey = np.clip(cv2.GaussianBlur(rng.gamma(4.0, 22.0, (ROWS, COLUMNS)), (0, 0), 1.5), 20, 200).astype(np.uint8)
    sector = np.zeros((ROWS, COLUMNS), np.uint8)
    cv2.fillConvexPoly(sector, np.array([(120, 10), (200, 10), (300, 210), (160, 230), (20, 210)]), 1)
    return np.repeat((grey * sector)[..., None], 3, axis=2)


def test_a_yellow_caliper_is_painted_out(tissue):
    marked = tissue.copy()
    cv2.drawMarker(marked, (160, 120), (230, 220, 40), cv2.MARKER_CROSS, 14, 2)
    found = unmarked(marked)
    drawn = np.any(marked != tissue, axis=2)
    assert found.marks[drawn].mean() > 0.95
    away = np.abs(found.grey.astype(int) - tissue[..., 0])[drawn]
    assert away.mean() < 25  # against about 130 with the caliper in place


def test_text_beside_the_sector_becomes_black(tissue):
    marked = tissue.copy()
    cv2.putText(marked, "FR 23", (255, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    assert unmarked(marked).grey[:24, 250:].max() == 0


def test_blood_flow_is_told_from_letters(tissue):
    marked = tissue.copy()
    cv2.circle(marked, (140, 140), 9, (220, 40, 20), -1)
    cv2.circle(marked, (190, 140), 9, (20, 60, 220), -1)
    cv2.putText(marked, "CY", (150, 180), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (60, 90, 250), 1)
    found = unmarked(marked)
    assert found.colour[140, 140]
    assert found.colour[140, 190]
    assert not found.colour[165:185, 148:175].any()
    assert not found.marks[135:145, 135:145].any()


def test_plain_tissue_stays_as_it_is(tissue):
    found = unmarked(tissue)
    assert not found.colour.any()
    assert np.mean(found.grey != tissue[..., 0]) < 0.01


def test_a_black_picture_is_no_error():
    found = unmarked(np.zeros((50, 60, 3), np.uint8))
    assert found.sector.all()
    assert not found.grey.any()
