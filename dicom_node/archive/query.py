"""C-FIND in the Study Root model (PS3.4 annex C) over a list of headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

UNIQUE_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
_RANGE = re.compile(r"\d*-\d*")
_CONTROL = ("QueryRetrieveLevel", "SpecificCharacterSet")


def answers(query: Dataset, headers: Iterable[Dataset]) -> list[Dataset]:
    """One identifier per study, series or image that matches every key of ``query``.

    Raises:
        ValueError: the query names no level of this model.
    """
    level = str(query.get("QueryRetrieveLevel", ""))
    if level not in UNIQUE_KEYS:
        raise ValueError(f"QueryRetrieveLevel is {level!r}; one of {', '.join(UNIQUE_KEYS)} is needed")
    groups: dict[str, list[Dataset]] = {}
    for header in headers:
        groups.setdefault(str(header.get(UNIQUE_KEYS[level], "")), []).append(header)
    found = []
    for members in groups.values():
        answer = _answer(query, level, members)
        if all(_matches(element, answer) for element in query if element.keyword not in _CONTROL):
            found.append(answer)
    return found


def _answer(query: Dataset, level: str, members: Sequence[Dataset]) -> Dataset:
    """The values of the first member for every key asked for, and the counts that this level has."""
    answer = Dataset()
    answer.QueryRetrieveLevel = level
    for element in query:
        if element.keyword in _CONTROL or element.VR == "SQ":
            continue
        if element.tag in members[0]:
            answer.add(members[0][element.tag])
        else:
            answer.add(DataElement(element.tag, element.VR, None))
    series = {str(member.get("SeriesInstanceUID", "")) for member in members}
    counted: dict[str, object] = {
        "ModalitiesInStudy": sorted({str(member.get("Modality", "")) for member in members}),
        "NumberOfStudyRelatedSeries": len(series),
        "NumberOfStudyRelatedInstances": len(members),
        "NumberOfSeriesRelatedInstances": len(members),
    }
    for keyword, value in counted.items():
        if keyword in query:
            setattr(answer, keyword, value)
    charset = members[0].get("SpecificCharacterSet")
    if charset:
        answer.SpecificCharacterSet = charset
    return answer


def _matches(wanted: DataElement, answer: Dataset) -> bool:
    if wanted.VR == "SQ" or wanted.is_empty or wanted.keyword.startswith("NumberOf"):
        return True
    held = [str(value) for value in _values(answer[wanted.tag].value)]
    return any(_fits(str(pattern), value, wanted.VR) for pattern in _values(wanted.value) for value in held)


def _values(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list) else [value]


def _fits(pattern: str, value: str, vr: str) -> bool:
    """Single value, wild card or range matching (PS3.4 C.2.2.2)."""
    if vr in ("DA", "TM", "DT") and _RANGE.fullmatch(pattern):
        first, last = pattern.split("-")
        return (not first or value >= first) and (not last or value <= last)
    if vr != "UI" and ("*" in pattern or "?" in pattern):
        return fnmatchcase(value, pattern.replace("[", "[[]"))
    return value == pattern
