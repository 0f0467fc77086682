"""``dicom-node train ovarian_classification --data DIR --out DIR``: fold by fold a segmenter, ResNet-50 and Darknet-19.

Each fold's networks see no picture of the number blocks held out in it (folds.py), so ``evaluate`` can judge every
picture by networks that have not met it; the digests of the pictures held out are in ``model.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from algorithms.ovarian_classification.lesion import lesion_of
from algorithms.ovarian_classification.lessons import (
    Lesson,
    TraitScale,
    closeup_of,
    crop_sample,
    epoch_of,
    field_of,
    field_sample,
    trait_scale,
)
from algorithms.ovarian_classification.network import darknet19, resnet50, segmenter
from algorithms.training.loop import Schedule, fit
from algorithms.training.run import RunFolder

SEGMENT_SCHEDULE = Schedule(epochs=28, batch_size=16, learning_rate=3e-3, weight_decay=5e-4, warm_up_epochs=1)
EXPERT_SCHEDULE = Schedule(epochs=20, batch_size=16, learning_rate=1e-3, weight_decay=5e-4, warm_up_epochs=2)
TRAIT_WEIGHT = 0.5
FAST = torch.channels_last
SMOOTHING = 0.05
EXPERTS: dict[str, Callable[[], nn.Module]] = {"resnet50": resnet50, "darknet19": darknet19}


@dataclass(frozen=True, eq=False)
class Fold:
    """Fold ``number`` (0..4) and the pictures that teach it."""

    number: int
    lessons: Sequence[Lesson]


def segment_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Whole pictures and the lesion's share of their pixels, each (n, 1, CANVAS_PX, CANVAS_PX)."""
    drawn = [field_of(lesson) for lesson in fold.lessons if lesson.mask.any()]

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for lessons in epoch_of(drawn, SEGMENT_SCHEDULE.batch_size, rng, rarity=0.0):
            seen, shares = zip(*(field_sample(lesson, rng) for lesson in lessons), strict=True)
            yield torch.from_numpy(np.stack(seen))[:, None], torch.from_numpy(np.stack(shares))[:, None]

    return batches


def expert_batches(
    fold: Fold, scale: TraitScale
) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor, Tensor]]]:
    """Crops (n, 2, CROP_PX, CROP_PX), categories (n,), traits (n, 13)."""

    closeups = [closeup_of(lesson) for lesson in fold.lessons]

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for lessons in epoch_of(closeups, EXPERT_SCHEDULE.batch_size, rng):
            samples = [crop_sample(lesson, scale, rng) for lesson in lessons]
            yield (
                torch.from_numpy(np.stack([sample.crop for sample in samples])).to(memory_format=FAST),
                torch.tensor([sample.category for sample in samples]),
                torch.from_numpy(np.stack([sample.traits for sample in samples])),
            )

    return batches


def segment_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy and one minus soft Dice of each picture."""
    seen, shares = batch
    logits = network(seen)
    found = torch.sigmoid(logits)
    common = (found * shares).sum(dim=(1, 2, 3))
    dice = 1.0 - (2.0 * common + 10.0) / (found.sum(dim=(1, 2, 3)) + shares.sum(dim=(1, 2, 3)) + 10.0)
    return functional.binary_cross_entropy_with_logits(logits, shares) + dice.mean()


def expert_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the eight classes, and the traits in units of their spread."""
    crops, categories, traits = batch
    logits, _, described = network(crops)
    known = torch.isfinite(traits)
    error = functional.smooth_l1_loss(described, torch.nan_to_num(traits), reduction="none", beta=0.5)
    taught = (error * known).sum() / known.sum().clamp(min=1)
    return functional.cross_entropy(logits, categories, label_smoothing=SMOOTHING) + TRAIT_WEIGHT * taught


def train_segmenter(fold: Fold, run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The segmentation network of one fold."""
    torch.manual_seed(seed + fold.number)
    part = f"segment_{fold.number + 1}"
    return fit(part, segmenter(), segment_batches(fold), segment_loss, SEGMENT_SCHEDULE, run, device, seed)


class _Asked:
    """A segmentation network in torch, asked as a node asks its model."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._network, self._device = network.eval().to(device), device

    @torch.no_grad()
    def run(self, inputs: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
        field = torch.from_numpy(inputs["field"]).to(self._device)
        return {"lesion": self._network(field).cpu().numpy()}


def with_found(
    lessons: Sequence[Lesson], held_out: Sequence[int], segmenters: Sequence[nn.Module], device: torch.device
) -> list[Lesson]:
    """The lessons with what the segmenter of the fold that never saw each finds in it."""
    asked = [_Asked(segmenter, device) for segmenter in segmenters]
    return [
        replace(lesson, found=lesion_of(lesson.grey, [asked[fold]]))
        for lesson, fold in zip(lessons, held_out, strict=True)
    ]


def train_expert(kind: str, fold: Fold, run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """``resnet50`` or ``darknet19`` of one fold."""
    torch.manual_seed(seed + fold.number)
    batches = expert_batches(fold, trait_scale(fold.lessons))
    network = EXPERTS[kind]().to(memory_format=FAST)
    return fit(f"{kind}_{fold.number + 1}", network, batches, expert_loss, EXPERT_SCHEDULE, run, device, seed)
