"""The figures of the document's Table 1, each with its 95 % interval.

Accuracy, sensitivity, specificity, PPV, NPV: Wilson (1927), images as independent, and beside it by block. AUC: DeLong,
and beside it by block. Kappa and F1: by block alone. "By block": bootstrap that draws blocks of patients, not images
(percentiles of 2000 draws; Davison & Hinkley 1997, section 3.8); draws in which a figure has no value are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from algorithms.ovarian_classification.delong import LEVEL, delong_interval
from algorithms.ovarian_classification.roc import area, checked
from dicom_node.figures import Interval

DRAWS = 2000
LEAST_VALID_SHARE = 0.9
"""Of the draws: where more than a tenth have no value (no positive drawn), there is no interval."""

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure: ``interval`` as named in this file's head, ``by_block`` from the bootstrap over blocks.

    ``interval`` is ``None`` for kappa and F1. ``value`` is ``None`` where it divides by zero.
    """

    value: float | None
    interval: tuple[float, float] | None
    by_block: tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """How often each image comes in each draw: (draws, images). One set serves all figures of the same images."""

    times: NDArray[np.float64]

    @classmethod
    def of(cls, blocks: Sequence[int] | NDArray, seed: int = 0) -> Draws:
        """Draws as many blocks as there are, with replacement."""
        _, block_of = np.unique(np.asarray(blocks), return_inverse=True)
        count = int(block_of.max()) + 1
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=DRAWS)
        return cls(drawn[:, block_of].astype(np.float64) if count > 1 else np.empty((0, len(block_of))))

    def ends(self, statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> tuple[float, float] | None:
        """2.5 % and 97.5 % of what ``statistic`` makes of the draws: (draws, images) -> (draws,), NaN for no value."""
        if not len(self.times):
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            found = statistic(self.times)
        valid = found[np.isfinite(found)]
        if len(valid) < LEAST_VALID_SHARE * len(found):
            return None
        low, high = np.quantile(valid, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """How often each of the four outcomes came: numbers, or one for each draw (draws,)."""

    true_positive: Counts
    false_positive: Counts
    false_negative: Counts
    true_negative: Counts

    @classmethod
    def of(cls, called: NDArray[np.bool_], truth: NDArray[np.bool_], times: NDArray[np.float64]) -> Table:
        """``times``: (draws, images)."""
        parts = (called & truth, called & ~truth, ~called & truth, ~called & ~truth)
        return cls(*(cast(Counts, times @ part.astype(np.float64)) for part in parts))


def _share(over: Counts, rest: Counts) -> Counts:
    return over / (over + rest)


def _kappa(table: Table) -> Counts:
    """Cohen's kappa (1960) between the decision and the truth."""
    tp, fp, fn, tn = table.true_positive, table.false_positive, table.false_negative, table.true_negative
    count = tp + fp + fn + tn
    agreed = (tp + tn) / count
    by_chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / count**2
    return (agreed - by_chance) / (1.0 - by_chance)


PROPORTIONS: Mapping[str, Callable[[Table], tuple[Counts, Counts]]] = {
    "accuracy": lambda t: (t.true_positive + t.true_negative, t.false_positive + t.false_negative),
    "sensitivity": lambda t: (t.true_positive, t.false_negative),
    "specificity": lambda t: (t.true_negative, t.false_positive),
    "ppv": lambda t: (t.true_positive, t.false_positive),
    "npv": lambda t: (t.true_negative, t.false_negative),
}
OTHERS: Mapping[str, Callable[[Table], Counts]] = {
    "kappa": _kappa,
    "f1": lambda t: _share(2 * t.true_positive, t.false_positive + t.false_negative),
}
DECIDED = (*PROPORTIONS, *OTHERS)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927). ``count`` above 0."""
    found = binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def decided(called: ArrayLike, truth: ArrayLike, draws: Draws) -> dict[str, Reading]:
    """Figures of yes-or-no calls (n,) against the truth (n,); ``draws`` of the same images.

    Raises:
        ValueError: not one truth for each call, or no image.
    """
    calls, true = np.asarray(called, bool), np.asarray(truth, bool)
    if calls.shape != true.shape or not len(calls):
        raise ValueError(f"one truth for each of at least one call; got shapes {calls.shape} and {true.shape}")
    once = Table.of(calls, true, np.ones((1, len(calls))))
    found = {}
    for name, parts in PROPORTIONS.items():
        hits, misses = (int(part[0]) for part in parts(once))
        found[name] = _proportion(hits, hits + misses, draws, lambda t, f=parts: _share(*f(Table.of(calls, true, t))))
    for name, statistic in OTHERS.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(once)[0])
        if np.isfinite(value):
            ends = draws.ends(lambda t, f=statistic: f(Table.of(calls, true, t)))
            found[name] = Reading(value, None, ends)
        else:
            found[name] = Reading(None, None, None)
    return found


def share(hits: ArrayLike, draws: Draws) -> Reading:
    """A share of images (n,), such as of those in which the lesion was met. Empty: no value."""
    met = np.asarray(hits, bool)
    return _proportion(int(met.sum()), len(met), draws, lambda t: (t @ met) / t.sum(axis=1))


def average(values: ArrayLike, draws: Draws) -> Reading:
    """A mean over images (n,), by block. Empty: no value."""
    given = np.asarray(values, np.float64)
    if not len(given):
        return Reading(None, None, None)
    return Reading(float(given.mean()), None, draws.ends(lambda t: (t @ given) / t.sum(axis=1)))


def median(values: ArrayLike, draws: Draws) -> Reading:
    """A median over images (n,), by block. Empty: no value."""
    given = np.asarray(values, np.float64)
    if not len(given):
        return Reading(None, None, None)
    order = np.argsort(given, kind="stable")

    def medians(times: NDArray[np.float64]) -> NDArray[np.float64]:
        reached = np.cumsum(times[:, order], axis=1)
        middle = np.argmax(reached >= reached[:, -1:] / 2, axis=1)
        return given[order][middle]

    return Reading(float(np.median(given)), None, draws.ends(medians))


def discrimination(scores: ArrayLike, truth: ArrayLike, draws: Draws) -> Reading:
    """Area under the ROC curve: DeLong, and by block. No value where all images are of one kind.

    Raises:
        ValueError: not one truth for each score, or a score that is no finite number.
    """
    true = np.asarray(truth, bool)
    if true.all() or not true.any():
        return Reading(None, None, None)
    values, true = checked(scores, true)
    found: Interval = delong_interval(values, true)
    ends = None if found.low is None or found.high is None else (found.low, found.high)
    return Reading(area(values, true), ends, draws.ends(lambda t: weighted_area(values, true, t)))


def weighted_area(values: NDArray[np.float64], truth: NDArray[np.bool_], times: NDArray[np.float64]) -> Counts:
    """(draws,) the area when image i counts ``times[d, i]`` times; NaN where a draw has images of one kind only."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf) > 0)  # of each run of equal scores
    positives, negatives = (np.add.reduceat((times * kind)[:, order], starts, axis=1) for kind in (truth, ~truth))
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return (positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))


def _proportion(hits: int, count: int, draws: Draws, statistic: Callable) -> Reading:
    if not count:
        return Reading(None, None, None)
    return Reading(hits / count, wilson(hits, count), draws.ends(statistic))
