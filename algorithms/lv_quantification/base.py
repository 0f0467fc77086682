"""Which slices lie beyond the ends of the ventricle though something round and bright is seen in them.

Above the base: outflow tract, aortic root and left atrium look like a ventricle in a single picture. They do not behave
like one: an atrium fills while the ventricle empties, and the outflow tract is much narrower than the ventricle below
it, which is widest near its base. Both rules were made on the four such slices of two patients of the Sunnybrook
collection, which are no proof of them; on 227 slices of 27 patients that experts drew they take away none, neither by
the experts' areas nor by the networks'.

Beyond the apex: the ventricle reaches furthest when it is full. What shows a cavity in other frames only is no part of
it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_LEFT = 3
"""Slices that stay whatever the rules say: fewer tell nothing about what is above them."""
MOST_ABOVE = 3
NARROW = 0.7
"""Of the area of the slice below, at end-diastole."""
FILLS = "above the base: what is seen there does not shrink in systole, as the ventricle does"
BEYOND_APEX = "beyond the apex: no cavity is seen there at end-diastole, when the ventricle reaches furthest"
NARROWS = "above the base: what is seen there is much narrower than the ventricle in the slice below"


def above_base(ed_mm2: NDArray[np.float64], es_mm2: NDArray[np.float64]) -> list[str]:
    """Why each of the first slices is above the base, from the top; the first that is not ends the list.

    Args:
        ed_mm2, es_mm2: (slices,) cavity areas at end-diastole and end-systole, from base to apex; nan where no cavity
            is seen. A slice that shows one at end-diastole only is the base that moves down in systole, and stays.
    """
    reasons: list[str] = []
    for index in range(min(MOST_ABOVE, len(ed_mm2) - LEAST_LEFT)):
        ed, es, below = ed_mm2[index], es_mm2[index], ed_mm2[index + 1]
        if np.isfinite(es) and not es < ed:
            reasons.append(FILLS)
        elif ed < NARROW * below:
            reasons.append(NARROWS)
        else:
            break
    return reasons


def beyond_apex(ed_mm2: NDArray[np.float64]) -> int:
    """How many of the last slices are beyond the apex: those without a cavity (nan) at end-diastole.

    Args:
        ed_mm2: (slices,) cavity areas at end-diastole, from base to apex.
    """
    seen = np.flatnonzero(np.isfinite(ed_mm2))
    return len(ed_mm2) - 1 - int(seen[-1]) if len(seen) else 0
