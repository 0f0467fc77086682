"""What the node does before it listens: files and rows are made to agree again after a stop of any kind.

- ``incoming`` is emptied: nothing there was ever acknowledged.
- Associations that were open are lost.
- A file of the inbox without a row (the node stopped between rename and commit) was not acknowledged either, but it is
  whole: it is taken in, so that nothing that reached the disk is lost. If its sender sends it again, it is known.
- A row whose file is gone or has another size is reported: somebody else's hand, or a failing disk. When its sender
  sends it again, it is whole again.
- A file that the disk does not give back is reported and left: one bad sector does not keep the node from starting.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from dicom_node import intake
from dicom_node.database import Database
from dicom_node.errors import UnreadableInstance
from dicom_node.receive.exclusion import reason_to_exclude
from dicom_node.receive.header import Header, read_header
from dicom_node.receive.promises import promises_of
from dicom_node.storage import Inbox, dataset_offset, sha256_of_dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovery:
    """What was found: SOP Instance UIDs taken in, paths set aside, UIDs whose file is missing or damaged."""

    adopted: tuple[str, ...]
    set_aside: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]


def recover(database: Database, inbox: Inbox, now: float) -> Recovery:
    """Makes files and rows agree; only while nothing is being received.

    Raises:
        StorageError: the disk refused.
    """
    for left in inbox.incoming.iterdir():
        inbox.discard(left)
    with database.transaction() as connection:
        lost = intake.lose_open_associations(connection, now)
    sizes = {row["path"]: row["size_bytes"] for row in database.query("SELECT path, size_bytes FROM instances")}
    present: dict[str, int] = {}
    adopted, aside = [], []
    for relative, size_bytes in inbox.kept_files():
        if relative in sizes:
            present[relative] = size_bytes
            continue
        try:
            uid = _adopt(database, inbox, inbox.data_dir / relative, now)
            if uid is None:
                aside.append(relative)
            else:
                adopted.append(uid)
        except OSError as error:
            log.error("a file of the inbox cannot be read: %s", error.strerror, extra={"path": relative})
    missing = _uids_of(database, [path for path in sizes if path not in present])
    damaged = _uids_of(database, [path for path, size in present.items() if sizes[path] != size])
    recovery = Recovery(tuple(adopted), tuple(aside), missing, damaged)
    _report(recovery, lost)
    return recovery


def _adopt(database: Database, inbox: Inbox, path: Path, now: float) -> str | None:
    """Takes a file without a row in, or sets it aside: the SOP Instance UID, or None."""
    sha256 = sha256_of_dataset(path)
    size_bytes = path.stat().st_size
    try:
        header, transfer_syntax, calling_ae, called_ae = _read(path)
        if inbox.path_of(header.sop_instance_uid) != path:
            raise UnreadableInstance("its name is not that of its SOP Instance UID")
    except UnreadableInstance as error:
        reason = f"found in the inbox without a row: {error}"
        kept_at = inbox.set_aside(path, sha256)
        with database.transaction() as connection:
            intake.record_aside(
                connection,
                intake.SetAside("undecodable", reason, kept_at, size_bytes, sha256, "", "", "", now),
            )
        return None
    instance = intake.ReceivedInstance(
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        transfer_syntax_uid=transfer_syntax,
        study_uid=header.study_uid,
        series_uid=header.series_uid,
        path=inbox.relative(path),
        size_bytes=size_bytes,
        sha256=sha256,
        received_at=now,
        association_id=None,
        calling_ae=calling_ae,
        called_ae=called_ae,
        excluded=reason_to_exclude(header, intake.own_result(database, header.sop_instance_uid)),
        promises=promises_of(header),
    )
    with database.transaction() as connection:
        intake.register(connection, instance)
    return header.sop_instance_uid


def _read(path: Path) -> tuple[Header, str, str, str]:
    """(header, transfer syntax, calling AE, called AE) of a file that this node wrote (stream.file_meta)."""
    try:
        meta = read_file_meta_info(path)
    except (InvalidDicomError, OSError, ValueError, EOFError) as error:
        raise UnreadableInstance("its file meta information cannot be read") from error
    with path.open("rb") as file:
        offset = dataset_offset(file)
    syntax = str(meta.get("TransferSyntaxUID", ""))
    sender, receiver = meta.get("SourceApplicationEntityTitle", ""), meta.get("ReceivingApplicationEntityTitle", "")
    return read_header(path, offset, syntax), syntax, str(sender), str(receiver)


def _uids_of(database: Database, paths: list[str]) -> tuple[str, ...]:
    found = []
    for path in paths:
        found += [row[0] for row in database.query("SELECT sop_instance_uid FROM instances WHERE path = ?", (path,))]
    return tuple(found)


def _report(recovery: Recovery, lost: int) -> None:
    if lost:
        log.warning("associations were open when the node stopped", extra={"associations": lost})
    if recovery.adopted:
        log.warning("files without a row were taken in", extra={"sop_instance_uids": recovery.adopted})
    if recovery.set_aside:
        log.warning("files without a row were set aside", extra={"paths": recovery.set_aside})
    for words, uids in (("is gone", recovery.missing), ("has another size than received", recovery.damaged)):
        for uid in uids:
            log.error("the file of an acknowledged instance %s: send it again", words, extra={"sop_instance_uid": uid})
