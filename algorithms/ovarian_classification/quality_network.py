"""The quality network, in torch: for training and export only.

A small residual network (He et al. 2016) over the whole picture. Beside the labels' logits it gives the distance of
its pooled features from those of the pictures that taught it, in units of their own spread (Mahalanobis; Lee et al.,
NeurIPS 2018, arXiv 1807.03888): mean and whitening lie in the network's buffers and so in the ONNX file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from algorithms.ovarian_classification.quality import LABELS

WIDTHS = (16, 24, 48, 128)
DIRECTIONS = 24
"""Principal components of the features that the distance is measured in."""
LEAST_SPREAD = 1e-3
"""Of the largest variance: directions of less are not believed to be so narrow."""
LABEL_WEIGHTS = (2.0, 0.5, 0.5, 0.5, 1.0, 1.0)
"""Of ``LABELS``: what an image may be dropped for counts most."""


class _Block(nn.Module):
    """Two 3x3 convolutions beside an identity (or a 1x1 convolution where size or width change)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outside),
        )
        same = inside == outside and stride == 1
        self.beside = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.convolutions(x) + self.beside(x))


class QualityNetwork(nn.Module):
    """(n, 3, 96, 96) of 0..1 -> logits (n, 6) of ``LABELS`` and distances (n,)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 7, 4, 3, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True)
        )
        stages, inside = [], WIDTHS[0]
        for index, width in enumerate(WIDTHS):
            stages += [_Block(inside, width, 2 if index else 1), _Block(width, width, 1)]
            inside = width
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(inside, len(LABELS))
        self.register_buffer("mean", torch.zeros(inside))
        self.register_buffer("whitening", torch.zeros(inside, DIRECTIONS))

    def features(self, picture: Tensor) -> Tensor:
        """(n, 128) pooled features."""
        return self.stages(self.stem(picture - 0.2)).mean(dim=(2, 3))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(picture)
        away = (features - self.mean) @ self.whitening
        return self.head(self.dropout(features)), away.square().mean(dim=1).sqrt()

    def remember(self, features: Tensor) -> None:
        """Sets mean and whitening from the features (n, 128) of pictures that are familiar."""
        mean = features.mean(dim=0)
        variances, directions = torch.linalg.eigh(torch.cov((features - mean).T.double()))
        variances, directions = variances[-DIRECTIONS:], directions[:, -DIRECTIONS:]
        spread = variances.clamp(min=LEAST_SPREAD * float(variances[-1])).sqrt()
        self.mean.copy_(mean)
        self.whitening.copy_((directions / spread).float())


def quality_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of every label that is known.

    Args:
        batch: pictures (n, 3, 96, 96) and labels (n, 6): 0, 1, or nan where nothing is known.
    """
    pictures, labels = batch
    logits, _ = network(pictures)
    known = torch.isfinite(labels)
    weights = torch.tensor(LABEL_WEIGHTS, device=labels.device) * known
    losses = functional.binary_cross_entropy_with_logits(logits, torch.where(known, labels, 0.0), reduction="none")
    return (losses * weights).sum() / weights.sum().clamp(min=1.0)
