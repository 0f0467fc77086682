"""The scheme follows the options, else the organ that the header names; it is never guessed."""

from __future__ import annotations

import pytest

from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.scheme_choice import BREAST, LIVER, THYROID, organ_of, scheme_for


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"BodyPartExamined": "THYROID"}, "thyroid_four_point"),
        ({"BodyPartExamined": "BREAST"}, "tsukuba"),
        ({"BodyPartExamined": "LIVER"}, "general"),
        ({"BodyPartExamined": "NECK", "StudyDescription": "Schilddrüse"}, "thyroid_four_point"),
        ({"SeriesDescription": "乳腺超声"}, "tsukuba"),
        ({"BodyPartExamined": "THYROID", "StudyDescription": "breast and neck"}, "thyroid_four_point"),
        ({"StudyDescription": "breast and thyroid"}, "general"),
        ({"BodyPartExamined": "NECK"}, "general"),
        ({}, "general"),
    ],
)
def test_auto_takes_the_scheme_of_the_organ(attributes, name):
    assert scheme_for(Options(), attributes).scheme.name == name


def test_what_is_not_known_is_said():
    assert "does not say which organ" in scheme_for(Options(), {}).because
    assert "no other for the liver" in scheme_for(Options(), {"BodyPartExamined": "LIVER"}).because
    assert organ_of({"BodyPartExamined": "liver"}) == LIVER
    assert organ_of({"StudyDescription": "Mammasonographie links"}) == BREAST
    assert organ_of({"ProtocolName": "Thyroïde"}) == THYROID


def test_the_option_wins_and_strain_schemes_on_shear_waves_are_said():
    assert scheme_for(Options(scheme="tsukuba"), {"BodyPartExamined": "THYROID"}).scheme.name == "tsukuba"
    shear = scheme_for(Options(style="shear_wave"), {"BodyPartExamined": "THYROID"})
    assert shear.scheme.name == "general"
    assert "strain" in shear.because
    forced = scheme_for(Options(style="shear_wave", scheme="tsukuba"), {})
    assert forced.scheme.name == "tsukuba"
    assert "published for strain" in forced.because
