"""Which part of the picture is taken: by regions, by tint, by option, or refused with a word on what to set."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from algorithms.ulm_decoupling.layout import contrast_part, spacing_of
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import RegionFormat, RegionUnit, Spacing

AMBER, COOL = (1.0, 0.72, 0.28), (0.94, 0.97, 1.0)
ROWS, COLUMNS = 40, 100
LEFT, RIGHT, WHOLE = (5, 4, 44, 35), (55, 4, 94, 35), (0, 0, 99, 39)


@pytest.fixture
def screen(volume_of):
    """A function: ten frames of noise, the two boxes in the tints given, black around."""

    def screen(left=COOL, right=AMBER, **changes):
        grey = np.random.default_rng(1).integers(0, 256, (10, ROWS, COLUMNS, 1))
        shown = np.zeros((10, ROWS, COLUMNS, 3))
        for (x0, y0, x1, y1), tint in ((LEFT, left), (RIGHT, right)):
            box = np.s_[:, y0 : y1 + 1, x0 : x1 + 1]
            shown[box] = grey[box] * np.array(tint)
        return volume_of(shown.astype(np.uint8), photometric="RGB", **changes)

    return screen


@pytest.fixture
def grey(volume_of):
    """A function: ten grey frames."""
    return lambda **changes: volume_of(np.full((10, ROWS, COLUMNS), 90, np.uint8), **changes)


def test_of_two_regions_the_tinted_one_is_contrast(screen, region):
    both = (region(*RIGHT), region(*LEFT))  # in any order
    part, how = contrast_part(screen(COOL, AMBER, regions=both), "auto")
    assert astuple(part) == RIGHT
    assert "right" in how
    assert "tint" in how
    part, _ = contrast_part(screen(AMBER, COOL, regions=both), "auto")
    assert astuple(part) == LEFT


@pytest.mark.parametrize("tints", [(COOL, COOL), (AMBER, AMBER)], ids=["both grey", "both amber"])
def test_two_regions_that_nothing_tells_apart_are_refused_with_the_option_to_set(screen, region, tints):
    volume = screen(*tints, regions=(region(*LEFT), region(*RIGHT)))
    with pytest.raises(UnsuitableSeries, match=r"needs to know which half.*set option contrast_side to left or right"):
        contrast_part(volume, "auto")
    assert astuple(contrast_part(volume, "left")[0]) == LEFT
    assert astuple(contrast_part(volume, "right")[0]) == RIGHT
    assert astuple(contrast_part(volume, "whole")[0]) == WHOLE


def test_two_regions_of_a_grey_picture_are_refused(grey, region):
    with pytest.raises(UnsuitableSeries, match="contrast_side"):
        contrast_part(grey(regions=(region(*LEFT), region(*RIGHT))), "auto")


def test_the_option_beats_the_tint(screen, region):
    volume = screen(COOL, AMBER, regions=(region(*LEFT), region(*RIGHT)))
    assert astuple(contrast_part(volume, "left")[0]) == LEFT


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((LEFT, (30, 4, 70, 35)), "overlap"),
        (((5, 2, 90, 15), (5, 20, 90, 35)), "one above the other"),
        ((LEFT, (46, 4, 53, 35), RIGHT), "got 3"),
    ],
    ids=["overlapping", "stacked", "three"],
)
@pytest.mark.parametrize("side", ["auto", "left"])
def test_regions_that_are_not_side_by_side_are_refused(grey, region, bounds, said, side):
    volume = grey(regions=tuple(region(*each) for each in bounds))
    with pytest.raises(UnsuitableSeries, match=rf"needs one 2-D region, or two side by side.*{said}.*whole"):
        contrast_part(volume, side)
    assert astuple(contrast_part(volume, "whole")[0]) == WHOLE


def test_one_region_is_taken_as_it_is(grey, region):
    part, how = contrast_part(grey(regions=(region(*LEFT),)), "auto")
    assert astuple(part) == LEFT
    assert "one 2-D region" in how


def test_two_regions_on_the_same_place_are_one(grey, region):
    part, _ = contrast_part(grey(regions=(region(*LEFT), region(*LEFT, column_mm=0.2))), "auto")
    assert astuple(part) == LEFT


def test_stale_and_other_regions_do_not_count(grey, region):
    others = (region(0, 0, 400, 300, stale=True), region(50, 0, 99, 39, format=RegionFormat.SPECTRAL))
    assert astuple(contrast_part(grey(regions=others), "auto")[0]) == WHOLE
    assert astuple(contrast_part(grey(regions=(*others, region(*LEFT))), "auto")[0]) == LEFT


def test_without_regions_the_tint_of_one_half_tells(screen):
    part, how = contrast_part(screen(COOL, AMBER), "auto")
    assert astuple(part) == (50, 0, 99, 39)
    assert "only the right half of the picture is tinted" in how
    assert astuple(contrast_part(screen(AMBER, COOL), "auto")[0]) == (0, 0, 49, 39)


@pytest.mark.parametrize(
    "tints", [(AMBER, AMBER), (COOL, COOL), ((0, 0, 0), AMBER)], ids=["amber", "grey", "half dark"]
)
def test_without_regions_a_single_picture_stays_whole(screen, tints):
    assert astuple(contrast_part(screen(*tints), "auto")[0]) == WHOLE


def test_without_regions_the_option_halves_the_picture(grey):
    assert astuple(contrast_part(grey(), "left")[0]) == (0, 0, 49, 39)
    assert astuple(contrast_part(grey(), "right")[0]) == (50, 0, 99, 39)
    assert astuple(contrast_part(grey(), "auto")[0]) == WHOLE


def test_one_region_across_the_picture_is_halved(screen, grey, region):
    across = region(10, 4, 89, 35)
    assert astuple(contrast_part(grey(regions=(across,)), "left")[0]) == (10, 4, 49, 35)
    assert astuple(contrast_part(grey(regions=(across,)), "right")[0]) == (50, 4, 89, 35)
    assert astuple(contrast_part(screen(COOL, AMBER, regions=(across,)), "auto")[0]) == (50, 4, 89, 35)


def test_one_region_on_the_other_side_leaves_a_half_without_calibration(screen, region):
    volume = screen(COOL, AMBER, regions=(region(*LEFT),))
    assert astuple(contrast_part(volume, "left")[0]) == LEFT
    for side in ("right", "auto"):  # auto: the header names the tissue picture only, the tint tells
        part, _ = contrast_part(volume, side)
        assert astuple(part) == (50, 0, 99, 39)
        assert spacing_of(volume, part) is None


def test_spacing_is_that_of_the_part(grey, region):
    volume = grey(regions=(region(*LEFT, row_mm=0.1, column_mm=0.1), region(*RIGHT, row_mm=0.3, column_mm=0.2)))
    left, _ = contrast_part(volume, "left")
    right, _ = contrast_part(volume, "right")
    whole, _ = contrast_part(volume, "whole")
    assert spacing_of(volume, left) == Spacing(0.1, 0.1)
    assert spacing_of(volume, right) == pytest.approx(Spacing(0.3, 0.2))
    assert spacing_of(volume, whole) is None  # the two halves differ


def test_a_region_without_centimetres_calibrates_nothing(grey, region):
    volume = grey(regions=(region(*LEFT, unit_x=RegionUnit.PERCENT),))
    assert spacing_of(volume, contrast_part(volume, "auto")[0]) is None
