"""What all sample objects share: UIDs from names, and part-10 files with lossless pixels."""

from __future__ import annotations

import uuid
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dicom-node:sample_dicom")
MANUFACTURER = "dicom-node simulator"


def uid(name: str) -> UID:
    """A UID derived from a name (PS3.5 B.2): always the same."""
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, name).int}")


def write(ds: Dataset, path: Path, transfer_syntax: UID = RLELossless) -> None:
    """Writes a part-10 file with lossless pixels (RLE: PS3.5 A.4.2; JPEG-LS: PS3.5 A.4.3)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    file = FileDataset(None, ds, file_meta=meta, preamble=b"\0" * 128)
    file.compress(transfer_syntax, generate_instance_uid=False)
    file.save_as(path, enforce_file_format=True)
