"""Five folds of whole number blocks: consecutive MMOTU numbers are often one patient, so they stay together.

A block is a run of consecutive numbers of one picture set, whatever the classes (a patient's other, normal ovary comes
beside her lesion). Long runs are cut where neighbours look least alike, which is where one patient ends if anything
is. Blocks then go to the fold in which their classes are rarest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.training_data import Labelled

FOLDS = 5
LONGEST_BLOCK = 10
SHORTEST_PIECE = 3
THUMBNAIL_PX = 24


def blocks_of(pictures: Sequence[Labelled]) -> NDArray[np.int64]:
    """(pictures,) the block that each belongs to, counted from 0; the pictures are in the order of their numbers."""
    numbers = np.array([picture.number for picture in pictures])
    likeness = _likeness(pictures)
    edges = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1).tolist(), len(pictures)]
    starts = [start for first, last in pairwise(edges) for start in _starts(first, last, likeness)]
    return np.searchsorted(starts, np.arange(len(pictures)), side="right") - 1


def folds_of(pictures: Sequence[Labelled]) -> NDArray[np.int64]:
    """(pictures,) the fold (0..4) in which each is held out."""
    blocks = blocks_of(pictures)
    classes = np.array([CLASSES.index(picture.category) for picture in pictures])
    counts = np.zeros((blocks[-1] + 1, len(CLASSES)))
    np.add.at(counts, (blocks, classes), 1)
    totals = np.maximum(counts.sum(axis=0), 1)
    filled, chosen = np.zeros((FOLDS, len(CLASSES))), np.zeros(len(counts), np.int64)
    for block in np.argsort(-(counts / totals).sum(axis=1), kind="stable"):
        costs = [
            (((filled + np.eye(FOLDS)[fold][:, None] * counts[block]) / totals) ** 2).sum() for fold in range(FOLDS)
        ]
        chosen[block] = int(np.argmin(costs))
        filled[chosen[block]] += counts[block]
    return chosen[blocks]


def _likeness(pictures: Sequence[Labelled]) -> NDArray[np.float64]:
    """(pictures - 1,) correlation of each picture's thumbnail with that of the next."""
    thumbnails = np.stack([_thumbnail(picture) for picture in pictures])
    return np.mean(thumbnails[1:] * thumbnails[:-1], axis=1)


def _thumbnail(picture: Labelled) -> NDArray[np.float64]:
    grey = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return (small - small.mean()) / max(small.std(), 1.0)


def _starts(first: int, last: int, likeness: NDArray[np.float64]) -> list[int]:
    """Where the pieces of the run [first, last) begin."""
    if last - first <= LONGEST_BLOCK:
        return [first]
    inner = np.arange(first + SHORTEST_PIECE, last - SHORTEST_PIECE)
    cut = int(inner[np.argmin(likeness[inner - 1])])
    return _starts(first, cut, likeness) + _starts(cut, last, likeness)
