"""``dicom-node train virtual_elastography --data DIR --out DIR``: generator and region finder, from simulated pairs.

The pairs are made by phantom.py into OUT/training/pool. DIR holds what ``evaluate`` reads besides; where it has a file
``vgg19*.pth`` (torchvision's weights), the structure loss is VGG19's, else differences of Gaussians. ``make_pool``,
``train_generator``, ``train_region`` and ``publish`` may run in processes of their own; ``train`` does all in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from algorithms.training.card import write_card
from algorithms.training.export import export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import write_manifest
from algorithms.training.run import FOLDER, RunFolder
from algorithms.virtual_elastography.evaluate import evaluate
from algorithms.virtual_elastography.familiarity import Reference, reference_of
from algorithms.virtual_elastography.from_cases import train_from_cases as train_from_cases
from algorithms.virtual_elastography.generate import Networks
from algorithms.virtual_elastography.lessons import (
    CHUNK,
    CHUNKS,
    Lesson,
    Sample,
    chunk_names,
    epoch_of,
    read_pool,
    sample_of,
)
from algorithms.virtual_elastography.lessons import make_pool as make_chunks
from algorithms.virtual_elastography.losses import Batch, Gaussians, Vgg19, Weights, generator_loss, region_loss
from algorithms.virtual_elastography.model_card import VERSION, card, entries
from algorithms.virtual_elastography.network import Adversaries, Generator, RegionFinder, RegionProbability
from algorithms.virtual_elastography.phantom import STYLES
from algorithms.virtual_elastography.preprocess import CANVAS
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import UsageError
from dicom_node.models import ModelFolder

GENERATOR_SCHEDULE = Schedule(epochs=7, batch_size=12, learning_rate=2e-3, weight_decay=1e-3, warm_up_epochs=1)
REFINING_SCHEDULE = Schedule(epochs=4, batch_size=12, learning_rate=1e-3, weight_decay=1e-3, warm_up_epochs=1)
REGION_SCHEDULE = Schedule(epochs=16, batch_size=16, learning_rate=2e-3, weight_decay=1e-3, warm_up_epochs=1)
WEIGHTS = Weights()
REFINING_WEIGHTS = Weights(similarity=2.0)
"""SSIM from the start would teach greys: it asks for structure before there are colours."""
WATCHED = 48
"""Reference pairs that the bar's figure rests on; nothing is chosen by it."""
AT_ONCE = 32
JUDGED_WITH = 1
"""Added to the seed for the card's figures: the second stage was added after looking at those of the seed itself."""


def make_pool(out: Path, seed: int, share: int = 0, shares: int = 1) -> None:
    """Makes one share of the pool of pairs: several processes can each make another."""
    names = [name for group in CHUNKS for name in chunk_names(group)]
    make_chunks(_pool(out), seed, names[share::shares])


def train_generator(data: Path, out: Path, bench: Workbench) -> Generator:
    """The generator, trained to the end of its two schedules against its discriminator."""
    run, device = _run(data, out, bench.seed), choose_device(bench.device)
    lessons, watched = _lessons(out), _lessons(out, "reference")[:WATCHED]
    torch.manual_seed(bench.seed)
    structure = _structure(data).to(device)
    batches = _batches(lessons, GENERATOR_SCHEDULE.batch_size)
    validate = _watch(watched, device)
    both: nn.Module = Adversaries()
    for part, schedule, weights in (
        ("generator", GENERATOR_SCHEDULE, WEIGHTS),
        ("generator_refined", REFINING_SCHEDULE, REFINING_WEIGHTS),
    ):
        loss = generator_loss(structure, weights)
        both = fit(part, both.requires_grad_(True), batches, loss, schedule, run, device, bench.seed, validate)
    return both.generator


def train_region(data: Path, out: Path, bench: Workbench) -> RegionFinder:
    """The region finder, trained to the end of its schedule."""
    run, device = _run(data, out, bench.seed), choose_device(bench.device)
    torch.manual_seed(bench.seed)
    batches = _batches(_lessons(out), REGION_SCHEDULE.batch_size)
    return fit("region", RegionFinder(), batches, region_loss, REGION_SCHEDULE, run, device, bench.seed)


def train(data: Path, out: Path, bench: Workbench) -> None:
    """Makes the pool, trains both networks, and writes them into ``out`` with manifest and card.

    Raises:
        UsageError: ``out`` holds a run with other settings.
    """
    _run(data, out, bench.seed)
    bench.progress(0.0, "simulating pairs")
    make_pool(out, bench.seed)
    bench.progress(0.2, "generator")
    train_generator(data, out, bench)
    bench.progress(0.75, "region finder")
    train_region(data, out, bench)
    bench.progress(0.85, "export and evaluation")
    publish(data, out, bench)


def publish(data: Path, out: Path, bench: Workbench) -> EvaluationReport:
    """Exports the finished networks, measures what is familiar, evaluates, and writes manifest and card."""
    generator, finder = train_generator(data, out, bench), train_region(data, out, bench)
    reference = _lessons(out, "reference")
    generator.set_projection(_bottlenecks(generator, reference))
    bmode = _tensors([sample_of(lesson, None) for lesson in reference[:4]]).bmode
    style = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    export(generator, {"bmode": bmode, "style": style}, ["elastogram", "features"], out / "generator.onnx")
    export(RegionProbability(finder), {"bmode": bmode}, ["lesion"], out / "region.onnx")
    structure = type(_structure(data)).__name__
    write_manifest(out, entries({}, None, structure))
    familiar = _familiar(Networks(ModelFolder(out, device=bench.device)), reference, bench.seed)
    write_manifest(out, entries({}, familiar, structure))
    judge = replace(bench, models=ModelFolder(out, device=bench.device), seed=bench.seed + JUDGED_WITH)
    report = evaluate(data, judge)
    write_manifest(out, entries(report.values, familiar, structure))
    write_card(out / "model_card.md", card(report, structure))
    return report


def _familiar(networks: Networks, reference: Sequence[Lesson], seed: int) -> Reference:
    """From every reference picture twice: as it is, and as another machine might show it."""
    rng = np.random.default_rng([seed, 62])
    canvases, features = [], []
    for lesson in reference:
        for sample in (sample_of(lesson, None), sample_of(lesson, rng)):
            canvases.append(sample.canvas)
            features.append(networks.generate(sample.canvas, STYLES[int(sample.style)]).features)
    return reference_of(canvases, features)


def _bottlenecks(generator: Generator, lessons: Sequence[Lesson]) -> Tensor:
    found = []
    device = generator.centre.device
    with torch.no_grad():
        for start in range(0, len(lessons), AT_ONCE):
            batch = _tensors([sample_of(lesson, None) for lesson in lessons[start : start + AT_ONCE]])
            found.append(generator.bottleneck(batch.bmode.to(device), batch.style.to(device)))
    return torch.cat(found)


def _batches(lessons: Sequence[Lesson], batch_size: int) -> Callable[[np.random.Generator], Iterator[Batch]]:
    def batches(rng: np.random.Generator) -> Iterator[Batch]:
        for samples in epoch_of(lessons, batch_size, rng):
            yield _tensors(samples)

    return batches


def _tensors(samples: Sequence[Sample]) -> Batch:
    canvas, style, elastogram, lesion, weight = zip(*samples, strict=True)
    return Batch(
        torch.from_numpy(np.stack(canvas))[:, None],
        torch.tensor(style, dtype=torch.float32)[:, None],
        torch.from_numpy(np.stack(elastogram)),
        torch.from_numpy(np.stack(lesion))[:, None],
        torch.from_numpy(np.stack(weight))[:, None],
    )


def _watch(lessons: Sequence[Lesson], device: torch.device) -> Callable[[nn.Module], dict[str, float]]:
    batch = Batch(*(part.to(device) for part in _tensors([sample_of(lesson, None) for lesson in lessons])))

    def validate(both: nn.Module) -> dict[str, float]:
        made, _ = both.generator(batch.bmode, batch.style)
        error = ((made - batch.elastogram).abs() * batch.weight).sum() / (3 * batch.weight.sum())
        return {"l1_reference": float(error)}

    return validate


def _structure(data: Path) -> nn.Module:
    """VGG19 where the user has put its weights, else the stated substitute."""
    files = sorted(data.glob("vgg19*.pth"))
    return Vgg19(files[0]) if files else Gaussians()


def _lessons(out: Path, group: str = "lesson") -> tuple[Lesson, ...]:
    missing = [name for name in chunk_names(group) if not (_pool(out) / f"{name}.npz").exists()]
    if missing:
        raise UsageError(
            f"the pool of simulated pairs in {out} is not complete: {len(missing)} chunks such as {missing[0]} are "
            "missing; make it first (make_pool), or use train, which does"
        )
    return read_pool(_pool(out), group)


def _pool(out: Path) -> Path:
    return out / FOLDER / "pool"


def _run(data: Path, out: Path, seed: int) -> RunFolder:
    return RunFolder(
        out,
        {
            "version": VERSION,
            "seed": seed,
            "generator": asdict(GENERATOR_SCHEDULE),
            "refining": asdict(REFINING_SCHEDULE),
            "region": asdict(REGION_SCHEDULE),
            "weights": [asdict(WEIGHTS), asdict(REFINING_WEIGHTS)],
            "structure": type(_structure(data)).__name__,
            "pairs": {group: count * CHUNK for group, count in CHUNKS.items()},
            "canvas": CANVAS,
        },
    )
