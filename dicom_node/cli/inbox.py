"""``dicom-node inbox``: what arrived, why it is (not yet) complete, what every rule said, what was set aside."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, short_uid, show_json, show_table, size
from dicom_node.errors import UsageError


def open_database(config_path: Path):
    """The database of the node that this configuration describes."""
    from dicom_node.config import load_config
    from dicom_node.database import Database

    config = load_config(config_path, None)
    file = config.node.data_dir / "node.db"
    if not file.exists():
        raise UsageError(f"no node has run on {config.node.data_dir} yet: start one with dicom-node serve")
    return Database(file)


@click.group()
def inbox() -> None:
    """List series and studies, show one whole, list what was set aside."""


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
    parameters = {"kind": "study" if studies else "series", "unmatched": int(unmatched), "limit": limit}
    found = open_database(config_path).query(UNITS, parameters)
    if as_json:
        show_json([dict(row) for row in found])
        return
    rows = [
        (short_uid(u["uid"]), u["state"], u["instances"], u["revision"], moment(u["last_at"]), _matched(u), u["reason"])
        for u in found
    ]
    columns = (parameters["kind"], "state", "instances", "revision", "last instance", "rules", "why")
    show_table("inbox", columns, rows, "nothing has arrived" if not unmatched else "nothing is unmatched")


def _matched(unit) -> str:
    if unit["matched"] is None:
        return ""
    return f"{unit['matched']} matched" if unit["matched"] else "none matched"


@inbox.command("show")
@click.argument("uid")
@config_option
@json_option
def show_unit(uid: str, config_path: Path, as_json: bool) -> None:
    """One series or study (the end of its UID is enough): instances, completions, what every rule said."""
    database = open_database(config_path)
    units = database.query("SELECT * FROM units WHERE uid LIKE '%' || ? ORDER BY kind", (uid.lstrip("…"),))
    if not units:
        raise UsageError(f"no series or study whose UID ends in {uid!r}: see dicom-node inbox list")
    if len({unit["uid"] for unit in units}) > 1:
        raise UsageError(f"{len(units)} series or studies end in {uid!r}: give more of the UID")
    unit = units[0]
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
    from dicom_node.route import trace_text

    for entry in traces:
        click.echo(f"routing of revision {entry['revision']} at {moment(entry['at'])}")
        click.echo(trace_text(entry["trace"]))


@inbox.command("aside")
@config_option
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_aside(config_path: Path, as_json: bool, limit: int) -> None:
    """What was kept but could not be used: undecodable objects, conflicts, quarantined results."""
    found = open_database(config_path).query("SELECT * FROM set_aside ORDER BY at DESC LIMIT ?", (limit,))
    if as_json:
        show_json([dict(row) for row in found])
        return
    rows = [
        (a["id"], a["kind"], moment(a["at"]), a["calling_ae"], a["times_seen"], a["path"], a["reason"]) for a in found
    ]
    show_table("set aside", ("id", "kind", "at", "from", "seen", "file", "reason"), rows, "nothing was set aside")
