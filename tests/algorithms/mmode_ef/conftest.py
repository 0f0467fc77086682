"""Screens as DICOM, strips and regions as values, and a stand-in for the networks that knows the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from algorithms.mmode_ef.algorithm import Seen
from algorithms.mmode_ef.detect import Detection
from algorithms.mmode_ef.gate import Verdict
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.points import Box
from algorithms.mmode_ef.regress import FoundPoints
from algorithms.mmode_ef.strip import Strip
from dicom_node.algorithm import ModelInfo
from dicom_node.series import RegionData, RegionFormat, RegionUnit, UltrasoundRegion

STUDY = "1.2.826.0.1.3680043.8.498.4"


@dataclass(frozen=True, eq=False)
class Knowing:
    """Networks that see what they are told: cycles (box, points) on the strip, the same on every strip."""

    cycles: Sequence[tuple[Sequence[float], np.ndarray]]
    verdict: Verdict = field(default_factory=lambda: Verdict(0.98, "lv", 0.98))
    probabilities: Sequence[float] = ()
    infos: tuple[ModelInfo, ...] = field(default=(ModelInfo("points", "1.0.0", "ab" * 32, simulated_only=True),))

    def look(self, strip: Strip, options: Options) -> Seen:
        certain = self.probabilities or [0.9] * len(self.cycles)
        found = tuple(
            (Detection(Box(*map(float, box)), p), FoundPoints(np.asarray(points, float), np.full((8, 2), 0.5)))
            for (box, points), p in zip(self.cycles, certain, strict=True)
        )
        return Seen(self.verdict, found)


@pytest.fixture(scope="session")
def knowing() -> type[Knowing]:
    """The stand-in's class."""
    return Knowing


@pytest.fixture(scope="session")
def region() -> Callable[..., UltrasoundRegion]:
    """A function: an M-mode region in seconds and cm; anything else by keyword."""

    def region(x0=0, y0=0, x1=399, y1=299, **changes) -> UltrasoundRegion:
        made = {
            "format": RegionFormat.M_MODE,
            "data": RegionData.TISSUE,
            "unit_x": RegionUnit.SECOND,
            "unit_y": RegionUnit.CENTIMETRE,
            "delta_x": 0.005,
            "delta_y": 0.04,
        } | changes
        return UltrasoundRegion(x0, y0, x1, y1, **made)

    return region


@pytest.fixture(scope="session")
def eight() -> Callable[..., np.ndarray]:
    """A function: (8, 2) points at two columns from the depths of the walls' sides (rows)."""

    def eight(ed_x: float, es_x: float, ed_rows=(40, 65, 190, 215), es_rows=(45, 80, 165, 210)) -> np.ndarray:
        rows = [*ed_rows, *es_rows]
        return np.column_stack([[ed_x] * 4 + [es_x] * 4, rows]).astype(float)

    return eight


@pytest.fixture(scope="session")
def us_image() -> Callable[..., Path]:
    """A function: RGB or grey frames as an ultrasound image with these regions; other elements by keyword."""

    def write(image: np.ndarray, regions: Sequence[UltrasoundRegion], path: Path, number=1, **elements) -> Path:
        frames = image if image.ndim == 4 else image[None]
        many = len(frames) > 1
        sop_class = UltrasoundMultiFrameImageStorage if many else UltrasoundImageStorage
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{STUDY}.2.{number}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"{STUDY}.2"
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "TEST^MMODE", "M1", "19700102", "F"
        ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260105", "101500", "S1", "A1"
        ds.ReferringPhysicianName, ds.Manufacturer, ds.PatientOrientation = "", "ACME", ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.BodyPartExamined = "US", 1, number, "HEART"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "ADULT ECHO", "0002"]
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.Rows, ds.Columns = frames.shape[1:3]
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
        ds.LossyImageCompression = "00"
        if many:
            ds.NumberOfFrames, ds.FrameTime, ds.FrameIncrementPointer = len(frames), "40", 0x00181063
        if regions:
            ds.SequenceOfUltrasoundRegions = [_region_item(one) for one in regions]
        pixels = frames.tobytes()
        ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
        path.parent.mkdir(parents=True, exist_ok=True)
        FileDataset(None, ds, file_meta=meta, preamble=b"\0" * 128).save_as(path, enforce_file_format=True)
        return path

    return write


def _region_item(region: UltrasoundRegion) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = int(region.format), int(region.data), 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.x0, region.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.x1, region.y1
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = int(region.unit_x), int(region.unit_y)
    item.PhysicalDeltaX, item.PhysicalDeltaY = float(region.delta_x), float(region.delta_y)
    return item
