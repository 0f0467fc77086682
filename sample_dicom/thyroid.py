"""A simulated thyroid ultrasound study: a stiff nodule on a scanner's screen, and a soft one as the picture alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundImageStorage

from algorithms.virtual_elastography.phantom import SIMULATED, Pair, PairOptions, random_screen
from sample_dicom.part10 import MANUFACTURER, set_pixels, uid

_SEED = (117, 5)
"""The same neck for both nodules, since a lesion is painted last; chosen for a picture that is easy to read."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image and the truth about it.

    Attributes:
        name: of the file, without its ending.
        pixels: (rows, cols, 3) the screen or (rows, cols) the picture.
        region_px: (x0, y0, x1, y1) of the 2-D region, inclusive.
        pair: what it was drawn from.
    """

    name: str
    pixels: NDArray[np.uint8]
    region_px: tuple[int, int, int, int]
    pair: Pair


def samples() -> Iterator[Sample]:
    """The images of the study, in their order."""
    stiff = random_screen(np.random.default_rng(_SEED), PairOptions("thyroid", "strain", "stiff"))
    yield Sample("thyroid_stiff", stiff.rgb, stiff.region_px, stiff.pair)
    soft = random_screen(np.random.default_rng(_SEED), PairOptions("thyroid", "strain", "soft")).pair
    rows, cols = soft.bmode.shape
    yield Sample("thyroid_soft", soft.bmode, (0, 0, cols - 1, rows - 1), soft)


def image(sample: Sample, number: int) -> Dataset:
    """The sample as an Ultrasound Image Storage object (PS3.3 A.6), the number-th of the series."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = UltrasoundImageStorage
    ds.SOPInstanceUID = uid(f"{sample.name}/instance")
    ds.PatientName = "SIMULATED^THYROID"
    ds.PatientID = "SIM-VE-001"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.StudyInstanceUID = uid("thyroid/study")
    ds.StudyID = "SIM4"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260108"
    ds.StudyTime = ds.SeriesTime = "140000"
    ds.ContentTime = ds.AcquisitionTime = f"1401{number:02d}"
    ds.StudyDescription = "Thyroid ultrasound (simulated)"
    ds.SeriesDescription = "Thyroid B-mode (simulated)"
    ds.AccessionNumber = "SIM0004"
    ds.ReferringPhysicianName = ""
    ds.Modality = "US"
    ds.SeriesInstanceUID = uid("thyroid/series")
    ds.SeriesNumber = 1
    ds.InstanceNumber = number
    ds.BodyPartExamined = "THYROID"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.virtual_elastography.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {'-'.join(map(str, _SEED))}"
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "SMALL PARTS", "0001"]
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.TransducerType = "LINEAR"
    set_pixels(ds, sample.pixels)
    ds.SequenceOfUltrasoundRegions = [_region(sample)]
    return ds


def write_truth(sample: Sample, path: Path) -> None:
    """The lesion's outline on the whole image, in pixels (x to the right, y down), and how stiff it is."""
    outlines, _ = cv2.findContours(sample.pair.lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = cv2.approxPolyDP(max(outlines, key=cv2.contourArea), 1.0, True)[:, 0]
    x0, y0 = sample.region_px[:2]
    truth = {
        "sop_instance_uid": uid(f"{sample.name}/instance"),
        "contrast": {1: "stiffer than its surroundings", -1: "softer than its surroundings"}[sample.pair.contrast],
        "stiffness_ratio": round(sample.pair.stiffness_ratio, 2),
        "look": sample.pair.look,
        "region_px": list(sample.region_px),
        "mm_per_px": round(sample.pair.mm_per_px, 4),
        "lesion_px": [[int(x) + x0, int(y) + y0] for x, y in outline],
    }
    path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def _region(sample: Sample) -> Dataset:
    """One item of US Region Calibration (PS3.3 C.8.5.5): 2-D tissue, in cm."""
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = 1
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = sample.region_px[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = sample.region_px[2:]
    item.ReferencePixelX0 = 0
    item.ReferencePixelY0 = 0
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = round(sample.pair.mm_per_px / 10, 8)
    return item
