"""A simulated stack: what its masks add up to, how it moves, and that it follows from its options alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from algorithms.lv_quantification.beat import Beat
from algorithms.lv_quantification.phantom import CineStudy, PhantomOptions, make_study

TINY = PhantomOptions(slices=3, frames=4, rows=64, columns=64, spacing_mm=2.4, slice_spacing_mm=30.0, seed=5)
FINE = PhantomOptions(
    slices=50, frames=3, rows=64, columns=64, spacing_mm=1.5, thickness_mm=2.0, slice_spacing_mm=2.0, above_base_mm=1.0
)


@pytest.fixture(scope="module")
def fine() -> CineStudy:
    """Slices every 2 mm from the base to below the apex."""
    return make_study(FINE)


@pytest.fixture(scope="module")
def tiny() -> CineStudy:
    return make_study(TINY)


def test_the_masks_add_up_to_the_volumes_of_the_ellipsoid(fine):
    np.testing.assert_allclose(fine.summed_volumes_ml, fine.volumes_ml, rtol=0.03)
    assert fine.edv_ml == 130.0
    assert fine.esv_ml == fine.volumes_ml.min()


def test_the_muscle_keeps_its_mass(fine):
    np.testing.assert_allclose(fine.summed_masses_g, fine.mass_g, rtol=0.04)


def test_the_ejection_fraction_is_what_the_masks_give(fine):
    summed = fine.summed_volumes_ml
    from_masks = 100 * (summed[fine.ed_frame] - summed[fine.es_frame]) / summed[fine.ed_frame]
    assert from_masks == pytest.approx(fine.ef_percent, abs=1.0)
    assert fine.ef_percent == pytest.approx(100 * (fine.edv_ml - fine.esv_ml) / fine.edv_ml)


def test_clinical_slices_give_the_volumes_at_both_ends():
    study = make_study(replace(FINE, slices=10, slice_spacing_mm=10.0, thickness_mm=8.0, above_base_mm=5.0))
    summed = study.summed_volumes_ml
    assert summed[0] == pytest.approx(study.edv_ml, rel=0.05)
    assert summed[study.es_frame] == pytest.approx(study.esv_ml, rel=0.08)


def test_the_first_frame_is_end_diastole_and_times_divide_the_beat():
    study = make_study(replace(TINY, slices=1, frames=20, beat=Beat(rr_ms=1000.0)))
    assert study.ed_frame == 0
    assert study.es_frame in (7, 8)
    np.testing.assert_allclose(study.times_ms, np.arange(20) * 50.0)
    assert study.rr_ms == 1000.0


def test_the_stack_goes_from_above_the_base_to_the_apex(fine):
    assert not fine.cavity[0].any()
    assert (np.diff(fine.heights_mm) == -2.0).all()
    diastole = fine.cavity[:, 0].sum((1, 2))
    assert (np.diff(diastole[1:40]) <= 12).all()  # narrower towards the apex, but for a few pixels
    assert fine.myocardium[:, 0].any((1, 2)).sum() > fine.cavity[:, 0].any((1, 2)).sum()  # the apex has a wall


def test_the_ring_is_closed_at_mid_level(fine):
    middle = FINE.slices // 2
    for cavity, wall in zip(fine.cavity[middle], fine.myocardium[middle], strict=True):
        assert (ndimage.binary_fill_holes(wall) == (wall | cavity)).all()
        assert cavity.any()


def test_the_base_comes_down_in_systole(fine):
    with_cavity = fine.cavity.any((2, 3))
    assert with_cavity[:, 0].argmax() < with_cavity[:, fine.es_frame].argmax()


def test_the_pictures_show_what_the_masks_say(fine):
    middle = FINE.slices // 2
    for frame in (0, fine.es_frame):
        blood = np.median(fine.pixels[middle, frame][ndimage.binary_erosion(fine.cavity[middle, frame], iterations=2)])
        muscle = np.median(fine.pixels[middle, frame][fine.myocardium[middle, frame]])
        assert 0.2 < muscle / blood < 0.6
    assert fine.pixels.dtype == np.uint16
    assert fine.pixels.max() < 4096


def test_the_right_ventricle_lies_at_the_left_of_the_picture(tiny):
    picture, cavity = tiny.pixels[1, 0], tiny.cavity[1, 0]
    blood = picture > 0.6 * np.median(picture[cavity])
    row, column = (round(float(value)) for value in ndimage.center_of_mass(cavity))
    outer = int((tiny.cavity | tiny.myocardium)[1, 0][row].sum() / 2)
    beyond = round(10 / TINY.spacing_mm)
    assert blood[row, column - outer - beyond]
    assert not blood[row, column + outer + beyond]


def test_the_same_options_give_the_same_bytes(tiny):
    again = make_study(TINY)
    assert again.pixels.tobytes() == tiny.pixels.tobytes()
    assert again.cavity.tobytes() == tiny.cavity.tobytes()
    assert (make_study(replace(TINY, seed=6)).pixels != tiny.pixels).any()


def test_noise_and_anatomy_have_independent_chance(tiny):
    loud = make_study(replace(TINY, noise=10 * TINY.noise))
    silent = make_study(replace(TINY, noise=0.0)).pixels.astype(float)
    np.testing.assert_array_equal(loud.cavity, tiny.cavity)
    difference = [(study.pixels - silent)[tiny.cavity].std() for study in (loud, tiny)]
    assert difference[0] == pytest.approx(10 * difference[1], rel=0.1)


def test_a_turned_anatomy_is_the_same_anatomy():
    straight = make_study(replace(TINY, frames=1))
    turned = make_study(replace(TINY, frames=1, turned_degrees=90.0))
    np.testing.assert_array_equal(turned.cavity, np.rot90(straight.cavity, axes=(2, 3)))  # counter-clockwise


def test_a_long_axis_shows_a_horseshoe():
    study = make_study(replace(TINY, slices=1, view="long_axis", spacing_mm=2.0))
    for cavity, wall in zip(study.cavity[0], study.myocardium[0], strict=True):
        assert not (ndimage.binary_fill_holes(wall) & cavity).any()
        assert wall.sum() > 0.3 * cavity.sum()
        rows, columns = np.nonzero(cavity)
        lengths = np.sqrt(np.linalg.eigvalsh(np.cov(rows, columns)))
        assert lengths[1] > 1.4 * lengths[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"frames": 0}, "got 3 and 0 of 64 x 64"),
        ({"spacing_mm": 0}, "spacing_mm must be above 0; got 0"),
        ({"noise": -1}, "noise must be 0 or more; got -1"),
    ],
)
def test_impossible_options_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        replace(TINY, **wrong)
