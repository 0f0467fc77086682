"""What a simulated picture is: its kinds, what may be asked of it, and what is known of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

SIMULATED = "Simulated image, not from a patient"

LABELS = ("adnexa", "lesion", "ascites", "blood_flow", "three_d", "undetermined")
"""The quality labels."""

KINDS: Mapping[str, float] = MappingProxyType(
    {
        "normal_ovary": 0.09,
        "simple_cyst": 0.05,
        "chocolate_cyst": 0.06,
        "mucinous_cyst": 0.05,
        "serous_cyst": 0.05,
        "teratoma": 0.06,
        "theca_tumour": 0.05,
        "high_grade_serous": 0.06,
        "uterus": 0.06,
        "bladder": 0.04,
        "ascites": 0.08,
        "doppler": 0.07,
        "three_d": 0.08,
        "undetermined": 0.08,
        "liver": 0.03,
        "kidney": 0.01,
        "thyroid": 0.02,
        "heart": 0.02,
        "contrast": 0.01,
        "m_mode": 0.015,
        "spectral": 0.015,
    }
)
"""Kinds of pictures, and the share of each where the kind is left to chance."""


@dataclass(frozen=True)
class PictureOptions:
    """What is not left to chance; None leaves it.

    Attributes:
        longest_px: of the picture's sides.
        whole_screen: with margins and a header, else cut to the fan as public pictures are.
        probe: endocavity or curved, where the pelvis is seen.
        marks: callipers, labels, body mark.
        compressed: whether a JPEG's blocks are in the picture.
        monochrome: without tint and coloured ink, but for flow.
    """

    longest_px: int | None = None
    whole_screen: bool | None = None
    probe: str | None = None
    marks: bool | None = None
    compressed: bool | None = None
    monochrome: bool = False


ANY_PICTURE = PictureOptions()
"""Everything left to chance."""


@dataclass(frozen=True, eq=False)
class SimulatedPicture:
    """A picture and what it shows.

    Attributes:
        rgb: (rows, columns, 3) uint8, the screen.
        kind: of KINDS.
        labels: LABELS, each true or false. In an undetermined picture nothing else can be told: all others are false.
        lesion: (rows, columns) bool, outline of the lesion or ovary within the fan, filled; empty where none is seen.
        category: class of the public images; None where neither lesion nor ovary is seen.
        region: (x0, y0, x1, y1) of the ultrasound picture on the screen, inclusive, as in a header (PS3.3 C.8.5.5).
        mm_per_px: side of a pixel; None where there is no scale.
        flow_region: the same of the box where colour Doppler looked for flow.
        statement: what every object made of it has to say.
    """

    rgb: NDArray[np.uint8]
    kind: str
    labels: Mapping[str, bool]
    lesion: NDArray[np.bool_]
    category: str | None
    region: tuple[int, int, int, int]
    mm_per_px: float | None
    flow_region: tuple[int, int, int, int] | None = None
    statement: str = SIMULATED


def labels_of(names: Collection[str]) -> Mapping[str, bool]:
    """LABELS, true for the names."""
    return MappingProxyType({name: name in names for name in LABELS})


def compressed(rgb: NDArray[np.uint8], options: PictureOptions, rng: np.random.Generator) -> NDArray[np.uint8]:
    """With a JPEG's losses, as pictures from archives mostly have."""
    wanted = options.compressed if options.compressed is not None else rng.random() < 0.7
    if not wanted:
        return rgb
    _, stored = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))])
    return np.ascontiguousarray(cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1])
