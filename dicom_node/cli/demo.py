"""``dicom-node demo``: the whole line once, on this machine, with nothing else installed."""

from __future__ import annotations

from pathlib import Path

import click

from dicom_node.cli.logs import configure_logging
from dicom_node.cli.tables import show_table
from dicom_node.errors import DicomNodeError

FILES_SHOWN = 3


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo_output"), show_default=True)
@click.option("--samples", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Other series to send.")
@click.option("--verbose", is_flag=True, help="Show the node's log.")
def demo(out: Path, samples: Path | None, verbose: bool) -> None:
    """Start node and archive on loopback, send the sample series, show what came back, leave DICOM and PNG in --out."""
    from dicom_node.demo import find_samples, run_demo

    configure_logging(level="INFO" if verbose else "WARNING")
    report = run_demo(out, samples or find_samples(), click.echo)
    rows = [(_shortly(o.files), o.complete_because, o.decision, "\n".join(o.objects)) for o in report.outcomes]
    columns = ("sent", "complete because", "decision", "objects at the archive")
    wrap = ("complete because", "decision")
    show_table("what came of each series", columns, rows, "no series was sent", wrap)
    click.echo(
        f"{report.received_objects} result objects at the archive {report.duration_s:.1f} s after the first C-STORE"
    )
    click.echo(f"DICOM: {out / 'archive'}")
    for picture in report.pictures:
        click.echo(f"picture: {picture}")
    if report.problems:
        raise DicomNodeError("the demo did not end well:\n" + "\n".join(report.problems))


def _shortly(files: tuple[str, ...]) -> str:
    """The first few names: a cine is many files."""
    more = len(files) - FILES_SHOWN
    return "\n".join((*files[:FILES_SHOWN], *([f"and {more} more"] if more > 0 else [])))
