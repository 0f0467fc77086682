"""Where the parts of a scanner's screen are: strip, sector picture, electrocardiogram, scale, text.

Five layouts in the manner of vendors' screens; each varies a little from screen to screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")

LAYOUTS = ("large", "classic", "beside", "wide", "strip_only")
"""large: 1024 x 768, sector above the strip; classic: 640 x 480, small sector at the upper left; beside: 800 x 600,
sector to the left of the strip; wide: 1280 x 960, header bar and results; strip_only: 720 x 576, no sector."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; ``x1`` and ``y1`` are the last column and row within."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def columns(self) -> int:
        """Width in pixels."""
        return self.x1 - self.x0 + 1

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0 + 1

    def moved(self, x: int, y: int) -> Box:
        """The same box, ``x`` columns to the right and ``y`` rows down."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)


@dataclass(frozen=True)
class Layout:
    """One screen's plan.

    Attributes:
        name: one of ``LAYOUTS``.
        columns, rows: the screen.
        strip: the M-mode region.
        sector: the two-dimensional picture, or ``None``.
        ecg: box of the electrocardiogram's trace (it may lie over the strip), or ``None``.
        scale_side: where the depth scale is, "left" or "right".
        text: left upper corners of blocks of text.
        header: colour of a bar along the top, or ``None``.
        ink, ecg_ink, mark_ink: colours of text, trace and calliper marks.
        px_per_mm: pixels per mm of sweep (the scanner's own monitor).
    """

    name: str
    columns: int
    rows: int
    strip: Box
    sector: Box | None
    ecg: Box | None
    scale_side: str
    text: tuple[tuple[int, int], ...]
    header: tuple[int, int, int] | None
    ink: tuple[int, int, int]
    ecg_ink: tuple[int, int, int]
    mark_ink: tuple[int, int, int]
    px_per_mm: float


_WHITE, _GREEN, _YELLOW, _CYAN = (255, 255, 255), (70, 250, 70), (250, 240, 60), (60, 230, 240)


def random_layout(rng: np.random.Generator, name: str) -> Layout:
    """A screen of the named layout, its boxes moved a little by chance."""
    if name not in _PLANS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {name!r}")
    return _PLANS[name](rng)


def _near(rng: np.random.Generator, value: int, by: int) -> int:
    return int(value + rng.integers(-by, by + 1))


def _large(rng: np.random.Generator) -> Layout:
    strip = Box(_near(rng, 42, 8), _near(rng, 343, 25), _near(rng, 943, 15), _near(rng, 732, 8))
    ecg = Box(strip.x0, strip.y0 - 42, strip.x1, strip.y0 + 34)
    sector = Box(330, 74, 694, min(320, strip.y0 - 20))
    inks = (_WHITE, _pick(rng, (_GREEN, (200, 200, 200))), _pick(rng, (_WHITE, _YELLOW)))
    return Layout("large", 1024, 768, strip, sector, ecg, "right", ((14, 92), (785, 140)), None, *inks, 3.79)


def _classic(rng: np.random.Generator) -> Layout:
    strip = Box(_near(rng, 24, 12), _near(rng, 205, 20), _near(rng, 590, 12), _near(rng, 455, 8))
    ecg = Box(strip.x0, strip.y1 - int(rng.integers(38, 60)), strip.x1, strip.y1 - 4)
    sector = Box(_near(rng, 150, 60), 22, _near(rng, 430, 40), strip.y0 - 14)
    inks = (_pick(rng, (_WHITE, _CYAN)), _pick(rng, (_YELLOW, _GREEN, _CYAN)), _pick(rng, (_YELLOW, _GREEN)))
    return Layout("classic", 640, 480, strip, sector, ecg, "right", ((6, 24), (500, 40)), None, *inks, 2.9)


def _beside(rng: np.random.Generator) -> Layout:
    strip = Box(_near(rng, 300, 25), _near(rng, 70, 20), _near(rng, 755, 10), _near(rng, 480, 25))
    ecg = Box(strip.x0, strip.y1 + 12, strip.x1, min(strip.y1 + 72, 596))
    sector = Box(10, _near(rng, 110, 20), strip.x0 - 22, _near(rng, 360, 20))
    inks = (_WHITE, _pick(rng, (_CYAN, _WHITE)), _pick(rng, (_CYAN, _YELLOW)))
    return Layout("beside", 800, 600, strip, sector, ecg, "right", ((10, 26), (14, 420)), (60, 60, 70), *inks, 3.0)


def _wide(rng: np.random.Generator) -> Layout:
    strip = Box(_near(rng, 70, 15), _near(rng, 420, 40), _near(rng, 1080, 30), _near(rng, 850, 15))
    ecg = Box(strip.x0, strip.y1 + 10, strip.x1, strip.y1 + 74)
    sector = Box(_near(rng, 340, 60), 84, _near(rng, 800, 40), strip.y0 - 20)
    inks = (_pick(rng, (_CYAN, _WHITE)), _GREEN, _pick(rng, (_GREEN, _YELLOW)))
    return Layout("wide", 1280, 960, strip, sector, ecg, "left", ((1130, 120), (1104, 560)), (24, 48, 92), *inks, 4.0)


def _strip_only(rng: np.random.Generator) -> Layout:
    strip = Box(_near(rng, 30, 20), _near(rng, 60, 25), _near(rng, 660, 15), _near(rng, 525, 20))
    ecg = Box(strip.x0, strip.y1 - 70, strip.x1, strip.y1 - 10) if rng.random() < 0.6 else None
    inks = (_WHITE, _pick(rng, (_GREEN, _WHITE)), _pick(rng, (_WHITE, _YELLOW, (255, 120, 40))))
    side = _pick(rng, ("left", "right"))
    return Layout("strip_only", 720, 576, strip, None, ecg, side, ((8, 22), (470, 22)), None, *inks, 2.9)


def _pick(rng: np.random.Generator, choices: tuple[_T, ...]) -> _T:
    return choices[int(rng.integers(len(choices)))]


_PLANS = {"large": _large, "classic": _classic, "beside": _beside, "wide": _wide, "strip_only": _strip_only}


def random_tint(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(256, 3) colour of each grey level: most often grey, else sepia, blue, amber or a two-colour map."""
    grey = np.linspace(0.0, 1.0, 256)[:, None]
    name = rng.choice(["grey", "sepia", "blue", "amber", "cool"], p=[0.55, 0.15, 0.14, 0.08, 0.08])
    strength = rng.uniform(0.4, 1.0)
    powers = {
        "grey": (1.0, 1.0, 1.0),
        "sepia": (0.75, 1.0, 1.5),
        "blue": (1.25, 1.02, 0.8),
        "amber": (0.6, 1.0, 2.2),
        "cool": (1.6, 0.9, 0.9),
    }[str(name)]
    exponents = 1.0 + strength * (np.array(powers)[None, :] - 1.0)
    return np.rint(255.0 * grey**exponents).astype(np.uint8)


def coloured(grey: NDArray[np.uint8], tint: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(rows, columns, 3) picture of ``grey`` in the colours of ``tint``."""
    return cv2.applyColorMap(grey, tint[:, None, :])
