"""The summary of a result: JSON values, where one stands in it, and how it says a number, a choice or points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

Json = None | bool | int | float | str | tuple["Json", ...] | list["Json"] | Mapping[str, "Json"]
SummaryPath = tuple[str | int, ...]
"""Keys and indices that lead to a value inside ``summary``."""
Points = Sequence[tuple[float, float]]


def check_json(value: Any, where: str) -> None:
    """Raises ValueError for what is no JSON value: NaN, infinity, a key that is no text, numpy's own numbers."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}: a result holds finite numbers only; leave out what is unknown")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where}: keys are strings; got {key!r}")
            check_json(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_json(item, f"{where}[{index}]")
    elif not (value is None or isinstance(value, bool | int | str)):
        raise ValueError(f"{where}: {type(value).__name__} is no JSON value; convert it first")


def place_of(summary: Mapping[str, Json], key: str, path: SummaryPath | None) -> SummaryPath | None:
    """Where the value of a key stands: at its path, else under the key; ``None``: nowhere.

    Raises:
        ValueError: nothing is at the path.
    """
    if path is None:
        return (key,) if key in summary else None
    at(summary, path)
    return path


def at(summary: Mapping[str, Json], path: SummaryPath) -> Json:
    """The value at a path. Raises ValueError where there is none."""
    found: Any = summary
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise ValueError(f"the summary has nothing at {spoken(path)}: no {step!r} there") from None
    return found


def replaced(summary: Mapping[str, Json], path: SummaryPath, value: Json) -> dict[str, Json]:
    """The summary with another value at a path that is there; the one given stays as it is."""
    return _with(summary, path, value)


def _with(container: Any, path: SummaryPath, value: Json) -> Any:
    if not path:
        return value
    step, inner = path[0], _with(container[path[0]], path[1:], value)
    if isinstance(container, Mapping):
        return {**container, step: inner}
    return type(container)((*container[:step], inner, *container[step + 1 :]))


def spoken(path: SummaryPath) -> str:
    """A path as a person writes it: ``cycles[0].ef_percent``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def renewed(stored: Json, before: Sequence[Json], after: Sequence[Json]) -> Json:
    """What takes the place of a value of the summary.

    Args:
        stored: what stands there.
        before: the ways in which the old value can be said.
        after: the new value, said in the same ways.

    Raises:
        ValueError: what stands there is the old value in none of these ways.
    """
    for old, new in zip(before, after, strict=True):
        if _says(stored, old):
            return _of_the_kind_of(stored, new)
    raise ValueError(f"the summary has {stored!r} where {before[0]!r} is reported")


def _of_the_kind_of(stored: Json, new: Json) -> Json:
    """The new value, whole or not as the stored one is."""
    if isinstance(stored, int) and isinstance(new, float):
        return round(new)
    return float(new) if isinstance(stored, float) and isinstance(new, int) else new


def _says(stored: Json, value: Json) -> bool:
    if isinstance(stored, list | tuple) and isinstance(value, list | tuple):
        return len(stored) == len(value) and all(_says(*pair) for pair in zip(stored, value, strict=True))
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return type(stored) is type(value) and stored == value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    last_place = Decimal(repr(stored)).as_tuple().exponent  # summaries round
    assert isinstance(last_place, int)  # finite: checked
    return abs(stored - value) <= 0.5 * 10.0**last_place + 1e-6 * abs(value)


def ways_of_points(points: Points) -> tuple[Json, ...]:
    """Points in a summary: [[x, y], ...], or the box around them [x0, y0, x1, y1]."""
    columns, rows = [x for x, _ in points], [y for _, y in points]
    return [[x, y] for x, y in points], [min(columns), min(rows), max(columns), max(rows)]
