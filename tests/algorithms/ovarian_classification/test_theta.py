"""theta against hand calculation (issue 5, point 3)."""

from __future__ import annotations

import math

import pytest

from algorithms.ovarian_classification.theta import CLAMP, combined, theta, weight


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.5], 0.693147180559945),  # ln 2
        ([0.0], 0.0),
        ([0.5, 0.75], 1.039720770839918),  # (ln 2 + ln 4) / 2 = 1.5 ln 2
        ([0.9, 0.1, 0.2], 0.877029720),  # (2.302585093 + 0.105360516 + 0.223143551) / 3
        ([1.0], 13.815510558),  # -ln(1e-6)
        ([1.0, 0.0], 6.907755279),
    ],
)
def test_theta_is_the_mean_of_minus_log_one_minus_p(probabilities, expected):
    assert theta(probabilities) == pytest.approx(expected, abs=1e-8)


def test_certainty_is_clamped_and_all_above_the_clamp_count_alike():
    assert math.isfinite(theta([1.0] * 5))
    assert theta([1.0]) == theta([1.0 - CLAMP]) == theta([1.0 - CLAMP / 10])
    assert theta([1.0], clamp=1e-3) == pytest.approx(6.907755279)


def test_small_probabilities_keep_their_digits():
    assert theta([1e-12]) == pytest.approx(1e-12, rel=1e-9)


@pytest.mark.parametrize("probabilities", [[], [math.nan], [-0.01], [1.01], [0.2, math.inf]])
def test_what_is_no_probability_is_refused(probabilities):
    with pytest.raises(ValueError, match=r"at least one image|must be a number within 0\.\.1"):
        theta(probabilities)


def test_the_message_names_the_image():
    with pytest.raises(ValueError, match=r"image 2 has 1\.5"):
        theta([0.1, 1.5])


@pytest.mark.parametrize("clamp", [0.0, 1.0, -1.0, math.nan])
def test_a_clamp_that_clamps_nothing_is_refused(clamp):
    with pytest.raises(ValueError, match="clamp"):
        theta([0.5], clamp=clamp)


def test_weight_is_the_share_of_the_area():
    assert weight(0.9, 0.6) == pytest.approx(0.6)
    assert weight(0.8, 0.8) == 0.5


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (math.nan, 0.8), (0.8, 1.2)])
def test_areas_that_cannot_weigh_are_refused(first, second):
    with pytest.raises(ValueError, match="AUC"):
        weight(first, second)


def test_combined_is_the_weighted_mean():
    assert combined(2.0, 1.0, 0.6) == pytest.approx(1.6)


@pytest.mark.parametrize("given", [(-1.0, 1.0, 0.5), (1.0, math.inf, 0.5), (1.0, 1.0, 1.5), (math.nan, 1.0, 0.5)])
def test_what_cannot_be_combined_is_refused(given):
    with pytest.raises(ValueError, match=r"theta of|weight"):
        combined(*given)
