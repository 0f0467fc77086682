"""Boxes of the detector in numpy: adaptive anchors, decoding, overlap, suppression, pooling.

The same functions serve training and inference, so that the two cannot differ. Boxes are rows of (x0, y0, x1, y1) in
pixels of the detector's view, pixel centres at integers. Faster R-CNN: Ren, He, Girshick, Sun, NeurIPS 2015 (arXiv
1506.01497); RoI pooling by bilinear samples: He et al., ICCV 2017 (arXiv 1703.06870, section 3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]

STRIDE_X, STRIDE_Y = 8, 16
"""View pixels per feature: cell (row i, column j) of the feature map is centred at (8 j, 16 i)."""
POOL_ROWS, POOL_COLUMNS = 6, 12
POOL_MARGIN = 0.15
"""Of width and height, on every side: the pooled features see both sides of a box's edges."""
REGION_SCALE = (0.1, 0.1, 0.2, 0.2)
"""Unit of the second stage's corrections; that of the first is 1."""
LARGEST_LOG = 3.0


def adaptive_anchors(boxes: Boxes) -> NDArray[np.float64]:
    """(3, 2) width and height: largest x largest, smallest x smallest, mean x mean of the labelled boxes.

    CN 109620293 B, paragraph 0054. Raises ValueError without boxes.
    """
    if not len(boxes):
        raise ValueError("anchors follow from labelled boxes; there are none")
    sizes = boxes[:, 2:] - boxes[:, :2]
    return np.stack([sizes.max(axis=0), sizes.min(axis=0), sizes.mean(axis=0)])


def anchor_grid(sizes: NDArray[np.float64], rows: int, columns: int) -> Boxes:
    """(rows * columns * anchors, 4): every anchor on every cell of the feature map; row, then column, then anchor."""
    y, x = np.meshgrid(np.arange(rows) * STRIDE_Y, np.arange(columns) * STRIDE_X, indexing="ij")
    centres = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    half = np.asarray(sizes, np.float64)[None] / 2
    return np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4)


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """(n, m) intersection over union."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(np.clip(part[:, 2:] - part[:, :2], 0, None), axis=1) for part in (boxes, others)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)


def encode(boxes: Boxes, anchors: Boxes) -> NDArray[np.float64]:
    """Corrections (dx, dy, dw, dh) that lead from anchors to boxes: shifts in anchor sizes, log ratios of sizes."""
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    shift = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2 / anchor_size
    return np.concatenate([shift, np.log(size / anchor_size)], axis=1)


def decode(corrections: NDArray, anchors: Boxes) -> Boxes:
    """The inverse of ``encode``; sizes grow or shrink by e^3 at most."""
    corrections = np.asarray(corrections, np.float64)
    anchor_size = anchors[:, 2:] - anchors[:, :2]
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + corrections[:, :2] * anchor_size
    half = anchor_size * np.exp(np.clip(corrections[:, 2:], -LARGEST_LOG, LARGEST_LOG)) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def clipped(boxes: Boxes, columns: int, rows: int) -> Boxes:
    """Boxes cut at the edges of a view."""
    low, high = np.array([-0.5, -0.5] * 2), np.array([columns - 0.5, rows - 0.5] * 2)
    return np.clip(boxes, low, high)


def suppressed(boxes: Boxes, scores: NDArray, most_overlap: float) -> NDArray[np.int64]:
    """Non-maximum suppression: indices of what stays, the best first."""
    order = np.argsort(-scores, kind="stable")
    overlap = overlaps(boxes, boxes)
    kept: list[int] = []
    alive = np.ones(len(boxes), bool)
    for index in order:
        if alive[index]:
            kept.append(int(index))
            alive &= overlap[index] <= most_overlap
    return np.array(kept, np.int64)


def proposed(objectness: NDArray, corrections: NDArray, sizes: NDArray, columns: int, before: int, after: int) -> Boxes:
    """The region proposal network's boxes for one view, the best first.

    Args:
        objectness: (3, rows, columns) scores of the feature map.
        corrections: (12, rows, columns): four for each anchor.
        sizes: (3, 2) anchors.
        columns: of the view.
        before, after: how many boxes enter and leave suppression.
    """
    kinds, height, width = objectness.shape
    scores = objectness.transpose(1, 2, 0).reshape(-1)
    moves = corrections.reshape(kinds, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
    best = np.argsort(-scores, kind="stable")[:before]
    anchors = anchor_grid(sizes, height, width)[best]
    boxes = clipped(decode(moves[best], anchors), columns, height * STRIDE_Y)
    whole = ((boxes[:, 2:] - boxes[:, :2]) >= 4.0).all(axis=1)
    boxes, scores = boxes[whole], scores[best][whole]
    return boxes[suppressed(boxes, scores, 0.7)[:after]]


def pooling_points(boxes: Boxes) -> NDArray[np.float64]:
    """(n, 6, 12, 2) feature-map positions (column, row) that are pooled for each box: the middles of its bins."""
    size = boxes[:, 2:] - boxes[:, :2]
    low, span = boxes[:, :2] - POOL_MARGIN * size, (1 + 2 * POOL_MARGIN) * size
    x = low[:, :1] + span[:, :1] * ((np.arange(POOL_COLUMNS) + 0.5) / POOL_COLUMNS)
    y = low[:, 1:] + span[:, 1:] * ((np.arange(POOL_ROWS) + 0.5) / POOL_ROWS)
    x, y = np.broadcast_arrays(x[:, None, :] / STRIDE_X, y[:, :, None] / STRIDE_Y)
    return np.stack([x, y], axis=-1)


def pooled(features: NDArray[np.floating], boxes: Boxes) -> NDArray[np.float32]:
    """(n, channels, 6, 12) features of each box from one (channels, rows, columns) map, bilinear, edges going on."""
    rows, columns = features.shape[1:]
    points = pooling_points(boxes)
    x = np.clip(points[..., 0], 0, columns - 1)
    y = np.clip(points[..., 1], 0, rows - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    share_x, share_y = x - left, y - top
    upper = features[:, top, left] * (1 - share_x) + features[:, top, right] * share_x
    lower = features[:, bottom, left] * (1 - share_x) + features[:, bottom, right] * share_x
    return (upper * (1 - share_y) + lower * share_y).transpose(1, 0, 2, 3).astype(np.float32)
