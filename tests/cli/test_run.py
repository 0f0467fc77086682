"""run, algorithms."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "sample_dicom"
STILL = SAMPLES / "other" / "b_mode_still.dcm"

pytestmark = pytest.mark.usefixtures("fakes")


def test_run_leaves_dicom_tables_pictures_and_result_json(call, tmp_path):
    shown = call("run", "fake_arithmetic", STILL, "--out", tmp_path, "-o", "factor=2", "--json")
    assert (shown.code, shown.err) == (0, "")  # no progress bar where there is no terminal
    content = json.loads(shown.out)
    assert content == json.loads((tmp_path / "result.json").read_text())
    assert content["status"] == "done"
    mean = pydicom.dcmread(STILL).pixel_array.mean()
    assert content["summary"]["mean_value"] == pytest.approx(2 * mean)
    assert {entry["role"] for entry in content["objects"]} == {"report", "mean_colour"}
    for entry in content["objects"]:
        assert pydicom.dcmread(tmp_path / entry["file"]).SOPInstanceUID == entry["sop_instance_uid"]
    assert (tmp_path / "means.csv").exists()
    assert (tmp_path / "preview" / "mean-colour.png").exists()


def test_run_shows_results_and_summary_as_tables(call, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = call("run", "fake_arithmetic", STILL, "--out", tmp_path)
    assert (shown.code, shown.err) == (0, "")
    for told in ("report.dcm", "mean_value", "note: made for a test"):
        assert told in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_run_takes_the_options_of_a_rule(call, tmp_path):
    routing = tmp_path / "routing.yaml"
    routing.write_text(
        "rules: [{name: triple, when: {Modality: US}, run: fake_arithmetic, options: {factor: 3}, send_to: []}]\n"
    )
    words = ["run", "fake_arithmetic", STILL, "--json", "--config", routing]
    three = call(*words, "--out", tmp_path / "3", "--rule", "triple")
    one = call(*words, "--out", tmp_path / "1")
    means = [json.loads(shown.out)["summary"]["mean_value"] for shown in (three, one)]
    assert means[0] == pytest.approx(3 * means[1])
    assert "it has: triple" in call(*words, "--out", tmp_path / "x", "--rule", "tripel").err


def test_unsuitable_input_is_exit_code_3_with_the_reason_on_stderr(call, tmp_path):
    shown = call("run", "fake_arithmetic", STILL, "--out", tmp_path, "-o", "needs_frames=9")
    assert (shown.code, shown.out) == (3, "")
    assert shown.err.strip() == "needs 9 frames; got 1"
    content = json.loads((tmp_path / "result.json").read_text())
    assert (content["status"], content["reason"]) == ("unsuitable", "needs 9 frames; got 1")


def test_a_still_is_unsuitable_for_ulm(call, tmp_path):
    shown = call("run", "ulm_decoupling", STILL, "--out", tmp_path)
    assert shown.code == 3
    assert "frame" in shown.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fake_arithmetik"], "did you mean fake_arithmetic?"),
        (["fake_arithmetic", "-o", "facter=2"], "did you mean factor?"),
        (["fake_arithmetic", "-o", "factor=0"], "factor: input should be greater than 0; got 0"),
        (["fake_arithmetic", "-o", "factor"], "--option takes KEY=VALUE"),
        (["fake_arithmetic", "-o", "factor={"], "--option factor"),
        (["fake_arithmetic", "--rule", "x"], "--rule needs --config"),
    ],
)
def test_wrong_words_are_exit_code_2(call, tmp_path, words, told):
    shown = call("run", *words, STILL, "--out", tmp_path)
    assert shown.code == 2
    assert told in shown.err


def test_a_folder_without_dicom_is_exit_code_2(call, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    shown = call("run", "fake_arithmetic", tmp_path, "--out", tmp_path / "out")
    assert shown.code == 2
    assert "no DICOM file in" in shown.err


def test_a_file_that_is_no_dicom_is_exit_code_3(call, tmp_path):
    (tmp_path / "notes.dcm").write_text("no image")
    shown = call("run", "fake_arithmetic", tmp_path / "notes.dcm", "--out", tmp_path / "out")
    assert shown.code == 3
    assert "notes.dcm" in shown.err


def test_algorithms_lists_what_is_installed(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = call("algorithms")
    assert shown.code == 0
    assert "ulm_decoupling" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    names = [entry["name"] for entry in json.loads(call("algorithms", "--json").out)]
    ours = ["lv_quantification", "mmode_ef", "ovarian_classification", "ulm_decoupling", "virtual_elastography"]
    assert names == ["fake_arithmetic", "fake_grading", "fake_misbehaving", *ours]


def test_algorithms_shows_the_options_of_one(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = call("algorithms", "fake_arithmetic")
    assert "factor: number > 0, default 1.0" in shown.out
    assert "The mean is multiplied by this." in shown.out
    assert max(map(len, call("algorithms", "ulm_decoupling").out.splitlines())) <= 80
    options = json.loads(call("algorithms", "ulm_decoupling", "--json").out)
    assert {"threshold", "scales"} <= {option["option"] for option in options}
    assert call("algorithms", "ulm_decuopling").code == 2
