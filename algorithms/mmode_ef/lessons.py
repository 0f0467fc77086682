"""What the networks learn from: a pool of simulated strips on disk, and samples drawn from it (numpy only).

The pool is made once, in chunks, each from its own random seed: processes can share the making, and a run that was
interrupted goes on. Samples follow CN 109620293 B: paragraphs 0048 (grey, whitening), 0112-0115 (expanded sampling:
0.9-1.1 of the true size, centre in the central half of the length; coordinates normalised to 0..1).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.gate import KINDS
from algorithms.mmode_ef.points import Box
from algorithms.mmode_ef.preprocess import (
    VIEW_COLUMNS_PER_S,
    VIEW_ROWS,
    grey_crop,
    points_to_crop,
    resized,
    view_columns,
    whitened,
)
from algorithms.mmode_ef.simulated import Lesson
from algorithms.training.run import write_atomically

CHUNK = 40
LV_CHUNKS, OTHER_CHUNKS = 75, 30
"""3000 left ventricles, 1200 other tracings."""
WINDOW_COLUMNS = round(4.0 * VIEW_COLUMNS_PER_S)
MOST_CYCLES = 24
"""In one window; more do not fit at 220 beats a minute."""
SIZES = (0.9, 1.1)
CENTRAL_HALF, FULL_WIDTH = 0.25, 0.5
SHIFT = 0.06
"""Standard deviation of the centre, in box sizes: most crops lie as the detector's boxes do, some far out."""
BESIDE = 0.08
"""Of the crop's width: a point so little beside it still counts, at the edge; its depth is plain to see there."""

Maker = Callable[[np.random.Generator, str], Lesson]
"""Makes a lesson of a kind."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The lessons in memory."""

    lv: tuple[Lesson, ...]
    others: tuple[Lesson, ...]


def make_pool(folder: Path, seed: int, make: Maker, chunks: Sequence[str] | None = None) -> None:
    """Makes the chunks (all by default) that are not there yet."""
    for name in chunks or chunk_names():
        file = folder / f"{name}.npz"
        if not file.exists():
            write_atomically(file, _packed(_chunk(name, seed, make)))


def chunk_names() -> tuple[str, ...]:
    """All chunks of the pool."""
    return (*(f"lv_{n:03d}" for n in range(LV_CHUNKS)), *(f"other_{n:03d}" for n in range(OTHER_CHUNKS)))


def read_pool(folder: Path, groups: Sequence[str] = ("lv", "other")) -> Pool:
    """The chunks that are in the folder, of these groups."""
    found = {
        group: tuple(lesson for file in sorted(folder.glob(f"{group}_*.npz")) for lesson in _unpacked(file))
        for group in groups
    }
    return Pool(found.get("lv", ()), found.get("other", ()))


def _chunk(name: str, seed: int, make: Maker) -> list[Lesson]:
    group, number = name.split("_")
    rng = np.random.default_rng([seed, 31, ("lv", "other").index(group), int(number)])
    kinds = KINDS[1:]
    return [make(rng, "lv" if group == "lv" else kinds[index % len(kinds)]) for index in range(CHUNK)]


def _packed(lessons: Sequence[Lesson]) -> bytes:
    arrays: dict[str, NDArray] = {}
    for index, one in enumerate(lessons):
        arrays[f"strip_{index}"] = one.strip
        arrays[f"boxes_{index}"] = one.boxes
        arrays[f"points_{index}"] = one.points
        arrays[f"about_{index}"] = np.array([one.seconds_per_px, one.mm_per_px, KINDS.index(one.kind)])
    written = io.BytesIO()
    np.savez(written, **arrays)
    return written.getvalue()


def _unpacked(file: Path) -> list[Lesson]:
    with np.load(file) as arrays:
        count = sum(name.startswith("strip_") for name in arrays.files)
        lessons = []
        for index in range(count):
            seconds_per_px, mm_per_px, kind = arrays[f"about_{index}"]
            parts = (arrays[f"{name}_{index}"] for name in ("strip", "boxes", "points"))
            strip, boxes, points = parts
            lessons.append(Lesson(strip, float(seconds_per_px), float(mm_per_px), KINDS[int(kind)], boxes, points))
        return lessons


class Window(NamedTuple):
    """What the detector learns from: a whitened view (192, 384) and the boxes (n, 4) of its whole cycles."""

    picture: NDArray[np.float32]
    boxes: NDArray[np.float64]


def window_of(lesson: Lesson, rng: np.random.Generator) -> Window:
    """Four seconds of a strip somewhere, time and depth varied by a tenth; cycles cut by its edges do not count."""
    columns = lesson.strip.shape[1]
    top, bottom = _depth_cut(lesson, rng)
    wide = max(8, round(view_columns(columns, lesson.seconds_per_px) * rng.uniform(*SIZES)))
    step_x, step_y = columns / wide, (bottom - top) / VIEW_ROWS
    part = np.float32(lesson.strip[top:bottom])
    start = int(rng.integers(0, wide - WINDOW_COLUMNS + 1)) if wide > WINDOW_COLUMNS else 0
    used = min(WINDOW_COLUMNS, wide)
    view = resized(part, VIEW_ROWS, wide)[:, start : start + used]
    picture = np.zeros((VIEW_ROWS, WINDOW_COLUMNS), np.float32)
    picture[:, :used] = whitened(varied(view, rng))
    scale, shift = np.array([step_x, step_y] * 2), np.array([0.0, top] * 2)
    boxes = (lesson.boxes - shift + 0.5) / scale - 0.5 - np.array([start, 0.0] * 2)
    slack = 0.05 * (boxes[:, 2] - boxes[:, 0])
    whole = (boxes[:, 0] >= -0.5 - slack) & (boxes[:, 2] <= used - 0.5 + slack)
    return Window(picture, boxes[whole][:MOST_CYCLES])


def _depth_cut(lesson: Lesson, rng: np.random.Generator) -> tuple[int, int]:
    """Rows of the strip that are shown: all of them, or some less above and below the hearts."""
    rows = lesson.strip.shape[0]
    if not len(lesson.boxes) or rng.random() < 0.5:
        return 0, rows
    high, low = lesson.boxes[:, 1].min(), lesson.boxes[:, 3].max()
    top = int(max(0.0, min(rng.uniform(0, 0.12) * rows, high - 0.02 * rows)))
    bottom = int(min(rows, max(rows * rng.uniform(0.85, 1.0), low + 0.02 * rows + 1)))
    return top, bottom


class CropSample(NamedTuple):
    """What the regressor learns from: a whitened crop (128, 96), points (8, 2) as 0..1, and which of them it shows."""

    picture: NDArray[np.float32]
    points: NDArray[np.float32]
    shown: NDArray[np.bool_]


def crop_sample(lesson: Lesson, index: int, rng: np.random.Generator) -> CropSample:
    """Expanded sampling around cycle ``index``; points out of the crop's sight do not count."""
    box = Box(*map(float, lesson.boxes[index]))
    shift_x = float(np.clip(rng.normal(0, SHIFT), -CENTRAL_HALF, CENTRAL_HALF))
    shift_y = float(np.clip(rng.normal(0, SHIFT), -FULL_WIDTH, FULL_WIDTH))
    sampled = box.scaled(rng.uniform(*SIZES), rng.uniform(*SIZES), shift_x, shift_y)
    points = points_to_crop(lesson.points[index], sampled)
    picture = whitened(varied(grey_crop(np.float32(lesson.strip), sampled), rng))
    across, down = points.T
    shown = (across > -BESIDE) & (across < 1 + BESIDE) & (down > 0) & (down < 1)
    return CropSample(picture, np.clip(points, 0, 1).astype(np.float32), shown)


def varied(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """As another machine might show it: gamma, gain by depth, blur, noise (grey 0..255)."""
    shares = np.clip(picture / 255.0, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    ramp = np.linspace(1.0 - rng.uniform(-0.3, 0.3), 1.0, len(picture), dtype=np.float32)[:: rng.choice((-1, 1))]
    shares = shares * ramp[:, None]
    if rng.random() < 0.3:
        shares = cv2.GaussianBlur(shares, (0, 0), rng.uniform(0.3, 1.0))
    if rng.random() < 0.5:
        shares = shares + rng.normal(0, rng.uniform(0, 0.05), shares.shape).astype(np.float32)
    return np.clip(shares, 0, 1).astype(np.float32)
