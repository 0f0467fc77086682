"""Schemes: proportions by counting pixels, every score of every scheme, and the formula that says the same."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from algorithms.virtual_elastography.scoring import (
    AROUND,
    CORE,
    GENERAL,
    HARD,
    MEDIUM,
    OUTSIDE,
    SCHEMES,
    SOFT,
    THYROID_FOUR_POINT,
    TSUKUBA,
    Proportions,
    proportions,
    scored,
)
from dicom_node.codes import NO_UNITS, local
from dicom_node.formula import parse
from dicom_node.result import Measurement

SQUARE = ((39.5, 29.5), (79.5, 29.5), (79.5, 69.5), (39.5, 69.5))
"""40 x 40 pixels: columns 40 to 79, rows 30 to 69, about (59.5, 49.5)."""


def shares(hard: float, core: float = 0.0, around: float = 0.0) -> dict[str, float]:
    return {"hard": hard, "hard_core": core, "hard_around": around}


def test_proportions_of_a_square_are_those_counted():
    classes = np.full((100, 120), SOFT, np.uint8)
    classes[30:50, 40:80] = HARD  # the upper half
    classes[50:70, 40:50] = MEDIUM  # a quarter of the lower
    found = proportions(classes, SQUARE)
    assert found.inside.hard == 800 / 1600
    assert found.inside.medium == 200 / 1600
    assert found.inside.soft == 600 / 1600
    side = 2 * int(40 * CORE / 2)  # of the core, whose centre lies between pixels
    assert found.hard_core == pytest.approx(0.5, abs=1 / side)
    assert found.around.hard == 0


def test_the_core_has_half_the_area_and_the_ring_lies_around():
    classes = np.full((100, 120), MEDIUM, np.uint8)
    classes[36:64, 46:74] = HARD  # 28 x 28 = 784, the core's pixels
    inside = proportions(classes, SQUARE)
    assert pytest.approx(0.5, abs=1e-4) == CORE**2
    assert inside.hard_core == 1.0
    assert inside.inside.hard == 784 / 1600
    grown = np.full((100, 120), MEDIUM, np.uint8)
    grown[24:76, 34:86] = HARD  # 52 x 52: the region enlarged by 1.3
    assert AROUND == 1.3
    around = proportions(grown, SQUARE)
    assert around.around.hard == 1.0
    assert proportions(np.where(grown == HARD, MEDIUM, HARD).astype(np.uint8), SQUARE).around.hard == 0.0


def test_pixels_without_an_elastogram_do_not_count():
    classes = np.full((100, 120), OUTSIDE, np.uint8)
    classes[30:40, 40:80] = HARD
    classes[40:70, 40:60] = SOFT
    found = proportions(classes, SQUARE)
    assert (found.inside.hard, found.inside.soft) == (400 / 1000, 600 / 1000)
    assert found.around is None
    assert proportions(np.full((100, 120), OUTSIDE, np.uint8), SQUARE) is None


@pytest.mark.parametrize(
    ("scheme", "given", "value"),
    [
        (TSUKUBA, shares(0.0), 1),
        (TSUKUBA, shares(0.09, core=0.2), 1),
        (TSUKUBA, shares(0.3, core=0.3), 2),
        (TSUKUBA, shares(0.5, core=0.95), 3),
        (TSUKUBA, shares(0.95, core=1.0, around=0.2), 4),
        (TSUKUBA, shares(0.95, core=1.0, around=0.6), 5),
        (TSUKUBA, shares(0.3, core=0.3, around=0.9), 2),
        (THYROID_FOUR_POINT, shares(0.05), 1),
        (THYROID_FOUR_POINT, shares(0.3), 2),
        (THYROID_FOUR_POINT, shares(0.6), 3),
        (THYROID_FOUR_POINT, shares(0.9), 4),
        (GENERAL, shares(0.24), 1),
        (GENERAL, shares(0.25), 2),
        (GENERAL, shares(0.5), 3),
        (GENERAL, shares(0.75), 4),
    ],
)
def test_scores_of_the_published_patterns(scheme, given, value):
    assert scheme.value(given) == value


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_formula_says_what_the_table_says(scheme):
    rule = parse(scheme.formula({name: name for name in shares(0)}))
    for hard, core, around in product((0.0, 0.1, 0.3, 0.5, 0.7, 0.75, 0.8, 1.0), (0.0, 0.65, 1.0), (0.0, 0.5)):
        given = shares(hard, core, around)
        parts = {name: Measurement(local("X", "x"), value, NO_UNITS, key=name) for name, value in given.items()}
        assert rule.value(parts) == scheme.value(given)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_schemes_are_whole(scheme):
    count = len(scheme.steps)
    assert scheme.values == tuple(range(1, count + 1))
    assert not scheme.steps[-1].least, "the last step holds for all that no other does"
    assert len({scheme.meaning(value) for value in scheme.values}) == count
    assert scheme.source


def test_a_mask_is_scored_as_its_outline():
    classes = np.full((100, 120), SOFT, np.uint8)
    classes[30:70, 40:80] = HARD
    lesion = classes == HARD
    lesion[5:9, 5:9] = True  # a second, smaller piece
    found = scored(classes, lesion, "tsukuba")
    assert found.value == 4
    assert found.scheme is TSUKUBA
    assert found.fractions.hard == pytest.approx(1.0, abs=0.01)
    assert found.surround_fractions.hard == pytest.approx(0.0, abs=0.03)
    assert scored(classes, np.zeros((100, 120), bool), "tsukuba") is None


def test_without_surroundings_nothing_is_taken_for_hard_there():
    given = Proportions(proportions(np.full((100, 120), HARD, np.uint8), SQUARE).inside, 1.0, None)
    assert TSUKUBA.value(given.named) == 4
