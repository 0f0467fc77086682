"""A simulated pelvic ultrasound study: a mass on a scanner's screen, a normal ovary, a cine, and a 3-D rendering."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from algorithms.ovarian_classification.phantom import (
    SIMULATED,
    PictureOptions,
    SimulatedPicture,
    cine_of,
    picture_of,
)
from sample_dicom.part10 import MANUFACTURER, uid

_SEED = 31
FRAME_TIME_MS = 80.0
CINE_FRAMES = 7
SCREEN = PictureOptions(longest_px=640, whole_screen=True, probe="endocavity", marks=True, compressed=False)
PICTURE = PictureOptions(longest_px=400, whole_screen=False, probe="endocavity", marks=False, compressed=False)


@dataclass(frozen=True, eq=False)
class Sample:
    """One object: its name, the ending of the file left out, and its frames."""

    name: str
    frames: tuple[SimulatedPicture, ...]


def samples() -> Iterator[Sample]:
    """The objects of the study, in their order."""
    kinds = (("mass", "high_grade_serous", SCREEN), ("ovary", "normal_ovary", PICTURE))
    for number, (name, kind, options) in enumerate(kinds, start=1):
        yield Sample(f"pelvis_{name}", (picture_of(np.random.default_rng((_SEED, number)), kind, options),))
    yield Sample("pelvis_cine", cine_of(np.random.default_rng((_SEED, 3)), "serous_cyst", CINE_FRAMES, 4.0, PICTURE))
    yield Sample("pelvis_rendered", (picture_of(np.random.default_rng((_SEED, 4)), "three_d", PICTURE),))


def image(sample: Sample, number: int) -> Dataset:
    """The sample as an Ultrasound (Multi-frame) Image Storage object (PS3.3 A.6, A.7), the number-th of the series."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class_of(sample)
    ds.SOPInstanceUID = uid(f"{sample.name}/instance")
    ds.PatientName = "SIMULATED^PELVIS"
    ds.PatientID = "SIM-OV-001"
    ds.PatientBirthDate = ""
    ds.PatientSex = "F"
    ds.PatientAge = "052Y"
    ds.StudyInstanceUID = uid("pelvis/study")
    ds.StudyID = "SIM5"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260109"
    ds.StudyTime = ds.SeriesTime = "150000"
    ds.ContentTime = ds.AcquisitionTime = f"1501{number:02d}"
    ds.StudyDescription = "Pelvic ultrasound (simulated)"
    ds.SeriesDescription = "Transvaginal, adnexa (simulated)"
    ds.AccessionNumber = "SIM0005"
    ds.ReferringPhysicianName = ""
    ds.Modality = "US"
    ds.SeriesInstanceUID = uid("pelvis/series")
    ds.SeriesNumber = 1
    ds.InstanceNumber = number
    ds.BodyPartExamined = "PELVIS"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.ovarian_classification.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {_SEED}"
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "GYNECOLOGY", "0001"]
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.TransducerType = "CURVED LINEAR"
    _set_pixels(ds, np.stack([frame.rgb for frame in sample.frames]))
    if sample.frames[0].mm_per_px is not None:
        ds.SequenceOfUltrasoundRegions = [_region(sample.frames[0].region, sample.frames[0].mm_per_px)]
    return ds


def sop_class_of(sample: Sample) -> UID:
    """Of a still or of a cine."""
    return UltrasoundMultiFrameImageStorage if len(sample.frames) > 1 else UltrasoundImageStorage


def write_truth(sample: Sample, path: Path) -> None:
    """What is seen, and for each frame the outline of lesion or ovary on the whole image (x to the right, y down)."""
    truth = {
        "sop_instance_uid": uid(f"{sample.name}/instance"),
        "kind": sample.frames[0].kind,
        "category": sample.frames[0].category,
        "labels": dict(sample.frames[0].labels),
        "outline_px": [_outline(frame.lesion) for frame in sample.frames],
    }
    path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _outline(lesion: NDArray[np.bool_]) -> list[list[int]]:
    outlines, _ = cv2.findContours(lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return []
    corners = cv2.approxPolyDP(max(outlines, key=cv2.contourArea), 1.0, True)[:, 0]
    return [[int(x), int(y)] for x, y in corners]


def _set_pixels(ds: Dataset, frames: NDArray[np.uint8]) -> None:
    """Image Pixel and, of a cine, Multi-frame and Cine modules (PS3.3 C.7.6.3, C.7.6.6, C.7.6.5)."""
    grey = (frames == frames[..., :1]).all()
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
        ds.FrameIncrementPointer = Tag("FrameTime")
        ds.FrameTime = FRAME_TIME_MS
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.SamplesPerPixel = 1 if grey else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if grey else "RGB"
    if not grey:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    stored = frames[..., 0] if grey else frames
    ds.PixelData = stored.tobytes() + b"\0" * (stored.size % 2)


def _region(bounds: tuple[int, int, int, int], mm_per_px: float) -> Dataset:
    """One item of US Region Calibration (PS3.3 C.8.5.5): 2-D tissue, in cm."""
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = 1
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = bounds[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = bounds[2:]
    item.ReferencePixelX0 = 0
    item.ReferencePixelY0 = 0
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = round(mm_per_px / 10, 8)
    return item
