"""The cycles of a strip: which are measured, which are regular, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.detect import Detection
from algorithms.mmode_ef.follows import DECIMALS, POINT_DECIMALS, values_of
from algorithms.mmode_ef.gate import implausible
from algorithms.mmode_ef.points import Box, lengths_mm
from algorithms.mmode_ef.regress import FoundPoints
from algorithms.mmode_ef.strip import Strip
from algorithms.mmode_ef.walls import WallCurves

DARK_BELOW = 0.3
"""Of the usual brightness of a column: less is no signal."""
MOST_DARK = 0.1
"""Of a cycle's columns."""
BLACK_BELOW = 0.06
"""Of the usual brightness of a column: less is nothing at all, as in the gap that a sweep leaves."""
GAP_COLUMNS = 3
"""So many black columns in a row are the gap of the sweep: time jumps there."""
EDGE_SHARE = 0.04
"""Of a cycle's width: a gap so near to its edge is beside it."""
IRREGULAR_FROM = 1 / 3
"""Share of ectopic beats from which the rhythm itself is irregular."""
PARTIAL_FROM = 0.15
"""Of the median RR interval: so much beside the cycles is worth a word."""
BEATS_TO_JUDGE = 3
"""A beat can be called ectopic among that many."""


@dataclass(frozen=True, eq=False)
class Cycle:
    """One measured cycle. ``box`` and ``points`` (8, 2) are in pixels of the whole screen.

    ``points`` are rounded as they are reported, and so is all that follows from them.
    ``values``: the six lengths and what follows from them, by the keys of the summary. ``uncertainty_mm``: how far the
    regressor's looks disagree in depth, the largest of the points. ``curves`` are in pixels of the strip.
    """

    box: Box
    probability: float
    points: NDArray[np.float64]
    rr_s: float
    values: Mapping[str, float]
    uncertainty_mm: float
    ectopic: bool = False
    chosen: bool = False
    curves: WallCurves | None = None

    @property
    def heart_rate_bpm(self) -> float:
        """Of this beat alone, as it is reported."""
        return round(60.0 / self.rr_s, DECIMALS)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A detected cycle that is not measured; ``box`` is on the whole screen."""

    box: Box
    probability: float
    reason: str


def dark_columns(strip: Strip) -> NDArray[np.bool_]:
    """(columns,) where the strip holds no signal: dropout, or the gap of the sweep."""
    return _brightness(strip) < DARK_BELOW


def gaps(strip: Strip) -> tuple[tuple[int, int], ...]:
    """First and last column of each gap of the sweep."""
    black = np.concatenate(([False], _brightness(strip) < BLACK_BELOW, [False]))
    edges = np.flatnonzero(np.diff(black.astype(np.int8)))
    return tuple((int(a), int(b) - 1) for a, b in edges.reshape(-1, 2) if b - a >= GAP_COLUMNS)


def _brightness(strip: Strip) -> NDArray[np.float64]:
    """(columns,) of the brightest twentieth of each column, against the strip's usual."""
    bright = np.percentile(strip.grey, 95, axis=0)
    return bright / max(float(np.median(bright)), 1e-6)


def sorted_out(
    strip: Strip, found: Sequence[tuple[Detection, FoundPoints]]
) -> tuple[tuple[Cycle, ...], tuple[LeftOut, ...]]:
    """Cycles that can be measured, in order of time, and those that cannot, with the reason."""
    dark, jumps = dark_columns(strip), gaps(strip)
    cycles, left_out = [], []
    for detection, seen in found:
        box = detection.box
        rr_s = box.width * strip.seconds_per_px
        lengths = lengths_mm(seen.points, strip.mm_per_px)
        lost = float(dark[max(0, round(box.x0)) : round(box.x1) + 1].mean())
        reason = f"dropout: {100 * lost:.0f} % of its columns hold no signal" if lost > MOST_DARK else None
        reason = reason or _across(box, jumps) or _beyond(strip, seen.points)
        reason = reason or implausible(lengths, seen.points, rr_s)
        placed = box.moved(strip.x0, strip.y0)
        if reason:
            left_out.append(LeftOut(placed, detection.probability, reason))
            continue
        inside = np.clip(seen.points, 0, (strip.grey.shape[1] - 1, strip.grey.shape[0] - 1))
        points = np.round(inside + np.array([strip.x0, strip.y0]), POINT_DECIMALS)
        uncertainty_mm = float(seen.spread[:, 1].max()) * strip.mm_per_px
        values = values_of(points, strip.mm_per_px)
        cycles.append(Cycle(placed, detection.probability, points, rr_s, values, uncertainty_mm))
    return tuple(cycles), tuple(left_out)


def _across(box: Box, jumps: Sequence[tuple[int, int]]) -> str | None:
    """A cycle on both sides of the sweep's gap would be made of two."""
    inside = box.scaled(1 - 2 * EDGE_SHARE, 1.0)
    if any(first <= inside.x1 and last >= inside.x0 for first, last in jumps):
        return "the gap of the sweep crosses it: its two sides are of different times"
    return None


def _beyond(strip: Strip, points: NDArray[np.floating]) -> str | None:
    """A cycle may start a little before the strip, but its walls must be in sight."""
    rows = points[:, 1]
    if rows.min() < 0 or rows.max() > strip.grey.shape[0] - 1:
        return "a wall lies beyond the strip's upper or lower edge"
    return None


def judged_beats(cycles: Sequence[Cycle], ectopic_share: float) -> tuple[Cycle, ...]:
    """Beats whose RR interval strays from the median are ectopic; the most probable of the others is the chosen one.

    Where all stray (bigeminy: short and long ones take turns) none is the usual one, and none is called ectopic.
    """
    if not cycles:
        return ()
    median = float(np.median([cycle.rr_s for cycle in cycles]))
    strays = [abs(one.rr_s / median - 1) > ectopic_share for one in cycles]
    judged = len(cycles) >= BEATS_TO_JUDGE and not all(strays)
    marked = [replace(one, ectopic=judged and stray) for one, stray in zip(cycles, strays, strict=True)]
    best = max(range(len(marked)), key=lambda index: (not marked[index].ectopic, marked[index].probability))
    marked[best] = replace(marked[best], chosen=True)
    return tuple(marked)


def beats_for_means(cycles: Sequence[Cycle]) -> tuple[Cycle, ...]:
    """Those that the means rest on: all but the ectopic ones."""
    return tuple(cycle for cycle in cycles if not cycle.ectopic)


def rhythm_notes(strip: Strip, cycles: Sequence[Cycle], left_out: Sequence[LeftOut], share: float) -> tuple[str, ...]:
    """What a reader should know of the beats: ectopic ones, partial ones, gaps, two beats that differ."""
    told = []
    if cycles:
        median = float(np.median([cycle.rr_s for cycle in cycles]))
        for number, one in enumerate(cycles, start=1):
            if one.ectopic:
                told.append(
                    f"cycle {number} is ectopic: its RR interval of {one.rr_s:.2f} s deviates by "
                    f"{100 * (one.rr_s / median - 1):+.0f} % from the median; it is not in the means"
                )
        strays = sum(one.ectopic for one in cycles)
        if strays > IRREGULAR_FROM * len(cycles):
            told.append(
                f"{strays} of {len(cycles)} cycles deviate by more than {100 * share:.0f} % from the median RR "
                "interval: the rhythm is irregular, and means over the others say little"
            )
        if len(cycles) >= BEATS_TO_JUDGE and all(abs(one.rr_s / median - 1) > share for one in cycles):
            told.append(
                f"all {len(cycles)} cycles deviate by more than {100 * share:.0f} % from the median RR interval, as "
                "when short and long beats take turns: the rhythm is irregular, and the means are over unlike beats"
            )
        if len(cycles) == 2 and abs(cycles[0].rr_s - cycles[1].rr_s) / median > share:
            told.append(
                f"the two cycles last {cycles[0].rr_s:.2f} and {cycles[1].rr_s:.2f} s: the rhythm is irregular, and "
                "two beats do not tell which is the usual one"
            )
    told += [
        f"a detected cycle at {_when(strip, one.box)} was not measured: {one.reason}"
        for one in sorted(left_out, key=lambda one: one.box.x0)
    ]
    return (*told, *_uncovered(strip, [*cycles, *left_out]))


def _when(strip: Strip, box: Box) -> str:
    return " to ".join(f"{(edge - strip.x0) * strip.seconds_per_px:.2f}" for edge in (box.x0, box.x1)) + " s"


def _uncovered(strip: Strip, found: Sequence[Cycle | LeftOut]) -> list[str]:
    """Time beside the cycles: partial cycles at the ends, gaps between."""
    if not found:
        return []
    boxes = sorted((one.box.moved(-strip.x0, 0) for one in found), key=lambda box: box.x0)
    median_px = float(np.median([box.width for box in boxes]))
    edges = [0.0, *(edge for box in boxes for edge in (box.x0, box.x1)), float(strip.grey.shape[1])]
    dark = dark_columns(strip)
    told = []
    for index in range(0, len(edges), 2):
        first, last = edges[index], edges[index + 1]
        if last - first < PARTIAL_FROM * median_px:
            continue
        seconds = (last - first) * strip.seconds_per_px
        at = f"{first * strip.seconds_per_px:.2f} to {last * strip.seconds_per_px:.2f} s"
        lost = float(dark[max(0, int(first)) : int(last) + 1].mean())
        if lost > MOST_DARK:
            told.append(f"{at}: dropout or the gap of the sweep ({100 * lost:.0f} % of the columns hold no signal)")
        elif index in (0, len(edges) - 2):
            where = "first" if index == 0 else "last"
            told.append(f"{seconds:.2f} s beside the {where} complete cycle show a partial cycle; it was not measured")
        else:
            told.append(f"{at}: no complete cycle was found between two others")
    return told
