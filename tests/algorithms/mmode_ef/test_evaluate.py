"""Judging: figures from known errors, the rows by group, real pictures with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from algorithms.mmode_ef.algorithm import Seen
from algorithms.mmode_ef.detect import Detection
from algorithms.mmode_ef.evaluate import figures_on_simulated, real_figures
from algorithms.mmode_ef.gate import Verdict
from algorithms.mmode_ef.points import Box
from algorithms.mmode_ef.real_pictures import cut_cines, human_screens, mouse_strips, period_of
from algorithms.mmode_ef.regress import FoundPoints

ROWS = np.array([60.0, 90.0, 200.0, 230.0, 70.0, 110.0, 180.0, 225.0])


@dataclass(frozen=True)
class SameEverywhere:
    """Networks that see the same cycle in the first second of every strip, or nothing."""

    lv: float = 0.9
    infos: tuple = ()

    def look(self, strip, options):
        if self.lv < options.least_lv_percent / 100:
            return Seen(Verdict(self.lv, "none", 0.8), ())
        rows, columns = strip.grey.shape
        width = min(1.0 / strip.seconds_per_px, columns - 1.0)
        points = np.column_stack([[0.0] * 4 + [0.4 * width] * 4, ROWS / 240 * rows])
        box = Box(0.0, float(points[:, 1].min()), width, float(points[:, 1].max()))
        return Seen(Verdict(self.lv, "lv", self.lv), ((Detection(box, 0.9), FoundPoints(points, np.zeros((8, 2)))),))


def test_rows_by_rate_noise_layout_and_kind():
    rows, values = figures_on_simulated(SameEverywhere(), 3, count=6, others=5)
    names = set(rows)
    assert {"ef_error_points", "lvidd_error_mm", "cycle_recall", "cycle_precision", "wall_error_mm"} <= names
    for group in ("heart rate", "noise", "layout"):
        told = [name for name in names if name.startswith(f"cycle_recall [{group}")]
        assert sum(int(name.rpartition("n = ")[2][:-1]) for name in told) == 6
    assert sum(name.startswith("other_kinds_refused_percent [") for name in names) == 5
    assert values["ef_error_points"]["wanted"] == "<= 4"
    assert len(values["refused_ventricles"]) <= 6


def test_networks_that_refuse_everything_find_nothing():
    rows, values = figures_on_simulated(SameEverywhere(lv=0.1), 3, count=3, others=5)
    assert rows["cycle_recall"].value == 0
    assert rows["ventricles_refused_percent"].value == rows["other_kinds_refused_percent"].value == 100
    assert values["accepted_others"] == []
    assert "ef_error_points" not in rows


def test_a_folder_without_real_pictures_is_no_trouble(tmp_path):
    assert real_figures(tmp_path, SameEverywhere()) == {"real_screens": [], "real_ventricles": [], "mouse_strips": []}


def test_real_pictures(needs_shared):
    data = needs_shared("data/mmode")
    told = real_figures(data, SameEverywhere(lv=0.3))
    assert len(told["real_screens"]) == 8 * 3 + 3 * (6 + 3)  # of M-modes; of all screens and the cines' first frames
    assert all(one["refused"] for one in told["real_screens"])
    assert sum("no ultrasound region" in one["refused"] for one in told["real_screens"]) == 6 + 3
    assert all("left ventricle 0.30" in one["refused"] for one in told["real_ventricles"])
    for one, cycle_px in zip(told["mouse_strips"], (115, 252), strict=True):  # asked though the gate doubts them
        assert one["cycles_traced"] + (cycle_px > 200) >= 1
        if one["cycles_traced"]:
            assert one["lvidd_px"] > one["lvids_px"] > 0
            assert one["traced_lvidd_px"] > one["traced_lvids_px"] > 0


def test_scales_of_real_pictures(needs_shared):
    data = needs_shared("data/mmode")
    right = {one.name: one.regions[0] for one in human_screens(data) if one.label == "right"}
    assert right["42_mmode-plax-av.png"].delta_y == pytest.approx(1 / 27.9)
    beats = [60 / 88, 60 / 68, 60 / 69]
    for cut, beat_s in zip(cut_cines(data), beats, strict=True):
        depth_cm = cut.image.shape[0] * cut.regions[0].delta_y
        assert 11 < depth_cm < 15
        grey = cut.image[..., 0].astype(float)
        assert period_of(grey - grey.mean(axis=1, keepdims=True)) * cut.regions[0].delta_x == pytest.approx(
            beat_s, rel=0.05
        )
    plain, drawn = mouse_strips(data)
    assert (np.nanmin(plain.lvid_px), np.nanmax(plain.lvid_px)) == (108, 262)
    assert np.isfinite(drawn.lvid_px).mean() > 0.7
    assert 150 < np.nanmin(drawn.lvid_px) < np.nanmax(drawn.lvid_px) < 560  # of 1236 rows, by eye


def test_the_period_of_a_rhythm():
    beat = np.cos(2 * np.pi * np.arange(400) / 57)[None]
    assert period_of(beat) == 57
    with pytest.raises(ValueError, match="no rhythm"):
        period_of(np.zeros((2, 50)))
