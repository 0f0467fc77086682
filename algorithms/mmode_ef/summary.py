"""The summary of a result and its tables: stable keys, units in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from algorithms.mmode_ef.cycles import Cycle, LeftOut
from algorithms.mmode_ef.follows import line_name, line_points
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.points import LENGTHS, POINT_NAMES, Box
from algorithms.mmode_ef.study import Measured
from algorithms.mmode_ef.walls import SIDES
from dicom_node.result import Table


def summary_of(measured: Sequence[Measured], options: Options) -> dict[str, Any]:
    """Keys: see docs/mmode-ef. The values are those of the first strip; ``further_strips`` has those of the others.

    Every value stands in one place only, so that a correction leaves no old one behind.
    """
    first, *further = (_strip(one, options) for one in measured)
    return {**first, "strip_count": len(measured), "further_strips": further}


def cycles_table(measured: Sequence[Measured]) -> Table:
    """One row for each measured cycle."""
    names = list(measured[0].chosen.values)
    columns = (
        "strip", "cycle", "chosen", "ectopic", "probability", "x0_px", "y0_px", "x1_px", "y1_px", "rr_s",
        "heart_rate_bpm", *names, "uncertainty_mm",
    )  # fmt: skip
    rows = tuple(
        (
            strip,
            number,
            int(cycle.chosen),
            int(cycle.ectopic),
            round(cycle.probability, 4),
            *_box(cycle.box),
            round(cycle.rr_s, 4),
            cycle.heart_rate_bpm,
            *(cycle.values[name] for name in names),
            round(cycle.uncertainty_mm, 3),
        )
        for strip, one in enumerate(measured, start=1)
        for number, cycle in enumerate(one.cycles, start=1)
    )
    return Table("cycles", columns, rows)


def walls_table(measured: Sequence[Measured]) -> Table | None:
    """The four tracked sides of the walls over each cycle, on the screen and in mm; ``None`` where none was tracked."""
    rows = [
        row
        for strip, one in enumerate(measured, start=1)
        for number, cycle in enumerate(one.cycles, start=1)
        for row in _curve_rows(one, cycle, (strip, number))
    ]
    columns = ("strip", "cycle", "time_s", "x_px", *(f"{side}_px" for side in SIDES), "lvid_mm")
    return Table("wall_curves", columns, tuple(rows)) if rows else None


def _curve_rows(one: Measured, cycle: Cycle, where: tuple[int, int]) -> list[tuple[int | float, ...]]:
    if cycle.curves is None:
        return []
    strip, curves = one.strip, cycle.curves
    cavity = curves.cavity_mm(strip.mm_per_px)
    return [
        (
            *where,
            round(float(x) * strip.seconds_per_px, 4),
            round(float(x) + strip.x0, 2),
            *(round(float(y) + strip.y0, 2) for y in curves.y[:, index]),
            round(float(cavity[index]), 2),
        )
        for index, x in enumerate(curves.x)
    ]


def _strip(one: Measured, options: Options) -> dict[str, Any]:
    strip = one.strip
    rows, columns = strip.grey.shape
    return {
        **one.means(options),
        "spread": dict(one.spreads()),
        "values_of": options.report,
        "beats_in_values": len(one.beats(options)),
        "cycle_count": len(one.cycles),
        "chosen_cycle": one.cycles.index(one.chosen) + 1,
        "cycles": [_cycle(cycle) for cycle in one.cycles],
        "cycles_not_measured": [_left_out(left_out) for left_out in one.left_out],
        "lv_certainty": round(one.verdict.lv, 4),
        "sop_instance_uid": strip.frame.sop_instance_uid,
        "frame_number": strip.frame.frame_number,
        "strip_px": [strip.x0, strip.y0, strip.x0 + columns - 1, strip.y0 + rows - 1],
        "seconds_per_px": strip.seconds_per_px,
        "mm_per_px": strip.mm_per_px,
        "calibration": strip.calibration,
    }


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "box_px": _box(cycle.box),
        "probability": round(cycle.probability, 4),
        "points_px": {name: [float(x), float(y)] for name, (x, y) in zip(POINT_NAMES, cycle.points, strict=True)},
        "lines_px": {line_name(length): [[x, y] for x, y in line_points(cycle.points, length)] for length in LENGTHS},
        **cycle.values,
        "heart_rate_bpm": cycle.heart_rate_bpm,
        "rr_s": round(cycle.rr_s, 4),
        "uncertainty_mm": round(cycle.uncertainty_mm, 3),
        "tracked_lvid_least_mm": _tracked_least(cycle),
        "ectopic": cycle.ectopic,
        "chosen": cycle.chosen,
    }


def _tracked_least(cycle: Cycle) -> float | None:
    """The smallest cavity of the tracked walls, by the scale of the cycle's own lengths; a check on end-systole."""
    if cycle.curves is None:
        return None
    upper, lower = (POINT_NAMES.index(name) for name in LENGTHS["lvidd_mm"])
    rows_px = cycle.points[lower, 1] - cycle.points[upper, 1]
    mm_per_px = cycle.values["lvidd_mm"] / rows_px
    return round(float(np.min(cycle.curves.cavity_mm(mm_per_px))), 3)


def _left_out(one: LeftOut) -> dict[str, Any]:
    return {"box_px": _box(one.box), "probability": round(one.probability, 4), "reason": one.reason}


def _box(box: Box) -> list[float]:
    return [round(value, 2) for value in (box.x0, box.y0, box.x1, box.y1)]
