"""``dicom-node evaluate mmode_ef --data DIR``: the shipped networks on 500 unseen simulated screens and on real ones.

The simulated screens come from seeds that training never uses and are judged by the node's own path, from the screen
on. DIR may hold real pictures (real_pictures.py): screens of other structures, which must be refused whatever region
they come with; cuts through human ventricles; strips of mice with traced walls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.algorithm import MmodeEf, Networks, SeesStrips
from algorithms.mmode_ef.gate import KIND_NAMES, KINDS
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.phantom import Screen, random_screen
from algorithms.mmode_ef.points import LENGTHS
from algorithms.mmode_ef.proposals import overlaps
from algorithms.mmode_ef.real_pictures import Screen as RealScreen
from algorithms.mmode_ef.real_pictures import Traced, cut_cines, human_screens, mouse_strips
from algorithms.mmode_ef.simulated import series_of
from algorithms.mmode_ef.study import Measured
from algorithms.training.figures import Interval, interval
from dicom_node.algorithm import EvaluationReport, Progress, Workbench, silent
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import UltrasoundRegion

SCREENS, OTHERS = 500, 100
UNSEEN = 97
"""Part of the seeds of evaluation; training uses another (lessons.py)."""
LEAST_OVERLAP = 0.7
HEART_RATES = ((0, 70), (70, 110), (110, 400))
WALLS = ("ivsd_mm", "lvpwd_mm", "ivss_mm", "lvpws_mm")
WANTED: Mapping[str, str] = {
    "ef_error_points": "<= 4",
    "lvidd_error_mm": "<= 2.0",
    "lvids_error_mm": "<= 2.0",
    "wall_error_mm": "<= 1.2",
    "cycle_recall": ">= 0.97",
    "cycle_precision": ">= 0.95",
}
MOST_TRACED = 0.9
"""Of a mouse's cycle: with less of it traced, the widest and narrowest may be missing."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One simulated screen: its groups, how its cycles were found, and errors by name (none where it was refused)."""

    groups: Mapping[str, str]
    hits: int
    true: int
    found: int
    errors: Mapping[str, float]
    refused: str = ""


def evaluate(data: Path, bench: Workbench) -> EvaluationReport:
    """Figures with 95 % intervals (bootstrap over screens), and what became of each real screen in ``data``."""
    networks = Networks(bench.models)
    rows, values = figures_on_simulated(networks, bench.seed, progress=bench.progress)
    table = [
        {"figure": name, "value": row.value, "low": row.low, "high": row.high, "wanted": _wanted(name)}
        for name, row in rows.items()
    ]
    real = real_figures(data, networks)
    notes = (
        f"{SCREENS} simulated ventricles and {OTHERS} other pictures that training never saw; intervals: 95 %, "
        "bootstrap over screens",
        *_real_notes(real),
    )
    return EvaluationReport(tuple(table), {**values, **real}, notes)


def figures_on_simulated(
    networks: SeesStrips, seed: int, count: int = SCREENS, others: int = OTHERS, progress: Progress = silent
) -> tuple[dict[str, Interval], dict[str, Any]]:
    """Figures by name (``name [group]`` for a part of the screens), and what ``--json`` prints."""
    algorithm = MmodeEf(Options(wall_curves=False), networks)
    judged = []
    for index in range(count):
        progress(0.9 * index / count, f"screen {index + 1} of {count}")
        judged.append(_judged(algorithm, random_screen(np.random.default_rng([seed, UNSEEN, 0, index]), "lv")))
    turned_away = []
    for index in range(others):
        progress(0.9 + 0.1 * index / others, "other kinds")
        kind = KINDS[1 + index % (len(KINDS) - 1)]
        screen = random_screen(np.random.default_rng([seed, UNSEEN, 1, index]), kind)
        turned_away.append((kind, _refusal(algorithm, screen.image, screen.regions)))
    rows = _rows(judged)
    rows.update(_turned_away_rows(turned_away))
    values = {
        name: {"value": row.value, "low": row.low, "high": row.high, "wanted": _wanted(name)}
        for name, row in rows.items()
    }
    values["refused_ventricles"] = [one.refused for one in judged if one.refused]
    values["accepted_others"] = [kind for kind, reason in turned_away if not reason]
    return rows, values


def _turned_away_rows(turned_away: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Interval]]:
    """Share of the other kinds that was refused: all of them, then each."""
    if turned_away:
        yield "other_kinds_refused_percent", interval([100.0 * bool(reason) for _, reason in turned_away])
    for kind in dict.fromkeys(kind for kind, _ in turned_away):
        refused = [100.0 * bool(reason) for other, reason in turned_away if other == kind]
        yield f"other_kinds_refused_percent [{KIND_NAMES[kind]}, n = {len(refused)}]", interval(refused)


def _wanted(name: str) -> str:
    return WANTED.get(name.partition(" [")[0], "")


def _judged(algorithm: MmodeEf, screen: Screen) -> Judged:
    true = [cycle for cycle in screen.cycles if cycle.complete]
    groups = {"heart rate": _rate_group(screen.heart_rate_bpm), "noise": screen.noise, "layout": screen.layout}
    try:
        (measured,) = algorithm.measure(series_of(screen.image, screen.regions))
    except UnsuitableSeries as error:
        return Judged(groups, 0, len(true), 0, {}, str(error))
    found = np.array([(b.x0, b.y0, b.x1, b.y1) for b in (cycle.box for cycle in measured.cycles)]).reshape(-1, 4)
    truth = np.array([cycle.box_px for cycle in true], np.float64).reshape(-1, 4)
    overlap = overlaps(truth, found)
    hits = int((overlap.max(axis=1, initial=0) >= LEAST_OVERLAP).sum())
    return Judged(groups, hits, len(true), len(found), _errors(measured, screen, overlap))


def _errors(measured: Measured, screen: Screen, overlap: NDArray) -> dict[str, float]:
    """Absolute errors of the screen's values against their truth, and signed bias of EF."""
    wanted = screen.values
    if not wanted:
        return {}
    got = measured.means(Options())
    errors = {f"{_stem(name)}_error_mm": abs(got[name] - wanted[name]) for name in LENGTHS}
    errors["wall_error_mm"] = float(np.mean([errors[f"{_stem(name)}_error_mm"] for name in WALLS]))
    errors["ef_error_points"] = abs(got["ef_percent"] - wanted["ef_percent"])
    errors["ef_bias_points"] = got["ef_percent"] - wanted["ef_percent"]
    errors["edv_error_ml"] = abs(got["edv_ml"] - wanted["edv_ml"])
    errors["esv_error_ml"] = abs(got["esv_ml"] - wanted["esv_ml"])
    true = [cycle.values for cycle in screen.cycles if cycle.complete]
    matched = [
        abs(measured.cycles[int(row.argmax())].values[name] - values[name])
        for row, values in zip(overlap, true, strict=True)
        if row.max(initial=0) >= LEAST_OVERLAP
        for name in LENGTHS
    ]
    if matched:
        errors["length_error_per_cycle_mm"] = float(np.mean(matched))
    return errors


def _stem(name: str) -> str:
    return name.removesuffix("_mm")


def _rate_group(rate: float) -> str:
    low, high = next((low, high) for low, high in HEART_RATES if low <= rate < high)
    return f"{low}-{high} /min" if low and high < 400 else (f"< {high} /min" if not low else f">= {low} /min")


def _rows(judged: Sequence[Judged]) -> dict[str, Interval]:
    """All screens first, then by heart rate, noise and layout."""
    rows = dict(_figures(judged, ""))
    for by in ("heart rate", "noise", "layout"):
        for value in sorted({one.groups[by] for one in judged}):
            part = [one for one in judged if one.groups[by] == value]
            rows.update(_figures(part, f" [{by} {value}, n = {len(part)}]", tuple(WANTED)))
    return rows


def _figures(judged: Sequence[Judged], suffix: str, only: Sequence[str] = ()) -> Iterator[tuple[str, Interval]]:
    names = dict.fromkeys(name for one in judged for name in one.errors)
    for name in names:
        values = [one.errors[name] for one in judged if name in one.errors]
        if not only or name in only:
            yield name + suffix, interval(values)
    counts = np.array([(one.hits, one.true, one.found) for one in judged], np.float64)
    ratios: tuple[tuple[str, Callable[[NDArray], float]], ...] = (
        ("cycle_recall", lambda rows: float(rows[:, 0].sum() / max(rows[:, 1].sum(), 1))),
        ("cycle_precision", lambda rows: float(rows[:, 0].sum() / max(rows[:, 2].sum(), 1))),
    )
    for name, ratio in ratios:
        yield name + suffix, interval(counts, ratio)
    if not only:
        yield "ventricles_refused_percent", interval([100.0 * bool(one.refused) for one in judged])


def real_figures(data: Path, networks: SeesStrips) -> dict[str, list[dict[str, Any]]]:
    """What became of the real pictures in ``data``: other screens, cuts through human ventricles, traced mice."""
    strict = MmodeEf(Options(wall_curves=False), networks)
    lenient = MmodeEf(Options(wall_curves=False, least_lv_percent=1), networks)
    return {
        "real_screens": [
            {"picture": one.name, "region": one.label, "refused": _refusal(strict, one.image, one.regions)}
            for one in human_screens(data)
        ],
        "real_ventricles": [_values_of(strict, one) for one in cut_cines(data)],
        "mouse_strips": [_against_tracing(lenient, one) for one in mouse_strips(data)],
    }


def _refusal(algorithm: MmodeEf, image: NDArray[np.uint8], regions: tuple[UltrasoundRegion, ...]) -> str:
    """Why, or "" where it was measured."""
    try:
        algorithm.measure(series_of(image, regions))
    except UnsuitableSeries as error:
        return str(error)
    return ""


def _values_of(algorithm: MmodeEf, cut: RealScreen) -> dict[str, Any]:
    """Of a picture whose truth nobody knows: whether it was measured, and the values."""
    told: dict[str, Any] = {"picture": cut.name, "refused": ""}
    try:
        (measured,) = algorithm.measure(series_of(cut.image, cut.regions))
    except UnsuitableSeries as error:
        return {**told, "refused": str(error)}
    means = {name: round(value, 2) for name, value in measured.means(Options()).items()}
    return {**told, "lv_certainty": measured.verdict.lv, "cycles": len(measured.cycles), **means}


def _against_tracing(algorithm: MmodeEf, strip: Traced) -> dict[str, Any]:
    """The internal dimensions of each measured cycle against the widest and narrowest that were traced in it."""
    told: dict[str, Any] = {"picture": strip.name, "refused": ""}
    try:
        (measured,) = algorithm.measure(series_of(strip.image, strip.regions))
    except UnsuitableSeries as error:
        return {**told, "refused": str(error)}
    mm_per_px = measured.strip.mm_per_px
    pairs = []
    for cycle in measured.cycles:
        seen = strip.lvid_px[max(0, round(cycle.box.x0)) : round(cycle.box.x1) + 1]
        if np.isfinite(seen).mean() > MOST_TRACED:
            ours = [cycle.values[name] / mm_per_px for name in ("lvidd_mm", "lvids_mm")]
            pairs.append([*ours, np.nanmax(seen), np.nanmin(seen)])
    told |= {"lv_certainty": measured.verdict.lv, "cycles": len(measured.cycles), "cycles_traced": len(pairs)}
    if pairs:
        lvidd, lvids, true_lvidd, true_lvids = np.mean(pairs, axis=0)
        told |= {
            "lvidd_px": round(float(lvidd), 1),
            "traced_lvidd_px": round(float(true_lvidd), 1),
            "lvids_px": round(float(lvids), 1),
            "traced_lvids_px": round(float(true_lvids), 1),
            "fs_percent": round(100 * float(1 - lvids / lvidd), 1),
            "traced_fs_percent": round(100 * float(1 - true_lvids / true_lvidd), 1),
        }
    return told


def _real_notes(real: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """In sentences, what there is no table for."""
    screens, ventricles = real["real_screens"], real["real_ventricles"]
    if screens:
        refused = sum(bool(one["refused"]) for one in screens)
        yield f"{refused} of {len(screens)} real pictures with right or wrong regions were refused; all must be"
        for one in screens:
            if not one["refused"]:
                yield f"not refused: {one['picture']}, region: {one['region']}"
    if ventricles:
        measured = sum(not one["refused"] for one in ventricles)
        yield f"{measured} of {len(ventricles)} cuts through human ventricles were measured; their truth is not known"
    for one in real["mouse_strips"]:
        if one.get("cycles_traced"):
            yield (
                f"mouse strip {one['picture']}: {one['cycles_traced']} cycles, LVIDd {one['lvidd_px']:.0f} px "
                f"(traced {one['traced_lvidd_px']:.0f}), LVIDs {one['lvids_px']:.0f} px (traced "
                f"{one['traced_lvids_px']:.0f}), FS {one['fs_percent']:.0f} % (traced {one['traced_fs_percent']:.0f})"
            )
        else:
            yield f"mouse strip {one['picture']}: {one['refused'] or 'no cycle where it is traced'}"
