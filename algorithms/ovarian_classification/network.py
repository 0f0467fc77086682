"""The networks, in torch: for training and export only.

``resnet50``: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), 50 layers.
``Darknet19``: Redmon, Farhadi, "YOLO9000" (arXiv 1612.08242), table 6, 19 convolutions.
Both at the depth that the document asks for (US 12394048 B2, section 4) and narrowed: about a thousand pictures, and
the room that weights may take. ``segmenter`` is MONAI's residual U-Net.
"""

from __future__ import annotations

import torch
from monai.networks.nets import UNet
from monai.networks.nets import resnet50 as monai_resnet50
from torch import Tensor, nn

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.traits import TRAITS

SEGMENTER_FEATURES = 8
RESNET_WIDTH = 0.25
DARKNET_WIDTH = 0.25
INPUTS = 2
"""Channels of a crop: the picture, the lesion's share of each pixel."""
DARKNET19 = ((32,), (64,), (128, 64, 128), (256, 128, 256), (512, 256, 512, 256, 512), (1024, 512, 1024, 512, 1024))
"""Channels of the 18 convolutions before the last; a pooling stands between the groups. The middle ones are 1x1."""
DROPOUT = 0.3


class Expert(nn.Module):
    """(n, 2, size, size) crop -> ``logits`` (n, 8), ``maps`` (n, 8, h, w), ``traits`` (n, 13).

    The features of the last convolution are averaged over the picture, and a linear layer gives the logits of the
    eight classes; ``maps`` are their class activation maps, the same weights before the averaging
    (Zhou et al., "Learning Deep Features for Discriminative Localization", arXiv 1512.04150). ``traits`` teaches only.
    """

    def __init__(self, features: nn.Module, channels: int) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(DROPOUT)
        self.classify = nn.Linear(channels, len(CLASSES))
        self.describe = nn.Linear(channels, len(TRAITS))

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.features(crop)
        pooled = self.dropout(features.mean(dim=(2, 3)))
        maps = torch.einsum("nchw,kc->nkhw", features, self.classify.weight)
        return self.classify(pooled), maps, self.describe(pooled)


class _ResNetFeatures(nn.Module):
    """MONAI's ResNet-50 up to its last block. The last stage keeps its grid (stride 1): a finer activation map."""

    def __init__(self, width: float) -> None:
        super().__init__()
        network = monai_resnet50(
            spatial_dims=2,
            n_input_channels=INPUTS,
            num_classes=1,
            widen_factor=width,
            conv1_t_size=7,
            conv1_t_stride=2,
            shortcut_type="B",
        )
        for layer in network.layer4.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)
        self.stem = nn.Sequential(network.conv1, network.bn1, network.act, network.maxpool)
        self.stages = nn.Sequential(network.layer1, network.layer2, network.layer3, network.layer4)
        self.channels = network.fc.in_features

    def forward(self, crop: Tensor) -> Tensor:
        return self.stages(self.stem(crop))


def resnet50(width: float = RESNET_WIDTH) -> Expert:
    """ResNet-50 with the heads of an Expert."""
    features = _ResNetFeatures(width)
    return Expert(features, features.channels)


def darknet19(width: float = DARKNET_WIDTH) -> Expert:
    """Darknet-19 with the heads of an Expert, which stand for its last 1x1 convolution and global pooling."""
    layers: list[nn.Module] = []
    inside = INPUTS
    for number, group in enumerate(DARKNET19):
        if number:
            layers.append(nn.MaxPool2d(2))
        for place, full in enumerate(group):
            outside, kernel = round(full * width), 1 if place % 2 else 3
            layers += [
                nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(outside),
                nn.LeakyReLU(0.1, inplace=True),
            ]
            inside = outside
    return Expert(nn.Sequential(*layers), inside)


def segmenter() -> nn.Module:
    """(n, 1, size, size) whole picture -> (n, 1, size, size) logits of lesion or ovary (MONAI's residual U-Net)."""
    features = UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=SEGMENTER_FEATURES,
        channels=(16, 32, 64, 96, 128),
        strides=(2, 2, 2, 2),
        num_res_units=1,
        norm="batch",
    )
    return nn.Sequential(features, nn.Conv2d(SEGMENTER_FEATURES, 1, 1))
