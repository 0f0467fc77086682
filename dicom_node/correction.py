"""What a person may correct in a result, and the result with the corrections made. Pure: values in, values out.

Whatever has a key can be set: a number, a choice, a text, the points of a region. What follows from it by formulas is
worked out again, in order; a value that has a formula and is set all the same keeps what it was set to, and its formula
is dropped. Pictures, segments, maps and tables stay as drafted: they show what the algorithm saw.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dicom_node.errors import UsageError
from dicom_node.formula import Formula, FormulaError, agree, in_order
from dicom_node.given import ImageSizes, Kind, choices_of, kind_of, set_to, unit_text, value_text, why_not, within
from dicom_node.region import Region
from dicom_node.result import (
    AnalysisResult,
    Evaluation,
    Json,
    Measurement,
    MeasurementGroup,
    Part,
    Segment,
    choice_text,
    ways_to_say,
)
from dicom_node.summary import at, place_of, renewed, replaced

SET = "set"


class CorrectionError(UsageError):
    """A correction cannot be made; ``problems`` has a sentence for each change that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Change:
    """A person sets ``key`` to ``given``: "42.1", a choice, a text, or points "x,y x,y ..."."""

    key: str
    given: str


@dataclass(frozen=True, slots=True)
class Correctable:
    """One thing that a person may set.

    ``what`` tells what it is; ``value`` is in the form that Change takes. ``choices`` are the texts that it takes, each
    with its meaning; ``limits`` (least, most) and ``decimals`` bound a number. ``depends_on`` are the keys of its
    formula; ``dependants`` all that follow from it, near and far, in the order in which they are worked out.
    """

    key: str
    kind: Kind
    what: str
    value: str
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    limits: tuple[float, float] | None = None
    decimals: int | None = None
    depends_on: tuple[str, ...] = ()
    dependants: tuple[str, ...] = ()
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """One value that a correction changed.

    ``because`` is "set" or "follows from KEY, KEY" (the keys that were set). ``dropped_formula`` is what a value that
    was set followed from until then.
    """

    key: str
    what: str
    before: str
    after: str
    unit: str
    because: str
    dropped_formula: str | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """The corrected result, which no longer requires review, and what changed: first what was set."""

    result: AnalysisResult
    applied: tuple[Applied, ...]


def correctable(result: AnalysisResult) -> tuple[Correctable, ...]:
    """What a person may set, in the order of the result."""
    parts = result.parts
    formulas = in_order(parts)
    names = dict(_names(result))
    return tuple(
        _correctable(part, names[key], formulas)
        for key, part in parts.items()
        if not isinstance(part, Segment) and kind_of(part) is not None
    )


def corrected(result: AnalysisResult, changes: Sequence[Change], sizes: ImageSizes | None = None) -> Correction:
    """The result with the changes made and all that follows from them worked out again.

    Args:
        result: as drafted, or as corrected before.
        changes: at least one; each key once.
        sizes: of the images that regions lie on, so that points beside a picture are refused; without, they are not.

    Raises:
        CorrectionError: a change cannot be made, or what follows from the changes has no value or one out of its
            limits; all problems at once.
    """
    parts = dict(result.parts)
    formulas = in_order(parts)
    names = dict(_names(result))
    problems: list[str] = []
    given = _given(parts, changes, problems)
    new = dict(parts)
    for key, text in given.items():
        try:
            new[key] = set_to(parts[key], text, sizes)
        except ValueError as error:
            problems.append(f"{key} ({names[key]}): {error}")
    if problems:
        raise CorrectionError(problems)
    causes = _follow(new, formulas, given, names)
    applied = [_applied(parts[key], new[key], names[key], SET) for key in given]
    applied += [
        _applied(parts[key], new[key], names[key], f"follows from {', '.join(because)}")
        for key, because in causes.items()
    ]
    return Correction(_rebuilt(result, parts, new), tuple(applied))


def _given(parts: Mapping[str, Part], changes: Sequence[Change], problems: list[str]) -> dict[str, str]:
    """The texts by key; tells of keys that are unknown, cannot be set or come twice."""
    given: dict[str, str] = {}
    able = [key for key, part in parts.items() if kind_of(part) is not None]
    for change in changes:
        if change.key in given:
            problems.append(f"{change.key} is given twice: {given[change.key]!r} and {change.given!r}")
        elif change.key in able:
            given[change.key] = change.given
        elif change.key in parts:
            problems.append(f"{change.key} cannot be set: {why_not(parts[change.key], able)}")
        else:
            near = difflib.get_close_matches(change.key, able, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"its keys are {', '.join(able) or 'none'}"
            problems.append(f"{change.key!r} is no key of this result; {hint}")
    if not changes:
        problems.append("nothing to correct: no change was given")
    return given


def _follow(
    new: dict[str, Part], formulas: Mapping[str, Formula], given: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Works out in ``new`` what follows from the keys that were set; returns those that led to each change."""
    causes: dict[str, tuple[str, ...]] = {key: (key,) for key in given}
    problems = []
    for key, formula in formulas.items():
        asked = (*formula.keys, *_awaited(new[key]))
        because = tuple(dict.fromkeys(cause for name in asked for cause in causes.get(name, ())))
        if key in given or not because:
            continue
        try:
            followed = _following(_known(new[key], new), formula.value(new))
        except ValueError as error:
            problems.append(f"{key} ({names[key]}), which follows from {', '.join(because)}: {error}")
            continue
        if followed is not new[key]:
            new[key], causes[key] = followed, because
    if problems:
        raise CorrectionError(problems)
    return {key: because for key, because in causes.items() if key not in given}


def _awaited(part: Part) -> tuple[str, ...]:
    """The key of the region that has to be drawn before it is known, if there is one."""
    return (part.awaits,) if isinstance(part, Measurement) and part.awaits else ()


def _known(part: Part, parts: Mapping[str, Part]) -> Part:
    """The part, no longer waiting where a person has drawn what it waited for."""
    if isinstance(part, Measurement) and part.awaits and parts[part.awaits].corrected:
        return replace(part, awaits="")
    return part


def _following(part: Part, value: float | str) -> Part:
    """The part with what its formula gives; the part itself where that is what it has."""
    if isinstance(part, Evaluation):
        choice = part.choice_of(value)
        return part if choice == part.value else replace(part, value=choice)
    if not isinstance(part, Measurement) or isinstance(value, str):
        raise FormulaError(f"its formula gives {value!r}, which is no number")
    if agree(value, part.value):
        return part
    return replace(part, value=within(float(value), part))


def _correctable(part: Measurement | Evaluation | Region, what: str, formulas: Mapping[str, Formula]) -> Correctable:
    kind = kind_of(part)
    assert kind is not None  # asked before
    measured = part if isinstance(part, Measurement) else None
    return Correctable(
        key=part.key,
        kind=kind,
        what=what,
        value=choice_text(part.value) if isinstance(part, Evaluation) else value_text(part),
        unit=unit_text(part),
        choices=choices_of(part) if isinstance(part, Evaluation) else (),
        limits=measured.limits if measured else None,
        decimals=measured.decimals if measured else None,
        depends_on=formulas[part.key].keys if part.key in formulas else (),
        dependants=_dependants(part.key, formulas),
        corrected=part.corrected,
    )


def _dependants(key: str, formulas: Mapping[str, Formula]) -> tuple[str, ...]:
    reached = {key: None}
    for follower, formula in formulas.items():
        if any(name in reached for name in formula.keys):
            reached[follower] = None
    return tuple(reached)[1:]


def _applied(before: Part, after: Part, what: str, because: str) -> Applied:
    dropped = before.formula if because == SET else None
    return Applied(before.key, what, value_text(before), value_text(after), unit_text(before), because, dropped)


def _names(result: AnalysisResult) -> Iterator[tuple[str, str]]:
    """(key, what it is), the last of several being the best name."""
    for group in result.groups:
        name = group.tracking_id
        for measurement in group.measurements:
            said = _measured(measurement)
            yield from ((region.key, f"{name}: {said}, where it was measured") for region in measurement.regions)
            yield measurement.key, f"{name}: {said}"
        for evaluation in group.evaluations:
            yield evaluation.key, f"{name}: {evaluation.name.meaning}"
        if group.region is not None:
            yield group.region.key, f"{name}: outline"


def _measured(measurement: Measurement) -> str:
    modifiers = (measurement.site, measurement.method, measurement.derivation)
    said = ", ".join(code.meaning for code in modifiers if code is not None)
    return f"{measurement.name.meaning} ({said})" if said else measurement.name.meaning


def _rebuilt(result: AnalysisResult, old: Mapping[str, Part], new: Mapping[str, Part]) -> AnalysisResult:
    summary: Mapping[str, Json] = result.summary
    for key, part in new.items():
        before = old[key]
        if isinstance(part, Segment) or isinstance(before, Segment):
            continue
        path = place_of(summary, key, part.summary_path)
        if path is not None and part is not before:
            summary = replaced(summary, path, renewed(at(summary, path), ways_to_say(before), ways_to_say(part)))
    groups = tuple(_group(group, new) for group in result.groups)
    return replace(result, groups=groups, summary=summary, requires_review=False)


def _group(group: MeasurementGroup, new: Mapping[str, Any]) -> MeasurementGroup:
    def of(part: Any) -> Any:
        return part if part is None or not part.key else new[part.key]

    def measured(measurement: Measurement) -> Measurement:
        made: Measurement = of(measurement)
        if isinstance(made.inferred_from, tuple):
            return replace(made, inferred_from=tuple(of(region) for region in made.inferred_from))
        return replace(made, inferred_from=of(made.inferred_from))

    return replace(
        group,
        region=of(group.region),
        measurements=tuple(measured(measurement) for measurement in group.measurements),
        evaluations=tuple(of(evaluation) for evaluation in group.evaluations),
    )
