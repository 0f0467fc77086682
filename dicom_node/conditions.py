"""The rule language: conditions on the attributes of an instance, and what each of them saw.

Pure: no file, no DICOM library. ``config/condition_syntax.py`` makes conditions from YAML, ``route/headers.py``
gives the facts.
Evaluation cannot fail and cannot hang: a value that cannot be compared does not match and the trace says why, and
regular expressions are RE2 (linear in the length of the value, whatever the pattern).

Meaning, attribute by attribute:

- an attribute with several values passes a test where any of its values does; so does a path through a sequence,
  where any item does;
- text is compared case-sensitively, without leading and trailing blanks; numbers as numbers ("50" is 50.0);
- an attribute that is absent, or there without a value, passes no test but ``exists: false`` and ``not``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import re2

Value = str | int | float

NUMBER_VRS = frozenset({"DS", "IS", "FL", "FD", "SS", "US", "SL", "UL", "SV", "UV"})
"""Value representations of numbers (PS3.5 section 6.2)."""

RANGE_VRS = NUMBER_VRS | {"DA", "AS", ""}
"""Those that ``min`` and ``max`` can order: numbers, dates (as yyyymmdd), ages (in years), and the unknown."""

LONGEST_TEXT = 10_000
"""Characters of a value that a regular expression looks at, so that a giant text cannot slow a rule down."""

_SHOWN_VALUES = 8
_SHOWN_CHARACTERS = 64
_DAYS_PER_YEAR = 365.25
_AGE_UNITS_PER_YEAR = {"D": _DAYS_PER_YEAR, "W": _DAYS_PER_YEAR / 7, "M": 12.0, "Y": 1.0}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_AGE = re.compile(r"(\d{1,3})([DWMY])", re.ASCII)
_IDENTIFYING_GROUPS = frozenset({0x0010, 0x0012, 0x0038})  # patient, trial subject, visit
_IDENTIFYING = frozenset(
    {
        0x00080050,  # AccessionNumber
        0x00200010,  # StudyID
        0x00204000,  # ImageComments
        0x00324000,  # StudyComments
        0x00400009,  # ScheduledProcedureStepID
        0x00400253,  # PerformedProcedureStepID
        0x00400280,  # CommentsOnThePerformedProcedureStep
        0x00401001,  # RequestedProcedureID
        0x00401400,  # RequestedProcedureComments
        0x00402016,  # PlacerOrderNumberImagingServiceRequest
        0x00402017,  # FillerOrderNumberImagingServiceRequest
    }
)
"""Numbers that a hospital's systems find the patient by, and comments, where people write names."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the data dictionary (PS3.6); ``vr`` and ``vm`` are "" where the dictionary has none."""

    tag: int
    keyword: str
    vr: str
    vm: str

    @property
    def identifying(self) -> bool:
        """Whether its value may say who the patient is: it is then never shown. Private attributes may."""
        group = self.tag >> 16
        return group in _IDENTIFYING_GROUPS or group % 2 == 1 or self.vr == "PN" or self.tag in _IDENTIFYING


@dataclass(frozen=True, slots=True)
class TagPath:
    """Where a value is: attributes from the data set inwards, or (no steps) ``calling_ae`` or ``called_ae``."""

    text: str
    steps: tuple[Attribute, ...]

    @property
    def vr(self) -> str:
        return self.steps[-1].vr if self.steps else "AE"

    @property
    def single_valued(self) -> bool:
        """Whether an instance can have one value at most."""
        return not self.steps or (len(self.steps) == 1 and self.steps[0].vm == "1" and self.vr != "SQ")

    @property
    def identifying(self) -> bool:
        return any(step.identifying for step in self.steps)


class Facts(Protocol):
    """What is known of one instance."""

    def values(self, path: TagPath) -> tuple[Value, ...] | None:
        """The values at ``path``; None: absent; (): there without a value. Must not raise."""
        ...


@dataclass(frozen=True, slots=True)
class Equals:
    """One of ``values``, as written in the file; ``shown``: the same in words."""

    path: TagPath
    values: tuple[str, ...]
    shown: str
    line: int
    column: int

    @property
    def wanted(self) -> str:
        return f"equals {self.shown}" if len(self.values) == 1 else f"is one of {self.shown}"

    def accepts(self, value: Value) -> bool:
        return any(_equal(self.path.vr, wanted, value) for wanted in self.values)


@dataclass(frozen=True, slots=True)
class Matches:
    """A regular expression (RE2) found anywhere in the value."""

    path: TagPath
    pattern: str
    line: int
    column: int

    @property
    def wanted(self) -> str:
        return f"matches {_quoted(self.pattern)}"

    def accepts(self, value: Value) -> bool:
        text = str(value)[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
        return compiled(self.pattern).search(text) is not None


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``minimum`` to ``maximum``, both included; None: no bound on that side."""

    path: TagPath
    minimum: float | None
    maximum: float | None
    line: int
    column: int

    @property
    def wanted(self) -> str:
        bounds = (("at least", self.minimum), ("at most", self.maximum))
        return "is " + " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)

    def accepts(self, value: Value) -> bool:
        number = number_of(value, self.path.vr)
        if number is None:
            return False
        if any(bound is not None and _same(self.path.vr, bound, number) for bound in (self.minimum, self.maximum)):
            return True
        return (self.minimum is None or number > self.minimum) and (self.maximum is None or number < self.maximum)


@dataclass(frozen=True, slots=True)
class Exists:
    """There with a value (``present``), or absent or empty."""

    path: TagPath
    present: bool
    line: int
    column: int

    @property
    def wanted(self) -> str:
        return "exists" if self.present else "does not exist"


@dataclass(frozen=True, slots=True)
class AllOf:
    children: tuple[Condition, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class AnyOf:
    children: tuple[Condition, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    child: Condition
    line: int
    column: int


Test = Equals | Matches | Range | Exists
Condition = Test | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Trace:
    """What one condition said of one instance; tests have a path and what was seen, groups have children."""

    line: int
    path: str
    wanted: str
    seen: str
    passed: bool
    children: tuple[Trace, ...] = ()

    @property
    def matched(self) -> bool:
        return self.passed

    @property
    def text(self) -> str:
        """The condition in words; a group with its children."""
        if self.children:
            return f"{self.wanted}: {'; '.join(child.text for child in self.children)}"
        return f"{self.path} {self.wanted}"

    def first_failure(self) -> Trace | None:
        """The first condition, in the order of the file, because of which the whole failed; None where it passed."""
        if self.passed:
            return None
        if not self.children or self.wanted != ALL_OF:
            return self
        return next(failure for child in self.children if (failure := child.first_failure()))

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Trace]]:
        """Every trace of the tree with its depth, in the order of the file."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


ALL_OF = "all of"
ANY_OF = "any of"
_NEGATED_GROUP = {ALL_OF: "not all of", ANY_OF: "none of", "not all of": ALL_OF, "none of": ANY_OF}


def evaluate(condition: Condition, facts: Facts, name_of: Callable[[str], str] = str) -> Trace:
    """Tests one instance, every condition of the tree, and says what each of them saw. Never raises.

    Args:
        condition: from ``config.condition_syntax.parse_conditions``.
        facts: of the instance.
        name_of: how a UID is shown (its name in the registry of PS3.6).
    """
    match condition:
        case AllOf(children=children):
            traces = tuple(evaluate(child, facts, name_of) for child in children)
            return Trace(condition.line, "", ALL_OF, "", all(trace.passed for trace in traces), traces)
        case AnyOf(children=children):
            traces = tuple(evaluate(child, facts, name_of) for child in children)
            return Trace(condition.line, "", ANY_OF, _seen_by_each(traces), any(t.passed for t in traces), traces)
        case Not(child=child):
            return _negated(evaluate(child, facts, name_of))
        case _:
            return _tested(condition, facts.values(condition.path), name_of)


def accepts(test: Test, values: tuple[Value, ...] | None) -> bool:
    """Whether a test passes on the values of its attribute (None: absent)."""
    if isinstance(test, Exists):
        return bool(values) is test.present
    return any(test.accepts(value) for value in values or ())


def number_of(value: Value, vr: str) -> float | None:
    """A value as a number (ages in years), or None where it is none; infinity and NaN are none."""
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    text = value.strip(" \0")
    if vr == "AS" and (age := _AGE.fullmatch(text)):
        return int(age[1]) / _AGE_UNITS_PER_YEAR[age[2]]
    if len(text) > _SHOWN_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(text) if text.lstrip("+-").isdigit() else number


def wanted_text(test: Test) -> str:
    """What a test wants, in words; of an identifying attribute the value is not shown."""
    if test.path.identifying and not isinstance(test, Exists):
        return f"{test.wanted.split()[0]} (what line {test.line} says, not shown)"
    return test.wanted


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re2._Regexp:
    """The compiled pattern.

    Raises:
        re2.error: the pattern is no RE2 expression.
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _equal(vr: str, wanted: str, value: Value) -> bool:
    if vr in RANGE_VRS:
        left, right = number_of(wanted, vr), number_of(value, vr)
        if left is not None and right is not None:
            return _same(vr, left, right)
    return wanted.strip(" \0") == str(value).strip(" \0")


def _same(vr: str, left: float, right: float) -> bool:
    # FL has 24 bits: 0.1 arrives as 0.10000000149
    return math.isclose(left, right, rel_tol=1e-6) if vr == "FL" else left == right


def _tested(test: Test, values: tuple[Value, ...] | None, name_of: Callable[[str], str]) -> Trace:
    seen = _seen(test, values, name_of)
    return Trace(test.line, test.path.text, wanted_text(test), seen, accepts(test, values))


def _negated(trace: Trace) -> Trace:
    if trace.children:
        wanted, seen = _NEGATED_GROUP[trace.wanted], _seen_by_each(trace.children)
        return Trace(trace.line, "", wanted, seen, not trace.passed, trace.children)
    wanted = trace.wanted.removeprefix("not ") if trace.wanted.startswith("not ") else f"not {trace.wanted}"
    return Trace(trace.line, trace.path, wanted, trace.seen, not trace.passed)


def _seen(test: Test, values: tuple[Value, ...] | None, name_of: Callable[[str], str]) -> str:
    if values is None:
        return "absent"
    if not values:
        return "empty"
    if test.path.identifying:
        return "(present, not shown)"
    if test.path.vr == "SQ":
        return f"{len(values)} item{'s' if len(values) != 1 else ''}"
    shown = [_quoted(name_of(v)) if isinstance(v, str) else str(v) for v in values[:_SHOWN_VALUES]]
    text = ", ".join(shown) + (f" and {len(values) - _SHOWN_VALUES} more" if len(values) > _SHOWN_VALUES else "")
    if isinstance(test, Range) and all(number_of(value, test.path.vr) is None for value in values):
        return f"{text} (no number)"
    return text


def _seen_by_each(traces: tuple[Trace, ...]) -> str:
    return "; ".join(f"{trace.path} {trace.seen}" for trace in traces if trace.path)


def _quoted(text: str) -> str:
    short = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return json.dumps(short.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False)
