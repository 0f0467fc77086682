"""Orthanc as the archive, DCMTK's storescu as the modality, the shipped routing.yaml in between."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from scipy.io import loadmat

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


def test_samples_and_a_real_kidney_come_back_to_orthanc_whole(
    shipped_node, orthanc, storescu, judged, needs_program, needs_shared, tmp_path, until
):
    dcmcjpeg = needs_program("/usr/bin/dcmcjpeg")
    file = needs_shared("data/ceus/real_rat_kidney/normal_rat_kidney_frame50.mat")
    native, lossless = kidney(file, tmp_path, 50, calibrated=True), tmp_path / "lossless.dcm"
    plain = kidney(file, tmp_path, 30, calibrated=False)
    subprocess.run([dcmcjpeg, "+e1", "+un", plain, lossless], check=True)
    sent = {
        SAMPLES / "ulm_phantom.dcm": "-xr",
        SAMPLES / "ulm_dual_view.dcm": "-xt",
        native: "-xe",
        lossless: "-xs",
    }
    for path, syntax in sent.items():
        storescu(shipped_node.port, path, syntax)

    until(lambda: orthanc.report_count() == len(sent), "all reports are at Orthanc", 200)  # the report comes last
    source_of_study = {str(_header(path).StudyInstanceUID): path for path in sent}

    paths = orthanc.fetch(tmp_path / "fetched")
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
