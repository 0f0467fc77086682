"""R waves in the picture of an ECG: they can time cycles, nothing is measured in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from algorithms.mmode_ef.preprocess import grey
from algorithms.mmode_ef.strip import Ecg

TRACE_FROM = 0.5
"""Of the brightest pixel: what belongs to the trace."""
LEAST_HEIGHT = 0.5
"""Of the highest R wave above the trace's usual level."""
LEAST_RR_S = 0.25


def r_waves(ecg: Ecg, seconds_per_px: float) -> NDArray[np.float64]:
    """Columns of the screen in which the trace peaks upwards; empty where no trace is told from its ground."""
    pixels = ecg.pixels.max(axis=2) if ecg.pixels.ndim == 3 else ecg.pixels
    picture = grey(pixels)
    lit = picture >= max(TRACE_FROM * float(picture.max()), 1.0)
    seen = lit.any(axis=0)
    if seen.mean() < 0.5 or lit.mean() > 0.5:
        return np.zeros(0)
    columns = np.arange(picture.shape[1])
    top = np.interp(columns, columns[seen], lit.argmax(axis=0)[seen])
    height = np.median(top) - top
    if height.max() < 3:
        return np.zeros(0)
    apart = max(1, int(LEAST_RR_S / seconds_per_px))
    peaks, _ = find_peaks(height, height=LEAST_HEIGHT * height.max(), distance=apart)
    return peaks.astype(np.float64) + ecg.x0
