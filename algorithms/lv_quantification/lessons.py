"""What the networks learn from: experts' and simulated pictures, sorted into folds, drawn into epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
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
    """Pictures of experts as lessons; missing epicardia are estimated.

    Pictures without a ventricle are lessons, too: the crop then lies where the ventricle is in the nearest slice of
    the patient, and what the networks learn there is that nothing is to be drawn.
    """
    return [_teaching(picture, pictures) for picture in pictures]


def _teaching(picture: Labelled, pictures: Sequence[Labelled]) -> Teaching:
    if not picture.cavity.any():
        own = [other for other in pictures if other.patient == picture.patient and other.cavity.any()]
        nearest = min(own, key=lambda other: abs(other.number - picture.number), default=None)
        centre = centre_of(np.ones_like(picture.cavity) if nearest is None else nearest.cavity)
        return Teaching(picture.image, picture.cavity, picture.cavity, picture.spacing, 1.0, centre)
    inside, trust = picture.inside, 1.0
    if inside is None:
        inside, trust = estimated_inside(picture.image, picture.cavity, picture.spacing), ESTIMATED_TRUST
    if inside is None:
        inside, trust = picture.cavity, 0.0
    return Teaching(picture.image, picture.cavity, inside, picture.spacing, trust, centre_of(picture.cavity))


def simulated_teachings(count: int, seed: int) -> list[Teaching]:
    """Pictures of the simulator as lessons."""
    rng = np.random.default_rng([seed, 7])
    found = []
    for _ in range(count):
        made = random_picture(rng)
        spacing = Spacing(made.spacing_mm, made.spacing_mm)
        inside = made.cavity | made.myocardium
        image = np.asarray(made.image, np.float32)
        centre = centre_of(inside) if inside.any() else _brightest(image, spacing)
        found.append(Teaching(image, made.cavity, inside, spacing, SIMULATED_TRUST, centre))
    return found


def centre_of(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """(x, y) of the centroid in pixels."""
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def _brightest(image: NDArray[np.float32], spacing: Spacing) -> tuple[float, float]:
    """(x, y) of the brightest piece of a ventricle's size in the middle half: what a finder might take for one."""
    sigma = 12.0 / spacing.row_mm
    blurred = cv2.GaussianBlur(image, (0, 0), sigma)
    rows, columns = image.shape
    middle = blurred[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    row, column = np.unravel_index(int(np.argmax(middle)), middle.shape)
    return float(column + columns // 4), float(row + rows // 4)


def fold_numbers(pictures: Sequence[Labelled], lessons: Sequence[Teaching], seed: int) -> NDArray[np.int64]:
    """(pictures,) the fold in which each is held out. Pictures without a ventricle go with their patient."""
    shown = [index for index, picture in enumerate(pictures) if picture.cavity.any()]
    rows = []
    for picture, lesson in ((pictures[index], lessons[index]) for index in shown):
        seen, _ = crop(picture.image, lesson.centre_px, picture.spacing)
        indices = indices_of(lesson.cavity, lesson.inside & ~lesson.cavity, picture.spacing)
        rows.append(descriptor(seen, indices))
    folds = folds_of(np.array(rows), [pictures[index].patient for index in shown], seed)
    of_patient = {pictures[index].patient: fold for index, fold in zip(shown, folds, strict=True)}
    return np.array([of_patient[picture.patient] for picture in pictures])


def epoch_of(fold: Fold, batch_size: int, rng: np.random.Generator) -> Iterator[list[Teaching]]:
    """Every real picture once, simulated ones drawn anew, shuffled into batches; a last one not full is left out."""
    wanted = round(len(fold.real) * SIMULATED_SHARE / (1.0 - SIMULATED_SHARE))
    drawn = rng.choice(len(fold.simulated), min(wanted, len(fold.simulated)), replace=False)
    lessons = [*fold.real, *(fold.simulated[index] for index in drawn)]
    order = rng.permutation(len(lessons))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield [lessons[index] for index in order[start : start + batch_size]]
