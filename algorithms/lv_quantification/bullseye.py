"""Bull's-eyes by the model of 17 segments (AHA 2002): wall thickness at end-diastole, thickening to end-systole.

The base is the outer ring, the apex the inner one; anterior is up, the septum left. The apical ring has four segments,
taken from the six sectors by their overlap. The apex itself (segment 17) is not seen in short-axis slices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.canvas import (
    FRAME_GREY,
    GREY,
    Canvas,
    colours_of,
    fill,
    page,
    polygon,
    write_centred,
)
from algorithms.lv_quantification.indices import SECTOR_CENTRES_DEG
from algorithms.lv_quantification.study import THICKNESSES, Level, Study

SIDE_PX, HEADER_PX, FOOTER_PX = 460, 40, 56
RADII = {Level.BASAL: (0.60, 0.82), Level.MID: (0.38, 0.60), Level.APICAL: (0.16, 0.38)}  # of half the side
APICAL_CENTRES_DEG = (180.0, 90.0, 0.0, -90.0)  # septal, anterior, lateral, inferior
APICAL_SHARES = (
    np.array(
        [  # of AS, A, AL, IL, I, IS in each
            [45, 0, 0, 0, 0, 45],
            [15, 60, 15, 0, 0, 0],
            [0, 0, 45, 45, 0, 0],
            [0, 0, 0, 15, 60, 15],
        ]
    )
    / 90.0
)
UNKNOWN_COLOUR = (48, 48, 48)
THICKNESS_SCALE_MM = (0.0, 20.0)
THICKENING_SCALE_PERCENT = (0.0, 100.0)
THICKENING_TITLE = "Thickening, % (too low: see the notes)"
"""The networks make too little of it: results.WALL_AT_END_SYSTOLE."""


def segment_thickness_mm(study: Study, frame: int, also_in: int | None = None) -> dict[Level, NDArray[np.float64]]:
    """(6,) of basal and mid, (4,) of apical segments: means over the slices of a level, nan where none shows a wall.

    ``also_in``: only over slices that show one in that frame, too, so that the two can be compared.
    """
    found = {}
    for level in Level:
        rows = [
            one.values[frame, THICKNESSES]
            for one in study.slices
            if one.level is level and (also_in is None or one.seen[also_in])
        ]
        known = np.array([row for row in rows if np.isfinite(row).all()])
        sectors = known.mean(axis=0) if len(known) else np.full(6, np.nan)
        found[level] = APICAL_SHARES @ sectors if level is Level.APICAL else sectors
    return found


def segment_thickening_percent(study: Study) -> dict[Level, NDArray[np.float64]]:
    """From end-diastole to end-systole, over the slices that show the wall in both."""
    at_ed, at_es = study.phases.ed_frame, study.phases.es_frame
    ed, es = segment_thickness_mm(study, at_ed, also_in=at_es), segment_thickness_mm(study, at_es, also_in=at_ed)
    return {level: 100.0 * (es[level] / np.where(ed[level] > 0, ed[level], np.nan) - 1.0) for level in Level}


def bullseye_picture(study: Study) -> Canvas:
    """(rows, columns, 3) RGB: both bull's-eyes, each with its scale."""
    thickening = segment_thickening_percent(study)
    ed = segment_thickness_mm(study, study.phases.ed_frame)
    canvas = page(HEADER_PX + SIDE_PX + FOOTER_PX, 2 * SIDE_PX)
    _draw(canvas[:, :SIDE_PX], "Wall thickness at end-diastole, mm", ed, THICKNESS_SCALE_MM, "{:.1f}")
    _draw(canvas[:, SIDE_PX:], THICKENING_TITLE, thickening, THICKENING_SCALE_PERCENT, "{:.0f}")
    return canvas


def _draw(canvas: Canvas, title: str, values: dict[Level, NDArray], scale: tuple[float, float], number: str) -> None:
    half = SIDE_PX / 2
    middle = np.array([half, HEADER_PX + half])
    write_centred(canvas, title, half, 20, 0.55)
    for level, (inner, outer) in RADII.items():
        centres = APICAL_CENTRES_DEG if level is Level.APICAL else SECTOR_CENTRES_DEG
        for centre, value in zip(centres, values[level], strict=True):
            ring = middle + _wedge(centre, 360.0 / len(centres), inner * half, outer * half)
            known = bool(np.isfinite(value))
            share = (value - scale[0]) / (scale[1] - scale[0]) if known else 0.0
            colour = tuple(int(part) for part in colours_of(np.array([share]))[0]) if known else UNKNOWN_COLOUR
            fill(canvas, ring, colour)
            polygon(canvas, ring, FRAME_GREY)
            at = np.deg2rad(centre)
            x, y = middle + np.array([np.cos(at), -np.sin(at)]) * (inner + outer) / 2 * half
            ink = (20, 20, 20) if known and share > 0.6 else (235, 235, 235)
            write_centred(canvas, number.format(value) if known else "-", x, y, 0.45, ink)
    for text, x, y in (
        ("anterior", 0.0, -0.89),
        ("inferior", 0.0, 0.89),
        ("septal", -0.91, 0.0),
        ("lateral", 0.91, 0.0),
    ):
        write_centred(canvas, text, *(middle + np.array([x, y]) * half), 0.4, GREY)
    _draw_scale(canvas, scale)


def _wedge(centre_deg: float, width_deg: float, inner: float, outer: float) -> NDArray[np.float64]:
    """(n, 2) corners (x, y down) of a ring's piece around the origin."""
    angles = np.deg2rad(np.linspace(centre_deg - width_deg / 2, centre_deg + width_deg / 2, 24))
    circle = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    return np.concatenate([outer * circle, inner * circle[::-1]])


def _draw_scale(canvas: Canvas, scale: tuple[float, float]) -> None:
    left, right, top = 90, SIDE_PX - 90, HEADER_PX + SIDE_PX + 8
    canvas[top : top + 14, left:right] = colours_of(np.linspace(0, 1, right - left))[None]
    for share in (0.0, 0.5, 1.0):
        value = scale[0] + share * (scale[1] - scale[0])
        write_centred(canvas, f"{value:g}", left + share * (right - left), top + 28, 0.42)
