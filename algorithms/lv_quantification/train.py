"""``dicom-node train lv_quantification --data DIR --out DIR``: five finders and five index networks, fold by fold.

Pictures of experts (training_data.py) and of the simulator (phantom.py) teach together. Epicardia that no expert drew
are estimated (epicardium.py) and count for less. Each fold's networks never see a picture of the patients held out in
it, so ``evaluate`` can judge every patient by networks that have not met it; the fold of every patient is in
``model.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from algorithms.lv_quantification.augment import Teaching, crop_sample, field_sample
from algorithms.lv_quantification.crop import crop
from algorithms.lv_quantification.epicardium import estimated_inside
from algorithms.lv_quantification.folds import FOLDS, descriptor, folds_of
from algorithms.lv_quantification.indices import INDEX_NAMES, indices_of
from algorithms.lv_quantification.network import DeepLayerAggregation, finder
from algorithms.lv_quantification.phantom import random_picture
from algorithms.lv_quantification.training_data import Labelled, read_labelled
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.run import RunFolder
from dicom_node.algorithm import Workbench
from dicom_node.series import Spacing

FINDER_SCHEDULE = Schedule(epochs=30, batch_size=16, learning_rate=2e-3, weight_decay=1e-3, warm_up_epochs=1)
DLA_SCHEDULE = Schedule(epochs=44, batch_size=16, learning_rate=1.5e-3, weight_decay=2e-3, warm_up_epochs=2)

SIMULATED_PICTURES = 900
SIMULATED_SHARE = 0.3
"""Of the pictures of an epoch; the rest are real, each once."""
ESTIMATED_TRUST = 0.5
SIMULATED_TRUST = 0.7


@dataclass(frozen=True, slots=True)
class Fold:
    """What one fold's networks learn from."""

    number: int
    real: tuple[Teaching, ...]
    simulated: tuple[Teaching, ...]


def teachings(pictures: Sequence[Labelled]) -> list[Teaching]:
    """Pictures of experts as lessons; missing epicardia are estimated."""
    return [_teaching(picture) for picture in pictures]


def _teaching(picture: Labelled) -> Teaching:
    inside, trust = picture.inside, 1.0
    if inside is None:
        inside, trust = estimated_inside(picture.image, picture.cavity, picture.spacing), ESTIMATED_TRUST
    if inside is None:
        inside, trust = picture.cavity, 0.0
    return Teaching(picture.image, picture.cavity, inside, picture.spacing, trust, _centre(picture.cavity))


def simulated_teachings(count: int, seed: int) -> list[Teaching]:
    """Pictures of the simulator as lessons."""
    rng = np.random.default_rng([seed, 7])
    found = []
    for _ in range(count):
        made = random_picture(rng)
        spacing = Spacing(made.spacing_mm, made.spacing_mm)
        inside = made.cavity | made.myocardium
        image = np.asarray(made.image, np.float32)
        found.append(Teaching(image, made.cavity, inside, spacing, SIMULATED_TRUST, _centre(made.cavity)))
    return found


def _centre(cavity: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(cavity) if cavity.any() else np.nonzero(np.ones_like(cavity))
    return float(columns.mean()), float(rows.mean())


def fold_numbers(pictures: Sequence[Labelled], lessons: Sequence[Teaching], seed: int) -> NDArray[np.int64]:
    """(pictures,) the fold in which each is held out."""
    rows = []
    for picture, lesson in zip(pictures, lessons, strict=True):
        seen, _ = crop(picture.image, lesson.centre_px, picture.spacing)
        indices = indices_of(lesson.cavity, lesson.inside & ~lesson.cavity, picture.spacing)
        rows.append(descriptor(seen, indices))
    return folds_of(np.array(rows), [picture.patient for picture in pictures], seed)


def _epoch(fold: Fold, batch_size: int, rng: np.random.Generator) -> Iterator[list[Teaching]]:
    """Every real picture once, simulated ones drawn anew, shuffled into batches."""
    wanted = round(len(fold.real) * SIMULATED_SHARE / (1.0 - SIMULATED_SHARE))
    drawn = rng.choice(len(fold.simulated), min(wanted, len(fold.simulated)), replace=False)
    lessons = [*fold.real, *(fold.simulated[index] for index in drawn)]
    order = rng.permutation(len(lessons))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield [lessons[index] for index in order[start : start + batch_size]]


def finder_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Whole fields and the share of cavity in their pixels, each (n, 1, 128, 128)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for lessons in _epoch(fold, FINDER_SCHEDULE.batch_size, rng):
            seen, shares = zip(*(field_sample(lesson, rng) for lesson in lessons), strict=True)
            yield torch.from_numpy(np.stack(seen))[:, None], torch.from_numpy(np.stack(shares))[:, None]

    return batches


def dla_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]]:
    """Crops (n, 1, 128, 128), masks (n, 2, 128, 128), indices (n, 11), trust (n,)."""
    real = tuple(lesson for lesson in fold.real if lesson.cavity.any())
    simulated = tuple(lesson for lesson in fold.simulated if lesson.cavity.any())
    with_ventricle = Fold(fold.number, real, simulated)

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        for lessons in _epoch(with_ventricle, DLA_SCHEDULE.batch_size, rng):
            samples = [crop_sample(lesson, rng) for lesson in lessons]
            yield (
                torch.from_numpy(np.stack([sample.picture for sample in samples]))[:, None],
                torch.from_numpy(np.stack([sample.masks for sample in samples])),
                torch.from_numpy(np.stack([sample.indices for sample in samples])),
                torch.tensor([sample.trust for sample in samples], dtype=torch.float32),
            )

    return batches


def finder_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy, the cavity's pixels counted four times, and Dice over the batch."""
    seen, shares = batch
    logits = network(seen)
    entropy = functional.binary_cross_entropy_with_logits(logits, shares, weight=1.0 + 3.0 * shares)
    return entropy + _dice_loss(torch.sigmoid(logits), shares).mean()


def dla_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Masks: cross-entropy and Dice of each picture. Indices: smooth L1 in units of their spread over the data."""
    seen, masks, indices, trust = batch
    regressed, logits = network(seen)
    believed = torch.stack([torch.ones_like(trust), trust], dim=1)
    entropy = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean(dim=(2, 3))
    dice = _dice_loss(torch.sigmoid(logits), masks)
    error = functional.smooth_l1_loss(
        (regressed - torch.nan_to_num(indices)) / network.index_deviation,
        torch.zeros_like(regressed),
        reduction="none",
        beta=0.25,
    )
    weight = torch.cat([believed[:, :1], believed[:, 1:], believed[:, :1].expand(-1, 3), believed[:, 1:].expand(-1, 6)], 1)
    weight = weight * torch.isfinite(indices)
    return ((4.0 * entropy + dice) * believed).mean() + (error * weight).sum() / weight.sum().clamp(min=1.0)


def _dice_loss(shares: Tensor, truth: Tensor) -> Tensor:
    """(n, channels) one minus soft Dice."""
    common = (shares * truth).sum(dim=(2, 3))
    return 1.0 - (2.0 * common + 10.0) / (shares.sum(dim=(2, 3)) + truth.sum(dim=(2, 3)) + 10.0)


def new_dla(fold: Fold) -> DeepLayerAggregation:
    """A network whose indices are in the units of its fold's training pictures."""
    network = DeepLayerAggregation()
    rng = np.random.default_rng(fold.number)
    lessons = [lesson for lesson in fold.real if lesson.cavity.any()]
    seen = np.array([crop_sample(lesson, rng).indices for lesson in lessons])
    network.index_mean.copy_(torch.from_numpy(np.nanmean(seen, axis=0)))
    network.index_deviation.copy_(torch.from_numpy(np.nanstd(seen, axis=0)))
    return network


def train_finder(fold: Fold, run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The finder of one fold, trained to the end of its schedule."""
    torch.manual_seed(seed + fold.number)
    part = f"finder_{fold.number + 1}"
    return fit(part, finder(), finder_batches(fold), finder_loss, FINDER_SCHEDULE, run, device, seed)


def train_dla(fold: Fold, run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The index network of one fold, trained to the end of its schedule."""
    torch.manual_seed(seed + fold.number)
    part = f"dla_{fold.number + 1}"
    return fit(part, new_dla(fold), dla_batches(fold), dla_loss, DLA_SCHEDULE, run, device, seed)
