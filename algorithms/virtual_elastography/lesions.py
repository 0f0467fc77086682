"""Lesions of known stiffness, and which look goes with which stiffness.

What a radiologist reads from a B-mode picture is what the picture carries of stiffness; so it is here:

    stiff (ratio 2 to 10)                                      soft (ratio 0.2 to 0.55)
    dark_disc     phantom: even, 5 to 16 dB darker             cyst         black, smooth, brighter behind it
    hypoechoic    dark, oval, smooth (adenoma, metastasis)     bright       4 to 9 dB brighter, smooth (fat, angioma)
    suspicious    darker, taller than wide, uneven margin,     spongiform   small black holes in even tissue
                  shadow behind it                             halo         as bright as the tissue, thin dark rim
    calcified     dark, uneven, with bright specks

MISLEADING of all lesions have the look of the other side, as happens in life.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.tissue import Body, Host, Material, edge

MISLEADING = 0.02
"""Share of lesions that look like what they are not."""

Contrast = Literal["stiff", "soft"]
Span = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """What a lesion looks like; spans are drawn from evenly.

    Attributes:
        echo_db: against its surroundings.
        attenuation: as in Material: above 0 shadows, below 0 brightens what lies behind.
        height: height by width.
        uneven: how far the margin strays from an ellipse, as a share of the radius.
        edge_mm: width of the margin.
        grain_db: structure inside.
        specks: number of bright specks (micro-calcifications).
        holes: share of the inside that is small cysts.
        rim_db: brightness of a thin rim against the surroundings.
    """

    echo_db: Span
    attenuation: Span = (0.0, 0.0)
    height: Span = (0.8, 1.2)
    uneven: Span = (0.0, 0.05)
    edge_mm: Span = (0.2, 0.6)
    grain_db: float = 0.8
    specks: tuple[int, int] = (0, 0)
    holes: float = 0.0
    rim_db: Span = (0.0, 0.0)


LOOKS: dict[str, dict[str, Look]] = {
    "stiff": {
        "dark_disc": Look((-16, -5), (0.0, 1.0), (0.9, 1.1), (0.0, 0.02), (0.2, 0.5), grain_db=0.3),
        "hypoechoic": Look((-12, -6), (0.0, 1.5), (0.6, 1.0), (0.02, 0.07), rim_db=(-3, 3)),
        "suspicious": Look((-14, -7), (3.0, 9.0), (1.0, 1.5), (0.08, 0.18), (0.4, 1.2), 1.8),
        "calcified": Look((-12, -6), (2.0, 6.0), (0.9, 1.4), (0.06, 0.14), (0.3, 0.9), 1.5, specks=(6, 22)),
    },
    "soft": {
        "cyst": Look((-45, -35), (-6.0, -2.5), (0.75, 1.1), (0.0, 0.05), (0.1, 0.3), 0.0, rim_db=(0, 4)),
        "bright": Look((4, 9), (-0.5, 0.5), (0.5, 1.0), (0.0, 0.07)),
        "spongiform": Look((-1, 2), (-3.0, -1.0), (0.6, 1.0), (0.0, 0.05), holes=0.45, rim_db=(-8, -4)),
        "halo": Look((-1.0, 2.0), (-0.5, 0.5), (0.6, 1.0), (0.0, 0.04), rim_db=(-14, -9)),
    },
}
STIFFNESS_RATIO: dict[str, Span] = {"stiff": (2.0, 10.0), "soft": (0.2, 0.55)}

USUAL: dict[str, dict[str, tuple[str, ...]]] = {
    "phantom": {"stiff": ("dark_disc",), "soft": ("cyst", "bright")},
    "thyroid": {"stiff": ("hypoechoic", "suspicious", "calcified"), "soft": ("cyst", "spongiform", "halo")},
    "breast": {"stiff": ("hypoechoic", "suspicious", "calcified"), "soft": ("cyst", "bright", "halo")},
    "liver": {"stiff": ("hypoechoic", "suspicious"), "soft": ("cyst", "bright")},
    "prostate": {"stiff": ("hypoechoic", "suspicious"), "soft": ("cyst", "halo")},
}
"""Scene -> contrast -> the looks that are common there."""


@dataclass(frozen=True)
class Lesion:
    """A lesion that was painted: its side, its stiffness by that of what it lies in, and its look."""

    contrast: Contrast
    ratio: float
    look: str


def _outline(body: Body, host: Host, look: Look, rng: np.random.Generator) -> NDArray[np.float32]:
    """(rows, cols) mm inside the outline of a lesion somewhere in the host."""
    radius_mm, height = rng.uniform(*host.radius_mm), rng.uniform(*look.height)
    half_width_mm, half_height_mm = radius_mm / math.sqrt(height), radius_mm * math.sqrt(height)
    x_mm = body.x_mm - rng.uniform(*host.x_mm)
    y_mm = body.y_mm - rng.uniform(*host.y_mm)
    turn = rng.normal(0, 0.2)
    right = (x_mm * math.cos(turn) + y_mm * math.sin(turn)) / half_width_mm
    down = (y_mm * math.cos(turn) - x_mm * math.sin(turn)) / half_height_mm
    angle = np.arctan2(down, right)
    margin = np.ones_like(angle)
    uneven = rng.uniform(*look.uneven)
    for order in range(2, 9):
        margin += uneven / math.sqrt(order) * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * math.pi))
    return ((margin - np.hypot(right, down)) * radius_mm).astype(np.float32)


def _details(body: Body, inside: NDArray[np.float32], look: Look, rng: np.random.Generator) -> None:
    """Rim, small cysts and specks."""
    rim_mm = 0.06 * float(inside.max()) + 0.35
    body.echo_db += rng.uniform(*look.rim_db) * np.exp(-(((inside - rim_mm / 2) / rim_mm) ** 2))
    if look.holes > 0:
        size_mm = max(float(inside.max()) * 0.22, 0.7)
        pattern = body.noise((size_mm * 1.4, size_mm), rng)
        within = inside > rim_mm
        level = np.quantile(pattern[within], 1 - look.holes) if within.any() else np.inf
        body.echo_db -= 22 * edge(pattern - level, 0.5) * edge(inside - rim_mm, 0.4)
    places = np.argwhere(inside > 0.15 * inside.max())
    for row, col in rng.permutation(places)[: rng.integers(*look.specks, endpoint=True)]:
        near_mm = np.hypot(body.x_mm - body.x_mm[row, col], body.y_mm - body.y_mm[row, col])
        body.echo_db += rng.uniform(16, 24) * np.exp(-((near_mm / 0.25) ** 2))


def paint_lesion(body: Body, host: Host, scene: str, contrast: Contrast, rng: np.random.Generator) -> Lesion:
    """Paint a lesion into a body, and its outline into body.lesion_mm."""
    shown: Contrast = contrast
    if rng.random() < MISLEADING:
        shown = "soft" if contrast == "stiff" else "stiff"
    name = str(rng.choice(USUAL[scene][shown]))
    look = LOOKS[shown][name]
    inside = _outline(body, host, look, rng)
    low, high = STIFFNESS_RATIO[contrast]
    ratio = float(np.exp(rng.uniform(math.log(low), math.log(high))))
    around = (inside < 0) & (inside > -3)
    margin_mm = rng.uniform(*look.edge_mm)
    material = Material(
        stiffness=ratio * body.stiffness_of(around),
        echo_db=float(np.median(body.echo_db[around])) + rng.uniform(*look.echo_db),
        attenuation=rng.uniform(*look.attenuation),
        grain_db=look.grain_db,
        grain_mm=(2.0, 1.5),
    )
    body.paint(edge(inside, margin_mm), material, rng)
    _details(body, inside, look, rng)
    body.lesion_mm = inside
    return Lesion(contrast, ratio, name)
