"""``dicom-node send`` and ``dicom-node archive``: a modality and an archive, for trying things out."""

from __future__ import annotations

import signal
import time
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import Progress

from dicom_node.cli.options import json_option
from dicom_node.cli.signals import Signals
from dicom_node.cli.tables import progress_console, show_json, show_table
from dicom_node.errors import PeerError, UsageError

LOOK_S = 0.2


def parse_destination(to: str) -> tuple[str, int]:
    """``HOST:PORT`` -> (host, port). IPv6 hosts stand in brackets."""
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"--to takes HOST:PORT, such as 127.0.0.1:11112; got {to!r}")
    return host.strip("[]"), int(port)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--to", required=True, metavar="HOST:PORT", help="Where to.")
@click.option("--calling", default="DICOM_NODE_SCU", show_default=True, help="Our AE title.")
@click.option("--called", default="ANY-SCP", show_default=True, help="The other side's AE title.")
@json_option
def send(paths: tuple[Path, ...], to: str, calling: str, called: str, as_json: bool) -> None:
    """Send DICOM files and folders by C-STORE, and tell what became of each."""
    from dicom_node.send import send_paths

    host, port = parse_destination(to)
    out = progress_console()
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("sending", total=None)
        report = send_paths(
            paths, host, port, calling, called, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if as_json:
        show_json([asdict(item) for item in report.items])
    else:
        bad = [item for item in report.items if not item.stored]
        show_table("not stored", ("file", "status", "reason"), [(i.path, i.status, i.reason) for i in bad], "")
        click.echo(f"{len(report.items) - len(bad)} of {len(report.items)} stored at {host}:{port}")
    if not report.all_stored:
        raise PeerError(f"{sum(not item.stored for item in report.items)} object(s) were not stored at {host}:{port}")


@click.command()
@click.option("--dir", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to keep.")
@click.option("--port", default=4242, show_default=True, type=click.IntRange(1, 65535))
@click.option("--bind", default="127.0.0.1", show_default=True)
@click.option("--ae-title", default="ARCHIVE", show_default=True)
def archive(folder: Path, port: int, bind: str, ae_title: str) -> None:
    """A small archive for trials: C-STORE into a folder, C-FIND, C-ECHO. Not for patients' images."""
    from dicom_node.archive import EmbeddedArchive

    signals = Signals(signal.SIGTERM, signal.SIGINT)
    with EmbeddedArchive(folder, ae_title=ae_title, bind=bind, port=port):
        click.echo(f"{ae_title} listens on {bind}:{port} and keeps in {folder}; Ctrl-C stops it")
        while not signals.stop_asked():
            time.sleep(LOOK_S)
