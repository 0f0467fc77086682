"""``dicom-node algorithms``: what can be run."""

from __future__ import annotations

from typing import Any

import click

from dicom_node.cli.options import json_option
from dicom_node.cli.tables import console, show_json, show_table
from dicom_node.errors import DicomNodeError


@click.command()
@click.argument("name", required=False)
@json_option
def algorithms(name: str | None, as_json: bool) -> None:
    """List the installed algorithms, or show the options of one."""
    from dicom_node.plugins import Catalogue

    catalogue = Catalogue()
    if name:
        _show_options(name, catalogue.describe_options(name), as_json)
        return
    entries = [_describe(catalogue, entry) for entry in catalogue.names()]
    if as_json:
        show_json(entries)
        return
    rows = [(e["name"], e["version"], e["title"], ", ".join(e["models"]) or "none") for e in entries]
    columns = ("name", "version", "what", "models")
    show_table("algorithms", columns, rows, "no algorithm is installed", wrap=("what", "models"))


def _describe(catalogue, name: str) -> dict[str, Any]:
    """One algorithm in short; of one that cannot be made ready, the reason."""
    try:
        info = catalogue.create(name, {}).info
    except DicomNodeError as error:
        return {"name": name, "version": "", "title": f"cannot be used: {error}", "models": []}
    models = [f"{model.name} {model.version}" for model in info.models]
    return {"name": info.name, "version": info.version, "title": info.title, "models": models}


def _show_options(name: str, rows, as_json: bool) -> None:
    if as_json:
        show_json([row._asdict() for row in rows])
        return
    click.echo(f"options of {name}" if rows else f"{name} has no options")
    for row in rows:
        click.echo(f"\n  {row.option}: {row.type}, default {row.default}")
        if row.description:
            click.echo(click.wrap_text(row.description, min(console().width, 110), "      ", "      "))
