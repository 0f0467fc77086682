"""The study's table and plot. Needs matplotlib (extra ``docs``); nothing that a node runs imports this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.study import Condition, Plan, Row

matplotlib.use("Agg")
from matplotlib import pyplot as plt


@dataclass(frozen=True)
class Metric:
    """A column of ``Row`` in words; ``better`` is +1 where more is better, -1 where less is."""

    field: str
    title: str
    better: int


METRICS = (
    Metric("overlap", "Overlap of map and true vessels (Dice)", 1),
    Metric("jaccard", "Jaccard index per frame", 1),
    Metric("rmse_px", "RMSE of paired positions (px)", -1),
    Metric("in_vessel", "Share of localisations inside a vessel", 1),
    Metric("valley", "Localisations between two vessels 0.3 mm apart (0 = separated, 1 = not)", -1),
)

GROUPS = {
    "Peaks, Otsu": ("peak S_R, Otsu", "peak S_G, Otsu", "peak S_S, Otsu"),
    "Regions, Otsu": ("region S_R, Otsu", "region S_G, Otsu", "region S_S, Otsu"),
    "Peaks, tuned": ("peak S_R, tuned", "peak S_G, tuned", "peak S_S, tuned"),
    "Regions, tuned": ("region S_R, tuned", "region S_G, tuned", "region S_S, tuned"),
    "The node's path": ("node, plain", "node, decoupled"),
}
"""Arms to compare with each other: the first of each has no decoupling."""

COLOURS = {"S_R": "#555555", "S_G": "#1f77b4", "S_S": "#d95f02"}
MARKED_DIFFERENCE = 0.005
"""Smaller mean differences count as none."""


def markdown(plan: Plan, rows: Sequence[Row]) -> str:
    """The whole page: what was done, verdicts, and a table per condition and metric."""
    command = "python -m algorithms.ulm_decoupling.study --out docs/ulm-decoupling"
    lines = [
        "# Decoupling against bubble concentration: all figures",
        "",
        f"Made by `{command}`; every single run is in `concentration.csv`. What to make of it: `README.md`.",
        "",
        f"Mean ± standard deviation over {len(plan.seeds)} phantoms (seeds {_listed(plan.seeds)}; another vessel "
        f"tree each). *Otsu*: threshold by Otsu's rule from the sequence itself. *Tuned*: the best of seven "
        f"thresholds on another phantom (seed {plan.tuning_seed}), anew for every condition and concentration. "
        "*Peak*: local maximum and centroid; *region*: connected region and centroid. S_R: as recorded; S_G: after "
        "the first decoupling; S_S: after both (per-frame figures from its finest scale only, see `study.py`). "
        "*node*: this project's own path with the seeds of S_R (plain) or S_G (decoupled), nothing tuned. *truth*: "
        "the map of the true positions, which is the most that the sequence can show.",
        "",
        "## Does decoupling help?",
        "",
        "`+` better in every phantom, `-` worse in every phantom, `=` neither (or less than "
        f"{MARKED_DIFFERENCE} apart on average), `?` not defined (nothing found there), against the same "
        "detector without decoupling; one sign per "
        "concentration, rising.",
        "",
    ]
    for condition in plan.conditions:
        lines += [f"### {condition.name}", "", *_verdicts(condition, rows), ""]
    for condition in plan.conditions:
        lines += [f"## {condition.name}", "", f"{condition.meaning[0].upper()}{condition.meaning[1:]}.", ""]
        for metric in METRICS:
            lines += [f"### {condition.name}: {metric.title}", "", *_table(condition, metric, rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def plot(plan: Plan, rows: Sequence[Row], path: Path) -> None:
    """Three metrics down, conditions across; lines are means, bars standard deviations over phantoms."""
    shown = METRICS[:3]
    size = (5.2 * len(plan.conditions), 3.3 * len(shown))
    figure, axes = plt.subplots(len(shown), len(plan.conditions), figsize=size, squeeze=False, layout="constrained")
    for column, condition in enumerate(plan.conditions):
        for line, metric in enumerate(shown):
            axis = axes[line, column]
            for arm, style in _plotted():
                if arm == "truth" and metric.field != "overlap":
                    continue
                values = [_values(rows, condition, level, arm, metric) for level in condition.bubbles_per_mm2]
                means, spreads = [v.mean() for v in values], [v.std(ddof=1) for v in values]
                axis.errorbar(condition.bubbles_per_mm2, means, spreads, label=arm, capsize=2, lw=1.3, **style)
            axis.set_xscale("log")
            axis.set_xticks(condition.bubbles_per_mm2, [f"{level:g}" for level in condition.bubbles_per_mm2])
            axis.minorticks_off()
            axis.set_ylim(0, None)
            axis.grid(alpha=0.25)
            axis.set_title(f"{condition.name}: {metric.title}", fontsize=9)
            if line == len(shown) - 1:
                axis.set_xlabel("bubbles per mm²")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 * len(plan.conditions) - 1, fontsize=8)
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _plotted() -> list[tuple[str, dict]]:
    arms: list[tuple[str, dict]] = [("truth", {"color": "black", "ls": ":"})]
    for picture, colour in COLOURS.items():
        arms.append((f"peak {picture}, Otsu", {"color": colour, "ls": "--", "marker": "o", "ms": 4}))
        arms.append((f"peak {picture}, tuned", {"color": colour, "ls": "-", "marker": "o", "ms": 4}))
    arms.append(("node, plain", {"color": "#7fbf7b", "ls": "-", "marker": "s", "ms": 4}))
    arms.append(("node, decoupled", {"color": "#1b7837", "ls": "-", "marker": "s", "ms": 4}))
    return arms


def _verdicts(condition: Condition, rows: Sequence[Row]) -> list[str]:
    levels = condition.bubbles_per_mm2
    heads = ["overlap", "Jaccard", "RMSE", "in vessel", "valley"]
    lines = [f"| at {_listed(levels)} bubbles/mm² | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for group, (plain, *others) in GROUPS.items():
        for arm in others:
            signs = ["".join(_sign(rows, condition, level, plain, arm, m) for level in levels) for m in METRICS]
            name = arm.removesuffix(", Otsu").removesuffix(", tuned").split()[-1]
            lines.append(f"| {group}: {name} | {' | '.join(f'`{sign}`' for sign in signs)} |")
    return lines


def _sign(rows: Sequence[Row], condition: Condition, level: float, plain: str, arm: str, metric: Metric) -> str:
    gain = (
        _values(rows, condition, level, arm, metric) - _values(rows, condition, level, plain, metric)
    ) * metric.better
    if np.isnan(gain).any():
        return "?"
    if abs(gain.mean()) < MARKED_DIFFERENCE:
        return "="
    return "+" if (gain > 0).all() else "-" if (gain < 0).all() else "="


def _table(condition: Condition, metric: Metric, rows: Sequence[Row]) -> list[str]:
    levels = condition.bubbles_per_mm2
    lines = [f"| arm | {' | '.join(f'{level:g} /mm²' for level in levels)} |", "|---" * (len(levels) + 1) + "|"]
    arms = ["truth", *(arm for group in GROUPS.values() for arm in group)]
    for arm in arms:
        cells = [_cell(_values(rows, condition, level, arm, metric)) for level in levels]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _cell(values: NDArray) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "none"
    return f"{known.mean():.3f} ± {known.std(ddof=1) if len(known) > 1 else 0:.3f}"


def _values(rows: Sequence[Row], condition: Condition, level: float, arm: str, metric: Metric) -> NDArray:
    """The metric of one arm, a value per seed, in the order of the seeds."""
    chosen = [row for row in rows if (row.condition, row.bubbles_per_mm2, row.arm) == (condition.name, level, arm)]
    return np.array([getattr(row, metric.field) for row in sorted(chosen, key=lambda row: row.seed)])


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
