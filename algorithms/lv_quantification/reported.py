"""Which numbers a slice reports, of the two that it has: decided here, in one place."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MASK_SHARE = np.array([0.75, 0.5, 0.75, 0.75, 0.75, *(0.5,) * 6])
"""Weight of the number from the mask against that of the index networks, in the order of INDEX_NAMES.

By cross-validation on experts' contours (docs/lv-quantification): of cavity area and diameters the masks are nearer to
the expert, of the wall neither is, and the mean of the two is nearer than each.
"""


class TwoMeasurements(Protocol):
    """Indices from the networks and from the masks, (frames, 11) each, and the masks of the cavity."""

    @property
    def regressed(self) -> NDArray[np.floating]: ...
    @property
    def measured(self) -> NDArray[np.floating]: ...
    @property
    def cavity(self) -> NDArray[np.bool_]: ...


def reported(estimate: TwoMeasurements) -> NDArray[np.float64]:
    """(frames, 11): the index networks' mean, as the document has it, and the mask's number, weighted by MASK_SHARE.

    nan in frames whose mask shows no cavity: a network always gives a number, also of a frame in which the slice has
    left the ventricle. For the smallest of cavities it may be below 0, which no area or length is. Where a mask has no
    wall, the networks' number stands alone.
    """
    seen = np.asarray(estimate.cavity).any(axis=(1, 2))
    regressed = np.maximum(np.asarray(estimate.regressed, np.float64), 0.0)
    masks = np.asarray(estimate.measured, np.float64)
    together = np.where(np.isfinite(masks), MASK_SHARE * masks + (1.0 - MASK_SHARE) * regressed, regressed)
    return np.where(seen[:, None], together, np.nan)
