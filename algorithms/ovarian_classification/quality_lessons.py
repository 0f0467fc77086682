"""What the quality network sees of its pool: every kind of picture varied in the same ways, and pictures of no sense.

What tells one kind from another is its anatomy. So that nothing else can, a picture of any kind comes cropped, turned
over, in other greys, tinted, without its marks, within a screen full of text, or as a sector filled with something
else. Real pictures of other kinds are few: each kind is drawn as often as the next, and so is each source of a kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.nonsense import drawn_over, nonsense
from algorithms.ovarian_classification.quality import LABELS, quality_input
from algorithms.ovarian_classification.quality_pool import ELSEWHERE, PELVIS, SIMULATED, Lesson, flow_label

Sample = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(3, INPUT_PX, INPUT_PX) of 0..1, and (6,): 0, 1, or nan where nothing is known."""

SHARES: Mapping[str, float] = {PELVIS: 0.34, SIMULATED: 0.20, "others": 0.28, ELSEWHERE: 0.06, "made": 0.12}
"""Of the samples; what the pool lacks leaves its share to the rest."""
WITHOUT_MARKS, WITHIN_SCREEN, TO_SECTOR, TURNED, TINTED, COARSE = 0.35, 0.25, 0.25, 0.3, 0.12, 0.3
"""Share of the pictures that are changed so."""
LEAST_KEPT = 0.7
"""Of either side when a picture is cropped."""
ANY_WAY_UP = ("MR", "CT, X-ray, nuclear medicine", "no patient")
"""Kinds of which a picture may come in any of eight orientations, and as its negative."""
BLOOD_FLOW = LABELS.index("blood_flow")
UNDETERMINED = tuple(float(label == "undetermined") for label in LABELS)
UNKNOWABLE = tuple(float("nan") if label == "undetermined" else 0.0 for label in LABELS)


class Lessons:
    """Draws samples from a pool."""

    def __init__(self, pool: Sequence[Lesson]) -> None:
        self._groups: dict[str, list[list[list[Lesson]]]] = {}
        for group in (PELVIS, SIMULATED, ELSEWHERE, "others"):
            kinds: dict[str, dict[str, list[Lesson]]] = {}
            for lesson in pool:
                if _group(lesson) == group:
                    source = lesson.source if group == "others" else ""
                    kinds.setdefault(lesson.kind, {}).setdefault(source, []).append(lesson)
            if kinds:
                self._groups[group] = [list(sources.values()) for sources in kinds.values()]
        names = [name for name in SHARES if name == "made" or name in self._groups]
        shares = np.array([SHARES[name] for name in names])
        self._names, self._shares = names, shares / shares.sum()

    def draw(self, rng: np.random.Generator) -> Sample:
        """One sample."""
        group = self._names[int(rng.choice(len(self._names), p=self._shares))]
        return self._made(rng) if group == "made" else sample_of(self._one(group, rng), rng)

    def _one(self, group: str, rng: np.random.Generator) -> Lesson:
        kinds = self._groups[group]
        sources = kinds[int(rng.integers(len(kinds)))]
        lessons = sources[int(rng.integers(len(sources)))]
        return lessons[int(rng.integers(len(lessons)))]

    def _made(self, rng: np.random.Generator) -> Sample:
        """Nonsense, a pelvic picture spoiled, or a sector of one filled with another kind of picture."""
        way = rng.random()
        if way < 0.4 or PELVIS not in self._groups:
            return quality_input(nonsense(rng)), np.array(UNKNOWABLE, np.float32)
        lesson = self._one(PELVIS, rng)
        if way < 0.65:
            return quality_input(spoiled(lesson.rgb, rng)), np.array(UNDETERMINED, np.float32)
        other = self._one("others", rng).plain if "others" in self._groups and rng.random() < 0.6 else None
        return sample_of(filled(lesson, other, rng), rng)


def sample_of(lesson: Lesson, rng: np.random.Generator) -> Sample:
    """A picture of the pool as another machine might have shown it."""
    top, bottom, left, right = _cropped(lesson, rng)
    labels = np.array(lesson.labels, np.float32)
    if rng.random() < WITHOUT_MARKS:
        rgb = np.repeat(lesson.plain[top:bottom, left:right, None], 3, axis=2)
        labels[BLOOD_FLOW] = 0.0
    else:
        rgb = lesson.rgb[top:bottom, left:right]
        if np.isfinite(labels[BLOOD_FLOW]):
            labels[BLOOD_FLOW] = flow_label(lesson.flow[top:bottom, left:right])
    if lesson.kind in ANY_WAY_UP and rng.random() < 0.5:
        rgb = np.rot90(rgb, int(rng.integers(4))) if rng.random() < 0.6 else 255 - rgb
    rgb = _shaped(rgb, rng)
    rgb = shaded(rgb, rng)
    if rng.random() < WITHIN_SCREEN:
        rgb = drawn_over(within_screen(rgb, rng), rng)
    return quality_input(rgb), labels


def shaded(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Other greys, gain, grain and sharpness; sometimes a tint over all greys."""
    gains = np.full(3, rng.uniform(0.75, 1.3))
    if rng.random() < TINTED:
        gains = gains * rng.uniform(0.6, 1.0, 3)
    curve = (np.arange(256) / 255) ** np.exp(rng.normal(0, 0.22))
    table = np.rint(np.clip(255 * curve[:, None] * gains, 0, 255)).astype(np.uint8)
    picture = cv2.LUT(rgb, table[None])
    if rng.random() < COARSE:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < COARSE:
        grain = np.int16(rng.uniform(0, 15) * rng.standard_normal(picture.shape[:2], np.float32))
        grain[picture.max(axis=2) < 6] = 0
        picture = np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)
    if rng.random() < COARSE:
        quality = int(rng.integers(25, 90))
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return picture


def within_screen(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture somewhere on a larger, dark screen."""
    rows, columns = rgb.shape[:2]
    tall, wide = int(rows * rng.uniform(1.0, 1.5)), int(columns * rng.uniform(1.0, 1.6))
    ground = int(rng.choice([0, 0, 0, 12, 30]))
    screen = np.full((tall, wide, 3), ground, np.uint8)
    top, left = int(rng.integers(0, tall - rows + 1)), int(rng.integers(0, wide - columns + 1))
    part = screen[top : top + rows, left : left + columns]
    np.maximum(part, rgb, out=part)
    return screen


def spoiled(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of which nothing can be told any more: blurred, all but black, all but white, or lost in noise."""
    way = int(rng.integers(4))
    shares = rgb.astype(np.float32) / 255
    if way == 0:
        shares = cv2.GaussianBlur(shares, (0, 0), rng.uniform(0.05, 0.12) * min(rgb.shape[:2]))
    elif way == 1:
        shares = shares * rng.uniform(0.0, 0.12)
    elif way == 2:
        shares = np.where(shares > 0.03, rng.uniform(0.85, 1.0) + 0.15 * shares, shares)
    else:
        grain = rng.rayleigh(0.3, (*rgb.shape[:2], 1)).astype(np.float32)
        shares = np.where(shares > 0.03, 0.1 * shares + grain, 0)
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)


def filled(lesson: Lesson, other: NDArray[np.uint8] | None, rng: np.random.Generator) -> Lesson:
    """The sector of a pelvic picture filled with (a part of) another picture, or with even speckle: no adnexa."""
    rows, columns = lesson.plain.shape
    if other is None:
        grain = rng.rayleigh(1.0, (rows, max(2, int(columns / rng.uniform(1, 3))))).astype(np.float32)
        trend = cv2.resize(rng.uniform(0.2, 1.0, (5, 4)).astype(np.float32), (columns, rows))
        other = np.clip(60 * cv2.resize(grain, (columns, rows)) * trend, 0, 255).astype(np.uint8)
    tall, wide = other.shape
    height, width = int(tall * rng.uniform(0.5, 1.0)), int(wide * rng.uniform(0.5, 1.0))
    top, left = int(rng.integers(0, tall - height + 1)), int(rng.integers(0, wide - width + 1))
    filling = cv2.resize(other[top : top + height, left : left + width], (columns, rows))
    sector = lesson.plain > 0
    plain = np.where(sector, filling, 0).astype(np.uint8)
    marks = np.ptp(lesson.rgb.astype(np.int16), axis=2) > 45
    rgb = np.where((sector & ~marks)[..., None], plain[..., None], lesson.rgb).astype(np.uint8)
    return Lesson(rgb, plain, np.zeros_like(lesson.flow), UNKNOWABLE, lesson.kind, lesson.source)


def _cropped(lesson: Lesson, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Rows and columns that are kept: a part of the picture, or of its sector."""
    rows, columns = lesson.plain.shape
    top, bottom, left, right = 0, rows, 0, columns
    if rng.random() < TO_SECTOR and lesson.plain.any():
        lit_rows, lit_columns = np.flatnonzero(lesson.plain.any(axis=1)), np.flatnonzero(lesson.plain.any(axis=0))
        top, bottom, left, right = lit_rows[0], lit_rows[-1] + 1, lit_columns[0], lit_columns[-1] + 1
    tall, wide = bottom - top, right - left
    height = max(6, int(tall * rng.uniform(LEAST_KEPT, 1.0)))
    width = max(6, int(wide * rng.uniform(LEAST_KEPT, 1.0)))
    top += int(rng.integers(0, max(tall - height, 0) + 1))
    left += int(rng.integers(0, max(wide - width, 0) + 1))
    return top, min(top + height, rows), left, min(left + width, columns)


def _shaped(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turned over left to right, stretched, sometimes turned by some degrees."""
    rows, columns = rgb.shape[:2]
    if rng.random() < 0.5:
        rgb = rgb[:, ::-1]
    stretch = np.exp(rng.normal(0, 0.1))
    size = (max(8, round(columns * stretch)), rows)
    rgb = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < TURNED:
        turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), rng.uniform(-9, 9), 1.0)
        rgb = cv2.warpAffine(rgb, turn, size, flags=cv2.INTER_LINEAR)
    return rgb


def _group(lesson: Lesson) -> str:
    return lesson.kind if lesson.kind in (PELVIS, SIMULATED, ELSEWHERE) else "others"
