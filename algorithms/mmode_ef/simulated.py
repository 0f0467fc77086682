"""Simulated screens as the algorithm gets them: a Series, its strip, and the truth in pixels of the strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.phantom import Screen, random_screen, random_strip
from algorithms.mmode_ef.points import POINT_NAMES
from algorithms.mmode_ef.strip import strips_of
from dicom_node.series import ArrayPixels, Frame, FrameRef, Series, UltrasoundRegion, Volume

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"


@dataclass(frozen=True, eq=False)
class Lesson:
    """One strip with its truth.

    ``strip`` (rows, columns) uint8 grey; ``boxes`` (n, 4) x0, y0, x1, y1 and ``points`` (n, 8, 2) of the complete
    cycles, in pixels of the strip (none for other kinds than "lv").
    """

    strip: NDArray[np.uint8]
    seconds_per_px: float
    mm_per_px: float
    kind: str
    boxes: NDArray[np.float64]
    points: NDArray[np.float64]


def series_of(image: NDArray[np.uint8], regions: tuple[UltrasoundRegion, ...], uid: str = "1.2.3") -> Series:
    """An ultrasound image (rows, columns) or (rows, columns, 3) with these regions."""
    frame = Frame(FrameRef(US_IMAGE, uid))
    volume = Volume((frame,), ArrayPixels(image[None]), series_uid="1.2", modality="US", regions=regions)
    return Series("1.1", (volume,))


def random_lesson(rng: np.random.Generator, kind: str) -> Lesson:
    """A lesson of a kind, as the algorithm would see a screen; of "none", a picture where an M-mode should be."""
    if kind != "none":
        return lesson_of(random_screen(rng, kind))
    made = random_strip(rng, kind)
    return Lesson(made.grey, made.seconds_per_px, made.mm_per_px, kind, np.zeros((0, 4)), np.zeros((0, 8, 2)))


def lesson_of(screen: Screen) -> Lesson:
    """The M-mode region of a simulated screen, cut out as the algorithm does."""
    ((strip,), _) = strips_of(series_of(screen.image, screen.regions), Options())
    corner = np.array([strip.x0, strip.y0], np.float64)
    whole = [cycle for cycle in screen.cycles if cycle.complete] if screen.kind == "lv" else []
    boxes = np.array([cycle.box_px for cycle in whole], np.float64).reshape(-1, 4) - np.tile(corner, 2)
    points = np.array([[cycle.points_px[name] for name in POINT_NAMES] for cycle in whole], np.float64)
    return Lesson(
        strip=np.rint(strip.grey).astype(np.uint8),
        seconds_per_px=strip.seconds_per_px,
        mm_per_px=strip.mm_per_px,
        kind=screen.kind,
        boxes=boxes,
        points=points.reshape(-1, 8, 2) - corner,
    )
