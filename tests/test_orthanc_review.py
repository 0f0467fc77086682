"""A simulated thyroid study: storescu, node, draft in Orthanc, `review correct`, verified report and PDF in Orthanc."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, SecondaryCaptureImageStorage, SegmentationStorage

pytestmark = [pytest.mark.loopback, pytest.mark.process, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "sample_dicom" / "virtual_elastography"
SOURCES = sorted(STUDY.glob("*.dcm"))
REPORT = "1.2.840.10008.5.1.4.1.1.88.34"
OF_THE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID", "AccessionNumber")
REVIEWER = ["--as", "Meyer^Anna", "--role", "radiologist", "--organisation", "City Hospital"]
CONCLUSION = "Nodule of the left lobe: fine-needle aspiration advised."


def review(routing: Path, *words: str) -> str:
    """What `dicom-node review` prints, called as a person calls it."""
    called = [sys.executable, "-m", "dicom_node", "review", *words, "--config", str(routing)]
    done = subprocess.run(called, cwd=routing.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def texts(item: Dataset) -> list[str]:
    """Every TEXT below a content item."""
    below = item.get("ContentSequence", [])
    return [child.TextValue for child in below if child.ValueType == "TEXT"] + [
        text for child in below for text in texts(child)
    ]


def test_a_drafted_score_is_corrected_and_the_verified_report_reaches_orthanc(
    shipped_node, orthanc, storescu, judged, tmp_path, until
):
    manifest = ROOT / "algorithms" / "virtual_elastography" / "model.toml"
    assert manifest.exists(), "the networks of virtual_elastography are part of this repository"
    storescu(shipped_node.port, STUDY, "-xt", "+sd")
    until(lambda: orthanc.report_count() == 1, "the draft is at Orthanc", 240)  # it comes last
    drafted = {path: pydicom.dcmread(path) for path in orthanc.fetch(tmp_path / "drafted")}
    kinds = Counter(str(dataset.SOPClassUID) for dataset in drafted.values())
    assert kinds[REPORT] == 1
    assert kinds[SegmentationStorage] >= 1
    assert sum(count for kind, count in kinds.items() if kind.startswith(SecondaryCaptureImageStorage)) >= 1
    (draft,) = (dataset for dataset in drafted.values() if dataset.SOPClassUID == REPORT)
    assert (draft.VerificationFlag, draft.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")

    routing = shipped_node.data_dir.parent / "routing.yaml"
    (waiting,) = json.loads(review(routing, "list", "--json"))
    job = str(waiting["job_id"])
    shown = json.loads(review(routing, "show", job, "--json"))
    (score,) = (one for one in shown["correctables"] if one["key"] == "score")
    other = "2" if float(score["value"]) != 2 else "3"
    review(routing, "correct", job, "--set", f"score={other}", *REVIEWER, "--conclusion", CONCLUSION)

    until(lambda: orthanc.report_count() == 2, "the verified report is at Orthanc", 120)
    paths = orthanc.fetch(tmp_path / "all")
    made = {path: pydicom.dcmread(path) for path in paths}
    came = [one for one in made.values() if one.SOPInstanceUID not in {old.SOPInstanceUID for old in drafted.values()}]
    assert {str(one.SOPClassUID) for one in came} == {REPORT, EncapsulatedPDFStorage}
    (verified,) = (one for one in came if one.SOPClassUID == REPORT)
    assert (verified.VerificationFlag, verified.PreliminaryFlag) == ("VERIFIED", "FINAL")
    (observer,) = verified.VerifyingObserverSequence
    assert (observer.VerifyingObserverName, observer.VerifyingOrganization) == ("Meyer^Anna", "City Hospital")
    (study,) = verified.PredecessorDocumentsSequence
    named = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named == draft.SOPInstanceUID
    assert CONCLUSION in texts(verified)
    assert any("synthetic, not a measurement" in text.lower() for text in texts(verified))

    source = pydicom.dcmread(SOURCES[0], stop_before_pixels=True)
    for path, dataset in made.items():
        for keyword in OF_THE_STUDY:
            assert dataset.get(keyword) == source.get(keyword), keyword
        assert judged("/usr/bin/dciodvfy", path) == []
    assert judged("/usr/bin/dcentvfy", *SOURCES, *paths) == []
