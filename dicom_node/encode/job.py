"""What the node tells the encoders, and what they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Names one SOP instance and where it stands in the study."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str


def local_moment(timestamp_s: float) -> datetime:
    """A POSIX time on this machine's clock, for ``content_time``.

    DICOM's dates and times are local ones; where the source does not tell its offset from UTC, those of a node that
    told UTC would stand hours beside the study's.
    """
    return datetime.fromtimestamp(timestamp_s, UTC).astimezone()


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """The job record's part in the result objects; the same record gives the same bytes.

    ``content_time`` (aware) stands wherever an object tells when it was made. ``predecessor`` is the root report
    of the revision before. ``rule`` and ``reason`` (why the unit was complete) are told as text.
    """

    content_time: datetime
    namespace: UUID
    options: Mapping[str, Any]
    predecessor: tuple[ObjectRef, ...] = ()
    rule: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.content_time.utcoffset() is None:
            raise ValueError("content_time needs a time zone: objects name the moment, not a clock's reading")


@dataclass(frozen=True, slots=True)
class EncodedObject:
    """One result object, written and checked. ``role`` names it within its job; the root report's is "report"."""

    path: Path
    role: str
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    transfer_syntax_uid: str


REPORT_ROLE = "report"
