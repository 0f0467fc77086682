"""Anchors, overlap, decoding, suppression and pooling against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef.detect import chosen
from algorithms.mmode_ef.proposals import (
    adaptive_anchors,
    anchor_grid,
    clipped,
    decode,
    encode,
    overlaps,
    pooled,
    pooling_points,
    proposed,
    suppressed,
)


def test_anchors_are_largest_smallest_and_mean_of_each_side():
    boxes = np.array([[0, 0, 10, 80], [5, 0, 45, 60], [0, 10, 40, 50]], float)
    assert adaptive_anchors(boxes).tolist() == [[40, 80], [10, 40], [30, 60]]
    with pytest.raises(ValueError, match="labelled boxes"):
        adaptive_anchors(np.zeros((0, 4)))


def test_the_grid_centres_its_anchors_on_cells_of_8_columns_and_16_rows():
    grid = anchor_grid(np.array([[4.0, 2.0], [8.0, 8.0], [2.0, 2.0]]), rows=2, columns=3)
    assert grid.shape == (18, 4)
    assert grid[0].tolist() == [-2, -1, 2, 1]
    assert grid[4].tolist() == [4, -4, 12, 4]  # second cell of the first row, second anchor
    assert grid[9].tolist() == [-2, 15, 2, 17]  # first cell of the second row


def test_overlap_of_halves():
    boxes = np.array([[0, 0, 2, 2], [10, 10, 12, 12]], float)
    others = np.array([[1, 0, 3, 2], [0, 0, 2, 2]], float)
    assert overlaps(boxes, others) == pytest.approx(np.array([[1 / 3, 1], [0, 0]]))


def test_decoding_undoes_encoding_and_a_doubled_box_is_a_log():
    anchors = np.array([[0, 0, 10, 20], [5, 5, 15, 10]], float)
    boxes = np.array([[3, 4, 9, 44], [0, 0, 20, 10]], float)
    assert decode(encode(boxes, anchors), anchors) == pytest.approx(boxes)
    assert encode(np.array([[-5, 0, 15, 20.0]]), anchors[:1]) == pytest.approx(np.array([[0, 0, np.log(2), 0]]))
    assert clipped(np.array([[-9, -9, 999, 999.0]]), 100, 50).tolist() == [[-0.5, -0.5, 99.5, 49.5]]


def test_suppression_keeps_the_best_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], float)
    assert suppressed(boxes, np.array([0.5, 0.9, 0.7]), 0.5).tolist() == [1, 2]


def test_cycles_do_not_share_time_even_at_other_depths():
    boxes = np.array([[0, 0, 10, 10], [2, 30, 9, 40], [11, 0, 20, 10]], float)
    assert chosen(boxes, np.array([0.9, 0.8, 0.6]), 0.5) == [0, 2]
    assert chosen(boxes, np.array([0.9, 0.8, 0.4]), 0.5) == [0]
    assert chosen(np.zeros((0, 4)), np.zeros(0), 0.5) == []


def test_a_peak_of_objectness_becomes_its_corrected_anchor():
    objectness = np.full((3, 12, 40), -9.0)
    objectness[1, 4, 10] = 5.0
    corrections = np.zeros((12, 12, 40))
    corrections[4:8, 4, 10] = [0.5, 0, 0, np.log(2)]  # of the second anchor: half a width to the right, twice as high
    sizes = np.array([[90.0, 150.0], [32.0, 40.0], [50.0, 80.0]])
    best = proposed(objectness, corrections, sizes, columns=320, before=20, after=5)[0]
    assert best.tolist() == pytest.approx([80, 24, 112, 104])  # centre (80 + 16, 64), 32 x 80


def test_pooling_reads_the_features_where_the_box_lies():
    rows, columns = np.mgrid[:12, :40].astype(float)
    boxes = np.array([[80.0, 32.0, 200.0, 128.0]])
    found = pooled(np.stack([columns * 8, rows * 16]), boxes)  # each feature is its own place
    points = pooling_points(boxes)[0]
    assert found[0, 0] == pytest.approx(points[..., 0] * 8, abs=1e-3)
    assert found[0, 1] == pytest.approx(points[..., 1] * 16, abs=1e-3)
    assert points[..., 0].mean() * 8 == pytest.approx(140)
    assert points[0, 0, 0] * 8 == pytest.approx(80 - 0.15 * 120 + 1.3 * 120 / 24)


def test_torch_pools_as_numpy_does(needs_package):
    needs_package("torch")
    needs_package("monai")
    import torch

    from algorithms.mmode_ef.network import pool

    rng = np.random.default_rng(0)
    features = rng.normal(size=(5, 12, 33)).astype(np.float32)
    boxes = np.array([[10, 20, 100, 150], [-20, -30, 400, 250], [3, 3, 9, 9]], float)
    theirs = pool(torch.from_numpy(features), torch.from_numpy(pooling_points(boxes)))
    assert theirs.numpy() == pytest.approx(pooled(features, boxes), abs=1e-4)
