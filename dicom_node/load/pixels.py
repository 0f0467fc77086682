"""Pixels of one instance, a frame at a time, with pydicom's decoders.

Native pixels are read straight from the file when they are asked for. Compressed ones are decoded once, frame
by frame, into a file in the scratch folder: what cannot be decoded shows while loading, and a frame is at hand
later wherever it lies. Files are read, not mapped: memory holds only what was asked for, and a file that shrinks
under the reader is an error instead of a bus error.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import as_pixel_options, get_decoder
from pydicom.pixels.decoders.base import Decoder

from dicom_node.errors import StorageError, UnreadableInstance
from dicom_node.load.deflated import ROOM_LEFT_BYTES
from dicom_node.load.fragments import check_fragments
from dicom_node.load.header import PYDICOM_ERRORS
from dicom_node.load.instance import Instance, describe, is_encapsulated


class StoredFrames(Protocol):
    """Decoded frames of one instance as they are stored: no palette, no rescale; YBR is RGB already."""

    @property
    def frame_shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    def iterate(self, start: int, stop: int) -> Iterator[NDArray]:
        """Frames ``start`` <= i < ``stop``, one by one; each (rows, columns) or (rows, columns, 3)."""
        ...


def open_frames(instance: Instance, scratch: Path) -> StoredFrames:
    """The frames of an instance that has pixels.

    Raises:
        UnreadableInstance: they cannot be decoded; names the instance, its transfer syntax and what is missing.
        StorageError: no room in ``scratch``.
    """
    try:
        if is_encapsulated(instance.pixel_syntax):
            return _decode_to_scratch(instance, scratch)
        return _native(instance)
    except NotImplementedError as error:
        raise UnreadableInstance(
            f"{describe(instance.sop_instance_uid, instance.transfer_syntax)}: no decoder for this transfer syntax "
            "is installed; let the sender send Explicit VR Little Endian, RLE, JPEG, JPEG-LS or JPEG 2000"
        ) from error


@dataclass(frozen=True, slots=True)
class NativeFrames:
    """Frames of an uncompressed instance, read from its file at each call."""

    instance: Instance
    options: dict[str, Any]
    frame_shape: tuple[int, ...]
    dtype: np.dtype

    def iterate(self, start: int, stop: int) -> Iterator[NDArray]:
        yield from _decoded(self.instance, self.options, range(start, stop))


@dataclass(frozen=True, slots=True)
class ScratchFrames:
    """Frames that were decoded into a scratch file, one after the other."""

    path: Path
    frame_shape: tuple[int, ...]
    dtype: np.dtype

    def iterate(self, start: int, stop: int) -> Iterator[NDArray]:
        pixels = int(np.prod(self.frame_shape))
        with self.path.open("rb") as file:
            file.seek(start * pixels * self.dtype.itemsize)
            for _ in range(start, stop):
                frame = np.fromfile(file, self.dtype, pixels)
                if frame.size != pixels:
                    raise StorageError(f"the scratch file {self.path.name} is shorter than it was written")
                yield frame.reshape(self.frame_shape)


def _native(instance: Instance) -> NativeFrames:
    options = _options(instance)
    first = next(_decoded(instance, options, range(1)))
    return NativeFrames(instance, options, first.shape, first.dtype.newbyteorder("="))


def _options(instance: Instance) -> dict[str, Any]:
    image = instance.image
    assert image is not None
    assert instance.pixels is not None
    return as_pixel_options(
        instance.header,
        samples_per_pixel=image.samples,
        photometric_interpretation=image.photometric,
        number_of_frames=image.frames,
        bits_stored=image.bits_stored,
        pixel_representation=int(image.signed),
        pixel_keyword=instance.pixels.keyword,
        pixel_vr=instance.pixels.vr,
        allow_excess_frames=False,
        **({"planar_configuration": 0} if image.samples == 3 and "PlanarConfiguration" not in instance.header else {}),
    )


def _decoded(instance: Instance, options: dict[str, Any], indices: range | None) -> Iterator[NDArray]:
    """Decoded frames in native byte order; ``None``: all, in the order of the file."""
    if indices is not None and not indices:
        return
    assert instance.pixels is not None
    decoder = _decoder(instance)
    if not decoder.is_available:
        raise NotImplementedError(instance.pixel_syntax)
    try:
        with instance.pixel_path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.seek(instance.pixels.offset)
            for frame, _ in decoder.iter_array(file, indices=indices, **options):
                yield frame if frame.dtype.isnative else frame.astype(frame.dtype.newbyteorder("="))
    except PYDICOM_ERRORS as error:
        name = describe(instance.sop_instance_uid, instance.transfer_syntax)
        raise UnreadableInstance(f"{name}: the pixels cannot be decoded: {_why(error)}") from error
    except OSError as error:
        raise StorageError(f"{instance.path.name} cannot be read: {error.strerror or error}") from error


def _decoder(instance: Instance) -> Decoder:
    """Raises NotImplementedError where there is none for the transfer syntax."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a malformed UID, which it quotes
        return get_decoder(instance.pixel_syntax)


def _why(error: BaseException) -> str:
    """The decoder's own words, on one line and not at length; they speak of the stream, not of the patient."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _decode_to_scratch(instance: Instance, scratch: Path) -> ScratchFrames:
    image = instance.image
    assert image is not None
    assert instance.pixels is not None
    name = describe(instance.sop_instance_uid, instance.transfer_syntax)
    _decoder(instance)  # NotImplementedError before any work
    check_fragments(instance.pixel_path, instance.pixels, image.frames, name)
    needed = image.rows * image.columns * image.samples * max(1, image.bits_allocated // 8) * image.frames
    free = shutil.disk_usage(scratch).free
    if needed + ROOM_LEFT_BYTES > free:
        raise StorageError(f"{name}: {needed} bytes are needed to decode it, the scratch folder has {free} free")
    shape, dtype, count = None, None, 0
    handle, path = tempfile.mkstemp(suffix=".frames", dir=scratch)
    with os.fdopen(handle, "wb") as out:
        for frame in _decoded(instance, _options(instance), None):
            if shape is None:
                shape, dtype = frame.shape, frame.dtype
            if (frame.shape, frame.dtype) != (shape, dtype):
                raise UnreadableInstance(f"{name}: frame {count + 1} decodes to another size than the first")
            out.write(np.ascontiguousarray(frame).data)
            count += 1
            if count == image.frames:
                break
    if shape is None or dtype is None or count < image.frames:
        raise UnreadableInstance(
            f"{name}: NumberOfFrames is {image.frames}, but {count} frame(s) are in the pixel data"
        )
    return ScratchFrames(Path(path), shape, dtype)
