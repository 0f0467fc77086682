"""The study's detectors and measures against hand-made pictures; the quick study runs; the committed one is whole."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from algorithms.ulm_decoupling import study, study_report
from algorithms.ulm_decoupling.map_quality import FACTOR, MapJudge, density
from algorithms.ulm_decoupling.phantom import PhantomOptions, simulate
from algorithms.ulm_decoupling.plain import connected_regions, local_maxima
from algorithms.ulm_decoupling.study_report import METRICS

DOCS = Path(__file__).resolve().parents[3] / "docs" / "ulm-decoupling"


def blob(x: float, y: float, height: float = 100.0, sigma: float = 1.5) -> np.ndarray:
    """A Gaussian in a picture of 40 x 50."""
    rows, columns = np.mgrid[:40, :50]
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def test_peaks_are_found_above_the_floor_near_their_true_position():
    frames = np.stack([blob(12.3, 20.0) + blob(30.0, 9.6, 60.0), np.zeros((40, 50)), blob(40.0, 30.0, 30.0)])
    found = local_maxima(frames, floor=40.0)
    assert sorted(zip(found.frame, np.rint(found.x_px), np.rint(found.y_px), strict=True)) == [
        (0, 12, 20),
        (0, 30, 10),
    ]
    first = found.select(found.x_px < 20)
    assert first.x_px[0] == pytest.approx(12.3, abs=0.1)


def test_a_plateau_is_one_peak():
    frame = np.zeros((1, 20, 20))
    frame[0, 8:10, 5:8] = 50
    found = local_maxima(frame, floor=1.0)
    assert len(found) == 1


def test_regions_that_touch_are_one_at_the_centroid_of_both():
    apart = connected_regions(np.stack([blob(10, 20) + blob(30, 20)]), 50.0)
    assert sorted(np.rint(apart.x_px)) == [10, 30]
    merged = connected_regions(np.stack([blob(20, 20) + blob(24, 20)]), 50.0)
    assert len(merged) == 1
    assert merged.x_px[0] == pytest.approx(22.0, abs=0.01)
    assert len(connected_regions(np.zeros((2, 5, 5)), 1.0)) == 0


def test_the_map_counts_each_position_in_the_pixel_that_holds_it():
    counts = density(np.array([-0.49, 0.1, 9.49]), np.array([0.0, 0.0, 4.49]), (5, 10))
    assert counts.shape == (5 * FACTOR, 10 * FACTOR)
    # x = 0.1 lies 0.6 px from the left edge: fine pixel 2 of 4; y = 0 lies on the line between 1 and 2.
    assert [tuple(at) for at in np.argwhere(counts)] == [(2, 0), (2, 2), (19, 39)]


@pytest.fixture(scope="module")
def phantom():
    return simulate(PhantomOptions(frames=120, rows=96, columns=96, bubbles_per_mm2=1.0, seed=31))


def test_true_positions_lie_in_vessels_and_separate_the_pair(phantom):
    quality = MapJudge.of(phantom).judge(phantom.truth.x_px, phantom.truth.y_px)
    assert quality.in_vessel > 0.98
    assert quality.valley < 0.02
    assert quality.overlap > 0.75


def test_positions_everywhere_find_as_much_vessel_as_there_is(phantom):
    judge = MapJudge.of(phantom)
    rng = np.random.default_rng(5)
    quality = judge.judge(*rng.uniform(-0.5, 95.5, (2, 200_000)))
    share = judge.vessels.mean()
    assert quality.in_vessel == pytest.approx(share, abs=0.01)
    assert quality.valley == pytest.approx(1.0, abs=0.1)
    assert quality.overlap == pytest.approx(2 * share / (1 + share), abs=0.03)  # everything called vessel


def test_a_map_of_every_vessel_pixel_overlaps_wholly(phantom):
    judge = MapJudge.of(phantom)
    y, x = np.nonzero(judge.vessels)
    quality = judge.judge((x + 0.5) / FACTOR - 0.5, (y + 0.5) / FACTOR - 0.5)
    assert quality.overlap > 0.97
    assert quality.in_vessel == 1.0


def test_nothing_found_is_worth_nothing(phantom):
    quality = MapJudge.of(phantom).judge(np.empty(0), np.empty(0))
    assert (quality.overlap, quality.in_vessel) == (0.0, 0.0)
    assert math.isnan(quality.valley)


def test_a_frame_of_s_s_is_scored_against_a_moment_when_the_bubble_was_there(phantom):
    frames = np.zeros((120, 40, 50), np.uint8)
    frames[60:64] = np.rint(blob(25, 20, 200.0))  # there in four frames, and only there
    shown = study.pictures(replace(phantom, frames=frames))[2]
    brightest = int(np.argmax(np.where(shown.truth_frame >= 0, shown.frames[:, 20, 25], -np.inf)))
    assert shown.truth_frame[brightest] in range(60, 64)


def test_the_quick_study_runs_and_says_what_it_did(tmp_path):
    study.main(["--out", str(tmp_path), "--quick"])
    rows = _read(tmp_path / "concentration.csv")
    arms = {arm for group in study_report.GROUPS.values() for arm in group} | {"truth"}
    assert {row["arm"] for row in rows} == arms
    assert len(rows) == len(arms) * 2 * 2
    by_arm = {(row["arm"], row["bubbles_per_mm2"], row["seed"]): row for row in rows}
    assert float(by_arm["truth", "1.6", "31"]["jaccard"]) == 1
    # The more bubbles overlap, the fewer a plain detector tells apart.
    sparse, dense = (float(by_arm["peak S_R, tuned", level, "31"]["sensitivity"]) for level in ("0.2", "1.6"))
    assert sparse > 0.8 > dense
    page = (tmp_path / "concentration.md").read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"### compressed: {metric.title}" in page
    assert (tmp_path / "concentration.png").read_bytes()[:4] == b"\x89PNG"


def test_the_committed_study_is_whole_and_its_page_is_made_of_its_rows():
    rows = [_typed(row) for row in _read(DOCS / "concentration.csv")]
    arms = len({arm for group in study_report.GROUPS.values() for arm in group}) + 1
    levels = sum(len(condition.bubbles_per_mm2) for condition in study.FULL.conditions)
    assert len(rows) == arms * levels * len(study.FULL.seeds)
    page = (DOCS / "concentration.md").read_text(encoding="utf-8")
    for condition in study.FULL.conditions:
        for arm in ("truth", "peak S_R, tuned", "node, decoupled"):
            mine = [r.overlap for r in rows if (r.condition, r.arm) == (condition.name, arm)]
            first = np.mean(mine[: len(study.FULL.seeds)])
            line = next(line for line in _section(page, f"### {condition.name}: Overlap") if f"| {arm} |" in line)
            assert float(line.split("|")[2].split("±")[0]) == pytest.approx(first, abs=2e-3)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _typed(row: dict[str, str]) -> study.Row:
    words = {"condition", "arm"}
    return study.Row(**{name: value if name in words else float(value) for name, value in row.items()})


def _section(page: str, heading: str) -> list[str]:
    start = page.index(heading)
    end = page.find("\n### ", start + 1)
    return page[start : end if end > 0 else None].splitlines()
