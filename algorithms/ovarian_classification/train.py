"""``dicom-node train ovarian_classification --data DIR --out DIR``: fold by fold a segmenter, ResNet-50 and Darknet-19.

Segmenter and ResNet-50 begin from public weights (backbone.py). Darknet-19, of which there are none, begins from what
it learned of the public ResNet-50 on other pictures (pretraining.py). Each fold has two ResNet-50 for teachers; from
both the Darknet-19 learns, and the first of them learns on: these two are the fold's experts (pupil.py).

Each fold's networks see no picture of the number blocks held out in it (folds.py), so ``evaluate`` can judge every
picture by networks that have not met it; the digests of the pictures held out are in ``model.toml``.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from algorithms.ovarian_classification.backbone import Public, public_convolutions
from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX
from algorithms.ovarian_classification.classes import MALIGNANT_CLASS, NORMAL_CLASS
from algorithms.ovarian_classification.evaluate import evaluate
from algorithms.ovarian_classification.experts import Experts
from algorithms.ovarian_classification.folds import FOLDS, folds_of
from algorithms.ovarian_classification.judged import Scores
from algorithms.ovarian_classification.lesion import lesion_of
from algorithms.ovarian_classification.lessons import (
    Lesson,
    epoch_of,
    field_of,
    field_sample,
    lesson_of,
)
from algorithms.ovarian_classification.model_card import VERSION, card, entries
from algorithms.ovarian_classification.network import (
    Segmenter,
    class_evidence,
    lesion_logit,
)
from algorithms.ovarian_classification.operating import LEAST_OF_EACH, Operating, fit_operating, youden_threshold
from algorithms.ovarian_classification.other_sights import other_pictures, sight_settings
from algorithms.ovarian_classification.pretraining import beginning_of_darknet19, pretraining_settings
from algorithms.ovarian_classification.public_weights import SHA256
from algorithms.ovarian_classification.pupil import (
    pupil_settings,
)
from algorithms.ovarian_classification.roc import area
from algorithms.ovarian_classification.train_experts import (
    FAST,
    Fold,
    expert_settings,
    first_pictures,
    train_experts,
    train_teachers,
)
from algorithms.ovarian_classification.train_quality import Trained, quality_entry, quality_settings, train_quality
from algorithms.ovarian_classification.training_data import Labelled, read_labelled
from algorithms.ovarian_classification.tried import TRIED
from algorithms.training.card import write_card
from algorithms.training.export import Storage, export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import write_manifest
from algorithms.training.run import RunFolder
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import UsageError
from dicom_node.models import ModelFolder

SEGMENT_SCHEDULE = Schedule(epochs=9, batch_size=16, learning_rate=8e-4, weight_decay=1e-2, warm_up_epochs=1)
NOTICE = "NOTICE.md"
BYTE_TOLERANCE = 0.15
"""Of the largest output, on noise: weights are stored in a byte each. 1 to 3 % after a long training, else more."""


def segment_batches(fold: Fold) -> Callable[[np.random.Generator], Iterator[tuple[Tensor, Tensor, Tensor]]]:
    """Whole pictures and the lesion's share of their pixels, each (n, 1, CANVAS_PX, CANVAS_PX); categories (n,)."""
    drawn = [field_of(lesson) for lesson in fold.lessons if lesson.mask.any()]

    def batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for lessons in epoch_of(drawn, SEGMENT_SCHEDULE.batch_size, rng, rarity=0.0):
            seen, shares = zip(*(field_sample(lesson, rng) for lesson in lessons), strict=True)
            yield (
                torch.from_numpy(np.stack(seen))[:, None].to(memory_format=FAST),
                torch.from_numpy(np.stack(shares))[:, None],
                torch.tensor([lesson.category for lesson in lessons]),
            )

    return batches


def segment_loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy of nothing and the eight classes, and one minus soft Dice of lesion or ovary in each picture."""
    seen, shares, categories = batch
    logits = network(seen)
    classes = 1 + categories[:, None, None].expand(-1, *shares.shape[2:])
    entropy = functional.cross_entropy(logits, torch.where(shares[:, 0] >= 0.5, classes, 0))
    found = torch.sigmoid(lesion_logit(logits))
    common = (found * shares).sum(dim=(1, 2, 3))
    dice = 1.0 - (2.0 * common + 10.0) / (found.sum(dim=(1, 2, 3)) + shares.sum(dim=(1, 2, 3)) + 10.0)
    return entropy + dice.mean()


def train_segmenter(fold: Fold, public: Public, run: RunFolder, device: torch.device, seed: int) -> nn.Module:
    """The segmentation network of one fold, in eval mode."""
    torch.manual_seed(seed + fold.number)
    network, batches = Segmenter(), segment_batches(fold)
    network.encoder.begin_from(public, torch.cat(first_pictures(batches, seed)))
    network = network.to(memory_format=FAST)
    return fit(f"segment_{fold.number + 1}", network, batches, segment_loss, SEGMENT_SCHEDULE, run, device, seed)


class _Asked:
    """A segmentation network in torch, asked as a node asks its model."""

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self._network, self._device = network.eval().to(device), device

    @torch.no_grad()
    def run(self, inputs: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
        field = torch.from_numpy(inputs["field"]).to(self._device)
        logits = self._network(field)
        return {"lesion": lesion_logit(logits).cpu().numpy(), "classes": class_evidence(logits).cpu().numpy()}


def with_found(
    lessons: Sequence[Lesson], held_out: Sequence[int], segmenters: Sequence[nn.Module], device: torch.device
) -> list[Lesson]:
    """The lessons with what the segmenter of the fold that never saw each finds in it."""
    asked = [_Asked(segmenter, device) for segmenter in segmenters]
    return [
        replace(lesson, found=lesion_of(lesson.grey, [asked[fold]]))
        for lesson, fold in zip(lessons, held_out, strict=True)
    ]


def train(data: Path, out: Path, bench: Workbench) -> None:
    """Trains the sixteen networks that a node asks, and the eleven that teach them; writes those into ``out`` with
    manifest and card, and judges them by the folds.

    Raises:
        UsageError: ``data`` holds no labelled pictures or too few, ``out`` holds a run with other settings, or the
            public weights are missing.
    """
    public = public_convolutions()
    pictures = read_labelled(data)
    held_out = folds_of(pictures).tolist()
    refuse_too_few(pictures, held_out)
    lessons = [lesson_of(picture) for picture in pictures]
    others = other_pictures(data, bench.load, bench.seed, lambda share, text: bench.progress(0.05 * share, text))
    run = RunFolder(out, _settings(pictures, others, bench.seed))
    device = choose_device(bench.device)
    segmenters = []
    for number in range(FOLDS):
        bench.progress(0.05 + 0.25 * number / FOLDS, f"segmentation, fold {number + 1} of {FOLDS}")
        segmenters.append(train_segmenter(fold_of(number, lessons, held_out), public, run, device, bench.seed))
        export_segmenter(segmenters[-1], out / f"segment_{number + 1}.onnx")
    taught = with_found(lessons, held_out, segmenters, device)
    bench.progress(0.3, "what Darknet-19 begins from")
    beginning = beginning_of_darknet19(public, others, run, device, bench.seed)
    for number in range(FOLDS):
        bench.progress(0.4 + 0.4 * number / FOLDS, f"ResNet-50 and Darknet-19, fold {number + 1} of {FOLDS}")
        fold = fold_of(number, taught, held_out)
        teachers = train_teachers(fold, public, run, device, bench.seed)
        resnet, darknet = train_experts(fold, teachers, others, beginning, run, device, bench.seed)
        export_expert(resnet, out / f"resnet50_{number + 1}.onnx")
        export_expert(darknet, out / f"darknet19_{number + 1}.onnx")
    publish(pictures, held_out, train_quality(data, out, run, bench), data, out, bench)


def refuse_too_few(pictures: Sequence[Labelled], held_out: Sequence[int]) -> None:
    """Says before the training what would fail after it.

    Raises:
        UsageError: without one of the folds there are too few pictures to fit an operating point on, or too few with
            a mask for one batch of the segmenter's.
    """
    for number in range(FOLDS):
        rest = [picture for picture, fold in zip(pictures, held_out, strict=True) if fold != number]
        cancers = sum(picture.category == MALIGNANT_CLASS for picture in rest)
        masks = sum(bool(picture.mask.any()) for picture in rest)
        if min(cancers, len(rest) - cancers) < LEAST_OF_EACH or masks < SEGMENT_SCHEDULE.batch_size:
            raise UsageError(
                f"too few pictures: without fold {number + 1} of {FOLDS} there are {cancers} malignant and "
                f"{len(rest) - cancers} others, {masks} with a mask; needed are {LEAST_OF_EACH} of either kind and "
                f"{SEGMENT_SCHEDULE.batch_size} masks"
            )


def fold_of(number: int, lessons: Sequence[Lesson], held_out: Sequence[int]) -> Fold:
    """Fold ``number`` (0..4): the lessons that are not held out in it."""
    return Fold(number, [lesson for lesson, fold in zip(lessons, held_out, strict=True) if fold != number])


def publish(
    pictures: Sequence[Labelled], held_out: Sequence[int], quality: Trained, data: Path, out: Path, bench: Workbench
) -> EvaluationReport:
    """Manifest, operating points and card of the files in ``out``, with the figures of their cross-validation."""
    digests = [
        [picture.digest for picture, fold in zip(pictures, held_out, strict=True) if fold == number]
        for number in range(FOLDS)
    ]
    last = quality_entry(quality)
    write_manifest(out, [*entries(digests, None, (), {}), last])
    operating, without = operating_points(pictures, held_out, out, bench)
    write_manifest(out, [*entries(digests, operating, without, {}), last])
    report = evaluate(data, replace(bench, models=ModelFolder(out, device=bench.device)))
    assert isinstance(report.values, Mapping)
    write_manifest(out, [*entries(digests, operating, without, report.values), last])
    write_card(out / "model_card.md", card(pictures, report, TRIED, quality.figures, operating))
    shutil.copyfile(Path(__file__).with_name(NOTICE), out / NOTICE)  # the licence asks for it beside the weights
    return report


def operating_points(
    pictures: Sequence[Labelled], held_out: Sequence[int], out: Path, bench: Workbench
) -> tuple[Operating, list[Operating]]:
    """The node's, and for each fold the one fitted on the others: of answers by networks that never saw the picture.

    Raises:
        UsageError: the networks do not tell malignant from other pictures.
    """
    models = ModelFolder(out, device=bench.device)
    experts = [Experts(models, (number + 1,)) for number in range(FOLDS)]
    answers = np.array(
        [
            (answer.p_resnet50, answer.p_darknet19, answer.p_lesion)
            for answer in (experts[fold].classify(one.rgb) for one, fold in zip(pictures, held_out, strict=True))
        ]
    )
    cancer = np.array([picture.category == MALIGNANT_CLASS for picture in pictures])
    lesion = np.array([picture.category != NORMAL_CLASS for picture in pictures])
    folds = np.asarray(held_out)

    def fitted(chosen: NDArray[np.bool_], rests_on: str) -> Operating:
        try:
            found = fit_operating(answers[chosen, 0], answers[chosen, 1], cancer[chosen], rests_on)
        except ValueError as error:
            raise UsageError(f"the networks learned nothing to decide by: {error}; train longer, on more") from error
        thetas = [Scores(*pair, found).theta for pair in answers[chosen, :2]]
        return replace(
            found,
            rests_on=f"{rests_on}: AUC {area(thetas, cancer[chosen]):.2f}",
            lesion_from=youden_threshold(answers[chosen, 2], lesion[chosen]),
        )

    each = "each judged by the one fold's networks that never saw its block"
    whole = fitted(folds >= 0, f"{len(pictures)} MMOTU pictures ({np.count_nonzero(cancer)} malignant), {each}")
    return whole, [
        fitted(folds != number, f"the MMOTU pictures of the four folds but {number + 1}, {each}")
        for number in range(FOLDS)
    ]


def export_segmenter(network: nn.Module, file: Path) -> None:
    """Writes a segmentation network, checked against torch."""
    plain = network.to(memory_format=torch.contiguous_format)
    field = torch.rand(2, 1, CANVAS_PX, CANVAS_PX) * 2 - 1
    export(_Segmenter(plain), {"field": field}, ["lesion", "classes"], file, Storage.BYTE, BYTE_TOLERANCE)


def export_expert(network: nn.Module, file: Path) -> None:
    """Writes ResNet-50 or Darknet-19 without the traits, which only teach."""
    plain = network.to(memory_format=torch.contiguous_format)
    crop = torch.rand(2, 2, CROP_PX, CROP_PX)
    crop[:, 0] = 2 * crop[:, 0] - 1
    export(_Expert(plain), {"crop": crop}, ["logits", "maps"], file, Storage.BYTE, BYTE_TOLERANCE)


class _Segmenter(nn.Module):
    """Where, and what: as a node asks for it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, field: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(field)
        return lesion_logit(logits), class_evidence(logits)


class _Expert(nn.Module):
    """Answers alone: what a node asks for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        logits, maps, _ = self.network(crop)
        return logits, maps


def _settings(pictures: Sequence[Labelled], others: Sequence[NDArray[np.uint8]], seed: int) -> dict[str, object]:
    return {
        "version": VERSION,
        "seed": seed,
        "segment": asdict(SEGMENT_SCHEDULE),
        "experts": expert_settings(),
        "pretraining": pretraining_settings(),
        "sights": sight_settings(),
        "others": len(others),
        "digest_of_others": hashlib.sha256(b"".join(other.tobytes() for other in others)).hexdigest()[:16],
        "pupil": pupil_settings(),
        "begun_from": SHA256,
        "pixels": {"canvas": CANVAS_PX, "crop": CROP_PX},
        "quality": quality_settings(),
        "pictures": len(pictures),
        "digests": hashlib.sha256("".join(picture.digest for picture in pictures).encode()).hexdigest()[:16],
    }
