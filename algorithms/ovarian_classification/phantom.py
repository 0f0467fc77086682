"""Simulated pictures of pelvic ultrasound and of what is none, with what they show: for lessons, samples and trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification import (
    colour_flow,
    other_organs,
    pelvis_scene,
    rendered_view,
    screen_furniture,
    strips,
    unusable,
)
from algorithms.ovarian_classification.pelvis_lesions import LESIONS
from algorithms.ovarian_classification.pelvis_texture import Field, Tissue, any_scanner, picture_lines
from algorithms.ovarian_classification.scan import BEAMS, Conversion, Placed, Probe, any_probe, conversion, placed_in

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

_PELVIC = ("normal_ovary", *LESIONS, "uterus")
_ELSEWHERE: Mapping[str, tuple[Callable[[Tissue, np.random.Generator], None], str]] = MappingProxyType(
    {
        "liver": (other_organs.liver, "curved"),
        "kidney": (other_organs.kidney_alone, "curved"),
        "thyroid": (other_organs.thyroid, "linear"),
        "heart": (other_organs.heart, "phased"),
    }
)
_LEAST_OUTLINE = 0.004
"""Share of the screen that a lesion or ovary must fill to count as shown."""


@dataclass(frozen=True)
class PictureOptions:
    """What is not left to chance; None leaves it.

    Attributes:
        longest_px: of the picture's sides.
        whole_screen: with margins and a header, else cut to the fan as public pictures are.
        probe: endocavity or curved, where the pelvis is seen.
        marks: callipers, labels, body mark.
        compressed: whether a JPEG's blocks are in the picture.
    """

    longest_px: int | None = None
    whole_screen: bool | None = None
    probe: str | None = None
    marks: bool | None = None
    compressed: bool | None = None


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
        statement: what every object made of it has to say.
    """

    rgb: NDArray[np.uint8]
    kind: str
    labels: Mapping[str, bool]
    lesion: NDArray[np.bool_]
    category: str | None
    region: tuple[int, int, int, int]
    mm_per_px: float | None
    statement: str = SIMULATED


@dataclass(frozen=True, eq=False)
class _Scene:
    """What lies before the probe.

    Attributes:
        tissue: painted.
        inside_mm: (samples, beams) mm inside the lesion or ovary; None without one.
        category: of the public images.
        labels: names of those that hold.
    """

    tissue: Tissue
    inside_mm: Field | None
    category: str | None
    labels: frozenset[str]


@dataclass(frozen=True, eq=False)
class _Shot:
    """A scene as a scanner shows it; frames differ in which beams they take.

    Attributes:
        kind: of KINDS.
        scene: what is seen.
        lines: (samples, beams) grey.
        speed: (samples, beams) of flow, with its box; None without.
        fault: of unusable.FAULTS, or "".
        options: as asked.
        seed: of layout and furniture.
    """

    kind: str
    scene: _Scene
    lines: Field
    speed: tuple[Field, colour_flow.FlowBox] | None
    fault: str
    options: PictureOptions
    seed: int


def picture_of(
    rng: np.random.Generator, kind: str | None = None, options: PictureOptions = PictureOptions()
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
        picture = _shown(shot, 0)
        expected = shot.scene.inside_mm is not None and not shot.fault
        still = kind == "doppler" and not picture.labels["blood_flow"]
        if not still and (not expected or picture.lesion.mean() >= _LEAST_OUTLINE):
            return picture


def cine_of(
    rng: np.random.Generator,
    kind: str,
    frames: int,
    step_beams: float = 2.0,
    options: PictureOptions = PictureOptions(),
) -> tuple[SimulatedPicture, ...]:
    """Frames of one of the pelvic kinds while the probe is swung, by step_beams of the BEAMS lines a frame.

    Raises:
        ValueError: the kind has no fan to be swung.
    """
    if kind not in (*_PELVIC, "bladder", "ascites", "doppler"):
        raise ValueError(f"a cine shows one of {', '.join(_PELVIC)}, bladder, ascites, doppler; got {kind!r}")
    swing = round(step_beams * (frames - 1))
    shot = _shot(kind, rng, options, BEAMS + 2 * (swing // 2 + 1))
    return tuple(_shown(shot, round(frame * step_beams) - swing // 2) for frame in range(frames))


def _shot(kind: str, rng: np.random.Generator, options: PictureOptions, beams: int) -> _Shot:
    fault = str(rng.choice(unusable.FAULTS)) if kind == "undetermined" else ""
    shown = kind
    if kind == "undetermined":
        shown = str(rng.choice([*_PELVIC, "bladder"]))
    if kind == "doppler":
        shown = str(rng.choice([*_PELVIC[:-1], "uterus", "liver", "kidney", "heart"], p=[0.09] * 8 + [0.07] * 4))
    scene = _scene(shown, options, rng, beams)
    if fault == "gel":
        unusable.in_the_air(scene.tissue, rng)
    scanner = any_scanner(rng)
    if fault == "gel":
        scanner = replace(scanner, noise_db=-60.0)
    flowing = kind == "doppler" or (kind in LESIONS and rng.random() < 0.08)
    speed = None
    if flowing:
        box = colour_flow.box_around(scene.inside_mm, rng)
        speed = colour_flow.speeds(scene.tissue, scene.inside_mm, box, rng), box
    lines = picture_lines(scene.tissue, scanner)
    return _Shot(kind, scene, lines, speed, fault, options, int(rng.integers(2**62)))


def _scene(shown: str, options: PictureOptions, rng: np.random.Generator, beams: int) -> _Scene:
    """Paints one of the pelvic kinds, bladder, ascites, or another organ."""
    if shown in _ELSEWHERE or shown == "contrast":
        paint, probe_name = _ELSEWHERE.get(shown, _ELSEWHERE["liver"])
        tissue = Tissue(any_probe(probe_name, rng), rng, beams)
        paint(tissue, rng)
        return _Scene(tissue, None, None, frozenset())
    outside = {"bladder": 0.85, "uterus": 0.3, "ascites": 0.45}.get(shown, 0.18)
    probe_name = options.probe or ("curved" if rng.random() < outside else "endocavity")
    tissue = Tissue(any_probe(probe_name, rng), rng, beams)
    pelvis_scene.surroundings(tissue, rng)
    if probe_name == "curved":
        pelvis_scene.belly_wall(tissue, rng)
    if shown == "bladder":
        pelvis_scene.bladder(tissue, rng)
        if rng.random() < 0.5:
            pelvis_scene.uterus(tissue, rng, (rng.uniform(-10, 10), 0.62 * tissue.probe.depth_mm))
        return _Scene(tissue, None, None, frozenset())
    if shown == "ascites":
        return _with_fluid(tissue, rng)
    inside_mm, category, labels = _pelvic(shown, tissue, rng)
    if shown == "high_grade_serous" and rng.random() < 0.3:
        pelvis_scene.free_fluid(tissue, rng, inside_mm)
        labels = labels | {"ascites"}
    return _Scene(tissue, inside_mm, category, labels)


def _pelvic(shown: str, tissue: Tissue, rng: np.random.Generator) -> tuple[Field | None, str | None, frozenset[str]]:
    if shown == "uterus":
        pelvis_scene.uterus(tissue, rng)
        return None, None, frozenset()
    if shown == "normal_ovary":
        return pelvis_scene.normal_ovary(tissue, rng), "Ovary_Normal", frozenset({"adnexa"})
    paint, category = LESIONS[shown]
    return paint(tissue, rng), category, frozenset({"adnexa", "lesion"})


def _with_fluid(tissue: Tissue, rng: np.random.Generator) -> _Scene:
    """Free fluid round a uterus, a mass, an ovary, or loops of bowel alone."""
    beside = str(rng.choice(["uterus", "high_grade_serous", "normal_ovary", "serous_cyst", "loops"]))
    if beside == "loops":
        pelvis_scene.free_fluid(tissue, rng)
        return _Scene(tissue, None, None, frozenset({"ascites"}))
    if beside == "uterus":
        kept: Field | None = pelvis_scene.uterus(tissue, rng)
        pelvis_scene.free_fluid(tissue, rng, kept)
        return _Scene(tissue, None, None, frozenset({"ascites"}))
    kept, category, labels = _pelvic(beside, tissue, rng)
    pelvis_scene.free_fluid(tissue, rng, kept)
    return _Scene(tissue, kept, category, labels | {"ascites"})


def _layout(probe: Probe, options: PictureOptions, rng: np.random.Generator) -> tuple[Placed, bool]:
    """Where the fan stands, and whether on a whole screen."""
    whole = options.whole_screen if options.whole_screen is not None else rng.random() < 0.3
    longest = options.longest_px or (int(rng.choice([560, 640, 640])) if whole else 448)
    wide = 1.0
    if probe.name == "endocavity" and rng.random() < 0.65:
        wide = rng.uniform(0.42, 0.7)
    if whole:
        rows = round(0.75 * longest)
        left, right = round(rng.uniform(0.06, 0.16) * longest), round(rng.uniform(0.1, 0.2) * longest)
        top, bottom = round(rng.uniform(0.06, 0.13) * rows), round(rng.uniform(0.03, 0.12) * rows)
        box = (left, top, longest - right - 1, rows - bottom - 1)
        return placed_in(probe, rows, longest, box, wide), True
    aspect = 2 * probe.half_width_mm * wide / (probe.depth_mm + probe.rise_mm)
    aspect *= 1 + (rng.uniform(0, 0.12) if rng.random() < 0.4 else 0)
    columns, rows = (longest, round(longest / aspect)) if aspect > 1 else (round(longest * aspect), longest)
    cut = round(rng.uniform(0, 0.05) * rows)
    return placed_in(probe, rows, columns, (0, -cut, columns - 1, rows - 1), wide), False


def _shown(shot: _Shot, swing: int) -> SimulatedPicture:
    """The shot on a screen, taken ``swing`` beams aside of the middle."""
    rng = np.random.default_rng(shot.seed)
    placed, whole = _layout(shot.scene.tissue.probe, shot.options, rng)
    placed = replace(placed, y0=max(placed.y0, 0))
    fan = conversion(shot.scene.tissue.probe, placed)

    def part(lines: Field) -> Field:
        first = (lines.shape[1] - BEAMS) // 2 + swing
        return np.ascontiguousarray(lines[:, first : first + BEAMS])

    grey = fan.on_screen(part(shot.lines))
    grey = unusable.spoiled(shot.fault, grey, rng)
    outline = np.zeros(grey.shape, bool)
    if shot.scene.inside_mm is not None and not shot.fault:
        outline = (fan.on_screen(part(shot.scene.inside_mm)) > 0) & fan.seen
    style = screen_furniture.any_style(rng)
    rgb = _tinted(grey, fan, style.margin if whole else 0, shot.kind, rng)
    labels = set() if shot.fault else set(shot.scene.labels)
    if shot.speed is not None and not shot.fault:
        speed, box = shot.speed
        colour_flow.outline(box, fan, rgb, (style.mark, screen_furniture.WHITE)[int(rng.integers(2))])
        if colour_flow.paint_flow(rgb, part(speed), fan).mean() >= colour_flow.LEAST_FLOW:
            labels.add("blood_flow")
        screen_furniture.flow_settings(rgb, placed, style, rng)
    if shot.fault:
        labels.add("undetermined")
    _furnish(rgb, outline, placed, whole, style, shot.options, rng)
    return SimulatedPicture(
        rgb=_compressed(rgb, shot.options, rng),
        kind=shot.kind,
        labels=_labels(labels),
        lesion=outline,
        category=None if shot.fault else shot.scene.category,
        region=(placed.x0, placed.y0, placed.x1, placed.y1),
        mm_per_px=placed.mm_per_px,
    )


def _labels(names: set[str] | frozenset[str]) -> Mapping[str, bool]:
    return MappingProxyType({name: name in names for name in LABELS})


def _tinted(
    grey: NDArray[np.float32], fan: Conversion, margin: int, kind: str, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """RGB of the grey picture, at times cool or warm as scanners' maps are; amber where contrast is shown."""
    tint = np.ones(3)
    if kind == "contrast":
        tint = np.array([1.0, 0.72, 0.25])
    elif rng.random() < 0.35:
        tint = (np.array([0.93, 0.98, 1.03]), np.array([1.02, 0.99, 0.92]))[int(rng.random() < 0.3)]
    rgb = np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)
    rgb[~fan.seen] = margin
    return rgb


def _furnish(
    rgb: NDArray[np.uint8],
    outline: NDArray[np.bool_],
    placed: Placed,
    whole: bool,
    style: screen_furniture.Style,
    options: PictureOptions,
    rng: np.random.Generator,
) -> None:
    """Everything that a scanner or a person put over the picture."""
    if whole:
        screen_furniture.header(rgb, style, rng)
    if rng.random() < 0.75:
        screen_furniture.settings(rgb, placed, style, rng)
    if rng.random() < 0.6:
        screen_furniture.grey_bar(rgb, placed)
    if rng.random() < 0.8:
        screen_furniture.depth_ticks(rgb, placed, str(rng.choice(["left", "right"])), style)
    if rng.random() < 0.5:
        screen_furniture.maker_mark(rgb, placed, style, rng)
    wanted = options.marks if options.marks is not None else rng.random() < 0.8
    if not wanted:
        return
    if rng.random() < 0.6:
        _measured(rgb, outline, placed, style, rng)
    if rng.random() < 0.4:
        rows, columns = np.nonzero(outline)
        middle = (round(float(columns.mean())), round(float(rows.mean()))) if len(rows) else (rgb.shape[1] // 2, 150)
        screen_furniture.label(rgb, middle, style, rng)
    if rng.random() < 0.3:
        screen_furniture.body_mark(rgb, placed, style, rng)


def _measured(
    rgb: NDArray[np.uint8],
    outline: NDArray[np.bool_],
    placed: Placed,
    style: screen_furniture.Style,
    rng: np.random.Generator,
) -> None:
    """Callipers on what is outlined, or, so that they tell nothing, on anything else."""
    if not outline.any():
        outline = np.zeros_like(outline)
        rows, columns = outline.shape
        middle = (int(rng.uniform(0.3, 0.7) * columns), int(rng.uniform(0.3, 0.7) * rows))
        axes = (int(rng.uniform(0.06, 0.25) * columns), int(rng.uniform(0.05, 0.2) * rows))
        canvas = np.zeros(outline.shape, np.uint8)
        cv2.ellipse(canvas, middle, axes, rng.uniform(0, 180), 0, 360, 1, -1)
        outline = canvas > 0
    screen_furniture.callipers(rgb, outline, placed, style, rng)


def _compressed(rgb: NDArray[np.uint8], options: PictureOptions, rng: np.random.Generator) -> NDArray[np.uint8]:
    """With a JPEG's losses, as pictures from archives mostly have."""
    wanted = options.compressed if options.compressed is not None else rng.random() < 0.7
    if not wanted:
        return rgb
    _, stored = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))])
    return np.ascontiguousarray(cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1])


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
        surface = rendered_view.surface((half_rows - 4, half_columns - 4), shown != "uterus", rng)
        rgb[half_rows : 2 * half_rows - 4, half_columns : 2 * half_columns - 4] = surface
    else:
        left, top = round(rng.uniform(0, 0.2) * columns), round(rng.uniform(0, 0.12) * rows)
        right, bottom = columns - round(rng.uniform(0, 0.15) * columns), rows - round(rng.uniform(0, 0.1) * rows)
        rgb[top:bottom, left:right] = rendered_view.surface((bottom - top, right - left), shown != "uterus", rng)
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
        rgb=_compressed(rgb, options, rng),
        kind="three_d",
        labels=_labels(names),
        lesion=np.zeros((rows, columns), bool),
        category=category,
        region=region,
        mm_per_px=None,
    )


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
        rgb=_compressed(rgb, options, rng),
        kind=kind,
        labels=_labels(set()),
        lesion=np.zeros((rows, columns), bool),
        category=None,
        region=(left, top, right - 1, rows - 1),
        mm_per_px=None,
    )
