"""Elasticity scores from proportions of colours: named schemes, each a short table of thresholds.

A reader looks how much of a lesion is blue (hard), whether its centre or its rim is, and whether the tissue around it
is blue as well. Here the same is said in numbers: shares of pixels by class in the region, in its core (the region
shrunk about its centroid to half its area) and in a ring around it (out to the region enlarged by AROUND). The words of
each score are the publication's; the numbers for "entire", "large part" and "some" are this project's, since the
publications judge by eye. They are the same for synthetic elastograms and for those they are compared with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.region import outline
from dicom_node.geometry import pixels_between
from dicom_node.region import Points

SOFT, MEDIUM, HARD = range(3)  # as colours.classes_of has them
OUTSIDE = 255
"""Class of pixels that the elastogram does not cover."""
CORE = round(math.sqrt(0.5), 4)
AROUND = 1.3

SOME, LARGE_PART, ENTIRE = 0.1, 0.5, 0.8
"""Shares from which on something counts as "some", "a large part" and "entire"."""
MOST_OF_CORE = 0.65


@dataclass(frozen=True)
class Fractions:
    """Shares of the classes in a region, of those pixels that the elastogram covers; they add up to 1."""

    soft: float
    medium: float
    hard: float


@dataclass(frozen=True)
class Proportions:
    """What schemes judge by. ``around`` is ``None`` where the elastogram ends at the region."""

    inside: Fractions
    hard_core: float
    around: Fractions | None

    @property
    def named(self) -> dict[str, float]:
        """By the names that the tables of thresholds use."""
        hard_around = self.around.hard if self.around else 0.0
        return {"hard": self.inside.hard, "hard_core": self.hard_core, "hard_around": hard_around}


@dataclass(frozen=True)
class Step:
    """One score: reached where every named share is at least so large."""

    value: int
    least: Mapping[str, float]
    meaning: str


@dataclass(frozen=True)
class Scheme:
    """A scheme: ``steps`` from the highest score down; the first that is reached holds, the last always is.

    ``short`` stands before a score ("Tsukuba 4") where there is little room.
    """

    name: str
    title: str
    short: str
    source: str
    steps: tuple[Step, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """All scores, the lowest first."""
        return tuple(step.value for step in reversed(self.steps))

    def meaning(self, value: int) -> str:
        """The words of a score."""
        return next(step.meaning for step in self.steps if step.value == value)

    def value(self, shares: Mapping[str, float]) -> int:
        """The score of shares by name (``Proportions.named``)."""
        return next(
            step.value for step in self.steps if all(shares[name] >= least for name, least in step.least.items())
        )

    def formula(self, keys: Mapping[str, str]) -> str:
        """The same rule as a conditional expression; ``keys``: from a share's name to its key in the result."""
        text = str(self.steps[-1].value)
        for step in reversed(self.steps[:-1]):
            tests = " and ".join(f"{keys[name]} >= {least:g}" for name, least in step.least.items())
            text = f"{step.value} if {tests} else ({text})"
        return text


@dataclass(frozen=True)
class Score:
    """A score and what it rests on; ``surround_fractions`` is ``None`` where the elastogram ends at the region."""

    value: int
    meaning: str
    fractions: Fractions
    surround_fractions: Fractions | None
    scheme: Scheme


TSUKUBA = Scheme(
    name="tsukuba",
    title="Tsukuba score",
    short="Tsukuba",
    source="Itoh A, Ueno E, Tohno E, et al. Breast disease: clinical application of US elastography for diagnosis. "
    "Radiology 2006;239:341-350",
    steps=(
        Step(5, {"hard": ENTIRE, "hard_around": LARGE_PART}, "no strain in the lesion nor in the tissue around it"),
        Step(4, {"hard": ENTIRE}, "no strain in the entire lesion"),
        Step(3, {"hard": SOME, "hard_core": MOST_OF_CORE}, "strain at the rim of the lesion, its centre spared"),
        Step(2, {"hard": SOME}, "strain in most of the lesion, some parts without"),
        Step(1, {}, "strain in the entire lesion"),
    ),
)
THYROID_FOUR_POINT = Scheme(
    name="thyroid_four_point",
    title="Four-point thyroid score",
    short="Thyroid",
    source="Asteria C, Giovanardi A, Pizzocaro A, et al. US-elastography in the differential diagnosis of benign and "
    "malignant thyroid nodules. Thyroid 2008;18:523-531",
    steps=(
        Step(4, {"hard": ENTIRE}, "stiff in the whole nodule"),
        Step(3, {"hard": LARGE_PART}, "stiff in a large part of the nodule"),
        Step(2, {"hard": SOME}, "elastic in a large part of the nodule"),
        Step(1, {}, "elastic in the whole nodule"),
    ),
)
GENERAL = Scheme(
    name="general",
    title="Share-of-hard score",
    short="Hard share",
    source="dicom-node: quarters of the share of hard pixels in the region. Not a published scheme",
    steps=(
        Step(4, {"hard": 0.75}, "three quarters or more of the region hard"),
        Step(3, {"hard": 0.5}, "half to three quarters of the region hard"),
        Step(2, {"hard": 0.25}, "a quarter to half of the region hard"),
        Step(1, {}, "under a quarter of the region hard"),
    ),
)
SCHEMES = {scheme.name: scheme for scheme in (TSUKUBA, THYROID_FOUR_POINT, GENERAL)}


def proportions(classes: NDArray[np.uint8], region: Points) -> Proportions | None:
    """Shares of the classes in, amid and around a polygon.

    Args:
        classes: (rows, cols) of SOFT, MEDIUM, HARD, and OUTSIDE where there is no elastogram.
        region: polygon on the same grid, (x, y), pixel centres at integers.

    Returns:
        ``None`` where the region or its core has no pixel of the elastogram.
    """
    inside, core, ring = (
        pixels_between(region, factors, *classes.shape) for factors in ((0.0, 1.0), (0.0, CORE), (1.0, AROUND))
    )
    within, amid = (_fractions(classes[where]) for where in (inside, core))
    if within is None or amid is None:
        return None
    return Proportions(within, amid.hard, _fractions(classes[ring]))


def _fractions(classes: NDArray[np.uint8]) -> Fractions | None:
    counts = np.bincount(classes[classes != OUTSIDE], minlength=3)
    total = int(counts.sum())
    return Fractions(*(int(count) / total for count in counts)) if total else None


def scored(classes: NDArray[np.uint8], lesion: NDArray[np.bool_], scheme: Scheme | str) -> Score | None:
    """The score of a lesion on an elastogram: for evaluations, by the very rule of the node.

    Args:
        classes: (rows, cols), as for ``proportions``.
        lesion: (rows, cols): its largest piece is the region.
        scheme: one of SCHEMES, or its name.

    Returns:
        ``None`` where there is no lesion on the elastogram.
    """
    chosen = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    points = outline(lesion)
    found = proportions(classes, points) if points else None
    return None if found is None else score_of(found, chosen)


def score_of(found: Proportions, scheme: Scheme) -> Score:
    """The score of given proportions."""
    value = scheme.value(found.named)
    return Score(value, scheme.meaning(value), found.inside, found.around, scheme)
