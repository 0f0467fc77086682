"""Files in, files out: what a run leaves in its folder, and what is left when it does not succeed."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
from PIL import Image

from dicom_node.codes import MILLIMETRE, local
from dicom_node.encode import EncodeJob
from dicom_node.errors import AlgorithmFailed, InvalidResult, StorageError, UnsuitableSeries, UsageError
from dicom_node.previews import write_previews
from dicom_node.result import AnalysisResult, Picture, ScalarMap
from dicom_node.run import analyse, dicom_files
from dicom_node.series import ArrayPixels, FrameRef
from dicom_node.testing import Arithmetic, ArithmeticOptions, Misbehaving, MisbehavingOptions

STILL = Path(__file__).resolve().parents[1] / "sample_dicom" / "other" / "b_mode_still.dcm"
JOB = EncodeJob(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), UUID(int=7), {"factor": 2.0})


@pytest.fixture
def run(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(algorithm=None, out="out", paths=(STILL,), progress=lambda fraction, doing: None):
        algorithm = algorithm or Arithmetic(ArithmeticOptions(factor=2.0))
        return analyse(algorithm, paths, JOB, tmp_path / out, scratch, progress)

    return run


def _pixels(png: Path) -> np.ndarray:
    with Image.open(png) as picture:
        return np.asarray(picture)


def test_everything_is_there_and_result_json_tells_of_it(run, tmp_path):
    outcome = run()
    source = pydicom.dcmread(STILL)
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    assert content == json.loads(json.dumps(outcome.content))
    assert (content["status"], content["algorithm"], content["version"]) == ("done", "fake_arithmetic", "1.0")
    assert content["models"] == []
    assert content["source"] == {
        "study": source.StudyInstanceUID,
        "series": [source.SeriesInstanceUID],
        "instances": [source.SOPInstanceUID],
    }
    mean = float(source.pixel_array.mean()) * 2
    assert content["summary"]["mean_value"] == pytest.approx(mean)
    measurement = content["measurement_groups"][0]["measurements"][0]
    assert measurement["value"] == pytest.approx(mean)
    assert (measurement["name"], measurement["unit"]) == ("Mean pixel value", "1")
    assert measurement["code"] == {"value": "MEAN", "scheme": "99DICOMNODE", "meaning": "Mean pixel value"}
    assert content["notes"][-1] == "made for a test"
    for entry in content["objects"]:
        made = pydicom.dcmread(tmp_path / "out" / entry["file"])
        assert made.SOPInstanceUID == entry["sop_instance_uid"]
        assert made.SOPClassUID == entry["sop_class"]
        assert made.SOPClassUID.name == entry["sop_class_name"]
        assert made.StudyInstanceUID == source.StudyInstanceUID
    assert {entry["role"] for entry in content["objects"]} == {"report", "mean_colour"}
    timings = content["timings_s"]
    assert timings["load"] + timings["algorithm"] + timings["encode"] <= timings["total"] + 0.001
    rows = list(csv.reader((tmp_path / "out" / "means.csv").read_text().splitlines()))
    assert rows[0] == ["frame", "mean"]
    assert float(rows[1][1]) == pytest.approx(mean / 2)
    green = _pixels(tmp_path / "out" / "preview" / "mean-colour.png")
    assert (green[:16, :16, 1] == min(int(mean), 255)).all()
    assert green[16:].max() > 200  # letters: the still is simulated, and says so wherever it is shown
    assert content["statements"] == ["Simulated image, not from a patient"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["preview", "result.json", "means.csv", "report.dcm", "mean_colour.dcm"]
    )
    assert all(entry.path.exists() for entry in outcome.objects)


def test_the_same_work_gives_the_same_bytes(run, tmp_path):
    run(out="one")
    run(out="two")
    for path in (tmp_path / "one").glob("*.dcm"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_progress_runs_forward_through_all_parts(run):
    told = []
    run(progress=lambda fraction, doing: told.append((fraction, doing)))
    assert [doing for _, doing in told] == ["loading", "adding", "encoding", "done"]
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert (told[0][0], told[-1][0]) == (0.0, 1.0)


def test_unsuitable_input_is_told_in_result_json_too(run, tmp_path):
    run()  # an earlier result in the same folder must not speak for this one
    with pytest.raises(UnsuitableSeries, match="needs 9 frames; got 1"):
        run(Arithmetic(ArithmeticOptions(needs_frames=9)))
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (content["status"], content["reason"]) == ("unsuitable", "needs 9 frames; got 1")
    assert content["source"]["instances"] == [pydicom.dcmread(STILL).SOPInstanceUID]
    assert content["objects"] == content["measurement_groups"] == []
    with pytest.raises(UnsuitableSeries):
        run(paths=())
    assert json.loads((tmp_path / "out" / "result.json").read_text())["source"] is None


def test_what_an_algorithm_raises_gets_a_name_and_loses_its_text(run, tmp_path):
    run()
    with pytest.raises(AlgorithmFailed, match=r"fake_misbehaving 1.0 failed: ValueError") as caught:
        run(Misbehaving(MisbehavingOptions(how="raise")))
    assert "too much" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    assert not (tmp_path / "out" / "result.json").exists()
    assert not (tmp_path / "out" / ".making").exists()


def test_a_full_disk_is_no_fault_of_the_algorithm(run):
    with pytest.raises(StorageError, match="No space left on device"):
        run(Misbehaving(MisbehavingOptions(how="find the disk full")))


def test_sys_exit_is_a_failure_too(run):
    with pytest.raises(AlgorithmFailed, match="SystemExit"):
        run(Misbehaving(MisbehavingOptions(how="call sys.exit")))


def test_settings_that_an_algorithm_changes_are_its_own(run):
    class Strict(Arithmetic):
        def run(self, series, progress):
            np.seterr(all="ignore")
            warnings.simplefilter("ignore")
            return super().run(series, progress)

    before = np.geterr(), list(warnings.filters)
    run(Strict(ArithmeticOptions()))
    assert (np.geterr(), list(warnings.filters)) == before


def test_an_algorithm_must_give_a_result(run):
    class Forgetful(Arithmetic):
        def run(self, series, progress):
            return None

    with pytest.raises(AlgorithmFailed, match="gave a NoneType; an AnalysisResult is needed"):
        run(Forgetful(ArithmeticOptions()))


def test_a_result_that_does_not_hold_is_kept_apart(run, tmp_path):
    with pytest.raises(InvalidResult, match=r"1\.2\.3\.4\.5\.6"):
        run(Misbehaving(MisbehavingOptions(how="point elsewhere")))
    assert (tmp_path / "out" / "rejected" / "black.dcm").exists()
    assert not list((tmp_path / "out").glob("*.dcm"))
    assert not (tmp_path / "out" / "result.json").exists()


def test_dicom_files_of_folders_are_told_by_their_content(tmp_path):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    shutil.copyfile(STILL, folder / "no_extension")
    (folder / "bare").write_bytes(STILL.read_bytes()[132:])
    (folder / "DICOMDIR").write_bytes(STILL.read_bytes())
    (folder / "notes.txt").write_text("no image")
    (folder / "empty").touch()
    assert dicom_files([tmp_path]) == (folder / "bare", folder / "no_extension")
    assert dicom_files([folder / "notes.txt"]) == (folder / "notes.txt",)  # whoever names a file means it
    assert dicom_files([folder, folder / "bare"]) == (folder / "bare", folder / "no_extension")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="no DICOM file"):
        dicom_files([tmp_path / "nothing"])


def test_previews_show_the_middle_frame_and_map_grey_from_zero_to_nearly_the_maximum(tmp_path):
    frame = FrameRef("1.2", "1.2.3")
    cine = np.zeros((3, 4, 5, 3), np.uint8)
    cine[1] = (10, 20, 30)
    values = np.zeros((100, 100))
    values[:, 50:] = 2.0
    values[0, :50] = 1.0
    values[99, 99] = 1e6  # one hot pixel
    result = AnalysisResult(
        summary={},
        pictures=(
            Picture("Tracks / all", ArrayPixels(cine), (frame,), role="tracks"),
            Picture("tracks: all!", ArrayPixels(cine), (frame,), role="tracks_again"),
        ),
        maps=(ScalarMap("Größe", values, local("SIZE", "Size"), MILLIMETRE, (frame,), role="size"),),
        nothing_found="nothing was looked for",
    )
    paths = write_previews(result, tmp_path)
    assert [path.name for path in paths] == ["tracks-all.png", "tracks-all-tracks_again.png", "gr-e.png"]
    assert (_pixels(paths[0]) == (10, 20, 30)).all()
    grey = _pixels(paths[2])
    assert (grey[1, 0], grey[0, 0], grey[1, 99], grey[99, 99]) == (0, 128, 255, 255)
