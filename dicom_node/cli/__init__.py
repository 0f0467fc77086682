"""The command ``dicom-node``.

Exit codes: 0 done, 2 wrong use or configuration, 3 the input is unsuitable (the reason on stderr); others as in
``errors``. This is one of the three places that catch every exception: a person gets a sentence, not a trace.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from dicom_node import __version__
from dicom_node.errors import DicomNodeError

# command -> module that holds it under the same name; loaded when it is called, so that --help is quick
COMMANDS = {
    "serve": "serve",
    "check": "routing",
    "explain": "routing",
    "run": "run",
    "demo": "demo",
    "send": "network",
    "archive": "network",
    "jobs": "jobs",
    "inbox": "inbox",
    "status": "status",
    "review": "review",
    "cases": "cases",
    "models": "models",
    "algorithms": "algorithms",
    "train": "training",
    "evaluate": "training",
}


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"dicom_node.cli.{COMMANDS[name]}"), name)

    def resolve_command(self, context: click.Context, args: list[str]):
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if close:
                error.message += f" Did you mean {close[0]!r}?"
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dicom-node")
def cli() -> None:
    """A DICOM node that runs imaging algorithms beside a PACS. Research use: not a medical device."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs the command, and turns every error into a sentence and an exit code."""
    try:
        left_with = cli.main(
            args=None if arguments is None else list(arguments), prog_name="dicom-node", standalone_mode=False
        )
        code = left_with if isinstance(left_with, int) else 0
    except click.Abort:
        click.echo("stopped by the user", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except DicomNodeError as error:
        click.echo(str(error), err=True)
        code = error.exit_code
    except Exception as error:
        if os.environ.get("DICOM_NODE_TRACE"):
            raise
        # its text is not printed: a library's message may quote a header value
        place = traceback.extract_tb(error.__traceback__)[-1]
        click.echo(f"dicom-node failed: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}", err=True)
        click.echo("This is a bug. Set DICOM_NODE_TRACE=1 and run again for the trace to report.", err=True)
        code = 1
    sys.exit(code)
