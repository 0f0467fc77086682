"""One object on its way out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread

from dicom_node.errors import StorageError

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


def series_uid_of(path: Path) -> str:
    """Series Instance UID of a file of the outbox. Raises StorageError where the file is gone or broken."""
    return identifiers_of(path)[1]


def identifiers_of(path: Path) -> tuple[str, str]:
    """(Study Instance UID, Series Instance UID) of a file of the outbox.

    Raises:
        StorageError: the file, which was whole when its row was written, is gone or broken.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
        return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)
    except (OSError, EOFError, AttributeError, ValueError) as error:
        raise StorageError(f"the outbox file {path.name} cannot be read: was it changed or removed by hand?") from error


def images_first(objects: tuple[Outgoing, ...]) -> tuple[Outgoing, ...]:
    """The report last: it never points at something that is not there yet. The rest keeps its order."""
    return tuple(sorted(objects, key=lambda item: item.role == REPORT_ROLE))
