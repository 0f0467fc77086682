"""How time and tissue lie on a strip: the sweep bar, pieces of cycles, boundaries and echoes in the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from algorithms.mmode_ef.beats import Beats
from algorithms.mmode_ef.cycle_truth import Sweep, cycles_of, mean_values
from algorithms.mmode_ef.heart_motion import WallMotion, random_ventricle
from algorithms.mmode_ef.lv_scene import LvLine
from algorithms.mmode_ef.scene import ABSENT_DB, Breathing, EchoLine, Fade, Scene, stacked
from algorithms.mmode_ef.strip_texture import Appearance, paint_strip

SHARP = Appearance(
    speckle_s=0.1,
    flicker=0.4,
    axial_mm=0.3,
    noise_db=-60.0,
    attenuation_db_per_cm=0.0,
    dynamic_range_db=60.0,
    gain_db=20.0,
    gamma=1.0,
    line_rate_hz=400.0,
)


def line_with(r_times_s: list[float]) -> LvLine:
    """A line without breathing through a heart with these R waves."""
    r_times = np.array(r_times_s)
    count = len(r_times) - 1
    plain = np.zeros(count, bool)
    beats = Beats(r_times, np.full(count, 0.35), plain, plain)
    ventricle = random_ventricle(np.random.default_rng(0), beats, 60.0)
    return LvLine(ventricle, beats, WallMotion(ventricle, beats), Breathing(4.0, 0.0, 0.0), 50.0)


def test_cycles_lie_where_their_r_waves_are() -> None:
    # 0.01 s a column: R waves at columns -30, 70, 170, 270, 370; the strip has 300.
    line = line_with([-0.3, 0.7, 1.7, 2.7, 3.7])
    cycles = cycles_of(line, Sweep(300, 0.01), 0.5)
    assert [cycle.complete for cycle in cycles] == [False, True, True, False]
    assert [cycle.box_px[0] for cycle in cycles] == pytest.approx([0, 70, 170, 270])
    assert [cycle.box_px[2] for cycle in cycles] == pytest.approx([70, 170, 270, 299])
    assert [len(cycle.points_px) for cycle in cycles] == [4, 8, 8, 4]
    assert cycles[1].points_px["es_lower_inner"][0] == pytest.approx(70 + 35)
    # The first piece begins 0.3 s after its R wave: its end-systole is in column -30 + 35.
    assert cycles[0].points_px["es_lower_inner"][0] == pytest.approx(5)


def test_depths_are_divided_by_the_scale() -> None:
    line = line_with([-0.3, 0.7, 1.7])
    (cycle,) = (cycle for cycle in cycles_of(line, Sweep(200, 0.01), 0.25) if cycle.complete)
    assert cycle.points_px["ed_upper_inner"][1] == pytest.approx(50.0 / 0.25)
    assert cycle.points_px["ed_lower_inner"][1] == pytest.approx((50.0 + cycle.values["lvidd_mm"]) / 0.25)


def test_a_sweep_bar_puts_the_newest_column_left_of_the_oldest() -> None:
    sweep = Sweep(100, 0.01, bar=40, gap=10)
    times = sweep.times_s
    assert times[40] == 0.0
    assert times[39] == pytest.approx(0.99)
    assert times[99] == pytest.approx(0.59)
    assert times[0] == pytest.approx(0.60)
    for first, last, origin_s in sweep.runs:
        assert origin_s + 0.01 * np.arange(first, last + 1) == pytest.approx(times[first : last + 1])
    assert [run[:2] for run in sweep.runs] == [(0, 39), (50, 99)]


def test_no_cycle_goes_across_the_sweep_bar() -> None:
    line = line_with([-0.3, 0.7, 1.7, 2.7, 3.7])
    sweep = Sweep(300, 0.01, bar=120, gap=12)
    cycles = cycles_of(line, sweep, 0.5)
    assert any(cycle.complete for cycle in cycles)
    for cycle in cycles:
        assert cycle.box_px[2] <= 119 or cycle.box_px[0] >= 132
        if cycle.complete:  # both ends are R waves at the time of their columns
            for x in (cycle.box_px[0], cycle.box_px[2]):
                time = ((x - 120) % 300) * 0.01
                assert np.abs(line.beats.r_times_s - time).min() < 1e-9


def test_means_leave_ectopic_cycles_out_unless_there_are_no_others() -> None:
    line = line_with([-0.3, 0.7, 1.7, 2.7])
    first, second = (cycle for cycle in cycles_of(line, Sweep(290, 0.01), 0.5) if cycle.complete)
    odd = replace(first, ectopic=True, values={"ef_percent": 20.0})
    plain = replace(second, values={"ef_percent": 60.0})
    assert mean_values((odd, plain)) == {"ef_percent": 60.0}
    assert mean_values((odd,)) == {"ef_percent": 20.0}
    assert mean_values((replace(plain, complete=False),)) == {}


def two_layers(columns: int, boundary_mm: np.ndarray, lines: tuple[EchoLine, ...] = ()) -> Scene:
    boundaries = stacked([0.0, boundary_mm, 200.0], columns)
    return Scene(np.arange(columns) * 0.005, boundaries, (-60.0, 0.0), lines)


def test_tissue_follows_its_moving_boundary_to_the_pixel() -> None:
    columns, mm_per_px = 240, 0.5
    boundary = 60.0 + 15.0 * np.sin(np.arange(columns) / 25.0)
    grey = paint_strip(np.random.default_rng(0), two_layers(columns, boundary), 240, mm_per_px, SHARP)
    bright = grey > 60
    first_bright = bright.argmax(axis=0)
    assert np.median(np.abs(first_bright - boundary / mm_per_px)) <= 1.5


def test_a_border_echo_begins_at_its_depth_and_hangs_below_it() -> None:
    columns, mm_per_px = 120, 0.25
    depth = np.full(columns, 20.0)
    dark = Scene(np.arange(columns) * 0.005, stacked([0.0, 200.0], columns), (-60.0,), ())
    echo = EchoLine(depth, np.zeros(columns), 0.5)
    grey = paint_strip(np.random.default_rng(0), replace(dark, lines=(echo,)), 200, mm_per_px, SHARP)
    profile = grey.mean(axis=1)
    peak = int(profile.argmax())
    assert 20.0 < peak * mm_per_px < 20.8
    amplitude = 10 ** ((profile / 255 * 60 - 60 + 20) / 20)
    assert amplitude[80] / amplitude.max() == pytest.approx(0.6, abs=0.1)  # row of the leading edge
    absent = replace(dark, lines=(replace(echo, level_db=np.full(columns, ABSENT_DB)),))
    assert paint_strip(np.random.default_rng(0), absent, 200, mm_per_px, SHARP).max() < 60


def test_dropout_darkens_its_layer_for_its_time_only() -> None:
    columns = 400
    scene = two_layers(columns, np.full(columns, 30.0))
    lost = replace(scene, fades=(Fade(1, 1, 0.8, 1.4, 20.0),))
    whole, faded = (paint_strip(np.random.default_rng(3), s, 160, 0.5, SHARP)[80:].astype(float) for s in (scene, lost))
    inside, outside = slice(190, 250), slice(0, 120)
    assert whole[:, inside].mean() - faded[:, inside].mean() == pytest.approx(20 / 60 * 255, rel=0.15)
    assert whole[:, outside].mean() == pytest.approx(faded[:, outside].mean(), abs=1)


def test_boundaries_never_cross() -> None:
    stack = stacked([0.0, np.array([5.0, 1.0]), np.array([3.0, 9.0])], 2)
    assert (np.diff(stack, axis=0) > 0).all()
