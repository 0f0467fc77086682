"""What the node tells the encoders, and what they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from dicom_node.result import AnalysisResult


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


class Outcome(Enum):
    """What a person made of a draft."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REJECTED = "rejected"


def _unfit(text: str) -> bool:
    """Whether DICOM's short texts cannot hold it: the backslash parts values, and control characters are no text."""
    return "\\" in text or any(character < " " for character in text)


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value that a person changed, or that followed from it, in words: what it is, from what, to what, why."""

    what: str
    before: str
    after: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """Who looked at a draft, when, and what came of it (PS3.3 C.17.2, Verifying Observer Sequence).

    ``observer_name`` is a person name of DICOM ("Family^Given^Middle^Prefix^Suffix"); ``observer_role`` what the
    person is in the organisation ("Radiologist"), in words; ``at`` an aware time. ``conclusion`` is what the person
    concludes or, of a rejected draft, why it was rejected.
    """

    observer_name: str
    observer_role: str
    organisation: str
    at: datetime
    outcome: Outcome
    conclusion: str = ""
    changes: tuple[ChangedValue, ...] = ()

    def __post_init__(self) -> None:
        if not self.observer_name.strip("^= ") or not self.organisation.strip():
            raise ValueError(
                "a verified report names its observer and the organisation that the observer answers to: "
                "Verifying Observer Name and Verifying Organization are required (PS3.3 C.17.2)"
            )
        groups = self.observer_name.split("=")
        if len(groups) > 3 or any(len(group) > 64 or group.count("^") > 4 for group in groups):
            raise ValueError(
                "an observer's name is Family^Given^Middle^Prefix^Suffix, at most 64 characters, with at most two "
                "other writings of it after '=' (PS3.5 6.2, PN)"
            )
        for what, text in (("name", self.observer_name), ("role", self.observer_role)):
            if _unfit(text):
                raise ValueError(f"an observer's {what} has no backslash, tab or line end in it")
        if _unfit(self.organisation) or len(self.organisation) > 64:
            raise ValueError("an organisation has at most 64 characters, and no backslash, tab or line end (PS3.5 LO)")
        if self.at.utcoffset() is None:
            raise ValueError("the time of a verification needs a time zone")
        if (self.outcome is Outcome.CORRECTED) != bool(self.changes):
            raise ValueError(f"outcome {self.outcome.value!r} with {len(self.changes)} changes: one of them is wrong")


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """The job record's part in the result objects; the same record gives the same bytes.

    ``content_time`` (aware) stands wherever an object tells when it was made. ``predecessor`` is the root report
    of the revision before. ``rule`` and ``reason`` (why the unit was complete) are told as text. ``verification`` is
    a person's act, for ``encode_verified`` and ``encode_rejection``. ``fonts`` are font files (TrueType or OpenType)
    for what the shipped ones cannot draw in a PDF, tried in this order.
    """

    content_time: datetime
    namespace: UUID
    options: Mapping[str, Any]
    predecessor: tuple[ObjectRef, ...] = ()
    rule: str = ""
    reason: str = ""
    verification: Verification | None = None
    fonts: tuple[Path, ...] = ()

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


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person looked at: the drafted result, its objects as they were encoded, and whether they were sent."""

    result: AnalysisResult
    objects: tuple[EncodedObject, ...]
    sent: bool


REPORT_ROLE = "report"
PDF_ROLE = "pdf"
REJECTION_ROLE = "rejection"
