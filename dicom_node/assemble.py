"""Decides when a series or study is complete, and says why.

What counts, in words (``judge`` is the whole of it):

- **Silence.** Complete after ``quiet_s`` without a new instance. Silence only counts while somebody listened: after a
  restart it begins anew. An association on which bytes of a data set are still arriving is not silent, so that a loop
  of several gigabytes does not split its series. An association that is merely open does not hold anything: scanners
  keep one open between two patients.
- **Evidence**, sooner than silence, for a series: every association that brought instances was released by its sender,
  and every promise that the headers make is kept exactly. A promise about a part (a slice, an acquisition) says nothing
  about how many parts there are, so it counts only when one association brought them all: then the sender has said
  "this is it" by releasing it. An aborted or lost association is no such word. Where more instances came than were
  promised, or some make no promise, the promises are in doubt and silence decides.
- A **study** is complete after silence, when none of its series is open: no header says how many series there will be.

A late instance opens a complete unit again (intake.py); its next completion is the next revision.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from dicom_node.config import NodeSettings
from dicom_node.database import Database
from dicom_node.intake import Promise, read_promises

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evidence:
    """What the rows say of one open unit. Times are seconds since the epoch.

    Attributes:
        kind: "series" or "study".
        count: instances that may be routed.
        last_at: when the last of them came.
        active_at: when bytes last arrived on an open association that had brought some of them; None = never.
        listening_since: since when the node has listened.
        associations: how many associations brought them.
        open_associations: how many of those are open.
        unreleased: how many of those did not end by a release (open, aborted, lost).
        present: each promise, with how many of the instances that it counts are here.
        promising: instances whose header makes each kind of promise (by keyword).
        open_series: of a study: how many of its series are open.
    """

    kind: str
    count: int
    last_at: float
    listening_since: float
    active_at: float | None = None
    associations: int = 1
    open_associations: int = 0
    unreleased: int = 0
    present: tuple[tuple[Promise, int], ...] = ()
    promising: tuple[tuple[str, int], ...] = ()
    open_series: int = 0


@dataclass(frozen=True)
class Verdict:
    """``reason``: why it is complete, or what it waits for. ``due_at``: when silence will complete it."""

    complete: bool
    reason: str
    due_at: float


@dataclass(frozen=True)
class CompletedUnit:
    """One completion: ``revision`` 1 is the first."""

    id: int
    kind: str
    uid: str
    revision: int
    reason: str


def judge(evidence: Evidence, now: float, quiet_s: float) -> Verdict:
    """Whether the unit is complete at ``now``. Pure."""
    silent_since = max(evidence.last_at, evidence.listening_since, evidence.active_at or 0.0)
    due_at = silent_since + quiet_s
    if now >= due_at and not evidence.open_series:
        return Verdict(True, f"{quiet_s:g} s without a new instance (last of {_last(evidence)})", due_at)
    if evidence.kind == "series" and not evidence.unreleased and (kept := _kept_promise(evidence)):
        return Verdict(True, f"association closed and {kept}", due_at)
    return Verdict(False, _waiting_for(evidence, quiet_s), due_at)


def _kept_promise(evidence: Evidence) -> str | None:
    """The strongest promise in words, when everything that counts says that all is here."""
    by_source: dict[str, list[tuple[Promise, int]]] = {}
    for promise, present in evidence.present:
        by_source.setdefault(promise.source, []).append((promise, present))
    promising = dict(evidence.promising)
    kept = []
    for source, parts in by_source.items():
        everywhere = promising.get(source, 0) == evidence.count
        if not everywhere or any(present != promise.count for promise, present in parts):
            return None  # one broken promise is doubt enough: silence will decide
        about_parts = any(promise.part for promise, _ in parts)
        if not about_parts or evidence.associations == 1:
            kept.append(_in_words(source, parts))
    return kept[0] if kept else None


def _in_words(source: str, parts: Sequence[tuple[Promise, int]]) -> str:
    (promise, present), *others = parts
    if not others:
        return f"{present} of {promise.count} instances that {source} promises are here"
    what = promise.part.split(" ", 1)[0]
    return f"each of {len(parts)} {what}s has the {promise.count} instances that {source} promises"


def _waiting_for(evidence: Evidence, quiet_s: float) -> str:
    if evidence.open_series:
        return f"waits for {evidence.open_series} open series and {quiet_s:g} s without a new instance"
    reason = f"waits for {quiet_s:g} s without a new instance; {evidence.count} here"
    short = [(promise, present) for promise, present in evidence.present if present < promise.count]
    if short:
        promise, present = short[0]
        where = f" of {promise.part}" if promise.part else ""
        reason += f", {present} of {promise.count}{where} that {promise.source} promises"
    if evidence.open_associations:
        reason += ", association open"
    return reason


def _last(evidence: Evidence) -> str:
    moment = datetime.fromtimestamp(evidence.last_at, UTC)
    return f"{evidence.count} at {moment:%Y-%m-%d %H:%M:%S} UTC"


class Assembler:
    """Turns open units complete. Holds no state but its settings: everything else is rows."""

    def __init__(self, database: Database, settings: NodeSettings, listening_since: float) -> None:
        self._database = database
        self._settings = settings
        self._listening_since = listening_since

    def reload(self, settings: NodeSettings) -> None:
        """Takes new quiet times, for open units too."""
        self._settings = settings

    def tick(self, now: float) -> list[CompletedUnit]:
        """Judges every open unit; completes what is complete, notes what the others wait for."""
        completed = []
        # Series first: a study can then complete in the same tick as the last of its series.
        for kind, quiet_s in (
            ("series", self._settings.series_complete_after_s),
            ("study", self._settings.study_complete_after_s),
        ):
            open_units = "SELECT * FROM units WHERE state = 'open' AND kind = ? ORDER BY id"
            for unit in self._database.query(open_units, (kind,)):
                verdict = judge(self._evidence(unit, now, quiet_s), now, quiet_s)
                if verdict.complete:
                    completed += self._complete(unit, now, quiet_s)
                elif verdict.reason != unit["reason"]:
                    self._note(unit["id"], verdict.reason)
        return completed

    def _complete(self, unit: sqlite3.Row, now: float, quiet_s: float) -> list[CompletedUnit]:
        """Judges again inside the transaction: an instance may have come since."""
        with self._database.transaction() as connection:
            current = self._database.query("SELECT * FROM units WHERE id = ? AND state = 'open'", (unit["id"],))
            if not current:
                return []
            verdict = judge(self._evidence(current[0], now, quiet_s), now, quiet_s)
            if not verdict.complete:
                return []
            revision = current[0]["revision"] + 1
            connection.execute(
                "UPDATE units SET state = 'complete', revision = ?, completed_at = ?, reason = ? WHERE id = ?",
                (revision, now, verdict.reason, unit["id"]),
            )
        fields = {f"{unit['kind']}_uid": unit["uid"], "revision": revision}
        log.info("%s complete: %s", unit["kind"], verdict.reason, extra=fields)
        return [CompletedUnit(unit["id"], unit["kind"], unit["uid"], revision, verdict.reason)]

    def _note(self, unit_id: int, reason: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("UPDATE units SET reason = ? WHERE id = ? AND state = 'open'", (reason, unit_id))

    def _evidence(self, unit: sqlite3.Row, now: float, quiet_s: float) -> Evidence:
        base = Evidence(unit["kind"], 0, unit["last_at"], self._listening_since)
        if unit["kind"] == "study":
            # Of a study only silence counts: no need to look at its thousands of instances before that.
            silent = now >= max(unit["last_at"], self._listening_since) + quiet_s
            return self._study_evidence(base, unit["uid"]) if silent else base
        return self._series_evidence(base, unit["uid"])

    def _study_evidence(self, base: Evidence, uid: str) -> Evidence:
        ((count,),) = self._database.query(
            "SELECT count(*) FROM instances WHERE study_uid = ? AND excluded IS NULL", (uid,)
        )
        ((open_series,),) = self._database.query(
            """
            SELECT count(*) FROM units WHERE kind = 'series' AND state = 'open'
                AND uid IN (SELECT series_uid FROM instances WHERE study_uid = ? AND excluded IS NULL)
            """,
            (uid,),
        )
        return replace(base, count=count, open_series=open_series, **self._associations("study_uid", uid))

    def _series_evidence(self, base: Evidence, uid: str) -> Evidence:
        rows = self._database.query(
            "SELECT expected, count(*) FROM instances WHERE series_uid = ? AND excluded IS NULL GROUP BY expected",
            (uid,),
        )
        present: Counter[Promise] = Counter()
        promising: Counter[str] = Counter()
        for expected, instances in rows:
            for promise in read_promises(expected):
                present[promise] += instances
                promising[promise.source] += instances
        return replace(
            base,
            count=sum(instances for _, instances in rows),
            present=tuple(present.items()),
            promising=tuple(promising.items()),
            **self._associations("series_uid", uid),
        )

    def _associations(self, column: Literal["series_uid", "study_uid"], uid: str) -> dict[str, Any]:
        """What is known of those who sent; an instance taken in at start has no association, so nobody released it."""
        (row,) = self._database.query(
            f"""
            WITH senders AS (SELECT DISTINCT association_id FROM instances WHERE {column} = ? AND excluded IS NULL)
            SELECT count(*) AS associations,
                coalesce(sum(a.id IS NOT NULL AND a.closed_at IS NULL), 0) AS open_associations,
                coalesce(sum(a.closed_how IS NOT 'released'), 0) AS unreleased,
                max(CASE WHEN a.closed_at IS NULL THEN a.active_at END) AS active_at
            FROM senders LEFT JOIN associations a ON a.id = senders.association_id
            """,
            (uid,),
        )
        return dict(row)
