"""Tables that fit a terminal, and the same rows as JSON for a script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

UID_TAIL = 12
PLAIN_WIDTH = 160
NARROWEST = 10


def console() -> Console:
    """Standard output: as wide as the terminal (or COLUMNS says), wide enough for a table where there is none."""
    out = Console(highlight=False, soft_wrap=False, markup=False, emoji=False)
    if out.is_terminal or os.environ.get("COLUMNS"):
        return out
    return Console(width=PLAIN_WIDTH, highlight=False, markup=False, emoji=False)


def progress_console() -> Console:
    """Where progress is shown: standard error, so that results can be piped."""
    return Console(stderr=True)


def progress_bar() -> Progress:
    """A bar that goes away when it is done, on a terminal only."""
    out = progress_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str, wrap: Sequence[str] = ()
) -> None:
    """Prints the rows, or ``empty`` where there are none.

    Args:
        wrap: columns of running text, which give way where the terminal is narrow; without any, the last column.
    """
    rows = list(rows)
    if not rows:
        if empty:
            click.echo(empty)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        gives_way = column in (wrap or columns[-1:])
        table.add_column(column, overflow="fold", no_wrap=not gives_way, min_width=NARROWEST if gives_way else None)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    out = console()
    with out.capture() as capture:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def show_json(value: object) -> None:
    """Prints one JSON document."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: object) -> object:
    return dict(value) if hasattr(value, "keys") else str(value)


def moment(seconds: float | None, now: datetime | None = None) -> str:
    """A time of the database as local time to the second, without the date where that is today's; '' for None."""
    if seconds is None:
        return ""
    local = datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


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
