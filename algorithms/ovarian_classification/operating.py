"""Where theta decides: thresholds, calibrated probability and the band in which the algorithm does not decide.

All of it is fitted on one set of images that taught neither network, and names that set (``rests_on``). It is fitted on
single images; the theta of an examination is a mean over images, and is held against the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from algorithms.ovarian_classification.roc import Cuts, area, checked, cuts
from algorithms.ovarian_classification.theta import CLAMP, combined, theta, weight
from dicom_node.errors import ModelError

SENSITIVITY = 0.95
SPECIFICITY = 0.95
LEAST_OF_EACH = 20
"""Of fewer than 20 malignant images a sensitivity of 0.95 cannot be told from 1."""

Decision = Literal["malignant", "not_malignant", "abstain"]


@dataclass(frozen=True, slots=True)
class Operating:
    """How a combined theta is read.

    Args:
        weight_resnet50: w1 of the combination (theta.py).
        slope, intercept: of the calibration: probability = 1 / (1 + exp(-(slope x + intercept))), x the log odds of
            1 - exp(-theta). It holds for the share of malignant images in the set that it was fitted on.
        threshold_sensitivity: the highest threshold that keeps a sensitivity of 0.95.
        threshold_youden: the threshold with the greatest sensitivity + specificity - 1.
        abstain_low, abstain_high: from the first on, and below the second, there is no decision. The band reaches from
            the threshold of sensitivity 0.95 to that of specificity 0.95: below it lies at most one malignant image of
            twenty, above it at most one other image of twenty (the grey zone of Coste & Pouchot 2003). Where the scores
            part so well that both hold at one threshold, the band is empty.
        rests_on: the set of images, in words.
        youden_resnet50, youden_darknet19: the same threshold for the theta of one network alone: ``evaluate`` compares
            the networks by it, nothing is decided by it.
        lesion_from: P(lesion) from which what was outlined is called a lesion rather than a normal ovary: Youden's
            threshold on the same set.
    """

    weight_resnet50: float
    slope: float
    intercept: float
    threshold_sensitivity: float
    threshold_youden: float
    abstain_low: float
    abstain_high: float
    rests_on: str
    youden_resnet50: float | None = None
    youden_darknet19: float | None = None
    lesion_from: float = 0.5

    def __post_init__(self) -> None:
        numbers = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "rests_on"}
        wrong = [name for name, value in numbers.items() if value is not None and not math.isfinite(value)]
        if wrong:
            raise ValueError(f"no finite number: {', '.join(wrong)}")
        if not 0.0 <= self.weight_resnet50 <= 1.0:
            raise ValueError(f"weight_resnet50 must lie within 0..1; got {self.weight_resnet50}")
        if self.slope <= 0.0:
            raise ValueError(f"the probability must rise with theta: slope above 0; got {self.slope}")
        if self.abstain_low > self.abstain_high:
            raise ValueError(f"the band ends ({self.abstain_high}) before it begins ({self.abstain_low})")
        if not self.rests_on.strip():
            raise ValueError("thresholds must say which set of images they rest on")

    def probability(self, score: float) -> float:
        """The calibrated probability of cancer, 0..1, of a combined theta (finite, at least 0)."""
        return float(expit(self.slope * _log_odds(_score(score)) + self.intercept))

    def decision(self, score: float) -> Decision:
        """What a combined theta (finite, at least 0) means."""
        if _score(score) < self.abstain_low:
            return "not_malignant"
        return "abstain" if score < self.abstain_high else "malignant"

    @classmethod
    def from_card(cls, told: Mapping[str, Any]) -> Operating:
        """Of what the model card tells under ``operating``.

        Raises:
            ModelError: a number is missing, or is none that can be worked with.
        """
        missing = [field.name for field in fields(cls) if field.name not in told and field.default is MISSING]
        if missing:
            raise ModelError(f"operating point of the model card: {', '.join(missing)} missing; train again")
        names = [field.name for field in fields(cls) if field.name in told]
        numbers = {name: told[name] for name in names if name != "rests_on"}
        wrong = [f"{name} is {value!r}" for name, value in numbers.items() if not isinstance(value, (int, float))]
        if wrong:
            raise ModelError(f"operating point of the model card: no number: {', '.join(wrong)}")
        try:
            return cls(**{name: float(value) for name, value in numbers.items()}, rests_on=str(told["rests_on"]))
        except ValueError as error:
            raise ModelError(f"operating point of the model card: {error}") from error

    def to_card(self) -> dict[str, float | str]:
        """What ``from_card`` reads: plain numbers and text, for ``model.toml``."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def fit_operating(p_resnet50: ArrayLike, p_darknet19: ArrayLike, malignant: ArrayLike, rests_on: str) -> Operating:
    """The operating point of a set of images (n,) that taught neither network: P(cancer) of each, 0..1, and the truth.

    Raises:
        ValueError: fewer than 20 images of either kind, a probability outside 0..1, arrays of different length, or
            networks whose combined score does not rise with malignancy.
    """
    first, truth = checked(p_resnet50, malignant)
    second, _ = checked(p_darknet19, malignant)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < LEAST_OF_EACH:
        raise ValueError(
            f"thresholds need at least {LEAST_OF_EACH} malignant and {LEAST_OF_EACH} other images; "
            f"got {positives} and {negatives}"
        )
    share = weight(area(first, truth), area(second, truth))
    scores = np.array([combined(theta([a]), theta([b]), share) for a, b in zip(first, second, strict=True)])
    slope, intercept = _calibration(scores, truth)
    if slope <= 0.0:
        raise ValueError(
            f"the combined score falls with malignancy (AUC {area(scores, truth):.2f}): nothing to decide by"
        )
    found = cuts(scores, truth)
    sensitive, youden = _highest_sensitive(found), _youden(found)
    low, high = _band(sensitive, _lowest_specific(found), youden)
    alone = [_youden(cuts([theta([value]) for value in values], truth)) for values in (first, second)]
    return Operating(share, slope, intercept, sensitive, youden, low, high, rests_on, *alone)


def youden_threshold(scores: ArrayLike, truth: ArrayLike) -> float:
    """Where sensitivity + specificity - 1 is greatest, of scores (n,) and their truth (n,)."""
    return _youden(cuts(np.asarray(scores, np.float64), np.asarray(truth, np.bool_)))


def _score(score: float) -> float:
    if not 0.0 <= score < math.inf:
        raise ValueError(f"theta must be a finite number of at least 0; got {score}")
    return score


def _log_odds(score: float) -> float:
    """Log odds of P = 1 - exp(-theta), P kept from 0 and 1 by the same clamp: ln(P / (1 - P)) = ln(exp(theta) - 1)."""
    limit = -math.log(CLAMP)
    return math.log(math.expm1(min(max(score, CLAMP), limit)))


def _calibration(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept by Platt's method (1999): least cross-entropy against (N+ + 1) / (N+ + 2) for a positive
    and 1 / (N- + 2) for a negative in place of 1 and 0, which keeps the slope finite when the scores part the set."""
    x = np.array([_log_odds(float(score)) for score in scores])
    positives = int(truth.sum())
    wanted = np.where(truth, (positives + 1) / (positives + 2), 1 / (len(truth) - positives + 2))
    centre, spread = x.mean(), x.std() or 1.0
    design = np.stack([(x - centre) / spread, np.ones_like(x)])

    def loss(line: NDArray[np.float64]) -> float:
        z = line @ design
        return float(np.sum(np.logaddexp(0.0, z) - wanted * z))

    def gradient(line: NDArray[np.float64]) -> NDArray[np.float64]:
        return cast(NDArray[np.float64], design @ (expit(line @ design) - wanted))

    found = minimize(loss, np.array([1.0, 0.0]), jac=gradient, method="BFGS", options={"gtol": 1e-8 * len(x)}).x
    slope = float(found[0] / spread)
    return slope, float(found[1] - slope * centre)


def _highest_sensitive(found: Cuts) -> float:
    return float(found.at[np.flatnonzero(found.sensitivity >= SENSITIVITY)[-1]])


def _lowest_specific(found: Cuts) -> float:
    return float(found.at[np.flatnonzero(found.specificity >= SPECIFICITY)[0]])


def _youden(found: Cuts) -> float:
    """Of equals the lowest, which is the most sensitive."""
    index = found.sensitivity + found.specificity - 1.0
    return float(found.at[np.flatnonzero(index >= index.max() - 1e-12)[0]])


def _band(sensitive: float, specific: float, youden: float) -> tuple[float, float]:
    if sensitive <= specific:
        return sensitive, specific
    inside = min(max(youden, specific), sensitive)  # any threshold between them keeps both
    return inside, inside
