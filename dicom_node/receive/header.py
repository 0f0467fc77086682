"""Reads the few attributes that reception decides by, from a data set that nobody has vouched for.

pydicom reads sequences by recursion and trusts declared lengths; at the network's edge neither is safe (a 3 GiB length
in a truncated file, sequences nested ten thousand deep). This walk is iterative, touches only the bytes of element
headers and of the wanted values (the file is mapped, never read whole), and is bounded in elements, depth and inflated
bytes. PS3.5 sections 7.1 (data elements) and 7.5 (nesting).
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_node.errors import UnreadableInstance

MAX_ELEMENTS = 1_000_000  # before the last wanted attribute: some seconds of work, more than any real header has
MAX_ELEMENTS_AFTER = 20_000  # after it, only to see whether the data set is whole
MAX_DEPTH = 64  # sequences inside sequences; real ones stay below ten, pydicom's recursion ends near 200
MAX_VALUE_BYTES = 1024
MAX_INFLATED_BYTES = 64 << 20

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010

SOP_CLASS_UID, SOP_INSTANCE_UID = 0x00080016, 0x00080018
STUDY_UID, SERIES_UID = 0x0020000D, 0x0020000E
MANUFACTURER = 0x00080070
CONTRIBUTING_EQUIPMENT = 0x0018A001
NUMBER_OF_FRAMES = 0x00280008
WANTED = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    MANUFACTURER: "Manufacturer",
    0x00181090: "CardiacNumberOfImages",
    STUDY_UID: "StudyInstanceUID",
    SERIES_UID: "SeriesInstanceUID",
    0x00200012: "AcquisitionNumber",
    0x00200032: "ImagePositionPatient",
    0x00200037: "ImageOrientationPatient",
    0x00200105: "NumberOfTemporalPositions",
    0x00201002: "ImagesInAcquisition",
    0x00201209: "NumberOfSeriesRelatedInstances",
    NUMBER_OF_FRAMES: "NumberOfFrames",
}
LAST_WANTED = max(WANTED)
REQUIRED = {
    SOP_CLASS_UID: "SOP Class UID (0008,0016)",
    SOP_INSTANCE_UID: "SOP Instance UID (0008,0018)",
    STUDY_UID: "Study Instance UID (0020,000D)",
    SERIES_UID: "Series Instance UID (0020,000E)",
}

SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


@dataclass(frozen=True)
class Header:
    """What reception needs to know of an instance; the four UIDs are checked, other values are text as it came."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    values: dict[str, str]
    contributing_manufacturers: tuple[str, ...]


class Encoding(NamedTuple):
    """How data elements are written."""

    explicit: bool
    little: bool


class _Container(NamedTuple):
    """A sequence, an item or encapsulated fragments that the walk is inside of; ``end`` None = until its delimiter."""

    kind: str
    end: int | None
    tag: int
    encoding: Encoding


def read_header(path: Path, offset: int, transfer_syntax_uid: str) -> Header:
    """The header of the data set that begins at ``offset`` of a file.

    Raises:
        UnreadableInstance: the data set cannot be understood; the message says where and why.
    """
    with _mapped(path) as data:
        if len(data) <= offset:
            raise UnreadableInstance("the data set is empty")
        if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            return _header(_inflate(data, offset), 0, Encoding(True, True), whole=False)
        return _header(data, offset, _encoding(data, offset, transfer_syntax_uid), whole=True)


def is_uid(text: str) -> bool:
    """Whether a value can serve as a UID: digits and dots, at most 64 (PS3.5 section 9.1, leading zeros tolerated)."""
    return 0 < len(text) <= 64 and text[0] != "." and text[-1] != "." and not set(text) - set("0123456789.")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _inflate(data: mmap.mmap | bytes, offset: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated, position = bytearray(), offset
    try:
        while position < len(data) and len(inflated) < MAX_INFLATED_BYTES and not inflater.eof:
            chunk = inflater.unconsumed_tail or data[position : position + 65536]
            if not inflater.unconsumed_tail:
                position += len(chunk)
            inflated += inflater.decompress(chunk, MAX_INFLATED_BYTES - len(inflated))
    except zlib.error as error:
        raise UnreadableInstance(f"the deflated data set cannot be inflated: {error}") from error
    if not inflated:
        raise UnreadableInstance("the deflated data set is empty")
    return bytes(inflated)


def _encoding(data: mmap.mmap | bytes, offset: int, transfer_syntax_uid: str) -> Encoding:
    """How the data set is really written: its first element shows it, and senders do get the VR wrong."""
    first = data[offset : offset + 8].ljust(8, b"\0")
    if first[:2] == b"\x02\x00" or data[offset + 128 : offset + 132] == b"DICM":
        raise UnreadableInstance("the data set begins with file meta information, as if a whole file had been sent")
    little = transfer_syntax_uid != ExplicitVRBigEndian
    group = int.from_bytes(first[:2], "little" if little else "big")
    if group in (0x0400, 0x0800):
        raise UnreadableInstance(
            f"the data set is written {'big' if little else 'little'} endian, but its presentation context says "
            f"{UID(transfer_syntax_uid).name}"
        )
    looks_explicit = first[4:6] in SHORT_VRS or first[4:6] in LONG_VRS
    explicit = looks_explicit if transfer_syntax_uid == ImplicitVRLittleEndian else looks_explicit or not little
    return Encoding(explicit, little)


def _header(data: mmap.mmap | bytes, offset: int, encoding: Encoding, whole: bool) -> Header:
    values: dict[int, str] = {}
    manufacturers: list[str] = []
    for tag, container, value in _wanted_values(data, offset, encoding, whole):
        text = value.decode("ascii", "replace").strip(" \0")
        if container == CONTRIBUTING_EQUIPMENT:
            manufacturers.append(text)
        else:
            values.setdefault(tag, text)
    for tag, name in REQUIRED.items():
        if not values.get(tag):
            raise UnreadableInstance(f"the data set has no {name}")
        if not is_uid(values[tag]):
            raise UnreadableInstance(f"the {name} of the data set is not a UID (digits and dots, at most 64)")
    return Header(
        values[SOP_CLASS_UID],
        values[SOP_INSTANCE_UID],
        values[STUDY_UID],
        values[SERIES_UID],
        {WANTED[tag]: text for tag, text in values.items()},
        tuple(manufacturers),
    )


def _wanted_values(
    data: mmap.mmap | bytes, position: int, encoding: Encoding, whole: bool
) -> Iterator[tuple[int, int, bytes]]:
    """(tag, tag of the sequence it is in or 0, value) of every wanted attribute; checks the structure on the way."""
    stack: list[_Container] = []
    size, budget, passed = len(data), MAX_ELEMENTS, False
    while True:
        while stack and stack[-1].end is not None and position >= stack[-1].end:
            position = stack.pop().end or position
        if position + 8 > size:
            if any(container.end is None for container in stack) and whole and not passed:
                raise UnreadableInstance(f"the data set ends inside the sequence {_name(stack[0].tag)}")
            return  # up to seven bytes of padding
        budget -= 1
        if budget < 0:
            if passed:
                return
            raise UnreadableInstance(f"the header has more than {MAX_ELEMENTS} elements")
        inside = stack[-1] if stack else None
        current = inside.encoding if inside else encoding
        tag, vr, length, position = _element(data, position, current)

        if not stack and tag > LAST_WANTED and not passed:
            passed, budget = True, MAX_ELEMENTS_AFTER
        if tag >> 16 == 0xFFFE:
            _enter_or_leave(stack, tag, length, position)
            if inside is None and tag == ITEM and length != UNDEFINED:
                position = _after(tag, position, length, size, whole)
            elif inside and inside.kind == "fragments" and tag == ITEM:
                position = _after(stack.pop().tag, position, length, size, whole)
            continue
        if not stack and tag == 0:
            return  # zeros behind the data set
        if inside and inside.kind != "item":
            raise UnreadableInstance(f"the sequence {_name(inside.tag)} holds {_name(tag)} where an item must begin")

        wanted_here = (not stack and tag in WANTED) or (
            tag == MANUFACTURER and len(stack) == 2 and stack[0].tag == CONTRIBUTING_EQUIPMENT
        )
        if length == UNDEFINED:
            kind = "fragments" if vr in (b"OB", b"OW") else "sequence"
            implicit_inside = vr == b"UN"  # PS3.5 section 6.2.2 note 2: UN of undefined length is Implicit VR inside
            _push(stack, _Container(kind, None, tag, Encoding(False, True) if implicit_inside else current))
        elif not stack and tag == CONTRIBUTING_EQUIPMENT and length:
            _after(tag, position, length, size, whole)
            _push(stack, _Container("sequence", position + length, tag, current))
        else:
            end = _after(tag, position, length, size, whole)
            if wanted_here:
                if length > MAX_VALUE_BYTES:
                    raise UnreadableInstance(
                        f"{_name(tag)} is {length} bytes long; at most {MAX_VALUE_BYTES} make sense"
                    )
                yield tag, stack[0].tag if stack else 0, bytes(data[position:end])
            position = end


def _element(data: mmap.mmap | bytes, position: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """(tag, VR or empty, length, where the value begins) of the element at ``position``; 8 bytes are there."""
    order = "<" if encoding.little else ">"
    group, element = struct.unpack_from(f"{order}HH", data, position)
    tag = group << 16 | element
    if group != 0xFFFE and encoding.explicit:
        vr = bytes(data[position + 4 : position + 6])
        (short,) = struct.unpack_from(f"{order}H", data, position + 6)
        if vr in SHORT_VRS:
            return tag, vr, short, position + 8
        if vr in LONG_VRS or (vr.isalpha() and vr.isupper()):  # a VR of a later edition has the long form
            if position + 12 > len(data):
                raise UnreadableInstance(f"the data set ends inside the header of {_name(tag)}")
            return tag, vr, struct.unpack_from(f"{order}L", data, position + 8)[0], position + 12
        # Two bytes that are no VR: an implicit element among explicit ones, or a VR that was never filled in.
        (implicit,) = struct.unpack_from(f"{order}L", data, position + 4)
        fits = position + 8 + implicit <= len(data)
        return tag, b"", implicit if fits else short, position + 8
    return tag, b"", struct.unpack_from(f"{order}L", data, position + 4)[0], position + 8


def _enter_or_leave(stack: list[_Container], tag: int, length: int, position: int) -> None:
    """Keeps the stack right at an item or a delimiter (PS3.5 section 7.5).

    One too many at the top level is passed over: scanners write a second delimiter, anonymisers leave an item behind.
    """
    if not stack:
        return
    if tag == ITEM:
        if stack[-1].kind == "item":
            raise UnreadableInstance(f"an item begins inside an item of {_name(stack[-1].tag)}")
        end = None if length == UNDEFINED else position + length
        _push(stack, _Container("item", end, stack[-1].tag, stack[-1].encoding))
    elif tag == ITEM_END:
        if stack[-1].kind == "item":
            stack.pop()
    elif tag == SEQUENCE_END:
        if stack[-1].kind == "item":  # the item's own delimiter was left out
            stack.pop()
        if stack:
            stack.pop()
    else:
        raise UnreadableInstance(f"{_name(tag)} is no item and no delimiter")


def _push(stack: list[_Container], container: _Container) -> None:
    if len(stack) >= 2 * MAX_DEPTH:
        raise UnreadableInstance(f"sequences are nested more than {MAX_DEPTH} deep, first {_name(stack[0].tag)}")
    stack.append(container)


def _after(tag: int, position: int, length: int, size: int, whole: bool) -> int:
    """Where the value ends; one missing byte of padding is forgiven."""
    if length == UNDEFINED or (whole and position + length > size + 1):
        raise UnreadableInstance(
            f"the data set is cut off: {_name(tag)} declares {length} bytes, {max(0, size - position)} are there"
        )
    return position + length


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
