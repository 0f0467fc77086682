"""DICOM in, DICOM and localisations.csv out: the samples, the semi-synthetic sequences, the real rat kidney."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.uid import RLELossless
from scipy.io import loadmat

from algorithms.ulm_decoupling.algorithm import UlmDecoupling
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.score import LocalisationScore, score_localisations
from dicom_node.cli import cli
from dicom_node.encode import EncodeJob
from dicom_node.errors import UnsuitableSeries
from dicom_node.run import RunOutcome, analyse

SAMPLES = Path(__file__).resolve().parents[3] / "sample_dicom"
ROLES = {
    "report", "segmentation", "density_map", "velocity_map", "decoupled", "density_picture", "velocity_picture",
    "tracks_picture",
}  # fmt: skip


def run(path: Path, out: Path, **options) -> RunOutcome:
    (out / "scratch").mkdir(parents=True)
    job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), options)
    return analyse(UlmDecoupling(Options(**options)), [path], job, out / "results", out / "scratch")


@pytest.fixture(scope="module")
def dual(tmp_path_factory) -> tuple[Path, RunOutcome]:
    out = tmp_path_factory.mktemp("dual")
    return out / "results", run(SAMPLES / "ulm_decoupling" / "ulm_dual_view.dcm", out)


def score_of(folder: Path, truth: Path, positions) -> LocalisationScore:
    return score_localisations(positions(folder / "localisations.csv"), positions(truth), 2.0)


def test_the_dual_view_is_localised_in_pixels_of_the_whole_picture(dual, positions):
    folder, outcome = dual
    score = score_of(folder, SAMPLES / "truth" / "ulm_dual_view.csv", positions)
    assert score.jaccard > 0.8  # 0.832 and 0.37 px when this was written
    assert score.rmse_px < 0.42
    assert outcome.summary["region_px"] == [124, 12, 211, 107]  # as sample_dicom/README.md says
    found = positions(folder / "localisations.csv")
    assert found[:, 1].min() > 123
    assert found[:, 1].max() < 212
    assert {entry.role for entry in outcome.objects} == ROLES


def test_the_dual_views_derived_series_is_calibrated_where_the_source_is(dual):
    folder, _ = dual
    made = pydicom.dcmread(folder / "decoupled.dcm")
    (region,) = made.SequenceOfUltrasoundRegions
    assert (made.Columns, made.Rows) == (88, 96)
    assert (region.RegionLocationMinX0, region.RegionLocationMinY0) == (0, 0)
    assert (region.RegionLocationMaxX1, region.RegionLocationMaxY1) == (87, 95)
    assert region.PhysicalDeltaX == pytest.approx(0.01)
    density = pydicom.dcmread(folder / "density_map.dcm", stop_before_pixels=True)
    assert list(density.PixelSpacing) == pytest.approx([0.02, 0.02])


def test_the_same_bytes_twice(dual, tmp_path):
    folder, _ = dual
    run(SAMPLES / "ulm_decoupling" / "ulm_dual_view.dcm", tmp_path)
    for path in sorted(folder.glob("*.dcm")) + sorted(folder.glob("*.csv")):
        again = tmp_path / "results" / path.name
        assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest(), path.name


def test_the_command_on_the_contrast_cine(tmp_path, positions):
    source = SAMPLES / "ulm_decoupling" / "ulm_phantom.dcm"
    done = CliRunner().invoke(cli, ["run", "ulm_decoupling", str(source), "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    score = score_of(tmp_path, SAMPLES / "truth" / "ulm_phantom.csv", positions)
    assert score.jaccard > 0.87  # 0.896 and 0.38 px when this was written
    assert score.rmse_px < 0.42
    summary = json.loads((tmp_path / "result.json").read_text())["summary"]
    assert summary["scale_lengths"] == [194, 186, 170, 138]
    assert summary["frames_out"] == 688
    made = pydicom.dcmread(tmp_path / "decoupled.dcm")
    assert (made.NumberOfFrames, made.Rows, made.Columns) == (688, 128, 128)
    true = positions(SAMPLES / "truth" / "ulm_phantom.csv")
    assert summary["bubbles_per_frame_mean"] == pytest.approx(len(true) / 201, rel=0.1)


def test_a_still_and_a_dual_view_in_grey_are_refused_with_what_to_do(tmp_path, us_multiframe, drawn):
    with pytest.raises(UnsuitableSeries, match="needs a contrast cine of >= 8 frames; got 1"):
        run(SAMPLES / "other" / "b_mode_still.dcm", tmp_path / "still")
    grey = us_multiframe(drawn.frames, tmp_path / "grey.dcm")
    ds = pydicom.dcmread(grey)
    source = pydicom.dcmread(SAMPLES / "ulm_decoupling" / "ulm_dual_view.dcm", stop_before_pixels=True)
    ds.SequenceOfUltrasoundRegions = source.SequenceOfUltrasoundRegions
    for region, x0 in zip(ds.SequenceOfUltrasoundRegions, (2, 38), strict=True):
        region.RegionLocationMinX0, region.RegionLocationMaxX1 = x0, x0 + 31
        region.RegionLocationMinY0, region.RegionLocationMaxY1 = 2, 50
    ds.save_as(grey)
    with pytest.raises(UnsuitableSeries, match="set option contrast_side to left or right"):
        run(grey, tmp_path / "auto")
    outcome = run(grey, tmp_path / "left", contrast_side="left")
    assert outcome.summary["region_px"] == [2, 2, 33, 50]


@pytest.mark.parametrize(
    ("name", "jaccard", "rmse_px"), [("dev_easy", 0.92, 0.26), ("dev_dense", 0.90, 0.36)], ids=["easy", "dense"]
)
def test_semi_synthetic_sequences_meet_the_figures(
    name, jaccard, rmse_px, needs_shared, us_multiframe, tmp_path, positions
):
    """Wrapped as US multi-frame without calibration or time, by the node's path, judged by its CSV."""
    data = needs_shared("data/ceus/semisynthetic")
    with np.load(data / f"{name}.npz") as archive:
        source = us_multiframe(archive["frames"], tmp_path / "source.dcm")
    outcome = run(source, tmp_path / "out", series=False)
    score = score_of(tmp_path / "out" / "results", data / f"{name}_positions.csv", positions)
    assert score.jaccard >= jaccard
    assert score.rmse_px <= rmse_px
    assert len(outcome.summary["missing"]) == 2
    assert outcome.summary["mean_speed_mm_per_s"] is None


def test_the_real_kidney_run_length_coded(needs_shared, us_multiframe, tmp_path):
    """No truth: bubbles in plausible numbers, on pixels that were bright once."""
    recorded = loadmat(needs_shared("data/ceus/real_rat_kidney/normal_rat_kidney_frame50.mat"))["normal_rat_kidney"]
    frames = np.rint(255 * np.moveaxis(recorded, 2, 0) / recorded.max()).astype(np.uint8)
    assert frames.shape == (50, 343, 230)
    elements = {"FrameTime": "10", "FrameIncrementPointer": pydicom.tag.Tag("FrameTime")}
    outcome = run(us_multiframe(frames, tmp_path / "source.dcm", RLELossless, **elements), tmp_path / "out")
    assert {entry.role for entry in outcome.objects} == ROLES
    assert outcome.summary["tracks"] > 100
    assert 20 < outcome.summary["bubbles_per_frame_mean"] < 400
    table = outcome.result.tables[0]
    x, y = (np.rint([row[i] for row in table.rows]).astype(int) for i in (2, 3))
    brightest = frames.max(axis=0)
    assert np.median(brightest[y, x]) > np.percentile(brightest, 90)


def test_nothing_found_encodes(us_multiframe, tmp_path):
    outcome = run(us_multiframe(np.full((20, 40, 50), 7, np.uint8), tmp_path / "source.dcm"), tmp_path / "out")
    assert outcome.content["nothing_found"]
    assert outcome.summary["localisations"] == 0
    assert "report" in {entry.role for entry in outcome.objects}
    assert (tmp_path / "out" / "results" / "localisations.csv").read_text().strip() == "frame,track,x_px,y_px,amplitude"
