"""Which instances are stored and acknowledged, but never given to an algorithm.

Own output is never input, whichever way it comes back: the archive may send it on, under the same UID or rewritten.
Objects without an image have nothing to analyse.
"""

from __future__ import annotations

from pydicom.uid import UID

from dicom_node import MANUFACTURER
from dicom_node.receive.header import Header

NOT_IMAGES = (
    # below 1.2.840.10008.5.1.4.1.1 (PS3.4 table B.5-1)
    "11.",  # presentation states
    "66.4",  # segmentation
    "66.5",  # surface segmentation
    "66.7",  # label map segmentation
    "67",  # real world value mapping
    "88.",  # structured reports, key object selection
    "104.",  # encapsulated documents
)
STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."


def reason_to_exclude(header: Header, made_by_job: int | None) -> str | None:
    """Why this instance is not routed; None when it is.

    Args:
        header: of the instance.
        made_by_job: the job of this node that made an object with this SOP Instance UID.
    """
    if made_by_job is not None:
        return f"own output: a result of job {made_by_job}"
    if header.values.get("Manufacturer") == MANUFACTURER:
        return f"own output: its Manufacturer is {MANUFACTURER}"
    if MANUFACTURER in header.contributing_manufacturers:
        return f"own output: {MANUFACTURER} is among its Contributing Equipment"
    if header.sop_class_uid.startswith(STORAGE_ROOT) and _is_below(header.sop_class_uid[len(STORAGE_ROOT) :]):
        return f"no image: {UID(header.sop_class_uid).name}"
    return None


def _is_below(suffix: str) -> bool:
    return any(suffix.startswith(part) if part.endswith(".") else suffix == part for part in NOT_IMAGES)
