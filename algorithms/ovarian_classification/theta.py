"""The score of an examination, theta, exactly as the document has it (US 12394048 B2, claim 1).

theta = -(1/n) sum ln(1 - P_i) over the n images of the examination, for each network; both are combined by weight,
theta_combined = w1 theta_ResNet-50 + w2 theta_Darknet-19, w1 = AUC_ResNet-50 / (AUC_ResNet-50 + AUC_Darknet-19),
w2 = 1 - w1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CLAMP = 1e-6
"""A probability above 1 - CLAMP counts as 1 - CLAMP: ln(0) is minus infinity, and one image would decide alone. So no
theta is above -ln(1e-6) = 13.8."""


def theta(probabilities: Sequence[float], clamp: float = CLAMP) -> float:
    """-(1/n) sum ln(1 - P_i), P_i taken as at most 1 - ``clamp``; 0 (no image shows cancer) to -ln(clamp).

    Args:
        probabilities: P(cancer) of each image that is used, 0..1.
        clamp: above 0 and below 1.

    Raises:
        ValueError: no probability, one that is no number or not within 0..1, or a clamp that clamps nothing.
    """
    if not len(probabilities):
        raise ValueError("theta needs the probability of at least one image; got none")
    if not 0.0 < clamp < 1.0:
        raise ValueError(f"clamp must lie between 0 and 1; got {clamp}")
    for number, value in enumerate(probabilities, start=1):
        if not 0.0 <= value <= 1.0:  # NaN fails this too
            raise ValueError(f"P(cancer) must be a number within 0..1; image {number} has {value}")
    clamped = (min(float(value), 1.0 - clamp) for value in probabilities)
    return -math.fsum(math.log1p(-value) for value in clamped) / len(probabilities) + 0.0  # never -0.0


def weight(auc_resnet50: float, auc_darknet19: float) -> float:
    """w1: ResNet-50's share, from the areas under both ROC curves (0..1); w2 = 1 - w1.

    Raises:
        ValueError: an area that is no number or not within 0..1, or both 0.
    """
    for name, area in (("ResNet-50", auc_resnet50), ("Darknet-19", auc_darknet19)):
        if not 0.0 <= area <= 1.0:
            raise ValueError(f"AUC of {name} must be a number within 0..1; got {area}")
    if auc_resnet50 + auc_darknet19 == 0.0:
        raise ValueError("both networks have AUC 0: there is nothing to weigh them by")
    return float(auc_resnet50 / (auc_resnet50 + auc_darknet19))


def combined(theta_resnet50: float, theta_darknet19: float, weight_resnet50: float) -> float:
    """w1 theta_ResNet-50 + (1 - w1) theta_Darknet-19.

    Raises:
        ValueError: a theta that is negative or no finite number, or a weight that is not within 0..1.
    """
    for name, score in (("ResNet-50", theta_resnet50), ("Darknet-19", theta_darknet19)):
        if not 0.0 <= score < math.inf:
            raise ValueError(f"theta of {name} must be a finite number of at least 0; got {score}")
    if not 0.0 <= weight_resnet50 <= 1.0:
        raise ValueError(f"the weight of ResNet-50 must lie within 0..1; got {weight_resnet50}")
    return weight_resnet50 * theta_resnet50 + (1.0 - weight_resnet50) * theta_darknet19
