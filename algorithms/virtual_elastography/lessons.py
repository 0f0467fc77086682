"""What the networks learn from: a pool of simulated pairs on disk, and samples drawn from it (numpy only).

The pool is made once, in chunks, each from its own random seed: processes can share the making, and a run that was
interrupted goes on. Pairs of the group ``lesson`` teach, those of ``reference`` say which pictures are familiar, and
``evaluate`` draws its own: no pair serves two of these.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.training.run import write_atomically
from algorithms.virtual_elastography.augment import as_other_machines_show, cut_box
from algorithms.virtual_elastography.colours import coloured
from algorithms.virtual_elastography.phantom import STYLES, Pair, random_pair
from algorithms.virtual_elastography.preprocess import CANVAS, placed, shown_box

CHUNK = 40
CHUNKS = {"lesson": 60, "reference": 20}
"""2400 pairs to learn from, 800 to say what is familiar."""
STREAM = 61
KEPT_PX = 256
"""Longer sides are brought to this: twice the canvas, so that cuts still have detail enough."""

Maker = Callable[[np.random.Generator], Pair]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pair as kept: all (rows, columns) uint8, softness as 0..255, lesion and beam as 0 and 255."""

    grey: NDArray[np.uint8]
    softness: NDArray[np.uint8]
    lesion: NDArray[np.uint8]
    beam: NDArray[np.uint8]
    style: int


class Sample(NamedTuple):
    """What the networks see of a lesson: canvas (128, 128), style, RGB (3, 128, 128) in 0..1, shares of lesion and of
    what counts (128, 128)."""

    canvas: NDArray[np.float32]
    style: float
    elastogram: NDArray[np.float32]
    lesion: NDArray[np.float32]
    weight: NDArray[np.float32]


def chunk_names(group: str) -> tuple[str, ...]:
    """All chunks of a group of the pool."""
    return tuple(f"{group}_{number:03d}" for number in range(CHUNKS[group]))


def make_pool(folder: Path, seed: int, names: Sequence[str], make: Maker = random_pair) -> None:
    """Makes those of the named chunks that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = folder / f"{name}.npz"
        if not file.exists():
            write_atomically(file, _packed([lesson_of(make(rng)) for rng in _generators(name, seed)]))


def read_pool(folder: Path, group: str) -> tuple[Lesson, ...]:
    """All lessons of a group, in the order of their chunks."""
    return tuple(lesson for name in chunk_names(group) for lesson in _unpacked(folder / f"{name}.npz"))


def _generators(name: str, seed: int) -> Iterator[np.random.Generator]:
    group, number = name.split("_")
    for index in range(CHUNK):
        yield np.random.default_rng([seed, STREAM, list(CHUNKS).index(group), int(number), index])


def lesson_of(pair: Pair) -> Lesson:
    """A pair, small enough to keep thousands in memory."""
    rows, columns = pair.bmode.shape
    shrink = min(1.0, KEPT_PX / min(rows, columns))
    size = (round(columns * shrink), round(rows * shrink))
    planes = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        for plane in (
            pair.bmode,
            np.round(pair.softness * 255).astype(np.uint8),
            pair.lesion.astype(np.uint8) * 255,
            pair.beam.astype(np.uint8) * 255,
        )
    )
    return Lesson(*planes, style=STYLES.index(pair.style))


def sample_of(lesson: Lesson, rng: np.random.Generator | None) -> Sample:
    """A lesson as the networks see it: as another machine might show it, or, without ``rng``, as it is."""
    rows, columns = lesson.grey.shape
    box = (0, 0, columns, rows) if rng is None else cut_box(rows, columns, rng)
    x0, y0, x1, y1 = box
    inner = shown_box(lesson.grey[y0:y1, x0:x1])
    box = (x0 + inner[0], y0 + inner[1], x0 + inner[2], y0 + inner[3])
    grey, softness, lesion, beam = (
        _on_canvas(plane, box) for plane in (lesson.grey, lesson.softness, lesson.lesion, lesson.beam)
    )
    if rng is not None:
        grey = as_other_machines_show(grey, rng)
    colours = np.moveaxis(np.float32(coloured(softness / 255)) / 255, 2, 0)
    planes = [placed(grey, box).canvas, colours, lesion / 255, beam / 255]
    if rng is not None and rng.random() < 0.5:
        planes = [np.ascontiguousarray(plane[..., ::-1]) for plane in planes]
    canvas, elastogram, shares, weight = planes
    return Sample(canvas, float(lesson.style), elastogram, shares, weight)


def _on_canvas(plane: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    x0, y0, x1, y1 = box
    return cv2.resize(np.float32(plane[y0:y1, x0:x1]), (CANVAS, CANVAS), interpolation=cv2.INTER_AREA)


def epoch_of(lessons: Sequence[Lesson], batch_size: int, rng: np.random.Generator) -> Iterator[list[Sample]]:
    """Every lesson once, shuffled into batches; a last one not full is left out."""
    order = rng.permutation(len(lessons))
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield [sample_of(lessons[index], rng) for index in order[start : start + batch_size]]


def _packed(lessons: Sequence[Lesson]) -> bytes:
    arrays: dict[str, NDArray] = {"styles": np.array([lesson.style for lesson in lessons])}
    for index, one in enumerate(lessons):
        arrays[f"planes_{index}"] = np.stack([one.grey, one.softness, one.lesion, one.beam])
    written = io.BytesIO()
    np.savez(written, **arrays)
    return written.getvalue()


def _unpacked(file: Path) -> list[Lesson]:
    with np.load(file) as arrays:
        return [Lesson(*arrays[f"planes_{index}"], style=int(style)) for index, style in enumerate(arrays["styles"])]
