"""Two simulated pelvic examinations: ovaries, a cyst and what else is seen; and a solid-cystic mass with a cine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from algorithms.ovarian_classification.phantom import (
    SIMULATED,
    PictureOptions,
    SimulatedPicture,
    cine_of,
    picture_of,
)
from dicom_node.series import RegionData, RegionFormat, RegionUnit, UltrasoundRegion
from sample_dicom.part10 import MANUFACTURER, region_item, set_pixels, uid

_SEED = 31
FRAME_TIME_MS = 80.0
CINE_FRAMES = 8


@dataclass(frozen=True)
class Examination:
    """One patient's visit.

    Attributes:
        name: that UIDs are made of.
        number: in the patient's ID, the study's ID and the time.
        age: as DICOM writes it.
    """

    name: str
    number: int
    age: str


OVARIES = Examination("pelvis", 1, "034Y")
MASS = Examination("mass", 2, "061Y")


@dataclass(frozen=True, eq=False)
class Sample:
    """One object.

    Attributes:
        name: of its file, without the ending.
        frames: of a still one, of a cine more.
        examination: that it belongs to.
    """

    name: str
    frames: tuple[SimulatedPicture, ...]
    examination: Examination = OVARIES


_STILLS = (
    ("pelvis_right_ovary", OVARIES, "normal_ovary", 7, False),
    ("pelvis_left_ovary", OVARIES, "normal_ovary", 14, False),
    ("pelvis_cyst_flow", OVARIES, "doppler", 30, True),
    ("pelvis_uterus", OVARIES, "uterus", 44, False),
    ("pelvis_fluid", OVARIES, "ascites", 51, False),
    ("pelvis_rendered", OVARIES, "three_d", 84, False),
    ("mass_long", MASS, "high_grade_serous", 76, True),
    ("mass_across", MASS, "high_grade_serous", 74, True),
    ("mass_wall", MASS, "high_grade_serous", 70, False),
    ("mass_other_side", MASS, "normal_ovary", 15, False),
)
"""Name, examination, kind, seed, and whether callipers and labels are on it. Seeds chosen for what is easy to see."""


def samples() -> Iterator[Sample]:
    """The objects of both examinations, in their order; the cine is the last."""
    for name, examination, kind, seed, marks in _STILLS:
        options = _options(384, marks, monochrome=kind != "three_d")
        yield Sample(name, (picture_of(np.random.default_rng((_SEED, seed)), kind, options),), examination)
    cine = cine_of(
        np.random.default_rng((_SEED, 77)), "high_grade_serous", CINE_FRAMES, 3.0, _options(288, False, monochrome=True)
    )
    yield Sample("mass_cine", cine, MASS)


def _options(longest_px: int, marks: bool, *, monochrome: bool) -> PictureOptions:
    return PictureOptions(longest_px, False, "endocavity", marks, compressed=False, monochrome=monochrome)


def image(sample: Sample, number: int) -> Dataset:
    """The sample as an Ultrasound (Multi-frame) Image Storage object (PS3.3 A.6, A.7), the number-th of its series."""
    first, examination = sample.frames[0], sample.examination
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class_of(sample)
    ds.SOPInstanceUID = uid(f"{sample.name}/instance")
    ds.PatientName = f"SIMULATED^PELVIS^{examination.number}"
    ds.PatientID = f"SIM-OV-{examination.number:03d}"
    ds.PatientBirthDate = ""
    ds.PatientSex = "F"
    ds.PatientAge = examination.age
    ds.StudyInstanceUID = uid(f"{examination.name}/study")
    ds.StudyID = f"SIM5{examination.number}"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = f"202601{8 + examination.number:02d}"
    ds.StudyTime = ds.SeriesTime = "150000"
    ds.ContentTime = ds.AcquisitionTime = f"1501{number:02d}"
    ds.StudyDescription = "Pelvic ultrasound (simulated)"
    ds.SeriesDescription = "Transvaginal, adnexa (simulated)"
    ds.AccessionNumber = f"SIM005{examination.number}"
    ds.ReferringPhysicianName = ""
    ds.Modality = "US"
    clip = len(sample.frames) > 1
    ds.SeriesInstanceUID = uid(f"{examination.name}/series{'/clips' if clip else ''}")
    ds.SeriesNumber = 2 if clip else 1
    ds.InstanceNumber = number
    ds.BodyPartExamined = "PELVIS"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.ovarian_classification.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {_SEED}"
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "GYNECOLOGY", _shown(first)]
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.TransducerType = "ENDOCAV_CLA"
    if clip:
        _set_cine(ds, len(sample.frames))
    set_pixels(ds, _pixels(sample.frames))
    if first.mm_per_px is not None:
        ds.SequenceOfUltrasoundRegions = [region_item(region) for region in _regions(first, first.mm_per_px)]
    return ds


def sop_class_of(sample: Sample) -> UID:
    """Of a still or of a cine."""
    return UltrasoundMultiFrameImageStorage if len(sample.frames) > 1 else UltrasoundImageStorage


def write_truth(sample: Sample, path: Path) -> None:
    """What is seen, and for each frame the outline of lesion or ovary on the whole image (x to the right, y down)."""
    first = sample.frames[0]
    truth = {
        "sop_instance_uid": uid(f"{sample.name}/instance"),
        "kind": first.kind,
        "category": first.category,
        "labels": dict(first.labels),
        "mm_per_px": None if first.mm_per_px is None else round(first.mm_per_px, 4),
        "outline_px": [_outline(frame.lesion) for frame in sample.frames],
    }
    path.write_text(json.dumps(truth) + "\n", encoding="utf-8")


def _shown(picture: SimulatedPicture) -> str:
    """Value 4 of Image Type (PS3.3 C.8.5.6.1.1): 2-D 1, colour Doppler 10, 3-D rendering 40 (hexadecimal)."""
    if picture.labels.get("three_d"):
        return "0040"
    return "0011" if picture.flow_region else "0001"


def _outline(lesion: NDArray[np.bool_]) -> list[list[int]]:
    outlines, _ = cv2.findContours(lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return []
    corners = cv2.approxPolyDP(max(outlines, key=cv2.contourArea), 1.0, True)[:, 0]
    return [[int(x), int(y)] for x, y in corners]


def _set_cine(ds: Dataset, frames: int) -> None:
    """Multi-frame and Cine modules (PS3.3 C.7.6.6, C.7.6.5)."""
    ds.NumberOfFrames = frames
    ds.FrameIncrementPointer = 0x00181063  # FrameTime
    ds.FrameTime = f"{FRAME_TIME_MS:g}"
    ds.PreferredPlaybackSequencing = 0


def _pixels(frames: tuple[SimulatedPicture, ...]) -> NDArray[np.uint8]:
    """One plane where nothing is coloured; without the first axis for a still."""
    pixels = np.stack([frame.rgb for frame in frames])
    if (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    return pixels if len(frames) > 1 else pixels[0]


def _regions(picture: SimulatedPicture, mm_per_px: float) -> Iterator[UltrasoundRegion]:
    """Where tissue is shown, and where flow is, both in cm."""
    cm = round(mm_per_px / 10, 8)
    both = ((RegionData.TISSUE, picture.region), (RegionData.COLOR_FLOW, picture.flow_region))
    for data, bounds in both:
        if bounds is not None:
            yield UltrasoundRegion(
                *bounds, RegionFormat.TWO_D, data, RegionUnit.CENTIMETRE, RegionUnit.CENTIMETRE, cm, cm
            )
