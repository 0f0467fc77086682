"""Several opinions of what a picture shows, made one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-3
"""Added to every share, so that one opinion cannot rule out a class that the others see."""


def agreed(
    opinions: NDArray[np.floating], axis: int = 0, weights: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """The logarithmic opinion pool: the geometric mean of probabilities, brought to a sum of 1.

    Where opinions rest on different things (the lesion; the whole picture) it lets the surer one count more, which
    the plain mean does not (Genest, Zidek, "Combining Probability Distributions", Statistical Science 1, 1986,
    section 3.3).

    Args:
        opinions: probabilities of the classes along the last axis.
        axis: along which the opinions stand; not the last.
        weights: of each opinion; ``None``: all alike.
    """
    pooled = np.exp(np.average(np.log(np.asarray(opinions, np.float64) + FLOOR), axis=axis, weights=weights))
    return pooled / pooled.sum(axis=-1, keepdims=True)
