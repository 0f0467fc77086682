"""The networks on one picture: where the lesion is, what the experts take it for, and where they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.ask import ask_all
from algorithms.ovarian_classification.canvas import CROP_PX, Square, about, back_to_picture, seen_in
from algorithms.ovarian_classification.classes import MALIGNANT
from algorithms.ovarian_classification.lesion import outlined
from algorithms.ovarian_classification.lesion_or_ovary import probability_of_lesion
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.opinion import agreed
from dicom_node.algorithm import ModelInfo, Models

FOLDS = (1, 2, 3, 4, 5)
SIGHTS = ((1.0, 1), (0.8, -1), (1.3, -1))
"""What an expert is shown: side, of the square about the lesion; step along its columns, -1 for the mirror image."""


@dataclass(frozen=True, eq=False, slots=True)
class Classified:
    """What the networks say of one picture.

    ``p_resnet50``, ``p_darknet19``: probability of cancer, mean over the folds' networks. Each looks at the lesion;
    its answer is pooled with what its fold's segmenter takes the whole picture for. ``p_lesion``: that it shows a
    lesion of any kind (lesion_or_ovary.py). ``categories``: (8,) in the order of CLASSES, mean of both kinds, by which
    cancer is judged; what they give a normal ovary is not what ``p_lesion`` leaves over. ``spread``: standard
    deviation of the probability of cancer over the networks of the folds, mean of both kinds (0 for one fold).
    ``lesion``: (rows, columns) of the lesion or ovary; empty where none was found. ``activation``: (rows, columns)
    0..1, the strength of ResNet-50's class activation map for cancer at the lesion: how much each place adds to the
    answer, for cancer or against it (in most pictures what counts is what speaks against it). Places outside the
    outlined lesion count a fiftieth in the network's average, and so here; 0 outside what it saw.
    """

    p_resnet50: float
    p_darknet19: float
    p_lesion: float
    categories: NDArray[np.float32]
    spread: float
    lesion: NDArray[np.bool_]
    activation: NDArray[np.float32]


class Experts:
    """The networks, opened. ``folds``: which of the five to ask (1..5); all of them in the node."""

    def __init__(self, models: Models, folds: Sequence[int] = FOLDS) -> None:
        self._segmenters = [models.open(f"segment_{number}") for number in folds]
        self._resnets = [models.open(f"resnet50_{number}") for number in folds]
        self._darknets = [models.open(f"darknet19_{number}") for number in folds]

    @property
    def infos(self) -> tuple[ModelInfo, ...]:
        """The models, as results name them."""
        return tuple(model.info for model in (*self._segmenters, *self._resnets, *self._darknets))

    def classify(self, rgb: NDArray[np.uint8]) -> Classified:
        """Judges one picture.

        Args:
            rgb: (rows, columns, 3), the ultrasound part of the screen.
        """
        rows, columns = rgb.shape[:2]
        grey = unmarked(rgb).grey
        found = outlined(grey, self._segmenters)
        lesion, square = found.mask, about(found.mask)
        crops = np.stack(
            [
                seen_by_experts(grey, lesion, Square(square.x, square.y, zoom * square.side))[..., ::step]
                for zoom, step in SIGHTS
            ]
        )
        answers = [_answer(given) for given in ask_all([*self._resnets, *self._darknets], {"crop": crops})]
        resnets, darknets = answers[: len(self._resnets)], answers[len(self._resnets) :]
        near = np.array([[answer.categories for answer in kind] for kind in (resnets, darknets)])
        categories = agreed(np.stack([near, np.broadcast_to(found.categories, near.shape)]))
        cancer = categories[:, :, MALIGNANT]
        activation = _strength(np.mean([answer.evidence for answer in resnets], axis=0))
        return Classified(
            p_resnet50=float(cancer[0].mean()),
            p_darknet19=float(cancer[1].mean()),
            p_lesion=probability_of_lesion(near[0], found.categories, found.sureness),
            categories=categories.mean(axis=(0, 1)).astype(np.float32),
            spread=float(cancer.std(axis=1).mean()),
            lesion=lesion,
            activation=np.clip(back_to_picture(activation, square, rows, columns), 0.0, 1.0),
        )


def seen_by_experts(grey: NDArray[np.uint8], lesion: NDArray[np.bool_], square: Square) -> NDArray[np.float32]:
    """(2, CROP_PX, CROP_PX): the picture, -1..1, and the lesion's share of each pixel, 0..1."""
    outline = cv2.GaussianBlur(lesion.astype(np.float32), (0, 0), 1.0)
    return np.stack([seen_in(grey, square, CROP_PX) / 127.5 - 1.0, seen_in(outline, square, CROP_PX)])


@dataclass(frozen=True, eq=False, slots=True)
class _Answer:
    """``categories``: (8,). ``evidence``: (h, w), the activation map for cancer, above 0 for it, below against it."""

    categories: NDArray[np.float64]
    evidence: NDArray[np.float32]


def _answer(given: Mapping[str, NDArray]) -> _Answer:
    """Of all SIGHTS together; the map is of the first."""
    return _Answer(agreed(_softmax(given["logits"])), given["maps"][0, MALIGNANT])


def _strength(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """(CROP_PX, CROP_PX) 0..1, the strongest place 1."""
    strength = np.abs(cv2.resize(evidence, (CROP_PX, CROP_PX), interpolation=cv2.INTER_CUBIC))
    return np.asarray(strength / max(float(strength.max()), 1e-6), np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
