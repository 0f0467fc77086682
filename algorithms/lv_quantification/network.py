"""The two networks, in torch: for training and export only.

``DeepLayerAggregation`` is the document's index network (CN 109003270 A, paragraph 0082): a deep layer aggregation
network (Yu, Wang, Shelhamer, Darrell: Deep Layer Aggregation, CVPR 2018, arXiv 1707.06484) of the depth called DLA-34,
at half its width. Its trees merge features hierarchically (HDA); here two heads sit on them: the eleven indices of the
document, and masks of cavity and epicardium decoded by iterative aggregation (IDA) of all its levels.

``finder`` is a small U-Net that sees the whole field and says where the left ventricle is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from algorithms.lv_quantification.indices import INDEX_NAMES

DLA34_LEVELS = (1, 1, 1, 2, 2, 1)
DLA34_HALF_CHANNELS = (8, 16, 32, 64, 128, 256)
MASK_CHANNELS = 24
FINDER_FEATURES = 8
SMALLEST_GRID = 4
"""Rows and columns of the deepest level for the crop that the network is fed (128 / 32)."""


def convolution(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, rectification."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a residual connection, which the tree hands in."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inside, outside, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + residual)


class Root(nn.Module):
    """Aggregates the children of a tree: concatenation, 1x1 convolution (equation 3 of the paper)."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.merge = convolution(inside, outside, kernel=1)

    def forward(self, children: Sequence[Tensor]) -> Tensor:
        return self.merge(torch.cat(list(children), dim=1))


class Tree(nn.Module):
    """Hierarchical deep aggregation of the given depth (equation 2 of the paper, with merged roots)."""

    def __init__(self, depth: int, inside: int, outside: int, stride: int = 1, carried: int = 0, whole: bool = False):
        super().__init__()
        self.depth, self.whole = depth, whole
        carried = (carried or 2 * outside) + (inside if whole else 0)
        if depth == 1:
            self.left: nn.Module = BasicBlock(inside, outside, stride)
            self.right: nn.Module = BasicBlock(outside, outside, 1)
            self.root = Root(carried, outside)
            self.project = (
                nn.Identity()
                if inside == outside
                else nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))
            )
        else:
            self.left = Tree(depth - 1, inside, outside, stride)
            self.right = Tree(depth - 1, outside, outside, carried=carried + outside)
        self.shrink = nn.MaxPool2d(stride, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor, children: Sequence[Tensor] = ()) -> Tensor:
        children = list(children)
        if self.whole:
            children.append(self.shrink(x))
        if self.depth == 1:
            left = self.left(x, self.project(self.shrink(x)))
            right = self.right(left, left)
            return self.root([right, left, *children])
        left = self.left(x)
        return self.right(left, [*children, left])


class DeepLayerAggregation(nn.Module):
    """(n, 1, 128, 128) equalised crop -> ``indices`` (n, 11) in mm2 and mm, and ``masks`` (n, 2, 128, 128) logits.

    Masks: channel 0 the cavity, channel 1 all inside the epicardium. The index head works in units of the training
    pictures' spread; the buffers index_mean and index_deviation turn them into mm2 and mm.
    """

    def __init__(self, channels: Sequence[int] = DLA34_HALF_CHANNELS, levels: Sequence[int] = DLA34_LEVELS) -> None:
        super().__init__()
        self.base = convolution(1, channels[0], kernel=7)
        stages: list[nn.Module] = [
            convolution(channels[0], channels[0]),
            convolution(channels[0], channels[1], stride=2),
        ]
        for level in range(2, len(channels)):
            whole = level > 2
            stages.append(Tree(levels[level], channels[level - 1], channels[level], stride=2, whole=whole))
        self.stages = nn.ModuleList(stages)
        self.regress = nn.Sequential(
            convolution(channels[-1], 64, kernel=1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * SMALLEST_GRID**2, 128),
            nn.ReLU(inplace=True),
            nn.Linear(128, len(INDEX_NAMES)),
        )
        self.lateral = nn.ModuleList(convolution(width, MASK_CHANNELS, kernel=1) for width in channels[1:])
        self.aggregate = nn.ModuleList(convolution(2 * MASK_CHANNELS, MASK_CHANNELS) for _ in channels[2:])
        self.draw = nn.Sequential(convolution(MASK_CHANNELS, MASK_CHANNELS), nn.Conv2d(MASK_CHANNELS, 2, 1))
        self.register_buffer("index_mean", torch.zeros(len(INDEX_NAMES)))
        self.register_buffer("index_deviation", torch.ones(len(INDEX_NAMES)))

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        features, x = [], self.base(crop)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        indices = self.regress(x) * self.index_deviation + self.index_mean
        return indices, self._masks(features[1:])

    def _masks(self, features: Sequence[Tensor]) -> Tensor:
        """Iterative deep aggregation, from the coarsest level to the finest."""
        x = self.lateral[-1](features[-1])
        for level in range(len(features) - 2, -1, -1):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.aggregate[level](torch.cat([x, self.lateral[level](features[level])], dim=1))
        return functional.interpolate(self.draw(x), scale_factor=2.0, mode="bilinear", align_corners=False)


def finder() -> nn.Module:
    """(n, 1, 128, 128) whole field at 2.6 mm -> (n, 1, 128, 128) logits of the cavity (MONAI's residual U-Net)."""
    from monai.networks.nets import UNet

    features = UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=FINDER_FEATURES,  # its last stage narrows to this before a rectifier: one channel would be cut off
        channels=(16, 32, 48, 64, 96),
        strides=(2, 2, 2, 2),
        num_res_units=1,
        norm="batch",
    )
    return nn.Sequential(features, nn.Conv2d(FINDER_FEATURES, 1, 1))
