"""Whether a picture is grey in all but its tint, or has colours that mean something: flow, or an elastogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 32
"""Steps of brightness that the tint is judged in."""
FOREIGN = 48.0
"""Distance in red or blue, against green, from the tint of the same brightness: more is another colour. Lossy
compression shifts colours by less."""
MOST_FOREIGN = 0.02
"""Part of the pixels that may have other colours: callipers, marks, a logo that reaches in."""


def has_colours(rgb: NDArray[np.uint8]) -> bool:
    """Whether over MOST_FOREIGN of the pixels have a colour that is not that of their brightness.

    A grey map of a scanner, tinted or not, has one colour for each brightness. So the usual colour of each brightness
    is taken for the tint, and neutral grey always counts as tint, too.

    Args:
        rgb: (rows, cols, 3).
    """
    values = np.asarray(rgb, np.float32).reshape(-1, 3)
    chroma = np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 1]], axis=1)
    level = np.minimum((values.max(axis=1) * LEVELS / 256).astype(np.intp), LEVELS - 1)
    off = np.abs(chroma).max(axis=1)
    for one in range(LEVELS):
        here = level == one
        if here.any():
            tint = np.median(chroma[here], axis=0)
            off[here] = np.minimum(off[here], np.abs(chroma[here] - tint).max(axis=1))
    return float(np.mean(off > FOREIGN)) > MOST_FOREIGN
