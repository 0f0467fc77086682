"""evaluate on a small folder, with networks that see right: who is asked for whom, and figures by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pydicom
import pytest
from PIL import Image

from algorithms.lv_quantification.evaluate import evaluate
from dicom_node.algorithm import Workbench
from dicom_node.errors import UsageError

RADII = (24.0, 22.0, 18.0)
TENTH_TOO_LARGE = (1.1,) * 5


@pytest.fixture
def judge(collection, load):
    """A function: models -> report on the collection; ``told`` gets what progress was told."""

    def run(models, told=None):
        progress = (lambda fraction, doing: told.append((fraction, doing))) if told is not None else lambda *_: None
        return evaluate(collection.root, Workbench(load, models, progress=progress))

    return run


def test_each_patient_by_networks_that_never_saw_it(collection, judge, grey_seers):
    collection.dicom("SC-X-1", RADII)
    collection.png("SC-X-01", {4: 20.0})  # the same patient: read once, as DICOM
    collection.png("SC-Y-03", {4: 20.0, 10: 26.0})
    collection.png("SC-Z-1", {4: 20.0, 10: 26.0})
    models, told = grey_seers(held_out={"SC-X-1": 2, "SC-Y-3": 5, "SC-ELSEWHERE-1": 1}), []
    report = judge(models, told)
    assert models.asked[:4] == ["finder_2", "dla_2", "finder_5", "dla_5"]
    assert sorted(models.asked[4:]) == sorted(
        f"{kind}_{number}" for kind in ("finder", "dla") for number in range(1, 6)
    )
    judged_by = {one["patient"]: one["judged_by"] for one in report.values["patients"]}
    assert judged_by == {
        "SC-X-1": "network 2, which never saw this patient",
        "SC-Y-3": "network 5, which never saw this patient",
        "SC-Z-1": "all five",
    }
    assert any(
        note.startswith("3 patients: 2 judged by the one network") and "1 by all five" in note for note in report.notes
    )
    assert [doing for _, doing in told] == ["SC-X-1", "SC-Y-3", "SC-Z-1"]
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)


def test_figures_of_networks_that_are_a_tenth_too_large(collection, judge, grey_seers):
    """Their masks are right; what they regress is ten percent off, and reported is the weighted mean (reported.py)."""
    collection.dicom("SC-X-1", [*RADII, 0.0])
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0, 24: 22.0})
    report = judge(grey_seers(factors=TENTH_TOO_LARGE))
    values = report.values
    assert values["endocardium_dice_mean"]["value"] > 0.96
    assert values["endocardium_dice_mean"]["n"] == 6 + 3
    assert values["endocardium_dice_mean"]["patients"] == 2
    assert values["ventricle_found_percent"] == {
        "value": 100.0, "low": 100.0, "high": 100.0, "unit": "%", "n": 3 + 2, "patients": 2, "wanted": ">= 98",
    }  # fmt: skip
    assert values["slices_without_ventricle_left_out_percent"]["n"] == 1
    assert values["slices_without_ventricle_left_out_percent"]["value"] == 100.0
    assert values["cavity_area_error_percent"]["value"] == pytest.approx(0.25 * 10.0, abs=1.5)
    assert values["cavity_area_error_regressed_percent"]["value"] == pytest.approx(10.0, abs=2.5)
    assert values["cavity_area_error_from_masks_percent"]["value"] < 3.0
    # of three end-diastolic slices with an epicardium: walls of 9 mm, cavities of 48, 44, 36 mm
    assert values["wall_thickness_error_mm"]["n"] == values["diameter_error_mm"]["n"] == 3
    assert values["wall_thickness_error_mm"]["value"] == pytest.approx(0.5 * 0.9, abs=0.4)
    assert values["diameter_error_regressed_mm"]["value"] == pytest.approx(0.1 * np.mean([48, 44, 36]), abs=1.0)
    assert values["diameter_error_mm"]["value"] == pytest.approx(0.025 * np.mean([48, 44, 36]), abs=0.7)
    assert values["diameter_error_from_masks_mm"]["value"] < 1.0
    assert values["cavity_area_error_mm2"]["n"] == 6
    areas = [np.pi * (radius * factor) ** 2 for radius in RADII for factor in (1.0, 0.7)]
    assert values["cavity_area_error_mm2"]["value"] == pytest.approx(0.025 * np.mean(areas), rel=0.6)
    assert values["epicardium_dice_mean"]["value"] > 0.96
    assert values["end_systole_within_one_frame_percent"]["value"] == 100.0
    assert values["phase_error_percent"]["value"] == 0.0
    edv = sum(np.pi * radius**2 for radius in RADII) / 100.0
    assert values["edv_error_ml"]["value"] == pytest.approx(0.025 * edv, rel=0.8)
    assert values["ef_error_percent"]["value"] == pytest.approx(0.0, abs=1.5)
    assert [row["figure"] for row in report.rows] == [
        name for name in values if name not in ("patients", "left_out", "notes")
    ]
    assert next(row for row in report.rows if row["figure"] == "cavity_area_error_percent")["wanted"] == "<= 8"


def test_pictures_without_a_header_give_ratios_only(collection, judge, grey_seers):
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})
    values = judge(grey_seers()).values
    assert values["cavity_area_error_percent"]["value"] < 4.0
    assert values["cavity_area_error_percent"]["low"] is None  # one patient
    assert not [name for name in values if name.endswith(("_mm", "_mm2", "_ml"))]


def test_a_patient_whom_the_node_refuses_counts_as_not_found(collection, judge, grey_seers):
    """Nothing in sight on any picture of the study; the other patient is judged all the same."""
    collection.dicom("SC-X-1", RADII)
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})

    class Blind(grey_seers):
        def open(self, name):
            seer = super().open(name)
            return Nothing(seer) if name.endswith("2") else seer

    class Nothing:
        def __init__(self, seer):
            self.info, self._seer = seer.info, seer

        def run(self, inputs):
            return {name: np.full_like(value, -8.0) for name, value in self._seer.run(inputs).items()}

    report = judge(Blind(held_out={"SC-X-1": 2, "SC-Y-1": 3}))
    assert report.values["ventricle_found_percent"]["value"] == pytest.approx(100.0 * 1 / 4)
    by_patient = {one["patient"]: one for one in report.values["patients"]}
    assert by_patient["SC-X-1"]["endocardium_dice_mean"] == 0.0
    assert by_patient["SC-X-1"]["cavity_area_error_percent"] == pytest.approx(100.0)
    assert by_patient["SC-Y-1"]["endocardium_dice_mean"] > 0.95
    assert any("SC-X-1 is refused, and counts as not found: needs a left ventricle in sight" in n for n in report.notes)


def test_a_frame_without_a_cavity_counts_whole(collection, judge, grey_seers):
    """The apex is taken for closed at end-systole: Dice 0, its whole area is missing, and no length is told."""
    collection.dicom("SC-X-1", [24.0, 22.0, 11.0])

    class Closing(grey_seers):
        def open(self, name):
            return Closed(super().open(name))

    class Closed:
        def __init__(self, seer):
            self.info, self._seer = seer.info, seer

        def run(self, inputs):
            given = self._seer.run(inputs)
            if "masks" in given:
                small = (given["masks"][:, 0] > 0).sum(axis=(1, 2)) < np.pi * 9.5**2
                given["masks"][small, 0] = -8.0
            return given

    values = judge(Closing()).values
    truth = [np.pi * (radius * factor) ** 2 for radius in (24, 22, 11) for factor in (1.0, 0.7)]
    missing = truth[-1]
    assert values["ventricle_found_percent"]["value"] == 100.0
    assert values["endocardium_dice_mean"]["value"] == pytest.approx(5 / 6, abs=0.03)
    assert values["cavity_area_error_percent"]["value"] == pytest.approx(100 * missing / sum(truth), abs=4.0)
    assert values["cavity_area_error_mm2"]["n"] == 6
    assert values["wall_thickness_error_mm"]["n"] == 3


def test_pictures_in_which_the_expert_saw_no_cavity(collection, judge, grey_seers):
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0, 24: 0.0, 30: 0.0})
    for number in (24, 30):
        blank = Image.fromarray(np.full((256, 256), 25, np.uint8))
        blank.save(collection.root / f"png/images/SC-Y-1-IM-0001-{number:04d}.png")
    values = judge(grey_seers()).values
    assert values["endocardium_dice_mean"]["n"] == 2
    assert values["slices_without_ventricle_left_out_percent"]["value"] == 100.0
    assert values["slices_without_ventricle_left_out_percent"]["n"] == 1


def test_what_is_no_short_axis_study_is_named(collection, judge, grey_seers):
    folder = collection.dicom("SC-X-1", RADII)
    for number in range(1, 31):
        if (number - 1) % 10 not in (4, 9):
            (folder / "dicom" / f"{number}.dcm").unlink()
    report = judge(grey_seers())
    assert report.values["endocardium_dice_mean"]["value"] == 0.0
    assert report.values["ventricle_found_percent"]["value"] == 0.0
    assert any(note.startswith("SC-X-1 is refused, and counts as not found: ") for note in report.notes)


@pytest.mark.parametrize("first", [1, 31])
def test_contours_outside_the_measured_stack_count_as_not_found(collection, judge, grey_seers, first):
    """A slice of another series and frame of reference, which the node leaves out, with its contours."""
    folder = collection.dicom("SC-X-1", [24.0, 22.0, 18.0, 14.0])
    for number in range(first, first + 10):
        path = folder / "dicom" / f"{number}.dcm"
        header = pydicom.dcmread(path)
        header.SeriesInstanceUID, header.FrameOfReferenceUID = "1.2.3.5", "1.10"
        header.save_as(path)
    report = judge(grey_seers())
    assert report.values["endocardium_dice_mean"]["n"] == 8
    assert report.values["ventricle_found_percent"]["value"] == pytest.approx(75.0)
    assert report.values["endocardium_dice_mean"]["value"] < 0.76
    told = "SC-X-1: 2 contour(s) lie outside the stack that is measured, and count as not found"
    assert told in report.notes
    assert told in report.values["notes"]


def test_a_patient_that_cannot_be_read_counts_as_not_found(collection, judge, grey_seers):
    """Two studies in one folder: the others are judged all the same."""
    folder = collection.dicom("SC-X-1", RADII)
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})
    header = pydicom.dcmread(folder / "dicom" / "7.dcm")
    header.StudyInstanceUID = "1.2.4"
    header.save_as(folder / "dicom" / "7.dcm")
    report = judge(grey_seers())
    by_patient = {one["patient"]: one for one in report.values["patients"]}
    assert (by_patient["SC-X-1"]["frames"], by_patient["SC-X-1"]["endocardium_dice_mean"]) == (6, 0.0)
    assert by_patient["SC-X-1"]["cavity_area_error_percent"] == pytest.approx(100.0)
    assert by_patient["SC-Y-1"]["endocardium_dice_mean"] > 0.95
    assert report.values["left_out"] == []
    assert any(note.startswith("SC-X-1 cannot be read, and counts as not found: ") for note in report.notes)


def test_a_slice_with_an_epicardium_only_is_neither_found_nor_left_out(collection, judge, grey_seers):
    folder = collection.dicom("SC-X-1", [*RADII, 0.0])
    collection.contour("SC-X-1", 40, "o", 12.0)
    values = judge(grey_seers()).values
    assert "slices_without_ventricle_left_out_percent" not in values
    assert values["endocardium_dice_mean"]["n"] == 6
    (folder / "contours" / "IM-0001-0040-ocontour-manual.txt").unlink()
    assert judge(grey_seers()).values["slices_without_ventricle_left_out_percent"]["n"] == 1


def test_files_that_are_passed_over_are_told(collection, judge, grey_seers):
    folder = collection.dicom("SC-X-1", RADII)
    (folder / "contours" / "IM-0001-0005-icontour-auto.txt").write_text("1 2")
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})
    (collection.root / "png/endocardium/SC-Y-1-IM-0001-0004.png").unlink()
    notes = judge(grey_seers()).notes
    assert "SC-X-1: 1 file(s) in contours passed over, such as IM-0001-0005-icontour-auto.txt" in notes
    assert any(
        note.startswith("1 picture(s) in images passed over") and "SC-Y-1-IM-0001-0004.png" in note for note in notes
    )


def test_a_misplaced_patient_is_left_out_by_its_masks_only(collection, judge, grey_seers):
    collection.png("SC-N-06", {4: 20.0, 10: 26.0})
    collection.png("SC-Y-1", {4: 20.0, 10: 26.0})
    report = judge(grey_seers())
    assert [one["patient"] for one in report.values["left_out"]] == ["SC-N-6"]
    assert report.values["endocardium_dice_mean"]["n"] == 2
    collection.dicom("SC-N-6", RADII)
    report = judge(grey_seers())
    assert report.values["left_out"] == []
    assert report.values["endocardium_dice_mean"]["n"] == 8


def test_the_seed_draws_the_intervals(collection, load, grey_seers):
    for number, radius in enumerate((16.0, 18.0, 20.0, 22.0, 24.0, 26.0)):
        collection.png(f"SC-Y-{number}", {4: radius, 10: radius + 3.0})

    def ends(seed):
        bench = Workbench(load, grey_seers(factors=TENTH_TOO_LARGE), seed=seed)
        values = evaluate(collection.root, bench).values
        return [(one["low"], one["high"]) for one in values.values() if isinstance(one, dict)]

    assert ends(0) == ends(0)
    assert ends(0) != ends(1)


def test_an_empty_folder(tmp_path, load, grey_seers):
    with pytest.raises(UsageError, match="no short-axis pictures with contours"):
        evaluate(tmp_path, Workbench(load, grey_seers()))


WITHOUT_TORCH = """
import sys
class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "monai", "sklearn", "onnx", "onnxscript", "tomli_w"}:
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Barred())
from pathlib import Path
from algorithms.lv_quantification.evaluate import evaluate
from dicom_node.algorithm import Workbench
from dicom_node.errors import UsageError
try:
    evaluate(Path(sys.argv[1]), Workbench(None, type("M", (), {"card": lambda self, name: {}})()))
except UsageError as error:
    print(error)
"""


def test_it_runs_where_torch_is_not_installed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no short-axis pictures" in done.stdout
