"""What candidates said in the shadow: the summaries of pairs of jobs, side by side. Nothing of it was sent."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_node.database import Database
from dicom_node.job import ANALYSE
from dicom_node.storage import Outbox


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """One analysis and what the candidate made of the same instances; a summary is None where there is no result."""

    job_id: int
    shadow_id: int
    state: str
    in_use: Mapping[str, Any] | None
    candidate: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ShadowedKey:
    """One key of the summaries: on how many pairs, how often equal, and by how much numbers differ.

    ``mean_difference`` (candidate - in use) and ``limits`` (mean ± 1.96 standard deviations, Bland & Altman 1986) are
    None for what is no number; the limits need three pairs.
    """

    key: str
    pairs: int
    equal: int
    mean_difference: float | None
    limits: tuple[float, float] | None


def shadow_pairs(database: Database, data_dir: Path, algorithm: str, version: str) -> tuple[ShadowPair, ...]:
    """Every pair of the candidate, oldest first."""
    rows = database.query(
        "SELECT id, parent_id, state FROM jobs WHERE kind = ? AND parent_id IS NOT NULL "
        "AND json_extract(payload, '$.algorithm') = ? AND json_extract(payload, '$.models') = ? ORDER BY id",
        (ANALYSE, algorithm, version),
    )
    folder = Outbox(data_dir).folder
    return tuple(
        ShadowPair(row["parent_id"], row["id"], row["state"], _summary(folder, row["parent_id"]), _shadows(folder, row))
        for row in rows
    )


def _shadows(folder: Path, row: Any) -> Mapping[str, Any] | None:
    return _summary(folder, row["id"]) if row["state"] == "done" else None


def _summary(folder: Path, job_id: int) -> Mapping[str, Any] | None:
    try:
        return json.loads((folder / str(job_id) / "result.json").read_text("utf-8")).get("summary")
    except (OSError, ValueError):
        return None


def shadowed_keys(pairs: Sequence[ShadowPair]) -> tuple[ShadowedKey, ...]:
    """Key by key, nested ones dotted, over the pairs that have it on both sides."""
    flat = [(_flat(pair.in_use), _flat(pair.candidate)) for pair in pairs if pair.in_use and pair.candidate]
    keys = dict.fromkeys(key for ours, theirs in flat for key in ours if key in theirs)
    return tuple(
        _key(key, [(ours[key], theirs[key]) for ours, theirs in flat if key in ours and key in theirs]) for key in keys
    )


def _key(key: str, values: Sequence[tuple[Any, Any]]) -> ShadowedKey:
    equal = sum(ours == theirs for ours, theirs in values)
    numbers = [(ours, theirs) for ours, theirs in values if _is_number(ours) and _is_number(theirs)]
    if not numbers:
        return ShadowedKey(key, len(values), equal, None, None)
    differences = [theirs - ours for ours, theirs in numbers]
    mean = statistics.fmean(differences)
    limits = None
    if len(differences) >= 3:
        spread = 1.96 * statistics.stdev(differences)
        limits = (mean - spread, mean + spread)
    return ShadowedKey(key, len(values), equal, mean, limits)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(summary: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in summary.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
