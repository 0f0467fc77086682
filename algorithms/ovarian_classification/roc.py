"""The area under the ROC curve, and the thresholds that a set of scores tells apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


def checked(scores: ArrayLike, positive: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores and truth as arrays (n,) each.

    Raises:
        ValueError: not one truth for each score, a score that is no finite number, or only one kind of truth.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if values.ndim != 1 or values.shape != truth.shape:
        raise ValueError(f"one truth for each score; got shapes {values.shape} and {truth.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} of {len(values)} scores are no finite number")
    if truth.all() or not truth.any():
        raise ValueError(f"needs scores of both kinds; got {truth.sum()} positive and {(~truth).sum()} negative")
    return values, truth


def area(scores: ArrayLike, positive: ArrayLike) -> float:
    """P(score of a positive > score of a negative), ties counting half (Mann-Whitney). Raises as ``checked``."""
    values, truth = checked(scores, positive)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    rank_sum = float(rankdata(values)[truth].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Thresholds, lowest first, with what each reaches when a score at or above it counts as positive."""

    at: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]


def cuts(scores: ArrayLike, positive: ArrayLike) -> Cuts:
    """Every threshold that tells these scores apart, half-way between neighbours, so that the last digits of a score
    decide nothing; first the lowest score (all positive), last one above the highest (none). Raises as ``checked``.
    """
    values, truth = checked(scores, positive)
    steps = np.unique(values)
    at = np.concatenate([steps[:1], (steps[:-1] + steps[1:]) / 2, [np.nextafter(steps[-1], np.inf)]])
    below_positive = np.searchsorted(np.sort(values[truth]), at, side="left")
    below_negative = np.searchsorted(np.sort(values[~truth]), at, side="left")
    positives, negatives = truth.sum(), (~truth).sum()
    return Cuts(at, (positives - below_positive) / positives, below_negative / negatives)
