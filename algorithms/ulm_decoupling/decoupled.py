"""Both decouplings of one clip in bounded memory: the decoupled series, and how much sparser it is.

Two passes over the frames. The first takes S_G, its sparsity, and the grey range of S_S from a sample of pixels; the
second writes S_S, quantised, to a file, with the largest fluctuation of each pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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
from algorithms.ulm_decoupling.sparsity import Sparsity, SparsityMeter
from algorithms.ulm_decoupling.stored_frames import StoredFrames
from algorithms.ulm_decoupling.wavelets import kernel_length

FRAMES_AT_ONCE = 32
SAMPLE_VALUES = 2_000_000  # of S_G, from which the grey range is taken
RANGE_PERCENTILE = 99.9
"""Of the non-zero coefficients: what the largest stored grey value stands for; brighter ones are cut."""


@dataclass(frozen=True)
class Decoupled:
    """S_S of one clip and what is known of it.

    Attributes:
        frames: S_S as stored grey values.
        lengths: frames of each kept scale, in splicing order.
        time: the second decoupling as done (fewer scales where the clip is short).
        low, high: coefficients that the stored values 0 and 255 stand for.
        fluctuation: (rows, columns) float32, largest magnitude of S_S at each pixel.
        before, first, both: sparsity of S_R, S_G and S_S; in time of the pixels that were bubble region once.
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

    Args:
        progress: told the fraction done.

    Raises:
        ValueError: too few frames for any kept scale, a frame without background, or grey values that are no numbers.
    """
    time, notes = _fitting(time, len(frames))
    lengths = spliced_lengths(len(frames), time.wavelet, time.scales, time.dropped)
    total = sum(lengths.values())
    before, first, sample = _first_pass(frames, space, lambda part: progress(0.4 * part))
    low, high = _grey_range(sample, first.largest, time)
    stored = StoredFrames.empty((total, *frames.shape[1:]))
    fluctuation = np.zeros(frames.shape[1:], np.float32)
    both, done = SparsityMeter(frames.shape[1:]), 0
    signed = replace(time, sign="signed")
    for places, part in decouple_chunks(frames, space, signed, chunk_frames=FRAMES_AT_ONCE):
        np.maximum(fluctuation, np.abs(part).max(axis=0), out=fluctuation)
        shown = _with_sign(part, time)
        both.add(shown)
        stored.write(places.start, quantise(shown, np.uint8, low, high))
        done += len(part)
        progress(0.4 + 0.6 * done / total)
    sparsities = (meter.sparsity(first.lit) for meter in (before, first, both))
    return Decoupled(stored, lengths, time, low, high, fluctuation, *sparsities, notes)


def _fitting(time: TimeDecoupling, count: int) -> tuple[TimeDecoupling, tuple[str, ...]]:
    """The second decoupling with as many scales as ``count`` frames allow, and what that leaves out."""
    fits = largest_scale(count, time.wavelet)
    if time.kept[-1] <= fits:
        return time, ()
    if time.kept[0] > fits:
        raise ValueError(
            f"scale {time.kept[0]} of {time.wavelet}, the smallest that is kept, needs >= "
            f"{kernel_length(time.wavelet, time.kept[0])} frames; got {count}"
        )
    fewer = replace(time, scales=fits, dropped=tuple(scale for scale in time.dropped if scale <= fits))
    return fewer, (f"{count} frames allow {fits} of {time.scales} scales of the second decoupling",)


def _first_pass(
    frames: NDArray, space: SpaceDecoupling, progress: Callable[[float], None]
) -> tuple[SparsityMeter, SparsityMeter, NDArray[np.float32]]:
    """Sparsity of S_R and S_G, and S_G at a grid of pixels."""
    step = max(1, math.ceil(math.sqrt(frames.size / SAMPLE_VALUES)))
    before, first, sample = SparsityMeter(frames.shape[1:]), SparsityMeter(frames.shape[1:]), []
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        raw = frames[start : start + FRAMES_AT_ONCE]
        weighted = decouple_space(
            raw, threshold=space.threshold, distance=space.distance, block_px=space.block_px, first_frame=start
        )
        before.add(raw)
        first.add(weighted)
        sample.append(weighted[:, step // 2 :: step, step // 2 :: step].copy())
        progress((start + len(raw)) / len(frames))
    return before, first, np.concatenate(sample)


def _grey_range(sample: NDArray[np.float32], largest: float, time: TimeDecoupling) -> tuple[float, float]:
    """Coefficients for the stored values 0 and 255; symmetric where they are signed, so that 0 is mid-grey.

    ``largest`` value of S_G: taken where no bubble lies in the sample.
    """
    coefficients = decouple_time(
        sample, wavelet=time.wavelet, scales=time.scales, dropped=time.dropped, sign="absolute"
    )
    there = coefficients[coefficients > 0]
    high = float(np.percentile(there, RANGE_PERCENTILE)) if there.size else largest or 1.0
    return (-high if time.sign == "signed" else 0.0), high


def _with_sign(part: NDArray[np.float32], time: TimeDecoupling) -> NDArray[np.float32]:
    if time.sign == "rectified":
        return np.maximum(part, 0)
    return np.abs(part) if time.sign == "absolute" else part
