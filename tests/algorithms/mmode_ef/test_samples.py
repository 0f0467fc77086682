"""The committed M-mode samples: valid, marked as simulated, small, true, and made by the program beside them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless

from algorithms.mmode_ef.phantom import SIMULATED
from dicom_node.series import RegionFormat
from sample_dicom import mmode
from sample_dicom.part10 import write

FOLDER = Path(mmode.__file__).parent
NAMES = ("mmode_phantom", "mmode_sweep")


def committed(name: str) -> pydicom.FileDataset:
    return pydicom.dcmread(FOLDER / "mmode_ef" / f"{name}.dcm")


def truth(name: str) -> dict:
    return json.loads((FOLDER / "truth" / f"{name}.json").read_text(encoding="utf-8"))


def m_mode_region(ds: pydicom.Dataset) -> pydicom.Dataset:
    (region,) = [r for r in ds.SequenceOfUltrasoundRegions if r.RegionSpatialFormat == RegionFormat.M_MODE]
    return region


@pytest.fixture(scope="module")
def remade(tmp_path_factory) -> Path:
    """Both samples and their truth, made anew."""
    folder = tmp_path_factory.mktemp("samples")
    for name, screen, ds in mmode.samples():
        write(ds, folder / f"{name}.dcm", JPEGLSLossless)
        mmode.write_truth(screen, ds, folder / f"{name}.json")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_program_makes_what_is_committed(name: str, remade: Path) -> None:
    old, new = committed(name), pydicom.dcmread(remade / f"{name}.dcm")
    region = m_mode_region(old)
    # The strip only: another OpenCV writes text with another font. Another numpy may round the last bit differently.
    rows = slice(region.RegionLocationMinY0, region.RegionLocationMaxY1 + 1)
    columns = slice(region.RegionLocationMinX0, region.RegionLocationMaxX1 + 1)
    strips = [ds.pixel_array[..., rows, columns, :].astype(int) for ds in (old, new)]
    assert np.mean(np.abs(strips[0] - strips[1]) > 2) < 1e-3
    assert truth(name) == json.loads((remade / f"{name}.json").read_text(encoding="utf-8"))
    for ds in (old, new):
        del ds.PixelData
    assert old == new


@pytest.mark.parametrize("name", NAMES)
def test_a_judge_of_iods_finds_no_error(name: str, needs_program) -> None:
    program = needs_program("/usr/bin/dciodvfy")
    path = str(FOLDER / "mmode_ef" / f"{name}.dcm")
    done = subprocess.run([program, "-new", path], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_it_says_that_it_is_simulated(name: str) -> None:
    ds = committed(name)
    assert ds.ImageComments == SIMULATED
    assert ds.QualityControlImage == "YES"
    assert str(ds.PatientName).startswith("SIMULATED^")


def test_both_together_are_small() -> None:
    assert sum((FOLDER / "mmode_ef" / f"{name}.dcm").stat().st_size for name in NAMES) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_lies_in_the_region_at_its_scale(name: str) -> None:
    ds, told = committed(name), truth(name)
    region = m_mode_region(ds)
    assert (region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection) == (4, 3)  # seconds, cm
    assert region.PhysicalDeltaX == pytest.approx(told["seconds_per_px"], abs=1e-6)
    assert region.PhysicalDeltaY * 10 == pytest.approx(told["mm_per_px"], abs=1e-6)
    whole = [cycle for cycle in told["cycles"] if cycle["complete"]]
    assert whole
    for cycle in whole:
        x0, y0, x1, y1 = cycle["box_px"]
        assert region.RegionLocationMinX0 <= x0 < x1 <= region.RegionLocationMaxX1
        assert region.RegionLocationMinY0 <= y0 < y1 <= region.RegionLocationMaxY1
        upper, lower = (cycle["points_px"][f"es_{wall}_inner"][1] for wall in ("upper", "lower"))
        assert (lower - upper) * told["mm_per_px"] == pytest.approx(cycle["values"]["lvids_mm"], abs=1e-3)


def test_the_sweep_fills_from_frame_to_frame() -> None:
    ds = committed("mmode_sweep")
    region = m_mode_region(ds)
    first, last = ds.pixel_array[:, region.RegionLocationMinY0 : region.RegionLocationMaxY1, :, 0]
    columns = np.arange(first.shape[1])
    inside = (columns >= region.RegionLocationMinX0) & (columns <= region.RegionLocationMaxX1)
    assert np.mean(first[:, inside].any(axis=0)) == pytest.approx(0.6, abs=0.02)
    assert np.mean(last[:, inside].any(axis=0)) == 1.0
