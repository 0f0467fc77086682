"""Encapsulated pixel data (PS3.5 A.4) walked item by item: is every fragment whole, before anything is decoded?"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from dicom_node.errors import UnreadableInstance
from dicom_node.load.instance import PixelElement

_ITEM = (0xFFFE, 0xE000)
_DELIMITER = (0xFFFE, 0xE0DD)


def check_fragments(path: Path, pixels: PixelElement, frames: int, name: str) -> None:
    """Walks the items of the pixel data element.

    Raises:
        UnreadableInstance: an item is cut off or no item, or there are fewer fragments than frames.
    """
    fragments = -1  # the first item is the Basic Offset Table
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        end = size if pixels.length is None else pixels.offset + pixels.length
        position = pixels.offset
        while True:
            if position + 8 > end:
                if pixels.length is None:
                    raise UnreadableInstance(f"{name}: truncated: the pixel data do not end with a sequence delimiter")
                break
            file.seek(position)
            group, element, length = struct.unpack("<HHL", file.read(8))
            if (group, element) == _DELIMITER:
                break
            if (group, element) != _ITEM:
                raise UnreadableInstance(
                    f"{name}: not encapsulated as its transfer syntax says: tag ({group:04X},{element:04X}) at byte "
                    f"{position} where an item should start"
                )
            position += 8 + length
            fragments += 1
            if position > size:
                raise UnreadableInstance(
                    f"{name}: truncated: fragment {max(fragments, 0)} of the pixel data should hold {length} bytes, "
                    f"the file has {length - (position - size)} of them"
                )
    if fragments < frames:
        raise UnreadableInstance(
            f"{name}: NumberOfFrames is {frames}, but the pixel data hold {max(fragments, 0)} fragment(s)"
        )
