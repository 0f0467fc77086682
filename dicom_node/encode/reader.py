"""A part-10 file of this node, read back without its pixels: they may be larger than the memory."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

_ELEMENT_HEADER = struct.Struct("<HH2sHL")  # Explicit VR Little Endian, a VR with a length of four bytes (PS3.5 7.1.2)


@dataclass(frozen=True, slots=True)
class PixelElement:
    """(7FE0,0010) as it lies in its file: bytes ``offset`` to ``offset`` + ``length``."""

    vr: str
    length: int
    offset: int


def read_without_pixels(path: Path) -> tuple[Dataset, PixelElement | None]:
    """The data set without its pixels, and where those lie in the file.

    Raises:
        ValueError: something else stands where the pixels should be; and what pydicom raises for a broken file.
    """
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        header = file.read(_ELEMENT_HEADER.size)
        if not header:
            return dataset, None
        group, element, vr, _, length = _ELEMENT_HEADER.unpack(header)
        if (group, element) != (0x7FE0, 0x0010):
            raise ValueError(f"({group:04x},{element:04x}) stands where pixel data are expected")
        return dataset, PixelElement(vr.decode("ascii"), length, file.tell())
