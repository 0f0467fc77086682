"""Drawn pictures, series around them, and networks whose answers are set by the picture's grey: truth by construction.

A picture says by its mean grey what the stand-ins shall make of it: its ``number`` is looked up in what was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from algorithms.ovarian_classification.algorithm import OvarianClassification
from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.examination import Judges
from algorithms.ovarian_classification.lessons import Lesson
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.quality import LABELS, Quality
from algorithms.ovarian_classification.traits import traits_of
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
INFOS = (ModelInfo("resnet50_1", "1.0", "a" * 64), ModelInfo("quality", "1.0", "b" * 64))
OPERATING = Operating(
    weight_resnet50=0.6,
    slope=1.5,
    intercept=-0.25,
    threshold_sensitivity=0.2,
    threshold_youden=0.5,
    abstain_low=0.2,
    abstain_high=0.9,
    rests_on="120 drawn pictures",
)
STEP = 10
"""Grey values between pictures of different numbers."""


def seen_number(rgb: np.ndarray) -> int:
    """Which picture this is: see ``picture``."""
    return round(float(np.median(rgb)) / STEP) - 1


@dataclass(frozen=True)
class Answer:
    """What the stand-ins say of a picture."""

    p_resnet50: float = 0.3
    p_darknet19: float = 0.2
    p_lesion: float = 0.9
    used: bool = True
    reason: str = "shows adnexa (P = 0.90)"
    lesion_px: tuple[int, int, int, int] | None = (20, 30, 60, 50)  # x0, y0, x1, y1 in the picture, end exclusive


@dataclass(frozen=True)
class Said:
    """experts.Classified, made up."""

    p_resnet50: float
    p_darknet19: float
    p_lesion: float
    lesion: np.ndarray
    activation: np.ndarray
    spread: float = 0.05
    categories: np.ndarray = field(default_factory=lambda: np.full(8, 0.125, np.float32))


class ByNumber:
    """Stand-in for quality test and networks: answers by the picture's number; keeps what it was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers, self.judged, self.classified = answers, [], []

    def judge(self, rgb: np.ndarray) -> Quality:
        number = seen_number(rgb)
        self.judged.append((number, rgb.shape))
        answer = self.answers[number]
        probabilities = dict.fromkeys(LABELS, 0.125) | {"adnexa": 0.9 if answer.used else 0.25}
        return Quality(probabilities, answer.used, answer.reason)

    def classify(self, rgb: np.ndarray) -> Said:
        number = seen_number(rgb)
        self.classified.append(number)
        answer, mask = self.answers[number], np.zeros(rgb.shape[:2], bool)
        if answer.lesion_px:
            x0, y0, x1, y1 = answer.lesion_px
            mask[y0:y1, x0:x1] = True
        return Said(answer.p_resnet50, answer.p_darknet19, answer.p_lesion, mask, mask.astype(np.float32))


def picture(number: int, rows: int = 120, columns: int = 160) -> np.ndarray:
    """A grey picture that the stand-ins know by its number, from 0."""
    return np.full((rows, columns), STEP * (number + 1), np.uint8)


def region(x0: int, y0: int, x1: int, y1: int, kind=RegionFormat.TWO_D, data=RegionData.TISSUE, **more):
    """An ultrasound region calibrated at 0.5 mm; bounds are inclusive."""
    centimetre = RegionUnit.CENTIMETRE
    return UltrasoundRegion(x0, y0, x1, y1, kind, data, centimetre, centimetre, 0.05, 0.05, **more)


def volume(frames: np.ndarray, regions: Sequence[UltrasoundRegion] = (), uid: str = "1.2.3", **more) -> Volume:
    """(frames, rows, columns[, 3]) as a still or a clip."""
    count = frames.shape[0]
    sop_class = more.pop("sop_class", US_IMAGE if count == 1 else US_CLIP)
    refs = (FrameRef(sop_class, uid, None if count == 1 else number) for number in range(1, count + 1))
    more = {"series_uid": "1.2", "modality": "US", **more}
    return Volume(tuple(map(Frame, refs)), ArrayPixels(frames), regions=tuple(regions), **more)


def stills(count: int, **attributes: str) -> Series:
    """Still images of pictures 0, 1, ... with a region over all of each."""
    whole = region(0, 0, 159, 119)
    volumes = (volume(picture(number)[None], [whole], f"1.2.3.{number}") for number in range(count))
    return Series("1.9.9", tuple(volumes), dict(attributes))


def algorithm(*answers: Answer, infos=INFOS, operating: Operating = OPERATING, **options) -> OvarianClassification:
    """The algorithm around the stand-ins."""
    stand_in = ByNumber(answers)
    return OvarianClassification(Options(**options), Judges(stand_in, stand_in, operating), infos)


def run(*answers: Answer, attributes: Mapping[str, str] | None = None, **options):
    """The result for as many stills as there are answers."""
    return algorithm(*answers, **options).run(stills(len(answers), **(attributes or {})))


@pytest.fixture(scope="session")
def ovary() -> SimpleNamespace:
    """The functions above, by their names."""
    made = (Answer, ByNumber, picture, region, volume, stills, algorithm, run)
    return SimpleNamespace(**{one.__name__.lower(): one for one in made}, operating=OPERATING, clip=US_CLIP)


@pytest.fixture(scope="session")
def noise_lessons():
    """Sixteen pictures of noise, two of each class, with rectangles of growing height for lesions."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(16):
        mask = np.zeros((160, 200), np.bool_)
        mask[40 : 80 + number, 60:120] = True
        grey = rng.integers(0, 256, mask.shape, np.uint8)
        found.append(Lesson(grey, mask, number % len(CLASSES), traits_of(grey, mask), mask))
    return found
