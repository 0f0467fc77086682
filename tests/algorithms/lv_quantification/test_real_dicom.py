"""Files of SC-HF-I-1 (GE, classic) through the node's own loader and encoders, with rings in place of the networks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.options import Options
from dicom_node.encode import EncodeJob
from dicom_node.errors import UnsuitableSeries
from dicom_node.load import load_series
from dicom_node.run import RunOutcome, analyse

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")  # UIDs with leading zeros, dates of a month 0

RADII = (24.0, 20.0, 13.0)


@pytest.fixture
def slices(needs_shared):
    """A function: numbers of slices, 0 ... 11 -> their files. A slice is 20 files that follow each other."""
    folder = needs_shared("data/lv/sunnybrook_dicom/SC-HF-I-1/dicom")

    def slices(*numbers: int) -> list[Path]:
        return [folder / f"{20 * number + frame}.dcm" for number in numbers for frame in range(1, 21)]

    return slices


@pytest.fixture
def run(rings, tmp_path):
    """A function: files and radii -> what a run leaves."""

    def run(paths, radii=RADII) -> RunOutcome:
        (tmp_path / "scratch").mkdir()
        job = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {})
        options = Options(report_frames="ed_es")
        estimator = rings(radii, centre_px=(130, 135))
        return analyse(LvQuantification(options, estimator), paths, job, tmp_path / "out", tmp_path / "scratch")

    return run


def test_three_slices(slices, run, tmp_path):
    paths = slices(3, 4, 5)
    outcome = run(paths[::-1])
    summary = json.loads((tmp_path / "out" / "result.json").read_text())["summary"]
    assert summary["slice_spacing_mm"] == pytest.approx(10, abs=0.01)
    assert summary["row_spacing_mm"] == pytest.approx(1.367188)
    assert 700 < summary["rr_ms"] < 800
    assert summary["anchor_deg"] == pytest.approx(90, abs=15)  # in the picture the right ventricle lies below
    edv = sum(np.pi * radius**2 for radius in RADII) / 100
    assert summary["edv_ml"] == pytest.approx(edv, rel=0.02)
    assert len(summary["frames"]) == 60
    heads = {str(head.SOPInstanceUID): head for head in map(_place, paths[::20])}
    heights = [heads[one["sop_instance_uid"]].ImagePositionPatient[2] for one in summary["frames"][::20]]
    assert heights == sorted(heights, reverse=True)  # the base lies nearer to the head than the apex
    assert {entry.role for entry in outcome.objects} == {
        "report", "segmentation", "contours_picture", "curve_picture", "bullseye_picture", "key_objects",
    }  # fmt: skip
    assert {path.name for path in (tmp_path / "out").glob("*.csv")} == {"indices.csv", "volumes.csv"}


def test_segmentation_and_contours_name_their_frames(slices, run):
    paths = slices(4)
    outcome = run(paths, (22.0,))
    made = {entry.role: pydicom.dcmread(entry.path) for entry in outcome.objects}
    segmentation = made["segmentation"]
    assert [str(one.SegmentLabel) for one in segmentation.SegmentSequence] == [
        "Left ventricle cavity",
        "Left ventricle myocardium",
    ]
    assert segmentation.NumberOfFrames == 40
    times = [
        int(item.FrameContentSequence[0].TemporalPositionIndex)
        for item in segmentation.PerFrameFunctionalGroupsSequence
    ]
    assert times == [*range(1, 21), *range(1, 21)]
    named = [
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for item in segmentation.PerFrameFunctionalGroupsSequence
    ]
    assert named[:20] == [str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in paths]
    cavity = segmentation.pixel_array[19]
    assert np.count_nonzero(cavity) * 1.367188**2 == pytest.approx(np.pi * 22**2, rel=0.02)
    cine = made["contours_picture"]
    assert cine.NumberOfFrames == 20
    assert 35 < cine.FrameTime < 42


def test_a_file_that_is_missing_makes_it_unsuitable(slices, run, tmp_path):
    with pytest.raises(UnsuitableSeries, match="19 frames where the header has CardiacNumberOfImages 20"):
        run(slices(4)[:-1], (22.0,))
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == "unsuitable"


def test_promised_images_of_the_cycle_are_read(slices, tmp_path):
    (volume,) = load_series(slices(4), tmp_path).volumes
    assert volume.cardiac_images == 20


def _place(path):
    return pydicom.dcmread(path, specific_tags=["SOPInstanceUID", "ImagePositionPatient"])
