"""Small DICOM files with known content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"

WriteImage = Callable[..., Path]


def image_dataset(pixels: NDArray, uid: str, **attributes: Any) -> Dataset:
    """A data set whose pixel module fits ``pixels``: (rows, columns), (frames, ...) or (..., 3) for colour."""
    dataset = Dataset()
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    grid = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    frames = int(np.prod(pixels.shape)) // (int(np.prod(grid)) * (3 if colour else 1))
    dataset.SOPClassUID = US_MULTI_FRAME
    dataset.SOPInstanceUID = uid
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.Modality = "US"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "SECRET-7"
    dataset.Rows, dataset.Columns = grid
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + bytes(pixels.nbytes % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    for keyword, value in attributes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Writes part 10 in ``syntax``; RLE and the like are compressed by pydicom."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == RLELossless or syntax.startswith("1.2.840.10008.1.2.4"):
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(path, enforce_file_format=True)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
        big = syntax == "1.2.840.10008.1.2.2"
        dataset.save_as(
            path, enforce_file_format=True, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=not big
        )
    return path


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """A function: (pixels, syntax=..., uid=..., **attributes) -> path of a new file."""
    count = 0

    def write(pixels: NDArray, syntax: str = ExplicitVRLittleEndian, uid: str | None = None, **attributes: Any) -> Path:
        nonlocal count
        count += 1
        dataset = image_dataset(pixels, uid or f"1.2.3.4.{count}", **attributes)
        return save(dataset, tmp_path / f"{count:03d}.dcm", syntax)

    return write


@pytest.fixture
def write_cine(write_image: WriteImage) -> Callable[..., Path]:
    """A function: (z_mm, trigger_ms, **attributes) -> one axial MR image whose pixels are all ``value``."""

    def write(z_mm: float, trigger_ms: float | None, value: int = 0, **attributes: Any) -> Path:
        return write_image(
            np.full((4, 5), value, np.uint16),
            **{
                "SOPClassUID": MR_IMAGE,
                "Modality": "MR",
                "ImagePositionPatient": [0.0, 0.0, z_mm],
                "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
                "PixelSpacing": [1.5, 1.25],
                "SliceThickness": 8.0,
                **({} if trigger_ms is None else {"TriggerTime": trigger_ms}),
                **attributes,
            },
        )

    return write


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
