"""Colour Doppler: a box on the fan, flow in vessels round and within what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.pelvis_texture import Field, Tissue
from algorithms.ovarian_classification.scan import BEAMS, SAMPLES, Conversion
from algorithms.ovarian_classification.screen_furniture import Ink, flow_colour

LEAST_FLOW = 0.0006
"""Share of coloured pixels that makes a picture one with blood flow."""
_COLOURS = np.array([flow_colour(speed) for speed in np.linspace(-1, 1, 255)], np.uint8)


@dataclass(frozen=True)
class FlowBox:
    """The part of the fan where flow is looked for: first and last line, first and last sample."""

    beam0: int
    beam1: int
    sample0: int
    sample1: int


def box_around(inside_mm: Field | None, rng: np.random.Generator) -> FlowBox:
    """A box round an outline with some room, or somewhere in the middle of the fan."""
    if inside_mm is not None and (inside_mm > 0).any():
        aside = (inside_mm.shape[1] - BEAMS) // 2
        samples, beams = np.nonzero(inside_mm > 0)
        beams = beams - aside
        room = rng.uniform(0.02, 0.12, 4)
    else:
        samples = np.array([rng.uniform(0.2, 0.35), rng.uniform(0.55, 0.75)]) * SAMPLES
        beams = np.array([rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)]) * BEAMS
        room = np.zeros(4)
    return FlowBox(
        int(np.clip(beams.min() - room[0] * BEAMS, 3, BEAMS // 2)),
        int(np.clip(beams.max() + room[1] * BEAMS, BEAMS // 2 + 10, BEAMS - 4)),
        int(np.clip(samples.min() - room[2] * SAMPLES, 14, SAMPLES // 2)),
        int(np.clip(samples.max() + room[3] * SAMPLES, SAMPLES // 2, 0.94 * SAMPLES)),
    )


def speeds(
    tissue: Tissue, inside_mm: Field | None, still_mm: Field | None, box: FlowBox, rng: np.random.Generator
) -> Field:
    """Stretches of vessels on a rim, within and around.

    Args:
        tissue: what is seen.
        inside_mm: (samples, beams) mm inside an outline on whose rim vessels run.
        still_mm: the same of what holds fluid, where nothing flows.
        box: where flow is looked for.
        rng: of the scene.

    Returns:
        (samples, beams) speed, -1 to 1, 0 without flow.
    """
    size = tissue.probe.depth_mm
    course = tissue.noise(rng.uniform(0.08, 0.16) * size, rng.uniform(0.06, 0.1) * size)
    tubes = 1 - np.abs(course) / np.float32(rng.uniform(0.16, 0.3))
    present = tissue.noise(0.08 * size, 0.07 * size)
    if inside_mm is not None:
        rim = np.exp(-((inside_mm / np.float32(0.025 * size)) ** 2))
        within = np.float32(rng.choice([0.0, 0.0, 0.7])) * (inside_mm > 0)
        present = present + 1.6 * rim + within - 0.9
    part = np.zeros_like(course)
    aside = (course.shape[1] - BEAMS) // 2
    part[box.sample0 : box.sample1, aside + box.beam0 : aside + box.beam1] = 1
    threshold = float(np.quantile(present[part > 0], rng.uniform(0.82, 0.95)))
    strength = np.clip(tubes, 0, 1) * (present > threshold) * part
    if still_mm is not None:
        strength = strength * (still_mm < 0.5)
    sign = np.where(tissue.noise(0.12 * size, 0.1 * size) > rng.normal(0, 0.5), 1.0, -1.0)
    fast = strength * (0.55 + 0.35 * tissue.noise(3.0, 3.0))
    return (sign * np.clip(fast, 0, 1)).astype(np.float32)


def paint_flow(screen: NDArray[np.uint8], speed: Field, conversion: Conversion) -> NDArray[np.bool_]:
    """Colours the screen in place; (rows, columns) where it did."""
    seen = conversion.on_screen(speed)
    flowing = np.abs(seen) > 0.12
    screen[flowing] = _COLOURS[np.clip(np.round((seen[flowing] + 1) * 127), 0, 254).astype(int)]
    return flowing


def outline(
    box: FlowBox, conversion: Conversion, screen: NDArray[np.uint8], ink: Ink
) -> tuple[int, int, int, int] | None:
    """Draws the box's outline; (x0, y0, x1, y1) around it, inclusive, or None where the window leaves nothing of it."""
    within = (
        (conversion.beam >= box.beam0)
        & (conversion.beam <= box.beam1)
        & (conversion.sample >= box.sample0)
        & (conversion.sample <= box.sample1)
        & conversion.seen
    )
    lines, _ = cv2.findContours(within.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(screen, lines, -1, ink, 1)
    rows, columns = np.nonzero(within)
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())
