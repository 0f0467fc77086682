"""The point regressor: eight points in each detected cycle (CN 109620293 B, paragraphs 0092-0105)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.points import END_DIASTOLE, END_SYSTOLE, Box
from algorithms.mmode_ef.preprocess import crop_of, points_from_crop
from dicom_node.algorithm import Models

SIZE = 1.07
"""Of the crop against the box, within the 0.9..1.1 that training had, so that the points at its edges stay in sight."""
LOOKS = ((0.0, 0.0, 1.0), (-0.03, -0.02, 1.02), (0.03, 0.02, 1.02), (-0.02, 0.02, 0.97), (0.02, -0.02, 0.97))
"""Shift across, shift down, size: the crops whose answers are averaged."""


@dataclass(frozen=True, eq=False)
class FoundPoints:
    """(8, 2) points in pixels of the strip, and the standard deviation of each over the looks."""

    points: NDArray[np.float64]
    spread: NDArray[np.float64]


class PointFinder:
    """The regressor, opened."""

    def __init__(self, models: Models) -> None:
        self._model = models.open("points")
        self.info = self._model.info

    def find(self, strip: NDArray[np.float32], boxes: Sequence[Box]) -> tuple[FoundPoints, ...]:
        """The points of each box: one look to centre the crop on the walls, then the mean of several."""
        if not boxes:
            return ()
        first = self._look(strip, [box.scaled(SIZE, SIZE) for box in boxes])
        centred = [_around(box, points) for box, points in zip(boxes, first, strict=True)]
        looks = [box.scaled(SIZE * size, SIZE * size, x, y) for box in centred for x, y, size in LOOKS]
        answers = self._look(strip, looks).reshape(len(boxes), len(LOOKS), 8, 2)
        return tuple(FoundPoints(_at_one_time(each.mean(axis=0)), each.std(axis=0)) for each in answers)

    def _look(self, strip: NDArray[np.float32], boxes: Sequence[Box]) -> NDArray[np.float64]:
        crops = np.stack([crop_of(strip, box) for box in boxes])[:, None]
        answers = self._model.run({"crop": crops})["points"]
        return np.stack([points_from_crop(answer, box) for answer, box in zip(answers, boxes, strict=True)])


def _around(box: Box, points: NDArray[np.float64]) -> Box:
    """The box from outer wall to outer wall of these points; its time stays."""
    return Box(box.x0, float(points[:, 1].min()), box.x1, float(points[:, 1].max()))


def _at_one_time(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four points of a phase share their time: a dimension is read along one line of sound."""
    aligned = points.copy()
    for part in (END_DIASTOLE, END_SYSTOLE):
        aligned[part, 0] = points[part, 0].mean()
    return aligned
