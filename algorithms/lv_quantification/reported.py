"""Which of its two sets of numbers a slice reports: decided here, in one place."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class TwoMeasurements(Protocol):
    """Indices from the networks and from the masks, (frames, 11) each, and the masks of the cavity."""

    @property
    def regressed(self) -> NDArray[np.floating]: ...
    @property
    def cavity(self) -> NDArray[np.bool_]: ...


def reported(estimate: TwoMeasurements) -> NDArray[np.float64]:
    """(frames, 11): the mean of the networks, as the document has it; nan in frames whose mask shows no cavity.

    A network always gives a number, also of a frame in which the slice has left the ventricle, and for the smallest of
    cavities it may be below 0, which no area or length is.
    """
    seen = np.asarray(estimate.cavity).any(axis=(1, 2))
    return np.where(seen[:, None], np.maximum(np.asarray(estimate.regressed, np.float64), 0.0), np.nan)
