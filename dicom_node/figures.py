"""A figure with its interval: what a set of this size can carry.

Bootstrap over groups: frames of one patient are alike, so patients are drawn, not frames (cluster bootstrap; Davison &
Hinkley 1997, section 3.8), and the interval is that of the percentiles. Numpy only: ``evaluate`` uses it in a node's
installation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its interval, which are ``None`` where a single group leaves nothing to draw."""

    low: float | None
    value: float
    high: float | None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.4g} (no interval: one group)"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def interval(
    values: ArrayLike,
    statistic: Callable[[NDArray], float] = np.mean,
    groups: Sequence[object] | NDArray | None = None,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The statistic of ``values`` with its bootstrap interval.

    With few groups (below some twenty) such an interval is rather too narrow than too wide; say how many there are.

    Args:
        values: (n,), or (n, k) rows that stay together, such as error and truth for a ratio of sums.
        statistic: of an array of such rows, in any number and order -> a number.
        groups: the group of each row, such as its patient; without, each row stands for itself.

    Raises:
        ValueError: no values, values that are no numbers, or not one group for each row.
    """
    rows = np.asarray(values, dtype=np.float64)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"an interval needs finite values; got {len(rows)}, {np.sum(~np.isfinite(rows))} not finite")
    labels = np.arange(len(rows)) if groups is None else np.asarray(groups)
    if labels.shape != (len(rows),):
        raise ValueError(f"one group for each of {len(rows)} rows; got {labels.shape}")
    value = float(statistic(rows))
    _, group_of = np.unique(labels, return_inverse=True)
    order = np.argsort(group_of, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group_of))[:-1])
    if len(members) < 2:
        return Interval(None, value, None)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(members), size=(draws, len(members)))
    found = [float(statistic(rows[np.concatenate([members[i] for i in draw])])) for draw in drawn]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), value, float(high))
