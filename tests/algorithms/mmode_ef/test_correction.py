"""A reader corrects a line of one cycle: what follows, by hand calculation; the rest stays."""

from __future__ import annotations

from statistics import mean, stdev

import numpy as np
import pytest

from algorithms.mmode_ef.algorithm import MmodeEf
from algorithms.mmode_ef.follows import values_of
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.points import LENGTHS
from algorithms.mmode_ef.simulated import series_of
from algorithms.mmode_ef.teichholz import function_of
from dicom_node.correction import Change, CorrectionError, correctable, corrected
from dicom_node.result import Measurement, Region, Shape
from dicom_node.series import Series

# Rows of the walls' sides at 0.4 mm: IVSd 10, LVIDd 50, LVPWd 10, IVSs 14, LVIDs 34, LVPWs 18 mm; the second and the
# fourth cycle have an LVIDd of 48 mm. The third lasts 0.6 s among beats of 1 s: ectopic.
WIDE, NARROW = (40, 65, 190, 215), (40, 65, 185, 210)
SPANS = ((20, 220, WIDE), (220, 420, NARROW), (420, 540, WIDE), (540, 740, NARROW))
EDV_50, EDV_48, ESV_34 = 7 * 125 / 7.4, 7 * 110.592 / 7.2, 7 * 39.304 / 5.8  # 118.243, 107.520, 47.436 ml


@pytest.fixture(scope="module")
def analysed(knowing, eight, region):
    """A function: the result of these four cycles with these options."""

    def analysed(**options):
        image = np.full((300, 800), 90, np.uint8)
        cycles = [((a, 40, b, 215), eight(a, a + 40, rows)) for a, b, rows in SPANS]
        series = series_of(image, (region(x1=799),))
        return MmodeEf(Options(wall_curves=False, **options), knowing(cycles)).run(series)

    return analysed


@pytest.fixture(scope="module")
def result(analysed):
    return analysed()


@pytest.fixture(scope="module")
def done(result):
    """LVIDd of cycle 2 drawn from row 65 to 195: 52 mm instead of 48."""
    return corrected(result, [Change("cycle_2_lvidd_line", "220,65 220,195")])


def test_the_draft_is_as_worked_out_by_hand(result):
    values = {key: part.value for key, part in result.parts.items() if isinstance(part, Measurement)}
    assert [values[f"cycle_{n}_lvidd_mm"] for n in (1, 2, 3, 4)] == [50, 48, 50, 48]
    assert [cycle["ectopic"] for cycle in result.summary["cycles"]] == [False, False, True, False]
    assert values["cycle_1_edv_ml"] == pytest.approx(EDV_50, abs=0.0006)
    assert values["edv_ml"] == pytest.approx(mean((EDV_50, EDV_48, EDV_48)), abs=0.001)
    assert values["cycle_1_lv_mass_g"] == pytest.approx(0.8 * 1.04 * (7**3 - 5**3) + 0.6, abs=0.0006)
    assert values["heart_rate_bpm"] == pytest.approx(60, abs=0.001)


def test_a_line_of_one_cycle_changes_that_cycle_by_the_document_s_formulas(done):
    edv = 7 * 5.2**3 / (2.4 + 5.2)  # 129.509 ml
    told = done.result.summary["cycles"][1]
    assert told["lines_px"]["lvidd"] == [[220.0, 65.0], [220.0, 195.0]]
    assert told["lvidd_mm"] == 52.0
    assert told["edv_ml"] == pytest.approx(edv, abs=0.0006)
    assert told["ef_percent"] == pytest.approx(100 * (edv - ESV_34) / edv, abs=0.002)
    assert told["fs_percent"] == pytest.approx(100 * 18 / 52, abs=0.0006)
    assert told["lv_mass_g"] == pytest.approx(0.8 * 1.04 * (7.2**3 - 5.2**3) + 0.6, abs=0.0006)
    assert told["relative_wall_thickness"] == pytest.approx(20 / 52, abs=0.0006)


def test_mean_and_spread_of_the_regular_cycles_follow(done):
    summary = done.result.summary
    edvs = (EDV_50, 7 * 5.2**3 / 7.6, EDV_48)
    fractions = [100 * (edv - ESV_34) / edv for edv in edvs]
    assert summary["lvidd_mm"] == 50.0
    assert summary["edv_ml"] == pytest.approx(mean(edvs), abs=0.001)
    assert summary["ef_percent"] == pytest.approx(mean(fractions), abs=0.002)
    assert summary["spread"]["lvidd_mm"] == 2.0
    assert summary["spread"]["ef_percent"] == pytest.approx(stdev(fractions), abs=0.002)
    shown = {part.key: part.value for group in done.result.groups for part in group.measurements}
    assert shown["ef_percent"] == summary["ef_percent"]
    assert shown["ef_percent_spread"] == summary["spread"]["ef_percent"]


def test_all_the_rest_stays(result, done):
    changed = {"lvidd_mm", "edv_ml", "ef_percent", "fs_percent", "lv_mass_g", "relative_wall_thickness"}
    of_strip = changed | {f"{name}_spread" for name in changed}
    assert {one.key for one in done.applied} == {"cycle_2_lvidd_line", *(f"cycle_2_{n}" for n in changed), *of_strip}
    for before, after in zip(result.summary["cycles"], done.result.summary["cycles"], strict=True):
        same = set(before) - changed - {"lines_px"} if before is result.summary["cycles"][1] else set(before)
        assert {key: before[key] for key in same} == {key: after[key] for key in same}
    same = set(result.summary) - changed - {"spread", "cycles"}
    assert {key: result.summary[key] for key in same} == {key: done.result.summary[key] for key in same}


def test_the_report_cites_the_drawn_line_wherever_it_was_read(done):
    cited = [
        (measurement.key, region.points)
        for group in done.result.groups
        for measurement in group.measurements
        for region in measurement.regions
        if region.key == "cycle_2_lvidd_line"
    ]
    assert {key for key, _ in cited} >= {"cycle_2_lvidd_mm", "cycle_2_edv_ml", "cycle_2_ef_percent"}
    assert {points for _, points in cited} == {((220.0, 65.0), (220.0, 195.0))}


def test_an_ectopic_cycle_changes_itself_only(result):
    done = corrected(result, [Change("cycle_3_lvids_line", "460,80 460,170")])  # 36 mm instead of 34
    assert {one.key.removeprefix("cycle_3_") for one in done.applied} == {
        "lvids_line", "lvids_mm", "esv_ml", "ef_percent", "fs_percent"
    }  # fmt: skip
    assert all(one.key.startswith("cycle_3_") for one in done.applied)


def test_the_heart_rate_follows_the_mean_length_of_the_cycles(result):
    done = corrected(result, [Change("cycle_1_heart_rate_bpm", "120")])  # 0.5, 1 and 1 s
    assert done.result.summary["heart_rate_bpm"] == pytest.approx(60 / mean((0.5, 1, 1)), abs=0.0006)


def test_the_chosen_cycle_alone_stands_for_the_strip(analysed):
    result = analysed(report="most_probable")
    number = result.summary["chosen_cycle"]
    done = corrected(result, [Change(f"cycle_{number}_lvidd_mm", "60")])
    assert done.result.summary["lvidd_mm"] == 60
    assert done.result.summary["ef_percent"] == done.result.summary["cycles"][number - 1]["ef_percent"]


def test_what_no_ventricle_can_have_is_refused(result):
    with pytest.raises(CorrectionError, match=r"cycle_2_lvidd_mm .*120.* beyond its limits, 20 to 95"):
        corrected(result, [Change("cycle_2_lvidd_line", "220,0 220,300")])
    with pytest.raises(CorrectionError, match=r"cycle_2_ef_percent .*follows from cycle_2_lvids_mm.*0 to 100"):
        corrected(result, [Change("cycle_2_lvids_mm", "60")])


def test_every_line_can_be_drawn_anew_with_its_scale(result):
    lines = {key: part for key, part in result.parts.items() if isinstance(part, Region)}
    stems = [length.removesuffix("_mm") for length in LENGTHS]
    assert set(lines) == {f"cycle_{n}_{stem}_line" for n in (1, 2, 3, 4) for stem in stems}
    for line in lines.values():
        assert line.shape is Shape.POLYLINE
        assert [(size, unit.ucum) for size, unit in line.per_px] == [(0.005, "s"), (pytest.approx(0.4), "mm")]
    assert len(correctable(result)) == 4 * (6 + 13) + 2 * 13


def test_the_formulas_are_those_of_the_simulated_heart(eight):
    rng = np.random.default_rng(0)
    for _ in range(5):
        walls = rng.uniform((20, 20, 110, 20, 20, 20, 50, 30), (30, 40, 150, 40, 30, 40, 100, 50)).reshape(2, 4)
        values = values_of(np.round(eight(20, 100, *np.cumsum(walls, axis=1)), 2), 0.39)
        truth = function_of({name: values[name] for name in LENGTHS})
        assert {name: values[name] for name in truth} == pytest.approx(truth, abs=0.003)


def test_a_second_strip_has_keys_and_values_of_its_own(knowing, eight, region):
    image, networks = np.full((300, 400), 90, np.uint8), knowing([((20, 40, 220, 215), eight(20, 100))])
    (first,), (second,) = (series_of(image, (region(),), uid).volumes for uid in ("1.2.3", "1.2.4"))
    result = MmodeEf(Options(wall_curves=False), networks).run(Series("1.1", (first, second)))
    done = corrected(result, [Change("strip_2_cycle_1_lvidd_line", "20,65 20,195")]).result
    (further,) = done.summary["further_strips"]
    assert further["lvidd_mm"] == further["cycles"][0]["lvidd_mm"] == 52.0  # a single beat: its value is the strip's
    assert further["cycles"][0]["lines_px"]["lvidd"] == [[20.0, 65.0], [20.0, 195.0]]
    assert done.summary["lvidd_mm"] == 50.0
    assert {region.points for part in done.groups[4].measurements for region in part.regions} >= {
        ((20.0, 65.0), (20.0, 195.0))
    }
