"""Simulated pictures of pelvic ultrasound and of what is none, with what they show: for lessons, samples and trials."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification import colour_flow, rendered_view, screen_furniture, strips, unusable
from algorithms.ovarian_classification.examined import PELVIC, scene_of
from algorithms.ovarian_classification.pelvis_lesions import LESIONS
from algorithms.ovarian_classification.pelvis_texture import any_scanner, picture_lines
from algorithms.ovarian_classification.scan import BEAMS, Placed
from algorithms.ovarian_classification.shown_scene import Shot, shown
from algorithms.ovarian_classification.simulated import (
    ANY_PICTURE,
    KINDS,
    LABELS,
    SIMULATED,
    PictureOptions,
    SimulatedPicture,
    compressed,
    labels_of,
)

__all__ = ["KINDS", "LABELS", "SIMULATED", "PictureOptions", "SimulatedPicture", "cine_of", "picture_of"]

_CYSTS = ("Simple_Cyst", "Chocolate_Cyst", "Serous_Cystadenoma", "Mucinous_Cystadenoma")
_LEAST_OUTLINE = 0.004
"""Share of the screen that a lesion or ovary must fill to count as shown."""


def picture_of(
    rng: np.random.Generator, kind: str | None = None, options: PictureOptions = ANY_PICTURE
) -> SimulatedPicture:
    """A picture of a kind, or of any kind by its share. The same generator state gives the same picture.

    Raises:
        ValueError: the kind is none of KINDS.
    """
    if kind is None:
        shares = np.array(list(KINDS.values()))
        kind = str(rng.choice(list(KINDS), p=shares / shares.sum()))
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)} or None; got {kind!r}")
    if kind == "three_d":
        return _three_d(rng, options)
    if kind in ("m_mode", "spectral"):
        return _strip(kind, rng, options)
    while True:
        shot = _shot(kind, rng, options, BEAMS)
        picture = shown(shot, 0)
        expected = shot.scene.inside_mm is not None and not shot.fault
        still = kind == "doppler" and not picture.labels["blood_flow"]
        if not still and (not expected or picture.lesion.mean() >= _LEAST_OUTLINE):
            return picture


def cine_of(
    rng: np.random.Generator,
    kind: str,
    frames: int,
    step_beams: float = 2.0,
    options: PictureOptions = ANY_PICTURE,
) -> tuple[SimulatedPicture, ...]:
    """Frames of one of the pelvic kinds while the probe is swung, by step_beams of the BEAMS lines a frame.

    Raises:
        ValueError: the kind has no fan to be swung.
    """
    if kind not in (*PELVIC, "bladder", "ascites", "doppler"):
        raise ValueError(f"a cine shows one of {', '.join(PELVIC)}, bladder, ascites, doppler; got {kind!r}")
    swing = round(step_beams * (frames - 1))
    shot = _shot(kind, rng, options, BEAMS + 2 * (swing // 2 + 1))
    return tuple(shown(shot, round(frame * step_beams) - swing // 2) for frame in range(frames))


def _shot(kind: str, rng: np.random.Generator, options: PictureOptions, beams: int) -> Shot:
    fault = str(rng.choice(unusable.FAULTS)) if kind == "undetermined" else ""
    seen = kind
    if kind == "undetermined":
        seen = str(rng.choice([*PELVIC, "bladder"]))
    if kind == "doppler":
        seen = str(rng.choice([*PELVIC[:-1], "uterus", "liver", "kidney", "heart"], p=[0.09] * 8 + [0.07] * 4))
    scene = scene_of(seen, options, rng, beams)
    if fault == "gel":
        unusable.in_the_air(scene.tissue, rng)
    scanner = any_scanner(rng)
    if fault == "gel":
        scanner = replace(scanner, noise_db=-60.0)
    flowing = kind == "doppler" or (kind in LESIONS and rng.random() < 0.08)
    speed = None
    if flowing:
        box = colour_flow.box_around(scene.inside_mm, rng)
        still_mm = scene.inside_mm if scene.category in _CYSTS else None
        speed = colour_flow.speeds(scene.tissue, scene.inside_mm, still_mm, box, rng), box
    lines = picture_lines(scene.tissue, scanner)
    return Shot(kind, scene, lines, speed, fault, options, int(rng.integers(2**62)))


def _three_d(rng: np.random.Generator, options: PictureOptions) -> SimulatedPicture:
    """A rendered surface alone, or below or beside planes of the same volume."""
    longest = options.longest_px or int(rng.choice([448, 448, 640]))
    rows, columns = round(longest * rng.uniform(0.72, 0.95)), longest
    rgb = np.zeros((rows, columns, 3), np.uint8)
    shown = str(rng.choice(["normal_ovary", "serous_cyst", "high_grade_serous", "uterus"]))
    style = screen_furniture.any_style(rng)
    region = (0, 0, columns - 1, rows - 1)
    if rng.random() < 0.4:
        half_rows, half_columns = rows // 2, columns // 2
        for place in range(3):
            small = replace(options, longest_px=max(half_rows, half_columns), whole_screen=False, marks=False)
            plane = picture_of(rng, shown, small)
            tile = cv2.resize(plane.rgb, (half_columns - 4, half_rows - 4), interpolation=cv2.INTER_AREA)
            y, x = (place // 2) * half_rows, (place % 2) * half_columns
            rgb[y : y + half_rows - 4, x : x + half_columns - 4] = tile
        view = _rendered((half_rows - 4, half_columns - 4), shown, rng)
        rgb[half_rows : 2 * half_rows - 4, half_columns : 2 * half_columns - 4] = view
    else:
        left, top = round(rng.uniform(0, 0.2) * columns), round(rng.uniform(0, 0.12) * rows)
        right, bottom = columns - round(rng.uniform(0, 0.15) * columns), rows - round(rng.uniform(0, 0.1) * rows)
        rgb[top:bottom, left:right] = _rendered((bottom - top, right - left), shown, rng)
        region = (left, top, right - 1, bottom - 1)
    for place, line in enumerate(("3D", f"Th{rng.integers(10, 60)}", "Qual high1", "SIMULATED")):
        screen_furniture.write(rgb, line, (columns - 80, 16 + 14 * place), style.ink, style)
    names = {"three_d"} | (set() if shown == "uterus" else {"adnexa"})
    category = None
    if shown in LESIONS:
        names, category = names | {"lesion"}, LESIONS[shown][1]
    elif shown == "normal_ovary":
        category = "Ovary_Normal"
    return SimulatedPicture(
        rgb=compressed(rgb, options, rng),
        kind="three_d",
        labels=labels_of(names),
        lesion=np.zeros((rows, columns), bool),
        category=category,
        region=region,
        mm_per_px=None,
    )


def _rendered(shape: tuple[int, int], shown: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    if shown == "uterus" and rng.random() < 0.7:
        return rendered_view.coronal_uterus(shape, rng)
    return rendered_view.surface(shape, shown != "uterus", rng)


def _strip(kind: str, rng: np.random.Generator, options: PictureOptions) -> SimulatedPicture:
    """A strip over time, mostly under a small fan."""
    longest = options.longest_px or int(rng.choice([448, 560, 640]))
    rows, columns = round(longest * rng.uniform(0.72, 0.9)), longest
    rgb = np.zeros((rows, columns, 3), np.uint8)
    top = 0
    if rng.random() < 0.75:
        top = round(rng.uniform(0.3, 0.55) * rows)
        shown = str(rng.choice(["heart", "liver", "kidney"]))
        fan = picture_of(rng, shown, PictureOptions(top, False, marks=False, compressed=False)).rgb
        high, wide = min(top, fan.shape[0]), min(columns, fan.shape[1])
        left = (columns - wide) // 2
        rgb[:high, left : left + wide] = fan[:high, :wide]
    paint = strips.m_mode if kind == "m_mode" else strips.spectrum
    left, right = round(rng.uniform(0, 0.06) * columns), columns - round(rng.uniform(0.02, 0.1) * columns)
    rgb[top:, left:right] = paint(rows - top, right - left, rng)[..., None]
    style = screen_furniture.any_style(rng)
    placed = Placed(rows, columns, columns / 2, 0, 0.3, left, top, right - 1, rows - 1)
    screen_furniture.settings(rgb, placed, style, rng)
    for x in range(left, right, max(round((right - left) / 12), 1)):
        cv2.line(rgb, (x, rows - 6), (x, rows - 1), style.ink, 1)
    if rng.random() < 0.5:
        lines = [f"Vel {rng.uniform(10, 120):.1f} cm/s", f"RI {rng.uniform(0.4, 1):.2f}"]
        screen_furniture.values(rgb, lines, style, rng)
    return SimulatedPicture(
        rgb=compressed(rgb, options, rng),
        kind=kind,
        labels=labels_of(set()),
        lesion=np.zeros((rows, columns), bool),
        category=None,
        region=(left, top, right - 1, rows - 1),
        mm_per_px=None,
    )
