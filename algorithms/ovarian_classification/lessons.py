"""What the networks are taught from: pictures without marks, their masks and traits, varied at every sight.

The document's variations (US 12394048 B2, section 4): random crop, rotation, horizontal and vertical flip, scale,
translation, exposure. Its change of saturation has nothing to act on: the pictures are grey when the marks are out.
Ours: marks drawn at random onto pictures of every class, so that no mark speaks for one; masks that err as a
segmentation does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX, Square, about, seen_in, warped, whole
from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.training_data import Labelled
from algorithms.ovarian_classification.traits import TRAITS, traits_of

Grey = NDArray[np.float32]


class Categorised(Protocol):
    """What has a class, by its place in CLASSES."""

    @property
    def category(self) -> int: ...


Shown = TypeVar("Shown", bound=Categorised)

FIELD_PX = 180
CLOSEUP_PX = 192
CLOSEUP_ROOM = 1.7
"""Side of a close-up against that of a crop: turned by 25 degrees and zoomed, a crop stays within."""
TRAIT_LIMIT = 3.0
RARITY = 0.5
"""Power of a class's rarity in how often its pictures are shown: 0 as often as they come, 1 all classes equally."""
VERTICAL_FLIPS = 0.15
"""Few: sound comes from above, and shadows lie below."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """``grey``: (rows, columns) uint8 without marks. ``mask``: as a person drew it. ``traits``: (13,) of that mask,
    nan where there is none. ``found``: as segmentation networks draw it that never saw the picture; an expert is
    taught on these, for it is all that it will ever get. (A drawn outline tells more than the picture does: taught on
    drawn ones, the experts tell lesions from ovaries with an AUC of 0.92, and of 0.64 on found ones.)
    """

    grey: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    category: int
    traits: NDArray[np.float64]
    found: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class TraitScale:
    """Mean and spread (13,) of the traits over the pictures that teach."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def scaled(self, traits: NDArray[np.float64]) -> NDArray[np.float32]:
        """In units of the spread, cut at +-3; nan stays."""
        return np.clip((traits - self.mean) / self.deviation, -TRAIT_LIMIT, TRAIT_LIMIT).astype(np.float32)


@dataclass(frozen=True, eq=False)
class CropSample:
    """``crop``: (2, CROP_PX, CROP_PX), picture and mask, each -1..1 and 0..1."""

    crop: Grey
    category: int
    traits: NDArray[np.float32]


def lesson_of(picture: Labelled) -> Lesson:
    """The picture without its marks."""
    grey = unmarked(picture.rgb).grey
    return Lesson(grey, picture.mask, CLASSES.index(picture.category), traits_of(grey, picture.mask))


def trait_scale(lessons: Sequence[Lesson]) -> TraitScale:
    """Of the lessons that have a mask."""
    known = np.array([lesson.traits for lesson in lessons])
    deviation = np.maximum(np.nanstd(known, axis=0), 1e-6)
    assert deviation.shape == (len(TRAITS),)
    return TraitScale(np.nanmean(known, axis=0), deviation)


def closeup_of(lesson: Lesson) -> Lesson:
    """The lesson cut to CLOSEUP_PX about the found lesion, with room for turns and shifts; made once, varied often.

    Its mask is the found one.
    """
    mask = lesson.mask if lesson.found is None else lesson.found
    square = about(mask)
    wider = Square(square.x, square.y, square.side * CLOSEUP_ROOM)
    grey = np.rint(seen_in(lesson.grey, wider, CLOSEUP_PX)).astype(np.uint8)
    return Lesson(grey, seen_in(mask, wider, CLOSEUP_PX) >= 0.5, lesson.category, lesson.traits)


def crop_sample(closeup: Lesson, scale: TraitScale, rng: np.random.Generator) -> CropSample:
    """One sight of the lesion: place, size, turn, flip, exposure, marks and mask varied."""
    middle = (CLOSEUP_PX - 1) / 2
    square = Square(middle, middle, CLOSEUP_PX / CLOSEUP_ROOM)
    matrix = varied(square, CROP_PX, rng, turn_deg=25.0, zoom=1.25, shift=0.08)
    picture = warped(_marked(closeup.grey, rng), matrix, CROP_PX) / 127.5 - 1.0
    crop = np.stack([exposed(picture, rng), warped(_erring(closeup.mask, rng), matrix, CROP_PX)])
    return CropSample(crop, closeup.category, scale.scaled(closeup.traits))


def field_of(lesson: Lesson) -> Lesson:
    """The whole picture at FIELD_PX: made once, varied often."""
    square = whole(*lesson.grey.shape)
    grey = np.rint(seen_in(lesson.grey, square, FIELD_PX)).astype(np.uint8)
    return Lesson(grey, seen_in(lesson.mask, square, FIELD_PX) >= 0.5, lesson.category, lesson.traits)


def field_sample(lesson: Lesson, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """The whole picture (CANVAS_PX, CANVAS_PX), -1..1, and the lesion's share of its pixels; of a ``field_of``."""
    matrix = varied(whole(FIELD_PX, FIELD_PX), CANVAS_PX, rng, turn_deg=15.0, zoom=1.3, shift=0.08)
    picture = warped(_marked(lesson.grey, rng), matrix, CANVAS_PX) / 127.5 - 1.0
    return exposed(picture, rng), warped(lesson.mask, matrix, CANVAS_PX)


def varied(
    square: Square, size_px: int, rng: np.random.Generator, turn_deg: float, zoom: float, shift: float
) -> NDArray[np.float64]:
    """(2, 3) the square's matrix, turned, zoomed, shifted (share of the side) and flipped at random."""
    angle = np.deg2rad(rng.uniform(-turn_deg, turn_deg))
    scale = np.exp(rng.uniform(-np.log(zoom), np.log(zoom)))
    flips = np.diag([rng.choice((-1.0, 1.0)), -1.0 if rng.random() < VERTICAL_FLIPS else 1.0])
    turn = scale * flips @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plain = square.to_canvas(size_px)
    half = (size_px - 1) / 2
    offset = rng.uniform(-shift, shift, 2) * size_px
    matrix = np.empty((2, 3))
    matrix[:, :2] = turn @ plain[:, :2]
    matrix[:, 2] = turn @ (plain[:, 2] - half) + half + offset
    return matrix


def exposed(picture: Grey, rng: np.random.Generator) -> Grey:
    """Gamma, gain, gain along depth, blur and speckle varied; -1..1 in and out."""
    light = np.clip((picture + 1.0) / 2.0, 0.0, 1.0) ** np.exp(rng.normal(0.0, 0.25))
    depth = np.linspace(-1.0, 1.0, picture.shape[0], dtype=np.float32)[:, None]
    light = light * np.exp(rng.normal(0.0, 0.15)) * np.exp(rng.normal(0.0, 0.15) * depth)
    if rng.random() < 0.3:
        light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.5:
        light = light * (1.0 + rng.uniform(0.0, 0.15) * rng.standard_normal(light.shape, np.float32))
    return (np.clip(light, 0.0, 1.0) * 2.0 - 1.0).astype(np.float32)


def epoch_of(
    lessons: Sequence[Shown], batch_size: int, rng: np.random.Generator, rarity: float = RARITY
) -> Iterator[list[Shown]]:
    """As many pictures as there are, rare classes more often, in whole batches."""
    categories = np.array([lesson.category for lesson in lessons])
    counts = np.bincount(categories, minlength=len(CLASSES))
    weights = 1.0 / counts[categories] ** rarity
    drawn = rng.choice(len(lessons), len(lessons), p=weights / weights.sum())
    for start in range(0, len(drawn) - batch_size + 1, batch_size):
        yield [lessons[index] for index in drawn[start : start + batch_size]]


def _erring(mask: NDArray[np.bool_], rng: np.random.Generator) -> Grey:
    """The mask with the errors of a segmentation: larger or smaller, its outline smoothed, a bite or a bump."""
    size = max(1.0, np.sqrt(np.count_nonzero(mask)))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.6, rng.uniform(0.01, 0.06) * size))
    grown = (soft > rng.uniform(0.3, 0.7)).astype(np.uint8)
    if rng.random() < 0.25 and mask.any():
        rows, columns = np.nonzero(mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool))
        if rows.size:
            place = int(rng.integers(rows.size))
            centre = (int(columns[place]), int(rows[place]))
            cv2.circle(grown, centre, round(rng.uniform(0.08, 0.2) * size), int(rng.integers(2)), -1)
    return cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.0)


def _marked(grey: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Remains of marks as painting out leaves them, and white calipers, on some pictures of any class."""
    if rng.random() < 0.6:
        return grey
    drawn = grey.copy()
    rows, columns = grey.shape
    size = max(3, round(0.012 * max(rows, columns)))
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.uniform(0.1, 0.9) * columns), int(rng.uniform(0.1, 0.9) * rows)
        value = int(rng.integers(120, 256))
        kind = rng.random()
        if kind < 0.4:
            cv2.drawMarker(drawn, (x, y), value, int(rng.choice((cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS))), 2 * size)
        elif kind < 0.6:
            cv2.putText(drawn, "LRUOVCYM"[int(rng.integers(8))], (x, y), cv2.FONT_HERSHEY_SIMPLEX, size / 16, value, 1)
        else:
            part = drawn[max(y - size, 0) : y + size, max(x - 2 * size, 0) : x + 2 * size]
            part[:] = cv2.GaussianBlur(part, (0, 0), 2.0)
    return drawn
