"""How what was found lies to the truth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.experts import Classified
from algorithms.ovarian_classification.judged import placed_of


def _placed(lesion, peak, truth):
    activation = np.zeros(truth.shape, np.float32)
    activation[peak] = 1.0
    even = np.full(len(CLASSES), 1 / len(CLASSES), np.float32)
    return placed_of(Classified(0.1, 0.1, 0.9, even, 0.0, lesion, activation), truth)


def _boxes():
    """The truth: 40 by 40; the found lesion: 40 by 40, half of it beside the truth."""
    truth, lesion = np.zeros((100, 120), np.bool_), np.zeros((100, 120), np.bool_)
    truth[30:70, 40:80], lesion[30:70, 60:100] = True, True
    return truth, lesion


def test_half_beside_it():
    truth, lesion = _boxes()
    placed = _placed(lesion, (50, 90), truth)
    assert placed.dice == pytest.approx(0.5)
    assert placed.by_outline == pytest.approx(0.5)
    assert (placed.peak_in_found, placed.peak_inside) == (True, False)


def test_nothing_found():
    truth, lesion = _boxes()
    placed = _placed(np.zeros_like(lesion), (50, 60), truth)
    assert (placed.dice, placed.by_outline, placed.found) == (0.0, 0.0, False)
    assert placed.peak_inside
