"""What a screen shows over and around its strip: trace, ticks, callipers, values and settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import ecg_trace, random_electrocardiogram
from algorithms.mmode_ef.cycle_truth import CycleTruth
from algorithms.mmode_ef.layouts import Box, Layout
from algorithms.mmode_ef.recording import Recording, ScreenOptions
from algorithms.mmode_ef.screen_marks import (
    draw_calliper,
    draw_depth_scale,
    draw_grey_bar,
    draw_grid_dots,
    draw_lines_of_text,
    draw_time_ticks,
    draw_trace,
)

_CALLIPERS = {
    "IVSd": ("ed_upper_outer", "ed_upper_inner"),
    "LVIDd": ("ed_upper_inner", "ed_lower_inner"),
    "LVPWd": ("ed_lower_inner", "ed_lower_outer"),
    "IVSs": ("es_upper_outer", "es_upper_inner"),
    "LVIDs": ("es_upper_inner", "es_lower_inner"),
    "LVPWs": ("es_lower_inner", "es_lower_outer"),
}


@dataclass(frozen=True)
class Measured:
    """A measurement that somebody left on the screen, with a person's error.

    Attributes:
        name: as printed.
        first, last: its two ends, pixels of the strip.
        length_cm: as printed.
    """

    name: str
    first: tuple[float, float]
    last: tuple[float, float]
    length_cm: float


def random_measurements(rng: np.random.Generator, recording: Recording, chance: float) -> tuple[Measured, ...]:
    """With ``chance``, callipers: on the walls of one cycle, or anywhere where there is no such cycle."""
    if rng.random() >= chance:
        return ()
    whole = [cycle for cycle in recording.cycles if cycle.complete]
    if whole and rng.random() < 0.8:
        return _on_walls(rng, recording, whole[int(rng.integers(len(whole)))])
    rows, columns = recording.grey.shape
    measured = []
    for i in range(int(rng.integers(1, 3))):
        x, y = rng.uniform(8, columns - 8), rng.uniform(0.15, 0.6) * rows
        last = (float(np.clip(x + rng.normal(0, 30), 6, columns - 6)), y + rng.uniform(0.05, 0.3) * rows)
        cm = abs(last[1] - y) * recording.mm_per_px / 10.0
        measured.append(Measured(f"Dist {i + 1}", (x, y), last, cm))
    return tuple(measured)


def _on_walls(rng: np.random.Generator, recording: Recording, cycle: CycleTruth) -> tuple[Measured, ...]:
    """The lengths of one cycle as a person measures them: all on one plumb line in each phase, a little off."""
    names = list(_CALLIPERS)[: int(rng.choice([2, 3, 6]))]
    off = {phase: rng.normal(0.0, 3.0) for phase in ("ed", "es")}
    measured = []
    for name in names:
        ends = []
        for point in _CALLIPERS[name]:
            x, y = cycle.points_px[point]
            ends.append((x + off[point[:2]], y + rng.normal(0.0, 1.2)))
        length_cm = abs(ends[1][1] - ends[0][1]) * recording.mm_per_px / 10.0
        measured.append(Measured(name, ends[0], ends[1], length_cm))
    return tuple(measured)


def draw_over_strip(
    rng: np.random.Generator,
    image: NDArray[np.uint8],
    layout: Layout,
    recording: Recording,
    measured: tuple[Measured, ...],
) -> None:
    """Everything that lies over the strip itself: dots, ticks, sweep bar, electrocardiogram, callipers."""
    strip = layout.strip
    px_per_s, px_per_cm = 1.0 / recording.sweep.seconds_per_px, 10.0 / recording.mm_per_px
    if rng.random() < 0.3:
        dots = (190, 110, 40) if rng.random() < 0.5 else (110, 110, 110)
        draw_grid_dots(image, strip, px_per_s, px_per_cm, dots)
    if recording.sweep.gap and rng.random() < 0.6:
        image[strip.y0 : strip.y1 + 1, strip.x0 + recording.sweep.bar] = layout.ecg_ink
    inside = bool(rng.random() < 0.6)
    draw_time_ticks(image, strip, px_per_s, layout.ink, inside)
    if layout.ecg is not None:
        heights = ecg_trace(random_electrocardiogram(rng), recording.beats, recording.sweep.times_s, rng)
        x = strip.x0 + np.arange(strip.columns)
        for first, last, _ in recording.sweep.runs:
            piece = slice(first, last + 1)
            draw_trace(image, x[piece], heights[piece], layout.ecg, layout.ecg_ink)
    for one in measured:
        ends = [(strip.x0 + x, strip.y0 + y) for x, y in (one.first, one.last)]
        draw_calliper(image, ends[0], ends[1], layout.mark_ink)


def draw_around_strip(
    rng: np.random.Generator,
    image: NDArray[np.uint8],
    layout: Layout,
    recording: Recording,
    measured: tuple[Measured, ...],
    tint: NDArray[np.uint8],
) -> None:
    """Depth scale, grey bar, settings and values."""
    draw_depth_scale(image, layout.strip, 10.0 / recording.mm_per_px, layout.scale_side, layout.ink)
    _draw_bar(image, layout, tint)
    depth_cm = recording.mm_per_px * layout.strip.rows / 10.0
    settings = [
        f"{int(rng.integers(25, 90))}Hz  {depth_cm:.0f}cm",
        str(rng.choice(["2D / MM", "M-Mode", "MM"])),
        f"{recording.sweep_mm_s:.0f}mm/s  C {int(rng.integers(40, 65))}",
        f"HR {recording.heart_rate_bpm:.0f} bpm",
    ]
    if layout.text[0][1] + 90 > layout.strip.y0 and layout.text[0][0] < layout.strip.x1:
        settings = ["   ".join(settings)]  # no room above the strip for a block
    draw_lines_of_text(image, layout.text[0], settings, layout.ink)
    values = [f"{one.name} {one.length_cm:.2f} cm" for one in measured]
    draw_lines_of_text(image, layout.text[1], values or ["SIMULATED"], layout.mark_ink)


def _draw_bar(image: NDArray[np.uint8], layout: Layout, tint: NDArray[np.uint8]) -> None:
    x = layout.columns - 60 if layout.columns > 800 else layout.columns - 22
    x = x if layout.name != "wide" else layout.columns - 210
    y = 0.16 * layout.rows if layout.columns > 800 else 0.14 * layout.rows
    box = Box(x, int(y), x + 12, int(y + 0.2 * layout.rows))
    if box.y1 < layout.strip.y0 or box.x0 > layout.strip.x1 + 34:
        draw_grey_bar(image, box, tint)


def calliper_chance(options: ScreenOptions, kind: str) -> float:
    """Caval veins and annuli are measured on their screens at least as often as ventricles."""
    return options.calliper_chance if kind == "lv" else max(options.calliper_chance, 0.4)
