"""The kernels of the second decoupling: one detail filter per scale, from any discrete wavelet.

The source document (US 12390196 B2, paragraphs 48 and 61-62) decomposes by convolution, with Haar as the
example and lengths N - 2^(j+1) + 1 at scale j. That is the 'valid' part of an undecimated transform whose
kernel at scale j is the detail filter of filter-bank level j + 1. The document names other wavelets
(Daubechies) without giving their kernels; they follow here by the same rule.
"""

from __future__ import annotations

import difflib

import cv2
import numpy as np
import pywt


def filter_pair(wavelet: str) -> tuple[np.ndarray, np.ndarray]:
    """Low-pass and high-pass filter of a discrete wavelet, in the order that ``np.convolve`` correlates with.

    Returns:
        Two float64 arrays of equal length F (Haar: F = 2, [r, r] and [r, -r] with r = sqrt(1/2)).

    Raises:
        ValueError: not a discrete wavelet of PyWavelets.
    """
    known = pywt.wavelist(kind="discrete")
    if wavelet not in known:
        near = difflib.get_close_matches(wavelet, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"{wavelet!r} is no discrete wavelet (haar, db2, sym4, coif1, bior2.2 ... are){hint}")
    bank = pywt.Wavelet(wavelet)
    return np.array(bank.dec_lo[::-1]), np.array(bank.dec_hi[::-1])


def kernel_length(wavelet: str, scale: int) -> int:
    """Number of frames under the kernel of a scale: (2^(j+1) - 1)(F - 1) + 1; for Haar 2^(j+1)."""
    _check_scale(scale)
    return (2 ** (scale + 1) - 1) * (len(filter_pair(wavelet)[0]) - 1) + 1


def kernel(wavelet: str, scale: int) -> np.ndarray:
    """The kernel h of one scale: the decomposition is ``np.convolve(signal, h, mode="valid")``.

    Args:
        wavelet: a discrete wavelet of PyWavelets.
        scale: j, 1 or more.

    Returns:
        (kernel_length,) float64. Haar: the first half +2^(-(j+1)/2), the second half -2^(-(j+1)/2), so that
        convolution gives (recent half) - (earlier half): positive where a bubble arrives. The norm is 1 for
        orthogonal wavelets: white noise has the same standard deviation at every scale.
    """
    _check_scale(scale)
    low, high = filter_pair(wavelet)
    smooth = np.ones(1)
    for level in range(scale):
        smooth = np.convolve(smooth, _spread(low, 2**level))
    return np.convolve(smooth, _spread(high, 2**scale))


def decompose(rooms: np.ndarray, wavelet: str, parts: dict[int, np.ndarray]) -> None:
    """Coefficients of some scales for a few pixels: the filter bank without decimation (à trous), valid part.

    The approximation of a level is a sum of two (Haar) or F shifted copies of the one before, so rounding grows
    with the scale, not with time as it would in one running sum.

    Args:
        rooms: (3, N, pixels) float32 work arrays; the first holds the signals. All are overwritten.
        wavelet: a discrete wavelet of PyWavelets.
        parts: for each scale wanted, the (N - kernel_length + 1, pixels) float32 array to write to.
    """
    low, high = filter_pair(wavelet)
    smooth_room, other, spare = rooms
    smooth = smooth_room
    for scale in range(max(parts) + 1):
        step = 2**scale
        if scale in parts:
            _filter(smooth, high, step, parts[scale], spare)
        if scale < max(parts):
            target = other[: len(smooth) - step * (len(low) - 1)]
            _filter(smooth, low, step, target, spare)
            smooth_room, other = other, smooth_room
            smooth = target


def _filter(source: np.ndarray, taps: np.ndarray, step: int, out: np.ndarray, spare: np.ndarray) -> None:
    """out[n] = sum over k of taps[k] * source[n + (F - 1 - k) * step]: a convolution, valid part."""
    shifted = [source[k * step : k * step + len(out)] for k in reversed(range(len(taps)))]
    if len(taps) == 2:
        cv2.addWeighted(shifted[0], float(taps[0]), shifted[1], float(taps[1]), 0.0, dst=out)
        return
    np.multiply(shifted[0], np.float32(taps[0]), out=out)
    for part, tap in zip(shifted[1:], taps[1:], strict=True):
        np.multiply(part, np.float32(tap), out=spare[: len(out)])
        out += spare[: len(out)]


def _spread(taps: np.ndarray, step: int) -> np.ndarray:
    """The taps with ``step - 1`` zeros between them (the filter of an undecimated transform)."""
    spread = np.zeros((len(taps) - 1) * step + 1)
    spread[::step] = taps
    return spread


def _check_scale(scale: int) -> None:
    if scale < 1:
        raise ValueError(f"scales are counted from 1; got {scale}")
