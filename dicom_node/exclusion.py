"""Which instances are stored and acknowledged, but never given to an algorithm.

Own output is never input, whichever way it comes back: the archive may send it on, under the same UID or rewritten.
Objects without an image have nothing to analyse.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.uid import UID

from dicom_node import MANUFACTURER

NOT_IMAGES = (
    # below 1.2.840.10008.5.1.4.1.1 (PS3.4 table B.5-1)
    "11.",  # presentation states
    "9.100.",  # presentation states of waveforms
    "66.4",  # segmentation
    "66.5",  # surface segmentation
    "66.7",  # label map segmentation
    "66.8",  # height map segmentation
    "67",  # real world value mapping
    "88.",  # structured reports, key object selection
    "104.",  # encapsulated documents
)
STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."


def reason_not_to_route(sop_class_uid: str, manufacturer: str, contributing: Sequence[str]) -> str | None:
    """Why an instance with this in its header is not routed; None when it is.

    Args:
        sop_class_uid: (0008,0016).
        manufacturer: (0008,0070).
        contributing: the Manufacturer of each item of Contributing Equipment Sequence (0018,A001).
    """
    if manufacturer == MANUFACTURER:
        return f"own output: its Manufacturer is {MANUFACTURER}"
    if MANUFACTURER in contributing:
        return f"own output: {MANUFACTURER} is among its Contributing Equipment"
    if sop_class_uid.startswith(STORAGE_ROOT) and _is_below(sop_class_uid[len(STORAGE_ROOT) :]):
        return f"no image: {UID(sop_class_uid).name}"
    return None


def _is_below(suffix: str) -> bool:
    return any(suffix.startswith(part) if part.endswith(".") else suffix == part for part in NOT_IMAGES)
