"""Is this picture like those that the networks learned from? If not, nothing can be said of it.

Each picture is described by numbers: statistics of its texture (texture.py) and the principal components of the
generator's bottleneck. Their distance from the mean of simulated reference pictures, in units of those pictures' own
spread (Mahalanobis; Lee et al., NeurIPS 2018, arXiv 1807.03888), is compared with a quantile of the distances of other
reference pictures. None of them taught the networks, and no real picture takes part in setting the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.texture import describe
from dicom_node.errors import ModelError

CARD_KEY = "familiarity"
LIMIT_QUANTILE = 0.99
"""Of one hundred pictures like those that it learned from, the test refuses one."""
LEVELS = (*np.round(np.arange(0.0, 0.9, 0.1), 3), *np.round(np.arange(0.9, 0.99, 0.01), 3), 0.99, 0.995, 1.0)
LEAST_SPREAD = 1e-3
"""Of the largest variance: directions of less are not believed to be so narrow."""
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Familiarity:
    """The answer.

    Args:
        distance: of this picture from the reference pictures, in units of their spread.
        limit: beyond it, a picture is not familiar.
        p_value: share of the reference pictures that lie as far out; those beyond all count as less than one.
        familiar: whether the networks may be believed.
        reason: one sentence.
    """

    distance: float
    limit: float
    p_value: float
    familiar: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What is familiar: as it stands in the manifest.

    Args:
        mean: (n,) of the descriptions.
        whitening: (n, n) brings the descriptions to independent values of variance one.
        distances: of other reference pictures, at ``LEVELS`` of their distribution.
        pictures: how many of those.
        limit: the quantile ``LIMIT_QUANTILE`` of their distances.
    """

    mean: NDArray[np.float64]
    whitening: NDArray[np.float64]
    distances: NDArray[np.float64]
    pictures: int
    limit: float

    def told(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "limit": round(self.limit, DIGITS),
            "limit_quantile": LIMIT_QUANTILE,
            "pictures": self.pictures,
            "distances": [round(float(value), 4) for value in self.distances],
            "mean": _short(self.mean),
            "whitening": [_short(row) for row in self.whitening],
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Reference:
        """From the manifest's card of the generator. Raises ModelError where it tells nothing of familiarity."""
        try:
            told = card[CARD_KEY]
            return cls(
                np.array(told["mean"], np.float64),
                np.array(told["whitening"], np.float64),
                np.array(told["distances"], np.float64),
                int(told["pictures"]),
                float(told["limit"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"the generator's card in model.toml does not say what is familiar to it: {error}"
            ) from error

    def judge(self, canvas: NDArray[np.float32], features: NDArray[np.float32]) -> Familiarity:
        """Whether a canvas, with the features that the generator gave, is familiar.

        Raises:
            ModelError: the features are not those that the reference was made with.
        """
        description = np.concatenate([describe(canvas), features.astype(np.float64)])
        if description.shape != self.mean.shape:
            raise ModelError(
                f"familiarity was measured on {len(self.mean)} numbers; the picture has {len(description)}"
            )
        distance = float(np.linalg.norm(self.whitening @ (description - self.mean)))
        at_least = 1.0 - float(np.interp(distance, self.distances, LEVELS))
        p_value = max(at_least, 1.0 / (self.pictures + 1))
        familiar = distance <= self.limit
        what = "like" if familiar else "unlike"
        reason = (
            f"the picture is {what} those that the networks learned from: its distance is {distance:.2f}, and "
            f"{LIMIT_QUANTILE:.0%} of simulated pictures lie within {self.limit:.2f}"
        )
        return Familiarity(distance, self.limit, p_value, familiar, reason)


def reference_of(canvases: Sequence[NDArray[np.float32]], features: Sequence[NDArray[np.float32]]) -> Reference:
    """From pictures that taught nothing: the first half gives mean and spread, the second half the limit."""
    described = np.array(
        [np.concatenate([describe(canvas), row]) for canvas, row in zip(canvases, features, strict=True)], np.float64
    )
    half = len(described) // 2
    mean, whitening = _whitened(described[:half])
    distances = np.linalg.norm((described[half:] - mean) @ whitening.T, axis=1)
    return Reference(
        mean,
        whitening,
        np.quantile(distances, LEVELS),
        len(distances),
        float(np.quantile(distances, LIMIT_QUANTILE)),
    )


def _whitened(described: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and whitening matrix of rows; scaled to equal spread first, so that units do not matter."""
    mean, scale = described.mean(axis=0), described.std(axis=0) + 1e-9
    covariance = np.cov((described - mean) / scale, rowvar=False)
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances, LEAST_SPREAD * variances.max())
    return mean, (directions / np.sqrt(variances)).T / scale


def _short(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
