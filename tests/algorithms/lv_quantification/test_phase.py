"""The document's rule on curves whose extremes are known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.phase import DIASTOLE, SYSTOLE, phases, rhythm

ED, ES = 19, 7  # of the curve that contraction gives


def test_a_heartbeat(contraction):
    found = phases(2000 - 900 * contraction())
    assert (found.ed_frame, found.es_frame, found.degree, found.note) == (ED, ES, 11, "")
    assert found.state.tolist() == [SYSTOLE] * 8 + [DIASTOLE] * 12  # (19, 7] and (7, 19]


def test_the_curve_is_the_least_squares_polynomial_of_degree_eleven():
    """Against normal equations solved for powers of x on [-1, 1]."""
    areas = np.random.default_rng(3).normal(1500, 200, 25)
    x = np.linspace(-1, 1, 25)
    powers = x[:, None] ** np.arange(12)
    by_hand = powers @ np.linalg.lstsq(powers, areas, rcond=None)[0]
    assert phases(areas).curve == pytest.approx(by_hand)


@pytest.mark.parametrize("shift", range(0, 20, 3))
def test_the_state_never_flickers_wherever_the_cycle_begins(shift, contraction):
    noise = np.random.default_rng(shift).normal(0, 15, 20)
    found = phases(np.roll(2000 - 900 * contraction(), shift) + noise)
    changes = np.count_nonzero(found.state != np.roll(found.state, 1))
    assert changes == 2
    assert found.state[found.ed_frame] == DIASTOLE
    assert found.state[(found.ed_frame + 1) % 20] == SYSTOLE
    assert found.state[found.es_frame] == SYSTOLE
    assert found.state[(found.es_frame + 1) % 20] == DIASTOLE


@pytest.mark.parametrize(("frames", "degree"), [(20, 11), (13, 11), (12, 6), (8, 3), (5, 2)])
def test_few_frames_lower_the_degree_and_it_is_said(frames, degree, contraction):
    found = phases(2000 - 900 * contraction(frames))
    assert found.degree == degree
    assert (f"degree {degree}" in found.note) == (degree < 11)
    assert abs(found.es_frame - ES * frames / 20) <= 1


def test_units_do_not_matter(contraction):
    areas = 2000 - 900 * contraction()
    small = phases(areas * 1e-6)
    assert (small.ed_frame, small.es_frame) == (ED, ES)


def test_the_fine_curve_goes_through_the_curve(contraction):
    found = phases(2000 - 900 * contraction())
    frames, values = found.fine_curve(191)
    assert frames[[0, -1]].tolist() == [0, 19]
    assert values[::10] == pytest.approx(found.curve)


@pytest.mark.parametrize("frames", [15, 16, 20, 25, 30])
def test_rhythm_of_hearts_waves_and_noise(frames, contraction):
    """A wave of the heartbeat and its overtone is all rhythm, of one three times as fast there is none."""
    angle = 2 * np.pi * np.arange(frames) / frames
    assert rhythm(100 + 7 * np.cos(angle + 1) + 4 * np.sin(2 * angle)) == pytest.approx(1.0)
    assert rhythm(100 + np.cos(3 * angle)) == pytest.approx(0.0, abs=1e-9)
    assert rhythm(np.cos(angle) + np.cos(3 * angle)) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    assert rhythm(2000 - 900 * contraction(frames) + rng.normal(0, 30, frames)) > 0.9
    noise = [rhythm(rng.normal(0, 1, frames)) for _ in range(400)]
    assert np.mean(noise) == pytest.approx(4 / (frames - 1), abs=0.03)


def test_no_rhythm_where_it_cannot_be_told(contraction):
    assert rhythm(2000 - 900 * contraction(14)) is None
    assert rhythm([7.0] * 20) is None


@pytest.mark.parametrize(
    ("areas", "told"),
    [([1, 2, 3, 4], ">= 5"), ([], ">= 5"), ([1, 2, np.nan, 4, 5, 6], "1 that"), ([7.0] * 20, "all are the same"),
     ([[1, 2, 3, 4, 5]], ">= 5")],
)  # fmt: skip
def test_refusals(areas, told):
    with pytest.raises(ValueError, match=told):
        phases(areas)
