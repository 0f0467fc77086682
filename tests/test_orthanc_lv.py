"""The sample cine MR study to Orthanc and back: DCMTK's storescu, the shipped routing.yaml, the shipped networks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

pytestmark = [pytest.mark.loopback, pytest.mark.process, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "sample_dicom" / "lv_quantification"
SOURCES = sorted(STUDY.glob("*.dcm"))
TRUTH = json.loads((ROOT / "sample_dicom" / "truth" / "lv_phantom.json").read_text())
REPORT, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59"
CAPTURES = {"1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"}
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
EJECTION_FRACTION = ("8811-2", "LN")  # by MR
OF_THE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID", "AccessionNumber")


def numbers(item: Dataset) -> list[tuple[tuple[str, str], float]]:
    """(code of the concept, value) of every NUM below a content item."""
    found = []
    for child in item.get("ContentSequence", []):
        if child.ValueType == "NUM" and child.MeasuredValueSequence:
            name = child.ConceptNameCodeSequence[0]
            value = float(child.MeasuredValueSequence[0].NumericValue)
            found.append(((name.CodeValue, name.CodingSchemeDesignator), value))
        found += numbers(child)
    return found


def test_the_sample_study_comes_back_to_orthanc_measured(shipped_node, orthanc, storescu, judged, tmp_path, until):
    manifest = ROOT / "algorithms" / "lv_quantification" / "model.toml"
    assert manifest.exists(), "the networks of lv_quantification are part of this repository"
    storescu(shipped_node.port, STUDY, "-xt", "+sd")
    until(lambda: orthanc.report_count() == 1, "the report is at Orthanc", 240)  # it comes last

    paths = orthanc.fetch(tmp_path / "fetched")
    made = {path: pydicom.dcmread(path) for path in paths}
    kinds = Counter(str(dataset.SOPClassUID) for dataset in made.values())
    assert kinds[REPORT] == kinds[SEGMENTATION] == kinds[KEY_OBJECTS] == 1
    assert sum(kinds[kind] for kind in CAPTURES) == 3 == sum(kinds.values()) - 3  # contours, area curve, bull's-eye
    source = pydicom.dcmread(SOURCES[0], stop_before_pixels=True)
    for path, dataset in made.items():
        for keyword in OF_THE_STUDY:
            assert dataset.get(keyword) == source.get(keyword), keyword
        assert judged("/usr/bin/dciodvfy", path) == []
    assert judged("/usr/bin/dcentvfy", *SOURCES, *paths) == []

    (result,) = (shipped_node.data_dir / "outbox").glob("*/result.json")
    summary = json.loads(result.read_text())["summary"]
    assert summary["ef_percent"] == pytest.approx(TRUTH["ef_percent"], abs=8)
    assert abs(summary["es_frame"] - (TRUTH["es_frame"] + 1)) <= 1
    (report,) = (dataset for dataset in made.values() if dataset.SOPClassUID == REPORT)
    told = [value for code, value in numbers(report) if code == EJECTION_FRACTION]
    assert told == pytest.approx([summary["ef_percent"]], abs=0.1)
