"""Sights of any picture, anywhere in it: what networks are shown that learn to see as their teachers do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.canvas import CROP_PX, Square, warped
from algorithms.ovarian_classification.lessons import exposed, varied
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.phantom import picture_of
from algorithms.ovarian_classification.real_pictures import Load, no_pelvis
from dicom_node.algorithm import Progress

LONGEST_PX = 448
SIMULATED = 700
REAL_OF_A_KIND = 400
SHARE_OF_SIDE = (0.3, 1.0)
"""Side of a sight, of the picture's shorter side."""
LEAST_CONTRAST = 0.08
"""Standard deviation of a sight worth seeing, before its exposure is varied; the whole range is 2."""


def sight_settings() -> dict[str, object]:
    """What a run was begun with, besides the pictures themselves."""
    return {
        "longest_px": LONGEST_PX,
        "simulated": SIMULATED,
        "real_of_a_kind": REAL_OF_A_KIND,
        "share_of_side": list(SHARE_OF_SIDE),
        "least_contrast": LEAST_CONTRAST,
    }


def other_pictures(data: Path, load: Load, seed: int, progress: Progress) -> list[NDArray[np.uint8]]:
    """Grey pictures that are none of the set: of other kinds, found beside it, and simulated ones.

    Args:
        data: as ``no_pelvis`` reads it; what is not there is left out.
    """
    found = [_plain(picture.rgb) for picture in no_pelvis(data, load, REAL_OF_A_KIND)]
    rng = np.random.default_rng([seed, 3])
    for number in range(SIMULATED):
        if number % 50 == 0:
            progress(number / SIMULATED, "simulated pictures that teach seeing")
        found.append(_plain(picture_of(rng).rgb))
    return found


def sight(pictures: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> NDArray[np.float32]:
    """(CROP_PX, CROP_PX), -1..1: a square of some picture, turned, flipped and exposed at random.

    Args:
        pictures: of which some are not of one grey.
    """
    while True:
        grey = pictures[rng.integers(len(pictures))]
        rows, columns = grey.shape
        side = min(rows, columns) * rng.uniform(*SHARE_OF_SIDE)
        x = rng.uniform(side / 2, max(columns - side / 2, side / 2 + 1))
        y = rng.uniform(side / 2, max(rows - side / 2, side / 2 + 1))
        matrix = varied(Square(x, y, side), CROP_PX, rng, turn_deg=25.0, zoom=1.01, shift=0.0)
        plain = warped(grey, matrix, CROP_PX) / 127.5 - 1.0
        if plain.std() >= LEAST_CONTRAST:
            return exposed(plain, rng)


def other_sight(pictures: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> NDArray[np.float32]:
    """(2, CROP_PX, CROP_PX): a sight, and an ellipse at random for what would be outlined in it, 0..1."""
    outline = np.zeros((CROP_PX, CROP_PX), np.float32)
    x, y = (round(float(place)) for place in rng.uniform(0.36 * CROP_PX, 0.64 * CROP_PX, 2))
    axes = (round(rng.uniform(0.11, 0.36) * CROP_PX), round(rng.uniform(0.11, 0.36) * CROP_PX))
    cv2.ellipse(outline, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return np.stack([sight(pictures, rng), cv2.GaussianBlur(outline, (0, 0), 1.0)])


def _plain(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = unmarked(rgb).grey
    scale = LONGEST_PX / max(grey.shape)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
