"""Trains the quality network: ``dicom-node train ovarian_classification`` calls it beside the others (train.py).

Folds 1-3 of the labelled pictures teach it, fold 4 sets how far from them a picture may lie, fold 5 is left for the
figures; so is every fourth source of the real pictures of other kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from algorithms.ovarian_classification.folds import FOLDS, folds_of
from algorithms.ovarian_classification.quality import (
    CARD_KEY,
    INPUT_PX,
    LABELS,
    MODEL,
    SIMULATED_ONLY,
    dropped_for,
    quality_input,
)
from algorithms.ovarian_classification.quality_lessons import Lessons
from algorithms.ovarian_classification.quality_network import QualityNetwork, quality_loss
from algorithms.ovarian_classification.quality_pool import (
    MOST_REAL_OF_A_KIND,
    PELVIS,
    SIMULATED,
    SIMULATED_PICTURES,
    Lesson,
    pelvic_lesson,
    pool_of,
    taught_sources,
)
from algorithms.ovarian_classification.real_pictures import KINDS, Picture, no_pelvis
from algorithms.ovarian_classification.training_data import Labelled, read_labelled
from algorithms.training.export import export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import Entry
from algorithms.training.run import RunFolder
from dicom_node.algorithm import Workbench

VERSION = "1.0.0"
SCHEDULE = Schedule(epochs=56, batch_size=32, learning_rate=3e-3, weight_decay=1e-3, warm_up_epochs=1)
SAMPLES = 1600
"""Of an epoch."""
LIMIT_FOLD, TEST_FOLD = FOLDS - 2, FOLDS - 1
LIMIT_QUANTILE = 0.995
"""Of the pelvic pictures of the limit's fold, so many lie within it."""
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """What is known of the trained network besides its weights.

    Args:
        limit: of the distance; beyond it a picture is unlike all that taught the network.
        taught: digests of the labelled pictures and sources of the others that taught it.
        figures: on pictures that did not.
    """

    limit: float
    taught_digests: tuple[str, ...]
    taught_sources: tuple[str, ...]
    figures: Mapping[str, Any]


def quality_settings() -> dict[str, Any]:
    """What the weights depend on besides seed and data, for the run's settings."""
    return {"version": VERSION, "schedule": asdict(SCHEDULE), "samples": SAMPLES, "simulated": SIMULATED_PICTURES}


def train_quality(data: Path, out: Path, run: RunFolder, bench: Workbench) -> Trained:
    """Trains, judges on what was left out, and writes ``quality.onnx`` into ``out``.

    Args:
        data: as ``read_labelled`` and ``no_pelvis`` read it; without other kinds of pictures beside it the simulators
            alone teach what is none.
        run: keeps the state of part ``quality``.
    """
    labelled, others = read_labelled(data), no_pelvis(data, bench.load, MOST_REAL_OF_A_KIND)
    folds, teaching = folds_of(labelled), taught_sources(others)
    pelvic = [picture for picture, fold in zip(labelled, folds, strict=True) if fold not in (LIMIT_FOLD, TEST_FOLD)]
    pool = pool_of(pelvic, [one for one in others if one.source in teaching], bench.seed, bench.progress)
    network = fit_quality(pool, run, choose_device(bench.device), bench.seed)
    limit = remember_familiar(
        network, pool, [one.rgb for one, fold in zip(labelled, folds, strict=True) if fold == LIMIT_FOLD]
    )
    test = [picture for picture, fold in zip(labelled, folds, strict=True) if fold == TEST_FOLD]
    figures = figures_on(network, limit, test, [one for one in others if one.source not in teaching])
    export_quality(network, out)
    return Trained(limit, tuple(sorted(one.digest for one in pelvic)), tuple(sorted(teaching)), figures)


def fit_quality(pool: Sequence[Lesson], run: RunFolder, device: torch.device, seed: int) -> QualityNetwork:
    """The network, trained to the end of its schedule, on the CPU."""
    torch.manual_seed(seed)
    network = QualityNetwork().to(memory_format=torch.channels_last)
    lessons = Lessons(pool)
    return fit("quality", network, batches_of(lessons), quality_loss, SCHEDULE, run, device, seed).cpu()


def batches_of(lessons: Lessons) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """Pictures (n, 3, 96, 96) and labels (n, 6)."""

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(SAMPLES // SCHEDULE.batch_size):
            pictures, labels = zip(*(lessons.draw(rng) for _ in range(SCHEDULE.batch_size)), strict=True)
            together = torch.from_numpy(np.stack(pictures)).contiguous(memory_format=torch.channels_last)
            yield together, torch.from_numpy(np.stack(labels))

    return batches


def remember_familiar(network: QualityNetwork, pool: Sequence[Lesson], pelvic: Sequence[NDArray[np.uint8]]) -> float:
    """Tells the network what is familiar: pictures of the pool with adnexa. Returns the limit for the distance.

    Args:
        pelvic: pictures that did not teach it; the limit is a quantile of their distances.
    """
    adnexa = LABELS.index("adnexa")
    familiar = [one.rgb for one in pool if one.kind in (PELVIS, SIMULATED) and one.labels[adnexa] == 1.0]
    with torch.no_grad():
        network.remember(torch.cat([network.features(part) for part in _inputs(familiar)]))
    return float(np.quantile(answers(network, pelvic)[1], LIMIT_QUANTILE))


def answers(network: nn.Module, pictures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray, NDArray]:
    """Probabilities (n, 6) and distances (n,)."""
    with torch.no_grad():
        said = [network.eval()(part) for part in _inputs(pictures)]
    logits, distances = (torch.cat(part) for part in zip(*said, strict=True))
    return torch.sigmoid(logits).numpy().astype(np.float64), distances.numpy().astype(np.float64)


def figures_on(
    network: nn.Module, limit: float, pelvic: Sequence[Labelled], others: Sequence[Picture]
) -> dict[str, Any]:
    """Shares of pelvic pictures kept and of others dropped, by kind; accuracy of lesion and blood flow."""
    probabilities, distances = answers(network, [picture.rgb for picture in pelvic])
    figures: dict[str, Any] = {"pelvic_kept": _share(~_dropped(probabilities, distances, limit))}
    truth = np.array([pelvic_lesson(picture).labels for picture in pelvic])
    for label in ("lesion", "blood_flow"):
        column = LABELS.index(label)
        known = np.isfinite(truth[:, column])
        right = (probabilities[known, column] >= 0.5) == (truth[known, column] == 1.0)
        figures[f"{label}_accuracy"] = _share(right)
    figures["ascites_said_of_real"] = _share(probabilities[:, LABELS.index("ascites")] >= 0.5)
    if others:
        probabilities, distances = answers(network, [picture.rgb for picture in others])
        dropped = _dropped(probabilities, distances, limit)
        figures["others_dropped"] = _share(dropped)
        for kind in KINDS:
            of_kind = np.array([picture.kind == kind for picture in others])
            if of_kind.any():
                figures[f"dropped: {kind}"] = _share(dropped[of_kind])
    return figures


def export_quality(network: QualityNetwork, out: Path) -> None:
    """Writes ``quality.onnx``, checked against torch."""
    picture = torch.rand(2, 3, INPUT_PX, INPUT_PX, generator=torch.Generator().manual_seed(0))
    network = network.to(memory_format=torch.contiguous_format)
    export(network, {"picture": picture}, ("logits", "distance"), out / "quality.onnx")


def quality_entry(trained: Trained) -> Entry:
    """For ``model.toml``."""
    return Entry(
        name=MODEL,
        version=VERSION,
        file="quality.onnx",
        inputs=f"the whole picture, RGB of 0..1, letterboxed to {INPUT_PX} x {INPUT_PX}",
        licence="research use: the pictures of MMOTU and the other public pictures state no licence for their products",
        data=(
            "MMOTU OTU_2d (folds 1-3), public pictures of other kinds, simulated pictures (phantom.py and the "
            f"simulators of the other algorithms). {', '.join(SIMULATED_ONLY)}: learned from simulated pictures only"
        ),
        figures=trained.figures,
        more={
            CARD_KEY: {"limit": round(trained.limit, 4), "limit_quantile": LIMIT_QUANTILE},
            "labels": list(LABELS),
            "simulated_only_labels": list(SIMULATED_ONLY),
            "taught_digests": list(trained.taught_digests),
            "taught_sources": list(trained.taught_sources),
        },
    )


def _inputs(pictures: Sequence[NDArray[np.uint8]]) -> Iterator[Tensor]:
    for start in range(0, len(pictures), AT_ONCE):
        yield torch.from_numpy(np.stack([quality_input(rgb) for rgb in pictures[start : start + AT_ONCE]]))


def _dropped(probabilities: NDArray, distances: NDArray, limit: float) -> NDArray[np.bool_]:
    return np.array(
        [
            dropped_for(dict(zip(LABELS, row, strict=True)), distance, limit) is not None
            for row, distance in zip(probabilities, distances, strict=True)
        ]
    )


def _share(values: NDArray[np.bool_]) -> float:
    return round(float(np.mean(values)), 4)
