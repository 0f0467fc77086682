"""From stored values to what an algorithm sees: palette to RGB, MONOCHROME1 turned over, modality rescale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut

from dicom_node.errors import UnreadableInstance
from dicom_node.load.header import PYDICOM_ERRORS, items, numbers
from dicom_node.load.instance import Instance, describe
from dicom_node.load.pixels import StoredFrames


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour table: RGB of stored value ``first`` onwards; values outside take the nearest end (C.7.6.3.1.5)."""

    first: int
    rgb: NDArray[np.uint8]

    def apply(self, frame: NDArray) -> NDArray[np.uint8]:
        """(rows, columns) of stored values to (rows, columns, 3)."""
        return self.rgb[np.clip(frame.astype(np.int64) - self.first, 0, len(self.rgb) - 1)]


def palette_of(instance: Instance) -> Palette:
    """The palette of a PALETTE COLOR image, brought to 8 bits per colour.

    Raises:
        UnreadableInstance: the look-up tables are absent or broken.
    """
    descriptor = numbers(instance.header, "RedPaletteColorLookupTableDescriptor")
    name = describe(instance.sop_instance_uid, instance.transfer_syntax)
    if descriptor is None or len(descriptor) != 3:
        raise UnreadableInstance(f"{name}: PALETTE COLOR without a valid palette descriptor")
    entries, first, bits = (int(number) for number in descriptor)
    entries = entries or 65536
    first = first - 65536 if instance.image and instance.image.signed and first > 32767 else first
    try:
        stored = np.arange(first, first + entries, dtype=np.int64)
        table = apply_color_lut(stored, instance.header)
    except PYDICOM_ERRORS as error:
        raise UnreadableInstance(f"{name}: the colour palette cannot be read ({type(error).__name__})") from error
    if bits > 8 and table.max() > 255:  # 16-bit entries; a writer that put 8-bit values into them is left as it is
        table = table >> 8
    return Palette(first, table.astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to the stored frames of one instance (or one frame of it): one thing, or nothing."""

    palette: Palette | None = None
    modality_lut: Dataset | None = None
    rescale: tuple[float, float] | None = None
    invert_from: int | None = None

    @property
    def is_quantity(self) -> bool:
        """Whether a modality transform turns stored values into a quantity (float32)."""
        return self.modality_lut is not None or self.rescale is not None

    def apply(self, frame: NDArray) -> NDArray:
        """(rows, columns[, 3]) as stored to what the algorithm sees."""
        if self.palette is not None:
            return self.palette.apply(frame)
        if self.modality_lut is not None:
            return apply_modality_lut(frame, self.modality_lut).astype(np.float32)
        if self.rescale is not None:
            slope, intercept = self.rescale
            return (frame.astype(np.float64) * slope + intercept).astype(np.float32)
        if self.invert_from is not None:
            return (self.invert_from - frame.astype(np.int64)).astype(frame.dtype)
        return frame


def finish_of(instance: Instance, palette: Palette | None, rescale: tuple[float, float] | None) -> Finish:
    """What the header asks for. MONOCHROME1 is turned over in its stored range, unless the values are a quantity."""
    image = instance.image
    assert image is not None
    if palette is not None or image.samples == 3:
        return Finish(palette)
    if items(instance.header, "ModalityLUTSequence"):
        return Finish(modality_lut=instance.header)
    if rescale is not None:
        return Finish(rescale=rescale)
    if image.photometric == "MONOCHROME1" and instance.pixels is not None and instance.pixels.keyword == "PixelData":
        return Finish(invert_from=-1 if image.signed else (1 << image.bits_stored) - 1)
    return Finish()


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame of a volume: the ``index``-th (0-based) of an instance, and how it is finished."""

    source: StoredFrames
    index: int
    finish: Finish

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.source.frame_shape, 3) if self.finish.palette else self.source.frame_shape

    @property
    def dtype(self) -> np.dtype:
        if self.finish.palette:
            return np.dtype(np.uint8)
        return np.dtype(np.float32) if self.finish.is_quantity else self.source.dtype


class FramePixels:
    """A PixelSource (series.py) over frames of one or many instances, finished as they are read."""

    def __init__(self, frames: Sequence[StoredFrame]) -> None:
        self._frames = tuple(frames)
        shapes, dtypes = {frame.shape for frame in frames}, {frame.dtype for frame in frames}
        if len(shapes) != 1:
            raise ValueError(f"frames of one volume share one shape; got {sorted(shapes)}")
        self._shape = (len(frames), *shapes.pop())
        self._dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes, np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    def read(self, start: int, stop: int) -> NDArray:
        """Frames ``start`` <= i < ``stop`` as a new array; bounds beyond the volume are cut, as in a slice."""
        start, stop, _ = slice(start, stop).indices(len(self._frames))
        out = np.empty((max(0, stop - start), *self._shape[1:]), self._dtype)
        at = start
        while at < stop:
            end = self._run_end(at, stop)
            first = self._frames[at]
            stored = first.source.iterate(first.index, first.index + end - at)
            for offset, frame in enumerate(stored):
                out[at - start + offset] = self._frames[at + offset].finish.apply(frame)
            at = end
        return out

    def _run_end(self, at: int, stop: int) -> int:
        """End of the run of frames from ``at`` that follow each other in one instance: read with one opening."""
        first, end = self._frames[at], at + 1
        while end < stop:
            later = self._frames[end]
            if later.source is not first.source or later.index != first.index + end - at:
                break
            end += 1
        return end
