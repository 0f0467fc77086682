"""How sparse a sequence is: in space, frame by frame, and in time, pixel by pixel.

US 12390196 B2 claims more sparsity in space and in time and gives no measure. Here it is the sparseness of Treves and
Rolls (1991), 1 - mean(|v|)^2 / mean(v^2): over the pixels of a frame ("population sparseness") and along the signal of
a pixel ("lifetime sparseness"; Willmore and Tolhurst 2001). For values that are either 0 or some v it is the share of
zeros: 0.9 in time means that a pixel is lit in one frame of ten. It does not change with the scale of the values nor
when a signal is repeated, so that S_S (688 frames) can be held against S_G (201); Hoyer's measure cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sparsity:
    """0: all values equal; towards 1: few values hold everything; 1: nothing is left.

    Attributes:
        space: of a frame's pixels, mean of all frames.
        time: of a pixel's signal, mean of the pixels asked for; None where there are none.
    """

    space: float
    time: float | None


class SparsityMeter:
    """Adds up what sparsity needs, some frames at a time. ``largest``: the largest magnitude so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._of_frames = 0.0
        self._frames = 0
        self.largest = 0.0
        self._sum = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float64)

    def add(self, frames: NDArray) -> None:
        """(n, rows, columns), signed or not."""
        magnitude = np.abs(frames, dtype=np.float32)
        squares = magnitude * magnitude
        self.largest = max(self.largest, float(magnitude.max()))
        self._sum += magnitude.sum(axis=0, dtype=np.float64)
        self._squares += squares.sum(axis=0, dtype=np.float64)
        of_frame, of_squares = (part.sum(axis=(1, 2), dtype=np.float64) for part in (magnitude, squares))
        self._of_frames += float(_sparseness(of_frame, of_squares, magnitude[0].size).sum())
        self._frames += len(frames)

    @property
    def lit(self) -> NDArray[np.bool_]:
        """(rows, columns): pixels that were not 0 throughout."""
        return self._squares > 0

    def sparsity(self, pixels: NDArray[np.bool_]) -> Sparsity:
        """Of what was added; in time over these (rows, columns) pixels."""
        along = _sparseness(self._sum[pixels], self._squares[pixels], self._frames)
        return Sparsity(self._of_frames / self._frames, float(along.mean()) if along.size else None)


def _sparseness(total: NDArray, squares: NDArray, count: int) -> NDArray:
    there = squares > 0
    return np.subtract(1.0, np.divide(total**2, count * squares, out=np.zeros_like(squares), where=there))
