"""Frames that are kept in a file instead of in memory, and stretches of them."""

from __future__ import annotations

import os
import tempfile
import weakref
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_node.series import PixelSource


@dataclass(frozen=True)
class StoredFrames:
    """A PixelSource over a temporary file without a name: (frames, rows, columns) uint8.

    Read, not mapped: pages of a mapping count as the process's memory for as long as they are cached.
    """

    shape: tuple[int, int, int]
    _descriptor: int
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.uint8))

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> StoredFrames:
        """Room for that many frames; the file goes with the object."""
        with tempfile.TemporaryFile(prefix="decoupled-") as file:
            frames = cls(shape, os.dup(file.fileno()))
        weakref.finalize(frames, os.close, frames._descriptor)
        return frames

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames ``start`` <= i < ``stop``."""
        start, stop = max(start, 0), min(stop, self.shape[0])
        frames = np.empty((max(stop - start, 0), *self.shape[1:]), np.uint8)
        left, at = memoryview(frames.reshape(-1)), start * self._frame_bytes
        while left:
            count = os.preadv(self._descriptor, [left], at)
            if count == 0:
                raise EOFError(f"frames {start}..{stop - 1} of {self.shape[0]} were never written")
            left, at = left[count:], at + count
        return frames

    def write(self, start: int, frames: NDArray[np.uint8]) -> None:
        """Puts frames at their place."""
        left, at = memoryview(np.ascontiguousarray(frames).reshape(-1)), start * self._frame_bytes
        while left:
            count = os.pwrite(self._descriptor, left, at)
            left, at = left[count:], at + count

    @property
    def _frame_bytes(self) -> int:
        return self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Stretch:
    """A PixelSource: the frames ``first`` <= i < ``end`` of another one."""

    source: PixelSource
    first: int
    end: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.end - self.first, *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def read(self, start: int, stop: int) -> NDArray:
        """Frames of the stretch, counted from its first."""
        return self.source.read(self.first + max(start, 0), min(self.first + stop, self.end))
