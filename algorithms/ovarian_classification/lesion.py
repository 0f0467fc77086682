"""Where the lesion, or the ovary, is: the segmentation networks on the whole picture, at two sizes, and its mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.canvas import CANVAS_PX, Square, back_to_picture, seen_in, whole

ZOOMS = (1.0, 1.2)
"""Sides of the squares that the segmenters are shown, of the picture's longer side; their answers are averaged."""
LESION_FROM = 0.4
FAINT_FROM = 0.1
"""Where nothing reaches LESION_FROM, a lesion is what reaches half of the highest share, if that is at least this."""
LEAST_LESION_SHARE = 5e-4
"""Of the picture: what is smaller is no lesion."""


class Segmenter(Protocol):
    """A Model of the node, or a network in training."""

    def run(self, inputs: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
        """``field`` (n, 1, CANVAS_PX, CANVAS_PX), -1..1 -> ``lesion``, logits of the same shape."""
        ...


def lesion_of(grey: NDArray[np.uint8], segmenters: Sequence[Segmenter]) -> NDArray[np.bool_]:
    """(rows, columns) the piece that the segmenters are surest of; empty where they see none.

    Args:
        grey: (rows, columns), marks painted out.
    """
    shares = [_share(grey, zoom, segmenters) for zoom in ZOOMS]
    return _surest(np.mean(shares, axis=0, dtype=np.float32))


def _share(grey: NDArray[np.uint8], zoom: float, segmenters: Sequence[Segmenter]) -> NDArray[np.float32]:
    """(rows, columns) the lesion's share of each pixel, seen in a square of ``zoom`` times the picture."""
    rows, columns = grey.shape
    full = whole(rows, columns)
    square = Square(full.x, full.y, zoom * full.side)
    seen = seen_in(grey, square, CANVAS_PX) / 127.5 - 1.0
    both = np.ascontiguousarray(np.stack([seen, seen[:, ::-1]])[:, None])
    answers = np.mean([_sigmoid(one.run({"field": both})["lesion"]) for one in segmenters], axis=0)
    return back_to_picture((answers[0, 0] + answers[1, 0, :, ::-1]) / 2, square, rows, columns)


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
