"""Sources as scanners send them, with all that a validator asks for, and results of each kind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node import codes
from dicom_node.algorithm import AlgorithmInfo, ModelInfo
from dicom_node.encode import EncodeJob
from dicom_node.result import (
    AnalysisResult,
    DerivedSeries,
    Evaluation,
    KeyFrames,
    Measurement,
    MeasurementGroup,
    Picture,
    Placement,
    ScalarMap,
    Segment,
)
from dicom_node.series import ArrayPixels, FrameRef, Spacing

STUDY = "1.2.826.0.1.3680043.8.498.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
US_SINGLE = "1.2.840.10008.5.1.4.1.1.6.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
ROWS, COLUMNS = 60, 80


def _header(sop_class: str, uid: str, modality: str, rows: int = ROWS, columns: int = COLUMNS) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"{STUDY}.2"
    ds.PatientName, ds.PatientID = "Müller^Jürgen", "4711"
    ds.IssuerOfPatientID = "HOSPITAL"
    ds.PatientBirthDate, ds.PatientSex = "19600102", "M"
    ds.StudyDate, ds.StudyTime = "20260301", "101500"
    ds.AccessionNumber, ds.StudyID = "A-7", "S1"
    ds.ReferringPhysicianName = "Weiß^Eva"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = modality, "ACME", "Scan 1"
    ds.SeriesNumber, ds.InstanceNumber = 3, 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    return ds


def _region(x0: int, y0: int, x1: int, y1: int, delta_cm: float) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.ReferencePixelX0, item.ReferencePixelY0 = 10, 0
    item.ReferencePixelPhysicalValueX, item.ReferencePixelPhysicalValueY = 0.0, 0.0
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = 3, 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta_cm, delta_cm
    return item


@pytest.fixture
def us_clip(tmp_path: Path) -> Path:
    """A contrast clip of 6 frames, lossy in its past, calibrated in x 8..71, y 4..55 with 0.02 cm per pixel."""
    ds = _header(US_MULTI_FRAME, f"{STUDY}.2.1", "US")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.NumberOfFrames, ds.FrameTime = 6, "100"
    ds.FrameIncrementPointer = 0x00181063
    ds.PatientOrientation = ""
    ds.BodyPartExamined = "LIVER"
    ds.ContrastBolusAgent = "SonoVue"
    ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "12.5"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    ds.SequenceOfUltrasoundRegions = [_region(8, 4, 71, 55, 0.02)]
    ds.PixelData = np.random.default_rng(1).integers(0, 255, (6, ROWS, COLUMNS), np.uint8).tobytes()
    return _save(ds, tmp_path / "sources")


@pytest.fixture
def us_still(tmp_path: Path) -> Path:
    """One ultrasound image."""
    ds = _header(US_SINGLE, f"{STUDY}.2.7", "US")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.PatientOrientation = ""
    ds.BodyPartExamined = "LIVER"
    ds.SequenceOfUltrasoundRegions = [_region(0, 0, COLUMNS - 1, ROWS - 1, 0.02)]
    ds.PixelData = bytes(ROWS * COLUMNS)
    return _save(ds, tmp_path / "sources")


@pytest.fixture
def mr_stack(tmp_path: Path) -> list[Path]:
    """Two slices of a cine MR with four phases each, one instance per frame."""
    paths = []
    for slice_index in range(2):
        for phase in range(4):
            number = slice_index * 4 + phase + 1
            ds = _header(MR, f"{STUDY}.2.{number}", "MR")
            ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
            ds.BodyPartExamined = "HEART"
            ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = f"{STUDY}.9", ""
            ds.ImagePositionPatient = [-100, -120, 8 * slice_index]
            ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            ds.PixelSpacing, ds.SliceThickness = [1.5, 1.25], "8"
            ds.TriggerTime, ds.InstanceNumber = str(40 * phase), number
            ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "GR", "SS", "", "2D"
            ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength = "3", "1.5", "1"
            ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
            ds.PixelData = bytes(2 * ROWS * COLUMNS)
            paths.append(_save(ds, tmp_path / "sources"))
    return paths


def _save(ds: Dataset, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def info() -> AlgorithmInfo:
    """An algorithm with one model."""
    return AlgorithmInfo(
        name="sample",
        version="1.2",
        title="Sample analysis",
        models=(ModelInfo("net", "3", "ab" * 32),),
        parameters=("threshold=otsu",),
    )


@pytest.fixture
def job() -> EncodeJob:
    """A job record of a fixed moment."""
    return EncodeJob(
        content_time=datetime(2026, 3, 1, 11, 30, 5, tzinfo=UTC),
        namespace=UUID("12345678-1234-5678-1234-567812345678"),
        options={"threshold": "otsu", "levels": 5},
        rule="contrast ultrasound",
        reason="no instance for 10 s",
    )


def clip_frames(count: int = 6) -> tuple[FrameRef, ...]:
    return tuple(FrameRef(US_MULTI_FRAME, f"{STUDY}.2.1", number) for number in range(1, count + 1))


def stack_frames() -> tuple[FrameRef, ...]:
    return tuple(FrameRef(MR, f"{STUDY}.2.{number}") for number in range(1, 9))


def group(frames: tuple[FrameRef, ...], tracking_id: str = "bubbles", **parts) -> MeasurementGroup:
    parts.setdefault("measurements", (Measurement(codes.local("BUBBLES", "Bubbles"), 42.0, codes.COUNT),))
    return MeasurementGroup(tracking_id, codes.CONTRAST_AGENT, frames, **parts)


def segment(frames: tuple[FrameRef, ...], rows: int = ROWS, columns: int = COLUMNS) -> Segment:
    """Frame i is marked in a square at (10 + i, 20); the second frame is left empty."""
    masks = np.zeros((len(frames), rows, columns), bool)
    for index in range(len(frames)):
        if index != 1:
            masks[index, 20:25, 10 + index : 15 + index] = True
    return Segment("Bubbles", codes.SUBSTANCE, codes.CONTRAST_AGENT, ArrayPixels(masks), frames, "bubbles")


def ramp_map() -> np.ndarray:
    return np.linspace(0, 3.7, 63).reshape(7, 9)


def full_result(frames: tuple[FrameRef, ...], derived: bool = True, **parts) -> AnalysisResult:
    """A result with one of each kind."""
    ramp = np.linspace(0, 255, 90, dtype=np.uint8)
    picture = np.broadcast_to(ramp[None, None, :, None], (1, 70, 90, 3)).copy()
    clip = np.repeat(picture, 3, axis=0)
    quantity = codes.local("DENSITY", "Bubble density")
    grid = Placement(x0_px=8.0, y0_px=4.0, scale=2.0, spacing=Spacing(0.1, 0.1))
    parts.setdefault(
        "groups",
        (
            group(
                frames,
                evaluations=(
                    Evaluation(codes.local("QUALITY", "Quality"), "good"),
                    Evaluation(codes.local("SIDE", "Side"), codes.MAXIMUM),
                ),
            ),
        ),
    )
    return AnalysisResult(
        summary={"bubbles": 42},
        segments=(segment(frames),),
        pictures=(
            Picture("density map", ArrayPixels(picture), frames, "density_picture"),
            Picture("tracks", ArrayPixels(clip), frames, "tracks_picture", frame_time_s=0.2),
        ),
        maps=(
            ScalarMap("density", np.linspace(0, 3.7, 63).reshape(7, 9), quantity, codes.COUNT, frames, "density", grid),
        ),
        derived=(
            DerivedSeries(
                "decoupled",
                ArrayPixels(np.full((5, 20, 24), 7, np.uint8)),
                frames,
                "decoupled",
                codes.local("DECOUPLED", "Decoupled frames"),
                "Wavelet decoupling.",
                0.04,
                Placement(x0_px=20.0, y0_px=10.0, scale=2.0, spacing=Spacing(0.1, 0.1)),
                "Frame order is scale, not time.",
            ),
        )
        if derived
        else (),
        key_frames=(KeyFrames(codes.Code("113000", "DCM", "Of Interest"), "Most bubbles", frames[:1]),),
        notes=("threshold 0.31 (Otsu)",),
        **parts,
    )


@pytest.fixture
def make():
    """The builders above, for tests that vary them."""

    class Make:
        clip_frames = staticmethod(clip_frames)
        stack_frames = staticmethod(stack_frames)
        group = staticmethod(group)
        segment = staticmethod(segment)
        full_result = staticmethod(full_result)
        still_frames = (FrameRef(US_SINGLE, f"{STUDY}.2.7"),)

    return Make
