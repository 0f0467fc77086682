"""``dicom-node inbox``: what arrived, why it is (not yet) complete, what every rule said, what was set aside."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, short_uid, show_json, show_table, size
from dicom_node.errors import UsageError


@click.group()
def inbox() -> None:
    """List series and studies, show one whole, route it again, list what was set aside."""


UNITS = """
    SELECT u.*, (SELECT count(*) FROM instances i
                 WHERE CASE u.kind WHEN 'series' THEN i.series_uid ELSE i.study_uid END = u.uid) AS instances
    FROM units u WHERE u.kind = :kind AND (:unmatched = 0 OR u.matched = 0) ORDER BY u.last_at DESC LIMIT :limit
"""


@inbox.command("list")
@config_option
@json_option
@click.option("--studies", is_flag=True, help="Studies instead of series.")
@click.option("--unmatched", is_flag=True, help="Only those that no rule matched.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_units(config_path: Path, as_json: bool, studies: bool, unmatched: bool, limit: int) -> None:
    """Series (or studies), newest first: state, why complete, how many rules matched."""
    from dicom_node.cli.node_data import open_database

    parameters = {"kind": "study" if studies else "series", "unmatched": int(unmatched), "limit": limit}
    found = open_database(config_path).query(UNITS, parameters)
    if as_json:
        show_json([dict(row) for row in found])
        return
    rows = [
        (short_uid(u["uid"]), u["state"], u["instances"], u["revision"], moment(u["last_at"]), _matched(u), u["reason"])
        for u in found
    ]
    columns = (parameters["kind"], "state", "files", "rev", "last", "rules", "why")
    show_table("inbox", columns, rows, "nothing has arrived" if not unmatched else "nothing is unmatched")


def _matched(unit) -> str:
    if unit["matched"] is None:
        return ""
    return str(unit["matched"] or "none")


@inbox.command("show")
@click.argument("uid")
@config_option
@json_option
def show_unit(uid: str, config_path: Path, as_json: bool) -> None:
    """One series or study (the end of its UID is enough): instances, completions, what every rule said."""
    from dicom_node.cli.node_data import open_database
    from dicom_node.route import trace_text

    database = open_database(config_path)
    unit = _find(database, uid)
    column = "series_uid" if unit["kind"] == "series" else "study_uid"
    instances = database.query(f"SELECT * FROM instances WHERE {column} = ? ORDER BY received_at", (unit["uid"],))
    routings = database.query("SELECT * FROM routings WHERE unit_id = ? ORDER BY revision", (unit["id"],))
    traces = [{"revision": row["revision"], "at": row["at"], "trace": json.loads(row["trace"])} for row in routings]
    if as_json:
        show_json({**dict(unit), "instances": [dict(row) for row in instances], "routings": traces})
        return
    click.echo(f"{unit['kind']} {unit['uid']}\n{unit['state']}, revision {unit['revision']}: {unit['reason']}")
    rows = [
        (
            short_uid(i["sop_instance_uid"]),
            size(i["size_bytes"]),
            moment(i["received_at"]),
            i["calling_ae"],
            i["excluded"],
        )
        for i in instances
    ]
    show_table("instances", ("SOP instance", "size", "received", "from", "not routed because"), rows, "no instances")
    for entry in traces:
        click.echo(f"routing of revision {entry['revision']} at {moment(entry['at'])}")
        click.echo(trace_text(entry["trace"]))


def _received(instance) -> tuple[object, ...]:
    return size(instance["size_bytes"]), moment(instance["received_at"]), instance["calling_ae"], instance["excluded"]


def _find(database, ending: str):
    """The unit whose UID this is, or ends in this."""
    ending = ending.lstrip("…")
    units = database.query(
        "SELECT * FROM units WHERE substr(uid, -length(:ending)) = :ending ORDER BY uid <> :ending, kind",
        {"ending": ending},
    )
    if not units:
        raise UsageError(f"no series or study whose UID ends in {ending!r}: see dicom-node inbox list")
    if units[0]["uid"] != ending and len({unit["uid"] for unit in units}) > 1:
        raise UsageError(f"{len(units)} series or studies end in {ending!r}: give more of the UID")
    return units[0]


@inbox.command("route")
@click.argument("uid")
@config_option
def route_unit(uid: str, config_path: Path) -> None:
    """Try the rules of --config on a series or study that was routed before (the end of its UID is enough).

    A node that runs takes up the new jobs at once. Work that was put before is not put twice: see jobs retry.
    """
    from dicom_node.cli.node_data import open_for_routing
    from dicom_node.jobs import Queue
    from dicom_node.route import Router
    from dicom_node.storage import Inbox

    config, database = open_for_routing(config_path)
    unit, queue = _find(database, uid), Queue(database)
    last = max((job.id for job in queue.list(limit=1)), default=0)
    router = Router(database, config, queue, Inbox(config.node.data_dir))
    matched = router.route_again(unit["kind"], unit["uid"], time.time())
    put = sorted(job.id for job in queue.list() if job.id > last)
    told = f"new: job {', '.join(map(str, put))}" if put else "no new job"
    click.echo(f"{unit['kind']} {short_uid(unit['uid'])}: {matched} of {len(config.rules)} rules matched, {told}")


@inbox.command("aside")
@config_option
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_aside(config_path: Path, as_json: bool, limit: int) -> None:
    """What was kept but could not be used: undecodable objects, conflicts, quarantined results."""
    from dicom_node.cli.node_data import open_database

    found = open_database(config_path).query("SELECT * FROM set_aside ORDER BY at DESC LIMIT ?", (limit,))
    if as_json:
        show_json([dict(row) for row in found])
        return
    rows = [(a["id"], a["kind"], moment(a["at"]), a["calling_ae"], a["times_seen"], a["reason"]) for a in found]
    show_table("set aside", ("id", "kind", "at", "from", "seen", "reason"), rows, "nothing was set aside")
    if rows:
        click.echo("inbox aside --json names the files")
