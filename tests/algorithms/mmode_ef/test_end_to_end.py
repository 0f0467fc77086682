"""A simulated screen as DICOM, through the node's path with networks that know the truth; then the judges."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pydicom
import pytest

from algorithms.mmode_ef.algorithm import MmodeEf
from algorithms.mmode_ef.gate import Verdict
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.phantom import ScreenOptions, random_screen
from algorithms.mmode_ef.points import LENGTHS, POINT_NAMES
from algorithms.mmode_ef.simulated import series_of
from dicom_node.encode import EncodeJob
from dicom_node.errors import UnsuitableSeries
from dicom_node.run import analyse

LINES = {"79968-4": "ivsd_mm", "80008-6": "lvidd_mm", "80031-8": "lvpwd_mm", "80012-8": "lvids_mm"}


@pytest.fixture(scope="module")
def screen():
    """A screen with two complete cycles or more and no sweep bar."""
    options = ScreenOptions(heart_rate_bpm=(60, 90), sweep_bar_chance=0.0)
    for seed in range(50):
        made = random_screen(np.random.default_rng(seed), "lv", options)
        if sum(cycle.complete for cycle in made.cycles) >= 3:
            return made
    raise AssertionError("no screen with three cycles among 50")


@pytest.fixture(scope="module")
def truth(screen, knowing):
    """Networks that answer with the screen's true cycles."""
    strip = next(region for region in screen.regions if region.format == 2)
    whole = [cycle for cycle in screen.cycles if cycle.complete]
    corner = np.array([strip.x0, strip.y0])
    told = [
        (np.array(c.box_px) - np.tile(corner, 2), np.array([c.points_px[n] for n in POINT_NAMES]) - corner)
        for c in whole
    ]
    return knowing(told, probabilities=[0.9 + 0.01 * n for n in range(len(told))])


@pytest.fixture(scope="module")
def outcome(screen, truth, us_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mmode")
    source = us_image(screen.image, screen.regions, folder / "source" / "screen.dcm")
    (folder / "scratch").mkdir()
    job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {})
    algorithm = MmodeEf(Options(), truth)
    return folder, analyse(algorithm, [source], job, folder / "results", folder / "scratch")


def test_the_truth_in_gives_the_truth_out(outcome, screen):
    _, done = outcome
    whole = [cycle for cycle in screen.cycles if cycle.complete]
    assert done.summary["cycle_count"] == len(whole)
    for told, cycle in zip(done.summary["cycles"], whole, strict=True):
        assert told["box_px"] == pytest.approx(cycle.box_px, abs=0.01)
        for name, (x, y) in cycle.points_px.items():
            assert told["points_px"][name] == pytest.approx([x, y], abs=0.02)
        for name in (*LENGTHS, "edv_ml", "esv_ml", "ef_percent"):
            assert told[name] == pytest.approx(cycle.values[name], rel=0.01, abs=0.15)
    regular = [cycle for cycle in done.summary["cycles"] if not cycle["ectopic"]]
    assert done.summary["ef_percent"] == pytest.approx(np.mean([one["ef_percent"] for one in regular]), abs=0.01)
    assert done.summary["heart_rate_bpm"] == pytest.approx(60 / np.mean([one["rr_s"] for one in regular]), rel=1e-3)
    assert done.summary["chosen_cycle"] == len(whole)  # the most probable of the stand-in's
    keys = {"ef_percent", "fs_percent", "edv_ml", "esv_ml", "lv_mass_g", "heart_rate_bpm", *LENGTHS}
    assert keys < set(done.summary)


def test_the_summary_has_the_keys_of_the_issue(outcome):
    folder, _ = outcome
    summary = json.loads((folder / "results" / "result.json").read_text())["summary"]
    lengths = {"lvidd_mm", "lvids_mm", "ivsd_mm", "ivss_mm", "lvpwd_mm", "lvpws_mm"}
    values = {"ef_percent", "fs_percent", "edv_ml", "esv_ml", "lv_mass_g", "heart_rate_bpm"}
    assert all(isinstance(summary[key], float) for key in lengths | values)
    for cycle in summary["cycles"]:
        assert all(isinstance(cycle[key], float) for key in lengths | {"probability"})
        assert len(cycle["box_px"]) == 4
        assert tuple(cycle["points_px"]) == POINT_NAMES
        assert all(len(place) == 2 for place in cycle["points_px"].values())


def test_every_length_has_its_line_with_the_half_pixel(outcome, screen):
    folder, done = outcome
    report = pydicom.dcmread(folder / "results" / "report.dcm")
    lines = list(_lines(report))
    first = done.summary["cycles"][0]
    for code, name in LINES.items():
        ends = [np.array(first["points_px"][end]) + 0.5 for end in LENGTHS[name]]
        found = [
            points for told, value, points in lines if told == code and value == pytest.approx(first[name], abs=5e-3)
        ]
        assert any(len(p) == 4 and np.allclose(p, np.ravel(ends), atol=0.01) for p in found), name
    ef = [(value, len(points)) for told, value, points in lines if told == "18049-7"]
    assert (pytest.approx(first["ef_percent"], abs=5e-3), 4) in ef  # twice: one line each of LVIDd and LVIDs
    beats = done.summary["beats_in_values"]
    assert ef[0] == (pytest.approx(done.summary["ef_percent"], abs=5e-3), 8 * beats)  # the mean: all ends of all lines


def _lines(item, name=None):
    """(code, value, graphic data) of every number with coordinates below an SR item."""
    for child in item.get("ContentSequence", ()):
        if child.ValueType == "NUM":
            code = child.ConceptNameCodeSequence[0].CodeValue
            value = float(child.MeasuredValueSequence[0].NumericValue)
            for part in child.get("ContentSequence", ()):
                if part.ValueType == "SCOORD":
                    assert part.GraphicType in ("POLYLINE", "MULTIPOINT")
                    yield code, value, list(part.GraphicData)
        yield from _lines(child)


def test_every_group_owns_coordinates_and_the_statement_is_on_everything(outcome):
    folder, _ = outcome
    report = pydicom.dcmread(folder / "results" / "report.dcm")
    (imaging,) = (item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "126010")
    assert len(imaging.ContentSequence) > 3
    for group in imaging.ContentSequence:
        assert list(_lines(group)), group.ContentSequence[0].TextValue
    content = json.loads((folder / "results" / "result.json").read_text())
    assert any("simulated" in text for text in content["statements"])
    assert any("no diagnosis" in note for note in content["notes"])
    assert any("37.8-52.2" in note for note in content["notes"])  # the patient of the source is a woman
    assert {entry["role"] for entry in content["objects"]} == {"report", "mmode_picture"}
    assert {path.name for path in (folder / "results").glob("*.csv")} == {"cycles.csv", "wall_curves.csv"}


def test_tracked_walls_agree_with_the_points(outcome):
    _, done = outcome
    for cycle in done.summary["cycles"]:
        assert cycle["tracked_lvid_least_mm"] <= cycle["lvids_mm"] + 1.0
        assert cycle["tracked_lvid_least_mm"] >= cycle["lvids_mm"] - 6.0


def test_the_most_probable_cycle_alone(screen, truth):
    result = MmodeEf(Options(report="most_probable", wall_curves=False), truth).run(
        series_of(screen.image, screen.regions)
    )
    chosen = result.summary["cycles"][result.summary["chosen_cycle"] - 1]
    assert result.summary["ef_percent"] == chosen["ef_percent"]
    assert result.summary["values_of"] == "most_probable"
    assert [table.name for table in result.tables] == ["cycles"]


def test_other_kinds_and_empty_strips_are_refused_with_the_reason(screen, knowing):
    series = series_of(screen.image, screen.regions)
    with pytest.raises(UnsuitableSeries, match=r"needs a left-ventricular M-mode.*mitral valve \(certainty 0.90"):
        MmodeEf(Options(), knowing([], Verdict(0.05, "mitral", 0.9))).run(series)
    with pytest.raises(UnsuitableSeries, match="no complete cardiac cycle was found"):
        MmodeEf(Options(), knowing([])).run(series)


def test_a_capture_says_where_its_scale_comes_from(screen, truth):
    strip = next(region for region in screen.regions if region.format == 2)
    options = Options(
        strip_px=(strip.x0, strip.y0, strip.x1, strip.y1),
        seconds_per_px=screen.seconds_per_px,
        mm_per_px=screen.mm_per_px,
    )
    by_rule = MmodeEf(options, truth).run(series_of(screen.image, ()))
    by_header = MmodeEf(Options(), truth).run(series_of(screen.image, screen.regions))
    assert by_rule.summary["ef_percent"] == by_header.summary["ef_percent"]
    assert "given by the rule" in by_rule.statements[0]
    assert not by_header.statements


def test_the_same_bytes_twice(outcome, screen, truth, us_image, tmp_path):
    folder, _ = outcome
    source = us_image(screen.image, screen.regions, tmp_path / "source" / "screen.dcm")
    (tmp_path / "scratch").mkdir()
    job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {})
    analyse(MmodeEf(Options(), truth), [source], job, tmp_path / "results", tmp_path / "scratch")
    for path in sorted((folder / "results").glob("*.dcm")):
        assert (tmp_path / "results" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_judges_find_nothing(outcome, needs_program):
    """accept.sh beside this checkout asks more of them; these two are at hand everywhere."""
    folder, _ = outcome
    for path in sorted((folder / "results").glob("*.dcm")):
        verdict = subprocess.run(
            [needs_program("/usr/bin/dciodvfy"), str(path)], capture_output=True, text=True, check=False
        )
        assert "Error" not in verdict.stderr, verdict.stderr
    report = [needs_program("/usr/bin/dsrdump"), str(folder / "results" / "report.dcm")]
    assert subprocess.run(report, capture_output=True, check=False).returncode == 0
