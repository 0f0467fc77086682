"""The networks, in torch: for training and export only.

``Generator`` is USE-GAN as CN 117679077 A writes it (claim 1, paragraphs 0007 and 0070-0072): spatial attention, three
down-samplings, six residual blocks, three up-samplings, channel attention, output; U-Net based, so each up-sampling
sees what the down-sampling of its size saw. Both attentions are those of CBAM (Woo et al., ECCV 2018, arXiv
1807.06521). ``Discriminator`` judges patches (Isola et al., CVPR 2017, arXiv 1611.07004).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (8, 32, 64, 64)
"""At full size and behind each down-sampling. Few at full size, where they cost most: elastograms are smooth."""
JUDGE_CHANNELS = (16, 32, 64)
RESIDUAL_BLOCKS = 6
FEATURES = 16
"""Principal components of the bottleneck that leave the generator for the test of familiarity."""
REGION_FEATURES = 8


def convolution(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, rectification."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class SpatialAttention(nn.Module):
    """Weighs places by mean and maximum over the channels there (CBAM, equation 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.weigh(seen))


class ChannelAttention(nn.Module):
    """Weighs channels by mean and maximum over the picture (CBAM, equation 2)."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        narrow = max(4, channels // reduction)
        self.weigh = nn.Sequential(nn.Linear(channels, narrow), nn.ReLU(inplace=True), nn.Linear(narrow, channels))

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.weigh(x.mean(dim=(2, 3))) + self.weigh(x.amax(dim=(2, 3))))
        return x * weights[:, :, None, None]


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Generator(nn.Module):
    """``bmode`` (n, 1, 128, 128) as preprocess.py makes it and ``style`` (n, 1), 0 strain or 1 shear wave ->
    ``elastogram`` (n, 3, 128, 128) RGB in 0..1 and ``features`` (n, FEATURES).

    The features are mean and deviation of each channel behind the residual blocks, turned by ``projection`` after
    ``centre`` was taken off; ``set_projection`` sets both when training is over.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        full, half, quarter, deep = channels
        self.base = convolution(2, full)
        self.attend_places = SpatialAttention()
        self.down = nn.ModuleList(
            convolution(inside, outside, stride=2) for inside, outside in itertools.pairwise(channels)
        )
        self.residual = nn.Sequential(*(Residual(deep) for _ in range(RESIDUAL_BLOCKS)))
        self.up = nn.ModuleList(
            [convolution(deep + quarter, quarter), convolution(quarter + half, half), convolution(half + full, full)]
        )
        self.attend_channels = ChannelAttention(full)
        self.draw = nn.Conv2d(full, 3, 3, padding=1)
        self.register_buffer("centre", torch.zeros(2 * deep))
        self.register_buffer("projection", torch.zeros(FEATURES, 2 * deep))

    def forward(self, bmode: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        skipped, x = self._down(bmode, style)
        features = functional.linear(pooled(x) - self.centre, self.projection)
        for level, up in enumerate(self.up):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = up(torch.cat([x, skipped[-1 - level]], dim=1))
        return torch.sigmoid(self.draw(self.attend_channels(x))), features

    def bottleneck(self, bmode: Tensor, style: Tensor) -> Tensor:
        """(n, 2 * channels) mean and deviation of each channel behind the residual blocks."""
        return pooled(self._down(bmode, style)[1])

    def set_projection(self, bottlenecks: Tensor) -> None:
        """Takes the principal directions of the bottlenecks (m, 2 * channels) of many pictures, the widest first."""
        self.centre.copy_(bottlenecks.mean(dim=0))
        _, _, directions = torch.linalg.svd(bottlenecks - self.centre, full_matrices=False)
        self.projection.zero_()
        self.projection[: len(directions)].copy_(directions[:FEATURES])

    def _down(self, bmode: Tensor, style: Tensor) -> tuple[list[Tensor], Tensor]:
        plane = style[:, :, None, None].expand(-1, -1, bmode.shape[2], bmode.shape[3])
        x = self.attend_places(self.base(torch.cat([bmode, plane], dim=1)))
        skipped = []
        for down in self.down:
            skipped.append(x)
            x = down(x)
        return skipped, self.residual(x)


def pooled(x: Tensor) -> Tensor:
    """(n, channels, rows, columns) -> (n, 2 * channels): mean and deviation over the picture."""
    mean = x.mean(dim=(2, 3))
    variance = (x * x).mean(dim=(2, 3)) - mean * mean
    return torch.cat([mean, torch.sqrt(variance.clamp(min=0) + 1e-6)], dim=1)


class Discriminator(nn.Module):
    """B-mode (n, 1, 128, 128), style (n, 1), elastogram (n, 3, 128, 128) -> (n, 1, 16, 16): is each patch computed?"""

    def __init__(self, channels: Sequence[int] = JUDGE_CHANNELS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in itertools.pairwise((5, *channels)):
            layers += [nn.Conv2d(inside, outside, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        self.judge = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(self, bmode: Tensor, style: Tensor, elastogram: Tensor) -> Tensor:
        plane = style[:, :, None, None].expand(-1, -1, bmode.shape[2], bmode.shape[3])
        return self.judge(torch.cat([bmode, plane, elastogram], dim=1))


class Adversaries(nn.Module):
    """Generator and discriminator as one network, so that one run trains and keeps both."""

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.generator = Generator(channels)
        self.discriminator = Discriminator()


class RegionFinder(nn.Module):
    """``bmode`` (n, 1, 128, 128) -> ``lesion`` (n, 1, 128, 128) logits; MONAI's residual U-Net."""

    def __init__(self) -> None:
        super().__init__()
        from monai.networks.nets import UNet

        self.unet = UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=REGION_FEATURES,  # its last stage narrows to this before a rectifier: one would be cut off
            channels=(8, 16, 32, 48, 64),
            strides=(2, 2, 2, 2),
            num_res_units=1,
            norm="batch",
        )
        self.draw = nn.Conv2d(REGION_FEATURES, 1, 1)

    def forward(self, bmode: Tensor) -> Tensor:
        return self.draw(self.unet(bmode))


class RegionProbability(nn.Module):
    """The region finder as the node opens it: probabilities instead of logits."""

    def __init__(self, finder: RegionFinder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, bmode: Tensor) -> Tensor:
        return torch.sigmoid(self.finder(bmode))
