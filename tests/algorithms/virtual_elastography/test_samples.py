"""The committed thyroid study: valid, marked as simulated, true, and made by the program beside it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from algorithms.virtual_elastography.phantom import SIMULATED
from dicom_node.load import load_series
from sample_dicom import thyroid

FOLDER = Path(__file__).resolve().parents[3] / "sample_dicom"
FILES = sorted((FOLDER / "virtual_elastography").glob("*.dcm"))


def _truth(path: Path) -> dict:
    return json.loads((FOLDER / "truth" / f"{path.stem}.json").read_text(encoding="utf-8"))


def _lesion(path: Path, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    return cv2.fillPoly(mask, [np.array(_truth(path)["lesion_px"], np.int32)], 1) > 0


def test_every_object_says_that_it_is_simulated_and_what_it_shows() -> None:
    assert [path.stem for path in FILES] == ["thyroid_soft", "thyroid_stiff"]
    for path in FILES:
        ds = pydicom.dcmread(path)
        assert ds.ImageComments == SIMULATED
        assert ds.QualityControlImage == "YES"
        assert ds.PatientName.family_name == "SIMULATED"
        assert (ds.Modality, ds.BodyPartExamined) == ("US", "THYROID")
        assert ds.SOPInstanceUID == _truth(path)["sop_instance_uid"]


def test_the_program_makes_what_is_committed() -> None:
    for number, sample in enumerate(thyroid.samples(), start=1):
        committed = pydicom.dcmread(FOLDER / "virtual_elastography" / f"{sample.name}.dcm")
        anew = thyroid.image(sample, number)
        # Another numpy or solver may round the other way, here and there.
        differences = np.abs(committed.pixel_array.astype(int) - sample.pixels)
        assert (differences > 2).mean() < 1e-3
        del committed.PixelData, anew.PixelData
        assert committed.to_json_dict() == anew.to_json_dict()


def test_the_truth_is_what_the_program_knows(tmp_path: Path) -> None:
    sample = next(thyroid.samples())
    thyroid.write_truth(sample, tmp_path / "truth.json")
    anew = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    committed = json.loads((FOLDER / "truth" / f"{sample.name}.json").read_text(encoding="utf-8"))
    assert {**anew, "lesion_px": 0} == {**committed, "lesion_px": 0}
    assert anew["contrast"].startswith("stiffer")
    assert anew["stiffness_ratio"] >= 2


def test_the_outline_lies_in_the_region_and_around_what_is_seen() -> None:
    """The stiff nodule is darker than what lies around it, the soft one shows black holes."""
    for path in FILES:
        pixels = pydicom.dcmread(path).pixel_array
        grey = pixels[..., 0] if pixels.ndim == 3 else pixels
        lesion = _lesion(path, grey.shape)
        wider = cv2.dilate(lesion.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
        x0, y0, x1, y1 = _truth(path)["region_px"]
        region = np.zeros_like(lesion)
        region[y0 : y1 + 1, x0 : x1 + 1] = True
        assert (lesion & ~region).sum() == 0
        assert grey[lesion].mean() < grey[wider & ~lesion].mean() - 5
        assert region.all() or grey[~region].mean() < 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_loads_with_its_region_and_is_valid(path: Path, tmp_path: Path, needs_program) -> None:
    series = load_series([path], tmp_path)
    region = series.volumes[0].regions[0]
    assert (region.x0, region.y0, region.x1, region.y1) == tuple(_truth(path)["region_px"])
    program = needs_program("/usr/bin/dciodvfy")
    done = subprocess.run([program, "-new", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.returncode == 0
