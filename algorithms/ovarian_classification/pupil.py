"""Darknet-19 as the pupil of its fold's ResNet-50: there are no public weights that it could begin from.

It learns the classes and traits, what the teacher answers to the same crop (Hinton, Vinyals, Dean, "Distilling the
Knowledge in a Neural Network", arXiv 1503.02531), and the features that the teacher averages (Romero et al.,
"FitNets", arXiv 1412.6550). The teacher is asked once about a number of sights of each picture; the pupil then goes
through them many times, which costs a third of asking every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from algorithms.ovarian_classification.lessons import Lesson, TraitScale, closeup_of, crop_sample, epoch_of
from algorithms.ovarian_classification.losses import class_loss, likeness_loss, trait_loss
from algorithms.ovarian_classification.network import Expert

SIGHTS = 12
"""Of each picture."""
CLASS_WEIGHT, TRAIT_WEIGHT, ANSWER_WEIGHT, FEATURE_WEIGHT = 0.5, 0.5, 1.0, 2.0
SOFTENED = 2.0


class Told(NamedTuple):
    """Crops (n, 2, CROP_PX, CROP_PX), categories (n,), traits (n, 13); the teacher's logits (n, 8) and features (n, c),
    the latter in units of their spread."""

    crops: Tensor
    categories: Tensor
    traits: Tensor
    logits: Tensor
    features: Tensor


@dataclass(frozen=True, eq=False)
class Asked:
    """One picture. ``crops``: (SIGHTS, 2, CROP_PX, CROP_PX). ``logits``, ``features``: the teacher's, of each crop."""

    category: int
    crops: NDArray[np.float16]
    traits: NDArray[np.float32]
    logits: NDArray[np.float32]
    features: NDArray[np.float32]


class Pupil(nn.Module):
    """An expert, with a layer that brings its averaged features to the teacher's; that layer only teaches."""

    def __init__(self, expert: Expert, teacher_channels: int) -> None:
        super().__init__()
        self.expert = expert
        self.imitate = nn.Linear(expert.classify.in_features, teacher_channels)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, 8), traits (n, 13), features as the teacher's (n, c)."""
        pooled = self.expert.weighted(crops).mean(dim=(2, 3))
        logits, traits = self.expert.answer(pooled)
        return logits, traits, self.imitate(pooled)


def pupil_settings() -> dict[str, float]:
    """What a run was begun with."""
    return {
        "sights": SIGHTS,
        "class": CLASS_WEIGHT,
        "traits": TRAIT_WEIGHT,
        "answer": ANSWER_WEIGHT,
        "features": FEATURE_WEIGHT,
        "softened": SOFTENED,
    }


def pupil_loss(pupil: nn.Module, batch: Told) -> Tensor:
    """Of class, traits, the teacher's answer and the teacher's features."""
    logits, traits, features = pupil(batch.crops)
    return (
        CLASS_WEIGHT * class_loss(logits, batch.categories)
        + TRAIT_WEIGHT * trait_loss(traits, batch.traits)
        + ANSWER_WEIGHT * likeness_loss(logits, batch.logits, SOFTENED)
        + FEATURE_WEIGHT * (features - batch.features).square().mean()
    )


def pupil_batches(
    lessons: Sequence[Lesson], scale: TraitScale, teacher: Expert, batch_size: int, seed: int
) -> Callable[[np.random.Generator], Iterator[Told]]:
    """Batches of sights that the teacher was asked about.

    Args:
        teacher: in eval mode, on any device.
        seed: of the sights.
    """
    rng = np.random.default_rng(seed)
    asked = [_ask(teacher, closeup_of(lesson), scale, rng) for lesson in lessons]
    features = np.concatenate([one.features for one in asked])
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)

    def batches(rng: np.random.Generator) -> Iterator[Told]:
        for pictures in epoch_of(asked, batch_size, rng):
            chosen = [(picture, int(rng.integers(SIGHTS))) for picture in pictures]
            yield Told(
                _stacked([picture.crops[sight] for picture, sight in chosen]).to(memory_format=torch.channels_last),
                torch.tensor([picture.category for picture, _ in chosen]),
                _stacked([picture.traits for picture, _ in chosen]),
                _stacked([picture.logits[sight] for picture, sight in chosen]),
                _stacked([(picture.features[sight] - mean) / deviation for picture, sight in chosen]),
            )

    return batches


@torch.no_grad()
def _ask(teacher: Expert, closeup: Lesson, scale: TraitScale, rng: np.random.Generator) -> Asked:
    samples = [crop_sample(closeup, scale, rng) for _ in range(SIGHTS)]
    crops = np.stack([sample.crop for sample in samples])
    device = next(teacher.parameters()).device
    seen = torch.from_numpy(crops).to(device, memory_format=torch.channels_last)
    pooled = teacher.weighted(seen).mean(dim=(2, 3))
    logits, _ = teacher.answer(pooled)
    return Asked(
        closeup.category, crops.astype(np.float16), samples[0].traits, logits.cpu().numpy(), pooled.cpu().numpy()
    )


def _stacked(values: Sequence[NDArray]) -> Tensor:
    return torch.from_numpy(np.stack(values).astype(np.float32))
