"""``dicom-node run``: load -> algorithm -> encode, offline, on a folder of DICOM."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from dicom_node.cli.tables import progress_bar, show_json, show_table
from dicom_node.errors import UsageError


def parse_options(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``KEY=VALUE`` words -> a mapping; values are read as YAML, as in a rule's ``options``."""
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--option takes KEY=VALUE, such as threshold=otsu; got {pair!r}")
        try:
            options[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--option {key}: {value!r} is no YAML value; put text with special signs in quotes"
            ) from error
    return options


@click.command()
@click.argument("algorithm")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option("--option", "-o", "pairs", multiple=True, metavar="KEY=VALUE", help="An option, as in a rule.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="For uid_namespace."
)
@click.option("--rule", "rule_name", help="Take the options of this rule of --config.")
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
def run(
    algorithm: str,
    paths: tuple[Path, ...],
    out: Path,
    pairs: tuple[str, ...],
    config_path: Path | None,
    rule_name: str | None,
    as_json: bool,
) -> None:
    """Run ALGORITHM on DICOM files or folders: result DICOM, result.json, tables and PNG previews in --out."""
    from dicom_node.encode import DEFAULT_NAMESPACE, EncodeJob, local_moment
    from dicom_node.plugins import Catalogue
    from dicom_node.run import analyse, dicom_files

    catalogue = Catalogue()
    options: Mapping[str, Any] = {}
    namespace = DEFAULT_NAMESPACE
    if config_path:
        from dicom_node.config import load_config

        config = load_config(config_path, catalogue)
        namespace = config.node.uid_namespace
        options = _options_of(config, rule_name) if rule_name else {}
    elif rule_name:
        raise UsageError("--rule needs --config: the file that the rule is in")
    options = {**options, **parse_options(pairs)}
    ready = catalogue.create(algorithm, options)
    options = catalogue.canonical_options(algorithm, options)  # as the node does: the same work, the same UIDs
    job = EncodeJob(content_time=local_moment(time.time()), namespace=namespace, options=options)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dicom-node-") as scratch, progress_bar() as bar:
        task = bar.add_task(algorithm, total=1.0)
        outcome = analyse(
            ready,
            dicom_files(paths),
            job,
            out,
            Path(scratch),
            lambda fraction, doing: bar.update(task, completed=fraction, description=doing),
        )
    if as_json:
        show_json(json.loads((out / "result.json").read_text()))
        return
    rows = [(entry.path.name, entry.role, entry.sop_instance_uid) for entry in outcome.objects]
    show_table(f"{algorithm}: results in {out}", ("file", "role", "SOP instance UID"), rows, "no objects")
    show_table("summary", ("what", "value"), _short(outcome.summary), "no summary")
    for note in outcome.notes:
        click.echo(f"note: {note}")


def _options_of(config, rule_name: str) -> Mapping[str, Any]:
    for rule in config.rules:
        if rule.name == rule_name:
            return rule.options
    raise UsageError(f"no rule {rule_name!r} in {config.path}; it has: {', '.join(rule.name for rule in config.rules)}")


def _short(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for key, value in summary.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        rows.append((key, text if len(text) <= 60 else f"{text[:57]}..."))
    return rows
