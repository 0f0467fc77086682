"""A result as rows of a table: what was drafted beside what was confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicom_node.codes import Code
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup, Region

_USUAL, _FINE = 6, 12
"""Digits: as many as a person can use; and more, where two values would else look the same and are not."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value of one group; "" where one of the two has none. ``named``: a person may correct it."""

    group: str
    what: str
    drafted: str
    confirmed: str
    named: bool

    @property
    def changed(self) -> bool:
        """Whether the person who confirmed it changed it."""
        return self.drafted != self.confirmed


def rows_of(drafted: AnalysisResult, confirmed: AnalysisResult) -> tuple[Row, ...]:
    """Every measurement and evaluation of both, in the order of the result.

    Values belong together by the tracking id of their group and their place in it: a correction keeps both.
    """
    before = {group.tracking_id: group for group in drafted.groups}
    after = {group.tracking_id: group for group in confirmed.groups}
    return tuple(
        row
        for tracking_id in dict.fromkeys((*before, *after))
        for row in _of_group(before.get(tracking_id), after.get(tracking_id))
    )


def chosen_rows(rows: tuple[Row, ...], most: int) -> tuple[Row, ...]:
    """At most ``most`` rows in their order: those that were changed, those that a person may correct, then the rest.

    What was changed is never left out, however much it is.
    """
    ranked = sorted(range(len(rows)), key=lambda index: (not rows[index].changed, not rows[index].named, index))
    changed = sum(row.changed for row in rows)
    return tuple(rows[index] for index in sorted(ranked[: max(most, changed)]))


def _of_group(before: MeasurementGroup | None, after: MeasurementGroup | None) -> Iterator[Row]:
    title = _title(after or before)
    for kind in ("measurements", "evaluations"):
        drafted = tuple(getattr(before, kind, ()))
        confirmed = tuple(getattr(after, kind, ()))
        for index in range(max(len(drafted), len(confirmed))):
            old = _reported(drafted, index)
            new = _reported(confirmed, index)
            one = new or old
            if one is None:
                continue
            alike = _value(old, _USUAL) == _value(new, _USUAL) and old is not None and new is not None
            digits = _FINE if alike and old.value != new.value else _USUAL
            yield Row(title, _name(one), _value(old, digits), _value(new, digits), bool(getattr(one, "key", "")))


def _reported(parts: Sequence[Measurement | Evaluation], index: int) -> Measurement | Evaluation | None:
    """The part of that place; ``None`` where there is none, or it awaits a region."""
    one = parts[index] if index < len(parts) else None
    return None if isinstance(one, Measurement) and one.awaits else one


def _title(group: MeasurementGroup | None) -> str:
    if group is None:
        return ""
    time_point = f", {group.time_point}" if group.time_point else ""
    return f"{group.tracking_id}{time_point}"


def _name(one: Measurement | Evaluation | None) -> str:
    if one is None:
        return ""
    if isinstance(one, Evaluation):
        return one.name.meaning
    kinds = ", ".join(code.meaning for code in (one.site, one.derivation, one.method) if code)
    return f"{one.name.meaning}{f' ({kinds})' if kinds else ''}"


def _value(one: Measurement | Evaluation | None, digits: int) -> str:
    if one is None:
        return ""
    if isinstance(one, Evaluation):
        return one.value.meaning if isinstance(one.value, Code) else one.value
    return f"{one.value:.{digits}g} {one.unit.meaning}"


def regions_of(result: AnalysisResult) -> tuple[Region, ...]:
    """Every region that the groups and their measurements lie on, each once."""
    found: dict[Region, None] = {}
    for group in result.groups:
        places = [group.region, *(region for one in group.reported for region in one.regions)]
        found.update(dict.fromkeys(region for region in places if region is not None))
    return tuple(found)
