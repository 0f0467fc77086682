"""Localisations against the truth: pairing, RMSE, precision, sensitivity, Jaccard; maps against true vessels.

The definitions follow the PALA comparison (Heiles et al. 2022): within a frame, the closest pair of a found and
a true position is taken first, then the next among those that are left, up to a radius; what is paired is a true
positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class LocalisationScore:
    """Counts and errors over all frames.

    Attributes:
        true_positives: pairs.
        false_positives: found positions without a true one.
        false_negatives: true positions that were not found.
        rmse_px: root mean square distance of the pairs; None without pairs.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    rmse_px: float | None

    @property
    def jaccard(self) -> float:
        """TP / (TP + FP + FN); 1 where nothing was there and nothing found."""
        return _share(self.true_positives, self.false_positives + self.false_negatives)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _share(self.true_positives, self.false_positives)

    @property
    def sensitivity(self) -> float:
        """TP / (TP + FN)."""
        return _share(self.true_positives, self.false_negatives)


@dataclass(frozen=True)
class OverlapScore:
    """Overlap of two masks: Dice and Jaccard coefficients, 1 for two empty ones."""

    dice: float
    jaccard: float


def pair_positions(found: np.ndarray, true: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greedy one-to-one pairing within each frame, nearest first.

    Args:
        found: (n, 3) columns frame, x, y.
        true: (m, 3) the same.
        radius: farthest pair, in the unit of x and y.

    Returns:
        Index into ``found``, index into ``true`` and distance of every pair, nearest first.
    """
    found, true = _positions(found, "found"), _positions(true, "true")
    if not radius > 0:
        raise ValueError(f"the pairing radius must be above 0; got {radius}")
    if len(found) == 0 or len(true) == 0:
        return np.empty(0, dtype=int), np.empty(0, dtype=int), np.empty(0)
    apart = np.array([10 * radius, 1.0, 1.0])  # frames are set so far apart that they never pair
    near = cKDTree(found * apart).sparse_distance_matrix(cKDTree(true * apart), radius, output_type="coo_matrix")
    free_found, free_true = np.ones(len(found), dtype=bool), np.ones(len(true), dtype=bool)
    pairs = []
    for k in np.lexsort((near.col, near.row, near.data)).tolist():
        i, j = near.row[k], near.col[k]
        if free_found[i] and free_true[j]:
            free_found[i] = free_true[j] = False
            pairs.append(k)
    return near.row[pairs], near.col[pairs], near.data[pairs]


def score_localisations(found: np.ndarray, true: np.ndarray, radius: float = 2.0) -> LocalisationScore:
    """Scores positions (n, 3) of frame, x, y against the truth (m, 3); radius in the same unit (pixels)."""
    _, _, distance = pair_positions(found, true, radius)
    n = len(distance)
    rmse = float(np.sqrt(np.mean(distance**2))) if n else None
    return LocalisationScore(n, len(found) - n, len(true) - n, rmse)


def score_overlap(found: np.ndarray, true: np.ndarray) -> OverlapScore:
    """Overlap of a found vessel mask with the true one, same shape, bool."""
    if found.shape != true.shape:
        raise ValueError(f"both masks must have one shape; got {found.shape} and {true.shape}")
    found, true = found.astype(bool), true.astype(bool)
    both, either = int((found & true).sum()), int((found | true).sum())
    return OverlapScore(_share(2 * both, either - both), _share(both, either - both))


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else 1.0


def _positions(rows: np.ndarray, name: str) -> np.ndarray:
    rows = np.asarray(rows, dtype=float)
    if rows.size == 0:
        return rows.reshape(0, 3)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"{name} positions must have the columns frame, x, y; got an array of shape {rows.shape}")
    return rows
