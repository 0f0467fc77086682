"""``dicom-node train | evaluate``: the models of an algorithm, taught and judged."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicom_node.cli.comparing import bench_with_bar, show_comparison
from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import show_json, show_table
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.algorithm import Device, EvaluationReport, Models, Progress, Workbench
    from dicom_node.comparison import Comparison
    from dicom_node.plugins import Catalogue

OWN_CASES = "the node's own"

data_option = click.option(
    "--data",
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
@click.option(
    "--from-cases",
    is_flag=False,
    flag_value=OWN_CASES,
    metavar="[FOLDER]",
    help="Instead of data: reviewed cases, of a folder as cases export leaves it, or of the node that --config names.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where model and card go.")
@config_option
@seed_option
@device_option
def train(
    algorithm: str, data: Path | None, from_cases: str | None, out: Path, config_path: Path, seed: int, device: Device
) -> None:
    """Train the models of ALGORITHM from --data, or make a candidate --from-cases.

    Called again with the same --out, it goes on where it stopped.
    """
    from dicom_node import judging
    from dicom_node.plugins import Catalogue

    if (data is None) == (from_cases is None):
        raise UsageError("say what to train from: --data FOLDER or --from-cases [FOLDER], one of the two")
    catalogue = Catalogue()
    if from_cases is not None:
        source: tuple[object, ...] = ("--from-cases",) if from_cases == OWN_CASES else ("--from-cases", from_cases)
        steps = _candidate_steps(catalogue, algorithm, from_cases, config_path, out)
    else:
        source, steps = ("--data", data), _training_steps(catalogue, algorithm, data, out)
    models, teach = steps
    with judging.workbench(models, seed, device, _teller()) as bench, _log_as_sentences():
        try:
            teach(bench)
        except KeyboardInterrupt:
            words = ("train", algorithm, *source, "--out", out, "--seed", seed, "--device", device)
            again = shlex.join(["dicom-node", *map(str, words)])
            click.echo(f"\nstopped; every epoch that was over is kept. To go on, call again:\n  {again}", err=True)
            raise
    made = sorted(path.name for path in out.iterdir() if path.is_file())
    click.echo(f"{algorithm} is trained; in {out}: {', '.join(made) or 'no files'}")
    how = ("--cases", "FOLDER", "--candidate") if from_cases is not None else ("--data", "FOLDER", "--models")
    click.echo(f"To judge it: {shlex.join(['dicom-node', 'evaluate', algorithm, *how, str(out)])}")


Steps = tuple["Models", Callable[["Workbench"], object]]
"""The models that a bench starts with, and what is done on it."""


def _training_steps(catalogue: Catalogue, algorithm: str, data: Path | None, out: Path) -> Steps:
    trainer = catalogue.part(algorithm, "train")
    if trainer is None:
        raise UsageError(f"{algorithm} has nothing to train: it works without learned weights")
    out.mkdir(parents=True, exist_ok=True)
    return catalogue.models(algorithm), lambda bench: trainer(data, out, bench)


def _candidate_steps(catalogue: Catalogue, algorithm: str, where: str, config_path: Path, out: Path) -> Steps:
    """It starts from the models in use: those of the node whose cases they are, or those of the algorithm."""
    from dicom_node.case_folder import read_cases
    from dicom_node.cli.node_data import open_cases, open_registry
    from dicom_node.judging import teach

    if where == OWN_CASES:
        registry = open_registry(config_path)
        cases = open_cases(config_path).of(algorithm)
        models = catalogue.models(algorithm, registry.folder_of(algorithm, registry.in_use(algorithm)))
    else:
        cases, models = read_cases(Path(where), algorithm), catalogue.models(algorithm)
    return models, lambda bench: teach(catalogue, algorithm, cases, out, bench)


@click.command()
@click.argument("algorithm")
@data_option
@click.option(
    "--models",
    "models_folder",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="Folder with another model.toml, as train leaves it; without, the models that come with the algorithm.",
)
@click.option(
    "--cases",
    "cases_folder",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="Instead of data: reviewed cases, as cases export leaves them; judged on those held out of training.",
)
@click.option(
    "--candidate",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="With --cases: a folder of models to compare with the others, case by case.",
)
@seed_option
@device_option
@json_option
def evaluate(
    algorithm: str,
    data: Path | None,
    models_folder: Path | None,
    cases_folder: Path | None,
    candidate: Path | None,
    seed: int,
    device: Device,
    as_json: bool,
) -> None:
    """Judge ALGORITHM on data with truth, or on reviewed cases.

    It runs through the same code as in the node.
    """
    from dicom_node.plugins import Catalogue

    if (data is None) == (cases_folder is None) or (candidate and cases_folder is None):
        raise UsageError("say what to judge on: --data FOLDER, or --cases FOLDER, which may have a --candidate")
    catalogue = Catalogue()
    with bench_with_bar(catalogue.models(algorithm, models_folder, device), algorithm, seed, device) as bench:
        if cases_folder is not None:
            comparison = _on_cases(catalogue, algorithm, cases_folder, candidate, bench)
        else:
            evaluator = catalogue.part(algorithm, "evaluate")
            if evaluator is None:
                raise UsageError(f"{algorithm} offers no evaluation")
            report = evaluator(data, bench)
    if cases_folder is not None:
        if as_json:
            show_json(comparison.as_json())
        else:
            show_comparison(f"{algorithm} on held-out cases of {cases_folder}", comparison)
    elif as_json:
        show_json(report.values)
    else:
        _show_report(f"{algorithm} on {data}", report, f"no data with truth in {data}")


def _on_cases(
    catalogue: Catalogue, algorithm: str, folder: Path, candidate: Path | None, bench: Workbench
) -> Comparison:
    from dicom_node.case_folder import read_cases
    from dicom_node.judging import judge

    theirs = None if candidate is None else catalogue.models(algorithm, candidate, bench.device)
    return judge(catalogue, algorithm, read_cases(folder, algorithm), bench, theirs)


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
