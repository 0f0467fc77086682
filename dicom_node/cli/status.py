"""``dicom-node status``: the node on one page."""

from __future__ import annotations

from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import show_json, show_table

COUNTS = (
    ("instances", "SELECT 'stored' AS state, count(*) AS n FROM instances"),
    ("series", "SELECT state, count(*) AS n FROM units WHERE kind = 'series' GROUP BY state"),
    (
        "series without a rule",
        "SELECT 'unmatched' AS state, count(*) AS n FROM units WHERE kind = 'series' AND matched = 0",
    ),
    ("analyse jobs", "SELECT state, count(*) AS n FROM jobs WHERE kind = 'analyse' GROUP BY state"),
    ("reviews", "SELECT state, count(*) AS n FROM reviews GROUP BY state"),
    ("report jobs", "SELECT state, count(*) AS n FROM jobs WHERE kind = 'report' GROUP BY state"),
    ("deliver jobs", "SELECT state, count(*) AS n FROM jobs WHERE kind = 'deliver' GROUP BY state"),
    ("objects to peers", "SELECT state, count(*) AS n FROM deliveries GROUP BY state"),
    ("set aside", "SELECT kind AS state, count(*) AS n FROM set_aside GROUP BY kind"),
)


@click.command()
@config_option
@json_option
def status(config_path: Path, as_json: bool) -> None:
    """How much is stored, open, waiting, done, to be reviewed, undelivered and set aside."""
    from dicom_node.cli.node_data import open_database

    database = open_database(config_path)
    counts = {name: {row["state"]: row["n"] for row in database.query(sql)} for name, sql in COUNTS}
    if as_json:
        show_json(counts)
        return
    rows = [(name, ", ".join(f"{n} {state}" for state, n in by.items() if n) or "none") for name, by in counts.items()]
    show_table("node", ("what", "how many"), rows, "")
