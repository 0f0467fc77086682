"""``dicom-node check`` and ``dicom-node explain``: is the configuration right, and what would it do."""

from __future__ import annotations

from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import show_json, show_table
from dicom_node.errors import UsageError


@click.command()
@config_option
@json_option
def check(config_path: Path, as_json: bool) -> None:
    """Read the configuration whole and report every mistake with its line and column."""
    from dicom_node.config import load_config
    from dicom_node.errors import ConfigurationError
    from dicom_node.plugins import Catalogue

    try:
        config = load_config(config_path, Catalogue())
    except ConfigurationError as error:
        if as_json:
            show_json({"ok": False, "problems": [vars_of(problem) for problem in error.problems]})
            raise SystemExit(error.exit_code) from error
        raise
    if as_json:
        show_json({"ok": True, "rules": [rule.name for rule in config.rules], "peers": list(config.peers)})
        return
    rows = [(rule.line, rule.name, rule.group, rule.run, ", ".join(rule.send_to)) for rule in config.rules]
    show_table(
        f"{config_path}: no mistakes", ("line", "rule", "group", "run", "send to"), rows, f"{config_path}: no rules"
    )


def vars_of(problem) -> dict[str, object]:
    """A problem as JSON."""
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@config_option
@json_option
@click.option("--calling-ae", default="", help="Judge as if it came from this AE title.")
@click.option("--called-ae", default="", help="Judge as if it was sent to this AE title.")
def explain(paths: tuple[Path, ...], config_path: Path, as_json: bool, calling_ae: str, called_ae: str) -> None:
    """For every rule: matched, or the first condition that failed and the value it saw."""
    from dicom_node.config import load_config
    from dicom_node.plugins import Catalogue
    from dicom_node.route import explain as explain_paths
    from dicom_node.route import explanation_text

    explanations = explain_paths(
        paths, load_config(config_path, Catalogue()), calling_ae=calling_ae, called_ae=called_ae
    )
    if as_json:
        show_json([explanation.as_json() for explanation in explanations])
        return
    for explanation in explanations:
        click.echo(explanation_text(explanation))
    if not any(explanation.instances for explanation in explanations):
        raise UsageError(f"nothing to explain: no DICOM object in {', '.join(map(str, paths))}")
