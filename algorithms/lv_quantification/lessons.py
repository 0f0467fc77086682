"""What the networks learn from: experts' and simulated pictures, sorted into folds, drawn into epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.augment import Teaching
from algorithms.lv_quantification.crop import crop
from algorithms.lv_quantification.epicardium import estimated_inside
from algorithms.lv_quantification.folds import descriptor, folds_of
from algorithms.lv_quantification.indices import indices_of
from algorithms.lv_quantification.phantom import random_picture
from algorithms.lv_quantification.training_data import Labelled
from dicom_node.series import Spacing

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
    if not picture.cavity.any():
        inside = picture.cavity  # no ventricle, no wall
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


def epoch_of(fold: Fold, batch_size: int, rng: np.random.Generator) -> Iterator[list[Teaching]]:
    """Every real picture once, simulated ones drawn anew, shuffled into batches; a last one not full is left out."""
    wanted = round(len(fold.real) * SIMULATED_SHARE / (1.0 - SIMULATED_SHARE))
    drawn = rng.choice(len(fold.simulated), min(wanted, len(fold.simulated)), replace=False)
    lessons = [*fold.real, *(fold.simulated[index] for index in drawn)]
    order = rng.permutation(len(lessons))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield [lessons[index] for index in order[start : start + batch_size]]
