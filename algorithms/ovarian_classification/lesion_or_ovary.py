"""Whether a picture shows a lesion or a normal ovary.

Asked are the ResNet-50, of the outlined place, and the segmenter, of the whole picture; and how sure the segmenter is
of its outline counts, too: an ovary without a lesion is small, dim at its border and often not found, and where womb or
bladder is outlined in its place the segmenter doubts. Darknet-19 adds nothing to these (tried.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from algorithms.ovarian_classification.classes import NORMAL
from algorithms.ovarian_classification.opinion import agreed

WHOLE_PICTURE = 0.3
"""Weight of the whole picture; the outlined place has the rest."""
SURENESS = 0.5
"""Power of the odds of the segmenter's sureness."""
USUAL_SURENESS = 0.87
"""Mean over the set (0.88 of lesions, 0.81 of normal ovaries): here the sureness says nothing."""
LEAST = 1e-3
"""No share is taken to be nearer to 0 or 1: none decides alone."""


def probability_of_lesion(near: NDArray[np.floating], whole: NDArray[np.floating], sureness: float) -> float:
    """That it is a lesion of any kind, 0..1.

    Args:
        near: (folds, 8), what each fold's ResNet-50 takes the outlined place for, in the order of CLASSES.
        whole: (folds, 8), what each fold's segmenter takes the whole picture for.
        sureness: lesion.Outlined's.
    """
    together = agreed(np.stack([near, whole]), weights=(1.0 - WHOLE_PICTURE, WHOLE_PICTURE))
    log_odds = _log_odds(1.0 - float(together[:, NORMAL].mean()))
    return float(expit(log_odds + SURENESS * (_log_odds(sureness) - _log_odds(USUAL_SURENESS))))


def _log_odds(share: float) -> float:
    return float(logit(np.clip(share, LEAST, 1.0 - LEAST)))
