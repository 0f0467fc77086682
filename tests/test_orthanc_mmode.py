"""The sample M-mode screens to Orthanc and back: DCMTK's storescu, the shipped routing.yaml, the shipped networks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

pytestmark = [pytest.mark.loopback, pytest.mark.process, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_dicom" / "mmode_ef"
TRUTH = {
    told["sop_instance_uid"]: told
    for told in (json.loads(path.read_text()) for path in (ROOT / "sample_dicom" / "truth").glob("mmode_*.json"))
}
REPORT, CAPTURE = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7"
EJECTION_FRACTION = ("18049-7", "LN")  # Teichholz, M-mode
LENGTHS = {
    ("79968-4", "LN"): "ivsd_mm",
    ("80008-6", "LN"): "lvidd_mm",
    ("80031-8", "LN"): "lvpwd_mm",
    ("79970-0", "LN"): "ivss_mm",
    ("80012-8", "LN"): "lvids_mm",
    ("80033-4", "LN"): "lvpws_mm",
}
OF_THE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID", "AccessionNumber")
NEAR_MM, NEAR_S = 4.0, 0.12
"""A point lies on its wall within so much; times are read less exactly than depths."""


def numbers(item: Dataset) -> list[tuple[tuple[str, str], float, tuple[float, ...]]]:
    """(code of the concept, value, points of its POLYLINE if it has one) of every NUM below a content item."""
    found = []
    for child in item.get("ContentSequence", []):
        if child.ValueType == "NUM" and child.MeasuredValueSequence:
            name = child.ConceptNameCodeSequence[0]
            value = float(child.MeasuredValueSequence[0].NumericValue)
            lines = [
                tuple(map(float, part.GraphicData))
                for part in child.get("ContentSequence", [])
                if part.ValueType == "SCOORD" and part.GraphicType == "POLYLINE"
            ]
            found.append(((name.CodeValue, name.CodingSchemeDesignator), value, lines[0] if len(lines) == 1 else ()))
        found += numbers(child)
    return found


def test_the_sample_screens_come_back_to_orthanc_measured(shipped_node, orthanc, storescu, judged, tmp_path, until):
    manifest = ROOT / "algorithms" / "mmode_ef" / "model.toml"
    assert manifest.exists(), "the networks of mmode_ef are part of this repository"
    storescu(shipped_node.port, SAMPLES, "-xt", "+sd")
    until(lambda: orthanc.report_count() == 2, "both reports are at Orthanc", 240)  # they come last

    paths = orthanc.fetch(tmp_path / "fetched")
    made = {path: pydicom.dcmread(path) for path in paths}
    assert Counter(str(dataset.SOPClassUID) for dataset in made.values()) == {REPORT: 2, CAPTURE: 2}
    sources = {path: pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(SAMPLES.glob("*.dcm"))}
    for source_path, source in sources.items():
        own = {path: one for path, one in made.items() if one.StudyInstanceUID == source.StudyInstanceUID}
        assert {str(one.SOPClassUID) for one in own.values()} == {REPORT, CAPTURE}
        for path, dataset in own.items():
            for keyword in OF_THE_STUDY:
                assert dataset.get(keyword) == source.get(keyword), keyword
            assert judged("/usr/bin/dciodvfy", path) == []
        assert judged("/usr/bin/dcentvfy", source_path, *own) == []

    results = list((shipped_node.data_dir / "outbox").glob("*/result.json"))
    summaries = [json.loads(result.read_text())["summary"] for result in results]
    told = {summary["sop_instance_uid"]: summary for summary in summaries if summary}
    assert set(told) == set(TRUTH)
    for uid, summary in told.items():
        _judge_summary(summary, TRUTH[uid])
        (report,) = (
            one
            for one in made.values()
            if one.SOPClassUID == REPORT and one.StudyInstanceUID == _source_of(uid, sources.values()).StudyInstanceUID
        )
        _judge_report(report, summary)


def _source_of(uid: str, sources) -> Dataset:
    return next(source for source in sources if source.SOPInstanceUID == uid)


def _judge_summary(summary: dict, truth: dict) -> None:
    """Values near the truth, and every point on its wall."""
    assert summary["ef_percent"] == pytest.approx(truth["values"]["ef_percent"], abs=8)
    assert summary["lvidd_mm"] == pytest.approx(truth["values"]["lvidd_mm"], abs=4)
    assert summary["lvids_mm"] == pytest.approx(truth["values"]["lvids_mm"], abs=4)
    assert summary["heart_rate_bpm"] == pytest.approx(truth["heart_rate_bpm"], rel=0.06)
    widths = [cycle["box_px"][2] - cycle["box_px"][0] for cycle in truth["cycles"]]
    whole = [  # one that the picture's edge cuts by less than a twentieth can be measured as well
        cycle
        for cycle, width in zip(truth["cycles"], widths, strict=True)
        if cycle["complete"] or width >= 0.95 * max(widths)
    ]
    assert sum(cycle["complete"] for cycle in whole) <= summary["cycle_count"] <= len(whole)
    scale = np.array([truth["seconds_per_px"] / NEAR_S, truth["mm_per_px"] / NEAR_MM])
    for found in summary["cycles"]:
        true = min(whole, key=lambda cycle: abs(cycle["box_px"][0] - found["box_px"][0]))
        for name, place in true["points_px"].items():
            assert (np.abs(np.subtract(found["points_px"][name], place)) * scale <= 1).all(), name


def _judge_report(report: Dataset, summary: dict) -> None:
    """The report tells the summary's values, and a line of two points (pixel + 0.5) for each length of each cycle."""
    found = numbers(report)
    assert any(
        code == EJECTION_FRACTION and value == pytest.approx(summary["ef_percent"], abs=0.01)
        for code, value, _ in found
    )
    ends = {"ivs": ("upper_outer", "upper_inner"), "lvi": ("upper_inner", "lower_inner")}
    for code, name in LENGTHS.items():
        lines = {line: value for this, value, line in found if this == code and line}
        assert len(lines) == summary["cycle_count"], name
        phase = "ed" if name.endswith("d_mm") else "es"
        first, last = ends.get(name[:3], ("lower_inner", "lower_outer"))
        for cycle in summary["cycles"]:
            wanted = [value + 0.5 for end in (first, last) for value in cycle["points_px"][f"{phase}_{end}"]]
            assert any(
                line == pytest.approx(wanted, abs=0.02) and value == pytest.approx(cycle[name], abs=0.01)
                for line, value in lines.items()
            ), name
