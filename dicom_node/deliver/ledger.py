"""The rows of ``deliveries`` of one deliver job. Each change is a transaction: after a crash they tell the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dicom_node.database import Database
from dicom_node.deliver.outgoing import Outgoing
from dicom_node.deliver.statuses import StoreStatus

FINAL = ("delivered", "refused", "skipped")

_EARLIER_OBJECTS = """
    WITH RECURSIVE earlier (id) AS (
        SELECT analysis.predecessor_id FROM jobs JOIN jobs AS analysis ON analysis.id = jobs.parent_id WHERE jobs.id = ?
        UNION SELECT jobs.predecessor_id FROM jobs JOIN earlier ON jobs.id = earlier.id
        UNION SELECT jobs.id FROM jobs JOIN earlier ON jobs.predecessor_id = earlier.id AND jobs.kind = 'report'
    )
    SELECT results.sop_instance_uid AS made, deliveries.sop_class_uid, deliveries.sop_instance_uid AS sent,
        deliveries.state = 'delivered' AS there
    FROM earlier
    JOIN results ON results.job_id = earlier.id
    JOIN jobs ON jobs.parent_id = earlier.id AND jobs.lane = (SELECT lane FROM jobs WHERE id = ?)
    JOIN deliveries ON deliveries.job_id = jobs.id AND deliveries.role = results.role
    WHERE jobs.id != ? AND deliveries.state IN ('delivered', 'refused', 'skipped') ORDER BY there, deliveries.at
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: what the peer said of one object."""

    sop_instance_uid: str
    role: str
    sop_class_uid: str
    state: str
    status: int | None
    reason: str
    attempts: int


class Ledger:
    """Reads and writes the rows of one job."""

    def __init__(self, database: Database, job_id: int, clock: Callable[[], float]) -> None:
        self._database = database
        self._job_id = job_id
        self._clock = clock

    def entries(self) -> dict[str, Entry]:
        """All rows by SOP Instance UID, in the order in which they were put."""
        columns = ", ".join(Entry.__dataclass_fields__)
        rows = self._database.query(
            f"SELECT {columns} FROM deliveries WHERE job_id = ? ORDER BY rowid", (self._job_id,)
        )
        return {row["sop_instance_uid"]: Entry(**row) for row in rows}

    def earlier_objects(self) -> dict[str, tuple[str, str]]:
        """SOP Instance UID of each object of an earlier job -> (SOP class, UID) by which the same peer got it.

        Earlier are the revisions before with the verified reports of them, and the draft that a person acted on.
        ("", "") for what the peer never got.
        """
        rows = self._database.query(_EARLIER_OBJECTS, (self._job_id, self._job_id, self._job_id))
        return {row["made"]: (row["sop_class_uid"], row["sent"]) if row["there"] else ("", "") for row in rows}

    def all_final(self) -> bool:
        """Whether nothing is left to send."""
        return all(entry.state in FINAL for entry in self.entries().values())

    def begin_again(self) -> None:
        """A person asked for another try: what was refused or left out is tried again."""
        self._change("state = 'waiting', status = NULL, reason = ''", "state IN ('refused', 'skipped')", ())

    def settle_plan(self, plan: Sequence[Outgoing], skipped: dict[str, str]) -> None:
        """Takes over what will be sent: rows for replacements, and 'skipped' with a reason for what is left out.

        Args:
            plan: the objects to send.
            skipped: SOP Instance UID -> reason, of objects that will not be sent.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            for item in plan:
                connection.execute(
                    "INSERT INTO deliveries (job_id, sop_instance_uid, role, sop_class_uid, state, at) "
                    "VALUES (?, ?, ?, ?, 'waiting', ?) ON CONFLICT DO UPDATE SET state = 'waiting', reason = '' "
                    "WHERE state = 'skipped'",
                    (self._job_id, item.sop_instance_uid, item.role, item.sop_class_uid, now),
                )
            kept = {item.sop_instance_uid for item in plan}
            unneeded = dict.fromkeys(set(self.entries()) - kept, "a replacement that this peer does not need any more")
            for uid, reason in (unneeded | skipped).items():
                connection.execute(
                    "UPDATE deliveries SET state = 'skipped', reason = ?, at = ? "
                    "WHERE job_id = ? AND sop_instance_uid = ? AND state NOT IN ('delivered', 'refused')",
                    (reason, now, self._job_id, uid),
                )

    def sending(self, sop_instance_uid: str) -> None:
        """Before the first byte: from here on the object's fate is unknown until the response is recorded."""
        self._change("state = 'sending', attempts = attempts + 1", "sop_instance_uid = ?", (sop_instance_uid,))

    def answered(self, sop_instance_uid: str, status: StoreStatus) -> None:
        """The peer's response."""
        self._change(
            "state = ?, status = ?, reason = ?",
            "sop_instance_uid = ?",
            (status.fate.value, status.code, status.reason, sop_instance_uid),
        )

    def found_at_peer(self, sop_instance_uid: str) -> None:
        """An object whose response was lost, and which the peer has."""
        self._change(
            "state = 'delivered', reason = 'found at the archive; the answer to its C-STORE was lost'",
            "sop_instance_uid = ?",
            (sop_instance_uid,),
        )

    def not_at_peer(self, sop_instance_uid: str) -> None:
        """An object whose response was lost, and which is to be sent again."""
        self._change("state = 'waiting'", "sop_instance_uid = ?", (sop_instance_uid,))

    def refuse(self, sop_instance_uid: str, reason: str) -> None:
        """An object that the peer will never take in any form that there is."""
        self._change("state = 'refused', reason = ?", "sop_instance_uid = ?", (reason, sop_instance_uid))

    def _change(self, assignments: str, test: str, values: tuple[object, ...]) -> None:
        assigned = assignments.count("?")
        with self._database.transaction() as connection:
            connection.execute(
                f"UPDATE deliveries SET {assignments}, at = ? WHERE job_id = ? AND {test}",
                (*values[:assigned], self._clock(), self._job_id, *values[assigned:]),
            )
