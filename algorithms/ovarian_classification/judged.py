"""What the node's networks make of labelled pictures, each judged by networks that never saw it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.canvas import about, back_to_picture
from algorithms.ovarian_classification.classes import CLASSES, MALIGNANT, NORMAL
from algorithms.ovarian_classification.experts import FOLDS, Classified, Experts
from algorithms.ovarian_classification.image_properties import Properties, properties_of
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.quality import MODEL, Quality, QualityTest
from algorithms.ovarian_classification.theta import combined, theta
from algorithms.ovarian_classification.training_data import Labelled
from dicom_node.algorithm import Models
from dicom_node.errors import ModelError

CARRIER = "resnet50_1"
"""The model whose card has the operating points."""


@dataclass(frozen=True, slots=True)
class Scores:
    """P(cancer) of each network for one picture, and what they amount to at an operating point."""

    p_resnet50: float
    p_darknet19: float
    operating: Operating

    @property
    def theta_resnet50(self) -> float:
        return theta([self.p_resnet50])

    @property
    def theta_darknet19(self) -> float:
        return theta([self.p_darknet19])

    @property
    def theta(self) -> float:
        """Both combined."""
        return combined(self.theta_resnet50, self.theta_darknet19, self.operating.weight_resnet50)


@dataclass(frozen=True, slots=True)
class Placed:
    """How what the networks found lies to the true mask of a picture.

    Args:
        dice: 0 where no lesion was found.
        peak_inside, peak_in_found: whether the activation map's maximum lies in the true, and in the found lesion.
        by_chance: share of what the experts saw that the true mask covers.
        by_outline: share of the found lesion that the true mask covers: what a maximum anywhere in the outline would
            give; 0 where no lesion was found.
    """

    dice: float
    found: bool
    peak_inside: bool
    peak_in_found: bool
    by_chance: float
    by_outline: float


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPicture:
    """One picture and what was made of it.

    Args:
        block: the block of patients that it belongs to.
        fold: of the networks that judged it (1..5); ``None`` where all did.
        category: place in CLASSES. categories: (8,) what the networks gave for each. p_lesion: that it is no normal
            ovary, 0..1.
        taught_quality: whether the quality network learned from it.
        placed: ``None`` without a true mask.
    """

    name: str
    block: int
    fold: int | None
    category: int
    scores: Scores
    categories: NDArray[np.float32]
    p_lesion: float
    quality: Quality
    taught_quality: bool
    placed: Placed | None
    properties: Properties

    @property
    def malignant(self) -> bool:
        return self.category == MALIGNANT

    @property
    def lesion(self) -> bool:
        """Whether the ovary is no normal one."""
        return self.category != NORMAL


class FoldJudges:
    """Which networks may judge a picture, and the operating point that was fixed without it.

    Raises:
        ModelError: a network or an operating point is missing.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._experts: dict[int | None, Experts] = {}
        self._folds = {
            digest: fold for fold in FOLDS for digest in models.card(f"resnet50_{fold}").get("held_out_digests", ())
        }
        self.taught_quality = frozenset(models.card(MODEL).get("taught_digests", ()))
        card = models.card(CARRIER)
        without = card.get("operating_without", ())
        if "operating" not in card or len(without) != len(FOLDS):
            raise ModelError(
                f"the card of {CARRIER!r} needs 'operating' and {len(FOLDS)} of 'operating_without'; "
                f"it has {len(without)}: train again"
            )
        self._operating: dict[int | None, Operating] = {None: Operating.from_card(card["operating"])}
        for fold, told in zip(FOLDS, without, strict=True):
            self._operating[fold] = Operating.from_card(told)

    def fold_of(self, digest: str) -> int | None:
        """The fold that was trained without the picture; ``None`` where all were."""
        return self._folds.get(digest)

    def operating(self, fold: int | None) -> Operating:
        """Fitted without the pictures of that fold; for ``None`` the one that a node works with."""
        return self._operating[fold]

    def experts(self, fold: int | None) -> Experts:
        """The networks of that fold, or all."""
        if fold not in self._experts:
            self._experts[fold] = Experts(self._models, FOLDS if fold is None else (fold,))
        return self._experts[fold]

    def scores(self, rgb: NDArray[np.uint8], fold: int | None) -> Scores:
        """Of a picture (rows, columns, 3), by the networks of that fold."""
        return _scores(self.experts(fold).classify(rgb), self.operating(fold))


def judge_all(
    pictures: Sequence[Labelled],
    blocks: Sequence[int] | NDArray,
    judges: FoldJudges,
    quality: QualityTest,
    seen: Callable[[int], None],
) -> list[JudgedPicture]:
    """Every picture, in its order. ``seen`` is told how many were judged before."""
    found = []
    for number, (picture, block) in enumerate(zip(pictures, blocks, strict=True)):
        seen(number)
        fold = judges.fold_of(picture.digest)
        classified = judges.experts(fold).classify(picture.rgb)
        found.append(
            JudgedPicture(
                name=picture.name,
                block=int(block),
                fold=fold,
                category=CLASSES.index(picture.category),
                scores=_scores(classified, judges.operating(fold)),
                categories=classified.categories,
                p_lesion=classified.p_lesion,
                quality=quality.judge(picture.rgb),
                taught_quality=picture.digest in judges.taught_quality,
                placed=placed_of(classified, picture.mask) if picture.mask.any() else None,
                properties=properties_of(picture.rgb, unmarked(picture.rgb), picture.mask),
            )
        )
    return found


def placed_of(classified: Classified, truth: NDArray[np.bool_]) -> Placed:
    """How the lesion and the activation map (rows, columns) lie to the truth, which is not empty."""
    lesion, activation = classified.lesion, classified.activation
    rows, columns = truth.shape
    square = about(lesion)
    side = max(1, round(square.side))
    seen = back_to_picture(np.ones((side, side), np.float32), square, rows, columns) > 0.5
    row, column = np.unravel_index(int(np.argmax(activation)), activation.shape)
    points_somewhere = bool(activation.max() > 0.0)
    return Placed(
        dice=float(2 * np.count_nonzero(lesion & truth) / (np.count_nonzero(lesion) + np.count_nonzero(truth))),
        found=bool(lesion.any()),
        peak_inside=points_somewhere and bool(truth[row, column]),
        peak_in_found=points_somewhere and bool(lesion[row, column]),
        by_chance=float(np.count_nonzero(truth & seen) / max(1, np.count_nonzero(seen))),
        by_outline=float(np.count_nonzero(truth & lesion) / max(1, np.count_nonzero(lesion))),
    )


def _scores(classified: Classified, operating: Operating) -> Scores:
    return Scores(classified.p_resnet50, classified.p_darknet19, operating)
