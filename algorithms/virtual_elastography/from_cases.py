"""``dicom-node train virtual_elastography --from-cases``: networks that are nearer to what persons confirmed (torch).

It starts from the models in use (training/graph.py). The region finder learns the confirmed regions. Of the generator,
only what comes behind the bottleneck learns, so features, and with them the test of familiarity, stay what they were.
Its loss is

    SCORE * L_score + KEEP * L_keep + PIXELS * L_1 + COLOUR * L_colour + STRUCTURE * L_structure

L_score   for each share that the scheme asks for to reach the confirmed score, what it lacks; for each higher score,
          by how much the share that is nearest to missing goes beyond; each with MARGIN to spare. Shares are taken with
          a soft threshold (width WIDTH of softness), so that there is a way towards them.
L_keep    difference to the elastogram of the models in use outside of the region and what is judged around it.
L_1 ...   those of losses.py on simulated pairs, as many as cases in every step: what was learned is not forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from algorithms.training.card import Card, Figure, TrainingData, write_card
from algorithms.training.graph import Graph, check_parity
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import Entry, write_manifest
from algorithms.training.run import RunFolder, write_atomically
from algorithms.virtual_elastography.case_lessons import (
    REPLAYED_PAIRS,
    CaseLesson,
    case_batches,
    case_lesson,
    replayed,
)
from algorithms.virtual_elastography.case_pictures import case_picture
from algorithms.virtual_elastography.colours import HARD_BELOW
from algorithms.virtual_elastography.generate import GENERATOR, REGION, Networks
from algorithms.virtual_elastography.lessons import Lesson, Sample
from algorithms.virtual_elastography.losses import Batch, Gaussians, colour_loss, pixel_loss, region_loss
from algorithms.virtual_elastography.preprocess import CANVAS
from algorithms.virtual_elastography.scoring import Scheme
from dicom_node.algorithm import Workbench
from dicom_node.case import Case
from dicom_node.errors import UsageError
from dicom_node.models import ModelFolder

BEHIND_THE_BOTTLENECK = ("up.", "attend_channels.", "draw.")
AT_ONCE = 6
GENERATOR_SCHEDULE = Schedule(epochs=16, batch_size=AT_ONCE, learning_rate=6e-4, weight_decay=0.0)
REGION_SCHEDULE = Schedule(epochs=16, batch_size=AT_ONCE, learning_rate=4e-4, weight_decay=0.0)
SCORE, KEEP, PIXELS, COLOUR, STRUCTURE = 2.0, 2.0, 4.0, 0.5, 4.0
MARGIN = 0.05
WIDTH = 0.04
LESION = 2.0
LEAST_CASES = 5
CORNERS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.0, 1.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Of the ramp of colours, blue (hard) to red (soft): colours.py."""
FILES = {GENERATOR: "generator.onnx", REGION: "region.onnx"}


class CaseBatch(NamedTuple):
    """Cases and simulated pairs of one step. ``core``, ``around``: (n, 1, 128, 128); ``wanted``: scheme and score."""

    cases: Batch
    core: Tensor
    around: Tensor
    wanted: tuple[tuple[Scheme, int], ...]
    pairs: Batch


class Taught(NamedTuple):
    """The cases that were learned from: their names, and whether all of them are simulated."""

    ids: tuple[str, ...]
    simulated: bool


def train_from_cases(cases: Sequence[Case], out: Path, bench: Workbench) -> None:
    """Leaves a candidate in ``out``: both networks, manifest and card.

    Raises:
        UsageError: too few cases have a confirmed region and score, or ``out`` holds another run.
    """
    if not isinstance(bench.models, ModelFolder):
        raise UsageError("virtual_elastography learns on from a folder of models: there is none")
    bench.progress(0.0, "reading cases")
    networks = Networks(bench.models)
    told = [found for case in cases if (found := case_picture(case, bench.load)) is not None]
    if len(told) < LEAST_CASES:
        raise UsageError(
            f"{len(told)} of {len(cases)} cases have a confirmed region and score; at least {LEAST_CASES} are needed"
        )
    lessons = [case_lesson(one, networks) for one in told]
    taught = taught_by(cases, [one.case_id for one in told])
    run = RunFolder(out, _settings(bench, taught.ids))
    bench.progress(0.1, "simulating pairs to repeat")
    pairs, device = replayed(bench.seed), choose_device(bench.device)
    bench.progress(0.3, "region finder")
    batches = _batches(lessons, pairs)
    finder = Graph(bench.models.content(REGION))
    finder = fit("region", finder, batches, finder_loss, REGION_SCHEDULE, run, device, bench.seed)
    bench.progress(0.6, "generator")
    generator = Graph(bench.models.content(GENERATOR), lambda name: name.startswith(BEHIND_THE_BOTTLENECK))
    loss = case_loss(Gaussians().to(device))
    generator = fit("generator", generator, batches, loss, GENERATOR_SCHEDULE, run, device, bench.seed)
    bench.progress(0.95, "writing")
    _publish({GENERATOR: generator, REGION: finder}, out, bench.models, taught)


def taught_by(cases: Sequence[Case], ids: Sequence[str]) -> Taught:
    """What is said of those of the cases that were learned from."""
    return Taught(tuple(ids), all(case.simulated for case in cases if case.id in set(ids)))


def _settings(bench: Workbench, ids: Sequence[str]) -> dict[str, Any]:
    assert isinstance(bench.models, ModelFolder)
    return {
        "from": {info.name: info.sha256 for info in bench.models.infos},
        "cases": sorted(ids),
        "seed": bench.seed,
        "replayed": REPLAYED_PAIRS,
        "weights": [SCORE, KEEP, PIXELS, COLOUR, STRUCTURE, MARGIN, WIDTH],
    }


# Losses


def finder_loss(finder: Graph, batch: CaseBatch) -> Tensor:
    """That of the region finder's training, on cases and on simulated pairs alike."""

    def logits(bmode: Tensor) -> Tensor:
        return torch.logit(finder(bmode=bmode)["lesion"], eps=1e-5)

    return 0.5 * (region_loss(logits, batch.cases) + region_loss(logits, batch.pairs))  # type: ignore[arg-type]


def case_loss(structure: nn.Module) -> Callable[[Graph, CaseBatch], Tensor]:
    """The generator's loss; see the module's page."""

    def loss(generator: Graph, batch: CaseBatch) -> Tensor:
        made = generator(bmode=batch.cases.bmode, style=batch.cases.style)["elastogram"]
        apart = batch.cases._replace(weight=batch.cases.weight * (1 - torch.maximum(batch.cases.lesion, batch.around)))
        kept = pixel_loss(made * apart.weight, batch.cases.elastogram * apart.weight, apart, 0.0)
        again = generator(bmode=batch.pairs.bmode, style=batch.pairs.style)["elastogram"]
        shown, wanted = again * batch.pairs.weight, batch.pairs.elastogram * batch.pairs.weight
        return (
            SCORE * score_loss(made, batch)
            + KEEP * kept
            + PIXELS * pixel_loss(shown, wanted, batch.pairs, LESION)
            + COLOUR * colour_loss(shown, wanted)
            + STRUCTURE * structure(shown, wanted)
        )

    return loss


def score_loss(made: Tensor, batch: CaseBatch) -> Tensor:
    """How far the proportions of colours are from those of the confirmed score, the mean over the cases."""
    hard = torch.sigmoid((HARD_BELOW - softness(made)) / WIDTH)
    seen = batch.cases.weight
    shares = {
        "hard": _mean_in(hard, batch.cases.lesion * seen),
        "hard_core": _mean_in(hard, batch.core * seen),
        "hard_around": _mean_in(hard, batch.around * seen),
    }
    lacking = [
        _lacking({name: share[number] for name, share in shares.items()}, scheme, score)
        for number, (scheme, score) in enumerate(batch.wanted)
    ]
    return torch.stack(lacking).mean()


def _lacking(shares: Mapping[str, Tensor], scheme: Scheme, score: int) -> Tensor:
    total = next(iter(shares.values())).new_zeros(())
    for step in scheme.steps:  # from the highest score down
        beyond = [shares[name] - least for name, least in step.least.items()]
        if step.value == score:
            return total + sum((torch.relu(MARGIN - one) for one in beyond), total.new_zeros(()))
        total = total + torch.relu(torch.stack(beyond).min() + MARGIN)
    return total


def softness(rgb: Tensor) -> Tensor:
    """(n, 3, rows, columns) in 0..1 -> (n, 1, rows, columns): the place along the ramp, as ``colours.softness_of``."""
    corners = rgb.new_tensor(CORNERS)
    places, distances = [], []
    for number, (start, end) in enumerate(pairwise(corners)):
        along = torch.einsum("nchw,c->nhw", rgb - start[:, None, None], end - start).clamp(0, 1)
        nearest = start[:, None, None] + along[:, None] * (end - start)[:, None, None]
        places.append((number + along) / (len(CORNERS) - 1))
        distances.append((rgb - nearest).square().sum(dim=1))
    chosen = torch.stack(distances).argmin(dim=0, keepdim=True)
    return torch.stack(places).gather(0, chosen)[0][:, None]


def _mean_in(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3)).clamp(min=1.0)


# Batches


def _batches(
    lessons: Sequence[CaseLesson], pairs: Sequence[Lesson]
) -> Callable[[np.random.Generator], Iterator[CaseBatch]]:
    def batches(rng: np.random.Generator) -> Iterator[CaseBatch]:
        for cases, again in case_batches(lessons, pairs, AT_ONCE, rng):
            yield CaseBatch(
                _tensors([case.sample for case in cases]),
                _planes([case.core for case in cases]),
                _planes([case.around for case in cases]),
                tuple((case.scheme, case.score) for case in cases),
                _tensors(again),
            )

    return batches


def _tensors(samples: Sequence[Sample]) -> Batch:
    return Batch(
        _planes([sample.canvas for sample in samples]),
        torch.tensor([[sample.style] for sample in samples], dtype=torch.float32),
        torch.from_numpy(np.stack([sample.elastogram for sample in samples])),
        _planes([sample.lesion for sample in samples]),
        _planes([sample.weight for sample in samples]),
    )


def _planes(planes: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(planes).astype(np.float32))[:, None]


# What it leaves


def _publish(networks: Mapping[str, nn.Module], out: Path, models: ModelFolder, taught: Taught) -> None:
    rng = np.random.default_rng(0)
    bmode = torch.from_numpy(rng.standard_normal((2, 1, CANVAS, CANVAS)).astype(np.float32))
    examples = {GENERATOR: {"bmode": bmode, "style": torch.tensor([[0.0], [1.0]])}, REGION: {"bmode": bmode}}
    for name, graph in networks.items():
        assert isinstance(graph, Graph)
        content = graph.content()
        check_parity(Graph(content), content, examples[name])
        write_atomically(out / FILES[name], content)
    entries = entries_of(models, taught)
    write_manifest(out, entries)
    before = next(info.version for info in models.infos if info.name == GENERATOR)
    write_card(out / "model_card.md", _card(entries[0], taught, before))


def entries_of(models: ModelFolder, taught: Taught) -> tuple[Entry, ...]:
    """What the manifest says of a candidate that learned on from these models, the generator first.

    Where the models saw simulated images only, and the cases are simulated too, so did the candidate.
    """
    olds, count = {info.name: info for info in models.infos}, len(taught.ids)
    origin = [f"{info.name} {info.sha256}" for info in models.infos]
    digest = hashlib.sha256("\n".join([*sorted(origin), *sorted(taught.ids)]).encode()).hexdigest()[:6]
    entries = []
    for name in FILES:
        old = dict(models.card(name))
        told = {key: old.pop(key, "") for key in ("inputs", "licence", "data")}
        old.pop("figures", None)  # those of the models that it started from
        entries.append(
            Entry(
                name=name,
                version=f"{olds[name].version.partition('+')[0]}+{count}cases.{digest}",
                file=FILES[name],
                inputs=told["inputs"],
                licence=told["licence"],
                data=f"{told['data']}; then {_cases_in_words(taught)}",
                simulated_only=olds[name].simulated_only and taught.simulated,
                more={**old, "from_cases": {"cases": count, "from_version": olds[name].version}},
            )
        )
    return tuple(entries)


def _cases_in_words(taught: Taught) -> str:
    return f"{len(taught.ids)} reviewed cases{', all of simulated images' if taught.simulated else ''}"


def _card(entry: Entry, taught: Taught, before: str) -> Card:
    return Card(
        title="virtual_elastography: generator and region finder",
        version=entry.version,
        purpose="A candidate: the networks in use, brought nearer to the regions and scores that persons confirmed. "
        "What it draws stays a generated picture: not a measurement.",
        inputs=entry.inputs,
        outputs="As those of the networks that it started from.",
        data=(
            TrainingData("reviewed cases of a node", "the hospital's own", _cases_in_words(taught), "both networks"),
            TrainingData("simulator", "as dicom-node", f"{REPLAYED_PAIRS} pairs, repeated", "both networks"),
        ),
        training=f"Started from version {before}. Region finder: cross-entropy and Dice on confirmed regions. "
        "Generator: only behind the bottleneck; a hinge on the proportions of colours that the confirmed score asks "
        "for, the elastogram kept elsewhere, and the losses of its training on simulated pairs. Fixed length, averaged "
        "weights.",
        folds="By subject: cases of subjects that are held out (by a hash of the subject) were not seen.",
        figures=(Figure("cases learned from", float(len(taught.ids)), "", "not held out; see models compare"),),
        limits=(
            "It is no better than the reviewers were, and no wider than their cases.",
            "Its figures are those of its comparison with the models in use; those of the models that it started from "
            "do not hold for it.",
            "What is familiar to it is what was familiar to the models that it started from.",
        ),
    )
