"""The beating ventricle against the formula of the half-ellipsoid."""

from __future__ import annotations

import math

import numpy as np
import pytest

from algorithms.lv_quantification.beat import DENSITY_G_PER_ML, Beat

BEAT = Beat(edv_ml=150.0, ef_percent=60.0, mass_g=130.0)


def integrated_ml(radius_of, top_mm: float) -> float:
    heights = np.linspace(-5, top_mm + 5, 20001)
    return float(np.trapezoid([math.pi * radius_of(float(h)) ** 2 for h in heights], heights)) / 1000


@pytest.mark.parametrize("volume", [150.0, 100.0, 60.0])
def test_cuts_add_up_to_the_volume_and_the_muscle_keeps_its_mass(volume):
    moment = BEAT.at(volume)
    cavity = integrated_ml(moment.cavity_radius_mm, moment.base_mm)
    outer = integrated_ml(moment.outer_radius_mm, moment.base_mm)
    assert cavity == pytest.approx(volume, rel=2e-3)
    assert 2 / 3 * math.pi * moment.radius_mm**2 * moment.length_mm / 1000 == pytest.approx(volume, rel=1e-6)
    assert (outer - cavity) * DENSITY_G_PER_ML == pytest.approx(130.0, rel=5e-3)


def test_the_wall_thickens_and_the_ventricle_shortens_and_twists():
    diastole, systole = BEAT.at(150.0), BEAT.at(60.0)
    assert 5 < diastole.wall_mm < 12
    assert systole.wall_mm > 1.3 * diastole.wall_mm
    assert systole.length_mm == pytest.approx(0.85 * diastole.length_mm)
    assert systole.radius_mm < diastole.radius_mm
    assert diastole.turned_degrees(20.0) == 0
    assert systole.turned_degrees(5.0) > 5 > -2 > systole.turned_degrees(systole.base_mm)
    assert systole.turned_degrees(0.0) - systole.turned_degrees(systole.base_mm) == pytest.approx(12.0)


def test_the_volume_curve_is_that_of_a_heart():
    volumes = BEAT.volumes_ml(100)
    assert volumes[0] == volumes.max() == 150.0
    assert volumes.min() == pytest.approx(60.0, abs=0.01)
    end_systole = int(np.argmin(volumes))
    assert 35 <= end_systole <= 40
    assert (np.diff(volumes[: end_systole + 1]) < 0).all()
    assert (np.diff(volumes[end_systole:]) > 0).all()
    filling = np.diff(volumes)
    rapid, diastasis, kick = filling[45:55].mean(), filling[68:80].mean(), filling[88:95].mean()
    assert rapid > 5 * diastasis
    assert kick > 4 * diastasis


def test_slopes_are_those_of_the_curve():
    moment = BEAT.at(150.0)
    for height in (20.0, 50.0, 80.0):
        step = moment.cavity_radius_mm(height + 0.01) - moment.cavity_radius_mm(height - 0.01)
        assert moment.slope(height) == pytest.approx(step / 0.02, rel=1e-3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"edv_ml": 0}, "edv_ml must be above 0; got 0"),
        ({"mass_g": -3}, "mass_g must be above 0; got -3"),
        ({"ef_percent": 95}, "within 5 to 90; got 95"),
        ({"shortening": 0.5}, "within 0 to 0.4; got 0.5"),
    ],
)
def test_impossible_hearts_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        Beat(**wrong)
