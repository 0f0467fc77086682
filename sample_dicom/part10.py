"""What all sample objects share: UIDs from names, pixels, calibrated regions, part-10 files with lossless pixels."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from dicom_node.series import UltrasoundRegion

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dicom-node:sample_dicom")
MANUFACTURER = "dicom-node simulator"


def uid(name: str) -> UID:
    """A UID derived from a name (PS3.5 B.2): always the same."""
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, name).int}")


def set_pixels(ds: Dataset, pixels: NDArray[np.uint8]) -> None:
    """Image Pixel module (PS3.3 C.7.6.3): (frames, rows, columns[, 3]) or (rows, columns[, 3])."""
    colour = pixels.shape[-1] == 3
    ds.Rows, ds.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)


def region_item(region: UltrasoundRegion) -> Dataset:
    """One item of US Region Calibration (PS3.3 C.8.5.5)."""
    item = Dataset()
    item.RegionSpatialFormat = int(region.format)
    item.RegionDataType = int(region.data)
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.x0, region.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.x1, region.y1
    if region.reference_x0 is not None and region.reference_y0 is not None:
        item.ReferencePixelX0, item.ReferencePixelY0 = region.reference_x0, region.reference_y0
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = int(region.unit_x), int(region.unit_y)
    item.PhysicalDeltaX, item.PhysicalDeltaY = region.delta_x, region.delta_y
    return item


def write(ds: Dataset, path: Path, transfer_syntax: UID = RLELossless) -> None:
    """Writes a part-10 file with lossless pixels (RLE: PS3.5 A.4.2; JPEG-LS: PS3.5 A.4.3)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    file = FileDataset(None, ds, file_meta=meta, preamble=b"\0" * 128)
    file.compress(transfer_syntax, generate_instance_uid=False)
    file.save_as(path, enforce_file_format=True)
