"""Whether a picture is grey in all but its tint, or has colours that mean something: flow, or an elastogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BRIGHT = 40
"""Largest channel from which a pixel tells the tint."""
FOREIGN = 48.0
"""Distance in red or blue, against green, from the tint: more is another colour. Lossy compression shifts colours by
less."""
MOST_FOREIGN = 0.02
"""Part of the pixels that may have other colours: callipers, marks, a logo that reaches in."""


def has_colours(rgb: NDArray[np.uint8]) -> bool:
    """Whether over MOST_FOREIGN of the pixels are neither grey nor of the picture's tint.

    Scanners show grey as it is or tinted: then colour grows with brightness, in most maps in proportion, in some back
    to white at the top. So the tint is the usual colour over brightness, and all between it and grey counts as tint.

    Args:
        rgb: (rows, cols, 3).
    """
    values = np.asarray(rgb, np.float32).reshape(-1, 3)
    brightness = values.max(axis=1)
    chroma = np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 1]], axis=1)
    bright = brightness >= BRIGHT
    if not bright.any():
        return False
    tint = np.median(chroma[bright] / brightness[bright, None], axis=0)
    along = chroma @ tint / max(float(tint @ tint), 1e-6)
    nearest = np.clip(along, 0.0, brightness)[:, None] * tint
    return float(np.mean(np.abs(chroma - nearest).max(axis=1) > FOREIGN)) > MOST_FOREIGN
