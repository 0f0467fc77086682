"""Estimates of slices put together: what is measured, phases, volumes, doubts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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


def test_a_ventricle_far_from_the_others_is_not_measured(study):
    found = study((24.0, 22.0, 20.0, 0, 0, 0, 14.0))
    assert [one.index for one in found.slices] == [0, 1, 2]
    assert (6, "apart from the other slices in which a ventricle was found") in found.not_measured


def test_no_ventricle_at_all_is_unsuitable(study):
    with pytest.raises(UnsuitableSeries, match=r"needs a left ventricle in sight.*no ventricle in sight"):
        study((0, 0, 0))


def test_a_heart_that_stands_still_is_unsuitable(study):
    def still(estimates):
        return [replace(one, cavity=one.cavity[[0] * 20], regressed=one.regressed[[0] * 20]) for one in estimates]

    with pytest.raises(UnsuitableSeries, match="needs a cine in which the heart beats"):
        study((22.0, 20.0, 18.0), still)


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
    assert codes(study((0, 22.0, 20.0, 18.0))) == {"open_apex"}

    def unsure(estimates):
        return [replace(one, spread=one.spread * 20) for one in estimates]

    assert "spread" in codes(study((0, 22.0, 20.0, 18.0, 0), unsure))

    def hole(estimates):
        cavity = estimates[2].cavity.copy()
        cavity[5] = False
        return [*estimates[:2], replace(estimates[2], cavity=cavity), *estimates[3:]]

    assert "unseen" in codes(study((0, 22.0, 20.0, 18.0, 0), hole))


def test_thirds_from_base_to_apex():
    assert [level.value[0] for level in levels(9)] == list("bbbmmmaaa")
    assert [level.value[0] for level in levels(4)] == list("bbma")
    assert [level.value for level in levels(1)] == ["mid"]
