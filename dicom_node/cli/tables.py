"""Tables that fit a terminal, and the same rows as JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from rich import box
from rich.console import Console
from rich.table import Table

UID_TAIL = 16
PLAIN_WIDTH = 160


def console() -> Console:
    """Standard output: as wide as the terminal, wide enough for a table where there is none."""
    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(width=PLAIN_WIDTH, highlight=False)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Prints the rows, or ``empty`` where there are none."""
    rows = list(rows)
    if not rows:
        click.echo(empty)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table)


def show_json(value: object) -> None:
    """Prints one JSON document."""
    click.echo(json.dumps(value, indent=2, default=str))


def moment(seconds: float | None) -> str:
    """A time of the database as local time to the second; empty for None."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short_uid(uid: str) -> str:
    """The end of a UID, which is what tells two apart; the whole stands in --json."""
    return uid if len(uid) <= UID_TAIL + 1 else "…" + uid[-UID_TAIL:]


def size(size_bytes: int) -> str:
    """Bytes as a person writes them."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
