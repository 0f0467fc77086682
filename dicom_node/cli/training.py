"""``dicom-node train | evaluate``: the models of an algorithm, taught and judged."""

from __future__ import annotations

import logging
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicom_node.cli.options import json_option
from dicom_node.cli.tables import progress_bar, show_json, show_table
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.algorithm import Device, EvaluationReport, Models, Progress, Workbench
    from dicom_node.series import Series

data_option = click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder of data, as the algorithm's page says.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random."
)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks run.",
)


@click.command()
@click.argument("algorithm")
@data_option
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where model and card go.")
@seed_option
@device_option
def train(algorithm: str, data: Path, out: Path, seed: int, device: Device) -> None:
    """Train the models of ALGORITHM.

    Called again with the same --out, it goes on where it stopped.
    """
    from dicom_node.plugins import Catalogue

    catalogue = Catalogue()
    trainer = catalogue.part(algorithm, "train")
    if trainer is None:
        raise UsageError(f"{algorithm} has nothing to train: it works without learned weights")
    out.mkdir(parents=True, exist_ok=True)
    with _workbench(catalogue.models(algorithm), seed, device, _teller()) as bench, _log_as_sentences():
        try:
            trainer(data, out, bench)
        except KeyboardInterrupt:
            words = ("train", algorithm, "--data", data, "--out", out, "--seed", seed, "--device", device)
            again = shlex.join(["dicom-node", *map(str, words)])
            click.echo(f"\nstopped; every epoch that was over is kept. To go on, call again:\n  {again}", err=True)
            raise
    made = sorted(path.name for path in out.iterdir() if path.is_file())
    click.echo(f"{algorithm} is trained; in {out}: {', '.join(made) or 'no files'}")
    click.echo(
        f"To judge it: {shlex.join(['dicom-node', 'evaluate', algorithm, '--data', 'FOLDER', '--models', str(out)])}"
    )


@click.command()
@click.argument("algorithm")
@data_option
@click.option(
    "--models",
    "models_folder",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="Folder with another model.toml, as train leaves it; without, the models that come with the algorithm.",
)
@seed_option
@device_option
@json_option
def evaluate(algorithm: str, data: Path, models_folder: Path | None, seed: int, device: Device, as_json: bool) -> None:
    """Judge ALGORITHM on data with truth.

    It runs through the same code as in the node.
    """
    from dicom_node.plugins import Catalogue

    catalogue = Catalogue()
    evaluator = catalogue.part(algorithm, "evaluate")
    if evaluator is None:
        raise UsageError(f"{algorithm} offers no evaluation")
    models = catalogue.models(algorithm, models_folder, device)
    with progress_bar() as bar:
        task = bar.add_task(algorithm, total=1.0)

        def tell(fraction: float, doing: str) -> None:
            bar.update(task, completed=fraction, description=doing)

        with _workbench(models, seed, device, tell) as bench:
            report = evaluator(data, bench)
    if as_json:
        show_json(report.values)
        return
    _show_report(f"{algorithm} on {data}", report, f"no data with truth in {data}")


@contextmanager
def _workbench(models: Models, seed: int, device: Device, progress: Progress) -> Iterator[Workbench]:
    """What the algorithm gets; files that its series are read from are removed in the end."""
    from dicom_node.algorithm import Workbench
    from dicom_node.load import load_series

    with tempfile.TemporaryDirectory(prefix="dicom-node-") as scratch:

        def load(paths: Sequence[Path]) -> Series:
            return load_series(paths, Path(tempfile.mkdtemp(dir=scratch)))

        yield Workbench(load=load, models=models, seed=seed, device=device, progress=progress)


def _teller() -> Progress:
    """Says each thing once, on a line of its own: training shows bars itself."""
    said = [""]

    def tell(fraction: float, doing: str) -> None:
        if doing != said[0]:
            said[0] = doing
            click.echo(doing, err=True)

    return tell


class _Sentences(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


@contextmanager
def _log_as_sentences() -> Iterator[None]:
    """What the training kit logs is for the person who waits: whether it goes on with an earlier run, and where."""
    logger, handler = logging.getLogger("algorithms"), _Sentences()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _show_report(title: str, report: EvaluationReport, empty: str) -> None:
    rows = report.rows
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[f"{row[c]:.3f}" if isinstance(row.get(c), float) else row.get(c, "") for c in columns] for row in rows]
    show_table(title, columns, cells, empty)
    for note in report.notes:
        click.echo(f"note: {note}")
