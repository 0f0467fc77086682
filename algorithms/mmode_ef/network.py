"""The networks, in torch: for training and export only.

``CycleBackbone`` and ``RegionHead`` are the two halves of the document's detector (CN 109620293 B, paragraphs
0056-0068: convolutional features, region proposal network, RoI pooling, fully connected layers); proposals.py stands
between them.
``PointRegressor`` is its ResNet-18 (paragraph 0093) at half its width, whose features keep their places when they enter
the fully connected layer. ``Gate`` is ours: which kind of tracing a picture is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from algorithms.mmode_ef.gate import KINDS
from algorithms.mmode_ef.points import POINT_NAMES
from algorithms.mmode_ef.preprocess import CROP_COLUMNS, CROP_ROWS, VIEW_ROWS
from algorithms.mmode_ef.proposals import (
    POOL_COLUMNS,
    POOL_ROWS,
    REGION_SCALE,
    anchor_grid,
    clipped,
    decode,
    encode,
    overlaps,
    pooling_points,
    proposed,
)

ANCHORS = 3
FEATURES = 80
CONTEXT = ((1, 1), (1, 2), (2, 4), (2, 8), (1, 1))
"""Dilation (rows, columns) of the convolutions by which a cell comes to see a whole slow heartbeat."""
ANCHOR_POSITIVE, ANCHOR_NEGATIVE = 0.5, 0.3
REGION_POSITIVE, REGION_NEGATIVE = 0.6, 0.45
PROPOSALS_BEFORE, PROPOSALS_AFTER = 150, 40
JITTERED = 3
"""True boxes per cycle, moved by a tenth, that join the proposals."""
HARDEST = 48
"""Negative anchors of a view that count, the most mistaken first."""
RESNET18_BLOCKS = (2, 2, 2, 2)
HALF_WIDTH = (32, 64, 128, 256)


def convolution(inside: int, outside: int, stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1)):
    """3x3 convolution, batch normalisation, rectification."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class CycleBackbone(nn.Module):
    """(n, 1, 192, columns) view -> objectness (n, 3, 12, columns / 8), corrections (n, 12, ...), features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(1, 16, (2, 2)),
            convolution(16, 32, (2, 2)),
            convolution(32, 48, (2, 2)),
            convolution(48, FEATURES, (2, 1)),
        )
        self.context = nn.ModuleList(convolution(FEATURES, FEATURES, dilation=dilation) for dilation in CONTEXT)
        self.propose = convolution(FEATURES, FEATURES)
        self.objectness = nn.Conv2d(FEATURES, ANCHORS, 1)
        self.corrections = nn.Conv2d(FEATURES, 4 * ANCHORS, 1)

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.stem(view)
        for layer in self.context:
            features = features + layer(features)
        shared = self.propose(features)
        return self.objectness(shared), self.corrections(shared), features


class RegionHead(nn.Module):
    """(n, 80, 6, 12) pooled features -> ``cycle`` (n, 1) logits, ``corrections`` (n, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Flatten(),
            nn.Linear(FEATURES * POOL_ROWS * POOL_COLUMNS, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, 128),
            nn.ReLU(inplace=True),
        )
        self.cycle = nn.Linear(128, 1)
        self.corrections = nn.Linear(128, 4)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        shared = self.shared(pooled)
        return self.cycle(shared), self.corrections(shared)


class CycleDetector(nn.Module):
    """Both halves, for training; they are exported one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = CycleBackbone()
        self.head = RegionHead()


def pool(features: Tensor, points: Tensor) -> Tensor:
    """RoI pooling in torch: (channels, rows, columns) at (n, 6, 12, 2) positions -> (n, channels, 6, 12).

    The same as ``proposals.pooled`` (a test says so), with gradients to the features.
    """
    rows, columns = features.shape[1:]
    size = torch.tensor([max(columns - 1, 1), max(rows - 1, 1)], dtype=points.dtype, device=points.device)
    grid = (2 * points / size - 1).reshape(1, -1, points.shape[2], 2).to(features.dtype)
    found = functional.grid_sample(features[None], grid, mode="bilinear", padding_mode="border", align_corners=True)
    return found[0].reshape(features.shape[0], *points.shape[:3]).transpose(0, 1)


@dataclass(frozen=True, eq=False)
class DetectorLoss:
    """The four losses of Faster R-CNN (both stages: is it one, and where exactly)."""

    anchors: NDArray[np.float64]

    def __call__(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        views, truth = batch
        objectness, corrections, features = network.backbone(views)
        grid = anchor_grid(self.anchors, *objectness.shape[2:])
        total, pooled, boxes, wanted = [], [], [], []
        for index in range(len(views)):
            true = truth[index].cpu().numpy()
            true = true[np.isfinite(true).all(axis=1)]
            total.append(_first_stage(objectness[index], corrections[index], grid, true))
            proposals = self._proposals(objectness[index], corrections[index], true, views.shape[3])
            points = torch.from_numpy(pooling_points(proposals)).to(views)
            pooled.append(pool(features[index], points))
            boxes.append(proposals)
            wanted.append(true)
        logits, moves = network.head(torch.cat(pooled))
        return torch.stack(total).mean() + _second_stage(logits, moves, boxes, wanted)

    def _proposals(self, objectness: Tensor, corrections: Tensor, true: NDArray, columns: int) -> NDArray[np.float64]:
        found = proposed(
            objectness.detach().cpu().numpy(),
            corrections.detach().cpu().numpy(),
            self.anchors,
            columns,
            PROPOSALS_BEFORE,
            PROPOSALS_AFTER,
        )
        if not len(true):
            return found
        moved = decode(0.1 * torch.randn(JITTERED * len(true), 4).numpy(), np.tile(true, (JITTERED, 1)))
        return np.concatenate([found, clipped(moved, columns, VIEW_ROWS)])


def _first_stage(objectness: Tensor, corrections: Tensor, grid: NDArray, true: NDArray) -> Tensor:
    """Of one view: cross-entropy of positive anchors and of the hardest negative ones; where the positive lie."""
    scores = objectness.permute(1, 2, 0).reshape(-1)
    moves = corrections.reshape(len(objectness), 4, *objectness.shape[1:]).permute(2, 3, 0, 1).reshape(-1, 4)
    if not len(true):
        return functional.softplus(scores).topk(HARDEST).values.mean()
    overlap = overlaps(grid, true)
    best = overlap.argmax(axis=1)
    most = overlap.max(axis=1)
    positive = most >= ANCHOR_POSITIVE
    positive[overlap.argmax(axis=0)] = True
    best[overlap.argmax(axis=0)] = np.arange(len(true))
    negative = ~positive & (most < ANCHOR_NEGATIVE)
    right = torch.from_numpy(np.flatnonzero(positive)).to(scores.device)
    wrong = torch.from_numpy(np.flatnonzero(negative)).to(scores.device)
    missed = functional.softplus(-scores[right]).mean()
    hardest = functional.softplus(scores[wrong]).topk(min(HARDEST, len(wrong))).values.mean()
    target = torch.from_numpy(encode(true[best[positive]], grid[positive])).to(scores)
    return missed + hardest + functional.smooth_l1_loss(moves[right], target, beta=0.1)


def _second_stage(logits: Tensor, moves: Tensor, boxes: Sequence[NDArray], truth: Sequence[NDArray]) -> Tensor:
    """Of a batch: cross-entropy of the proposals that clearly are or are not a cycle; where the former lie."""
    labels, targets = [], []
    for proposals, true in zip(boxes, truth, strict=True):
        if not len(true):
            labels.append(np.zeros(len(proposals)))
            targets.append(np.zeros((len(proposals), 4)))
            continue
        overlap = overlaps(proposals, true)
        most = overlap.max(axis=1)
        labels.append(np.where(most >= REGION_POSITIVE, 1.0, np.where(most < REGION_NEGATIVE, 0.0, np.nan)))
        sound = np.maximum(proposals[:, 2:] - proposals[:, :2], 1.0)
        corrected = np.concatenate([proposals[:, :2], proposals[:, :2] + sound], axis=1)
        targets.append(encode(true[overlap.argmax(axis=1)], corrected) / REGION_SCALE)
    label, target = (torch.from_numpy(np.concatenate(part)).to(logits) for part in (labels, targets))
    clear, cycle = torch.isfinite(label), label == 1
    entropy = functional.binary_cross_entropy_with_logits(logits[clear, 0], label[clear])
    if not cycle.any():
        return entropy
    return entropy + 0.5 * functional.smooth_l1_loss(moves[cycle], target[cycle], beta=0.5)


class PointRegressor(nn.Module):
    """(n, 1, 128, 96) crop -> (n, 8, 2): the points (x, y) of POINT_NAMES as 0..1 of the crop, by a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet(
            ResNetBlock,
            list(RESNET18_BLOCKS),
            list(HALF_WIDTH),
            spatial_dims=2,
            n_input_channels=1,
            conv1_t_stride=2,
            feed_forward=False,
        )
        self.resnet.avgpool = nn.Identity()  # places are what is asked for: they must not be averaged away
        cells = (CROP_ROWS // 32) * (CROP_COLUMNS // 32)
        self.points = nn.Sequential(nn.Dropout(0.1), nn.Linear(HALF_WIDTH[-1] * cells, 2 * len(POINT_NAMES)))

    def forward(self, crop: Tensor) -> Tensor:
        return torch.sigmoid(self.points(self.resnet(crop).flatten(1))).reshape(-1, len(POINT_NAMES), 2)


class Gate(nn.Module):
    """(n, 1, 192, columns) view -> (n, 6) logits of KINDS. Mean and maximum over the picture: any width will do."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            convolution(1, 12, (2, 2)),
            convolution(12, 24, (2, 2)),
            convolution(24, 48, (2, 2)),
            convolution(48, 64, (2, 2)),
            convolution(64, 64, dilation=(1, 2)),
            convolution(64, 96, (2, 1), (1, 1)),
        )
        self.kind = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * 96 * (192 // 32), len(KINDS)))

    def forward(self, view: Tensor) -> Tensor:
        features = self.features(view)
        seen = torch.cat([features.mean(dim=3), features.amax(dim=3)], dim=1)
        return self.kind(seen.flatten(1))
