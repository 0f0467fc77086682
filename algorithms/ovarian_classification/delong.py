"""Areas under ROC curves of the same images, with their covariance (DeLong, DeLong & Clarke-Pearson 1988).

Images count as independent of each other. Those of one patient are not, so the intervals are rather too narrow:
reader_figures.py gives a bootstrap over blocks of patients beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from algorithms.ovarian_classification.roc import checked
from dicom_node.figures import Interval

LEVEL = 0.95
Z = float(norm.ppf(0.5 + LEVEL / 2))


@dataclass(frozen=True, slots=True)
class Difference:
    """Area of the first less that of the second, with its interval, and the two-sided p value of no difference.

    ``p`` is ``None`` where both order every pair of images alike: then there is nothing to test.
    """

    value: Interval
    p: float | None


def delong_interval(scores: ArrayLike, positive: ArrayLike) -> Interval:
    """The area with its 95 % interval, cut at 0 and 1; without ends where fewer than two images of a kind, or scores
    that part the kinds without a fault, leave nothing to tell a spread from. Raises as ``roc.checked``."""
    areas, covariance = _areas([scores], positive)
    value, variance = float(areas[0]), float(covariance[0, 0])
    if not variance > 0.0:
        return Interval(None, value, None)
    half = Z * variance**0.5
    return Interval(max(0.0, value - half), value, min(1.0, value + half))


def delong_difference(first: ArrayLike, second: ArrayLike, positive: ArrayLike) -> Difference:
    """Compares two scores of the same images. Raises as ``roc.checked``."""
    areas, covariance = _areas([first, second], positive)
    value = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    if not variance > 1e-15:
        return Difference(Interval(None, value, None), None)
    error = variance**0.5
    return Difference(Interval(value - Z * error, value, value + Z * error), float(2.0 * norm.sf(abs(value) / error)))


def _areas(scores: Sequence[ArrayLike], positive: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas (k,) and their covariance (k, k); NaN where a kind has one image only.

    The structural components come from mid-ranks (Sun & Xu 2014): a positive's share of negatives below it is its rank
    among all less its rank among positives.
    """
    of_positives, of_negatives = [], []
    for given in scores:
        values, truth = checked(given, positive)
        above, below = values[truth], values[~truth]
        ranks = rankdata(np.concatenate([above, below]))
        of_positives.append((ranks[: len(above)] - rankdata(above)) / len(below))
        of_negatives.append(1.0 - (ranks[len(above) :] - rankdata(below)) / len(above))
    v10, v01 = np.stack(of_positives), np.stack(of_negatives)
    if min(v10.shape[1], v01.shape[1]) < 2:
        return v10.mean(axis=1), np.full((len(v10), len(v10)), np.nan)
    covariance = np.cov(v10).reshape(len(v10), -1) / v10.shape[1] + np.cov(v01).reshape(len(v01), -1) / v01.shape[1]
    return v10.mean(axis=1), covariance
