"""Deflated files (PS3.5 A.5): inflated into the scratch folder, a block at a time, as Explicit VR Little Endian."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.errors import StorageError, UnreadableInstance
from dicom_node.load.header import reading

_BLOCK = 1024 * 1024
LARGEST_INFLATED_BYTES = 16 * 1024**3
ROOM_LEFT_BYTES = 64 * 1024**2


def inflate(path: Path, scratch: Path) -> Path:
    """Writes an inflated copy into ``scratch`` and returns its path.

    Raises:
        UnreadableInstance: the stream is broken, ends early or inflates beyond all measure.
        StorageError: no room in ``scratch``.
    """
    with reading(path):
        meta = read_file_meta_info(path)
        meta_length = int(meta.FileMetaInformationGroupLength)
    start = 132 + 12 + meta_length
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    handle, name = tempfile.mkstemp(suffix=".inflated.dcm", dir=scratch)
    with os.fdopen(handle, "wb") as out, path.open("rb") as file:
        out.write(bytes(128) + b"DICM")
        write_file_meta_info(out, meta, enforce_standard=False)
        file.seek(start)
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        pending = file.read(_BLOCK)
        while pending and not stream.eof:
            try:
                out.write(stream.decompress(pending, _BLOCK))
            except zlib.error as error:
                raise UnreadableInstance(f"{path.name}: the deflated data set is broken") from error
            pending = stream.unconsumed_tail or file.read(_BLOCK)
            if out.tell() > LARGEST_INFLATED_BYTES:
                raise UnreadableInstance(
                    f"{path.name}: deflated data set inflates to over {LARGEST_INFLATED_BYTES} bytes"
                )
            if shutil.disk_usage(scratch).free < ROOM_LEFT_BYTES:
                raise StorageError(f"no room in the scratch folder to inflate {path.name}")
        if not stream.eof:
            raise UnreadableInstance(f"{path.name}: truncated: the deflated data set ends early")
    return Path(name)
