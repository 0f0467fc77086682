"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("routing.yaml"),
    show_default=True,
    help="The node's configuration.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON for a script instead of a table.")
