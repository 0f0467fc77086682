"""``dicom-node serve``: the node in the foreground, as a service manager wants it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from dicom_node.cli.logs import configure_logging
from dicom_node.cli.options import config_option
from dicom_node.cli.signals import Signals

LOOK_S = 0.2


@click.command()
@config_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING"], case_sensitive=False), default="INFO")
def serve(config_path: Path, log_format: str, log_level: str) -> None:
    """Receive, route, analyse and deliver until stopped (SIGTERM). SIGHUP reads the configuration again."""
    # before the slow imports: unhandled, SIGHUP ends a process
    signals = Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    from dicom_node.config import load_config
    from dicom_node.node import Node
    from dicom_node.plugins import Catalogue

    configure_logging(log_format, log_level)
    catalogue = Catalogue()
    node = Node(load_config(config_path, catalogue), catalogue)
    node.start()
    try:
        while not signals.stop_asked():
            if signals.take(signal.SIGHUP):
                node.reload()
            time.sleep(LOOK_S)
    finally:
        node.stop()
