"""``dicom-node models``: what algorithms run with; candidates added, compared, promoted, rolled back, shadowed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicom_node.cli.comparing import bench_with_bar, show_comparison
from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, show_json, show_table
from dicom_node.errors import DicomNodeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicom_node.candidates import CandidateRun
    from dicom_node.comparison import Comparison

as_option = click.option("--as", "person", required=True, help="Who does it: kept with the act.")
cases_option = click.option(
    "--cases",
    "folder",
    type=click.Path(exists=True, path_type=Path, file_okay=False),
    help="A folder of cases; without, the node's own.",
)


@click.group()
def models() -> None:
    """List models; add, compare, promote, roll back, run in the shadow."""


@models.command("list")
@config_option
@json_option
@click.option("--algorithm", help="Only models of this algorithm.")
@click.option("--acts", "with_acts", is_flag=True, help="Everything that was done with them, by whom and why.")
def list_models(config_path: Path, as_json: bool, algorithm: str | None, with_acts: bool) -> None:
    """What every algorithm runs with, the candidates, and what was retired."""
    from dicom_node.cli.node_data import open_registry
    from dicom_node.model_registry import OWN, OWN_IN_WORDS
    from dicom_node.plugins import Catalogue

    registry, catalogue = open_registry(config_path), Catalogue()
    names = (algorithm,) if algorithm else catalogue.names()
    if with_acts:
        acts = [act for name in names for act in registry.acts(name)]
        if as_json:
            show_json([asdict(act) for act in acts])
            return
        rows = [(moment(a.at_s), a.algorithm, a.version, a.act, a.person, a.reason) for a in acts]
        show_table("acts", ("at", "algorithm", "version", "act", "by", "reason"), rows, "nothing was done with models")
        return
    listed = []
    for name in names:
        own = catalogue.own_models(name)
        if own:
            state = "current" if registry.in_use(name) == OWN else "retired"
            listed.append((name, OWN_IN_WORDS, state, "", ", ".join(f"{m.name} {m.version}" for m in own), None, ""))
        for found in registry.sets(name):
            told = ", ".join(f"{model.name} {model.version}" for model in found.models)
            shadow = "shadow" if found.shadow else ""
            listed.append((name, found.version, found.state, shadow, told, found.added_s, found.origin))
    columns = ("algorithm", "version", "state", "runs in", "models", "added", "from")
    if as_json:
        show_json([dict(zip(columns, row, strict=True)) for row in listed])
        return
    rows = [(*row[:5], moment(row[5]), row[6]) for row in listed]
    show_table("models", columns, rows, "no algorithm here has models", wrap=("models", "from"))
    for run in last_runs(config_path, names):
        told = run.reason or run.version or "goes on at the node's next look"
        click.echo(f"last candidate of {run.algorithm}: {run.state}, begun {moment(run.begun_s)}: {told}")


def last_runs(config_path: Path, names: Sequence[str]) -> list[CandidateRun]:
    """The newest run of each algorithm that a candidate was prepared of."""
    from dicom_node.candidates import CandidateRuns
    from dicom_node.cli.node_data import open_database
    from dicom_node.config import load_config

    runs = CandidateRuns(open_database(config_path), load_config(config_path, None).node.data_dir)
    return [found[-1] for name in names if (found := runs.of(name))]


@models.command("add")
@click.argument("algorithm")
@click.argument("folder", type=click.Path(exists=True, path_type=Path, file_okay=False))
@config_option
@as_option
@click.option("--version", default="", help="Its name here; without, the version that its manifest gives.")
@click.option("--origin", default="", help="Where it comes from, in words.")
def add_models(algorithm: str, folder: Path, config_path: Path, person: str, version: str, origin: str) -> None:
    """Take a FOLDER of models in, as train leaves it, as a candidate."""
    from dicom_node.cli.node_data import open_registry
    from dicom_node.plugins import Catalogue

    registry = open_registry(config_path)
    Catalogue().check_models(algorithm, folder)
    added = registry.add(algorithm, folder, person, version, origin)
    click.echo(f"{algorithm} has {added.version} as {added.state}")
    click.echo(f"To compare it: dicom-node models compare {algorithm} {added.version}")


@models.command("compare")
@click.argument("algorithm")
@click.argument("version")
@config_option
@json_option
@cases_option
def compare_models(algorithm: str, version: str, config_path: Path, as_json: bool, folder: Path | None) -> None:
    """Judge a candidate against the models in use on held-out cases, and show what it said in the shadow."""
    from dicom_node.cli.node_data import open_database, open_registry
    from dicom_node.config import load_config
    from dicom_node.model_registry import OWN_IN_WORDS
    from dicom_node.shadow_runs import shadow_pairs, shadowed_keys

    registry = open_registry(config_path)
    registry.get(algorithm, version)
    current = registry.in_use(algorithm)
    if current == version:
        raise UsageError(f"{algorithm} uses {version}: compare it with another version")
    data_dir = load_config(config_path, None).node.data_dir
    comparison = compared(config_path, algorithm, version, current, folder)
    registry.keep_comparison(algorithm, version, current, comparison)
    pairs = shadow_pairs(open_database(config_path), data_dir, algorithm, version)
    keys = shadowed_keys(pairs)
    if as_json:
        shadow = {"pairs": [asdict(pair) for pair in pairs], "keys": [asdict(key) for key in keys]}
        show_json({**comparison.as_json(), "beats": comparison.beats, "in_use": current, "shadow": shadow})
        return
    show_comparison(f"{algorithm}: {version} against {current or OWN_IN_WORDS}", comparison)
    if pairs:
        rows = [(k.key, k.pairs, k.equal, _number(k.mean_difference), _limits(k.limits)) for k in keys]
        columns = ("key", "pairs", "equal", "candidate - in use", "95 % limits")
        show_table(f"in the shadow: {len(pairs)} analyses", columns, rows, "none has a result yet")
    verdict = "beats" if comparison.beats else "does not beat"
    click.echo(f"{version} {verdict} {current or OWN_IN_WORDS} by {comparison.figures[0].name}")


def compared(config_path: Path, algorithm: str, version: str, current: str, folder: Path | None) -> Comparison:
    """The comparison of a set of models with another, on a folder of cases or the node's own."""
    from dicom_node.case_folder import read_cases
    from dicom_node.cli.node_data import open_cases, open_registry
    from dicom_node.judging import judge
    from dicom_node.plugins import Catalogue

    registry, catalogue = open_registry(config_path), Catalogue()
    cases = read_cases(folder, algorithm) if folder else open_cases(config_path).of(algorithm)
    in_use = catalogue.models(algorithm, registry.folder_of(algorithm, current))
    candidate = catalogue.models(algorithm, registry.folder_of(algorithm, version))
    with bench_with_bar(in_use, algorithm) as bench:
        return judge(catalogue, algorithm, cases, bench, candidate)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:+.4g}"


def _limits(limits: tuple[float, float] | None) -> str:
    return "" if limits is None else f"{limits[0]:+.4g} to {limits[1]:+.4g}"


@models.command("promote")
@click.argument("algorithm")
@click.argument("version")
@config_option
@as_option
@click.option("--force", "reason", default="", metavar="REASON", help="Though no comparison shows that it is better.")
def promote_models(algorithm: str, version: str, config_path: Path, person: str, reason: str) -> None:
    """Let new jobs run with a candidate that beats what is in use."""
    from dicom_node.cli.node_data import open_registry

    open_registry(config_path).promote(algorithm, version, person, reason)
    click.echo(f"{algorithm} uses {version} from its next job on")
    click.echo(f"To go back: dicom-node models rollback {algorithm} --as NAME")


@models.command("rollback")
@click.argument("algorithm")
@config_option
@as_option
@click.option("--reason", default="", help="Why: kept with the act.")
def rollback_models(algorithm: str, config_path: Path, person: str, reason: str) -> None:
    """Go back to the models that the last promotion replaced."""
    from dicom_node.cli.node_data import open_registry
    from dicom_node.model_registry import OWN_IN_WORDS

    back = open_registry(config_path).rollback(algorithm, person, reason)
    click.echo(f"{algorithm} uses {back or OWN_IN_WORDS} from its next job on")


@models.command("shadow")
@click.argument("algorithm")
@click.argument("version")
@config_option
@as_option
@click.option("--on/--off", "wanted", default=True, help="Begin or end it.")
def shadow_models(algorithm: str, version: str, config_path: Path, person: str, wanted: bool) -> None:
    """Run a candidate beside the models in use, on every new analysis, without sending anything of it."""
    from dicom_node.cli.node_data import open_registry

    registry = open_registry(config_path)
    if wanted:
        registry.shadow_on(algorithm, version, person)
        click.echo(f"{version} of {algorithm} runs in the shadow; models compare shows what it says")
    else:
        registry.shadow_off(algorithm, version, person)
        click.echo(f"{version} of {algorithm} no longer runs in the shadow")


@models.command("prepare")
@click.argument("algorithm")
@config_option
@click.option("--as", "person", default="the node's schedule", show_default=True, help="Who asks for it.")
def prepare_models(algorithm: str, config_path: Path, person: str) -> None:
    """Make a candidate from the node's own cases and compare it; the node's schedule calls this."""
    from dicom_node.candidates import CandidateRuns
    from dicom_node.cli.node_data import open_cases, open_database
    from dicom_node.config import load_config

    data_dir = load_config(config_path, None).node.data_dir
    runs = CandidateRuns(open_database(config_path), data_dir)
    rows = open_cases(config_path).rows(algorithm)
    run = runs.begin(algorithm, rows[-1].id if rows else 0, len(rows))
    try:
        version = _prepare(config_path, algorithm, run.last_case, runs.folder_of(run), person)
    except (DicomNodeError, OSError, RuntimeError, ValueError) as error:  # of others the schedule sees the exit code
        runs.failed(run, str(error) or type(error).__name__)
        raise
    runs.done(run, version)
    click.echo(f"{algorithm} has the candidate {version}; a person may promote it (dicom-node models promote)")


def _prepare(config_path: Path, algorithm: str, last_case: int, out: Path, person: str) -> str:
    from dicom_node.cli.node_data import open_cases, open_registry
    from dicom_node.judging import teach, workbench
    from dicom_node.plugins import Catalogue

    registry, catalogue = open_registry(config_path), Catalogue()
    current = registry.in_use(algorithm)
    models = catalogue.models(algorithm, registry.folder_of(algorithm, current))
    with workbench(models, device="cpu") as bench:
        used = teach(catalogue, algorithm, open_cases(config_path).of(algorithm, last_case), out, bench)
    added = registry.add(algorithm, out, person, origin=f"prepared from {used} cases of this node")
    comparison = compared(config_path, algorithm, added.version, current, None)
    registry.keep_comparison(algorithm, added.version, current, comparison)
    return added.version
