"""What reception writes and assembly reads: rows of associations, instances, units and what was set aside.

Every function works in its caller's transaction. Nothing here decides; it only keeps the rows right together.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from dicom_node.database import Database

AsideKind = Literal["undecodable", "conflict", "quarantined"]


@dataclass(frozen=True)
class Promise:
    """What a header says of how many instances there will be.

    Attributes:
        count: how many.
        source: the keyword of the attribute that says it.
        part: the part of the series that it speaks of: "" = the whole series, else for instance "acquisition 3" or
            "slice 0\\0\\12.5": the count holds for each part on its own.
    """

    count: int
    source: str
    part: str = ""


@dataclass(frozen=True)
class Association:
    """Who sent. ``opened_at`` is when it was accepted."""

    calling_ae: str
    called_ae: str
    address: str
    opened_at: float


@dataclass(frozen=True)
class ReceivedInstance:
    """One row of ``instances``: safe on disk, about to be acknowledged."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_uid: str
    series_uid: str
    path: str
    size_bytes: int
    sha256: str
    received_at: float
    association_id: int | None
    calling_ae: str
    called_ae: str
    excluded: str | None
    promises: tuple[Promise, ...] = ()


@dataclass(frozen=True)
class SetAside:
    """One row of ``set_aside``."""

    kind: AsideKind
    reason: str
    path: str
    size_bytes: int
    sha256: str
    sop_class_uid: str
    sop_instance_uid: str
    calling_ae: str
    at: float


def open_association(connection: sqlite3.Connection, association: Association) -> int:
    """Records an association that has begun to send; its id."""
    cursor = connection.execute(
        "INSERT INTO associations (calling_ae, called_ae, address, opened_at) VALUES (?, ?, ?, ?)",
        (association.calling_ae, association.called_ae, association.address, association.opened_at),
    )
    return int(cursor.lastrowid or 0)


def close_association(connection: sqlite3.Connection, association_id: int, at: float, how: str) -> None:
    """Records how an association ended; the first word stays."""
    connection.execute(
        "UPDATE associations SET closed_at = ?, closed_how = ? WHERE id = ? AND closed_at IS NULL",
        (at, how, association_id),
    )


def mark_active(connection: sqlite3.Connection, association_id: int, at: float) -> None:
    """Records that bytes of a data set were still arriving at that moment."""
    connection.execute("UPDATE associations SET active_at = ? WHERE id = ?", (at, association_id))


def lose_open_associations(connection: sqlite3.Connection, at: float) -> int:
    """At start: whatever was open when the node stopped is lost. How many those were."""
    return connection.execute(
        "UPDATE associations SET closed_at = ?, closed_how = 'lost' WHERE closed_at IS NULL", (at,)
    ).rowcount


def known_instance(database: Database, sop_instance_uid: str) -> sqlite3.Row | None:
    """The row of an acknowledged instance."""
    rows = database.query("SELECT * FROM instances WHERE sop_instance_uid = ?", (sop_instance_uid,))
    return rows[0] if rows else None


def own_result(database: Database, sop_instance_uid: str) -> int | None:
    """The job that made this object, when this node did."""
    rows = database.query("SELECT job_id FROM results WHERE sop_instance_uid = ?", (sop_instance_uid,))
    return rows[0]["job_id"] if rows else None


def register(connection: sqlite3.Connection, instance: ReceivedInstance) -> None:
    """One new instance: its row, and its series and study open (again), unless it is excluded from routing."""
    connection.execute(
        """
        INSERT INTO instances (sop_instance_uid, sop_class_uid, transfer_syntax_uid, study_uid, series_uid, path,
            size_bytes, sha256, received_at, association_id, calling_ae, called_ae, excluded, expected)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            instance.sop_instance_uid,
            instance.sop_class_uid,
            instance.transfer_syntax_uid,
            instance.study_uid,
            instance.series_uid,
            instance.path,
            instance.size_bytes,
            instance.sha256,
            instance.received_at,
            instance.association_id,
            instance.calling_ae,
            instance.called_ae,
            instance.excluded,
            write_promises(instance.promises),
        ),
    )
    if instance.excluded is None:
        for kind, uid in (("series", instance.series_uid), ("study", instance.study_uid)):
            _reopen(connection, kind, uid, instance.received_at)


def _reopen(connection: sqlite3.Connection, kind: str, uid: str, at: float) -> None:
    """The unit is open from now on; a late instance opens a complete one again (the next completion is a revision)."""
    connection.execute(
        """
        INSERT INTO units (kind, uid, state, first_at, last_at) VALUES (?1, ?2, 'open', ?3, ?3)
        ON CONFLICT (kind, uid) DO UPDATE SET
            state = 'open', completed_at = NULL, last_at = max(last_at, ?3)
        """,
        (kind, uid, at),
    )


def restore(connection: sqlite3.Connection, sop_instance_uid: str, size_bytes: int) -> None:
    """The lost file of an acknowledged instance came again: same data set, perhaps with other file meta information."""
    connection.execute("UPDATE instances SET size_bytes = ? WHERE sop_instance_uid = ?", (size_bytes, sop_instance_uid))


def record_aside(connection: sqlite3.Connection, aside: SetAside) -> None:
    """One thing set aside; the same bytes again for the same reason only count up."""
    connection.execute(
        """
        INSERT INTO set_aside (kind, reason, path, size_bytes, sha256, sop_class_uid, sop_instance_uid, calling_ae, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (kind, sha256, sop_instance_uid) DO UPDATE SET
            times_seen = times_seen + 1, at = excluded.at, reason = excluded.reason
        """,
        (
            aside.kind,
            aside.reason,
            aside.path,
            aside.size_bytes,
            aside.sha256,
            aside.sop_class_uid,
            aside.sop_instance_uid,
            aside.calling_ae,
            aside.at,
        ),
    )


def write_promises(promises: Sequence[Promise]) -> str | None:
    """The JSON of the column ``instances.expected``."""
    return json.dumps([asdict(promise) for promise in promises], sort_keys=True) if promises else None


def read_promises(expected: str | None) -> tuple[Promise, ...]:
    """The promises of one row."""
    return tuple(Promise(**promise) for promise in json.loads(expected)) if expected else ()
