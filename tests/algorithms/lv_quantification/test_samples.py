"""The committed cine MR series: valid, marked as simulated, true, and made by the program beside them."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from algorithms.lv_quantification import planes
from algorithms.lv_quantification.phantom import SIMULATED, CineStudy, make_study
from algorithms.lv_quantification.stack import short_axis_stack
from dicom_node.errors import UnsuitableSeries
from dicom_node.load import load_series
from sample_dicom import cine_mr
from sample_dicom.part10 import write

FOLDER = Path(__file__).resolve().parents[3] / "sample_dicom"
FILES = sorted((FOLDER / "lv_quantification").glob("*.dcm"))
SMALL = replace(
    cine_mr.SHORT_AXIS, slices=2, frames=12, rows=64, columns=64, slice_spacing_mm=20.0, above_base_mm=-20.0
)


@pytest.fixture(scope="module")
def study() -> CineStudy:
    """The committed study, made anew."""
    return make_study(cine_mr.SHORT_AXIS)


@pytest.fixture(scope="module")
def small() -> CineStudy:
    return make_study(SMALL)


def judge(program: str, path: Path) -> None:
    done = subprocess.run([program, "-new", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.returncode == 0


def test_the_program_makes_what_is_committed(study):
    made = dict(cine_mr.classic(study, "lv_phantom"))
    assert sorted(made) == [path.name for path in FILES]
    different = 0
    for path in FILES[::9]:
        committed, anew = pydicom.dcmread(path), made[path.name]
        # Another numpy may round a magnitude the other way: a grey value of one, here and there.
        stored = np.frombuffer(anew.PixelData, "<u2").reshape(committed.Rows, committed.Columns)
        difference = np.abs(committed.pixel_array.astype(int) - stored)
        assert difference.max() <= 1
        different += int((difference > 0).sum())
        del committed.PixelData, anew.PixelData
        assert committed == _read_back(anew)
    assert different < 1e-3 * study.pixels.size


def _read_back(ds: Dataset) -> Dataset:
    """As a file holds it: decimal strings as numbers."""
    return Dataset.from_json(ds.to_json())


def test_the_truth_is_what_the_program_knows(study, tmp_path):
    cine_mr.write_truth(study, "lv_phantom", tmp_path)
    committed = json.loads((FOLDER / "truth" / "lv_phantom.json").read_text(encoding="utf-8"))
    assert committed == json.loads((tmp_path / "lv_phantom.json").read_text(encoding="utf-8"))
    assert (committed["ed_frame"], committed["es_frame"]) == (0, 7)
    assert committed["ef_percent"] == pytest.approx(100 * committed["sv_ml"] / committed["edv_ml"], abs=0.01)
    summed = committed["summed_volumes_ml"]
    assert summed[0] == pytest.approx(committed["edv_ml"], rel=0.03)
    assert summed[7] == pytest.approx(committed["esv_ml"], rel=0.05)


def test_each_row_of_the_truth_names_its_object_and_lies_on_its_blood():
    with (FOLDER / "truth" / "lv_phantom.csv").open(encoding="utf-8") as file:
        rows = {row["sop_instance_uid"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(FILES) == 160
    for path in FILES[45::13]:
        ds = pydicom.dcmread(path)
        row = rows[ds.SOPInstanceUID]
        assert float(row["time_ms"]) == pytest.approx(float(ds.TriggerTime), abs=0.05)
        if float(row["cavity_area_mm2"]) > 400:
            x, y = round(float(row["centre_x_px"])), round(float(row["centre_y_px"]))
            assert ds.pixel_array[y, x] > 250


@pytest.mark.parametrize("index", [0, 67, 159])
def test_a_judge_of_iods_finds_no_error(index, needs_program):
    judge(needs_program("/usr/bin/dciodvfy"), FILES[index])


def test_patient_study_and_series_agree(needs_program):
    program = needs_program("/usr/bin/dcentvfy")
    done = subprocess.run([program, *map(str, FILES)], capture_output=True, text=True, timeout=60, check=False)
    assert "Error" not in done.stdout + done.stderr


def test_nobody_takes_it_for_a_patient_or_for_a_result():
    for path in FILES[::40]:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert ds.ImageComments == SIMULATED
        assert ds.QualityControlImage == "YES"
        assert "SIMULATED" in ds.ImageType
        assert "(simulated)" in ds.SeriesDescription
        assert str(ds.PatientName) == "SIMULATED^LV"
        assert "ContributingEquipmentSequence" not in ds  # loop protection must not take it for our own output


def test_the_node_loads_it_as_a_short_axis_stack(study, tmp_path):
    stack = short_axis_stack(load_series(FILES, tmp_path))
    assert (len(stack.slices), stack.frame_count) == (8, 20)
    assert (stack.spacing.row_mm, stack.spacing.column_mm, stack.thickness_mm) == (1.7, 1.7, 8.0)
    assert stack.spacing_between_mm == pytest.approx(12.0, abs=1e-3)
    assert stack.rr_ms == pytest.approx(860.0)
    assert stack.anchor_deg == pytest.approx(0, abs=0.1)
    assert not stack.mirrored
    for k, picture in enumerate(stack.pictures()):  # base first
        np.testing.assert_allclose(picture, study.pixels[k], atol=1)


def test_a_turned_picture_lies_turned_in_the_patient(tmp_path):
    study = make_study(replace(SMALL, turned_degrees=25.0))
    paths = _written(study, tmp_path)
    stack = short_axis_stack(load_series(paths, tmp_path))
    assert stack.anchor_deg == pytest.approx(25.0, abs=0.1)


def test_the_long_axis_lies_along_the_axis_and_is_refused(tmp_path):
    study = make_study(replace(SMALL, slices=1, view="long_axis", above_base_mm=5.0))
    series = load_series(_written(study, tmp_path), tmp_path)
    assert planes.tilt_deg(series.volumes[0].frames[0].plane) > 80
    with pytest.raises(UnsuitableSeries, match="short-axis"):
        short_axis_stack(series)


def test_the_enhanced_variant_is_valid_and_the_same_stack(small, tmp_path, needs_program):
    path = tmp_path / "enhanced.dcm"
    write(cine_mr.enhanced(small, "small"), path)
    judge(needs_program("/usr/bin/dciodvfy"), path)
    one = short_axis_stack(load_series([path], tmp_path))
    (tmp_path / "classic").mkdir()
    other = short_axis_stack(load_series(_written(small, tmp_path / "classic"), tmp_path))
    for enhanced, classic in zip(one.slices, other.slices, strict=True):
        np.testing.assert_array_equal(enhanced.volume.read(), classic.volume.read())
        assert enhanced.times_ms == pytest.approx(classic.times_ms)
    assert one.spacing_between_mm == pytest.approx(other.spacing_between_mm)


def test_the_series_stays_small():
    assert sum(path.stat().st_size for path in FILES) < 3e6


def _written(study: CineStudy, folder: Path) -> list[Path]:
    paths = []
    for name, ds in cine_mr.classic(study, "written"):
        write(ds, folder / name)
        paths.append(folder / name)
    return paths
