"""What an algorithm gives: an analysis result in the words of TID 1500, with no pydicom type in it.

    AnalysisResult
    ├── summary            stable snake_case keys, units in the key: what a script reads
    ├── groups             MeasurementGroup: measurements, evaluations, regions, evidence
    ├── segments           Segment: a mask per frame
    ├── pictures           Picture: RGB for people, single or multi-frame
    ├── maps               ScalarMap: a 16-bit image of one quantity
    ├── derived            DerivedSeries: new frames computed from the source
    ├── key_frames         what a reader should look at first
    ├── tables             rows that ``dicom-node run`` also writes as CSV
    ├── notes              what ran, with what parameters, and what was left out and why
    └── statements         sentences that every object must carry ("synthetic, not a measurement")

Values are checked where they are made: NaN and infinity are refused, pixel coordinates must be finite.
"Nothing found" is a valid result: no groups, and ``nothing_found`` says what was looked for.
Coordinates are (x, y) = (column, row), 0-based, pixel centres at integers, as in ``series``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicom_node.codes import Code, Unit
from dicom_node.formula import agree, in_order, key_problem
from dicom_node.region import Region, Shape
from dicom_node.result_images import DerivedSeries, KeyFrames, Picture, Placement, ScalarMap, Segment
from dicom_node.series import FrameRef
from dicom_node.summary import Json, SummaryPath, at, check_json, place_of, renewed, ways_of_points

__all__ = [
    "AnalysisResult",
    "DerivedSeries",
    "Evaluation",
    "Json",
    "KeyFrames",
    "Measurement",
    "MeasurementGroup",
    "Part",
    "Picture",
    "Placement",
    "Region",
    "ScalarMap",
    "Segment",
    "Shape",
    "SummaryPath",
    "Table",
    "choice_text",
    "ways_to_say",
]


def _finite(value: float, what: str) -> None:
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}: a result holds finite numbers only; leave out what is unknown")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number (TID 300): what it is, its value and unit, how it was got, and the line it was read from.

    A number that follows from several lines (an ejection fraction) names them all in ``inferred_from``.
    """

    name: Code
    value: float
    unit: Unit
    method: Code | None = None
    derivation: Code | None = None
    site: Code | None = None
    inferred_from: Region | tuple[Region, ...] | None = None

    key: str = ""
    """Its name in formulas and corrections; without one nobody can set it."""
    formula: str | None = None
    """How it follows from other keys (see ``formula``); it must give the value that is reported."""
    limits: tuple[float, float] | None = None
    """(least, most) that a person may set, and that may follow from what a person sets."""
    decimals: int | None = None
    """How many a person may give: 0 for whole numbers; ``None``: any."""
    summary_path: SummaryPath | None = None
    """Where the summary has it; ``None``: under the key, if that is there."""
    corrected: bool = False
    """Whether a person has set it."""
    settable: bool = True
    """Whether a person may: False for what has a key only because something follows from it."""
    awaits: str = ""
    """Key of a region that a person has to draw before this number is known; until then it is reported nowhere.

    Its ``value`` is what the formula gives meanwhile, and the summary has ``None`` in its place. A person may also set
    the number itself.
    """

    @property
    def in_formula(self) -> float:
        """What its key stands for in a formula."""
        return float(self.value)

    def __post_init__(self) -> None:
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"{self.name.meaning}: limits are (least, most); got {self.limits}")
        if self.awaits and (not self.key or self.formula is None):
            raise ValueError(f"{self.name.meaning}: what awaits a region has a key and a formula")
        _check_follows(self.name, self.key, self.formula)
        _finite(self.value, self.name.meaning)

    @property
    def regions(self) -> tuple[Region, ...]:
        """What it was inferred from, in order."""
        if isinstance(self.inferred_from, Region):
            return (self.inferred_from,)
        return self.inferred_from or ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A qualitative answer (TID 1501 rows 9, 10): a code or a short text.

    What a person may correct has a ``key``: to one of ``choices``, or to any text where there are none and the value
    is a text. ``formula`` gives the place of the value among the choices (from 0), or its code value or text.
    ``summary_path``, ``corrected`` and ``settable``: as in Measurement.
    """

    name: Code
    value: Code | str
    key: str = ""
    formula: str | None = None
    choices: tuple[Code | str, ...] = ()
    summary_path: SummaryPath | None = None
    corrected: bool = False
    settable: bool = True

    def __post_init__(self) -> None:
        if self.choices and self.value not in self.choices:
            raise ValueError(f"{self.name.meaning}: {choice_text(self.value)!r} is none of its choices")
        _check_follows(self.name, self.key, self.formula)
        if self.formula is not None and not self.choices:
            raise ValueError(f"{self.name.meaning}: a formula chooses among choices; give them")

    @property
    def in_formula(self) -> int:
        """What its key stands for in a formula: the place of the value among the choices.

        Raises:
            ValueError: there are no choices.
        """
        if not self.choices:
            raise ValueError(f"{self.name.meaning} has no choices: a formula cannot ask for it")
        return self.choices.index(self.value)

    def choice_of(self, answer: float | str) -> Code | str:
        """The choice that a formula's value names: by its place from 0, its code value or its text.

        Raises:
            ValueError: there is no such choice.
        """
        for index, choice in enumerate(self.choices):
            if answer == (choice_text(choice) if isinstance(answer, str) else index):
                return choice
        raise ValueError(f"{self.name.meaning}: {answer!r} is none of the {len(self.choices)} choices")


def _check_follows(name: Code, key: str, formula: str | None) -> None:
    if formula is not None and not key:
        raise ValueError(f"{name.meaning}: what has a formula needs a key")


def choice_text(choice: Code | str) -> str:
    """The short form of a choice: the value of a code, or the text."""
    return choice.value if isinstance(choice, Code) else choice


@dataclass(frozen=True, slots=True)
class MeasurementGroup:
    """One thing that was measured or judged.

    ``region`` makes it a planar ROI group (TID 1410); without one it is a TID 1501 group. One result never
    mixes the two (viewers refuse that). ``tracking_id`` names the thing to a person and must be unique in the
    result; the encoder makes its tracking UID from it, the same in report and segmentation. ``evidence`` are the
    frames it was seen on: at least one, so that the report can point at a picture.
    """

    tracking_id: str
    finding: Code
    evidence: tuple[FrameRef, ...]
    site: Code | None = None
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    region: Region | None = None
    time_point: str | None = None

    def __post_init__(self) -> None:
        if not self.tracking_id:
            raise ValueError("a measurement group needs a tracking id")
        if not self.evidence:
            raise ValueError(f"group {self.tracking_id!r} names no evidence: give the frames it was seen on")

    @property
    def reported(self) -> tuple[Measurement, ...]:
        """The measurements that are known: all but those that await a person's region."""
        return tuple(measurement for measurement in self.measurements if not measurement.awaits)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that ``dicom-node run`` writes as ``<name>.csv``; they stay on this machine."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int | float | str, ...], ...]


Part = Measurement | Evaluation | Region | Segment
"""What can have a key."""


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """All that one run of an algorithm gives. See the module's page for the parts."""

    summary: Mapping[str, Json]
    groups: tuple[MeasurementGroup, ...] = ()
    segments: tuple[Segment, ...] = ()
    pictures: tuple[Picture, ...] = ()
    maps: tuple[ScalarMap, ...] = ()
    derived: tuple[DerivedSeries, ...] = ()
    key_frames: tuple[KeyFrames, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    nothing_found: str | None = None
    requires_review: bool = False

    def __post_init__(self) -> None:
        check_json(dict(self.summary), "summary")
        if not self.groups and not self.nothing_found:
            raise ValueError("a result without groups must say in nothing_found what was looked for")
        ids = [group.tracking_id for group in self.groups]
        if len(set(ids)) != len(ids):
            raise ValueError(f"tracking ids must be unique in a result; got {ids}")
        if len({group.region is None for group in self.groups}) > 1:
            raise ValueError("all groups have a region (TID 1410) or none has (TID 1501): viewers refuse a mix")
        roles = [part.role for part in (*self.pictures, *self.maps, *self.derived)]
        if len(set(roles)) != len(roles):
            raise ValueError(f"roles must be unique in a result; got {roles}")
        parts = self.parts
        _check_formulas(parts)
        _check_awaited(parts)
        for key, part in parts.items():
            _check_summary(self.summary, key, part)

    @property
    def parts(self) -> Mapping[str, Part]:
        """Everything that has a key, by it, in the order of the result.

        Raises:
            ValueError: a key is no name, or two different things have the same one.
        """
        found: dict[str, Part] = {}
        for part in self._keyed():
            if problem := key_problem(part.key):
                raise ValueError(problem)
            if part.key not in found:
                found[part.key] = part
            elif not (isinstance(part, Region) and part == found[part.key]):  # a line may have several readers
                raise ValueError(f"key {part.key!r} names two different things in the result")
        return MappingProxyType(found)

    def _keyed(self) -> Iterator[Part]:
        for group in self.groups:
            lines = (region for measurement in group.measurements for region in measurement.regions)
            for part in (group.region, *group.measurements, *lines, *group.evaluations):
                if part is not None and part.key:
                    yield part
        yield from (segment for segment in self.segments if segment.key)


def _check_formulas(parts: Mapping[str, Part]) -> None:
    for key, formula in in_order(parts).items():
        part, value = parts[key], formula.value(parts)
        if isinstance(part, Evaluation):
            same, told = part.choice_of(value) == part.value, choice_text(part.value)
        else:
            same, told = not isinstance(value, str) and agree(value, part.value), part.value
        if not same:
            raise ValueError(
                f"the formula of {key!r}, {formula.text!r}, gives {value!r}, but {told!r} is reported: "
                "a formula must give what is reported (within 1e-6 of it)"
            )


def _check_awaited(parts: Mapping[str, Part]) -> None:
    for key, part in parts.items():
        awaited = part.awaits if isinstance(part, Measurement) else ""
        if awaited and not isinstance(parts.get(awaited), Region):
            raise ValueError(f"{key!r} awaits {awaited!r}, which is the key of no region in the result")


def _check_summary(summary: Mapping[str, Json], key: str, part: Part) -> None:
    if isinstance(part, Segment):
        return
    try:
        path = place_of(summary, key, part.summary_path)
        if path is not None:
            renewed(at(summary, path), ways_to_say(part), ways_to_say(part))
    except ValueError as error:
        raise ValueError(f"key {key!r}: {error}") from None


def ways_to_say(part: Measurement | Evaluation | Region) -> tuple[Json, ...]:
    """How a summary may say a value: a number; points or their box; a choice by meaning, code value or place.

    The second of two choices may also be said as true, the first as false.
    """
    if isinstance(part, Region):
        return ways_of_points(part.points)
    if isinstance(part, Measurement):
        whole = part.decimals == 0 and float(part.value).is_integer()
        return (None,) if part.awaits else (int(part.value) if whole else float(part.value),)
    said = (part.value.meaning, part.value.value) if isinstance(part.value, Code) else (part.value, part.value)
    if not part.choices:
        return said
    place = part.choices.index(part.value)
    return (*said, place, bool(place)) if len(part.choices) == 2 else (*said, place)
