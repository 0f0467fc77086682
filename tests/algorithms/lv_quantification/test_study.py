"""Estimates of slices put together: what is measured, phases, volumes, doubts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from algorithms.lv_quantification.bullseye import segment_thickening_percent
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.quality import flags_of
from algorithms.lv_quantification.stack import short_axis_stack
from algorithms.lv_quantification.study import Level, levels, study_of
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import Spacing

ED, ES = 19, 7  # of the rings, 0-based
SPACING = Spacing(1.4, 1.4)


def silent(fraction, doing):
    pass


@pytest.fixture
def study(stack_of, rings):
    """A function: radii of the rings, base to apex -> the study; ``change`` may alter the estimates."""

    def make(radii, change=lambda estimates: estimates, **off):
        stack = short_axis_stack(stack_of(len(radii)))
        estimates = rings(radii, **off).estimate(stack.pictures(), SPACING, stack.anchor_deg, silent)
        return study_of(stack, change(list(estimates)))

    return make


def codes(study) -> set[str]:
    return {flag.code for flag in flags_of(study, Options())}


def test_volumes_of_rings_are_those_of_their_radii(study):
    radii = (24.0, 23.0, 21.0, 17.0, 11.0)
    found = study((0, *radii, 0))
    assert (found.phases.ed_frame, found.phases.es_frame) == (ED, ES)
    edv = sum(np.pi * r**2 for r in radii) * 10 / 1000
    assert found.function.edv_ml == pytest.approx(edv, rel=0.02)
    assert found.function.esv_ml == pytest.approx(edv * 0.49, rel=0.02)
    assert found.function.ef_percent == pytest.approx(51, abs=1)
    wall = sum(np.pi * ((r + 9) ** 2 - r**2) for r in radii) * 10 / 1000
    assert found.function.mass_g == pytest.approx(1.05 * wall, rel=0.02)
    assert [one.index for one in found.slices] == [1, 2, 3, 4, 5]
    assert found.not_measured == ((0, "no ventricle in sight"), (6, "no ventricle in sight"))
    assert found.mid.index == 3
    assert any("volumes from slices 2, 3, 4, 5, 6 of 7" in note for note in found.notes)
    assert codes(found) == set()


def test_few_slices_give_no_volumes_and_it_is_said(study):
    for radii in ((22.0,), (22.0, 20.0), (0, 22.0, 20.0, 0)):
        found = study(radii)
        assert found.function is None
        assert any("no volumes" in note for note in found.notes)
        assert {one.level for one in found.slices} == {Level.MID}
        assert (found.phases.ed_frame, found.phases.es_frame) == (ED, ES)


def test_a_slice_that_was_not_seen_between_others_is_bridged_and_told(study):
    whole, bridged = study((0, 24.0, 22.0, 20.0, 18.0, 16.0, 0)), study((0, 24.0, 22.0, 0, 18.0, 16.0, 0))
    assert bridged.function.edv_ml == pytest.approx(whole.function.edv_ml, rel=0.01)
    assert any("no measurement between slices 3 and 5" in note for note in bridged.notes)
    assert codes(bridged) == {"gap"}


def test_a_ventricle_far_from_the_others_is_not_measured(study):
    found = study((24.0, 22.0, 20.0, 0, 0, 0, 14.0))
    assert [one.index for one in found.slices] == [0, 1, 2]
    assert (6, "apart from the other slices in which a ventricle was found") in found.not_measured
    assert codes(found) == {"apart", "open_base"}


def test_a_stack_that_ends_inside_the_ventricle_has_no_volumes_and_no_thirds(study):
    cut_off, whole = study((0, 22.0, 20.0, 18.0)), study((0, 22.0, 20.0, 12.0))
    assert cut_off.function is None
    assert any("no volumes: the stack ends inside the ventricle" in note for note in cut_off.notes)
    assert {one.level for one in cut_off.slices} == {Level.MID}
    assert whole.function is not None
    assert [one.level for one in whole.slices] == [Level.BASAL, Level.MID, Level.APICAL]


def test_a_ventricle_that_is_seen_again_further_down_has_no_volumes(study):
    """Two slices in which none was found: what is measured ends in the middle of it."""
    found = study((0, 22.0, 21.0, 20.0, 0, 0, 16.0, 10.0))
    assert found.function is None
    assert any("no volumes" in note and "seen again further down" in note for note in found.notes)
    assert {one.level for one in found.slices} == {Level.MID}


def test_a_slice_that_shows_a_cavity_in_systole_only_is_beyond_the_apex(study):
    def late(estimates):
        cavity = estimates[4].cavity.copy()
        cavity[[*range(13, 20), *range(5)]] = False
        return [*estimates[:4], replace(estimates[4], cavity=cavity)]

    found = study((0, 22.0, 20.0, 10.0, 6.0), late)
    assert [one.index for one in found.slices] == [1, 2, 3]
    assert any(index == 4 and reason.startswith("beyond the apex") for index, reason in found.not_measured)
    assert found.function is not None


def test_a_number_below_zero_is_none_that_a_heart_has(study):
    def below(estimates):
        regressed, measured = estimates[2].regressed.copy(), estimates[2].measured.copy()
        regressed[3], measured[3] = -5.0, np.nan
        return [*estimates[:2], replace(estimates[2], regressed=regressed, measured=measured)]

    assert (study((22.0, 20.0, 8.0), below).slices[2].values[3] == 0).all()


def test_no_ventricle_at_all_is_unsuitable(study):
    with pytest.raises(UnsuitableSeries, match=r"needs a left ventricle in sight.*no ventricle in sight"):
        study((0, 0, 0))


def test_a_heart_that_stands_still_is_unsuitable(study):
    def still(estimates):
        first = [0] * 20
        return [
            replace(one, cavity=one.cavity[first], regressed=one.regressed[first], measured=one.measured[first])
            for one in estimates
        ]

    with pytest.raises(UnsuitableSeries, match="needs a cine in which the heart beats"):
        study((22.0, 20.0, 18.0), still)


def test_a_cavity_that_only_noise_changes_is_unsuitable(study):
    """A head in which the networks see a ventricle."""
    rng = np.random.default_rng(1)

    def noisy(estimates):
        seen = [one.measured[[ED]] * rng.normal(1.0, 0.005, (20, 1)) for one in estimates]
        return [replace(one, regressed=area, measured=area) for one, area in zip(estimates, seen, strict=True)]

    with pytest.raises(UnsuitableSeries, match=r"changes by [01]\.\d% over the cycle.*needs a cine in which the heart"):
        study((22.0, 20.0, 18.0), noisy)


def test_a_cavity_that_changes_without_a_rhythm_is_unsuitable(study):
    """Noise that makes more than the change of a weak heart; a heart that beats under the same noise is measured."""
    rng = np.random.default_rng(1)
    factors = rng.normal(1.0, 0.04, (20, 1))

    def noisy(estimates):
        return [
            replace(one, regressed=area, measured=area) for one in estimates for area in [one.measured[[ED]] * factors]
        ]

    def beating(estimates):
        return [replace(one, regressed=area, measured=area) for one in estimates for area in [one.measured * factors]]

    told = r"changes without a rhythm \(\d+% of its change goes with the heartbeat\).*needs a cine in which the heart"
    with pytest.raises(UnsuitableSeries, match=told):
        study((22.0, 20.0, 18.0), noisy)
    assert study((22.0, 20.0, 10.0), beating).function is not None


def test_frames_in_which_the_cavity_has_gone_have_no_numbers(study):
    def gone(estimates):
        cavity = estimates[2].cavity.copy()
        cavity[5:9] = False
        return [*estimates[:2], replace(estimates[2], cavity=cavity)]

    found = study((22.0, 20.0, 12.0), gone)
    assert np.flatnonzero(~found.slices[2].seen).tolist() == [5, 6, 7, 8]
    assert np.isnan(found.slices[2].values[5:9]).all()
    assert "unseen" not in codes(found)  # at the end of the ventricle it is its motion
    two = np.pi * (22**2 + 20**2) * 0.49 * 10 / 1000
    assert found.function.curve_ml[ES] == pytest.approx(two, rel=0.03)


def test_doubts(study):
    assert "disagreement" in codes(study((0, 24.0, 22.0, 18.0, 0), factor=1.25))
    assert "disagreement" not in codes(study((0, 24.0, 22.0, 18.0, 0), factor=1.03))
    assert codes(study((24.0, 22.0, 20.0, 0))) == {"open_base"}
    assert codes(study((0, 22.0, 20.0, 12.0))) == {"open_apex"}
    assert codes(study((0, 22.0, 20.0, 0, 0))) == {"few_slices"}

    def unsure(estimates):
        return [replace(one, spread=one.spread * 20) for one in estimates]

    assert "spread" in codes(study((0, 22.0, 20.0, 18.0, 0), unsure))

    def hole(estimates):
        cavity = estimates[2].cavity.copy()
        cavity[5] = False
        return [*estimates[:2], replace(estimates[2], cavity=cavity), *estimates[3:]]

    assert "unseen" in codes(study((0, 22.0, 20.0, 18.0, 0), hole))


def test_cines_beside_the_stack_are_a_doubt(study):
    found = study((0, 24.0, 20.0, 8.0, 0))
    assert codes(found) == set()
    assert codes(replace(found, stack=replace(found.stack, beside="1 slice(s): 25 frames"))) == {"beside"}


def test_what_a_pixel_makes_of_a_small_cavity_is_no_doubt(study):
    """A cavity of 8 mm radius differs by a third if its outline is drawn a pixel (1.4 mm) further out."""
    assert codes(study((0, 24.0, 20.0, 8.0, 0), change=lambda found: _off(found, 3, 0, 1.3))) == set()
    assert codes(study((0, 24.0, 20.0, 8.0, 0), change=lambda found: _off(found, 2, 0, 1.3))) == {"disagreement"}


def test_a_single_length_that_is_off_is_no_doubt_but_all_of_them_are(study):
    assert codes(study((0, 24.0, 20.0, 10.0, 0), change=lambda found: _off(found, 2, 5, 1.6))) == set()
    assert codes(study((0, 24.0, 20.0, 10.0, 0), change=lambda found: _off(found, 2, slice(5, 11), 1.6)))


def test_a_mask_without_a_wall_is_a_doubt(study):
    def bare(estimates):
        measured = estimates[2].measured.copy()
        measured[:, [1, *range(5, 11)]] = np.nan
        return [*estimates[:2], replace(estimates[2], measured=measured), *estimates[3:]]

    assert codes(study((0, 24.0, 20.0, 10.0, 0), bare)) == {"disagreement"}


def test_a_base_that_leaves_its_slice_in_systole_is_in_the_stack(study):
    def down(estimates):
        cavity = estimates[0].cavity.copy()
        cavity[5:9] = False
        return [replace(estimates[0], cavity=cavity), *estimates[1:]]

    assert codes(study((24.0, 22.0, 20.0, 0))) == {"open_base"}
    assert codes(study((24.0, 22.0, 20.0, 0), down)) == set()


def test_an_apex_that_closes_over_two_slices_is_its_motion(study):
    def closed(estimates):
        cavities = [one.cavity.copy() for one in estimates]
        for cavity in cavities[-3:-1]:
            cavity[6:8] = False
        return [replace(one, cavity=cavity) for one, cavity in zip(estimates, cavities, strict=True)]

    assert codes(study((0, 24.0, 20.0, 12.0, 8.0, 0), closed)) == set()


def test_an_ejection_fraction_that_nobody_has_is_a_doubt(study):
    def weak(estimates):
        seen = [one.measured[[ED]] * share[:, None] for one in estimates]
        return [replace(one, regressed=area, measured=area) for one, area in zip(estimates, seen, strict=True)]

    share = 1 - 0.03 * (1 - np.cos(2 * np.pi * (np.arange(20) - ED) / 20)) / 2
    assert "ejection_fraction" in codes(study((0, 24.0, 20.0, 10.0, 0), weak))


def test_thickening_compares_the_same_slices(study):
    """The thin first slice has left the ventricle at end-systole: it must not make the others look thicker."""

    def gone(estimates):
        cavity, regressed = estimates[1].cavity.copy(), estimates[1].regressed.copy()
        cavity[5:9] = False
        regressed[:, 5:11] = 3.0
        return [estimates[0], replace(estimates[1], cavity=cavity, regressed=regressed), *estimates[2:]]

    radii = (0, 24.0, 24.0, 20.0, 18.0, 14.0, 8.0)
    basal = segment_thickening_percent(study(radii, gone))[Level.BASAL]
    wall = np.hypot(24 * 0.7, np.sqrt(33**2 - 24**2)) - 24 * 0.7
    assert basal == pytest.approx(np.full(6, 100 * (wall / 9 - 1)), abs=12)  # with the slice that has gone: 60 more


def _off(estimates, index, which, factor):
    regressed = estimates[index].regressed.copy()
    regressed[:, which] *= factor
    return [*estimates[:index], replace(estimates[index], regressed=regressed), *estimates[index + 1 :]]


def test_thirds_from_base_to_apex():
    assert [level.value[0] for level in levels(9)] == list("bbbmmmaaa")
    assert [level.value[0] for level in levels(4)] == list("bbma")
    assert [level.value for level in levels(1)] == ["mid"]
