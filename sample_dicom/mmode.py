"""Simulated M-mode screens as DICOM: one still, and one cine of a sweep that fills its strip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from algorithms.mmode_ef.phantom import SIMULATED, Screen, ScreenOptions, random_screen
from dicom_node.series import RegionFormat
from sample_dicom.part10 import MANUFACTURER, region_item, set_pixels, uid


@dataclass(frozen=True)
class Sample:
    """One committed object.

    Attributes:
        name: of its file.
        seed, options: of its screen.
        shares: how much of the sweep each frame shows; one frame makes a single-frame object.
    """

    name: str
    seed: int
    options: ScreenOptions
    shares: tuple[float, ...] = (1.0,)


_PLAIN = ScreenOptions(
    layouts=("classic",),
    noise_levels=("low",),
    heart_rate_bpm=(60.0, 75.0),
    ef_percent=(57.0, 63.0),
    jpeg_quality=None,
    sweep_bar_chance=0.0,
    calliper_chance=0.0,
)

STILL = Sample("mmode_phantom", 1, _PLAIN)
"""A healthy ventricle, sector above the strip, electrocardiogram in it."""

SWEEP = Sample(
    "mmode_sweep",
    17,
    ScreenOptions(
        layouts=("strip_only",),
        noise_levels=("low",),
        heart_rate_bpm=(80.0, 95.0),
        ef_percent=(28.0, 34.0),
        jpeg_quality=None,
        sweep_bar_chance=0.0,
        calliper_chance=0.0,
    ),
    shares=(0.6, 1.0),
)
"""A failing ventricle; the strip fills from frame to frame and is whole in the last."""

FRAME_TIME_MS = 800


def samples() -> Iterator[tuple[str, Screen, Dataset]]:
    """(name, screen with its truth, object) of each sample."""
    for number, sample in enumerate((STILL, SWEEP), start=1):
        screen = random_screen(np.random.default_rng(sample.seed), "lv", sample.options)
        yield sample.name, screen, _object(sample, screen, number)


def write_truth(screen: Screen, ds: Dataset, path: Path) -> None:
    """The truth as JSON: scale, cycles with boxes and points in pixels of the whole picture, lengths, volumes."""
    facts = {
        "sop_instance_uid": str(ds.SOPInstanceUID),
        "frame": int(ds.get("NumberOfFrames", 1)),
        "seconds_per_px": screen.seconds_per_px,
        "mm_per_px": screen.mm_per_px,
        "heart_rate_bpm": screen.heart_rate_bpm,
        "values": screen.values,
        "cycles": [
            {
                "box_px": cycle.box_px,
                "points_px": cycle.points_px,
                "complete": cycle.complete,
                "ectopic": cycle.ectopic,
                "values": cycle.values,
            }
            for cycle in screen.cycles
        ],
    }
    rounded = json.loads(json.dumps(facts), parse_float=lambda text: round(float(text), 6))
    path.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def frames(screen: Screen, shares: tuple[float, ...]) -> NDArray[np.uint8]:
    """(frames, rows, columns, 3): the strip and its trace are black where the sweep has not been yet."""
    strip = next(region for region in screen.regions if region.format is RegionFormat.M_MODE)
    traces = [region for region in screen.regions if region.format is RegionFormat.WAVE_FORM]
    stack = np.repeat(screen.image[None], len(shares), axis=0)
    for frame, share in zip(stack, shares, strict=True):
        start = strip.x0 + round(share * strip.columns)
        for region in (strip, *traces):
            frame[region.y0 : region.y1 + 1, start : strip.x1 + 1] = 0
    return stack


def _object(sample: Sample, screen: Screen, number: int) -> Dataset:
    """Ultrasound Image Storage, or Ultrasound Multi-frame Image Storage (PS3.3 A.6, A.7)."""
    ds = _patient_and_study(sample, number)
    ds.HeartRate = round(screen.heart_rate_bpm)
    ds.SOPClassUID = UltrasoundImageStorage if len(sample.shares) == 1 else UltrasoundMultiFrameImageStorage
    pixels = frames(screen, sample.shares)
    if len(sample.shares) > 1:
        ds.NumberOfFrames = len(pixels)
        ds.FrameIncrementPointer = 0x00181063  # FrameTime
        ds.FrameTime = str(FRAME_TIME_MS)
        ds.PreferredPlaybackSequencing = 0
    set_pixels(ds, pixels)
    ds.SequenceOfUltrasoundRegions = [region_item(region) for region in screen.regions]
    return ds


def _patient_and_study(sample: Sample, number: int) -> Dataset:
    """Patient, study, series, equipment, SOP common; each sample is a patient of its own."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPInstanceUID = uid(f"{sample.name}/instance")
    ds.PatientName = f"SIMULATED^MMODE^{number}"
    ds.PatientID = f"SIM-MM-{number:03d}"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.PatientAge = "060Y"
    ds.StudyInstanceUID = uid(f"{sample.name}/study")
    ds.StudyID = f"SIM3{number}"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260107"
    ds.StudyTime = "140000"
    ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = "140500"
    ds.StudyDescription = "Echocardiography (simulated)"
    ds.AccessionNumber = f"SIM003{number}"
    ds.ReferringPhysicianName = ""
    ds.Modality = "US"
    ds.SeriesInstanceUID = uid(f"{sample.name}/series")
    ds.SeriesNumber = 1
    ds.SeriesDescription = "LV M-mode (simulated)"
    ds.InstanceNumber = 1
    ds.BodyPartExamined = "HEART"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.mmode_ef.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {sample.seed}"
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "TTE", "0003"]  # 2-D 1 + M-mode 2 (PS3.3 C.8.5.6.1.1)
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.TransducerType = "SECTOR_PHASED"
    return ds
