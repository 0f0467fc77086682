"""Both decouplings of one clip in bounded memory: the decoupled series, and how much sparser it is.

Two passes over the frames. The first takes S_G, its sparsity, and the grey range of S_S from a sample of pixels; the
second writes S_S, quantised, to a file, with the largest fluctuation of each pixel.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.measure import (
    SpaceDecoupling,
    TimeDecoupling,
    decouple_chunks,
    decouple_space,
    decouple_time,
    largest_scale,
    quantise,
    spliced_lengths,
)

FRAMES_AT_ONCE = 32
SAMPLE_SIDE_PX = 48
RANGE_PERCENTILE = 99.9
"""Of the non-zero coefficients: what the largest stored grey value stands for; brighter ones are cut."""


@dataclass(frozen=True)
class Sparsity:
    """Hoyer's measure (Hoyer 2004, J Mach Learn Res 5:1457): 0 all equal, 1 a single non-zero value.

    ``space``: over the pixels of a frame, mean of the frames. ``time``: along each pixel's signal, mean of the pixels
    that are not zero throughout.
    """

    space: float
    time: float


@dataclass(frozen=True)
class StoredFrames:
    """A PixelSource over an unlinked temporary file: (frames, rows, columns) uint8, never in memory as a whole."""

    shape: tuple[int, int, int]
    _file: BinaryIO
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.uint8))

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> StoredFrames:
        """Room for that many frames; the file goes with the object."""
        file = tempfile.TemporaryFile(prefix="decoupled-")  # noqa: SIM115  it lives as long as the frames
        frames = cls(shape, file)
        weakref.finalize(frames, file.close)
        return frames

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames ``start`` <= i < ``stop``."""
        start, stop = max(start, 0), min(stop, self.shape[0])
        frame_bytes = self.shape[1] * self.shape[2]
        self._file.seek(start * frame_bytes)
        data = np.frombuffer(self._file.read((stop - start) * frame_bytes), np.uint8)
        return data.reshape(stop - start, *self.shape[1:])

    def write(self, start: int, frames: NDArray[np.uint8]) -> None:
        """Puts frames at their place."""
        self._file.seek(start * self.shape[1] * self.shape[2])
        self._file.write(np.ascontiguousarray(frames).data)


@dataclass(frozen=True)
class Decoupled:
    """S_S of one clip and what is known of it.

    Attributes:
        frames: S_S as stored grey values.
        lengths: frames of each kept scale, in splicing order.
        time: the second decoupling as done (fewer scales where the clip is short).
        low, high: coefficients that the stored values 0 and 255 stand for.
        fluctuation: (rows, columns) float32, largest magnitude of S_S at each pixel.
        before, first, both: sparsity of S_R, S_G and S_S.
        notes: what was left out.
    """

    frames: StoredFrames
    lengths: dict[int, int]
    time: TimeDecoupling
    low: float
    high: float
    fluctuation: NDArray[np.float32]
    before: Sparsity
    first: Sparsity
    both: Sparsity
    notes: tuple[str, ...]


def decouple(
    frames: NDArray, space: SpaceDecoupling, time: TimeDecoupling, progress: Callable[[float], None]
) -> Decoupled:
    """Both decouplings of (N, rows, columns) frames.

    Raises:
        ValueError: too few frames for any kept scale.
    """
    time, notes = _fitting(time, len(frames))
    before, first, sample = _first_pass(frames, space, lambda part: progress(0.4 * part))
    low, high = _grey_range(sample, time)
    lengths = spliced_lengths(len(frames), time.wavelet, time.scales, time.dropped)
    total = sum(lengths.values())
    stored = StoredFrames.empty((total, *frames.shape[1:]))
    fluctuation = np.zeros(frames.shape[1:], np.float32)
    sums = _Hoyer(frames.shape[1:])
    for done, (places, part) in enumerate(decouple_chunks(frames, space, replace(time, sign="signed"))):
        np.maximum(fluctuation, np.abs(part).max(axis=0), out=fluctuation)
        shown = _signed(part, time)
        sums.add(shown)
        stored.write(places.start, quantise(shown, np.uint8, low, high))
        progress(0.4 + 0.6 * min(1.0, (done + 1) * FRAMES_AT_ONCE / total))
    return Decoupled(stored, lengths, time, low, high, fluctuation, before, first, sums.sparsity(), notes)


def _fitting(time: TimeDecoupling, count: int) -> tuple[TimeDecoupling, tuple[str, ...]]:
    """The second decoupling with as many scales as ``count`` frames allow, and what that leaves out."""
    fits = largest_scale(count, time.wavelet)
    if time.kept[-1] <= fits:
        return time, ()
    kept = [scale for scale in time.kept if scale <= fits]
    if not kept:
        spliced_lengths(count, time.wavelet, time.kept[0], tuple(range(1, time.kept[0])))  # says what is needed
    fewer = replace(time, scales=fits, dropped=tuple(scale for scale in time.dropped if scale <= fits))
    return fewer, (f"{count} frames allow {fits} of {time.scales} scales of the second decoupling",)


def _first_pass(
    frames: NDArray, space: SpaceDecoupling, progress: Callable[[float], None]
) -> tuple[Sparsity, Sparsity, NDArray[np.float32]]:
    """Sparsity of S_R and S_G, and S_G at a grid of pixels."""
    step = max(1, round(max(frames.shape[1:]) / SAMPLE_SIDE_PX))
    before, first, sample = _Hoyer(frames.shape[1:]), _Hoyer(frames.shape[1:]), []
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        raw = frames[start : start + FRAMES_AT_ONCE]
        weighted = decouple_space(raw, threshold=space.threshold, distance=space.distance, block_px=space.block_px)
        before.add(raw.astype(np.float32))
        first.add(weighted)
        sample.append(weighted[:, step // 2 :: step, step // 2 :: step].copy())
        progress(min(1.0, (start + FRAMES_AT_ONCE) / len(frames)))
    return before.sparsity(), first.sparsity(), np.concatenate(sample)


def _grey_range(sample: NDArray[np.float32], time: TimeDecoupling) -> tuple[float, float]:
    magnitudes = np.abs(
        decouple_time(sample, wavelet=time.wavelet, scales=time.scales, dropped=time.dropped, sign="signed")
    )
    there = magnitudes[magnitudes > 0]
    high = float(np.percentile(there, RANGE_PERCENTILE)) if there.size else 1.0
    return (-high if time.sign == "signed" else 0.0), high


def _signed(part: NDArray[np.float32], time: TimeDecoupling) -> NDArray[np.float32]:
    if time.sign == "rectified":
        return np.maximum(part, 0)
    return np.abs(part) if time.sign == "absolute" else part


class _Hoyer:
    """Adds up what Hoyer's measure needs, frames at a time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._of_frames = 0.0
        self._frames = 0
        self._sum = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float64)

    def add(self, frames: NDArray[np.float32]) -> None:
        magnitude = np.abs(frames)
        squares = magnitude * magnitude
        self._sum += magnitude.sum(axis=0, dtype=np.float64)
        self._squares += squares.sum(axis=0, dtype=np.float64)
        total, square = magnitude.sum(axis=(1, 2), dtype=np.float64), squares.sum(axis=(1, 2), dtype=np.float64)
        self._of_frames += float(_hoyer(total, square, magnitude[0].size).sum())
        self._frames += len(frames)

    def sparsity(self) -> Sparsity:
        active = self._squares > 0
        along = _hoyer(self._sum[active], self._squares[active], self._frames)
        return Sparsity(self._of_frames / self._frames, float(along.mean()) if along.size else 1.0)


def _hoyer(total: NDArray, squares: NDArray, count: int) -> NDArray:
    """(sqrt(n) - L1 / L2) / (sqrt(n) - 1); 1 where all is zero."""
    root = np.sqrt(count)
    ratio = np.divide(total, np.sqrt(squares), out=np.ones_like(total), where=squares > 0)
    return (root - ratio) / (root - 1) if count > 1 else np.ones_like(total)
