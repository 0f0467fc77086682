"""The data dictionary and the registry of UIDs (PS3.6) as rules use them: names to attributes, names to UIDs."""

from __future__ import annotations

import re

from pydicom.datadict import DicomDictionary, get_entry, keyword_dict
from pydicom.uid import UID_dictionary

from dicom_node.conditions import Attribute

PIXEL_GROUP = 0x7FE0
"""Attributes from this group on are not read for routing: they are the pixels and what follows them."""

_NUMBER = re.compile(r"\(?\s*([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\s*\)?", re.ASCII)
_UID = re.compile(r"[0-2](\.\d+)+", re.ASCII)
_BY_KEYWORD = {entry[4]: uid for uid, entry in UID_dictionary.items() if entry[4]}
_KIND_BY_KEYWORD = {"TransferSyntaxUID": ("Transfer Syntax",)}
_SOP_CLASS = ("SOP Class", "Meta SOP Class")


def keywords() -> tuple[str, ...]:
    """Every keyword of the dictionary."""
    return tuple(entry[4] for entry in DicomDictionary.values() if entry[4])


def attribute(text: str) -> Attribute | None:
    """The attribute of a keyword or a (gggg,eeee); None where the dictionary has no such keyword.

    A number that the dictionary does not have (private, or of a newer edition) is an attribute of unknown VR.
    """
    number = _NUMBER.fullmatch(text)
    if number is None:
        tag = keyword_dict.get(text)
        return None if tag is None else _known(tag)
    tag = int(number[1] + number[2], 16)
    try:
        return _known(tag)
    except KeyError:
        return Attribute(tag, tag_text(tag), "", "")


def _known(tag: int) -> Attribute:
    vr, vm, _, _, keyword = get_entry(tag)
    return Attribute(tag, keyword or tag_text(tag), vr.split(" or ")[0], vm)


def tag_text(tag: int) -> str:
    """(gggg,eeee)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def uid_of(text: str, keyword: str) -> str | None:
    """The UID that ``text`` names or is, as the attribute ``keyword`` may hold it; None where it is neither."""
    if _UID.fullmatch(text) and len(text) <= 64:
        return text
    uid = _BY_KEYWORD.get(text)
    return uid if uid is not None and UID_dictionary[uid][1] in _kinds(keyword) else None


def uid_names(keyword: str) -> tuple[str, ...]:
    """The names that the attribute ``keyword`` takes for a UID."""
    return tuple(name for name, uid in _BY_KEYWORD.items() if UID_dictionary[uid][1] in _kinds(keyword))


def uid_name(uid: str) -> str:
    """The registered name of a UID, or the text itself."""
    entry = UID_dictionary.get(uid)
    return entry[4] if entry and entry[4] else uid


def _kinds(keyword: str) -> tuple[str, ...]:
    if "SOPClass" in keyword:
        return _SOP_CLASS
    return _KIND_BY_KEYWORD.get(keyword, (*_SOP_CLASS, "Transfer Syntax"))
