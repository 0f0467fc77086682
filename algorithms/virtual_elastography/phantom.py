"""Simulated pairs of B-mode picture and elastogram with known truth: for training, samples and tests.

    view.py        what a linear or a convex probe sees
    tissue.py      the body as maps of stiffness and brightness; organs.py: what lies where; lesions.py: which look goes
                   with which stiffness
    mechanics.py   displacement under a press of the probe, by finite elements
    speckle.py     scatterers, moved by that displacement, as a scanner draws them before and after
    elastogram.py  softness from strain or from stiffness
    screen.py      the picture on a scanner's screen

Half of all pairs are phantoms, as laboratories have them: even speckle, most with a disc in it. The same state of the
random generator gives the same pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.colours import coloured
from algorithms.virtual_elastography.elastogram import noise, shear_wave_softness, strain, strain_softness
from algorithms.virtual_elastography.lesions import Lesion, paint_lesion
from algorithms.virtual_elastography.mechanics import Press, pressed
from algorithms.virtual_elastography.organs import breast, liver, phantom, prostate, thyroid
from algorithms.virtual_elastography.screen import any_layout, drawn
from algorithms.virtual_elastography.speckle import (
    Scanner,
    any_scanner,
    displayed,
    echoes,
    on_picture,
    scattered,
    seen,
)
from algorithms.virtual_elastography.tissue import Body, Material, Painter
from algorithms.virtual_elastography.view import View, convex_view, linear_view

SIMULATED = "Simulated image, not from a patient"
"""For the header and the face of everything that is made from a phantom."""

ORGANS = ("thyroid", "breast", "liver", "prostate")
SCENES = ("phantom", *ORGANS)
STYLES = ("strain", "shear_wave")

_PAINTERS: dict[str, Painter] = {
    "phantom": phantom,
    "thyroid": thyroid,
    "breast": breast,
    "liver": liver,
    "prostate": prostate,
}
_PHANTOMS = 0.5
"""Share of phantoms where the organ is left to chance."""
_LESIONS = {"stiff": 0.5, "soft": 0.34, "none": 0.16}
"""Shares of lesions where they are left to chance."""


@dataclass(frozen=True)
class PairOptions:
    """What is to be seen; None leaves it to chance.

    Attributes:
        organ: one of SCENES.
        style: of the elastogram.
        lesion: its stiffness against what it lies in.
    """

    organ: Literal["phantom", "thyroid", "breast", "liver", "prostate"] | None = None
    style: Literal["strain", "shear_wave"] | None = None
    lesion: Literal["stiff", "soft", "none"] | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("organ", SCENES), ("style", STYLES), ("lesion", tuple(_LESIONS))):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)} or None; got {value!r}")


@dataclass(frozen=True, eq=False)
class Pair:
    """A B-mode picture, the elastogram of the same tissue, and the truth.

    Attributes:
        bmode: (rows, cols) uint8, as displayed, without marks; black outside the beam.
        elastogram: (rows, cols, 3) uint8, coloured(softness).
        softness: (rows, cols) float32; 0.5 outside the beam.
        lesion: (rows, cols) bool; all False where there is none.
        beam: (rows, cols) bool, what the probe sees.
        contrast: 1 where the lesion is stiffer than what it lies in, -1 where softer, 0 without one.
        stiffness_ratio: of the lesion to what it lies in; 1 without one.
        look: of the lesion (a name in lesions.LOOKS); "" without one.
        organ, style: of SCENES and STYLES.
        mm_per_px: side of a pixel.
        after: (rows, cols) uint8, the B-mode picture after the press.
        displacement_mm: (rows, cols) float32, along the beam as the probe sees it: below 0 towards
            the face; 0 outside the beam.
        before_lines, after_lines: (samples, lines) complex base band that both pictures were made from.
        view, scanner, press: geometry and settings.
    """

    bmode: NDArray[np.uint8]
    elastogram: NDArray[np.uint8]
    softness: NDArray[np.float32]
    lesion: NDArray[np.bool_]
    beam: NDArray[np.bool_]
    contrast: int
    stiffness_ratio: float
    look: str
    organ: str
    style: str
    mm_per_px: float
    after: NDArray[np.uint8]
    displacement_mm: NDArray[np.float32]
    before_lines: NDArray[np.complex64]
    after_lines: NDArray[np.complex64]
    view: View
    scanner: Scanner
    press: Press


@dataclass(frozen=True, eq=False)
class Screen:
    """A pair's B-mode picture on a scanner's screen.

    Attributes:
        rgb: (rows, cols, 3) uint8.
        region_px: (x0, y0, x1, y1) of the 2-D region, the picture; bounds are inclusive, as in DICOM (PS3.3 C.8.5.5).
        pair: the pair; its pixel (x, y) is the screen's pixel (x0 + x, y0 + y).
    """

    rgb: NDArray[np.uint8]
    region_px: tuple[int, int, int, int]
    pair: Pair


def _any_view(scene: str, rng: np.random.Generator) -> View:
    """A geometry as it is usual for a scene, with pictures of 250 to 700 pixels and 0.05 to 0.25 mm each."""
    longer_px = rng.uniform(280, 690)
    if scene == "prostate" and rng.random() < 0.8:
        depth_mm, half_angle, radius_mm = rng.uniform(36, 50), rng.uniform(0.8, 1.0), rng.uniform(9, 13)
    elif rng.random() < {"liver": 0.8, "phantom": 0.08}.get(scene, 0.0):
        depth_mm, half_angle, radius_mm = rng.uniform(55, 80), rng.uniform(0.42, 0.6), rng.uniform(40, 60)
    else:
        low_mm, high_mm = {"liver": (40, 70), "phantom": (20, 70), "prostate": (32, 45)}.get(scene, (25, 45))
        depth_mm = rng.uniform(low_mm, high_mm)
        width_mm = depth_mm * rng.uniform(0.8, 1.3)
        mm_per_px = float(np.clip(max(depth_mm, width_mm) / longer_px, 0.05, 0.25))
        return linear_view(round(depth_mm / mm_per_px), round(width_mm / mm_per_px), mm_per_px)
    width_mm = 2 * (radius_mm + depth_mm) * math.sin(half_angle)
    return convex_view(depth_mm, half_angle, radius_mm, float(np.clip(width_mm / longer_px, 0.1, 0.25)))


def _any_press(scene: str, rng: np.random.Generator) -> Press:
    """A steady press. Gel lets skin glide; a phantom's rubber sticks, which holds what is close to the face."""
    return Press(
        travel=rng.uniform(0.006, 0.014),
        face=rng.uniform(1.05, 1.3),
        tilt=rng.normal(0, 0.03),
        beside=rng.uniform(0.4, 1.1),
        below=rng.uniform(0.2, 0.45),
        spread=rng.uniform(0.8, 1.6) if scene == "phantom" else rng.uniform(0.3, 0.6),
        grip="bonded" if scene == "phantom" else "sliding",
    )


def _any_body(scene: str, lesion: str, view: View, rng: np.random.Generator) -> tuple[Body, Lesion | None]:
    body = Body(view, Material(1.0, 0.0, grain_db=rng.uniform(0.2, 0.8), grain_mm=(6.0, 6.0)), rng)
    host = _PAINTERS[scene](body, rng)
    painted = None if lesion == "none" else paint_lesion(body, host, scene, lesion, rng)
    body.settle(rng)
    return body, painted


def random_pair(rng: np.random.Generator, options: PairOptions = PairOptions()) -> Pair:
    """A pair of some tissue, some scanner and some press, as far as options leave them open."""
    scene = options.organ or ("phantom" if rng.random() < _PHANTOMS else str(rng.choice(ORGANS)))
    style = options.style or str(rng.choice(STYLES))
    wanted = options.lesion or str(rng.choice(list(_LESIONS), p=list(_LESIONS.values())))
    view = _any_view(scene, rng)
    body, lesion = _any_body(scene, wanted, view, rng)
    scanner, press = any_scanner(view, rng), _any_press(scene, rng)
    motion = pressed(body.stiffness, view, press)

    scatterers = scattered(body, scanner, rng)
    axial_mm, lateral_mm = motion.at(scatterers.across, scatterers.depth)
    fan = 1 + scatterers.depth * view.depth_mm / view.radius_mm
    towards_mm = axial_mm - press.travel * view.depth_mm
    moved = scatterers.moved(lateral_mm / (fan * view.width_mm / 2), towards_mm / view.depth_mm)
    before, after = echoes(scatterers, scanner, view, rng), echoes(moved, scanner, view, rng)

    if style == "strain":
        softness = strain_softness(strain(motion, view, rng.uniform(0.05, 0.08) * view.depth_mm), view)
    else:
        softness = shear_wave_softness(body.stiffness, view, rng.uniform(0.012, 0.02) * view.depth_mm)
    softness = np.clip(softness + 0.012 * noise(softness.shape, 6.0, rng), 0, 1)
    softness = on_picture(softness, view, 0.5)
    return Pair(
        bmode=displayed(before, scanner, view),
        elastogram=coloured(softness),
        softness=softness,
        lesion=on_picture(np.maximum(body.lesion_mm, -99), view, -99.0) > 0,
        beam=seen(view),
        contrast=0 if lesion is None else (1 if lesion.contrast == "stiff" else -1),
        stiffness_ratio=1.0 if lesion is None else lesion.ratio,
        look="" if lesion is None else lesion.look,
        organ=scene,
        style=style,
        mm_per_px=view.mm_per_px,
        after=displayed(after, scanner, view),
        displacement_mm=on_picture(motion.axial_mm - press.travel * view.depth_mm, view, 0.0),
        before_lines=before,
        after_lines=after,
        view=view,
        scanner=scanner,
        press=press,
    )


def random_screen(rng: np.random.Generator, options: PairOptions = PairOptions()) -> Screen:
    """A pair as random_pair makes it, with its B-mode picture on the screen of some scanner."""
    pair = random_pair(rng, options)
    rows, cols = pair.bmode.shape
    layout = any_layout(rows, cols, rng)
    lines = (
        f"SIMULATED   {pair.organ.capitalize()}   {rng.choice(('L12-3', 'C5-1', 'VF10-5'))}",
        f"{pair.view.depth_mm / 10:.1f} cm   DR {pair.scanner.range_db:.0f}   G {100 * pair.scanner.gain:.0f} %",
        f"MI {rng.uniform(0.6, 1.4):.1f}   TIS {rng.uniform(0.1, 0.9):.1f}",
    )
    return Screen(
        rgb=drawn(pair.bmode, pair.mm_per_px, lines, layout),
        region_px=(layout.left, layout.top, layout.left + cols - 1, layout.top + rows - 1),
        pair=pair,
    )
