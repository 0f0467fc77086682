"""What a person gives for a value, read and checked; and values as the texts that a person gives and reads."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from dicom_node.codes import Code
from dicom_node.formula import parse
from dicom_node.geometry import area, crosses_itself
from dicom_node.region import LEAST_POINTS, Points, Region, Shape
from dicom_node.result import Evaluation, Measurement, Part, Segment, choice_text

Kind = Literal["number", "choice", "text", "line", "polygon", "point", "points"]
ImageSizes = Mapping[str, tuple[int, int]]
"""(rows, columns) of images by SOP Instance UID."""
LONGEST_TEXT = 1024
"""Characters of a text (VR UT has no limit; viewers do)."""
NOT_KNOWN = "not known"
"""Stands for the value of what awaits a region."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def set_to(part: Part, text: str, sizes: ImageSizes | None) -> Part:
    """The part as a person sets it. Raises ValueError that says what is allowed."""
    if isinstance(part, Region):
        return replace(part, points=_points(part, text, sizes), corrected=True)
    if isinstance(part, Evaluation):
        value = _choice(part, text) if part.choices else _short_text(text)
        return replace(part, value=value, formula=None, corrected=True)
    assert isinstance(part, Measurement)  # segments have no kind, so nobody sets them
    return replace(part, value=_number(part, text), formula=None, corrected=True, awaits="")


def _number(part: Measurement, text: str) -> float:
    text = text.strip()
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"{text!r} is no number; write it in {part.unit.meaning} without the unit, such as 42.1")
    value = float(text)
    if part.decimals is not None and value != round(value, part.decimals):
        allowed = f"at most {part.decimals} decimals" if part.decimals else "a whole number"
        raise ValueError(f"{text} is given; {allowed} is needed")
    return within(value, part)


def within(value: float, part: Measurement) -> float:
    """The value. Raises ValueError where it is beyond the limits of the measurement."""
    if part.limits is not None and not part.limits[0] <= value <= part.limits[1]:
        least, most = (_plain(limit) for limit in part.limits)
        raise ValueError(f"{_plain(value)} {part.unit.meaning} is beyond its limits, {least} to {most}")
    return value


def _choice(part: Evaluation, text: str) -> Code | str:
    """By code value or text, else by meaning, else by place from 0."""
    text = text.strip()
    for said in (choice_text, _meaning, lambda choice: str(part.choices.index(choice))):
        found = [choice for choice in part.choices if said(choice).casefold() == text.casefold()]
        if len(found) == 1:
            return found[0]
    allowed = ", ".join(f"{short} ({long})" if short != long else short for short, long in choices_of(part))
    raise ValueError(f"{text!r} is none of its choices: {allowed}")


def _short_text(text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"a text of 1 to {LONGEST_TEXT} printable characters in one line is needed")
    return text


def _points(region: Region, text: str, sizes: ImageSizes | None) -> Points:
    points = tuple(_point(word) for word in text.split())
    if region.shape is Shape.POLYGON:
        points = _without_repeats(points)
    _check_count(region, len(points))
    if region.shape is Shape.POLYGON:
        if crosses_itself(points):
            raise ValueError("the outline touches or crosses itself; give its corners in order, one after another")
        if area(replace(region, points=points, per_px=None)) == 0:
            raise ValueError("the outline has no area: its points lie on one line")
    size = (sizes or {}).get(region.frame.sop_instance_uid)
    if size is not None:
        rows, columns = size
        beside = [(x, y) for x, y in points if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5)]
        if beside:
            raise ValueError(
                f"{_points_text(beside)} is beside the picture of {columns} columns and {rows} rows; points are x,y"
            )
    return points


def _point(word: str) -> tuple[float, float]:
    numbers = word.split(",")
    if len(numbers) != 2 or not all(NUMBER.fullmatch(number) for number in numbers):
        raise ValueError(f"{word!r} is no point; write points like '12.5,40 80,41.5' (x,y in pixels, centres whole)")
    x, y = (float(number) for number in numbers)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"{word!r} is no point: its numbers are too large")
    return x, y


def _without_repeats(points: Points) -> Points:
    """A polygon without points given twice in a row, the closing one included."""
    following = (*points[1:], *points[:1])
    return tuple(point for point, after in zip(points, following, strict=True) if point != after or len(points) == 1)


def _check_count(region: Region, count: int) -> None:
    least = LEAST_POINTS[region.shape]
    exact = region.shape is Shape.POINT or (region.shape is Shape.POLYLINE and len(region.points) == 2)
    if count < least or (exact and count != least):
        needed = f"{least} point(s)" if exact else f"{least} points or more"
        raise ValueError(f"{count} different point(s) given; {needed} are needed, such as '12.5,40 80,41.5'")


_KINDS: Mapping[Shape, Kind] = {
    Shape.POINT: "point",
    Shape.MULTIPOINT: "points",
    Shape.POLYLINE: "line",
    Shape.POLYGON: "polygon",
}


def kind_of(part: Part) -> Kind | None:
    """What a person gives for it; ``None``: it cannot be set (a segment, what only follows, a code without choices)."""
    if isinstance(part, Measurement | Evaluation) and not part.settable:
        return None
    if isinstance(part, Region):
        return _KINDS[part.shape]
    if isinstance(part, Measurement):
        return "number"
    if isinstance(part, Evaluation) and part.choices:
        return "choice"
    return "text" if isinstance(part, Evaluation) and isinstance(part.value, str) else None


def why_not(part: Part, able: Collection[str]) -> str:
    """Why a part without a kind cannot be set; ``able``: the keys that can, of which it names those that decide it."""
    if isinstance(part, Segment):
        return "a segment shows what the algorithm saw"
    if isinstance(part, Region) or part.settable:
        return "it has no choices and is no text"
    deciding = [key for key in (parse(part.formula).keys if part.formula else ()) if key in able]
    return f"it follows from {', '.join(deciding)}: set that" if deciding else "it is not for a person to set"


def choices_of(part: Evaluation) -> tuple[tuple[str, str], ...]:
    """(text that a person gives, meaning) of each choice."""
    return tuple((choice_text(choice), _meaning(choice)) for choice in part.choices)


def _meaning(choice: Code | str) -> str:
    return choice.meaning if isinstance(choice, Code) else choice


def value_text(part: Part) -> str:
    """A value as Change takes it, of a code its meaning. What a person set is given back to the last digit."""
    if isinstance(part, Region):
        return _points_text(part.points)
    if isinstance(part, Measurement) and part.awaits:
        return NOT_KNOWN
    if isinstance(part, Measurement):
        return _plain(part.value) if part.corrected else f"{part.value:.10g}"
    return _meaning(part.value) if isinstance(part, Evaluation) else ""


def _points_text(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_plain(x)},{_plain(y)}" for x, y in points)


def _plain(number: float) -> str:
    """All digits that there are, and no more."""
    return repr(float(number)).removesuffix(".0")


def unit_text(part: Part) -> str:
    """The unit in which a person gives a value; empty for choices and texts."""
    if isinstance(part, Region):
        return "pixels"
    return part.unit.meaning if isinstance(part, Measurement) else ""
