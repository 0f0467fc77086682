"""The truth of a simulated strip: each cycle's box, its eight points and its lengths.

A cycle lasts from one R wave to the next, end-diastole to end-diastole. End-diastole is the R wave, where the internal
diameter is largest; end-systole is where it is smallest. The box spans the R waves in x, and in y from the highest
outer edge of the septum to the lowest outer edge of the posterior wall within the cycle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.heart_motion import Ventricle, Walls, teichholz_ml
from algorithms.mmode_ef.lv_scene import LvLine

_LEAST_SHARE = 0.08
"""A piece of a cycle shorter than this share of it is not told: nobody could see that it is one."""


@dataclass(frozen=True)
class CycleTruth:
    """One cycle, or the piece of one that the strip shows.

    Attributes:
        box_px: x0, y0, x1, y1.
        points_px: {name: (x, y)}, the points that the strip shows; all eight where ``complete``.
        complete: whether both R waves are in the strip.
        ectopic: whether the cycle's first beat came early.
        values: lengths in mm, volumes in ml, EF in percent, of the whole beat.
    """

    box_px: tuple[float, float, float, float]
    points_px: dict[str, tuple[float, float]]
    complete: bool
    ectopic: bool
    values: dict[str, float]

    def moved(self, x: float, y: float) -> CycleTruth:
        """The same cycle with its strip at column ``x`` and row ``y`` of a screen."""
        x0, y0, x1, y1 = self.box_px
        points = {name: (px + x, py + y) for name, (px, py) in self.points_px.items()}
        return replace(self, box_px=(x0 + x, y0 + y, x1 + x, y1 + y), points_px=points)


@dataclass(frozen=True)
class Sweep:
    """How time lies on the columns of a strip.

    Attributes:
        columns: width of the strip.
        seconds_per_px: scale.
        bar: column of the sweep bar, where the newest column is followed by the oldest; 0 without a bar.
        gap: columns erased from the bar on.
    """

    columns: int
    seconds_per_px: float
    bar: int = 0
    gap: int = 0

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(columns,) time of each column; erased columns have the time they would have."""
        return ((np.arange(self.columns) - self.bar) % self.columns) * self.seconds_per_px

    @property
    def runs(self) -> tuple[tuple[int, int, float], ...]:
        """Unbroken pieces as (first column, last column, time of column 0 if the piece reached it)."""
        after = (self.bar + self.gap, self.columns - 1, -self.bar * self.seconds_per_px)
        if self.bar == 0:
            return (after,)
        return ((0, self.bar - 1, (self.columns - self.bar) * self.seconds_per_px), after)


def cycles_of(line: LvLine, sweep: Sweep, mm_per_px: float) -> tuple[CycleTruth, ...]:
    """All cycles of the strip from left to right, whole ones and pieces, in pixels of the strip."""
    cycles = []
    for first, last, origin_s in sweep.runs:
        for k in range(len(line.beats)):
            r, next_r = (line.beats.r_times_s[k + i] - origin_s for i in (0, 1))
            start, stop = max(r / sweep.seconds_per_px, first), min(next_r / sweep.seconds_per_px, last)
            if stop - start >= _LEAST_SHARE * (next_r - r) / sweep.seconds_per_px:
                cycles.append(_cycle(line, k, (start, stop), origin_s, (sweep.seconds_per_px, mm_per_px)))
    return tuple(cycles)


def mean_values(cycles: tuple[CycleTruth, ...]) -> dict[str, float]:
    """Means over the complete cycles that are not ectopic; over all complete ones where there are no others."""
    complete = [cycle for cycle in cycles if cycle.complete]
    chosen = [cycle.values for cycle in complete if not cycle.ectopic] or [cycle.values for cycle in complete]
    if not chosen:
        return {}
    return {name: float(np.mean([values[name] for values in chosen])) for name in chosen[0]}


def beat_values(ventricle: Ventricle, k: int) -> dict[str, float]:
    """Lengths of beat k, and what Teichholz's formula makes of them."""
    lvidd, lvids = float(ventricle.lvidd_mm[k]), float(ventricle.lvids_mm[k])
    edv, esv = teichholz_ml(lvidd), teichholz_ml(lvids)
    return {
        "ivsd_mm": float(ventricle.ivsd_mm[k]),
        "lvidd_mm": lvidd,
        "lvpwd_mm": float(ventricle.lvpwd_mm[k]),
        "ivss_mm": float(ventricle.ivss_mm[k]),
        "lvids_mm": lvids,
        "lvpws_mm": float(ventricle.lvpws_mm[k]),
        "edv_ml": edv,
        "esv_ml": esv,
        "ef_percent": 100.0 * (edv - esv) / edv,
    }


def _cycle(line: LvLine, k: int, span: tuple[float, float], origin_s: float, scale: tuple[float, float]) -> CycleTruth:
    """Beat k between the columns ``span``; ``scale`` is (seconds per px, mm per px)."""
    seconds_per_px, mm_per_px = scale
    r, next_r = line.beats.r_times_s[k], line.beats.r_times_s[k + 1]
    events_s = {"ed": r, "es": r + line.beats.systole_s[k]}
    columns = {name: (time - origin_s) / seconds_per_px for name, time in events_s.items()}
    points = {}
    for phase, x in columns.items():
        if span[0] <= x <= span[1]:
            edges = line.walls(np.array([events_s[phase]]))
            points.update({f"{phase}_{edge}": (float(x), y) for edge, y in _rows(edges, mm_per_px).items()})
    shown = np.linspace(*span, 400) * seconds_per_px + origin_s
    walls = line.walls(shown)
    top, bottom = walls.upper_outer_mm.min() / mm_per_px, walls.lower_outer_mm.max() / mm_per_px
    end = (next_r - origin_s) / seconds_per_px
    return CycleTruth(
        box_px=(float(span[0]), float(top), float(span[1]), float(bottom)),
        points_px=points,
        complete=bool(span[0] == columns["ed"] and span[1] == end),
        ectopic=bool(line.beats.ectopic[k]),
        values=beat_values(line.ventricle, k),
    )


def _rows(walls: Walls, mm_per_px: float) -> dict[str, float]:
    return {
        "upper_outer": float(walls.upper_outer_mm[0] / mm_per_px),
        "upper_inner": float(walls.upper_inner_mm[0] / mm_per_px),
        "lower_inner": float(walls.lower_inner_mm[0] / mm_per_px),
        "lower_outer": float(walls.lower_outer_mm[0] / mm_per_px),
    }
