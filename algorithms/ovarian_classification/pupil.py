"""The experts as pupils of their fold's teachers, two ResNet-50 that were taught apart: each learns what both know.

Both learn the classes and traits, and what the teachers answer to the same crop (Hinton, Vinyals, Dean, "Distilling
the Knowledge in a Neural Network", arXiv 1503.02531). Darknet-19 learns their features at every place, too (hints.py),
and from squares anywhere in other pictures and in those of the fold: these have no class but teach what the teachers
see, for pictures of one set are few. The teachers are asked once about a number of sights; the pupils then go through
them many times, which costs a fraction of asking every time. All that was asked is kept in memory: 1 GB for a fold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from algorithms.ovarian_classification.hints import Hint, hint_of
from algorithms.ovarian_classification.lessons import Lesson, TraitScale, closeup_of, crop_sample, epoch_of
from algorithms.ovarian_classification.losses import NO_CLASS, class_loss, likeness_loss, trait_loss
from algorithms.ovarian_classification.network import FAST, Expert
from algorithms.ovarian_classification.other_sights import other_sight
from algorithms.ovarian_classification.traits import TRAITS

SIGHTS = 12
"""Of each picture."""
OTHER_SIGHTS = 3000
OTHERS_EACH = 6
"""Squares anywhere in a batch, beside the sights of lesions."""
COMPONENTS = 192
"""Of the teachers' features."""
LOOKED_AT_EVERY = 3
"""The components are those of every third picture."""
AT_ONCE = 16
CLASS_WEIGHT, TRAIT_WEIGHT, ANSWER_WEIGHT, FEATURE_WEIGHT = 0.5, 0.5, 1.0, 1.0
SOFTENED = 2.0


class Told(NamedTuple):
    """Crops (n, 2, CROP_PX, CROP_PX); categories (n,), NO_CLASS for squares anywhere; traits (n, 13), nan for those;
    the teachers' logits (n, 8) and hints (n, COMPONENTS, h, w)."""

    crops: Tensor
    categories: Tensor
    traits: Tensor
    logits: Tensor
    hints: Tensor


@dataclass(frozen=True, eq=False)
class Asked:
    """Sights that the teachers were asked about: crops and hints (n, ...) float16, logits (n, 8)."""

    crops: Tensor
    logits: Tensor
    hints: Tensor


@dataclass(frozen=True, eq=False)
class AskedPicture:
    """One picture of the set, and its sights."""

    category: int
    traits: NDArray[np.float32]
    sights: Asked


class Pupil(nn.Module):
    """An expert, with a layer that brings its features to the teachers'; that layer only teaches."""

    def __init__(self, expert: Expert) -> None:
        super().__init__()
        self.expert = expert
        self.imitate = nn.Conv2d(expert.classify.in_features, COMPONENTS, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits (n, 8), traits (n, 13), hints as the teachers' (n, COMPONENTS, h, w); counts (n, 1, h, w)."""
        features, counts = self.expert.features(crops), self.expert.counts(crops)
        logits, traits = self.expert.answer((features * counts).mean(dim=(2, 3)))
        return logits, traits, self.imitate(features), counts


class Teachers(nn.Module):
    """Experts whose answers are averaged and whose features stand side by side; in eval mode, without gradients."""

    def __init__(self, experts: Sequence[Expert]) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.eval().requires_grad_(False)

    @property
    def first(self) -> Expert:
        """The one that was taught longest."""
        found = self.experts[0]
        assert isinstance(found, Expert)
        return found

    @torch.no_grad()
    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, 8) of the mean of their probabilities, features (n, channels, h, w)."""
        features, answers = [], []
        for expert in self.experts:
            features.append(expert.features(crops))
            logits, _ = expert.answer((features[-1] * expert.counts(crops)).mean(dim=(2, 3)))
            answers.append(torch.log_softmax(logits, dim=1))
        mean = torch.logsumexp(torch.stack(answers), dim=0) - math.log(len(answers))
        return mean, torch.cat(features, dim=1)


def pupil_settings() -> dict[str, float]:
    """What a run was begun with."""
    return {
        "sights": SIGHTS,
        "other_sights": OTHER_SIGHTS,
        "others_each": OTHERS_EACH,
        "looked_at_every": LOOKED_AT_EVERY,
        "components": COMPONENTS,
        "class": CLASS_WEIGHT,
        "traits": TRAIT_WEIGHT,
        "answer": ANSWER_WEIGHT,
        "features": FEATURE_WEIGHT,
        "softened": SOFTENED,
    }


def answer_loss(logits: Tensor, traits: Tensor, batch: Told) -> Tensor:
    """Of class, traits and the teachers' answer."""
    return (
        CLASS_WEIGHT * class_loss(logits, batch.categories)
        + TRAIT_WEIGHT * trait_loss(traits, batch.traits)
        + ANSWER_WEIGHT * likeness_loss(logits, batch.logits, SOFTENED)
    )


def advanced_loss(expert: nn.Module, batch: Told) -> Tensor:
    """For an expert that is one of the teachers: their common answer; its features are its own."""
    logits, _, traits = expert(batch.crops)
    return answer_loss(logits, traits, batch)


def pupil_loss(pupil: nn.Module, batch: Told) -> Tensor:
    """For a pupil: the answers, and the teachers' features; those of the lesion count most."""
    logits, traits, hints, counts = pupil(batch.crops)
    apart = (hints - batch.hints).square().mean(dim=1, keepdim=True) * (0.5 + 0.5 * counts)
    return answer_loss(logits, traits, batch) + FEATURE_WEIGHT * apart.mean()


@dataclass(frozen=True, eq=False)
class Curriculum:
    """What the teachers were asked about. ``beside``: squares anywhere, without a class."""

    pictures: Sequence[AskedPicture]
    beside: Asked

    def batches(self, batch_size: int, beside: bool) -> Callable[[np.random.Generator], Iterator[Told]]:
        """One sight of each picture, mirrored at random. ``beside``: with OTHERS_EACH squares in a batch."""

        def batches(rng: np.random.Generator) -> Iterator[Told]:
            for chosen in epoch_of(self.pictures, batch_size, rng):
                told = _told(chosen, rng)
                if beside:
                    told = _joined(told, _beside(self.beside, rng))
                yield _mirrored(told) if rng.random() < 0.5 else told

        return batches


def ask_teachers(
    lessons: Sequence[Lesson], others: Sequence[NDArray[np.uint8]], scale: TraitScale, teachers: Teachers, seed: int
) -> Curriculum:
    """Asks about SIGHTS of every lesson, and about OTHER_SIGHTS squares of the others and of the lessons' pictures.

    Args:
        others: (rows, columns) grey pictures of other kinds.
        seed: of the sights.
    """
    rng = np.random.default_rng(seed)
    closeups = [closeup_of(lesson) for lesson in lessons]
    first = [crop_sample(closeup, scale, rng).crop for closeup in closeups[::LOOKED_AT_EVERY]]
    hint = hint_of(torch.cat([features for _, features in _answers(teachers, first)]), COMPONENTS, seed)
    pictures = [_ask_of_picture(teachers, hint, closeup, scale, rng) for closeup in closeups]
    sources = [*others, *(lesson.grey for lesson in lessons)]
    return Curriculum(pictures, _ask(teachers, hint, [other_sight(sources, rng) for _ in range(OTHER_SIGHTS)]))


def _answers(teachers: Teachers, crops: Sequence[NDArray[np.float32]]) -> Iterator[tuple[Tensor, Tensor]]:
    device = next(teachers.parameters()).device
    for start in range(0, len(crops), AT_ONCE):
        seen = torch.from_numpy(np.stack(crops[start : start + AT_ONCE]))
        logits, features = teachers(seen.to(device, memory_format=FAST))
        yield logits.cpu(), features.cpu()


def _ask(teachers: Teachers, hint: Hint, crops: Sequence[NDArray[np.float32]]) -> Asked:
    logits, hints = zip(*((said, hint.of(features)) for said, features in _answers(teachers, crops)), strict=True)
    return Asked(torch.from_numpy(np.stack(crops).astype(np.float16)), torch.cat(logits), torch.cat(hints))


def _ask_of_picture(
    teachers: Teachers, hint: Hint, closeup: Lesson, scale: TraitScale, rng: np.random.Generator
) -> AskedPicture:
    samples = [crop_sample(closeup, scale, rng) for _ in range(SIGHTS)]
    sights = _ask(teachers, hint, [sample.crop for sample in samples])
    return AskedPicture(closeup.category, samples[0].traits, sights)


def _told(pictures: Sequence[AskedPicture], rng: np.random.Generator) -> Told:
    """One sight of each picture."""
    chosen = [(picture.sights, int(rng.integers(SIGHTS))) for picture in pictures]
    return Told(
        torch.stack([sights.crops[sight] for sights, sight in chosen]).float(),
        torch.tensor([picture.category for picture in pictures]),
        torch.from_numpy(np.stack([picture.traits for picture in pictures])),
        torch.stack([sights.logits[sight] for sights, sight in chosen]),
        torch.stack([sights.hints[sight] for sights, sight in chosen]).float(),
    )


def _beside(asked: Asked, rng: np.random.Generator) -> Told:
    """Squares anywhere: neither class nor traits."""
    chosen = torch.from_numpy(rng.integers(len(asked.crops), size=OTHERS_EACH))
    return Told(
        asked.crops[chosen].float(),
        torch.full((OTHERS_EACH,), NO_CLASS),
        torch.full((OTHERS_EACH, len(TRAITS)), float("nan")),
        asked.logits[chosen],
        asked.hints[chosen].float(),
    )


def _joined(first: Told, second: Told) -> Told:
    return Told(*(torch.cat(both) for both in zip(first, second, strict=True)))


def _mirrored(told: Told) -> Told:
    return told._replace(crops=told.crops.flip(-1), hints=told.hints.flip(-1))
