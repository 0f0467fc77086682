"""Which received instances are stored and acknowledged, but never given to an algorithm."""

from __future__ import annotations

from dicom_node.exclusion import reason_not_to_route
from dicom_node.receive.header import Header


def reason_to_exclude(header: Header, made_by_job: int | None) -> str | None:
    """Why this instance is not routed; None when it is.

    Args:
        header: of the instance.
        made_by_job: the job of this node that made an object with this SOP Instance UID.
    """
    if made_by_job is not None:
        return f"own output: a result of job {made_by_job}"
    manufacturer = header.values.get("Manufacturer", "")
    return reason_not_to_route(header.sop_class_uid, manufacturer, header.contributing_manufacturers)
