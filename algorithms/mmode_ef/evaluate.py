"""``dicom-node evaluate mmode_ef --data DIR``: the shipped networks on 500 unseen simulated screens and on real ones.

The simulated screens come from seeds that training never uses and are judged by the node's own path, from the screen
on. DIR may hold real screens: ``human_tte47/`` with ``ground_truth.json`` (pictures that show no left-ventricular
M-mode, with the scale read from their ticks). Each is offered with the right region and with wrong ones, and must be
refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.algorithm import MmodeEf, Networks, SeesStrips
from algorithms.mmode_ef.gate import KINDS
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.phantom import Screen, random_screen
from algorithms.mmode_ef.points import LENGTHS
from algorithms.mmode_ef.proposals import overlaps
from algorithms.mmode_ef.simulated import series_of
from algorithms.mmode_ef.study import Measured
from algorithms.training.figures import Interval, interval
from dicom_node.algorithm import EvaluationReport, Progress, Workbench, silent
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import RegionData, RegionFormat, RegionUnit, UltrasoundRegion

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
STRIP_TOP, STRIP_COLUMNS = 342, (42, 943)
"""Where the strips of the real screens lie (their 0 cm tick and the ends of their time axis)."""


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
    real = list(_real_screens(data, networks))
    values = {**values, "real_screens": real}
    refused = sum(bool(one["refused"]) for one in real)
    notes = [f"{SCREENS} simulated screens that training never saw; intervals: 95 %, bootstrap over screens"]
    if real:
        notes.append(f"{refused} of {len(real)} real pictures with right or wrong regions were refused; all must be")
    return EvaluationReport(tuple(table), values, tuple(notes))


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
        turned_away.append((kind, _refusal(algorithm, screen)))
    rows = _rows(judged)
    if turned_away:
        rows["other_kinds_refused_percent"] = interval([100.0 * bool(reason) for _, reason in turned_away])
    values = {
        name: {"value": row.value, "low": row.low, "high": row.high, "wanted": _wanted(name)}
        for name, row in rows.items()
    }
    values["refused_ventricles"] = [one.refused for one in judged if one.refused]
    values["accepted_others"] = [kind for kind, reason in turned_away if not reason]
    return rows, values


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


def _refusal(algorithm: MmodeEf, screen: Screen) -> str:
    try:
        algorithm.measure(series_of(screen.image, screen.regions))
    except UnsuitableSeries as error:
        return str(error)
    return ""


def _real_screens(data: Path, networks: SeesStrips) -> Iterator[dict[str, Any]]:
    """Real pictures with right and wrong regions, and why each was refused ("" where it was not)."""
    algorithm = MmodeEf(Options(wall_curves=False), networks)
    folder = data / "human_tte47"
    file = folder / "ground_truth.json"
    if not file.exists():
        return
    for name, about in json.loads(file.read_text("utf-8")).items():
        image = cv2.imread(str(folder / name)) if name.endswith(".png") else None
        if image is None:
            continue
        image = np.ascontiguousarray(image[..., ::-1])
        for label, region in regions_for(image, about):
            try:
                algorithm.measure(series_of(image, region))
                reason = ""
            except UnsuitableSeries as error:
                reason = str(error)
            yield {"picture": name, "region": label, "refused": reason}


def regions_for(image: NDArray, about: Mapping[str, Any]) -> Iterator[tuple[str, tuple[UltrasoundRegion, ...]]]:
    """For a real picture: the right region where it has an M-mode, the whole picture, and a part that is no M-mode."""
    rows, columns = image.shape[:2]
    if "px_per_cm" in about:
        bounds = (STRIP_COLUMNS[0], STRIP_TOP, STRIP_COLUMNS[1], 732)
        yield "right", (m_mode_region(bounds, 1.0 / about["px_per_s"], 1.0 / about["px_per_cm"]),)
    yield "whole picture", (m_mode_region((0, 0, columns - 1, rows - 1), 1 / 284, 1 / 27.9),)
    upper = (columns // 4, rows // 10, 3 * columns // 4, rows // 2)
    yield "upper half", (m_mode_region(upper, 1 / 284, 1 / 27.9),)
    yield "none", ()


def m_mode_region(
    bounds: tuple[int, int, int, int], seconds_per_px: float, cm_per_px: float, stale: bool = False
) -> UltrasoundRegion:
    """An M-mode region in seconds and centimetres."""
    return UltrasoundRegion(
        *bounds,
        format=RegionFormat.M_MODE,
        data=RegionData.TISSUE,
        unit_x=RegionUnit.SECOND,
        unit_y=RegionUnit.CENTIMETRE,
        delta_x=seconds_per_px,
        delta_y=cm_per_px,
        stale=stale,
    )
