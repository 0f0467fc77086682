"""A reader corrects what was measured of the left ventricle: what follows, by hand calculation."""

from __future__ import annotations

import pytest

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.options import Options
from dicom_node.correction import Change, CorrectionError, correctable, corrected

RADII = (24.0, 23.0, 21.0, 17.0, 11.0)
SPACING_MM = 10.0  # from slice to slice of the rings


@pytest.fixture
def result(stack_of, rings):
    return LvQuantification(Options(), rings(RADII)).run(stack_of(len(RADII)))


def test_volumes_follow_from_the_areas_in_the_report(result):
    summary, parts = result.summary, result.parts
    ed, es = summary["ed_frame"], summary["es_frame"]
    edv = sum(parts[f"cavity_mm2_s{number}_f{ed}"].value for number in range(1, 6)) * SPACING_MM / 1000
    esv = sum(parts[f"cavity_mm2_s{number}_f{es}"].value for number in range(1, 6)) * SPACING_MM / 1000
    assert parts["edv_ml"].value == pytest.approx(edv, abs=0.0006) == summary["edv_ml"]
    assert parts["ef_percent"].value == pytest.approx(100 * (edv - esv) / edv, abs=0.002)
    wall = sum(parts[f"myocardium_mm2_s{number}_f{ed}"].value for number in range(1, 6)) * SPACING_MM / 1000
    assert parts["mass_g"].value == pytest.approx(1.05 * wall, abs=0.001)


def test_an_outline_drawn_anew_gives_area_volume_and_ejection_fraction(result):
    ed = result.summary["ed_frame"]
    key, area_key = f"cavity_s2_f{ed}", f"cavity_mm2_s2_f{ed}"
    (step_x, _), (step_y, _) = result.parts[key].per_px
    square = "40,40 80,40 80,80 40,80"  # 40 px wide and high
    area = 40 * step_x * 40 * step_y
    edv = result.summary["edv_ml"] + (area - result.parts[area_key].value) * SPACING_MM / 1000
    done = corrected(result, [Change(key, square)])
    summary, parts = done.result.summary, done.result.parts
    assert parts[area_key].value == pytest.approx(area, abs=0.001)
    assert summary["edv_ml"] == pytest.approx(edv, abs=0.002)
    assert summary["ef_percent"] == pytest.approx(100 * (edv - summary["esv_ml"]) / edv, abs=0.002)
    assert summary["esv_ml"] == result.summary["esv_ml"]
    frame = next(
        one for one in summary["frames"] if one["slice_index"] == 1 and one["cavity_area_mm2"] == parts[area_key].value
    )
    assert frame["sop_instance_uid"] == parts[key].frame.sop_instance_uid
    assert [one.key for one in done.applied] == [key, area_key, "edv_ml", "ef_percent", "sv_ml"]
    assert not done.result.requires_review


def test_the_outline_of_the_middle_slice_changes_in_both_places_that_show_it(result):
    ed = result.summary["ed_frame"]
    mid = result.summary["mid_slice"] + 1
    done = corrected(result, [Change(f"cavity_s{mid}_f{ed}", "40,40 80,40 80,80")]).result
    drawn = [group.tracking_id for group in done.groups if group.region.corrected]
    assert drawn == [
        "left ventricle: global function",
        f"left ventricle: slice {mid} (mid), frame {ed}",
    ]


def test_an_end_systolic_volume_above_the_end_diastolic_one_is_refused(result):
    with pytest.raises(
        CorrectionError, match=r"ef_percent .*which follows from esv_ml: -.* beyond its limits, 0 to 100"
    ):
        corrected(result, [Change("esv_ml", str(result.summary["edv_ml"] + 20))])


def test_only_end_diastole_and_end_systole_can_be_corrected(result):
    keys = {one.key for one in correctable(result)}
    ends = {f"_f{result.summary['ed_frame']}", f"_f{result.summary['es_frame']}"}
    assert {key[key.rindex("_f") :] for key in keys if "_s" in key and "_f" in key} == ends
    assert len(keys) == 5 + len(RADII) * 2 * 12
