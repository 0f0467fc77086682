"""``dicom-node algorithms | train | evaluate``: what can be run, taught and judged."""

from __future__ import annotations

from pathlib import Path

import click

from dicom_node.cli.options import json_option
from dicom_node.cli.tables import show_json, show_table
from dicom_node.errors import UsageError


@click.command()
@click.argument("name", required=False)
@json_option
def algorithms(name: str | None, as_json: bool) -> None:
    """List the installed algorithms, or show the options of one."""
    from dicom_node.plugins import Catalogue

    catalogue = Catalogue()
    if name:
        rows = catalogue.describe_options(name)
        if as_json:
            show_json([row._asdict() for row in rows])
        else:
            show_table(
                f"options of {name}", ("option", "type", "default", "what it does"), rows, f"{name} has no options"
            )
        return
    infos = [catalogue.create(entry, {}).info for entry in catalogue.names()]
    if as_json:
        show_json(
            [
                {"name": i.name, "version": i.version, "title": i.title, "models": [m.name for m in i.models]}
                for i in infos
            ]
        )
        return
    rows = [(i.name, i.version, i.title, ", ".join(m.name for m in i.models) or "none") for i in infos]
    show_table("algorithms", ("name", "version", "what", "models"), rows, "no algorithm is installed")


@click.command()
@click.argument("algorithm")
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Folder of training data.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where model and card go.")
def train(algorithm: str, data: Path, out: Path) -> None:
    """Train the models of ALGORITHM."""
    from dicom_node.plugins import Catalogue

    trainer = Catalogue().part(algorithm, "train")
    if trainer is None:
        raise UsageError(f"{algorithm} has nothing to train: it works without learned weights")
    trainer(data, out)


@click.command()
@click.argument("algorithm")
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Folder of data with truth.")
@json_option
def evaluate(algorithm: str, data: Path, as_json: bool) -> None:
    """Judge ALGORITHM on data with truth, through the same code that the node runs."""
    from dicom_node.plugins import Catalogue

    evaluator = Catalogue().part(algorithm, "evaluate")
    if evaluator is None:
        raise UsageError(f"{algorithm} offers no evaluation")
    rows = evaluator(data)
    if as_json:
        show_json(rows)
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[f"{row[c]:.3f}" if isinstance(row.get(c), float) else row.get(c, "") for c in columns] for row in rows]
    show_table(f"{algorithm} on {data}", columns, cells, f"no data with truth in {data}")
