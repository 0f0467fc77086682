"""What the networks learn from reviewed cases: lessons as from the simulator, with the confirmed region and score.

Nobody knows what the tissue of a case would show; known is what a person made of the draft. So a case's elastogram is
the one that the networks in use give, to be kept outside of the region; what has to change is said by the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.beam import beam_of
from algorithms.virtual_elastography.case_pictures import CasePicture
from algorithms.virtual_elastography.generate import Networks
from algorithms.virtual_elastography.lessons import KEPT_PX, Lesson, Sample, lesson_of, sample_of
from algorithms.virtual_elastography.phantom import STYLES, random_pair
from algorithms.virtual_elastography.preprocess import prepared
from algorithms.virtual_elastography.region import outline
from algorithms.virtual_elastography.scoring import AROUND, CORE, Scheme
from dicom_node.geometry import pixels_between

REPLAYED_PAIRS = 120
"""Simulated pairs that are repeated while cases are learned, so that nothing is forgotten."""
STREAM = 64
MOSTLY = 0.98
"""Of the confirmed region: a cut that leaves less of it would give another score."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseLesson:
    """A case as a lesson; ``score`` is one of the scheme's values."""

    lesson: Lesson
    scheme: Scheme
    score: int


class CaseSample(NamedTuple):
    """What the networks see of a case: the sample, and (128, 128) shares of the region's core and of what is around."""

    sample: Sample
    core: NDArray[np.float32]
    around: NDArray[np.float32]
    scheme: Scheme
    score: int


def case_lesson(told: CasePicture, networks: Networks) -> CaseLesson:
    """A case, small enough to keep hundreds in memory."""
    grey = told.picture.grey
    placed = prepared(grey)
    x0, y0, x1, y1 = placed.box_px
    softness = np.full(grey.shape, 0.5, np.float32)
    softness[y0:y1, x0:x1] = placed.to_image(networks.generate(placed.canvas, told.options.style).softness)
    rows, columns = grey.shape
    shrink = min(1.0, KEPT_PX / min(rows, columns))
    size = (round(columns * shrink), round(rows * shrink))
    planes = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        for plane in (
            grey,
            np.round(softness * 255).astype(np.uint8),
            told.mask().astype(np.uint8) * 255,
            beam_of(grey).astype(np.uint8) * 255,
        )
    )
    lesson = Lesson(*planes, style=STYLES.index(told.options.style))
    return CaseLesson(lesson, told.scheme.scheme, told.score)


def case_sample(case: CaseLesson, rng: np.random.Generator | None) -> CaseSample:
    """A case as another machine might show it, with all of its region; without ``rng`` as it is."""
    sample = sample_of(case.lesson, None)
    if rng is not None:
        whole = _in_picture(case.lesson, sample)
        varied = sample_of(case.lesson, rng)
        if _in_picture(case.lesson, varied) >= MOSTLY * whole:
            sample = varied
    points = outline(sample.lesion >= 0.5)
    core, around = np.zeros_like(sample.lesion), np.zeros_like(sample.lesion)
    if points:
        core = pixels_between(points, (0.0, CORE), *core.shape).astype(np.float32)
        around = pixels_between(points, (1.0, AROUND), *around.shape).astype(np.float32)
    return CaseSample(sample, core, around, case.scheme, case.score)


def _in_picture(lesson: Lesson, sample: Sample) -> float:
    """1 where the region lies off the edges; less, the more of them it touches, where a cut may have gone."""
    edge = np.concatenate([sample.lesion[0], sample.lesion[-1], sample.lesion[:, 0], sample.lesion[:, -1]])
    return float(sample.lesion.sum() > 0) * (1.0 - float(edge.mean()))


def replayed(seed: int) -> tuple[Lesson, ...]:
    """Simulated pairs that serve nothing else."""
    return tuple(lesson_of(random_pair(np.random.default_rng([seed, STREAM, n]))) for n in range(REPLAYED_PAIRS))


def rounds(count: int, at_once: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Indices of 0..count-1, shuffled, in batches that are all full: the last is filled up from the others."""
    order = rng.permutation(count)
    for start in range(0, count, at_once):
        chosen = order[start : start + at_once]
        short = at_once - len(chosen)
        yield np.concatenate([chosen, rng.integers(count, size=short)]) if short else chosen


def case_batches(
    cases: Sequence[CaseLesson], pairs: Sequence[Lesson], at_once: int, rng: np.random.Generator
) -> Iterator[tuple[list[CaseSample], list[Sample]]]:
    """Every case once, each time with as many simulated pairs."""
    for chosen in rounds(len(cases), at_once, rng):
        again = rng.integers(len(pairs), size=at_once)
        yield [case_sample(cases[i], rng) for i in chosen], [sample_of(pairs[i], rng) for i in again]
