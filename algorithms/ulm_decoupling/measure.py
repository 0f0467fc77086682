"""Microbubble decoupling in space and in time, on plain numpy arrays.

The two operations of US 12390196 B2: S_R (the contrast sequence, N frames) -> first decoupling, frame by frame
-> S_G (N frames) -> second decoupling, pixel by pixel -> S_S (more frames, sparser in space and time).

    >>> s_g = decouple_space(frames)        # (N, rows, columns) -> (N, rows, columns)
    >>> s_s = decouple_time(s_g)            # -> (M, rows, columns); N = 201 gives M = 688

``decouple_chunks`` does both over a sequence of any length in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

import cv2
import numpy as np

from algorithms.ulm_decoupling.binarise import Threshold, ThresholdMethod, bubble_mask
from algorithms.ulm_decoupling.wavelets import decompose, filter_pair, kernel, kernel_length

__all__ = [
    "SpaceDecoupling",
    "TimeDecoupling",
    "decouple_chunks",
    "decouple_space",
    "decouple_time",
    "kernel",
    "largest_scale",
    "quantise",
    "spliced_lengths",
]

Share = TypeVar("Share")
Distance = Literal["euclidean", "manhattan", "chessboard"]
"""Metric of the shortest distance to the background (paragraphs 79 and 89)."""

Sign = Literal["signed", "rectified", "absolute"]
"""What becomes of negative coefficients: kept, set to 0, or turned positive."""

OPENCV_METRIC = {
    "euclidean": (cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
    "manhattan": (cv2.DIST_L1, cv2.DIST_MASK_3),  # 3x3 steps are exact for these two metrics
    "chessboard": (cv2.DIST_C, cv2.DIST_MASK_3),
}
STRIP_PX = 4096  # pixels whose whole signals are transformed together: two work arrays that stay in the cache


@dataclass(frozen=True)
class SpaceDecoupling:
    """How the first decoupling is done; see :func:`decouple_space`."""

    threshold: Threshold = field(default_factory=Threshold)
    distance: Distance = "euclidean"
    block_px: int = 1

    def __post_init__(self) -> None:
        if self.distance not in get_args(Distance):
            allowed = ", ".join(get_args(Distance))
            raise ValueError(f"distance {self.distance!r} is unknown; choose one of: {allowed}")
        if self.block_px < 1:
            raise ValueError(f"a block is at least one pixel wide; got {self.block_px}")


@dataclass(frozen=True)
class TimeDecoupling:
    """How the second decoupling is done; see :func:`decouple_time`."""

    wavelet: str = "haar"
    scales: int = 5
    dropped: tuple[int, ...] = (1,)
    sign: Sign = "signed"

    def __post_init__(self) -> None:
        filter_pair(self.wavelet)
        if self.scales < 1:
            raise ValueError(f"at least one scale is needed; got {self.scales}")
        strange = [scale for scale in self.dropped if not 1 <= scale <= self.scales]
        if strange:
            raise ValueError(f"dropped scales lie between 1 and {self.scales}; got {strange}")
        if not self.kept:
            raise ValueError(f"all {self.scales} scales are dropped; keep at least one")
        if self.sign not in get_args(Sign):
            raise ValueError(f"sign {self.sign!r} is unknown; choose one of: {', '.join(get_args(Sign))}")

    @property
    def kept(self) -> tuple[int, ...]:
        """The scales that are spliced, ascending."""
        return tuple(scale for scale in range(1, self.scales + 1) if scale not in self.dropped)


def decouple_space(
    frames: np.ndarray,
    *,
    threshold: ThresholdMethod | Threshold = "otsu",
    threshold_value: float | None = None,
    distance: Distance = "euclidean",
    block_px: int = 1,
    out: np.ndarray | None = None,
    threads: int = 2,
    first_frame: int = 0,
) -> np.ndarray:
    """First decoupling (paragraphs 73-90): grey value times the shortest distance to the background.

    Each frame is binarised; a pixel of the bubble region gets its grey value times its distance, in pixels, to
    the nearest background pixel; the background becomes 0. Centres stand out, margins and noise fade.

    Args:
        frames: (N, rows, columns), any real numeric type; a memory map will do. Integers beyond 2^24 are rounded.
        threshold: how to binarise: ``otsu``, ``percentile``, ``fixed``, ``adaptive``, or a whole ``Threshold``.
        threshold_value: the number that goes with the method (see ``Threshold``).
        distance: ``euclidean``, ``manhattan`` or ``chessboard``.
        block_px: 1: each pixel has its own distance. More: squares of that many pixels share the distance from
            the square's centre point to the nearest background pixel (0 where the centre itself lies on
            background); squares start at pixel (0, 0) and those at the far edges may be cut.
        out: (N, rows, columns) float32 array to write into.
        threads: frames worked on at the same time.
        first_frame: number of ``frames[0]`` in the sequence it was taken from, for messages.

    Returns:
        S_G, (N, rows, columns) float32, grey value times pixels.

    Raises:
        ValueError: not three-dimensional, not numbers, NaN or infinite values, a frame without any background
            pixel (only a fixed threshold can do that), or an impossible option.
    """
    _check_sequence(frames)
    if isinstance(threshold, str):
        threshold = Threshold(threshold, threshold_value)
    elif threshold_value is not None:
        raise ValueError("threshold_value belongs to a threshold given by name; put it into the Threshold")
    options = SpaceDecoupling(threshold, distance, block_px)
    if out is None:
        out = np.empty(frames.shape, dtype=np.float32)
    _check_out(out, frames.shape)

    _decouple_frames(frames, first_frame, options, out, threads)
    return out


def decouple_time(
    frames: np.ndarray,
    *,
    wavelet: str = "haar",
    scales: int = 5,
    dropped: Sequence[int] = (1,),
    sign: Sign = "signed",
    out: np.ndarray | None = None,
    threads: int = 2,
) -> np.ndarray:
    """Second decoupling (paragraphs 38-66): multi-scale decomposition of each pixel's signal over time.

    Every pixel's signal is convolved with the kernel of each scale ('valid' part only), the dropped scales are
    left out and the rest is spliced in ascending order: the result has, scale after scale,
    N - kernel_length + 1 frames (``spliced_lengths``). Frame n of a scale covers the input frames
    n ... n + kernel_length - 1.

    The coefficients are signed: with Haar, positive where the recent half of the window is brighter (a bubble
    arrives), negative where the earlier half was (it has left). ``rectified`` keeps the arriving lobe only,
    ``absolute`` shows both, so that every bubble appears twice along its path.

    Args:
        frames: (N, rows, columns), S_G, any real numeric type; computed in float32.
        wavelet: a discrete wavelet of PyWavelets (``haar``, ``db2``, ``sym4`` ...).
        scales: number of scales, 1 ... scales.
        dropped: scales left out, usually (1,) or (1, 2): the smallest are the noisiest.
        sign: ``signed``, ``rectified`` or ``absolute``.
        out: (M, rows, columns) float32 array to write into.
        threads: parts of the image worked on at the same time.

    Returns:
        S_S, (M, rows, columns) float32.

    Raises:
        ValueError: too few frames for the largest kernel (the message says how many are needed), not
            three-dimensional, not numbers, NaN or infinite values, or an impossible option.
    """
    _check_sequence(frames)
    options = TimeDecoupling(wavelet, scales, tuple(dropped), sign)
    lengths = spliced_lengths(len(frames), wavelet, scales, dropped)
    shape = (sum(lengths.values()), *frames.shape[1:])
    if out is None:
        out = np.empty(shape, dtype=np.float32)
    _check_out(out, shape)
    parts, start = {}, 0
    for scale, length in lengths.items():
        parts[scale] = out[start : start + length].reshape(length, -1)
        start += length
    _decompose(frames.reshape(len(frames), -1), options, parts, threads)
    return out


def decouple_chunks(
    frames: np.ndarray,
    space: SpaceDecoupling | None = None,
    time: TimeDecoupling | None = None,
    *,
    chunk_frames: int = 64,
    threads: int = 2,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Both decouplings, a stretch of time after the other, for sequences that do not fit in memory.

    Args:
        frames: (N, rows, columns), S_R, usually a memory map.
        space: first decoupling; Otsu and Euclidean when left out.
        time: second decoupling; five Haar scales without the first when left out.
        chunk_frames: coefficients per scale and step; memory in use is about
            4 bytes x rows x columns x (5 chunk_frames + 2 kernel lengths).
        threads: as in the two functions.

    Yields:
        (positions in S_S, their frames): a slice of the spliced sequence and its (n, rows, columns) float32
        frames, valid until the next step. All slices together cover S_S once; the values are those of
        ``decouple_time(decouple_space(frames))``, bit by bit.
    """
    _check_sequence(frames)
    space = space or SpaceDecoupling()
    time = time or TimeDecoupling()
    lengths = spliced_lengths(len(frames), time.wavelet, time.scales, time.dropped)
    kernels = {scale: kernel_length(time.wavelet, scale) for scale in lengths}
    offsets = dict(zip(lengths, np.cumsum([0, *lengths.values()])[:-1].tolist(), strict=True))
    rows, columns = frames.shape[1:]
    overlap = max(kernels.values()) - 1
    room = np.empty((chunk_frames + overlap, rows, columns), dtype=np.float32)
    results = {scale: np.empty((chunk_frames, rows * columns), dtype=np.float32) for scale in lengths}
    filled = 0  # frames of S_G in the room
    for first in range(0, len(frames) - min(kernels.values()) + 1, chunk_frames):
        new = frames[first + filled : first + len(room)]
        _decouple_frames(new, first + filled, space, room[filled : filled + len(new)], threads)
        filled += len(new)
        counts = {scale: min(chunk_frames, filled - kernels[scale] + 1) for scale in lengths}
        parts = {scale: results[scale][:count] for scale, count in counts.items() if count > 0}
        _decompose(room[:filled].reshape(filled, -1), time, parts, threads)
        for scale, part in parts.items():
            begin = offsets[scale] + first
            yield slice(begin, begin + len(part)), part.reshape(-1, rows, columns)
        filled = max(filled - chunk_frames, 0)
        room[:filled] = room[chunk_frames : chunk_frames + filled].copy()


def spliced_lengths(
    n_frames: int, wavelet: str = "haar", scales: int = 5, dropped: Sequence[int] = (1,)
) -> dict[int, int]:
    """Number of frames that each kept scale gives, ascending: N - kernel_length + 1.

    Raises:
        ValueError: too few frames for the largest scale.
    """
    kept = TimeDecoupling(wavelet, scales, tuple(dropped)).kept
    needed = kernel_length(wavelet, kept[-1])
    if n_frames < needed:
        fits = largest_scale(n_frames, wavelet)
        instead = f"use at most {fits} scales" if fits else "no scale fits"
        raise ValueError(f"scale {kept[-1]} of {wavelet} needs >= {needed} frames; got {n_frames} ({instead})")
    return {scale: n_frames - kernel_length(wavelet, scale) + 1 for scale in kept}


def largest_scale(n_frames: int, wavelet: str = "haar") -> int:
    """The largest scale whose kernel fits into ``n_frames``; 0 if none does."""
    scale = 0
    while kernel_length(wavelet, scale + 1) <= n_frames:
        scale += 1
    return scale


def quantise(frames: np.ndarray, dtype: type[np.uint8] | type[np.uint16], low: float, high: float) -> np.ndarray:
    """Frames as stored pixel values: ``low`` becomes 0, ``high`` the largest value, beyond is cut.

    A stored value v stands for ``low + v * (high - low) / top`` with top = 255 or 65535; for signed
    coefficients choose ``low = -high``, which puts 0 at the middle grey.

    Raises:
        ValueError: ``high`` is not above ``low``.
    """
    if not high > low:
        raise ValueError(f"the upper end of the grey scale must lie above the lower; got {low:g} ... {high:g}")
    top = np.iinfo(dtype).max
    stored = np.empty(frames.shape, dtype=dtype)
    for source, target in zip(frames, stored, strict=True):
        scaled = (source - np.float32(low)) * np.float32(top / (high - low))
        target[...] = np.rint(np.clip(scaled, 0, top))
    return stored


def _decouple_frames(frames: np.ndarray, first: int, options: SpaceDecoupling, out: np.ndarray, threads: int) -> None:
    """``first`` is the number of ``frames[0]`` in its sequence, for messages."""

    def work(indices: range) -> None:
        for index in indices:
            _decouple_frame(frames[index], first + index, options, out[index])

    _in_threads(work, [range(start, len(frames), threads) for start in range(threads)])


def _decouple_frame(frame: np.ndarray, index: int, options: SpaceDecoupling, out: np.ndarray) -> None:
    grey = frame if frame.dtype in (np.uint8, np.uint16) else frame.astype(np.float32)
    grey = np.ascontiguousarray(grey)
    if grey.dtype == np.float32 and not np.isfinite(grey).all():
        raise ValueError(f"frame {index} holds NaN or infinite grey values; set them to a number first")
    mask = bubble_mask(grey, options.threshold)
    if mask.all():
        raise ValueError(
            f"frame {index} has no background pixel: all grey values lie above the threshold"
            f" {options.threshold.value} (the smallest is {grey.min()}); choose a higher one or another method"
        )
    distance = _distance_px(mask, options.distance)
    if options.block_px > 1:
        distance = _block_distance_px(mask, options.distance, options.block_px)
    np.multiply(grey, distance, out=out)


def _distance_px(mask: np.ndarray, metric: Distance) -> np.ndarray:
    """(rows, columns) float32: distance of each bubble pixel to the nearest background pixel; 0 in background."""
    kind, steps = OPENCV_METRIC[metric]
    return cv2.distanceTransform(mask, kind, steps, dstType=cv2.CV_32F)


def _block_distance_px(mask: np.ndarray, metric: Distance, block_px: int) -> np.ndarray:
    """The same, measured from the centre point of each square block, for the block's bubble pixels.

    A centre may lie half-way between pixels, so distances are taken on a grid of half pixels on which only the
    even positions are pixels.
    """
    rows, columns = mask.shape
    fine = np.ones((2 * rows - 1, 2 * columns - 1), dtype=np.uint8)
    fine[::2, ::2] = mask
    halves = _distance_px(fine, metric)
    row, row_of = _block_centres(rows, block_px)
    column, column_of = _block_centres(columns, block_px)
    of_block = halves[np.ix_(row, column)] / 2
    return of_block[np.ix_(row_of, column_of)] * mask


def _block_centres(length: int, block_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the blocks along one axis, in half pixels, and the block that each pixel belongs to."""
    starts = np.arange(0, length, block_px)
    ends = np.minimum(starts + block_px, length) - 1
    return starts + ends, np.arange(length) // block_px


def _decompose(signals: np.ndarray, options: TimeDecoupling, parts: dict[int, np.ndarray], threads: int) -> None:
    """Writes the coefficients of each scale: (N, pixels) -> parts[scale] (coefficients, pixels)."""
    n_frames, n_pixels = signals.shape
    strips = [slice(a, min(a + STRIP_PX, n_pixels)) for a in range(0, n_pixels, STRIP_PX)]

    def work(mine: list[slice]) -> None:
        scratch = np.empty((3, n_frames, STRIP_PX), dtype=np.float32)
        for strip in mine:
            rooms = scratch[:, :, : strip.stop - strip.start]
            np.copyto(rooms[0], signals[:, strip], casting="unsafe")
            _check_finite(rooms[0])
            written = {scale: part[:, strip] for scale, part in parts.items()}
            decompose(rooms, options.wavelet, written)
            for part in written.values():
                _apply_sign(part, options.sign)

    shares = np.array_split(np.arange(len(strips)), threads)
    _in_threads(work, [[strips[i] for i in share] for share in shares])


def _apply_sign(part: np.ndarray, sign: Sign) -> None:
    if sign == "rectified":
        np.maximum(part, 0, out=part)
    elif sign == "absolute":
        np.abs(part, out=part)


def _in_threads(work: Callable[[Share], None], shares: Sequence[Share]) -> None:
    """Runs ``work`` once per share; numpy and OpenCV let go of the interpreter lock meanwhile."""
    if len(shares) == 1:
        work(shares[0])
        return
    with ThreadPoolExecutor(len(shares)) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result()


def _check_sequence(frames: np.ndarray) -> None:
    if frames.ndim != 3 or 0 in frames.shape:
        raise ValueError(f"frames must have the shape (N, rows, columns), none of them 0; got {frames.shape}")
    if frames.dtype.kind not in "uif":
        raise ValueError(f"frames must hold integers or floating-point numbers; got {frames.dtype}")


def _check_out(out: np.ndarray, shape: tuple[int, ...]) -> None:
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out must be a C-ordered float32 array of shape {shape}; got {out.dtype} {out.shape}")


def _check_finite(values: np.ndarray) -> None:
    # One sum is cheaper than a look at every value; only if it is odd are the values looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    if not np.isfinite(total) and not np.isfinite(values).all():
        raise ValueError("the sequence holds NaN or infinite values; set them to a number first")
