"""Part-10 files whose pixels are never in memory as a whole."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node import IMPLEMENTATION_CLASS_UID, __version__
from dicom_node.codes import Code
from dicom_node.encode.items import concept, declare_local_codes, fit
from dicom_node.encode.job import EncodedObject
from dicom_node.errors import InvalidResult
from dicom_node.series import PixelSource

TRANSFER_SYNTAX_UID = str(ExplicitVRLittleEndian)
FRAMES_AT_ONCE = 16
_LARGEST_ELEMENT = 2**32 - 2
_UNDEFINED_LENGTH = 0xFFFFFFFF


class FrameItems:
    """Per-frame Functional Groups Sequence (5200,9230), kept encoded: thousands of data sets would fill the memory."""

    def __init__(self) -> None:
        self._encoded = bytearray()

    def append(self, item: Dataset) -> None:
        """Adds the item of the next frame."""
        self._encoded += _encoded_item(item)

    def write(self, file: BinaryIO) -> None:
        """The element, in Explicit VR Little Endian."""
        file.write(struct.pack("<HH2sHL", 0x5200, 0x9230, b"SQ", 0, _UNDEFINED_LENGTH))
        file.write(self._encoded)
        file.write(struct.pack("<HHL", 0xFFFE, 0xE0DD, 0))


@lru_cache(maxsize=64)
def encoded_code_sequence(keyword: str, code: Code) -> RawDataElement:
    """A code sequence that is encoded once and put into every frame's item."""
    body = _encoded_item(concept(code))
    return RawDataElement(Tag(keyword), "SQ", len(body), body, 0, False, True)


def _encoded_item(item: Dataset) -> bytes:
    """A sequence item in Explicit VR Little Endian, of a defined length (PS3.5 7.5.1)."""
    _declare_encoding(item)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, item)
    body = buffer.getvalue()
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(body)) + body


def _declare_encoding(item: Dataset) -> None:
    """Says that no VR is ambiguous here: pydicom would look for one at every level, and decode what is encoded."""
    item.set_original_encoding(False, True, default_encoding)
    for element in item.elements():
        if element.VR == "SQ" and not isinstance(element, RawDataElement):
            for child in element.value:
                _declare_encoding(child)


def write_object(
    dataset: Dataset,
    role: str,
    folder: Path,
    pixels: Iterable[bytes | memoryview] | None = None,
    frame_items: FrameItems | None = None,
) -> EncodedObject:
    """Writes ``<role>.dcm`` into ``folder``: the data set, then what is too large to be part of it.

    ``pixels`` are the bytes of (7FE0,0010) in order; their number follows from the Image Pixel module.

    Raises:
        InvalidResult: more pixels than one element can hold, or not as many as the header says.
    """
    declare_local_codes(dataset)
    dataset.file_meta = _file_meta(dataset)
    path = folder / f"{role}.dcm"
    with path.open("wb") as file:
        dcmwrite(file, dataset, enforce_file_format=True)
        if frame_items is not None:
            frame_items.write(file)
        if pixels is not None:
            _write_pixels(file, pixels, pixel_bytes(dataset), dataset.BitsAllocated, role)
    return EncodedObject(
        path,
        role,
        str(dataset.SOPClassUID),
        str(dataset.SOPInstanceUID),
        str(dataset.SeriesInstanceUID),
        TRANSFER_SYNTAX_UID,
    )


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = fit(f"DICOMNODE {__version__}", 16)
    return meta


def pixel_bytes(dataset: Dataset) -> int:
    """Bytes of the native pixels that the Image Pixel module describes, without padding."""
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
    return (bits * int(dataset.get("NumberOfFrames") or 1) + 7) // 8


def _write_pixels(
    file: BinaryIO, pixels: Iterable[bytes | memoryview], expected: int, bits_allocated: int, role: str
) -> None:
    length = expected + expected % 2
    if length > _LARGEST_ELEMENT:
        raise InvalidResult(
            f"{role}: {expected} bytes of pixels do not fit one DICOM element (4 GiB at most): "
            "give fewer or smaller frames"
        )
    vr = b"OW" if bits_allocated > 8 else b"OB"
    file.write(struct.pack("<HH2sHL", 0x7FE0, 0x0010, vr, 0, length))
    written = 0
    for part in pixels:
        written += file.write(part)
    if written != expected:
        raise InvalidResult(f"{role}: {written} bytes of pixels were given, {expected} follow from its header")
    if length != expected:
        file.write(b"\0")


def chunks_of(source: PixelSource, frames_at_once: int = FRAMES_AT_ONCE) -> Iterator[NDArray]:
    """The frames of a pixel source, a few at a time, in order."""
    count = source.shape[0]
    for start in range(0, count, frames_at_once):
        yield np.ascontiguousarray(source.read(start, min(start + frames_at_once, count)))


def bytes_of(arrays: Iterable[NDArray]) -> Iterator[memoryview]:
    """Arrays as the bytes of little endian pixel data."""
    for array in arrays:
        yield memoryview(array.astype(array.dtype.newbyteorder("<"), copy=False)).cast("B")
