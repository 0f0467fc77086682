"""The Basic Application Level Confidentiality Profile (PS3.15 Annex E, table E.1-1) on one data set.

The table comes from the package dicom-anonymizer, which reads it off the standard (edition 2026c). Here it is applied
at every depth of nested sequences, and so that objects that belong together still do: UIDs become other UIDs, and dates
move by a number of days that all of a subject share (option "Retain Longitudinal Temporal Information with Modified
Dates"; times of day stay).

Beyond the table: private elements and those that nobody knows are removed, every person's name and every UID that is
not of the standard counts as listed, and whole groups of curves and overlays go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag, Tag

from dicom_node.pseudonyms import Pseudonyms

EDITION = "2026c"
TABLE = f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{EDITION}"
ACTIONS = {
    "D_TAGS": "D",
    "Z_TAGS": "Z",
    "X_TAGS": "X",
    "U_TAGS": "U",
    "Z_D_TAGS": "Z/D",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}
OF_THE_STANDARD = "1.2.840.10008."
BIRTH = frozenset({Tag("PatientBirthDate"), Tag("PatientBirthTime"), Tag("PatientBirthDateInAlternativeCalendar")})
"""A date of birth is not moved, it goes: moved by days that one could guess, it would still tell whose it is."""
DUMMY = "REMOVED"
NUMBERS = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
NUMBER_TEXTS = frozenset({"DS", "IS"})
TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"})
METHOD = (f"PS3.15 {EDITION} basic profile, as dicom-node does it", "dates moved", "private elements removed")
CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)


def deidentify(dataset: Dataset, subject: str, pseudonyms: Pseudonyms) -> None:
    """Applies the profile to the data set itself; its pixels are left as they are.

    Args:
        subject: the token that stands for the patient; it becomes name and ID.
    """
    _Profile(pseudonyms, pseudonyms.days(subject)).apply(dataset)
    dataset.PatientName = subject
    dataset.PatientID = subject
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = list(METHOD)
    dataset.DeidentificationMethodCodeSequence = [_code(value, meaning) for value, meaning in CODES]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


class _Profile:
    def __init__(self, pseudonyms: Pseudonyms, days: int) -> None:
        self._uid = pseudonyms.uid
        self._back = timedelta(days=days)

    def apply(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            if tag.is_private or _repeats(tag):
                del dataset[tag]
                continue
            element = dataset[tag]
            kept = self._kept(element)
            if kept is None:
                del dataset[tag]
            elif kept is not element:
                dataset[tag] = kept

    def _kept(self, element: DataElement) -> DataElement | None:
        """What stays of an element; ``None`` if nothing does."""
        action = _table().get(element.tag, "")
        if element.VR in ("DA", "DT") and element.tag not in BIRTH:
            return self._with(element, self._moved)
        if element.VR == "TM" and element.tag not in BIRTH:
            return element
        if element.VR == "UI":
            return None if action == "X" else self._with(element, self._other_uid)
        if action == "X" or element.VR == "UN":
            return None
        if element.VR == "SQ":
            return self._sequence(element, action)
        if action in ("Z", "X/Z") or (element.VR == "PN" and not action):
            return DataElement(element.tag, element.VR, None)
        if action:  # D, or one of those that may have to be D
            return DataElement(element.tag, element.VR, _dummy(element.VR))
        return element

    def _sequence(self, element: DataElement, action: str) -> DataElement | None:
        """References keep their items, with other UIDs; of what else the table lists, none stays."""
        if action and action != "X/Z/U*":
            return DataElement(element.tag, "SQ", Sequence([])) if action == "Z" else None
        for item in element.value:
            self.apply(item)
        return element

    def _with(self, element: DataElement, change: Callable[[str], str]) -> DataElement:
        values = [element.value] if element.VM <= 1 else list(element.value)
        changed = [change(str(value)) if value else value for value in values]
        return DataElement(element.tag, element.VR, changed[0] if len(changed) == 1 else changed)

    def _other_uid(self, uid: str) -> str:
        return uid if uid.startswith(OF_THE_STANDARD) else self._uid(uid)

    def _moved(self, text: str) -> str:
        """A date, or a date and time, moved back; one that cannot be read becomes empty."""
        try:
            date = datetime.strptime(text[:8].ljust(8, "0"), "%Y%m%d") - self._back
        except (ValueError, OverflowError):
            return ""
        return date.strftime("%Y%m%d") + text[8:]


def _repeats(tag: BaseTag) -> bool:
    """Whether it is of a group of curves or overlays."""
    return tag.group & 0xFF00 in (0x5000, 0x6000)


def _dummy(vr: str) -> Any:
    if vr in NUMBERS:
        return 0
    if vr in NUMBER_TEXTS:
        return "0"
    if vr in TEXTS:
        return DUMMY
    return {"AS": "000Y", "UR": "http://removed.invalid"}.get(vr, b"\0\0" if vr.startswith("O") else None)


@cache
def _table() -> Mapping[BaseTag, str]:
    """Tag -> action, for the tags that are one attribute; groups that repeat are removed whole."""
    lists = import_module(TABLE)
    return {Tag(*tag): action for name, action in ACTIONS.items() for tag in getattr(lists, name) if len(tag) == 2}
