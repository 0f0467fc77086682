"""The experts of one fold: two ResNet-50 as teachers, then the ResNet-50 and the Darknet-19 that a node asks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from algorithms.ovarian_classification.backbone import Public
from algorithms.ovarian_classification.lessons import (
    Lesson,
    TraitScale,
    closeup_of,
    crop_sample,
    epoch_of,
    trait_scale,
)
from algorithms.ovarian_classification.losses import class_loss, trait_loss
from algorithms.ovarian_classification.network import FAST, Expert, darknet19, resnet50
from algorithms.ovarian_classification.pupil import (
    Curriculum,
    Pupil,
    Teachers,
    advanced_loss,
    ask_teachers,
    pupil_loss,
)
from algorithms.training.loop import Schedule, fit
from algorithms.training.run import RunFolder

TEACHER_SCHEDULES = tuple(
    Schedule(epochs=epochs, batch_size=16, learning_rate=5e-4, weight_decay=1e-2, warm_up_epochs=1)
    for epochs in (10, 7)
)
EXPERT_SCHEDULES = {
    "resnet50": Schedule(epochs=5, batch_size=16, learning_rate=2.5e-4, weight_decay=1e-2, warm_up_epochs=1),
    "darknet19": Schedule(epochs=20, batch_size=16, learning_rate=1e-3, weight_decay=1e-3, warm_up_epochs=1),
}
TRAIT_WEIGHT = 0.5
CALIBRATED_ON = 200
"""Pictures, at least, from which the normalisations of public weights begin."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Fold ``number`` (0..4) and the pictures that teach it."""

    number: int
    lessons: Sequence[Lesson]


def expert_settings() -> dict[str, object]:
    """What a run was begun with."""
    return {
        "teachers": [asdict(schedule) for schedule in TEACHER_SCHEDULES],
        "experts": {kind: asdict(schedule) for kind, schedule in EXPERT_SCHEDULES.items()},
        "traits": TRAIT_WEIGHT,
    }


def expert_batches(
    fold: Fold, scale: TraitScale, batch_size: int
) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor, Tensor]]]:
    """Crops (n, 2, CROP_PX, CROP_PX), categories (n,), traits (n, 13)."""

    closeups = [closeup_of(lesson) for lesson in fold.lessons]

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for lessons in epoch_of(closeups, batch_size, rng):
            samples = [crop_sample(lesson, scale, rng) for lesson in lessons]
            yield (
                torch.from_numpy(np.stack([sample.crop for sample in samples])).to(memory_format=FAST),
                torch.tensor([sample.category for sample in samples]),
                torch.from_numpy(np.stack([sample.traits for sample in samples])),
            )

    return batches


def expert_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the eight classes, and the traits in units of their spread."""
    crops, categories, traits = batch
    logits, _, described = network(crops)
    return class_loss(logits, categories) + TRAIT_WEIGHT * trait_loss(described, traits)


def first_pictures(batches: Callable[[np.random.Generator], Iterator[tuple[Tensor, ...]]], seed: int) -> list[Tensor]:
    """Pictures of the first batches, CALIBRATED_ON or all that there are."""
    found: list[Tensor] = []
    for seen, *_ in batches(np.random.default_rng(seed)):
        found.append(seen)
        if sum(map(len, found)) >= CALIBRATED_ON:
            break
    return found


def train_teachers(fold: Fold, public: Public, run: RunFolder, device: torch.device, seed: int) -> Teachers:
    """Two ResNet-50 of one fold, of different seeds and lengths."""
    scale, found = trait_scale(fold.lessons), []
    for member, schedule in enumerate(TEACHER_SCHEDULES):
        torch.manual_seed(seed + member + fold.number)
        network, batches = resnet50(), expert_batches(fold, scale, schedule.batch_size)
        network.features.begin_from(public, torch.cat(first_pictures(batches, seed + member)))
        part = f"teacher_{fold.number + 1}_{member + 1}"
        taught = fit(part, network.to(memory_format=FAST), batches, expert_loss, schedule, run, device, seed + member)
        assert isinstance(taught, Expert)
        found.append(taught)
    return Teachers(found)


def train_experts(
    fold: Fold,
    teachers: Teachers,
    others: Sequence[NDArray[np.uint8]],
    beginning: Mapping[str, Tensor],
    run: RunFolder,
    device: torch.device,
    seed: int,
) -> tuple[nn.Module, nn.Module]:
    """ResNet-50 and Darknet-19 of one fold. What the teachers said is forgotten with the call: it is large."""
    curriculum = ask_teachers(fold.lessons, others, trait_scale(fold.lessons), teachers, seed)
    resnet = train_resnet50(fold, curriculum, teachers.first, run, device, seed)
    return resnet, train_darknet19(fold, curriculum, beginning, run, device, seed)


def train_resnet50(
    fold: Fold, curriculum: Curriculum, teacher: Expert, run: RunFolder, device: torch.device, seed: int
) -> nn.Module:
    """ResNet-50 of one fold, in eval mode: a copy of the teacher, which learns what the other one knows."""
    network = copy.deepcopy(teacher).requires_grad_(True).to(memory_format=FAST)
    schedule = EXPERT_SCHEDULES["resnet50"]
    batches = curriculum.batches(schedule.batch_size, beside=False)
    return fit(f"resnet50_{fold.number + 1}", network, batches, advanced_loss, schedule, run, device, seed)


def train_darknet19(
    fold: Fold, curriculum: Curriculum, beginning: Mapping[str, Tensor], run: RunFolder, device: torch.device, seed: int
) -> nn.Module:
    """Darknet-19 of one fold, in eval mode. ``beginning``: of its features (pretraining.py)."""
    torch.manual_seed(seed + fold.number)
    pupil = Pupil(darknet19())
    pupil.expert.features.load_state_dict(beginning)
    schedule = EXPERT_SCHEDULES["darknet19"]
    batches = curriculum.batches(schedule.batch_size, beside=True)
    part = f"darknet19_{fold.number + 1}"
    return fit(part, pupil.to(memory_format=FAST), batches, pupil_loss, schedule, run, device, seed).expert
