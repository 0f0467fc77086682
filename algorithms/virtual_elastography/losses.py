"""The losses of CN 117679077 A (claim 1, paragraph 0008), in torch: GAN + L1 + colour + structure.

GAN for pictures that look computed, L1 for each pixel, colour for the distribution of colours over the picture,
structure for the picture as a whole: features of VGG19 (Simonyan & Zisserman, arXiv 1409.1556) where the user has its
pretrained weights, else differences of Gaussians at four scales, which need none; in a second stage, when the colours
are about right, structural similarity besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from algorithms.virtual_elastography.network import Adversaries
from dicom_node.errors import UsageError

VGG19 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512, "pool", 512, 512, 512, 512)
"""Convolutions by their channels, each with a rectifier behind it."""
VGG19_TAPS = (0, 5, 10, 19, 28)
"""conv1_1, conv2_1, ... conv5_1 by their number in the sequence, the rectifiers of which are compared."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALES = 4
COLOUR_DIRECTIONS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.7, 0, -0.7), (0.6, -0.6, 0.6))
"""The distribution of colours is compared along these: single channels, and how they go together."""


class Batch(NamedTuple):
    """B-mode (n, 1, 128, 128), style (n, 1), computed elastogram (n, 3, 128, 128), lesion (n, 1, 128, 128) as shares,
    weight (n, 1, 128, 128): 0 where nothing is to be learned, such as outside the beam."""

    bmode: Tensor
    style: Tensor
    elastogram: Tensor
    lesion: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts. ``lesion``: how much more an error of colour counts inside a lesion.

    ``similarity``: of 1 - SSIM, a further part of the structure loss.
    """

    pixels: float = 4.0
    colour: float = 0.5
    structure: float = 4.0
    adversary: float = 0.02
    lesion: float = 2.0
    similarity: float = 0.0


def generator_loss(structure: nn.Module, weights: Weights) -> Callable[[Adversaries, Batch], Tensor]:
    """The loss of both adversaries in one: each gets the gradient of its own part only.

    Least squares for both (Mao et al., LSGAN, arXiv 1611.04076).
    """

    def loss(both: Adversaries, batch: Batch) -> Tensor:
        made, _ = both.generator(batch.bmode, batch.style)
        wanted = batch.weight * batch.elastogram
        shown = batch.weight * made
        judge = both.discriminator
        real = judge(batch.bmode, batch.style, wanted)
        fake = judge(batch.bmode, batch.style, shown.detach())
        of_discriminator = 0.5 * ((real - 1.0).square().mean() + fake.square().mean())
        still = {name: value.detach() for name, value in judge.named_parameters()}
        fooled = (functional_call(judge, still, (batch.bmode, batch.style, shown)) - 1.0).square().mean()
        of_generator = (
            weights.pixels * pixel_loss(shown, wanted, batch, weights.lesion)
            + weights.colour * colour_loss(shown, wanted)
            + weights.structure * structure(shown, wanted)
            + weights.adversary * fooled
        )
        if weights.similarity:
            of_generator = of_generator + weights.similarity * similarity_loss(shown, wanted, batch.weight)
        return of_generator + of_discriminator

    return loss


def pixel_loss(shown: Tensor, wanted: Tensor, batch: Batch, lesion: float) -> Tensor:
    """L1, counted ``1 + lesion`` times inside lesions."""
    counted = batch.weight * (1.0 + lesion * batch.lesion)
    return ((shown - wanted).abs() * counted).sum() / (3.0 * counted.sum()).clamp(min=1.0)


def colour_loss(shown: Tensor, wanted: Tensor) -> Tensor:
    """Distance between the distributions of colours of two pictures, wherever in the picture the colours lie.

    Wasserstein distance of order 1 along fixed directions of colour space (the mean difference of the sorted values).
    """
    directions = shown.new_tensor(COLOUR_DIRECTIONS)
    ours, theirs = (
        torch.einsum("nchw,dc->ndhw", functional.avg_pool2d(picture, 2), directions).flatten(2).sort(dim=2).values
        for picture in (shown, wanted)
    )
    return (ours - theirs).abs().mean()


def similarity_loss(shown: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """1 - SSIM (Wang et al., IEEE TIP 13(4), 2004, equation 13) of each channel, over what ``weight`` counts.

    Values in 0..1; Gaussian window of 11 x 11 with sigma 1.5, K1 0.01, K2 0.03.
    """
    at = torch.arange(11, device=shown.device, dtype=shown.dtype) - 5
    bell = torch.exp(-at.square() / (2 * 1.5**2))
    bell = (bell / bell.sum()).repeat(15, 1, 1, 1)
    maps = torch.cat([shown, wanted, shown.square(), wanted.square(), shown * wanted], dim=1)
    maps = functional.pad(maps, (5, 5, 5, 5), mode="reflect")
    maps = functional.conv2d(functional.conv2d(maps, bell, groups=15), bell.transpose(2, 3), groups=15)
    mean_a, mean_b, square_a, square_b, product = maps.split(3, dim=1)
    spread = (square_a - mean_a.square()) + (square_b - mean_b.square())
    common = product - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + 0.01**2) * (2 * common + 0.03**2)
    found = numerator / ((mean_a.square() + mean_b.square() + 0.01**2) * (spread + 0.03**2))
    return ((1.0 - found) * weight).sum() / (3.0 * weight.sum()).clamp(min=1.0)


def region_loss(finder: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy and Dice of each picture; in pictures without a lesion Dice asks for an empty mask."""
    logits = finder(batch.bmode)
    entropy = functional.binary_cross_entropy_with_logits(logits, batch.lesion, weight=1.0 + 2.0 * batch.lesion)
    shares = torch.sigmoid(logits)
    common = (shares * batch.lesion).sum(dim=(1, 2, 3))
    whole = shares.sum(dim=(1, 2, 3)) + batch.lesion.sum(dim=(1, 2, 3))
    return 2.0 * entropy + (1.0 - (2.0 * common + 20.0) / (whole + 20.0)).mean()


class Gaussians(nn.Module):
    """Mean difference of first and second derivatives of Gaussians, at four scales an octave apart.

    The stated substitute for VGG19: no weights, edges and blobs where the early layers of VGG19 see them.
    """

    def __init__(self) -> None:
        super().__init__()
        smooth = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
        first = torch.tensor([-1.0, -2.0, 0.0, 2.0, 1.0]) / 6
        second = torch.tensor([1.0, 0.0, -2.0, 0.0, 1.0]) / 4
        kernels = torch.stack(
            [torch.outer(*pair) for pair in ((smooth, first), (first, smooth), (smooth, second), (second, smooth))]
        )
        self.register_buffer("kernels", kernels[:, None].repeat(3, 1, 1, 1))

    def forward(self, shown: Tensor, wanted: Tensor) -> Tensor:
        difference = shown - wanted  # the features are linear
        total = difference.new_zeros(())
        for scale in range(SCALES):
            if scale:
                difference = functional.avg_pool2d(difference, 2)
            seen = functional.conv2d(functional.pad(difference, (2, 2, 2, 2), mode="replicate"), self.kernels, groups=3)
            total = total + seen.abs().mean()
        return total / SCALES


class Vgg19(nn.Module):
    """Mean difference of five layers of VGG19's features, each in units of its spread (arXiv 1603.08155)."""

    def __init__(self, weights_file: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = 3
        for layer in VGG19:
            if layer == "pool":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(inside, int(layer), 3, padding=1), nn.ReLU()]
                inside = int(layer)
        self.features = nn.Sequential(*layers[: VGG19_TAPS[-1] + 2])
        self._load(weights_file)
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[None, :, None, None])
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION)[None, :, None, None])

    def forward(self, shown: Tensor, wanted: Tensor) -> Tensor:
        ours, theirs = ((picture - self.mean) / self.deviation for picture in (shown, wanted))
        total = shown.new_zeros(())
        for number, layer in enumerate(self.features):
            ours, theirs = layer(ours), layer(theirs)
            if number - 1 in VGG19_TAPS:
                total = total + (ours - theirs).abs().mean() / (theirs.std() + 1e-3)
        return total / len(VGG19_TAPS)

    def _load(self, file: Path) -> None:
        """Raises UsageError where the file holds no weights of VGG19 under their usual names (features.0.weight)."""
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
            wanted = {name: found[name] for name in self.state_dict()}
            self.load_state_dict(wanted)
        except KeyError as error:
            raise UsageError(f"{file.name} has no {error}: it holds no weights of VGG19") from error
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise UsageError(f"{file.name} cannot be read as the weights of VGG19: {error}") from error
