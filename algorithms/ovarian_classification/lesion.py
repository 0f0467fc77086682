"""Where the lesion, or the ovary, is: the segmenters on the whole picture, and on it made smaller and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.ask import Asked, ask_all
from algorithms.ovarian_classification.canvas import CANVAS_PX, Square, back_to_picture, seen_in, whole

VIEWS = ((1.0, 1), (1.2, -1))
"""Squares that the segmenters are shown: side, of the picture's longer side; step along its columns, -1 for the mirror
image. Their answers are averaged: as good as all four (lesion Dice 0.815 on one fold), in half the time."""
LESION_FROM = 0.4
FAINT_FROM = 0.1
"""Where nothing reaches LESION_FROM, a lesion is what reaches half of the highest share, if that is at least this."""
LEAST_LESION_SHARE = 5e-4
"""Of the picture: what is smaller is no lesion."""


@dataclass(frozen=True, eq=False, slots=True)
class Outlined:
    """``mask``: (rows, columns), the piece that the segmenters are surest of; empty where they see none.

    ``sureness``: mean share of a lesion or ovary within the mask, 0..1; where it is empty, the highest share anywhere,
    but no more than LESION_FROM: a speck that was left out speaks for nothing.
    ``categories``: (segmenters, 8), what each takes the whole picture for, in the order of CLASSES.
    """

    mask: NDArray[np.bool_]
    sureness: float
    categories: NDArray[np.float32]


def lesion_of(grey: NDArray[np.uint8], segmenters: Sequence[Asked]) -> NDArray[np.bool_]:
    """``outlined``'s mask."""
    return outlined(grey, segmenters).mask


def outlined(grey: NDArray[np.uint8], segmenters: Sequence[Asked]) -> Outlined:
    """Where the lesion is, and what the picture shows.

    Args:
        grey: (rows, columns), marks painted out.
        segmenters: each takes ``field`` (n, 1, CANVAS_PX, CANVAS_PX), -1..1, and gives ``lesion``, logits of the same
            shape, and ``classes`` (n, 8).
    """
    rows, columns = grey.shape
    full = whole(rows, columns)
    squares = [Square(full.x, full.y, zoom * full.side) for zoom, _ in VIEWS]
    field = np.stack(
        [seen_in(grey, square, CANVAS_PX)[:, ::step] for square, (_, step) in zip(squares, VIEWS, strict=True)]
    )
    field = np.ascontiguousarray(field[:, None] / 127.5 - 1.0)
    given = ask_all(segmenters, {"field": field})
    answers = np.mean([_sigmoid(one["lesion"]) for one in given], axis=0)
    shares = [
        back_to_picture(np.ascontiguousarray(answer[0, :, ::step]), square, rows, columns)
        for answer, square, (_, step) in zip(answers, squares, VIEWS, strict=True)
    ]
    share = np.asarray(np.mean(shares, axis=0), np.float32)
    mask = _surest(share)
    sureness = float(share[mask].mean()) if mask.any() else min(float(share.max()), LESION_FROM)
    return Outlined(mask, sureness, np.stack([one["classes"].mean(axis=0) for one in given]))


def _surest(share: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The connected piece with the most probability in it; holes are filled."""
    highest = float(share.max())
    enough = LESION_FROM if highest >= LESION_FROM else max(highest / 2, FAINT_FROM / 2)
    lit = (share >= enough) & (highest >= FAINT_FROM)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lit.astype(np.uint8))
    sums = np.bincount(labels.ravel(), share.ravel(), minlength=count)
    sums[0] = 0.0
    sums[stats[:, cv2.CC_STAT_AREA] < LEAST_LESION_SHARE * share.size] = 0.0
    best = int(np.argmax(sums))
    mask = np.zeros(share.shape, np.uint8)
    if sums[best] > 0.0:
        outlines, _ = cv2.findContours((labels == best).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED)
    return mask.astype(bool)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1.0 / (1.0 + np.exp(-values))
