"""What the commands that judge models share: a bench with a bar, and the table of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from dicom_node.cli.tables import progress_bar, show_table

if TYPE_CHECKING:
    from dicom_node.algorithm import Device, Models, Workbench
    from dicom_node.comparison import Comparison


@contextmanager
def bench_with_bar(models: Models, algorithm: str, seed: int = 0, device: Device = "auto") -> Iterator[Workbench]:
    """A bench whose progress is a bar."""
    from dicom_node.judging import workbench

    with progress_bar() as bar:
        task = bar.add_task(algorithm, total=1.0)

        def tell(fraction: float, doing: str) -> None:
            bar.update(task, completed=fraction, description=doing)

        with workbench(models, seed, device, tell) as bench:
            yield bench


def show_comparison(title: str, comparison: Comparison) -> None:
    """The table of a comparison and its notes."""
    rows = comparison.rows()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    show_table(title, columns, [[row.get(column, "") for column in columns] for row in rows], "nothing to compare")
    for note in ("in brackets: 95 % interval, bootstrap over subjects; the first figure decides", *comparison.notes):
        click.echo(f"note: {note}")
