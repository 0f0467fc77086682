"""Cleaning: which images of an examination may be judged at all, by a network with several labels.

The document (US 12394048 B2, step a) drops images without adnexa or lesion. Here an image is dropped that

    is smaller than 32 pixels or of one grey   nothing can be seen on it
    is undetermined                            whatever is in it cannot be told from it
    is three-dimensional                       the networks learned from two-dimensional pictures alone
    shows no adnexa                            neither an ovary nor a lesion of it; a normal ovary alone is used
    is unlike every picture that was learned   then no answer of any network rests on anything

Ascites, blood flow and lesion are reported and are no grounds for dropping. Only pixels are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.algorithm import Models
from dicom_node.errors import ModelError

MODEL = "quality"
LABELS = ("adnexa", "lesion", "ascites", "blood_flow", "three_d", "undetermined")
SIMULATED_ONLY = ("ascites", "three_d", "undetermined")
"""Public images have no such labels: the simulator taught these three."""
INPUT_PX = 96
LEAST_SIDE_PX = 32
LEAST_CONTRAST = 8
"""Grey values between the darkest and the brightest hundredth of an image."""
USED_FROM, DROPPED_FROM = 0.5, 0.5
"""Probability of adnexa from which an image is used; of 'undetermined' and 'three-dimensional' to drop it."""
CARD_KEY = "familiarity"


@dataclass(frozen=True, slots=True)
class Quality:
    """What one image shows: probability of each of ``LABELS``, whether it is used, and why (not)."""

    probabilities: Mapping[str, float]
    used: bool
    reason: str


class QualityTest:
    """The quality network, opened.

    Raises:
        ModelError: there is no such model, or its card does not say what is familiar to it.
    """

    def __init__(self, models: Models) -> None:
        self._model = models.open(MODEL)
        self.info = self._model.info
        self._limit = limit_of(models.card(MODEL))

    def judge(self, rgb: NDArray[np.uint8]) -> Quality:
        """The answer for one image, (rows, columns, 3) uint8, whole and as displayed."""
        said = self._model.run({"picture": quality_input(rgb)[None]})
        probabilities = {
            label: round(float(value), 4)
            for label, value in zip(LABELS, _sigmoid(said["logits"][0].astype(np.float64)), strict=True)
        }
        why = _nothing_to_see(rgb) or dropped_for(probabilities, float(said["distance"][0]), self._limit)
        return Quality(probabilities, why is None, why or _used_for(probabilities))


def quality_input(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(3, 96, 96) of 0..1: the whole picture in the middle of a black square."""
    rows, columns = rgb.shape[:2]
    scale = INPUT_PX / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
    top, left = (INPUT_PX - size[1]) // 2, (INPUT_PX - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = cv2.resize(rgb, size, interpolation=way)
    return np.ascontiguousarray(square.transpose(2, 0, 1), np.float32) / np.float32(255)


def dropped_for(probabilities: Mapping[str, float], distance: float, limit: float) -> str | None:
    """Why an image is dropped, or ``None``: the most telling reason first.

    Args:
        distance: of the image from those that taught the network, in units of their own spread.
        limit: beyond it an image is unlike all of them.
    """
    if (value := probabilities["undetermined"]) >= DROPPED_FROM:
        return f"undetermined: what the image shows cannot be told (P = {value:.2f})"
    if (value := probabilities["three_d"]) >= DROPPED_FROM:
        return f"a three-dimensional rendering (P = {value:.2f}); two-dimensional images are needed"
    if (value := probabilities["adnexa"]) < USED_FROM:
        return f"shows no adnexa: neither an ovary nor a lesion of it (P = {value:.2f} that it does)"
    if distance > limit:
        return f"unlike every image that the networks learned from (distance {distance:.1f}; at most {limit:.1f})"
    return None


def limit_of(card: Mapping[str, Any]) -> float:
    """How far from the pictures that taught it an image may lie, from the model's card. Raises ModelError."""
    try:
        return float(card[CARD_KEY]["limit"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the card of {MODEL!r} in model.toml does not say what is familiar to it: {error}") from error


def _nothing_to_see(rgb: NDArray[np.uint8]) -> str | None:
    rows, columns = rgb.shape[:2]
    if min(rows, columns) < LEAST_SIDE_PX:
        return f"undetermined: {columns} x {rows} pixels; at least {LEAST_SIDE_PX} on each side are needed"
    low, high = np.percentile(rgb, (1, 99))
    return "undetermined: the image is blank" if high - low < LEAST_CONTRAST else None


def _used_for(probabilities: Mapping[str, float]) -> str:
    also = [
        f"{word} (P = {probabilities[label]:.2f})"
        for label, word in (("lesion", "a lesion"), ("blood_flow", "blood flow"), ("ascites", "ascites"))
        if probabilities[label] >= 0.5
    ]
    shown = f"shows adnexa (P = {probabilities['adnexa']:.2f})"
    return f"{shown}; with {', '.join(also)}" if also else shown


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -60, 60)))
