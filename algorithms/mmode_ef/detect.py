"""The cycle detector: Faster R-CNN in two ONNX halves, numpy between them (CN 109620293 B, paragraphs 0055-0087)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.points import Box
from algorithms.mmode_ef.preprocess import VIEW_ROWS, View
from algorithms.mmode_ef.proposals import REGION_SCALE, Boxes, clipped, decode, pooled, proposed, suppressed
from dicom_node.algorithm import ModelInfo, Models

PROPOSALS_BEFORE, PROPOSALS_AFTER = 400, 100
PASSES = 2
"""Of the second stage: what it corrected is pooled and corrected once more."""
MOST_OVERLAP = 0.3
MOST_SHARED_TIME = 0.3
"""Of the shorter of two cycles: successive cycles do not share time."""

Head = Callable[[NDArray[np.float32]], tuple[NDArray, NDArray]]
"""Pooled features (n, channels, 6, 12) -> logits (n, 1), corrections (n, 4)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One complete cardiac cycle, in pixels of the strip, and the detector's certainty of it."""

    box: Box
    probability: float


class Detector:
    """Both halves, opened; the anchors are those of the training labels (``model.toml``)."""

    def __init__(self, models: Models) -> None:
        self._backbone, self._head = models.open("cycle_backbone"), models.open("cycle_head")
        self._anchors = np.asarray(models.card("cycle_backbone")["anchors"], np.float64)
        self.infos: tuple[ModelInfo, ...] = (self._backbone.info, self._head.info)

    def find(self, view: View, least: float) -> tuple[Detection, ...]:
        """Cycles of at least that certainty, in order of time."""
        maps = self._backbone.run({"view": view.picture[None, None]})
        names = ("objectness", "corrections", "features")
        objectness, corrections, features = (maps[name][0] for name in names)
        boxes = proposed(objectness, corrections, self._anchors, view.columns, PROPOSALS_BEFORE, PROPOSALS_AFTER)
        boxes, certainty = judged(boxes, features, self._run_head, view.columns)
        kept = chosen(boxes, certainty, least)
        return tuple(Detection(view.to_strip(Box(*map(float, boxes[i]))), float(certainty[i])) for i in kept)

    def _run_head(self, features: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
        answer = self._head.run({"pooled": features})
        return answer["cycle"], answer["corrections"]


def judged(boxes: Boxes, features: NDArray, head: Head, columns: int) -> tuple[Boxes, NDArray[np.float64]]:
    """Proposals after the second stage, and how certain it is of each."""
    certainty = np.zeros(len(boxes))
    for _ in range(PASSES if len(boxes) else 0):
        logits, corrections = head(pooled(features, boxes))
        certainty = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -50, 50)))
        moved = decode(corrections * np.asarray(REGION_SCALE), boxes)
        boxes = clipped(moved, columns, VIEW_ROWS)
    return boxes, certainty


def chosen(boxes: Boxes, certainty: NDArray, least: float) -> list[int]:
    """Non-maximum suppression in the plane, then in time; indices in order of time."""
    candidates = np.flatnonzero((certainty >= least) & (boxes[:, 2] - boxes[:, 0] > 2) & (boxes[:, 3] > boxes[:, 1]))
    kept = candidates[suppressed(boxes[candidates], certainty[candidates], MOST_OVERLAP)] if len(candidates) else []
    apart: list[int] = []
    for index in kept:
        if all(_shared_time(boxes[index], boxes[other]) <= MOST_SHARED_TIME for other in apart):
            apart.append(int(index))
    return sorted(apart, key=lambda index: boxes[index, 0])


def _shared_time(one: NDArray, other: NDArray) -> float:
    shared = min(one[2], other[2]) - max(one[0], other[0])
    return max(0.0, shared) / min(one[2] - one[0], other[2] - other[0])
