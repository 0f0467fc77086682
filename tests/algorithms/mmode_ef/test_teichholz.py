"""Formulas against numbers worked out by hand."""

from __future__ import annotations

import pytest

from algorithms.mmode_ef.ranges import range_notes
from algorithms.mmode_ef.teichholz import function_of, mass_g, volume_ml


def test_volumes_of_five_and_three_centimetres():
    assert volume_ml(50.0) == pytest.approx(7 * 125 / 7.4)  # 118.2 ml
    assert volume_ml(30.0) == pytest.approx(35.0)  # 7 x 27 / 5.4
    assert volume_ml(0.0) == 0.0
    with pytest.raises(ValueError, match="-1"):
        volume_ml(-1.0)


def test_what_follows_from_a_normal_ventricle():
    lengths = {"ivsd_mm": 10.0, "lvidd_mm": 50.0, "lvpwd_mm": 10.0, "ivss_mm": 14.0, "lvids_mm": 30.0, "lvpws_mm": 15.0}
    values = function_of(lengths)
    assert values["ef_percent"] == pytest.approx(70.4)  # (118.243 - 35) / 118.243
    assert values["fs_percent"] == pytest.approx(40.0)
    assert values["relative_wall_thickness"] == pytest.approx(0.4)
    assert values["lv_mass_g"] == pytest.approx(181.976)  # 0.832 x (343 - 125) + 0.6


def test_mass_without_walls_is_the_formulas_constant():
    assert mass_g(0.0, 50.0, 0.0) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("sex", "women", "men"), [("F", True, False), ("m", False, True), (None, True, True), ("O", True, True)]
)
def test_ranges_name_their_source_and_are_no_diagnosis(sex, women, men):
    text = " ".join(range_notes(sex))
    assert ("LVIDd 37.8-52.2 mm" in text) is women
    assert ("LVIDd 42.0-58.4 mm" in text) is men
    assert "ASE/EACVI 2015" in text
    assert "no diagnosis" in text
