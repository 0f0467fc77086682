"""Attributes of a foreign header, decoded and fit to be written again.

What scanners and migrations leave in headers is often not valid for its VR. Results repeat identifiers exactly as
they are, so that they stay with their study; any other value that its VR does not allow is left empty rather than
repeated or repaired (an empty value contradicts nobody).
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.valuerep import validate_value

# Repeated exactly, valid or not: an archive finds patient and study by them
IDENTIFIERS = frozenset(
    {
        "PatientID",
        "PatientName",
        "IssuerOfPatientID",
        "AccessionNumber",
        "StudyID",
        "StudyInstanceUID",
        "TimezoneOffsetFromUTC",
    }
)

# What pydicom raises for bytes that are no value of their VR
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, OverflowError, LookupError)

_MULTI_LINE = frozenset({"LT", "ST", "UT"})
TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_NUMBERS = frozenset({"US", "SS", "UL", "SL", "FD", "FL"})


def exact(keyword: str, value: object) -> DataElement:
    """An element with a value that is not judged: UIDs and identifiers of others."""
    return DataElement(tag_for_keyword(keyword), dictionary_VR(keyword), value, validation_mode=config.IGNORE)


def values_of(header: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text or number attribute as decoded strings; () for absent, empty or unreadable."""
    try:
        element = header[keyword]
        value = element.value
        if isinstance(value, Sequence) or value is None:
            return ()
        parts = value if isinstance(value, list | tuple | MultiValue) else [value]
        strings = tuple(_string(part) for part in parts)
    except UNREADABLE:
        return ()
    return strings if any(strings) else ()


def first_value(header: Dataset, keyword: str) -> str:
    """The first value as a string; "" for absent, empty or unreadable."""
    return next(iter(values_of(header, keyword)), "")


def numbers_of(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` finite numbers, or ``None``."""
    try:
        numbers = tuple(float(value) for value in values_of(header, keyword))
    except ValueError:
        return None
    if len(numbers) != count or any(number != number or abs(number) == float("inf") for number in numbers):
        return None
    return numbers


def whole_number(header: Dataset, keyword: str) -> int | None:
    """A non-negative integer, or ``None``."""
    found = numbers_of(header, keyword, 1)
    return int(found[0]) if found and found[0] >= 0 and found[0] == int(found[0]) else None


def clean(header: Dataset, keyword: str) -> DataElement | None:
    """The attribute decoded and valid for the VR of the dictionary; ``None`` where nothing valid is there."""
    vr = dictionary_VR(keyword)
    if vr in _NUMBERS:
        return _clean_number(header, keyword, vr)
    if vr not in TEXT_VRS:
        return None
    keep = _CONTROLS_OF_TEXT if vr in _MULTI_LINE else frozenset()
    values = tuple(_without_controls(value, keep) for value in values_of(header, keyword))
    if not any(values):
        return None
    if keyword not in IDENTIFIERS and not all(_valid(vr, value) for value in values):
        return None
    return exact(keyword, values[0] if len(values) == 1 else list(values))


def copy(header: Dataset, keywords: Iterable[str], into: Dataset) -> None:
    """Copies what is there and valid; the rest stays absent."""
    for keyword in keywords:
        element = clean(header, keyword)
        if element is not None:
            into[element.tag] = element


def clean_item(item: Dataset) -> Dataset:
    """A sequence item with its public, valid attributes, sequences in it included."""
    out = Dataset()
    for tag in sorted(item.keys()):
        if tag.is_private or tag.element == 0:
            continue
        try:
            element = item[tag]
        except UNREADABLE:
            continue
        keyword = element.keyword
        if not keyword or keyword == "SpecificCharacterSet":
            continue
        if element.VR == "SQ":
            out[tag] = DataElement(tag, "SQ", [clean_item(child) for child in element.value])
        else:
            copy(item, (keyword,), out)
    return out


_CONTROLS_OF_TEXT = frozenset("\t\n\f\r")


def _string(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "ignore").strip("\0 ")
    return str(value).strip("\0 ")


def _without_controls(text: str, keep: frozenset[str]) -> str:
    text = "".join(character for character in text if character >= " " or character in keep)
    return text.encode("utf-8", "ignore").decode("utf-8")


def _valid(vr: str, value: str) -> bool:
    if not value:
        return True
    if vr in {"DA", "TM", "DT"} and "-" in value:  # a range, valid in queries only
        return False
    try:
        validate_value(vr, value, config.RAISE)
    except ValueError:
        return False
    return True


def _clean_number(header: Dataset, keyword: str, vr: str) -> DataElement | None:
    try:
        value = header[keyword].value
        if value is None or value == []:
            return None
        parts = value if isinstance(value, list | tuple | MultiValue) else [value]
        numbers = [float(part) if vr in {"FD", "FL"} else int(part) for part in parts]
    except UNREADABLE:
        return None
    return DataElement(tag_for_keyword(keyword), vr, numbers[0] if len(numbers) == 1 else numbers)
