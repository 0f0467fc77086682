"""Conditions that no instance can meet: found before the first instance comes, not by waiting for a match.

A condition is written out as alternatives, each a list of tests that must hold together (disjunctive normal form).
An alternative is dead where the tests of one attribute leave it no value. That is decided by trying the values that
matter (those of ``equals``; the bounds of ranges and what lies between) with the very tests that run later. What
cannot be decided (two regular expressions) counts as possible: nothing that could match is called impossible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from dicom_node.conditions import (
    NUMBER_VRS,
    RANGE_VRS,
    AllOf,
    AnyOf,
    Condition,
    Equals,
    Exists,
    Matches,
    Not,
    Range,
    Test,
    Value,
    accepts,
    number_of,
    wanted_text,
)

MOST_ALTERNATIVES = 2000
"""A condition that has more is not examined."""

_REAL_VRS = frozenset({"DS", "FL", "FD", "AS", ""})


@dataclass(frozen=True, slots=True)
class Contradiction:
    """``line`` and ``column`` of what can never hold, and why."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class _Literal:
    """A test that must pass (``positive``) or must fail."""

    test: Test
    positive: bool

    @property
    def place(self) -> tuple[int, int]:
        return self.test.line, self.test.column

    @property
    def attribute(self) -> tuple[int, ...] | str:
        return tuple(step.tag for step in self.test.path.steps) or self.test.path.text

    @property
    def text(self) -> str:
        return f"{self.test.path.text} {'' if self.positive else 'not '}{wanted_text(self.test)}"

    @property
    def wants_absent(self) -> bool:
        return isinstance(self.test, Exists) and self.test.present is not self.positive

    @property
    def wants_value(self) -> bool:
        return self.positive and not isinstance(self.test, Exists)

    def holds(self, values: tuple[Value, ...] | None) -> bool:
        return accepts(self.test, values) is self.positive


@dataclass(frozen=True, slots=True)
class _Alternative:
    literals: tuple[_Literal, ...] = ()
    branches: frozenset[Condition] = frozenset()


def contradictions(condition: Condition, given: Sequence[Equals] = ()) -> list[Contradiction]:
    """Why a condition can never be met, or which items of its ``any`` can never be; [] where all is possible.

    Args:
        condition: of a rule.
        given: what holds for every instance anyway (the AE titles that the node accepts).
    """
    alternatives = _alternatives(condition, True)
    if alternatives is None:
        return []
    base = tuple(_Literal(test, True) for test in given)
    clashes = [(alternative, _clash(base + alternative.literals)) for alternative in alternatives]
    if all(clash for _, clash in clashes):
        return [_told(next(clash for _, clash in clashes if clash), None)]
    alive = {branch for alternative, clash in clashes if not clash for branch in alternative.branches}
    dead: dict[Condition, Contradiction] = {}
    for alternative, clash in clashes:
        never = sorted(alternative.branches - alive, key=lambda one: (one.line, one.column))
        if clash and never:  # the outermost; what is inside of it goes without saying
            dead.setdefault(never[0], _told(clash, never[0]))
    return list(dead.values())


def _told(clash: tuple[_Literal, _Literal], branch: Condition | None) -> Contradiction:
    earlier, later = sorted(clash, key=lambda literal: literal.place)
    line, column = later.place if branch is None else (branch.line, branch.column)
    subject = "can never match" if branch is None else "has an alternative that can never match"
    return Contradiction(
        line, column, f"{subject}: {later.text} contradicts {earlier.text} on line {earlier.test.line}"
    )


def _alternatives(condition: Condition, positive: bool) -> list[_Alternative] | None:
    """The disjunctive normal form; None where it is too long."""
    match condition:
        case Not(child=child):
            return _alternatives(child, not positive)
        case AllOf(children=children) | AnyOf(children=children):
            parts: list[list[_Alternative]] = []
            for child in children:
                part = _alternatives(child, positive)
                if part is None:
                    return None
                parts.append(part)
            if isinstance(condition, AnyOf) and positive:
                return _limited(_marked(part, child) for part, child in zip(parts, children, strict=True))
            if isinstance(condition, AllOf) is positive:
                return _together(parts)
            return _limited(parts)
        case _:
            return [_Alternative((_Literal(condition, positive),))]


def _limited(parts: Iterable[list[_Alternative]]) -> list[_Alternative] | None:
    joined = [alternative for part in parts for alternative in part]
    return joined if len(joined) <= MOST_ALTERNATIVES else None


def _marked(part: list[_Alternative], branch: Condition) -> list[_Alternative]:
    return [_Alternative(alternative.literals, alternative.branches | {branch}) for alternative in part]


def _together(parts: list[list[_Alternative]]) -> list[_Alternative] | None:
    if math.prod(len(part) for part in parts) > MOST_ALTERNATIVES:
        return None
    return [
        _Alternative(
            tuple(literal for one in chosen for literal in one.literals),
            frozenset().union(*(one.branches for one in chosen)),
        )
        for chosen in product(*parts)
    ]


def _clash(literals: Sequence[_Literal]) -> tuple[_Literal, _Literal] | None:
    """Two literals that exclude each other (of more than two: the last two); None where all can hold."""
    by_attribute: dict[tuple[int, ...] | str, list[_Literal]] = {}
    for literal in literals:
        by_attribute.setdefault(literal.attribute, []).append(literal)
    for group in by_attribute.values():
        if _possible(group):
            continue
        group.sort(key=lambda literal: literal.place)
        pair = next((pair for pair in combinations(group, 2) if not _possible(pair)), None)
        return pair or (group[-2], group[-1])
    return next(_absent_around_present(literals), None)


def _absent_around_present(literals: Sequence[_Literal]) -> Iterator[tuple[_Literal, _Literal]]:
    """A sequence that must be absent, and an attribute inside it that must have a value."""
    for outer in literals:
        for inner in literals:
            around = outer.test.path.steps, inner.test.path.steps
            if (
                outer.wants_absent
                and (inner.wants_value or (isinstance(inner.test, Exists) and not inner.wants_absent))
                and 0 < len(around[0]) < len(around[1])
                and around[1][: len(around[0])] == around[0]
            ):
                yield outer, inner


def _possible(literals: Sequence[_Literal]) -> bool:
    """Whether the attribute that all the literals test can be such that every one of them holds."""
    if all(literal.holds(None) for literal in literals):
        return True
    if any(literal.wants_absent for literal in literals):
        return False
    if literals[0].test.path.single_valued:
        return _one_value(literals)
    wanting = [literal for literal in literals if literal.wants_value]
    forbidding = [literal for literal in literals if not literal.positive]
    return all(_one_value([literal, *forbidding]) for literal in wanting or forbidding[:1])


def _one_value(literals: Sequence[_Literal]) -> bool:
    """Whether one value can satisfy all the literals."""
    candidates = _candidates(literals)
    if candidates is not None:
        return any(all(literal.holds((value,)) for literal in _comparing(literals)) for value in candidates)
    decidable = [literal for literal in literals if not isinstance(literal.test, Matches)]
    if any(isinstance(literal.test, Range) for literal in decidable):
        points = tuple(_points(decidable))
        if not any(all(literal.holds((value,)) for literal in decidable) for value in points):
            return False
    patterns = [(literal.test.pattern, literal.positive) for literal in literals if isinstance(literal.test, Matches)]
    return not any((pattern, not positive) in patterns for pattern, positive in patterns)


def _candidates(literals: Sequence[_Literal]) -> tuple[str, ...] | None:
    """The only values that can be meant, where a test names them; as an instance has them, without blanks around."""
    named = [lit.test.values for lit in literals if isinstance(lit.test, Equals) and lit.positive]
    return tuple(value.strip(" \0") for value in named[0]) if named else None


def _comparing(literals: Sequence[_Literal]) -> list[_Literal]:
    """Those that look at a value and not at how it is written: 5 may come as "5.0", which another pattern matches."""
    written = literals[0].test.path.vr in RANGE_VRS
    return [literal for literal in literals if not (written and isinstance(literal.test, Matches))]


def _points(literals: Sequence[_Literal]) -> Iterator[float]:
    """Numbers of which one satisfies all the ranges, if any number does."""
    bounds = sorted(_bounds(literals))
    vr = literals[0].test.path.vr
    if vr in NUMBER_VRS - _REAL_VRS:
        bounds = sorted({whole for bound in bounds for whole in (math.floor(bound), math.ceil(bound))})
        yield from bounds
        yield from (bound + step for bound in bounds for step in (-1, 1))
        return
    yield from bounds
    yield from ((low + high) / 2 for low, high in pairwise(bounds))
    if bounds:
        yield from (bounds[0] - 1, bounds[-1] + 1)


def _bounds(literals: Sequence[_Literal]) -> set[float]:
    found: set[float] = set()
    for literal in literals:
        test = literal.test
        if isinstance(test, Range):
            found.update(bound for bound in (test.minimum, test.maximum) if bound is not None)
        elif isinstance(test, Equals):
            numbers = (number_of(value, test.path.vr) for value in test.values)
            found.update(number for number in numbers if number is not None)
    return found
