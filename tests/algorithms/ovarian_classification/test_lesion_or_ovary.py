"""P(lesion) from opinions and sureness, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.classes import CLASSES, NORMAL
from algorithms.ovarian_classification.lesion_or_ovary import USUAL_SURENESS, probability_of_lesion


def _opinion(normal):
    shares = np.full((1, len(CLASSES)), (1 - normal) / (len(CLASSES) - 1))
    shares[0, NORMAL] = normal
    return shares


def test_equal_opinions_with_the_usual_sureness_stay():
    assert probability_of_lesion(_opinion(0.2), _opinion(0.2), USUAL_SURENESS) == pytest.approx(0.8, abs=5e-3)


def test_an_unsure_outline_speaks_for_an_ovary():
    """Odds of 0.87 are 6.7 to 1, of one half 1 to 1: the odds of 4 to 1 fall by the root, to 1.55 to 1."""
    p = probability_of_lesion(_opinion(0.2), _opinion(0.2), 0.5)
    assert p / (1 - p) == pytest.approx(4 / np.sqrt(0.87 / 0.13), rel=0.03)


def test_the_outlined_place_counts_more_than_the_whole_picture():
    near, whole = (probability_of_lesion(*pair, USUAL_SURENESS) for pair in (
        (_opinion(0.05), _opinion(0.6)), (_opinion(0.6), _opinion(0.05))
    ))  # fmt: skip
    assert near > whole + 0.1


def test_the_folds_are_averaged():
    both = np.concatenate([_opinion(0.1), _opinion(0.5)])
    assert probability_of_lesion(both, both, USUAL_SURENESS) == pytest.approx(0.7, abs=5e-3)


@pytest.mark.parametrize("sureness", [0.0, 1.0])
def test_no_sureness_decides_alone(sureness):
    p = probability_of_lesion(_opinion(0.5), _opinion(0.5), sureness)
    assert 0.005 < p < 0.995
