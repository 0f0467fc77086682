"""Pelvic ultrasound to Orthanc and back: DCMTK's storescu, the shipped routing.yaml, the shipped networks.

Two simulated examinations, and three real images of other makers' scanners (palette, YBR, two regions on a screen).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import SegmentationStorage

pytestmark = [pytest.mark.loopback, pytest.mark.process, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_dicom" / "ovarian_classification"
REPORT, CAPTURE = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.7"
OF_THE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID", "AccessionNumber")
KEYS = ("theta", "theta_resnet50", "theta_darknet19", "weight_resnet50", "probability", "decision", "images_used",
        "images_dropped", "images")  # fmt: skip


def as_gynaecology(source: Path, folder: Path) -> Path:
    """The image as a gynaecology ward would send it: these have no such description, and one another sex."""
    dataset = pydicom.dcmread(source)
    dataset.StudyDescription, dataset.PatientSex = "Gynaecology", "F"
    dataset.save_as(folder / source.name, enforce_file_format=True)
    return folder / source.name


def ended(routing: Path) -> list[dict]:
    """The analyses that are over, as ``dicom-node jobs`` tells them."""
    command = [sys.executable, "-m", "dicom_node", "jobs", "list", "--kind", "analyse", "--json", "--config", routing]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [job for job in json.loads(told) if job["state"] not in ("waiting", "running")]


def outcomes(data_dir: Path) -> dict[str, dict]:
    """The result.json of every analysis, by its study."""
    told = (json.loads(path.read_text()) for path in (data_dir / "outbox").glob("*/result.json"))
    return {one["source"]["study"]: one for one in told}


def test_two_simulated_examinations_come_back_to_orthanc(shipped_node, orthanc, storescu, judged, tmp_path, until):
    sources = sorted(SAMPLES.glob("*.dcm"))
    studies = {pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID for path in sources}
    storescu(shipped_node.port, SAMPLES, "-xt", "+sd")
    until(lambda: orthanc.report_count() == len(studies), "both reports are at Orthanc", 300)  # they come last
    made = {path: pydicom.dcmread(path) for path in orthanc.fetch(tmp_path / "fetched")}
    _judge(sources, made, judged)
    for study, outcome in outcomes(shipped_node.data_dir).items():
        summary = outcome["summary"]
        assert set(KEYS) <= set(summary)
        assert summary["images_used"] + summary["images_dropped"] == len(summary["images"])
        own = [one for one in made.values() if one.StudyInstanceUID == study]
        assert any(one.SOPClassUID == SegmentationStorage for one in own)
        assert any(str(one.SOPClassUID).startswith(CAPTURE) for one in own)
        (report,) = (one for one in own if one.SOPClassUID == REPORT)
        for image in summary["images"]:  # each with its reason, used or not
            assert image["reason"] in report.to_json()


def test_real_images_come_back_or_are_refused_by_name(
    shipped_node, orthanc, storescu, judged, needs_shared, tmp_path, until
):
    (tmp_path / "gyn").mkdir()
    sources = [
        as_gynaecology(path, tmp_path / "gyn") for path in sorted(needs_shared("data/ovarian/gyn_dicom").glob("*"))
    ]
    for source in sources:
        rle = pydicom.dcmread(source, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed
        storescu(shipped_node.port, source, *(["-xr"] if rle else []))
    jobs = until(lambda: len(told := ended(tmp_path / "routing.yaml")) == len(sources) and told, "all are judged", 200)
    assert {job["state"] for job in jobs} <= {"done", "unsuitable"}
    done = [job for job in jobs if job["state"] == "done"]
    for job in jobs:
        if job["state"] == "unsuitable":
            assert job["error"].startswith("needs at least one pelvic ultrasound image")
    until(lambda: orthanc.report_count() == len(done), "their reports are at Orthanc", 120)
    made = {path: pydicom.dcmread(path) for path in orthanc.fetch(tmp_path / "fetched")}
    _judge(sources, made, judged)


def _judge(sources: list[Path], made: dict[Path, pydicom.Dataset], judged) -> None:
    """The objects are valid, and of the study that they were made from."""
    for source_path in sources:
        source = pydicom.dcmread(source_path, stop_before_pixels=True)
        own = {path: one for path, one in made.items() if one.StudyInstanceUID == source.StudyInstanceUID}
        for dataset in own.values():
            for keyword in OF_THE_STUDY:
                assert dataset.get(keyword) == source.get(keyword), keyword
        assert judged("/usr/bin/dcentvfy", source_path, *own) == []
    for path in made:
        assert judged("/usr/bin/dciodvfy", path) == []
