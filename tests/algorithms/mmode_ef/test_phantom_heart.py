"""How the simulated heart beats and moves: extremes where the truth says, rates and volumes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef.beats import (
    Beats,
    Electrocardiogram,
    ecg_trace,
    electromechanical_systole_s,
    random_beats,
)
from algorithms.mmode_ef.heart_motion import WallMotion, diameter_for_volume_mm, random_ventricle, teichholz_ml
from algorithms.mmode_ef.leaflets import anterior_leaflet, aortic_cusps, systolic_bell

RATES = (40.0, 75.0, 120.0, 180.0)


def regular(rate_bpm: float, count: int = 5) -> Beats:
    rr = 60.0 / rate_bpm
    plain = np.zeros(count, bool)
    return Beats(rr * np.arange(count + 1), electromechanical_systole_s(np.full(count, rr)), plain, plain)


def test_teichholz_by_hand() -> None:
    # 5 cm: 7 / 7.4 x 125 = 118.24 ml; 3 cm: 7 / 5.4 x 27 = 35.0 ml
    assert teichholz_ml(50.0) == pytest.approx(118.243, abs=1e-3)
    assert teichholz_ml(30.0) == pytest.approx(35.0)
    assert diameter_for_volume_mm(35.0) == pytest.approx(30.0)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ef", [15.0, 50.0, 80.0])
def test_the_diameter_is_largest_at_r_and_smallest_at_end_systole(rate: float, ef: float) -> None:
    for seed in range(6):
        rng = np.random.default_rng([seed, int(rate)])
        beats = random_beats(rng, rate, 5.0)
        ventricle = random_ventricle(rng, beats, ef)
        motion = WallMotion(ventricle, beats)
        for k in range(len(beats)):
            start, rr, systole = beats.r_times_s[k], beats.rr_s[k], beats.systole_s[k]
            times = np.linspace(start, start + rr, 801)
            walls = motion.walls(times)
            diameter = walls.lower_inner_mm - walls.upper_inner_mm
            assert diameter.max() == pytest.approx(max(diameter[0], diameter[-1]), abs=1e-6)
            assert diameter[0] == pytest.approx(ventricle.lvidd_mm[k])
            assert times[diameter.argmin()] - start == pytest.approx(systole, abs=rr / 700)
            assert diameter.min() == pytest.approx(ventricle.lvids_mm[k], abs=0.01)


def test_walls_are_thinnest_at_r_and_thickest_at_end_systole() -> None:
    rng = np.random.default_rng(1)
    beats = regular(70.0)
    ventricle = random_ventricle(rng, beats, 60.0)
    motion = WallMotion(ventricle, beats)
    at_r, at_es = motion.walls(beats.r_times_s[:-1]), motion.walls(beats.r_times_s[:-1] + beats.systole_s)
    every = motion.walls(np.linspace(0.0, beats.r_times_s[-1], 999))
    for upper, lower, thin, thick in (
        ("upper_outer_mm", "upper_inner_mm", ventricle.ivsd_mm, ventricle.ivss_mm),
        ("lower_inner_mm", "lower_outer_mm", ventricle.lvpwd_mm, ventricle.lvpws_mm),
    ):
        assert getattr(at_r, lower) - getattr(at_r, upper) == pytest.approx(thin)
        assert getattr(at_es, lower) - getattr(at_es, upper) == pytest.approx(thick)
        thickness = getattr(every, lower) - getattr(every, upper)
        assert thin.min() - 1e-9 <= thickness.min()
        assert thickness.max() <= thick.max() + 1e-9


def test_ejection_fraction_is_what_was_asked_for() -> None:
    beats = regular(70.0)
    for ef in (15.0, 40.0, 80.0):
        ventricle = random_ventricle(np.random.default_rng(4), beats, ef)
        volumes = [teichholz_ml(d) for d in ventricle.lvidd_mm[:-1]], [teichholz_ml(d) for d in ventricle.lvids_mm]
        assert 100 * np.mean(1 - np.array(volumes[1]) / volumes[0]) == pytest.approx(ef, rel=0.05)


def test_lengths_stay_within_what_hearts_have() -> None:
    beats = regular(70.0)
    for seed in range(200):
        ventricle = random_ventricle(np.random.default_rng(seed), beats, 15.0 + 65.0 * seed / 200)
        assert 5.0 <= ventricle.ivsd_mm.min() <= ventricle.ivsd_mm.max() <= 20.0
        assert 5.0 <= ventricle.lvpwd_mm.min() <= ventricle.lvpwd_mm.max() <= 18.0
        assert 27.0 <= ventricle.lvidd_mm.min() <= ventricle.lvidd_mm.max() <= 76.0
        assert (ventricle.lvids_mm < ventricle.lvidd_mm[:-1]).all()


def test_systole_takes_what_weissler_measured_and_never_most_of_a_beat() -> None:
    # 60 / min: 0.546 - 0.126 = 0.420 s; 180 / min: 0.168 s of 0.333 s
    assert electromechanical_systole_s(np.array([1.0])) == pytest.approx([0.42])
    assert electromechanical_systole_s(np.array([60 / 180])) == pytest.approx([0.168])
    assert electromechanical_systole_s(np.array([0.3]), 1.3) == pytest.approx([0.156])


def test_beats_cover_the_recording_and_an_ectopic_one_comes_early_with_a_pause_after_it() -> None:
    seen = 0
    for seed in range(80):
        beats = random_beats(np.random.default_rng(seed), 70.0, 6.0)
        assert beats.r_times_s[0] < 0
        assert beats.r_times_s[-1] > 6.0
        for k in np.flatnonzero(beats.ectopic):
            typical = np.median(beats.rr_s)
            assert beats.rr_s[k - 1] < 0.85 * typical
            assert beats.rr_s[k] > 1.1 * typical
            assert beats.after_pause[k + 1]
            seen += 1
    assert seen >= 3


def test_the_trace_peaks_on_the_r_waves() -> None:
    beats = regular(75.0)
    lead = Electrocardiogram(r=1.0, q=-0.1, s=-0.3, t=0.3, p=0.1, wander=0.0)
    times = np.arange(0.0, 3.5, 0.002)
    trace = ecg_trace(lead, beats, times, np.random.default_rng(0))
    for r_time in beats.r_times_s[1:4]:
        near = np.abs(times - r_time) < 0.1
        assert times[near][trace[near].argmax()] == pytest.approx(r_time, abs=0.006)


@pytest.mark.parametrize("rate", RATES)
def test_leaflets_and_cusps_stay_between_their_walls(rate: float) -> None:
    rng, beats = np.random.default_rng(2), regular(rate)
    times = np.linspace(0.0, beats.r_times_s[-1], 500)
    mitral = anterior_leaflet(rng, beats, times, 0.65, 0.1)
    assert mitral.min() == pytest.approx(0.1, abs=0.02)
    assert mitral.max() <= 0.66
    upper, lower, openness = aortic_cusps(rng, beats, times)
    assert (upper <= lower + 1e-9).all()
    assert 0 <= upper.min() <= lower.max() <= 1
    assert openness[times < 0.02 * beats.rr_s[0]].max() < 0.5


def test_everything_that_moves_with_systole_rests_at_r() -> None:
    beats = regular(60.0)
    bell = systolic_bell(beats, np.array([0.0, beats.systole_s[0], 1.0]), 1.0, 0.3)
    assert bell == pytest.approx([0.0, 1.0, 0.0])
