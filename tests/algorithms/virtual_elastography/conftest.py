"""Drawn B-mode pictures, series around them, and networks that answer by brightness alone: truth by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from algorithms.virtual_elastography.algorithm import VirtualElastography
from algorithms.virtual_elastography.colours import coloured
from algorithms.virtual_elastography.familiarity import Familiarity
from algorithms.virtual_elastography.generate import Generated
from algorithms.virtual_elastography.options import Options
from dicom_node.algorithm import ModelInfo
from dicom_node.series import (
    ArrayPixels,
    Frame,
    FrameRef,
    RegionData,
    RegionFormat,
    RegionUnit,
    Series,
    UltrasoundRegion,
    Volume,
)

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_CLIP = "1.2.840.10008.5.1.4.1.1.3.1"
HARD, SOFT, MEDIUM = 0.1, 0.9, 0.5
INFOS = (ModelInfo("generator", "1.0", "a" * 64, True), ModelInfo("region", "1.0", "b" * 64, True))


@dataclass(frozen=True)
class Disc:
    """A disc on a picture: its middle (x, y), radius and grey value."""

    x: float = 150.0
    y: float = 110.0
    radius: float = 40.0
    grey: int = 40

    def mask(self, rows: int, columns: int) -> np.ndarray:
        y, x = np.mgrid[:rows, :columns]
        return np.hypot(x - self.x, y - self.y) < self.radius


class ByBrightness:
    """Stand-in for the networks: dark is hard and a lesion, bright is soft and a lesion, all else is medium."""

    def __init__(self, finds: bool = True) -> None:
        self.finds, self.styles = finds, []

    def generate(self, canvas: np.ndarray, style: str) -> Generated:
        self.styles.append(style)
        softness = np.select([canvas < -1.0, canvas > 1.0], [HARD, SOFT], MEDIUM).astype(np.float32)
        return Generated(coloured(softness), softness, np.zeros(4, np.float32))

    def lesion(self, canvas: np.ndarray) -> np.ndarray:
        return ((np.abs(canvas) > 1.0) & self.finds).astype(np.float32)


def familiar(canvas: np.ndarray, features: np.ndarray) -> Familiarity:
    """The answer to a picture like the training images."""
    return Familiarity(1.5, 4.0, 0.6, True, "the picture is like those that the networks learned from")


def unfamiliar(canvas: np.ndarray, features: np.ndarray) -> Familiarity:
    """The answer to any other."""
    return Familiarity(9.25, 4.0, 0.001, False, "the picture is unlike those that the networks learned from")


def picture(*discs: Disc, rows: int = 240, columns: int = 320) -> np.ndarray:
    """A grey picture, 110 to 130 beside the discs."""
    drawn = np.random.default_rng(4).integers(110, 131, (rows, columns)).astype(np.uint8)
    for disc in discs:
        drawn[disc.mask(rows, columns)] = disc.grey
    return drawn


def region(x0: int, y0: int, x1: int, y1: int, kind=RegionFormat.TWO_D, data=RegionData.TISSUE, stale=False):
    """An ultrasound region; bounds are inclusive."""
    centimetre = RegionUnit.CENTIMETRE
    return UltrasoundRegion(x0, y0, x1, y1, kind, data, centimetre, centimetre, 0.01, 0.01, stale)


def volume(frames: np.ndarray, regions="whole", uid: str = "1.2.3", **more) -> Volume:
    """(frames, rows, columns[, 3]) as a still or a clip; ``regions="whole"``: one 2-D region over all of it."""
    count, rows, columns = frames.shape[:3]
    sop_class = more.pop("sop_class", US_IMAGE if count == 1 else US_CLIP)
    refs = (FrameRef(sop_class, uid, None if count == 1 else number) for number in range(1, count + 1))
    boxes = (region(0, 0, columns - 1, rows - 1),) if regions == "whole" else tuple(regions)
    more = {"series_uid": "1.2", "modality": "US", **more}
    return Volume(tuple(map(Frame, refs)), ArrayPixels(frames), regions=boxes, **more)


def series(*volumes: Volume, **attributes: str) -> Series:
    """Volumes of one study, with header values."""
    return Series("1", volumes, dict(attributes))


def series_of(*pictures: np.ndarray, **attributes: str) -> Series:
    """A still image of each picture."""
    return series(*(volume(one[None], uid=f"1.2.3.{n}") for n, one in enumerate(pictures, start=1)), **attributes)


def algorithm(finds: bool = True, test=familiar, **options) -> VirtualElastography:
    """The algorithm around the stand-in networks."""
    return VirtualElastography(Options(**options), ByBrightness(finds), test, INFOS)


def points_of(text: Sequence[Sequence[float]]) -> str:
    """Points as a person gives them in a correction."""
    return " ".join(f"{x},{y}" for x, y in text)


@pytest.fixture
def us() -> SimpleNamespace:
    """The functions above, by their names."""
    made = (Disc, picture, region, volume, series, series_of, algorithm, familiar, unfamiliar, points_of)
    return SimpleNamespace(**{one.__name__.lower(): one for one in made}, clip=US_CLIP)
