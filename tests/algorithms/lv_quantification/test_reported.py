"""Which numbers go out: means by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from algorithms.lv_quantification.reported import reported


def estimate(regressed: float, mask: float, seen: bool = True) -> SimpleNamespace:
    cavity = np.zeros((1, 4, 4), bool)
    cavity[0, 1, 1] = seen
    return SimpleNamespace(cavity=cavity, regressed=np.full((1, 11), regressed), measured=np.full((1, 11), mask))


def test_area_and_diameters_lean_on_the_mask_and_the_wall_on_both():
    values = reported(estimate(regressed=100.0, mask=120.0))[0]
    assert values[[0, 2, 3, 4]] == pytest.approx(115.0)
    assert values[[1, 5, 6, 7, 8, 9, 10]] == pytest.approx(110.0)


def test_a_frame_without_a_cavity_reports_nothing():
    assert np.isnan(reported(estimate(100.0, np.nan, seen=False))).all()


def test_without_a_number_from_the_mask_the_networks_stand_alone_and_never_below_zero():
    assert reported(estimate(100.0, np.nan))[0] == pytest.approx(100.0)
    assert reported(estimate(-3.0, np.nan))[0] == pytest.approx(0.0)
