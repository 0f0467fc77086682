"""From what segmenters answer to one outline: answers are made up, so the right outline is known."""

from __future__ import annotations

import cv2
import numpy as np

from algorithms.ovarian_classification.lesion import FAINT_FROM, LESION_FROM, lesion_of, outlined


class Bright:
    """Takes what is brighter than -1 by some amount for lesion: the logit rises with brightness."""

    def __init__(self, offset=-4.0, slope=8.0):
        self.offset, self.slope = offset, slope

    def run(self, inputs):
        lesion = self.offset + self.slope * (inputs["field"] + 1.0)
        return {"lesion": lesion, "classes": np.full((len(lesion), 8), self.offset, np.float32)}


def _grey(discs):
    grey = np.zeros((200, 320), np.uint8)
    for x, y, radius, value in discs:
        cv2.circle(grey, (x, y), radius, value, -1)
    return grey


def _dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def test_it_is_where_the_networks_see_it():
    grey = _grey([(220, 80, 40, 255)])
    assert _dice(lesion_of(grey, [Bright()]), grey > 0) > 0.95


def test_of_two_pieces_the_one_with_more_evidence():
    grey = _grey([(220, 80, 40, 255), (60, 150, 20, 255)])
    found = lesion_of(grey, [Bright()])
    assert found[80, 220]
    assert not found[150, 60]


def test_holes_are_filled():
    grey = _grey([(160, 100, 50, 255), (160, 100, 20, 0)])
    assert lesion_of(grey, [Bright()])[100, 160]


def test_a_faint_one_is_taken_at_half_its_height():
    """The highest share, about 0.27, lies between both limits."""
    found = lesion_of(_grey([(220, 80, 40, 255)]), [Bright(-6.0, 2.5)])
    assert FAINT_FROM < 1 / (1 + np.exp(1.0)) < LESION_FROM
    assert found[80, 220]
    assert found.mean() < 0.12


def test_nothing_is_nothing():
    assert not lesion_of(_grey([]), [Bright()]).any()
    assert not lesion_of(_grey([(220, 80, 40, 255)]), [Bright(-12.0, 2.0)]).any()


def test_a_speck_is_none():
    assert not lesion_of(_grey([(220, 80, 2, 255)]), [Bright()]).any()


def test_several_networks_are_averaged():
    """One that sees nothing halves the other's share, which is then below the limit at the faint rim only."""
    grey = _grey([(220, 80, 40, 255)])
    assert _dice(lesion_of(grey, [Bright(), Bright(-20.0, 0.0)]), grey > 0) > 0.9


def test_each_network_is_heard_on_the_whole_picture():
    found = outlined(_grey([(220, 80, 40, 255)]), [Bright(-4.0), Bright(-6.0)])
    np.testing.assert_array_equal(found.categories, [[-4.0] * 8, [-6.0] * 8])


def test_sureness_is_the_share_within_the_outline():
    """Logits 4 and 0.4: 0.98 and 0.60; an inner disc of half the area has the one, the ring around it the other."""
    sure, mixed = (outlined(_grey([(220, 80, 56, rim), (220, 80, 40, 255)]), [Bright(-4.0, 4.0)]) for rim in (255, 140))
    assert sure.sureness > 0.93
    assert 0.75 < mixed.sureness < 0.82


def test_sureness_where_nothing_is_outlined():
    """The highest share of the picture, of a logit of -3; of a speck no more than what makes an outline."""
    speck = outlined(_grey([(220, 80, 2, 255)]), [Bright()])
    assert not speck.mask.any()
    assert speck.sureness <= LESION_FROM
    nothing = outlined(_grey([(220, 80, 40, 255)]), [Bright(-12.0, 4.5)])
    assert not nothing.mask.any()
    assert 0.03 < nothing.sureness < 0.06
