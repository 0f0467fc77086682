"""The committed sample series: valid, marked as simulated, true, and made by the program beside them."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from algorithms.ulm_decoupling.phantom import SIMULATED

FOLDER = Path(__file__).resolve().parents[3] / "sample_dicom"
CONTRAST = FOLDER / "ulm_decoupling" / "ulm_phantom.dcm"
DUAL = FOLDER / "ulm_decoupling" / "ulm_dual_view.dcm"
STILL = FOLDER / "other" / "b_mode_still.dcm"
ALL = (CONTRAST, DUAL, STILL)


@pytest.fixture(scope="module")
def remade(tmp_path_factory) -> Path:
    """All samples, made anew."""
    spec = importlib.util.spec_from_file_location("sample_dicom_make", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    folder = tmp_path_factory.mktemp("samples")
    make.main(folder)
    return folder


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_program_makes_what_is_committed(path, remade):
    committed = pydicom.dcmread(path)
    anew = pydicom.dcmread(remade / path.relative_to(FOLDER))
    # Another numpy may round the last bit of a magnitude the other way: a grey value of one, here and there.
    difference = np.abs(committed.pixel_array.astype(int) - anew.pixel_array.astype(int))
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-3
    for ds in (committed, anew):
        del ds.PixelData
    assert committed == anew


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_judge_of_iods_finds_no_error(path, needs_program):
    program = needs_program("/usr/bin/dciodvfy")
    done = subprocess.run([program, "-new", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in done.stdout + done.stderr
    assert done.returncode == 0


def test_patient_and_study_agree(needs_program):
    program = needs_program("/usr/bin/dcentvfy")
    done = subprocess.run([program, *map(str, ALL)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_nobody_takes_it_for_a_patient_or_for_a_result(path):
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    assert ds.ImageComments == SIMULATED
    assert ds.QualityControlImage == "YES"
    assert str(ds.PatientName) == "SIMULATED^ULM"
    assert "ContributingEquipmentSequence" not in ds  # loop protection must not take it for our own output


@pytest.mark.parametrize("path", [CONTRAST, DUAL], ids=lambda path: path.stem)
def test_time_and_agent_are_in_the_header(path):
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    assert ds.FrameIncrementPointer == pydicom.tag.Tag("FrameTime")
    assert float(ds.FrameTime) * ds.CineRate == 1000
    agent = ds.ContrastBolusAgentSequence[0]
    assert (agent.CodeValue, agent.CodingSchemeDesignator) == ("125906", "DCM")
    assert ds.NumberOfFrames >= 50


def test_the_contrast_cine_is_one_calibrated_region():
    ds = pydicom.dcmread(CONTRAST, stop_before_pixels=True)
    (region,) = ds.SequenceOfUltrasoundRegions
    assert (region.RegionLocationMaxX1, region.RegionLocationMaxY1) == (ds.Columns - 1, ds.Rows - 1)
    assert region.PhysicalUnitsXDirection == region.PhysicalUnitsYDirection == 3
    assert region.PhysicalDeltaX == pytest.approx(0.01)


def test_the_dual_view_has_two_regions_and_only_the_right_one_is_tinted():
    ds = pydicom.dcmread(DUAL)
    tissue, contrast = ds.SequenceOfUltrasoundRegions
    assert tissue.RegionLocationMaxX1 < contrast.RegionLocationMinX0
    spread = []
    for region in (tissue, contrast):
        rows = slice(region.RegionLocationMinY0, region.RegionLocationMaxY1 + 1)
        columns = slice(region.RegionLocationMinX0, region.RegionLocationMaxX1 + 1)
        half = ds.pixel_array[:, rows, columns].astype(float)
        bright = half[half.max(-1) > 60]
        spread.append(np.mean((bright.max(-1) - bright.min(-1)) / bright.max(-1)))
    assert spread[0] < 0.1
    assert spread[1] > 0.5


@pytest.mark.parametrize("path", [CONTRAST, DUAL], ids=lambda path: path.stem)
def test_bubbles_are_where_the_truth_says(path):
    pixels = pydicom.dcmread(path).pixel_array
    grey = pixels.max(-1) if pixels.ndim == 4 else pixels
    with (FOLDER / "truth" / f"{path.stem}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    at = np.array([[int(r["frame"]), round(float(r["y_px"])), round(float(r["x_px"]))] for r in rows])
    assert np.median(grey[tuple(at.T)]) > 150
    shuffled = at[:, [0, 2, 1]] if grey.shape[1] == grey.shape[2] else at - [0, 0, 40]
    assert np.median(grey[tuple(shuffled.T)]) < 100
    assert at[:, 0].max() == len(pixels) - 1


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.dcm") if "ulm" in path.name) < 4e6
