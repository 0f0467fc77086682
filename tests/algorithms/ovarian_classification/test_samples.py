"""The committed pelvic examinations: valid, marked as simulated, true, and made by the program beside them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.phantom import LABELS, SIMULATED
from dicom_node.load import load_series
from dicom_node.series import RegionData
from sample_dicom import pelvis

FOLDER = Path(__file__).resolve().parents[3] / "sample_dicom"
FILES = sorted((FOLDER / "ovarian_classification").glob("*.dcm"))


def _truth(path: Path) -> dict:
    return json.loads((FOLDER / "truth" / f"{path.stem}.json").read_text(encoding="utf-8"))


def test_every_object_says_that_it_is_simulated_and_what_it_shows() -> None:
    ages = {}
    for path in FILES:
        ds = pydicom.dcmread(path)
        assert ds.ImageComments == SIMULATED
        assert ds.QualityControlImage == "YES"
        assert ds.PatientName.family_name == "SIMULATED"
        assert (ds.Modality, ds.BodyPartExamined, ds.PatientSex) == ("US", "PELVIS", "F")
        assert ds.StudyDescription.startswith("Pelvic")
        assert ds.SOPInstanceUID == _truth(path)["sop_instance_uid"]
        ages.setdefault(ds.StudyInstanceUID, set()).add(ds.PatientAge)
    assert sorted(map(sorted, ages.values())) == [["034Y"], ["061Y"]]
    assert sum(path.stat().st_size for path in FILES) < 2e6


def test_the_program_makes_what_is_committed() -> None:
    numbers: Counter[str] = Counter()
    names = []
    for sample in pelvis.samples():
        numbers[sample.examination.name] += 1
        names.append(sample.name)
        committed = pydicom.dcmread(FOLDER / "ovarian_classification" / f"{sample.name}.dcm")
        anew = pelvis.image(sample, numbers[sample.examination.name])
        before = np.frombuffer(anew.PixelData, np.uint8)[: committed.pixel_array.size]
        # Another numpy or OpenCV may round the other way, here and there.
        differences = np.abs(committed.pixel_array.ravel().astype(int) - before)
        assert (differences > 2).mean() < 1e-3
        del committed.PixelData, anew.PixelData
        assert committed.to_json_dict() == anew.to_json_dict()
    assert sorted(names) == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_loader_reads_pixels_and_regions(path: Path, tmp_path: Path) -> None:
    (volume,) = load_series([path], tmp_path).volumes
    truth = _truth(path)
    assert len(volume.frames) == len(truth["outline_px"])
    tissue = [region for region in volume.regions if region.data is RegionData.TISSUE]
    if truth["labels"]["three_d"]:
        assert not volume.regions
        return
    (region,) = tissue
    assert 10 * region.delta_x == pytest.approx(truth["mm_per_px"], abs=1e-4)
    flow = [one for one in volume.regions if one.data is RegionData.COLOR_FLOW]
    assert bool(flow) == truth["labels"]["blood_flow"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_truth_fits_the_picture(path: Path) -> None:
    truth = _truth(path)
    assert set(truth["labels"]) == set(LABELS)
    assert truth["category"] in (None, *CLASSES)
    ds = pydicom.dcmread(path)
    outlined = [line for line in truth["outline_px"] if line]
    assert bool(outlined) == (truth["labels"]["adnexa"] and not truth["labels"]["three_d"])
    for line in outlined:
        points = np.array(line)
        assert (points >= 0).all()
        assert (points < (ds.Columns, ds.Rows)).all()
        assert cv2.contourArea(points.astype(np.int32)) > 0.004 * ds.Rows * ds.Columns


def test_the_mass_holds_solid_and_fluid_and_a_normal_ovary_is_small() -> None:
    """What a sonographer tells by: solid tissue beside fluid inside one outline; an ovary is 2 to 5 cm long."""
    for name in ("mass_long", "mass_across", "mass_wall"):
        path = FOLDER / "ovarian_classification" / f"{name}.dcm"
        grey = pydicom.dcmread(path).pixel_array
        mask = np.zeros(grey.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.array(_truth(path)["outline_px"][0], np.int32)], 1)
        smooth = cv2.blur(grey if grey.ndim == 2 else grey[..., 1], (7, 7))[mask > 0]
        assert np.quantile(smooth, 0.1) < 0.4 * np.quantile(smooth, 0.8)
    for name in ("pelvis_right_ovary", "pelvis_left_ovary", "mass_other_side"):
        truth = _truth(FOLDER / "ovarian_classification" / f"{name}.dcm")
        (_, (one, other), _) = cv2.minAreaRect(np.array(truth["outline_px"][0], np.float32))
        assert 15 < max(one, other) * truth["mm_per_px"] < 50
