"""Complete units become jobs: the jobs, the trace and the unit's new state in one transaction."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from dicom_node.config import NodeConfig, ReviewTerms, Rule
from dicom_node.database import Database
from dicom_node.errors import UnreadableInstance, UsageError
from dicom_node.job import AnalyseWork
from dicom_node.jobs import Queue
from dicom_node.model_acts import in_use
from dicom_node.route.explanation import Candidate, Explanation, explain_unit
from dicom_node.route.headers import HeaderFacts, read_header
from dicom_node.route.tags import tags_of
from dicom_node.storage import Inbox

log = logging.getLogger(__name__)

_INSTANCES_OF = {
    "series": "SELECT * FROM instances WHERE series_uid = ? AND excluded IS NULL",
    "study": "SELECT * FROM instances WHERE study_uid = ? AND excluded IS NULL",
}


class Router:
    """Tries the rules on every complete unit. One thread routes; ``reload`` may come from any."""

    def __init__(self, database: Database, config: NodeConfig, queue: Queue, inbox: Inbox) -> None:
        self._database = database
        self._config = config
        self._queue = queue
        self._inbox = inbox

    def reload(self, config: NodeConfig) -> None:
        """From the next unit on, these rules; what was routed stays as it is."""
        self._config = config

    def route_completed(self, now: float) -> int:
        """Routes every unit that is complete. Returns how many were.

        Raises:
            StorageError: the database refused; the units not yet routed stay complete.
        """
        units = self._database.query("SELECT * FROM units WHERE state = 'complete' ORDER BY completed_at, id")
        return sum(self._route(unit, now) for unit in units)

    def route_again(self, kind: str, uid: str, now: float) -> int:
        """Tries the rules of today on a unit that was routed before; work that is known is not put twice.

        Returns:
            How many rules matched.

        Raises:
            UsageError: there is no such unit, or it is still arriving.
        """
        units = self._database.query("SELECT * FROM units WHERE kind = ? AND uid = ?", (kind, uid))
        if not units:
            raise UsageError(f"no {kind} {uid} was received: see dicom-node inbox list")
        if units[0]["state"] == "open" or not self._route(units[0], now):
            raise UsageError(f"the {kind} {uid} is still arriving: wait until it is complete")
        (row,) = self._database.query("SELECT matched FROM units WHERE id = ?", (units[0]["id"],))
        return row["matched"] or 0

    def _route(self, unit: sqlite3.Row, now: float) -> bool:
        """False where the unit changed meanwhile (a late instance): it will be complete again, and come again."""
        config = self._config
        rules = [rule for rule in config.rules if rule.group == unit["kind"]]
        explanation = explain_unit(unit["kind"], unit["uid"], self._candidates(unit, rules), rules)
        with self._database.transaction() as connection:
            current = connection.execute("SELECT * FROM units WHERE id = ?", (unit["id"],)).fetchone()
            if tuple(current) != tuple(unit):
                return False
            jobs = self._put_jobs(connection, unit, explanation, config)
            trace = explanation.as_json()
            for entry in trace["rules"]:
                entry["job"] = jobs.get(entry["rule"])
            connection.execute(
                "INSERT INTO routings (unit_id, revision, at, trace) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (unit_id, revision) DO UPDATE SET at = excluded.at, trace = excluded.trace",
                (unit["id"], unit["revision"], now, json.dumps(trace)),
            )
            # a study that no rule asks for is not unmatched: nobody looked
            matched = None if unit["kind"] == "study" and not rules else explanation.matched
            connection.execute("UPDATE units SET state = 'routed', matched = ? WHERE id = ?", (matched, unit["id"]))
        log.info(
            "a %s was routed",
            unit["kind"],
            extra={
                "unit_kind": unit["kind"],
                "unit_uid": unit["uid"],
                "revision": unit["revision"],
                "matched": matched,
                "jobs": sorted(set(jobs.values())),
                "unreadable": len(explanation.unreadable),
            },
        )
        return True

    def _candidates(self, unit: sqlite3.Row, rules: Sequence[Rule]) -> list[Candidate]:
        rows = self._database.query(_INSTANCES_OF[unit["kind"]], (unit["uid"],))
        tags = tags_of(rules)
        return [self._candidate(row, tags) for row in rows] if rules else []

    def _candidate(self, row: sqlite3.Row, tags: set[int]) -> Candidate:
        uid = row["sop_instance_uid"]
        try:
            header = read_header(self._inbox.data_dir / row["path"], tags)
        except UnreadableInstance as error:
            return Candidate(uid, None, str(error))
        return Candidate(uid, HeaderFacts(header, row["calling_ae"], row["called_ae"]))

    def _put_jobs(
        self, connection: sqlite3.Connection, unit: sqlite3.Row, explanation: Explanation, config: NodeConfig
    ) -> dict[str, int]:
        """Puts what matched. Returns rule -> job; the job of the same work is shared where it is known already."""
        before = _jobs_before(connection, unit)
        rules = {rule.name: rule for rule in config.rules}
        jobs: dict[str, int] = {}
        for key, names in _same_work(explanation, rules).items():
            alike = [rules[name] for name in names]
            work = replace(_work(unit, alike, key[2], config), models=in_use(connection, alike[0].run))
            predecessor = next((before[name] for name in names if name in before), None)
            job = self._queue.put_analyse(connection, work, max(rule.priority for rule in alike), predecessor)
            if job is None:
                job = self._queue.share(connection, work)
            jobs.update(dict.fromkeys(names, job))
        return jobs


_WorkKey = tuple[str, str, tuple[str, ...]]


def _same_work(explanation: Explanation, rules: Mapping[str, Rule]) -> dict[_WorkKey, list[str]]:
    """Matching rules by (algorithm, options, instances): those that agree are one job, sent where any of them says."""
    grouped: dict[_WorkKey, list[str]] = {}
    for verdict in explanation.rules:
        if verdict.matched:
            options = json.dumps(dict(rules[verdict.rule].options), sort_keys=True)
            grouped.setdefault((verdict.algorithm, options, verdict.instances), []).append(verdict.rule)
    return grouped


def _work(unit: sqlite3.Row, alike: Sequence[Rule], instances: tuple[str, ...], config: NodeConfig) -> AnalyseWork:
    """One analysis for rules that ask for the same; the first names it, the widest limits hold."""
    node = config.node
    return AnalyseWork(
        rule=alike[0].name,
        algorithm=alike[0].run,
        options=dict(alike[0].options),
        unit_kind=unit["kind"],
        unit_uid=unit["uid"],
        revision=unit["revision"],
        instances=instances,
        send_to=tuple(dict.fromkeys(peer for rule in alike for peer in rule.send_to)),
        time_limit_s=max(rule.time_limit_s or node.job_time_limit_s for rule in alike),
        memory_limit_mib=max(rule.memory_limit_mib or node.job_memory_limit_mib for rule in alike),
        reason=unit["reason"],
        review=reduce(ReviewTerms.stricter, (rule.review for rule in alike)),
    )


def _jobs_before(connection: sqlite3.Connection, unit: sqlite3.Row) -> dict[str, int]:
    """Rule -> the last job that it put for this unit, from the traces of its revisions."""
    rows = connection.execute("SELECT trace FROM routings WHERE unit_id = ? ORDER BY revision", (unit["id"],))
    return {
        entry["rule"]: entry["job"]
        for row in rows
        for entry in json.loads(row["trace"])["rules"]
        if entry.get("job") is not None
    }
