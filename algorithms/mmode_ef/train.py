"""``dicom-node train mmode_ef --out DIR``: detector, point regressor and gate, from simulated screens alone.

Three parts that do not depend on each other: ``train_detector``, ``train_regressor``, ``train_gate``, each resumable
(algorithms/training/loop.py) and each for one process. ``train`` runs what is missing, exports, judges and writes the
card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from algorithms.mmode_ef.algorithm import VERSION, Networks
from algorithms.mmode_ef.card import card_of
from algorithms.mmode_ef.detect import chosen, judged
from algorithms.mmode_ef.evaluate import figures_on_simulated
from algorithms.mmode_ef.gate import KINDS
from algorithms.mmode_ef.gate_lessons import gate_sample
from algorithms.mmode_ef.lessons import (
    MOST_CYCLES,
    Pool,
    chunk_names,
    crop_sample,
    make_pool,
    read_pool,
    window_of,
)
from algorithms.mmode_ef.network import CycleDetector, DetectorLoss, Gate, PointRegressor
from algorithms.mmode_ef.preprocess import CROP_COLUMNS, CROP_ROWS, VIEW_ROWS
from algorithms.mmode_ef.proposals import POOL_COLUMNS, POOL_ROWS, adaptive_anchors, overlaps, proposed
from algorithms.mmode_ef.simulated import Lesson, random_lesson
from algorithms.training.card import write_card
from algorithms.training.export import export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import Entry, write_manifest
from algorithms.training.run import RunFolder
from dicom_node.algorithm import Workbench
from dicom_node.models import ModelFolder

DETECTOR_SCHEDULE = Schedule(epochs=26, batch_size=8, learning_rate=1.5e-3, weight_decay=1e-3, warm_up_epochs=1)
REGRESSOR_SCHEDULE = Schedule(epochs=36, batch_size=16, learning_rate=1.5e-3, weight_decay=1e-3, warm_up_epochs=1)
GATE_SCHEDULE = Schedule(epochs=14, batch_size=16, learning_rate=1.5e-3, weight_decay=1e-3, warm_up_epochs=1)
DETECTOR_SAMPLES, REGRESSOR_SAMPLES, GATE_SAMPLES = 1600, 3200, 3000
"""In one epoch."""
VALIDATED = 32
"""Lessons of the pool that no network learns from; they only give figures for the log."""
LV_SHARE = 0.4
"""Of the gate's samples; the other kinds share the rest."""
LICENCE = "as the project's; trained on simulated images only"


def settings(seed: int) -> dict[str, object]:
    """What the weights depend on, for RunFolder."""
    return {
        "algorithm": "mmode_ef",
        "seed": seed,
        "pool": len(chunk_names()),
        "samples": [DETECTOR_SAMPLES, REGRESSOR_SAMPLES, GATE_SAMPLES],
    }


def pool_of(run: RunFolder, seed: int, groups: Sequence[str]) -> Pool:
    """The pool of a run, made where it is missing. Other processes may be making other chunks."""
    wanted = [name for name in chunk_names() if name.split("_")[0] in groups]
    make_pool(run.path("pool"), seed, random_lesson, wanted)
    return read_pool(run.path("pool"), groups)


# ---------------------------------------------------------------------------------------------------- the detector


def anchors_of(lessons: Sequence[Lesson]) -> NDArray[np.float64]:
    """Adaptive anchors in view pixels, from the boxes of whole lessons as they are shown."""
    rng = np.random.default_rng(0)
    boxes = [window_of(lesson, rng).boxes for lesson in lessons]
    return np.round(adaptive_anchors(np.concatenate(boxes)), 2)


def detector_batches(lessons: Sequence[Lesson]) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Views (n, 1, 192, 384) and boxes (n, 24, 4), filled up with nan."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(DETECTOR_SAMPLES // DETECTOR_SCHEDULE.batch_size):
            drawn = rng.choice(len(lessons), DETECTOR_SCHEDULE.batch_size, replace=False)
            windows = [window_of(lessons[index], rng) for index in drawn]
            boxes = np.full((len(windows), MOST_CYCLES, 4), np.nan)
            for row, window in zip(boxes, windows, strict=True):
                row[: len(window.boxes)] = window.boxes
            yield torch.from_numpy(np.stack([window.picture for window in windows]))[:, None], torch.from_numpy(boxes)

    return batches


def train_detector(run: RunFolder, device: torch.device, seed: int) -> tuple[nn.Module, NDArray[np.float64]]:
    """The detector, trained to the end of its schedule, and its anchors."""
    lessons = [lesson for lesson in pool_of(run, seed, ("lv",)).lv if len(lesson.boxes)]
    taught, held = lessons[VALIDATED:], lessons[:VALIDATED]
    anchors = anchors_of(taught)
    torch.manual_seed(seed)

    def validate(network: nn.Module) -> Mapping[str, float]:
        return _detection_figures(network, held, anchors)

    network = fit(
        "detector",
        CycleDetector(),
        detector_batches(taught),
        DetectorLoss(anchors),
        DETECTOR_SCHEDULE,
        run,
        device,
        seed,
        validate,
    )
    return network, anchors


def _detection_figures(network: nn.Module, lessons: Sequence[Lesson], anchors: NDArray) -> dict[str, float]:
    """Recall and precision at IoU 0.7 on windows of lessons."""
    rng = np.random.default_rng(1)
    device = next(network.parameters()).device
    hits = true = found = 0
    for lesson in lessons:
        window = window_of(lesson, rng)
        maps = network.backbone(torch.from_numpy(window.picture)[None, None].to(device))
        objectness, corrections, features = (part[0].cpu().numpy() for part in maps)
        boxes = proposed(objectness, corrections, anchors, window.picture.shape[1], 400, 100)

        def head(pooled: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
            logits, moves = network.head(torch.from_numpy(pooled).to(device))
            return logits.cpu().numpy(), moves.cpu().numpy()

        boxes, certainty = judged(boxes, features, head, window.picture.shape[1])
        kept = boxes[chosen(boxes, certainty, 0.5)]
        overlap = overlaps(window.boxes, kept)
        hits += int((overlap.max(axis=1, initial=0) >= 0.7).sum())
        true, found = true + len(window.boxes), found + len(kept)
    return {"recall": hits / max(true, 1), "precision": hits / max(found, 1)}


# ------------------------------------------------------------------------------------------------ the point regressor


def regressor_batches(lessons: Sequence[Lesson]) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, ...]]]:
    """Crops (n, 1, 128, 96), points (n, 8, 2), which are shown (n, 8)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        for _ in range(REGRESSOR_SAMPLES // REGRESSOR_SCHEDULE.batch_size):
            drawn = rng.choice(len(lessons), REGRESSOR_SCHEDULE.batch_size, replace=False)
            yield _crops([lessons[index] for index in drawn], rng)

    return batches


def _crops(lessons: Sequence[Lesson], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    samples = [crop_sample(lesson, int(rng.integers(len(lesson.boxes))), rng) for lesson in lessons]
    pictures, points, shown = (np.stack(part) for part in zip(*samples, strict=True))
    return torch.from_numpy(pictures)[:, None], torch.from_numpy(points), torch.from_numpy(shown)


ACROSS = 0.3
"""Weight of x against y: times are read less exactly, and no length depends on them."""


def regressor_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Absolute error (smooth below half a hundredth) of the points that the crop shows, and of lengths between them."""
    crops, points, shown = batch
    found = network(crops)
    weight = shown[..., None] * torch.tensor([ACROSS, 1.0], device=found.device)
    error = functional.smooth_l1_loss(found, points, reduction="none", beta=0.005)
    heights = (part[..., 1].reshape(-1, 2, 4).diff(dim=2) for part in (found, points))
    both = (shown.reshape(-1, 2, 4)[..., 1:] & shown.reshape(-1, 2, 4)[..., :-1]).float()
    length = functional.smooth_l1_loss(*heights, reduction="none", beta=0.005)
    return (error * weight).sum() / weight.sum().clamp(min=1) + (length * both).sum() / both.sum().clamp(min=1)


def train_regressor(run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The point regressor, trained to the end of its schedule."""
    lessons = [lesson for lesson in pool_of(run, seed, ("lv",)).lv if len(lesson.boxes)]
    taught, held = lessons[VALIDATED:], lessons[:VALIDATED]
    torch.manual_seed(seed)

    def validate(network: nn.Module) -> Mapping[str, float]:
        rng = np.random.default_rng(2)
        at = next(network.parameters()).device
        crops, points, shown = _crops([*held, *held, *held], rng)
        off = (network(crops.to(at)).cpu() - points).abs()[shown]
        return {"across": float(off[:, 0].mean()), "down": float(off[:, 1].mean())}

    return fit(
        "points",
        PointRegressor(),
        regressor_batches(taught),
        regressor_loss,
        REGRESSOR_SCHEDULE,
        run,
        device,
        seed,
        validate,
    )


# ----------------------------------------------------------------------------------------------------------- the gate


def gate_batches(taught: Pool) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Windows (n, 1, 192, 256) and kinds (n,)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        batch = GATE_SCHEDULE.batch_size
        for _ in range(GATE_SAMPLES // batch):
            drawn = [
                side[rng.integers(len(side))]
                for side in (taught.lv if rng.random() < LV_SHARE else taught.others for _ in range(batch))
            ]
            yield _views(drawn, rng)

    return batches


def _views(lessons: Sequence[Lesson], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    pictures, kinds = zip(*(gate_sample(lesson, rng) for lesson in lessons), strict=True)
    return torch.from_numpy(np.stack(pictures))[:, None], torch.tensor(kinds)


def gate_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy; a little is left to the other kinds, because simulated kinds are more alike than real ones."""
    views, kinds = batch
    return functional.cross_entropy(network(views), kinds, label_smoothing=0.02)


def train_gate(run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The gate, trained to the end of its schedule."""
    whole = pool_of(run, seed, ("lv", "other"))
    taught = Pool(whole.lv[VALIDATED:], whole.others[5 * VALIDATED :])
    held = (*whole.lv[:VALIDATED], *whole.others[: 5 * VALIDATED])
    torch.manual_seed(seed)

    def validate(network: nn.Module) -> Mapping[str, float]:
        views, kinds = _views(held, np.random.default_rng(3))
        at = next(network.parameters()).device
        said = network(views.to(at)).cpu().argmax(dim=1)
        lv = kinds == KINDS.index("lv")
        return {
            "accepted": float((said[lv] == 0).float().mean()),
            "refused": float((said[~lv] != 0).float().mean()),
        }

    return fit("gate", Gate(), gate_batches(taught), gate_loss, GATE_SCHEDULE, run, device, seed, validate)


# ------------------------------------------------------------------------------------------------------------- together


def train(data: Path, out: Path, bench: Workbench) -> None:
    """Trains what is not trained yet, exports, judges on 500 unseen screens, writes manifest and card into ``out``.

    Args:
        data: not read: the networks learn from the simulator alone.
        out: takes model.toml, the ONNX files, the card, and the working files of the run.
    """
    run = RunFolder(out, settings(bench.seed))
    device = choose_device(bench.device)
    bench.progress(0.0, "detector")
    detector, anchors = train_detector(run, device, bench.seed)
    bench.progress(0.4, "point regressor")
    points = train_regressor(run, device, bench.seed)
    bench.progress(0.7, "gate")
    gate = train_gate(run, device, bench.seed)
    bench.progress(0.8, "export")
    export_all(out, detector, points, gate)
    write_manifest(out, entries(anchors, {}))
    bench.progress(0.85, "500 unseen screens")
    rows, values = figures_on_simulated(Networks(ModelFolder(out)), bench.seed)
    figures = {name: [row.low, row.value, row.high] for name, row in rows.items() if row.low is not None}
    write_manifest(out, entries(anchors, figures))
    write_card(out / "model_card.md", card_of(VERSION, rows, values))


def export_all(out: Path, detector: nn.Module, points: nn.Module, gate: nn.Module) -> None:
    """The four ONNX files, each checked against torch."""
    detector, points, gate = (network.cpu().float().eval() for network in (detector, points, gate))
    rng = torch.Generator().manual_seed(0)
    view = torch.randn(2, 1, VIEW_ROWS, 384, generator=rng)
    wide = {"view": {3: "columns"}}
    names = ("objectness", "corrections", "features")
    export(detector.backbone, {"view": view}, names, out / "cycle_backbone.onnx", free_axes=wide)
    with torch.no_grad():
        features = detector.backbone(view)[2]
    pooled = functional.interpolate(features, (POOL_ROWS, POOL_COLUMNS))
    export(detector.head, {"pooled": pooled}, ("cycle", "corrections"), out / "cycle_head.onnx")
    crop = torch.randn(2, 1, CROP_ROWS, CROP_COLUMNS, generator=rng)
    export(points, {"crop": crop}, ("points",), out / "points.onnx")
    export(gate, {"view": view}, ("kind",), out / "gate.onnx", free_axes=wide)


def entries(anchors: NDArray[np.float64], figures: Mapping[str, object]) -> list[Entry]:
    """The manifest's entries; the anchors travel with the backbone."""
    view = "whitened grey M-mode strip, 192 rows, 96 columns per second"
    data = "simulated screens (algorithms/mmode_ef/phantom.py): 3000 left ventricles, 1200 other tracings"
    about = (
        ("cycle_backbone", view, {"anchors": anchors.tolist()}),
        ("cycle_head", "features of a proposed cycle, 80 x 6 x 12", {}),
        ("points", "whitened grey crop of one cycle, 128 x 96", {}),
        ("gate", view, {"kinds": list(KINDS)}),
    )
    return [
        Entry(
            name=name,
            version=VERSION,
            file=f"{name}.onnx",
            inputs=inputs,
            licence=LICENCE,
            data=data,
            figures=figures,
            simulated_only=True,
            more=more,
        )
        for name, inputs, more in about
    ]
