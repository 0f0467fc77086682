"""One part-10 file, opened: its header without the pixels, and where the pixels lie in the file.

Everything that the header promises about the pixels is held against the file's real length here, before
anything is allocated or decoded.
"""

from __future__ import annotations

import math
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.errors import UnreadableInstance
from dicom_node.load.deflated import inflate
from dicom_node.load.header import reading, text, whole

PIXEL_KEYWORDS = {
    Tag(0x7FE0, 0x0010): "PixelData",
    Tag(0x7FE0, 0x0008): "FloatPixelData",
    Tag(0x7FE0, 0x0009): "DoubleFloatPixelData",
}
KNOWN_PHOTOMETRIC = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
"""Photometric Interpretation (0028,0004) that can be turned into grey or RGB, and its Samples per Pixel."""

DEFERRED_SIZE = 4 * 1024 * 1024  # header values over this stay in the file until asked for
LARGEST_FRAME_BYTES = 1024**3
NATIVE_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    "1.2.840.113619.5.2",  # GE private: implicit header, big endian pixels; never decoded, see pixels.py
)
_UNDEFINED = 0xFFFFFFFF
UID_CHARACTERS = re.compile(r"[0-9.]{1,64}")  # leading zeros in a component occur in real files and do no harm here


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the pixel data lie: ``offset`` of the value's first byte; ``length`` is ``None`` where undefined."""

    keyword: str
    vr: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Image:
    """What the header says of the pixels (PS3.3 C.7.6.3), checked to be whole and sane."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def stored_frame_bits(self) -> int:
        """Bits of one frame as it is stored without compression."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated


@dataclass(frozen=True, slots=True)
class Instance:
    """An opened SOP instance. ``image`` and ``pixels`` are ``None`` where it has no pixel data.

    ``path`` is the file as it came, ``pixel_path`` the one that holds the pixels (the inflated copy of a
    deflated file, else the same).
    """

    path: Path
    pixel_path: Path
    header: Dataset
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    transfer_syntax: UID
    pixel_syntax: UID
    pixels: PixelElement | None
    image: Image | None


def describe(sop_instance_uid: str, transfer_syntax: UID | str) -> str:
    """How messages name an instance."""
    if not UID_CHARACTERS.fullmatch(sop_instance_uid):  # a broken one may have swallowed other parts of the header
        sop_instance_uid = "(malformed UID)" if sop_instance_uid else "(no UID)"
    if not UID_CHARACTERS.fullmatch(transfer_syntax):
        return f"SOP instance {sop_instance_uid}, transfer syntax (malformed UID)"
    syntax = as_uid(transfer_syntax)
    name = f"{syntax} ({syntax.name})" if syntax.name != syntax else str(syntax)
    return f"SOP instance {sop_instance_uid}, transfer syntax {name}"


def as_uid(text: str) -> UID:
    """A UID as pydicom has it, without its warning about malformed ones."""
    return UID(text, validation_mode=IGNORE)


def open_instance(path: Path, scratch: Path) -> Instance:
    """Opens one file.

    Raises:
        UnreadableInstance: the bytes are no DICOM object, or contradict themselves.
        StorageError: the file cannot be read, or there is no room to inflate it.
    """
    with reading(path):
        deflated = _named_syntax(path) == DeflatedExplicitVRLittleEndian
    pixel_path = inflate(path, scratch) if deflated else path
    with pixel_path.open("rb") as file:
        with reading(path):
            header = dcmread(file, stop_before_pixels=True, defer_size=DEFERRED_SIZE, force=True)
        pixel_syntax = _transfer_syntax(header)
        pixels = _pixel_element(file, pixel_syntax)
        size = os.fstat(file.fileno()).st_size
    syntax = DeflatedExplicitVRLittleEndian if deflated else pixel_syntax
    uids = _uids(header, path, syntax)
    image = None
    if pixels is not None:
        name = describe(uids[1], syntax)
        image = _image(header, pixels, name)
        _check_length(image, pixels, pixel_syntax, size, name)
    return Instance(path, pixel_path, header, *uids, syntax, pixel_syntax, pixels, image)


def _named_syntax(path: Path) -> str:
    """Transfer Syntax UID of the file meta information, '' where the file has none."""
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return ""
    return text(read_file_meta_info(path), "TransferSyntaxUID")


def _transfer_syntax(header: Dataset) -> UID:
    named = text(getattr(header, "file_meta", Dataset()), "TransferSyntaxUID")
    if named:
        return as_uid(named)
    implicit, little = header.original_encoding  # no file meta: what pydicom recognised
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _pixel_element(file: BinaryIO, syntax: UID) -> PixelElement | None:
    """Reads the element header that ``file`` stands at, after dcmread stopped before the pixels."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    start = file.tell()
    head = file.read(12)
    if len(head) < 8:
        return None
    keyword = PIXEL_KEYWORDS.get(Tag(*struct.unpack(f"{order}HH", head[:4])))
    if keyword is None:
        return None
    if head[4:6].isalpha() and len(head) == 12:
        vr, length, offset = head[4:6].decode(), struct.unpack(f"{order}L", head[8:])[0], start + 12
    else:
        vr, length, offset = "OW", struct.unpack(f"{order}L", head[4:8])[0], start + 8
    return PixelElement(keyword, vr, offset, None if length == _UNDEFINED else length)


def _uids(header: Dataset, path: Path, syntax: UID) -> tuple[str, str, str, str]:
    meta = getattr(header, "file_meta", Dataset())
    sop_class = text(header, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")
    instance = text(header, "SOPInstanceUID") or text(meta, "MediaStorageSOPInstanceUID")
    found = {
        "SOPClassUID": sop_class,
        "SOPInstanceUID": instance,
        "SeriesInstanceUID": text(header, "SeriesInstanceUID"),
        "StudyInstanceUID": text(header, "StudyInstanceUID"),
    }
    if not sop_class:
        raise UnreadableInstance(f"{path.name}: no DICOM object: it names no SOP class")
    wrong = [keyword for keyword, uid in found.items() if not UID_CHARACTERS.fullmatch(uid)]
    if wrong:
        raise UnreadableInstance(
            f"{describe(instance, syntax)}: {', '.join(wrong)} absent or no UID; a result could not name its source"
        )
    return sop_class, instance, found["SeriesInstanceUID"], found["StudyInstanceUID"]


def _image(header: Dataset, pixels: PixelElement, name: str) -> Image:
    bits_allocated = whole(header, "BitsAllocated")
    samples = whole(header, "SamplesPerPixel")
    sizes = {"Rows": whole(header, "Rows"), "Columns": whole(header, "Columns"), "BitsAllocated": bits_allocated}
    missing = [keyword for keyword, found in sizes.items() if not found or found < 1]
    if missing:
        raise UnreadableInstance(f"{name}: {', '.join(missing)} absent or not above 0; the pixels have no shape")
    photometric = text(header, "PhotometricInterpretation").upper()
    if KNOWN_PHOTOMETRIC.get(photometric) != (samples or 1):
        raise UnreadableInstance(
            f"{name}: PhotometricInterpretation {photometric or '(absent)'} with SamplesPerPixel "
            f"{samples or '(absent)'} cannot be turned into grey or RGB; needed: {', '.join(KNOWN_PHOTOMETRIC)}"
        )
    if bits_allocated not in (1, 8, 16, 32, 64):
        raise UnreadableInstance(f"{name}: BitsAllocated {bits_allocated}; 1, 8, 16, 32 or 64 can be read")
    stored = whole(header, "BitsStored") or bits_allocated
    if not 1 <= stored <= bits_allocated:
        raise UnreadableInstance(f"{name}: BitsStored {stored} does not fit BitsAllocated {bits_allocated}")
    frames = whole(header, "NumberOfFrames")
    if frames is not None and frames < 0:
        raise UnreadableInstance(f"{name}: NumberOfFrames {frames} is negative")
    image = Image(
        rows=int(sizes["Rows"] or 0),
        columns=int(sizes["Columns"] or 0),
        frames=frames or 1,
        samples=samples or 1,
        photometric=photometric,
        bits_allocated=bits_allocated,
        bits_stored=bits_allocated if pixels.keyword != "PixelData" else stored,
        signed=whole(header, "PixelRepresentation") == 1,
    )
    if image.stored_frame_bits / 8 > LARGEST_FRAME_BYTES:
        raise UnreadableInstance(
            f"{name}: one frame of {image.rows} x {image.columns} pixels is over {LARGEST_FRAME_BYTES} bytes"
        )
    return image


def _check_length(image: Image, pixels: PixelElement, syntax: UID, file_size: int, name: str) -> None:
    """Holds the declared pixel data against the bytes that are there.

    Raises:
        UnreadableInstance: fewer bytes than rows x columns x frames need, or a compressed stream without
            the items it must consist of (PS3.5 A.4).
    """
    there = file_size - pixels.offset
    if pixels.length is not None:
        if pixels.length > there:
            raise UnreadableInstance(
                f"{name}: truncated: the pixel data should hold {pixels.length} bytes, the file has {there} of them"
            )
        there = pixels.length
    if is_encapsulated(syntax):
        if image.frames * 8 > there:  # every frame is one item at least, and an item has an 8 byte head
            raise UnreadableInstance(f"{name}: {image.frames} frames cannot lie in {there} bytes of pixel data")
        return
    if pixels.length is None:
        raise UnreadableInstance(f"{name}: pixel data of undefined length, but the transfer syntax does not compress")
    expected = math.ceil(image.stored_frame_bits * image.frames / 8)
    if there < expected:
        raise UnreadableInstance(
            f"{name}: {image.frames} frame(s) of {image.rows} x {image.columns} pixels need {expected} bytes "
            f"of pixel data; {there} are there"
        )


def is_encapsulated(syntax: UID) -> bool:
    """Whether pixel data lie in fragments (PS3.5 A.4). Unknown transfer syntaxes: yes, as none other is added."""
    return syntax not in NATIVE_SYNTAXES
