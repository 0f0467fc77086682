"""The networks, in torch: for training and export only.

``resnet50``: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), 50 layers, half
the width (backbone.py). ``darknet19``: Redmon, Farhadi, "YOLO9000" (arXiv 1612.08242), table 6, 19 convolutions, three
eighths of the width. Both at the depth that the document asks for (US 12394048 B2, section 4). ``Segmenter``: a U-Net
(Ronneberger, Fischer, Brox, arXiv 1505.04597) on the first three stages of the same ResNet.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from algorithms.ovarian_classification.backbone import STAGES, HalfResNet50, normalised
from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.traits import TRAITS

DARKNET_WIDTH = 0.375
FAST = torch.channels_last
INPUTS = 2
"""Channels of a crop: the picture, the lesion's share of each pixel."""
DARKNET19 = ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512), (1024, 512, 1024, 512, 1024))
"""Channels of the 18 convolutions before the last. The middle ones are 1x1. A pooling stands between the groups, but
not before the last: as fine a grid as the ResNet's, on which the lesion can be told from its surroundings."""
DROPOUT = 0.3
STRIDE = 16
"""Of both kinds' features, in pixels."""
OUTSIDE = 0.02
"""What a place outside the lesion counts in the average, of one inside: it is all there is where none was found."""
DECODER = (128, 96, 64, 32)
"""Channels of the segmenter at 1/16, 1/8, 1/4 and 1/2 of the picture's size."""


class Expert(nn.Module):
    """(n, 2, size, size) crop -> ``logits`` (n, 8), ``maps`` (n, 8, h, w), ``traits`` (n, 13).

    The features of the last convolution are averaged over the picture, each place by its share of the lesion, and a
    linear layer gives the logits of the eight classes. ``maps`` are their class activation maps (Zhou et al.,
    "Learning Deep Features for Discriminative Localization", arXiv 1512.04150): what each place adds to the logit, so
    that their mean is the logit less its bias. ``traits`` teaches only.
    ``features``: gives (n, channels, size / STRIDE, size / STRIDE).
    """

    def __init__(self, features: nn.Module, channels: int) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(channels, len(CLASSES))
        self.describe = nn.Linear(channels, len(TRAITS))

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.features(crop) * self.counts(crop)
        maps = torch.einsum("nchw,kc->nkhw", features, self.classify.weight)
        logits, traits = self.answer(features.mean(dim=(2, 3)))
        return logits, maps, traits

    def counts(self, crop: Tensor) -> Tensor:
        """(n, 1, h, w), of mean 1: what each place of the features counts in their average."""
        lesion = functional.avg_pool2d(crop[:, 1:2], STRIDE) + OUTSIDE
        return lesion / lesion.mean(dim=(2, 3), keepdim=True)

    def answer(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, 8) and traits (n, 13) of averaged features (n, channels)."""
        pooled = self.dropout(pooled)
        return self.classify(pooled), self.describe(pooled)


def resnet50() -> Expert:
    """ResNet-50 with the heads of an Expert."""
    features = HalfResNet50(INPUTS)
    return Expert(features, features.channels)


class Darknet19(nn.Module):
    """(n, INPUTS, size, size) -> (n, channels, size / STRIDE, size / STRIDE)."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.ModuleList()
        self.channels = INPUTS
        for group in DARKNET19:
            layers: list[nn.Module] = []
            for place, full in enumerate(group):
                outside, kernel = round(full * DARKNET_WIDTH), 1 if place % 2 else 3
                layers += [
                    nn.Conv2d(self.channels, outside, kernel, padding=kernel // 2, bias=False),
                    nn.BatchNorm2d(outside),
                    nn.LeakyReLU(0.1, inplace=True),
                ]
                self.channels = outside
            self.groups.append(nn.Sequential(*layers))

    def forward(self, seen: Tensor) -> Tensor:
        return self.levels(seen)[-1]

    def levels(self, seen: Tensor) -> list[Tensor]:
        """What each group gives: at 1, 1/2, 1/4, 1/8, 1/16 (and 1/16) of the size."""
        found = [self.groups[0](seen)]
        for number, group in enumerate(self.groups[1:], 1):
            halved = functional.max_pool2d(found[-1], 2) if number < len(self.groups) - 1 else found[-1]
            found.append(group(halved))
        return found


def darknet19() -> Expert:
    """Darknet-19 with the heads of an Expert, which stand for its last 1x1 convolution and global pooling."""
    features = Darknet19()
    return Expert(features, features.channels)


class _Up(nn.Module):
    """Features of a coarser grid, brought to a finer one and joined with what the encoder saw there."""

    def __init__(self, coarse: int, seen: int, channels: int) -> None:
        super().__init__()
        self.bring, self.take = normalised(coarse, channels, 1), normalised(seen, channels, 1)
        self.join = normalised(channels, channels, 3)

    def forward(self, features: Tensor, seen: Tensor) -> Tensor:
        larger = functional.interpolate(self.bring(features), scale_factor=2.0, mode="bilinear", align_corners=False)
        return functional.relu(self.join(functional.relu(larger + self.take(seen))))


class Segmenter(nn.Module):
    """(n, 1, size, size) whole picture -> (n, 9, size, size) logits: nothing, or a lesion of one of the eight classes.

    What is asked of it is where; that it must say what, too, teaches it to tell an ovary from a womb or a bladder, and
    makes it a second opinion, of the whole picture. ``lesion_logit`` and ``class_evidence`` make answers of the nine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = HalfResNet50(1, stages=len(STAGES) - 1)
        half, quarter, eighth = self.encoder.stem[0].out_channels, 4 * STAGES[0][1], 4 * STAGES[1][1]
        self.top = normalised(self.encoder.channels, DECODER[0], 3)
        self.ups = nn.ModuleList(
            [
                _Up(coarse, seen, fine)
                for (coarse, fine), seen in zip(pairwise(DECODER), (eighth, quarter, half), strict=True)
            ]
        )
        self.decide = nn.Conv2d(DECODER[-1], 1 + len(CLASSES), 3, padding=1)

    def forward(self, field: Tensor) -> Tensor:
        half, quarter, eighth, sixteenth = self.encoder.levels(field)
        features = functional.relu(self.top(sixteenth))
        for up, seen in zip(self.ups, (eighth, quarter, half), strict=True):
            features = up(features, seen)
        return functional.interpolate(self.decide(features), scale_factor=2.0, mode="bilinear", align_corners=False)


def lesion_logit(logits: Tensor) -> Tensor:
    """(n, 1, size, size) logit of a lesion or ovary of whatever class, of what a Segmenter gives."""
    return torch.logsumexp(logits[:, 1:], dim=1, keepdim=True) - logits[:, :1]


def class_evidence(logits: Tensor) -> Tensor:
    """(n, 8) shares of the classes in whatever is no background, of what a Segmenter gives."""
    found = torch.softmax(logits, dim=1)[:, 1:].sum(dim=(2, 3))
    return found / found.sum(dim=1, keepdim=True).clamp(min=1e-6)
