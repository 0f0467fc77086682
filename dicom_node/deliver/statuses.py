"""C-STORE response statuses (PS3.4 table B.2-1, PS3.7 annex C) and what follows from them for the object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SUCCESS = 0x0000
ATTRIBUTE_LIST_WARNING = 0x0107
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
ATTRIBUTE_RANGE_WARNING = 0x0116
INVALID_INSTANCE = 0x0117
CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124
DUPLICATE_INVOCATION = 0x0210
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700


class Fate(Enum):
    """What becomes of an object after a response."""

    DELIVERED = "delivered"
    LATER = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A status judged: ``reason`` is empty for plain success; ``short_of_resources``: sending more now is no use."""

    code: int
    fate: Fate
    reason: str

    @property
    def short_of_resources(self) -> bool:
        return self.code >> 8 == 0xA7 or self.code == RESOURCE_LIMITATION


_EXACT: dict[int, tuple[Fate, str]] = {
    SUCCESS: (Fate.DELIVERED, ""),
    0xB000: (Fate.DELIVERED, "stored with a warning: the peer changed data elements"),
    0xB006: (Fate.DELIVERED, "stored with a warning: the peer discarded data elements"),
    0xB007: (Fate.DELIVERED, "stored with a warning: the peer finds that the data set does not match its SOP class"),
    ATTRIBUTE_LIST_WARNING: (Fate.DELIVERED, "stored with a warning: the peer did not know some attributes"),
    ATTRIBUTE_RANGE_WARNING: (Fate.DELIVERED, "stored with a warning: the peer found a value out of range"),
    DUPLICATE_INSTANCE: (Fate.DELIVERED, "the peer had it already (duplicate SOP instance)"),
    PROCESSING_FAILURE: (Fate.LATER, "the peer failed while processing it"),
    DUPLICATE_INVOCATION: (Fate.LATER, "the peer took the message number for one in use"),
    RESOURCE_LIMITATION: (Fate.LATER, "the peer is at its limits"),
    INVALID_INSTANCE: (Fate.REFUSED, "the peer finds the SOP Instance UID invalid"),
    CLASS_NOT_SUPPORTED: (Fate.REFUSED, "the peer does not support the SOP class, though it negotiated it"),
    NOT_AUTHORISED: (Fate.REFUSED, "the peer does not allow it: register this node's AE title there"),
}
_FAMILIES: tuple[tuple[int, Fate, str], ...] = (
    (0xA7, Fate.LATER, "the peer is out of resources"),
    (0xA9, Fate.REFUSED, "the peer finds that the data set does not match its SOP class"),
)


def judge(code: int) -> StoreStatus:
    """The fate of an object whose C-STORE got the answer ``code``. Unknown codes are failures, shown as they came."""
    if code in _EXACT:
        fate, reason = _EXACT[code]
        return StoreStatus(code, fate, reason)
    for family, fate, reason in _FAMILIES:
        if code >> 8 == family:
            return StoreStatus(code, fate, reason)
    if code >> 12 == 0xB:
        return StoreStatus(code, Fate.DELIVERED, "stored with a warning of the peer's own")
    if code >> 12 == 0xC:
        return StoreStatus(code, Fate.REFUSED, "the peer cannot understand the data set")
    return StoreStatus(code, Fate.REFUSED, "the peer answered with a failure that the standard does not list")
