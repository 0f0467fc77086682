"""What lies above the base: areas as they were seen in patients, and hearts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.base import FILLS, NARROWS, above_base, beyond_apex

NAN = np.nan


@pytest.mark.parametrize(
    ("ed_mm2", "es_mm2", "reasons"),
    [
        ([531, 1279, 2384, 2582, 2500], [1134, 971, 1319, 1639, 1500], [FILLS, NARROWS]),
        ([1197, 2447, 3802, 4067, 3900], [1695, 2029, 3023, 3037, 2900], [FILLS, NARROWS]),
        ([3627, 3843, 3812, 3899, 3500], [2641, 2861, 2943, 3172, 3000], []),
        ([1500, 1600, 1400, 900, 300], [NAN, 900, 800, 400, NAN], []),  # the base moves through its slice
        ([NAN, 1600, 1400, 900, 300], [500, 900, 800, 400, NAN], [FILLS]),  # only in systole: no ventricle comes up
    ],
)
def test_the_first_slices_of_patients_and_hearts(ed_mm2, es_mm2, reasons):
    assert above_base(np.array(ed_mm2, float), np.array(es_mm2, float)) == reasons


def test_slices_below_one_that_stays_are_not_asked():
    assert above_base(np.array([2000.0, 900, 2000, 1500]), np.array([1500.0, 950, 1500, 900])) == []


def test_three_slices_are_left_whatever_they_show():
    assert above_base(np.array([500.0, 900, 1600, 1500]), np.array([600.0, 1000, 1700, 1600])) == [FILLS]
    assert above_base(np.array([500.0, 900, 1600]), np.array([600.0, 1000, 1700])) == []


@pytest.mark.parametrize(
    ("ed_mm2", "beyond"),
    [
        ([2700, 2000, 500], 0),
        ([2700, 2000, 500, NAN], 1),  # seen in other frames only
        ([2700, NAN, 500, NAN, NAN], 2),  # what is not seen inside is a hole, not an end
        ([NAN, 2700], 0),
    ],
)
def test_the_last_slices_without_a_cavity_at_end_diastole(ed_mm2, beyond):
    assert beyond_apex(np.array(ed_mm2, float)) == beyond
