"""The pictures that teach the quality network, each with what is known of it.

    MMOTU                      real pelvic ultrasound: adnexa always, lesion by its class, blood flow by its colours
    real_pictures.py           real pictures of everything else
    phantom.py                 simulated pelvis, other organs, three-dimensional and undetermined pictures
    the sister algorithms'     simulated M-modes, cardiac MR, contrast ultrasound, elastograms

A fixed part of the real ones does not teach it, so that figures on them are honest: of MMOTU the last two folds, of the
others every fourth source of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification import phantom as cine_mr
from algorithms.mmode_ef import phantom as m_mode
from algorithms.ovarian_classification.classes import NORMAL_CLASS
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.phantom import picture_of
from algorithms.ovarian_classification.quality import LABELS
from algorithms.ovarian_classification.real_pictures import Picture, shown
from algorithms.ovarian_classification.training_data import Labelled
from algorithms.ulm_decoupling import phantom as contrast
from algorithms.virtual_elastography import phantom as elastography
from dicom_node.algorithm import Progress

LARGEST_PX = 128
"""Longest side of a picture in the pool."""
PELVIS, SIMULATED, ELSEWHERE = "pelvis", "simulated", "simulated elsewhere"
FLOW_FROM, NO_FLOW_BELOW = 1e-3, 3e-4
"""Share of a picture's pixels in the colours of blood flow; between the two nobody knows."""
SIMULATED_PICTURES = 800
ELSEWHERE_PICTURES: Mapping[str, int] = {"m_mode": 40, "cine_mr": 40, "elastography": 28, "contrast": 12}
MOST_REAL_OF_A_KIND = 150
HELD_OUT_EVERY = 4
LABEL_SIDE_RATIO = 2.5
"""A blue patch that is so much wider than high is a box of text."""
BAR_WIDTH, BAR_BOTTOM = 0.06, 0.5
"""Shares of the picture within which, at its left or right rim, the scale of the colours stands."""
UNKNOWN = float("nan")


@dataclass(frozen=True, eq=False)
class Lesson:
    """One picture of the pool.

    Args:
        rgb: (rows, columns, 3) uint8, at most LARGEST_PX.
        plain: (rows, columns) uint8 without colours, marks and what lies outside the sector.
        flow: (rows, columns) bool, colours of blood flow.
        labels: of ``LABELS``: 0, 1, or nan where nothing is known.
        kind: PELVIS, SIMULATED, ELSEWHERE, or of real_pictures.KINDS.
        source: file, patient or simulated kind.
    """

    rgb: NDArray[np.uint8]
    plain: NDArray[np.uint8]
    flow: NDArray[np.bool_]
    labels: tuple[float, ...]
    kind: str
    source: str


def pool_of(pelvic: Sequence[Labelled], others: Sequence[Picture], seed: int, progress: Progress) -> tuple[Lesson, ...]:
    """The whole pool; the same for the same pictures and seed."""
    rng = np.random.default_rng([seed, 1])
    made: list[Lesson] = [pelvic_lesson(picture) for picture in pelvic]
    made += [other_lesson(picture) for picture in others]
    whole = SIMULATED_PICTURES + sum(ELSEWHERE_PICTURES.values())
    for number, lesson in enumerate(simulated_lessons(rng)):
        made.append(lesson)
        if number % 50 == 0:
            progress(number / whole, "simulated pictures that teach cleaning")
    return tuple(made)


def taught_sources(pictures: Sequence[Picture]) -> frozenset[str]:
    """The sources of real pictures that teach: of each kind all but every fourth."""
    by_kind: dict[str, set[str]] = {}
    for picture in pictures:
        by_kind.setdefault(picture.kind, set()).add(picture.source)
    return frozenset(
        source
        for sources in by_kind.values()
        for place, source in enumerate(sorted(sources))
        if place % HELD_OUT_EVERY != 1
    )


def pelvic_lesson(picture: Labelled) -> Lesson:
    """A picture of MMOTU."""
    flow = blood_flow(picture.rgb)
    known = {
        "adnexa": 1.0,
        "lesion": float(picture.category != NORMAL_CLASS),
        "ascites": UNKNOWN,
        "blood_flow": flow_label(flow),
        "three_d": 0.0,
        "undetermined": 0.0,
    }
    return _lesson(picture.rgb, flow, known, PELVIS, picture.digest)


def other_lesson(picture: Picture) -> Lesson:
    """A real picture of no pelvis."""
    flow = blood_flow(picture.rgb)
    known = dict.fromkeys(LABELS, 0.0) | {"blood_flow": UNKNOWN, "undetermined": UNKNOWN}
    return _lesson(picture.rgb, flow, known, picture.kind, picture.source)


def simulated_lessons(rng: np.random.Generator) -> Iterator[Lesson]:
    """Pictures of the simulators."""
    for _ in range(SIMULATED_PICTURES):
        picture = picture_of(rng)
        yield _lesson(picture.rgb, blood_flow(picture.rgb), picture.labels, SIMULATED, picture.kind)
    nothing = dict.fromkeys(LABELS, 0.0) | {"blood_flow": UNKNOWN, "undetermined": UNKNOWN}
    for name, count in ELSEWHERE_PICTURES.items():
        for _ in range(count):
            rgb = _SISTERS[name](rng)
            yield _lesson(rgb, blood_flow(rgb), nothing, ELSEWHERE, name)


def blood_flow(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(rows, columns) red and blue patches that are no text, caliper or scale of colours."""
    red, green, blue = (rgb[..., channel].astype(np.int16) for channel in range(3))
    warm = (red > green + 35) & (red > blue + 35)
    coloured = (warm | (blue > red + 35)).astype(np.uint8)
    coloured = cv2.morphologyEx(coloured, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    count, patches, boxes, _ = cv2.connectedComponentsWithStats(coloured)
    kept = np.zeros(count, np.bool_)
    for patch in range(1, count):
        kept[patch] = not _is_furniture(boxes[patch], rgb.shape[:2])
    return kept[patches]


def flow_label(flow: NDArray[np.bool_]) -> float:
    """Whether there is blood flow: 1, 0, or nan where the share of coloured pixels does not tell."""
    share = float(flow.mean())
    return 1.0 if share >= FLOW_FROM else 0.0 if share < NO_FLOW_BELOW else UNKNOWN


def _is_furniture(box: NDArray[np.int32], size: tuple[int, int]) -> bool:
    """A patch (x, y, width, height, area) in the place of the colour scale or of text, or of a text box's form."""
    left, top, width, height, area = (float(value) for value in box)
    rows, columns = size
    at_rim = left < BAR_WIDTH * columns or left + width > (1 - BAR_WIDTH) * columns
    bar = at_rim and top < BAR_BOTTOM * rows and width < BAR_WIDTH * columns
    text = top < 0.25 * rows and left > 0.68 * columns and area < 2e-3 * rows * columns
    return bar or text or (width > LABEL_SIDE_RATIO * height and top > 0.6 * rows)


def _lesson(
    rgb: NDArray[np.uint8], flow: NDArray[np.bool_], known: Mapping[str, float], kind: str, source: str
) -> Lesson:
    """Made small."""
    scale = min(1.0, LARGEST_PX / max(rgb.shape[:2]))
    size = (max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    plain = cv2.resize(unmarked(rgb).grey, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(flow.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    return Lesson(small, plain, coarse, tuple(float(known[label]) for label in LABELS), kind, source)


def _m_mode(rng: np.random.Generator) -> NDArray[np.uint8]:
    kind = str(rng.choice(["lv", "mitral", "aortic", "tapse", "ivc", "none", "none"]))
    return shown(m_mode.random_screen(rng, kind).image)


def _cine_mr(rng: np.random.Generator) -> NDArray[np.uint8]:
    return shown(cine_mr.random_picture(rng).image)


def _contrast(rng: np.random.Generator) -> NDArray[np.uint8]:
    options = contrast.PhantomOptions(frames=2, seed=int(rng.integers(2**31)))
    return shown(contrast.simulate(options).frames[1])


def _elastography(rng: np.random.Generator) -> NDArray[np.uint8]:
    screen = elastography.random_screen(rng)
    parts = (screen.rgb, shown(screen.pair.bmode), shown(screen.pair.elastogram))
    return parts[int(rng.integers(3))]


_SISTERS: Mapping[str, Callable[[np.random.Generator], NDArray[np.uint8]]] = {
    "m_mode": _m_mode,
    "cine_mr": _cine_mr,
    "contrast": _contrast,
    "elastography": _elastography,
}
