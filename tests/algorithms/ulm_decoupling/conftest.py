"""Drawn bubbles, volumes around arrays, and the same frames as a US multi-frame object."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from dicom_node.series import (
    ArrayPixels,
    Frame,
    FrameRef,
    RegionData,
    RegionFormat,
    RegionUnit,
    Timing,
    UltrasoundRegion,
    Volume,
)

SIGMA_PX = 1.6


@dataclass(frozen=True)
class Drawn:
    """Frames and where their bubbles are: rows of frame, x, y."""

    frames: np.ndarray
    truth: np.ndarray


@pytest.fixture(scope="session")
def draw() -> Callable[..., Drawn]:
    """A function: bubbles on straight lines (x, y, velocity x, velocity y), as a scanner would store them."""

    def draw(paths, count: int = 40, rows: int = 56, columns: int = 72, dtype=np.uint8, peak: float = 180.0) -> Drawn:
        y, x = np.mgrid[:rows, :columns]
        truth = np.array([(t, a + c * t, b + d * t) for t in range(count) for a, b, c, d in paths]).reshape(-1, 3)
        frames = np.abs(np.random.default_rng(5).normal(0, 3, (count, rows, columns)))
        for t, at_x, at_y in truth:
            frames[int(t)] += peak * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * SIGMA_PX**2))
        scale = np.iinfo(dtype).max / 255 if np.issubdtype(dtype, np.integer) else 1.0
        return Drawn(np.rint(frames.clip(0, 255) * scale).astype(dtype), truth)

    return draw


FOUR_PATHS = ((10, 12, 0.9, 0.2), (60, 14, -0.8, 0.3), (12, 44, 0.7, -0.2), (58, 42, -0.5, -0.4))


@pytest.fixture(scope="session")
def drawn(draw) -> Drawn:
    """Four bubbles that cross a picture of 56 x 72 in 40 frames."""
    return draw(FOUR_PATHS)


@pytest.fixture(scope="session")
def volume_of() -> Callable[..., Volume]:
    """A function: an array as a volume; anything else of it by keyword."""

    def volume_of(frames: np.ndarray, uid: str = "1.2.3", frame_time_s: float | None = None, **changes) -> Volume:
        if frame_time_s is not None:
            times = tuple(number * frame_time_s for number in range(len(frames)))
            changes["timing"] = Timing(times, "FrameTime")
        refs = (FrameRef(UltrasoundMultiFrameImageStorage, uid, number + 1) for number in range(len(frames)))
        made = {"series_uid": "1.2", "modality": "US", "bits_stored": 8 * frames.dtype.itemsize} | changes
        return Volume(tuple(map(Frame, refs)), ArrayPixels(frames), **made)

    return volume_of


@pytest.fixture(scope="session")
def region() -> Callable[..., UltrasoundRegion]:
    """A function: a 2-D tissue region in centimetres; anything else by keyword."""

    def region(x0: int, y0: int, x1: int, y1: int, row_mm=0.1, column_mm=0.1, **changes) -> UltrasoundRegion:
        made = {
            "format": RegionFormat.TWO_D,
            "data": RegionData.TISSUE,
            "unit_x": RegionUnit.CENTIMETRE,
            "unit_y": RegionUnit.CENTIMETRE,
            "delta_x": column_mm / 10,
            "delta_y": row_mm / 10,
        } | changes
        return UltrasoundRegion(x0, y0, x1, y1, **made)

    return region


@pytest.fixture(scope="session")
def us_multiframe() -> Callable[..., Path]:
    """A function: uint8 frames as a US multi-frame object with no more than it must have; other elements by keyword."""

    def write(frames: np.ndarray, path: Path, transfer_syntax=None, number: int = 1, **elements) -> Path:
        ds = Dataset()
        ds.SOPClassUID = UltrasoundMultiFrameImageStorage
        ds.SOPInstanceUID, ds.SeriesInstanceUID = f"1.2.826.0.1.3680043.8.498.{number}", "1.2.826.0.1.3680043.8.498.77"
        ds.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.78"
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "TEST^ULM", "T1", "", ""
        ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260105", "101500", "", ""
        ds.ReferringPhysicianName, ds.Manufacturer, ds.PatientOrientation = "", "", ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "US", 1, number
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
        ds.PixelData = frames.tobytes() + b"\0" * (frames.size % 2)
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        file = FileDataset(None, ds, file_meta=meta, preamble=b"\0" * 128)
        if transfer_syntax is not None:
            file.compress(transfer_syntax, generate_instance_uid=False)
        file.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture(scope="session")
def positions() -> Callable[[Path], np.ndarray]:
    """A function: (n, 3) frame, x, y of a CSV of positions, read without the code under test."""

    def read(path: Path) -> np.ndarray:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(int(r["frame"]), float(r["x_px"]), float(r["y_px"])) for r in csv.DictReader(file)]
        return np.array(rows, dtype=float).reshape(-1, 3)

    return read
