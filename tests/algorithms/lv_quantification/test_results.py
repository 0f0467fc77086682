"""The whole algorithm on rings: what scripts, viewers and people get."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.results import WALL_AT_END_SYSTOLE
from dicom_node.algorithm import Algorithm, ModelInfo
from dicom_node.result import AnalysisResult
from dicom_node.series import Series

ED, ES = 20, 8  # of the rings, 1-based
RADII = (0, 24.0, 23.0, 21.0, 17.0, 11.0)
RED, GREEN = (255, 64, 64), (64, 220, 96)


@pytest.fixture
def run(stack_of, rings):
    """A function: radii and options -> the result."""

    def run(radii=RADII, enhanced=False, progress=lambda fraction, doing: None, **options) -> AnalysisResult:
        algorithm = LvQuantification(Options(**options), rings(radii, infos=(ModelInfo("dla_1", "1", "0" * 64),)))
        assert isinstance(algorithm, Algorithm)
        return algorithm.run(stack_of(len(radii), enhanced=enhanced), progress)

    return run


def test_the_summary_has_the_promised_keys_and_they_are_json(run):
    summary = json.loads(json.dumps(run().summary))
    for key in ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g"):
        assert summary[key] > 0
    assert summary["sv_ml"] == pytest.approx(summary["edv_ml"] - summary["esv_ml"], abs=0.002)
    assert (summary["ed_frame"], summary["es_frame"]) == (ED, ES)
    assert [one["slice_index"] for one in summary["slices"]] == [1, 2, 3, 4, 5]
    assert summary["slices_not_measured"] == [{"slice_index": 0, "reason": "no ventricle in sight"}]
    frames = summary["frames"]
    assert len(frames) == 5 * 20
    assert len({frame["sop_instance_uid"] for frame in frames}) == 100
    first = frames[0]
    assert set(first) >= {
        "sop_instance_uid", "frame_number", "slice_index", "time_ms", "cavity_area_mm2", "myocardium_area_mm2",
        "diameters_mm", "wall_thickness_mm", "phase", "uncertainty",
    }  # fmt: skip
    assert (first["frame_number"], first["slice_index"], first["time_ms"]) == (1, 1, 0)
    assert (len(first["diameters_mm"]), len(first["wall_thickness_mm"])) == (3, 6)
    assert [frame["phase"] for frame in frames[:20]] == [0] * 8 + [1] * 12
    at_ed = frames[19]
    assert at_ed["cavity_area_mm2"] == pytest.approx(np.pi * 24**2, rel=0.02)
    assert at_ed["diameters_mm"] == pytest.approx([48] * 3, abs=1.4)  # a pixel
    assert at_ed["wall_thickness_mm"] == pytest.approx([9] * 6, abs=0.7)
    assert at_ed["uncertainty"]["cavity_area_mm2"] == pytest.approx(0.02 * at_ed["cavity_area_mm2"], rel=0.01)


def test_enhanced_frames_have_numbers_and_a_lone_slice_no_volumes(run):
    summary = run((22.0,), enhanced=True).summary
    assert [frame["frame_number"] for frame in summary["frames"]] == list(range(1, 21))
    for key in ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g", "slice_spacing_mm", "volume_curve_ml"):
        assert summary[key] is None
    assert (summary["ed_frame"], summary["es_frame"]) == (ED, ES)


def test_every_group_has_a_region_and_the_global_function_is_first(run):
    result = run()
    first, *frames = result.groups
    assert first.tracking_id == "left ventricle: global function"
    assert [one.name.value for one in first.measurements] == [
        "8811-2",
        "8821-1",
        "8823-7",
        "90096001",
        "18087-7",
        "8867-4",
    ]
    assert first.measurements[-1].value == 75
    assert len(frames) == 100
    assert all(group.region is not None and group.region.frame == group.evidence[0] for group in result.groups)
    points = Counter(group.evaluations[0].value.meaning for group in frames)
    assert points == {"Systole": 7 * 5, "End Systole": 5, "Diastole": 11 * 5, "End diastole": 5}
    names = [one.name.meaning for one in frames[0].measurements]
    assert names == ["Endocardial Area", "Area", *["Diameter"] * 3, *["Wall Thickness"] * 6]
    assert len({one.method for one in frames[0].measurements[2:5]}) == 3
    sites = [one.site.meaning for one in frames[0].measurements[5:]]
    assert all("basal" in site for site in sites)
    assert len(set(sites)) == 6
    assert all("apical" in one.site.meaning for one in frames[-1].measurements[5:])


def test_regions_lie_around_the_cavity(run):
    group = run().groups[1 + 19]  # the base at end-diastole
    points = np.array(group.region.points)
    assert points.mean(axis=0) == pytest.approx([60, 44], abs=1.5)
    assert np.hypot(*((points - (60, 44)) * 1.4).T) == pytest.approx(np.full(len(points), 24.0), abs=1.2)


def test_a_short_report(run):
    groups = run(report_frames="ed_es").groups
    assert len(groups) == 1 + 2 * 5
    assert {group.evaluations[0].value.meaning for group in groups[1:]} == {"End Systole", "End diastole"}


def test_segments_mark_every_frame_of_the_measured_slices(run):
    cavity, myocardium = run().segments
    assert cavity.masks.shape == (100, 96, 112)
    assert cavity.frames == myocardium.frames
    inner, wall = cavity.masks.read(0, 100), myocardium.masks.read(0, 100)
    assert not (inner & wall).any()
    assert inner[19].sum() * 1.4**2 == pytest.approx(np.pi * 24**2, rel=0.02)


def test_masks_of_mirrored_pictures_lie_on_the_stored_picture(cine, rings, plane_at):
    """The ring is off centre: what the networks saw at column 60 of 112 is column 51 as it is stored."""
    result = LvQuantification(Options(), rings((22.0,))).run(Series("1", (cine(plane=plane_at(0, mirrored=True)),)))
    columns = np.nonzero(result.segments[0].masks.read(19, 20)[0])[1]
    assert columns.mean() == pytest.approx(111 - 60, abs=0.5)
    assert np.mean(result.groups[0].region.points, axis=0)[0] == pytest.approx(51, abs=1.5)


def test_the_montage_shows_every_slice_in_every_frame(run):
    montage = run().pictures[0]
    frames, rows, columns, _ = montage.pixels.shape
    assert frames == 20
    assert montage.frame_time_s == pytest.approx(0.04)
    ed, es = montage.pixels.read(19, 20)[0], montage.pixels.read(7, 8)[0]
    assert ed.shape == (rows, columns, 3)
    tile = columns // 3
    red_at = {name: near(picture, RED) for name, picture in (("ed", ed), ("es", es))}
    for index in range(6):
        y, x = 30 + (index // 3) * (tile + 20), (index % 3) * tile
        part = red_at["ed"][y : y + tile, x : x + tile]
        assert part.any() == (index > 0), index
    assert near(ed, GREEN).sum() > red_at["ed"].sum()  # the outer outline is the longer one
    assert red_at["ed"].sum() > red_at["es"].sum()
    assert np.array_equal(montage.pixels.read(5, 8)[2], es)


def near(picture, colour):
    return (np.abs(picture.astype(int) - colour) < 60).all(axis=-1)


def test_curve_and_bulls_eye_are_drawn_for_stacks_and_lone_slices(run):
    for radii in (RADII, (22.0,)):
        montage, curve, bullseye = run(radii).pictures
        assert near(curve.pixels.read(0, 1)[0], RED).sum() > 20 * 20  # a dot for every frame
        assert bullseye.pixels.read(0, 1)[0].std() > 20
        assert len({picture.role for picture in (montage, curve, bullseye)}) == 3


def test_tables_hold_both_measurements_and_the_volumes(run):
    indices, volumes = run().tables
    assert len(indices.rows) == 100
    assert {len(row) for row in indices.rows} == {len(indices.columns)} == {5 + 3 * 11}
    row = dict(zip(indices.columns, indices.rows[19], strict=True))
    assert (row["slice_index"], row["frame"], row["cycle_point"]) == (1, 20, "end diastole")
    assert row["cavity_area_mm2"] == row["mask_cavity_area_mm2"]
    assert [row[0] for row in volumes.rows] == list(range(1, 21))
    assert [table.name for table in run((22.0,)).tables] == ["indices"]


def test_key_frames_are_the_two_ends_of_systole_in_the_middle(run):
    (keys,) = run().key_frames
    assert [ref.sop_instance_uid for ref in keys.frames] == ["1.2.1030.19", "1.2.1030.7"]


def test_notes_tell_what_was_measured_and_doubts_ask_for_a_reader(run):
    result = run()
    assert any("measured 5 of 6 slices" in note for note in result.notes)
    assert any("slice 1 was not measured: no ventricle in sight" in note for note in result.notes)
    assert WALL_AT_END_SYSTOLE in result.notes
    assert not result.requires_review or any(note.startswith("quality: ") for note in result.notes)
    cut_off = run((24.0, 23.0, 22.0))
    assert cut_off.requires_review
    assert {one["code"] for one in cut_off.summary["quality"]} == {"open_base", "open_apex"}


def test_the_networks_get_the_pictures_with_spacing_and_anchor(stack_of, rings):
    seen = []
    estimator = rings((22.0, 20.0, 18.0), seen=seen)
    told = []
    LvQuantification(Options(), estimator).run(stack_of(3), lambda fraction, doing: told.append(fraction))
    ((slices, spacing, anchor),) = seen
    assert [part.shape for part in slices] == [(20, 96, 112)] * 3
    assert spacing.row_mm == 1.4
    assert anchor == pytest.approx(0, abs=5)
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1
