"""A scene on a scanner's screen: where its fan stands, tint, flow, and what was written over it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification import colour_flow, screen_furniture, unusable
from algorithms.ovarian_classification.examined import Scene
from algorithms.ovarian_classification.pelvis_texture import Field
from algorithms.ovarian_classification.scan import BEAMS, Conversion, Placed, Probe, conversion, placed_in
from algorithms.ovarian_classification.simulated import PictureOptions, SimulatedPicture, compressed, labels_of


@dataclass(frozen=True, eq=False)
class Shot:
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
    scene: Scene
    lines: Field
    speed: tuple[Field, colour_flow.FlowBox] | None
    fault: str
    options: PictureOptions
    seed: int


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


def shown(shot: Shot, swing: int) -> SimulatedPicture:
    """The shot on a screen, taken ``swing`` beams aside of the middle."""
    rng = np.random.default_rng(shot.seed)
    placed, whole = _layout(shot.scene.tissue.probe, shot.options, rng)
    placed = replace(placed, y0=max(placed.y0, 0))
    fan = conversion(shot.scene.tissue.probe, placed)

    def part(lines: Field) -> Field:
        first = (lines.shape[1] - BEAMS) // 2 + swing
        return np.ascontiguousarray(lines[:, first : first + BEAMS])

    grey = fan.on_screen(part(shot.lines))
    grey = unusable.spoiled(shot.fault, grey, fan.seen, rng)
    outline = np.zeros(grey.shape, bool)
    if shot.scene.inside_mm is not None and not shot.fault:
        outline = (fan.on_screen(part(shot.scene.inside_mm)) > 0) & fan.seen
    style = screen_furniture.any_style(rng)
    rgb = _tinted(grey, fan, style.margin if whole else 0, shot.kind, rng)
    labels = set() if shot.fault else set(shot.scene.labels)
    flow_region = None
    if shot.speed is not None and not shot.fault:
        speed, box = shot.speed
        flow_region = colour_flow.outline(box, fan, rgb, (style.mark, screen_furniture.WHITE)[int(rng.integers(2))])
        if colour_flow.paint_flow(rgb, part(speed), fan).mean() >= colour_flow.LEAST_FLOW:
            labels.add("blood_flow")
        screen_furniture.flow_settings(rgb, placed, style, rng)
    if shot.fault:
        labels.add("undetermined")
    _furnish(rgb, outline, placed, whole, style, shot.options, rng)
    if shot.options.monochrome and "blood_flow" not in labels:
        rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return SimulatedPicture(
        rgb=compressed(rgb, shot.options, rng),
        kind=shot.kind,
        labels=labels_of(labels),
        lesion=outline,
        category=None if shot.fault else shot.scene.category,
        region=(placed.x0, placed.y0, placed.x1, placed.y1),
        mm_per_px=placed.mm_per_px,
        flow_region=flow_region,
    )


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
