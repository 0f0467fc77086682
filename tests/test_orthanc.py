"""Orthanc as the archive, DCMTK's storescu as the modality, the shipped routing.yaml in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from scipy.io import loadmat

from dicom_node.demo import free_port

pytestmark = [pytest.mark.loopback, pytest.mark.process, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_dicom" / "ulm_decoupling"

RETURNED = {
    "1.2.840.10008.5.1.4.1.1.88.34": "root report",
    "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.3.1": "decoupled series",
}
OF_THE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyID", "AccessionNumber")


def kidney(file: Path, folder: Path, frames: int, calibrated: bool) -> Path:
    """The real rat kidney as ultrasound multi-frame, native, with the header of the simulated sample."""
    pixels = loadmat(file)["normal_rat_kidney"]
    pixels = np.round(255 * pixels.transpose(2, 0, 1)[:frames]).astype(np.uint8)
    dataset = pydicom.dcmread(SAMPLES / "ulm_phantom.dcm")
    number = 1 if calibrated else 2
    dataset.PatientID, dataset.PatientName, dataset.StudyID = f"RAT-{number}", f"KIDNEY^RAT^{number}", f"R{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"2.25.99{number}", f"2.25.99{number}.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.99{number}.1.1"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape
    dataset.SeriesDescription = "CEUS rat kidney"
    dataset.QualityControlImage, dataset.ImageComments = "NO", ""
    if calibrated:
        region = dataset.SequenceOfUltrasoundRegions[0]
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = pixels.shape[2] - 1, pixels.shape[1] - 1
    else:
        del dataset.SequenceOfUltrasoundRegions
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", False
    path = folder / f"kidney_{number}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def node(tmp_path, orthanc, until):
    """``dicom-node serve`` with the shipped routing.yaml, but for ports, folder and a shorter quiet time; its port."""
    port = free_port()
    text = (ROOT / "routing.yaml").read_text()
    changes = {
        "port: 11112": f"port: {port}",
        "ae_title: ARCHIVE, host: 127.0.0.1, port: 4242": (
            f"ae_title: ORTHANC, host: 127.0.0.1, port: {orthanc.dicom_port}"
        ),
        "series_complete_after: 10s": "series_complete_after: 500ms",
        "workers: auto": "workers: 2",
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    routing, log = tmp_path / "routing.yaml", tmp_path / "serve.log"
    routing.write_text(text)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dicom_node", "serve", "--config", str(routing)], stdout=out, stderr=out
        )
    try:
        until(lambda: process.poll() is not None or "node is listening" in log.read_text(), "the node listens")
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


def store(port: int, path: Path, *options: str) -> None:
    """As a modality does."""
    command = ["/usr/bin/storescu", *options, "-R", "-aec", "DICOM_NODE", "127.0.0.1", str(port), str(path)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def fetch(orthanc, folder: Path) -> list[Path]:
    """Everything that Orthanc holds."""
    folder.mkdir()
    paths = []
    for number, identifier in enumerate(orthanc.rest("/instances")):
        url = f"http://127.0.0.1:{orthanc.rest_port}/instances/{identifier}/file"
        paths.append(folder / f"{number}.dcm")
        with urllib.request.urlopen(url, timeout=30) as answer:
            paths[-1].write_bytes(answer.read())
    return paths


def judged(program: str, *paths: Path) -> list[str]:
    """The errors that one of Clunie's programs tells."""
    done = subprocess.run([program, *paths], capture_output=True, text=True, timeout=60, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


def test_samples_and_a_real_kidney_come_back_to_orthanc_whole(
    node, orthanc, needs_program, needs_shared, tmp_path, until
):
    for program in ("/usr/bin/storescu", "/usr/bin/dcmcjpeg", "/usr/bin/dciodvfy", "/usr/bin/dcentvfy"):
        needs_program(program)
    file = needs_shared("data/ceus/real_rat_kidney/normal_rat_kidney_frame50.mat")
    native, lossless = kidney(file, tmp_path, 50, calibrated=True), tmp_path / "lossless.dcm"
    plain = kidney(file, tmp_path, 30, calibrated=False)
    subprocess.run(["/usr/bin/dcmcjpeg", "+e1", "+un", plain, lossless], check=True)
    sent = {
        SAMPLES / "ulm_phantom.dcm": "-xr",
        SAMPLES / "ulm_dual_view.dcm": "-xt",
        native: "-xe",
        lossless: "-xs",
    }
    for path, syntax in sent.items():
        store(node, path, syntax)

    until(lambda: _reports(orthanc) == len(sent), "all reports are at Orthanc", 200)  # the report comes last
    source_of_study = {str(_header(path).StudyInstanceUID): path for path in sent}

    paths = fetch(orthanc, tmp_path / "fetched")
    results: dict[str, list[tuple[Dataset, Path]]] = {}
    for path in paths:
        header = _header(path)
        results.setdefault(str(header.StudyInstanceUID), []).append((header, path))
    studies = Counter(str(_header(path).StudyInstanceUID) for path in sent)
    assert set(results) == set(studies)
    for study, found in results.items():
        source = _header(source_of_study[study])
        classes = Counter(RETURNED[str(header.SOPClassUID)] for header, _ in found)
        assert set(classes) == set(RETURNED.values())
        assert classes["root report"] == classes["segmentation"] == classes["decoupled series"] == studies[study]
        for header, _ in found:
            for keyword in OF_THE_STUDY:
                assert header.get(keyword) == source.get(keyword), keyword
        maps = [header for header, _ in found if header.get("BitsAllocated") == 16]
        assert len(maps) >= studies[study]  # the density map, in counts
        assert judged("/usr/bin/dcentvfy", source_of_study[study], *(path for _, path in found)) == []
    for path in paths:
        assert judged("/usr/bin/dciodvfy", path) == []


def _header(path: Path) -> Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True)


def _reports(orthanc) -> int:
    return sum(series["MainDicomTags"]["Modality"] == "SR" for series in orthanc.rest("/series?expand"))
