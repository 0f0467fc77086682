"""One object on its way out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPORT_ROLE = "report"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A checked result file; the same fields as encode's EncodedObject, so that ``adapt`` takes and gives either."""

    path: Path
    role: str
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    transfer_syntax_uid: str


def images_first(objects: tuple[Outgoing, ...]) -> tuple[Outgoing, ...]:
    """The report last: it never points at something that is not there yet. The rest keeps its order."""
    return tuple(sorted(objects, key=lambda item: item.role == REPORT_ROLE))
