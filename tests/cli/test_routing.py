"""check and explain."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_dicom"

TEN_MISTAKES = """\
node:
  ae_title: THE_NODE_OF_RADIOLOGY
  port: 70000
  series_complete_afer: 10s
peers:
  archive: {ae_title: ARCHIVE, host: 10.0.0.1, port: 104}
rules:
  - name: first
    when:
      Modalty: US
      NumberOfFrames: {min: 50, max: 20}
      SeriesDescription: {matches: "(contrast"}
    run: ulm_decoupling
    options: {super_resolution: 99}
    send_to: [archive, achive]
  - name: second
    when:
      Modality: US
      all:
        - Modality: MR
    run: ulm_decuopling
    send_to: []
"""


def test_check_of_the_shipped_file_lists_its_rules(call):
    shown = call("check", "--config", ROOT / "routing.yaml")
    assert (shown.code, shown.err) == (0, "")
    assert "no mistakes" in shown.out
    assert "contrast ultrasound to ULM" in shown.out
    assert json.loads(call("check", "--json", "--config", ROOT / "routing.yaml").out) == {
        "ok": True,
        "rules": [
            "contrast ultrasound to ULM",
            "cine MR to left-ventricle quantification",
            "M-mode to ejection fraction",
            "B-mode of thyroid or breast to virtual elastography",
            "pelvic ultrasound to ovarian classification",
        ],
        "peers": ["archive"],
    }


def test_check_tells_ten_mistakes_at_once_each_at_its_place(call, tmp_path):
    routing = tmp_path / "routing.yaml"
    routing.write_text(TEN_MISTAKES)
    places = [(2, 13), (3, 9), (4, 3), (10, 7), (11, 29), (12, 36), (14, 15), (15, 24), (20, 11), (21, 10)]
    shown = call("check", "--config", routing)
    assert (shown.code, shown.out) == (2, "")
    lines = shown.err.splitlines()
    assert len(lines) == 10
    for line, (row, column) in zip(lines, places, strict=True):
        assert line.startswith(f"{routing}:{row}:{column}: ")
    assert "did you mean 'ulm_decoupling'?" in lines[9]
    as_json = call("check", "--json", "--config", routing)
    problems = json.loads(as_json.out)["problems"]
    assert as_json.code == 2
    assert [(problem["line"], problem["column"]) for problem in problems] == places


def test_check_without_a_file_says_what_is_missing(call, tmp_path):
    shown = call("check", "--config", tmp_path / "routing.yaml")
    assert shown.code == 2
    assert "routing.yaml" in shown.err


def test_explain_says_of_each_series_which_rule_took_it_and_what_failed(call):
    shown = call("explain", SAMPLES, "--config", ROOT / "routing.yaml")
    assert (shown.code, shown.err) == (0, "")
    rule = "contrast ultrasound to ULM"
    line = (ROOT / "routing.yaml").read_text().splitlines().index(f"  - name: {rule}") + 1
    assert shown.out.count(f"+ {rule} (line {line}): matched; 1 of 1 instance to ulm_decoupling") == 2
    # neither the still, the thyroid, the cine MR, the two M-modes nor the three series of the pelvis
    assert shown.out.count(f"- {rule} (line {line}): did not match") == 8
    cine = "cine MR to left-ventricle quantification"
    line = (ROOT / "routing.yaml").read_text().splitlines().index(f"  - name: {cine}") + 1
    assert shown.out.count(f"+ {cine} (line {line}): matched; 160 of 160 instances to lv_quantification") == 1
    m_mode = "M-mode to ejection fraction"
    line = (ROOT / "routing.yaml").read_text().splitlines().index(f"  - name: {m_mode}") + 1
    assert shown.out.count(f"+ {m_mode} (line {line}): matched; 1 of 1 instance to mmode_ef") == 2
    assert shown.out.count("matched; 2 of 2 instances to virtual_elastography") == 1  # the thyroid
    assert "matched; 6 of 6 instances to ovarian_classification" in shown.out
    assert "matched; 5 of 5 instances to ovarian_classification" in shown.out  # with the cine, a series of its own
    assert shown.out.count("to ovarian_classification") == 2
    assert 'saw "UltrasoundImageStorage"' in shown.out
    found = json.loads(call("explain", SAMPLES, "--json", "--config", ROOT / "routing.yaml").out)
    assert sorted(entry["matched"] for entry in found if entry["kind"] == "series") == [0] * 5 + [1] * 5


def test_explain_imagines_the_association(call, tmp_path):
    routing = tmp_path / "routing.yaml"
    routing.write_text("rules: [{name: room 3, when: {calling_ae: US3}, run: ulm_decoupling, send_to: []}]\n")
    words = ["explain", SAMPLES / "other", "--json", "--config", routing]
    assert [series["matched"] for series in json.loads(call(*words).out)] == [0]
    assert [series["matched"] for series in json.loads(call(*words, "--calling-ae", "US3").out)] == [1]


def test_explain_of_a_folder_without_dicom_is_wrong_use(call, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    shown = call("explain", tmp_path, "--config", ROOT / "routing.yaml")
    assert shown.code == 2
    assert "notes.txt: is no DICOM object" in shown.out
    assert shown.err == f"nothing to explain: no DICOM object in {tmp_path}\n"
