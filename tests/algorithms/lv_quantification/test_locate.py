"""Blobs of a map, and the chain through the stack that leaves distractors aside and follows another breath-hold."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.crop import FIELD_MM, FIELD_PX
from algorithms.lv_quantification.locate import FOUND_FROM, Candidate, candidates, chained, followed

MIDDLE = (FIELD_PX - 1) / 2


def at(x_mm, y_mm, certainty=0.9):
    return Candidate(x_mm, y_mm, certainty, 900.0)


def disc(x_mm, y_mm, radius_mm, height=1.0):
    y, x = (np.mgrid[:FIELD_PX, :FIELD_PX] - MIDDLE) * FIELD_MM
    return (height * (np.hypot(x - x_mm, y - y_mm) < radius_mm)).astype(np.float32)


def test_a_blob_is_where_and_as_large_as_it_was_drawn():
    (found,) = candidates(disc(20.0, -35.0, 18.0, 0.8))
    assert (found.x_mm, found.y_mm) == pytest.approx((20.0, -35.0), abs=0.3)
    assert found.area_mm2 == pytest.approx(np.pi * 18**2, rel=0.05)
    assert found.certainty == pytest.approx(0.8)


def test_the_most_certain_comes_first_and_five_are_enough():
    places = [(-100, 0, 0.4), (-60, 50, 0.9), (0, 0, 0.6), (60, 50, 0.3), (100, 0, 0.7), (0, -90, 0.5), (0, 90, 0.35)]
    found = candidates(sum(disc(x, y, 12.0, height) for x, y, height in places))
    assert [round(one.certainty, 2) for one in found] == [0.9, 0.7, 0.6, 0.5, 0.4]


def test_specks_are_not_certain():
    """One pixel of 2.6 mm is no ventricle, however bright; a small apical cavity of 8 mm is."""
    speck = np.zeros((FIELD_PX, FIELD_PX), np.float32)
    speck[40, 40] = 1.0
    (found,) = candidates(speck)
    assert found.certainty < FOUND_FROM
    (small,) = candidates(disc(0.0, 0.0, 8.0))
    assert small.certainty >= FOUND_FROM


def test_nothing_in_an_empty_map():
    assert candidates(np.zeros((FIELD_PX, FIELD_PX), np.float32)) == ()
    assert chained([(), (), ()]) == [None, None, None]
    assert chained([]) == []


def test_a_brighter_distractor_in_one_slice():
    right = [at(2.0 * number, 1.0) for number in range(6)]
    stack = [[one] for one in right]
    stack[3] = [at(70.0, -50.0, 1.0), at(6.0, 1.0, 0.55)]
    assert chained(stack) == [*right[:3], stack[3][1], *right[4:]]


def test_a_distractor_in_the_slice_that_has_no_ventricle():
    """Above the base only the aorta lights up, far off: the chain leaves that slice out."""
    stack = [[at(60.0, -60.0, 0.7)], [at(0, 0)], [at(2, 0)], [at(4, 1)]]
    assert chained(stack) == [None, *(slice_[0] for slice_ in stack[1:])]


def test_a_slice_in_which_nothing_is_seen_does_not_break_the_chain():
    stack = [[at(0, 0)], [at(3, 0)], [], [at(9, 1)], [at(12, 1)]]
    assert chained(stack) == [stack[0][0], stack[1][0], None, stack[3][0], stack[4][0]]


@pytest.mark.parametrize("jump_mm", [15.0, 17.0])
def test_another_breath_hold_stays_on_the_chain(jump_mm):
    """From one slice to the next the heart lies 15 to 17 mm further down, and is less certain there."""
    stack = [[at(0, 0)], [at(1, 1)], [at(2, 1)], [at(2, 1 + jump_mm, 0.5)], [at(3, 1 + jump_mm, 0.5)]]
    assert chained(stack) == [slice_[0] for slice_ in stack]


def test_one_slice_takes_its_most_certain():
    assert chained([[at(0, 0, 0.6), at(50, 0, 0.9)]]) == [at(50, 0, 0.9)]


def test_beyond_the_apical_end_and_inside_the_chain_it_is_looked_again():
    """Slices above the base are not guessed at; inside, the place lies between its neighbours; two beyond the tip."""
    chain = [None, at(0, 0), None, at(6, 4), None, None, None]
    found = followed(chain)
    assert found[0] is None
    assert (found[1], found[3]) == (chain[1], chain[3])
    assert (found[2].x_mm, found[2].y_mm, found[2].certainty) == (3.0, 2.0, 0.0)
    assert [(one.x_mm, one.y_mm, one.certainty) for one in found[4:6]] == [(6.0, 4.0, 0.0)] * 2
    assert found[6] is None
    assert followed([None, None]) == [None, None]
