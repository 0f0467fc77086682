"""``dicom-node train lv_quantification --data DIR --out DIR``: five finders and five index networks, fold by fold.

Pictures of experts (training_data.py) and of the simulator (phantom.py) teach together. Epicardia that no expert drew
are estimated (epicardium.py) and count for less. Each fold's networks never see a picture of the patients held out in
it, so ``evaluate`` can judge every patient by networks that have not met it; the fold of every patient is in
``model.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from algorithms.lv_quantification.augment import crop_sample, field_sample
from algorithms.lv_quantification.crop import CROP_PX, FIELD_PX
from algorithms.lv_quantification.evaluate import evaluate
from algorithms.lv_quantification.folds import FOLDS
from algorithms.lv_quantification.indices import INDEX_NAMES
from algorithms.lv_quantification.lessons import (
    ESTIMATED_TRUST,
    SIMULATED_PICTURES,
    SIMULATED_SHARE,
    SIMULATED_TRUST,
    Fold,
    epoch_of,
    fold_numbers,
    simulated_teachings,
    teachings,
)
from algorithms.lv_quantification.model_card import VERSION, card, entries
from algorithms.lv_quantification.network import DeepLayerAggregation, finder
from algorithms.lv_quantification.training_data import Labelled, read_labelled
from algorithms.training.card import write_card
from algorithms.training.export import export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import write_manifest
from algorithms.training.run import RunFolder
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import UsageError
from dicom_node.models import ModelFolder

FINDER_SCHEDULE = Schedule(epochs=24, batch_size=16, learning_rate=2e-3, weight_decay=1e-3, warm_up_epochs=1)
DLA_SCHEDULE = Schedule(epochs=26, batch_size=16, learning_rate=1.5e-3, weight_decay=2e-3, warm_up_epochs=2)


def finder_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Whole fields and the share of cavity in their pixels, each (n, 1, 128, 128)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for lessons in epoch_of(fold, FINDER_SCHEDULE.batch_size, rng):
            seen, shares = zip(*(field_sample(lesson, rng) for lesson in lessons), strict=True)
            yield torch.from_numpy(np.stack(seen))[:, None], torch.from_numpy(np.stack(shares))[:, None]

    return batches


def dla_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]]:
    """Crops (n, 1, 128, 128), masks (n, 2, 128, 128), indices (n, 11), trust (n,)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        for lessons in epoch_of(fold, DLA_SCHEDULE.batch_size, rng):
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
    weight = torch.cat(
        [believed[:, :1], believed[:, 1:], believed[:, :1].expand(-1, 3), believed[:, 1:].expand(-1, 6)], 1
    )
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
    known = np.isfinite(seen).any(axis=0)
    if not known.all():
        missing = ", ".join(name for name, there in zip(INDEX_NAMES, known, strict=True) if not there)
        raise UsageError(f"no picture of fold {fold.number + 1} teaches {missing}: pictures with contours are needed")
    network.index_mean.copy_(torch.from_numpy(np.nanmean(seen, axis=0)))
    network.index_deviation.copy_(torch.from_numpy(np.maximum(np.nanstd(seen, axis=0), 1e-3)))
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


def train(data: Path, out: Path, bench: Workbench) -> None:
    """Trains the ten networks, writes them into ``out`` with manifest and card, and judges them by cross-validation.

    Raises:
        UsageError: ``data`` holds no labelled pictures, or ``out`` holds a run with other settings.
    """
    pictures = read_labelled(data, bench.load)
    lessons = teachings(pictures)
    held_out = fold_numbers(pictures, lessons, bench.seed)
    simulated = tuple(simulated_teachings(SIMULATED_PICTURES, bench.seed))
    run = RunFolder(out, _settings(pictures, bench.seed))
    device = choose_device(bench.device)
    for number in range(FOLDS):
        bench.progress(number / FOLDS, f"fold {number + 1} of {FOLDS}")
        seen = tuple(
            lesson
            for picture, lesson, fold in zip(pictures, lessons, held_out, strict=True)
            if fold != number and not picture.misplaced
        )
        fold = Fold(number, seen, simulated)
        _export_finder(train_finder(fold, run, device, bench.seed), out / f"finder_{number + 1}.onnx")
        _export_dla(train_dla(fold, run, device, bench.seed), out / f"dla_{number + 1}.onnx")
    publish(pictures, held_out.tolist(), data, out, bench)


def publish(
    pictures: Sequence[Labelled], held_out: Sequence[int], data: Path, out: Path, bench: Workbench
) -> EvaluationReport:
    """Manifest and card of the ten files in ``out``, with the figures of their cross-validation."""
    patients = [
        sorted(
            {
                picture.patient
                for picture, fold in zip(pictures, held_out, strict=True)
                if fold == number and not picture.misplaced
            }
        )
        for number in range(FOLDS)
    ]
    write_manifest(out, entries(patients, {}))
    report = evaluate(data, replace(bench, models=ModelFolder(out, device=bench.device)))
    write_manifest(out, entries(patients, report.values))
    write_card(out / "model_card.md", card(pictures, report))
    return report


def _settings(pictures: Sequence[Labelled], seed: int) -> dict[str, object]:
    return {
        "version": VERSION,
        "seed": seed,
        "finder": asdict(FINDER_SCHEDULE),
        "dla": asdict(DLA_SCHEDULE),
        "simulated": {"pictures": SIMULATED_PICTURES, "share": SIMULATED_SHARE, "trust": SIMULATED_TRUST},
        "estimated_trust": ESTIMATED_TRUST,
        "pictures": len(pictures),
        "patients": sorted({picture.patient for picture in pictures}),
        "cavity_px": int(sum(np.count_nonzero(picture.cavity) for picture in pictures)),
    }


def _export_finder(network: nn.Module, file: Path) -> None:
    export(_Finder(network), {"field": torch.rand(2, 1, FIELD_PX, FIELD_PX) * 2 - 1}, ["cavity"], file)


def _export_dla(network: nn.Module, file: Path) -> None:
    export(network, {"crop": torch.rand(2, 1, CROP_PX, CROP_PX) * 2 - 1}, ["indices", "masks"], file)


class _Finder(nn.Module):
    """Gives the finder's input the name by which the node feeds it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, field: Tensor) -> Tensor:
        return self.network(field)
