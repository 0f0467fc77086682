"""Plain detectors, as published localisation microscopy uses them: the yardstick that decoupling is held against.

Both take any sequence of pictures (S_R, S_G or S_S) and know nothing of bubbles. The node itself localises with
``localise.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found, one entry each: frame index, column, row (pixel centres at integers) and peak value."""

    frame: NDArray[np.int64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, chosen: NDArray) -> Detections:
        """The entries that a boolean or index array picks."""
        return Detections(self.frame[chosen], self.x_px[chosen], self.y_px[chosen], self.value[chosen])


def local_maxima(frames: NDArray, floor: float, window_px: int = 5) -> Detections:
    """Pixels above ``floor`` that are the largest of their square window, at the window's centroid.

    The centroid weighs each pixel by its height above the window's lowest. Of maxima that share a window (equal
    values) the first is kept.
    """
    reach = window_px // 2
    kernel = np.ones((window_px, window_px), np.uint8)
    found = []
    for index, frame in enumerate(frames):
        frame = np.asarray(frame, np.float32)
        y, x = np.nonzero((frame >= cv2.dilate(frame, kernel)) & (frame > floor))
        twins = cKDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray") if len(x) else []
        kept = np.ones(len(x), bool)
        kept[[second for _, second in twins]] = False
        x, y = x[kept], y[kept]
        dx, dy = _centroid_offsets(frame, x, y, reach)
        found.append((np.full(len(x), index), x + dx, y + dy, frame[y, x]))
    return Detections(*(np.concatenate(column) for column in zip(*found, strict=True)))


def connected_regions(frames: NDArray, threshold: float) -> Detections:
    """Connected groups of pixels (8 neighbours) above ``threshold``, at their centroid weighted by value."""
    found = []
    for index, frame in enumerate(frames):
        frame = np.asarray(frame, np.float32)
        above = (frame > threshold).astype(np.uint8)
        count, labels = cv2.connectedComponents(above, connectivity=8)
        y, x = np.nonzero(above)
        label, weight = labels[y, x], frame[y, x].astype(np.float64)
        total = np.bincount(label, weight, count)[1:]
        centre_x = np.bincount(label, weight * x, count)[1:] / total
        centre_y = np.bincount(label, weight * y, count)[1:] / total
        peak = np.zeros(count)
        np.maximum.at(peak, label, weight)
        found.append((np.full(count - 1, index), centre_x, centre_y, peak[1:]))
    return Detections(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _centroid_offsets(frame: NDArray, x: NDArray, y: NDArray, reach: int) -> tuple[NDArray, NDArray]:
    """Centroid of the window around each (x, y), from its middle."""
    steps = np.arange(-reach, reach + 1)
    padded = np.pad(frame, reach, mode="edge")
    windows = padded[y[:, None, None] + reach + steps[:, None], x[:, None, None] + reach + steps]
    weights = windows - windows.min(axis=(1, 2), keepdims=True)
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-9)
    return (weights * steps).sum((1, 2)) / total, (weights * steps[:, None]).sum((1, 2)) / total
