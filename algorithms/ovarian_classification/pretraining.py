"""What Darknet-19 begins from: to see as the public ResNet-50 does; public weights of its own there are none.

On pictures that are none of the set (other_sights.py), so the five folds share one beginning and no fold's pictures
are in it. After its third, fourth and fifth group and at its end it is held against the ResNet's four stages, which
lie on grids as fine, by the hints of those (hints.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from algorithms.ovarian_classification.backbone import HalfResNet50, Public
from algorithms.ovarian_classification.hints import hint_of
from algorithms.ovarian_classification.network import DARKNET19, DARKNET_WIDTH, FAST, INPUTS, Darknet19
from algorithms.ovarian_classification.other_sights import sight
from algorithms.training.loop import Schedule, fit
from algorithms.training.run import RunFolder

SIGHTS = 8000
COMPONENTS = (32, 64, 128, 192)
"""Of the ResNet's four stages."""
LOOKED_AT = 480
"""Sights that the components are taken from."""
AT_ONCE = 16
SCHEDULE = Schedule(epochs=10, batch_size=16, learning_rate=2e-3, weight_decay=1e-3, warm_up_epochs=1)


class Beginner(nn.Module):
    """Darknet-19's features and, for each depth, a layer that brings them to the hints; those layers only teach."""

    def __init__(self) -> None:
        super().__init__()
        self.features = Darknet19()
        channels = [round(group[-1] * DARKNET_WIDTH) for group in DARKNET19[-len(COMPONENTS) :]]
        self.imitate = nn.ModuleList(
            nn.Conv2d(own, theirs, 1) for own, theirs in zip(channels, COMPONENTS, strict=True)
        )

    def forward(self, crops: Tensor) -> list[Tensor]:
        """Hints as the ResNet's stages give them, (n, components, h, w) each."""
        seen = self.features.levels(crops)[-len(COMPONENTS) :]
        return [layer(features) for layer, features in zip(self.imitate, seen, strict=True)]


def pretraining_settings() -> dict[str, object]:
    """What a run was begun with."""
    return {"sights": SIGHTS, "components": list(COMPONENTS), "looked_at": LOOKED_AT, "schedule": asdict(SCHEDULE)}


def beginning_of_darknet19(
    public: Public, pictures: Sequence[NDArray[np.uint8]], run: RunFolder, device: torch.device, seed: int
) -> dict[str, Tensor]:
    """Weights of Darknet-19's features, on the CPU; the outline, which these pictures lack, starts without weight.

    Args:
        pictures: (rows, columns) grey, none of the set.
    """
    rng = np.random.default_rng([seed, 5])
    crops = torch.from_numpy(np.stack([sight(pictures, rng).astype(np.float16) for _ in range(SIGHTS)]))[:, None]
    hints = _hints(public, crops, device, seed)
    torch.manual_seed(seed)
    network = Beginner().to(memory_format=FAST)
    batches = _batches(crops, hints)
    taught = fit("darknet19_beginning", network, batches, beginner_loss, SCHEDULE, run, device, seed).cpu()
    found = taught.features.state_dict()
    found["groups.0.0.weight"][:, 1:] = 0.0  # nothing was learned of the outline: as in the ResNet, no weight
    return found


@torch.no_grad()
def _hints(public: Public, crops: Tensor, device: torch.device, seed: int) -> list[Tensor]:
    """Of each stage, (n, components, h, w) float16."""
    teacher = HalfResNet50(1)
    teacher.begin_from(public, crops[:LOOKED_AT].float())
    teacher = teacher.eval().to(device, memory_format=FAST)

    def stages(part: Tensor) -> list[Tensor]:
        return teacher.levels(part.float().to(device, memory_format=FAST))[1:]

    first = zip(*(stages(part) for part in crops[:LOOKED_AT].split(AT_ONCE)), strict=True)
    units = [hint_of(torch.cat(seen), count, seed) for seen, count in zip(first, COMPONENTS, strict=True)]
    told = [
        [unit.of(seen).cpu() for unit, seen in zip(units, stages(part), strict=True)] for part in crops.split(AT_ONCE)
    ]
    return [torch.cat(stage) for stage in zip(*told, strict=True)]


def _batches(crops: Tensor, hints: Sequence[Tensor]) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, ...]]]:
    """Crops (n, INPUTS, CROP_PX, CROP_PX) without an outline, and their hints; mirrored at random."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        order = torch.from_numpy(rng.permutation(len(crops)))
        for chosen in order.split(SCHEDULE.batch_size):
            parts = [crops[chosen].float(), *(stage[chosen].float() for stage in hints)]
            if rng.random() < 0.5:
                parts = [part.flip(-1) for part in parts]
            nothing = torch.zeros_like(parts[0]).expand(-1, INPUTS - 1, -1, -1)
            yield torch.cat([parts[0], nothing], dim=1).contiguous(memory_format=FAST), *parts[1:]

    return batches


def beginner_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Of every depth: mean square error, hints being in units of their spread."""
    crops, *wanted = batch
    apart = [(found - hint).square().mean() for found, hint in zip(network(crops), wanted, strict=True)]
    return torch.stack(apart).sum()
