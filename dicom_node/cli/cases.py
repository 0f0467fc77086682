"""``dicom-node cases``: reviewed results, listed, shown, and exported for learning from them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, progress_bar, show_json, show_table

if TYPE_CHECKING:
    from dicom_node.cases import CaseRow

algorithm_option = click.option("--algorithm", help="Only cases of this algorithm.")


@click.group()
def cases() -> None:
    """List cases, show one whole, export them for training."""


@cases.command("list")
@config_option
@json_option
@algorithm_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_cases(config_path: Path, as_json: bool, algorithm: str | None, limit: int) -> None:
    """Cases, newest first: what was analysed by which models, and what a person made of it."""
    from dicom_node.cli.node_data import open_cases

    found = open_cases(config_path).rows(algorithm)[::-1][:limit]
    if as_json:
        show_json([asdict(row) for row in found])
        return
    rows = [
        (row.id, row.job_id, row.algorithm, _models(row), row.outcome, len(row.act.given), moment(row.created_s))
        for row in found
    ]
    columns = ("case", "job", "algorithm", "models", "outcome", "set", "decided")
    show_table("cases", columns, rows, "no result has been reviewed yet", wrap=("models",))


@cases.command("show")
@click.argument("case_id", type=int)
@config_option
@json_option
def show_case(case_id: int, config_path: Path, as_json: bool) -> None:
    """Everything known of one case: who confirmed what, from what to what, and which side it is on."""
    from dicom_node.case import held_out
    from dicom_node.cli.node_data import open_cases

    opened = open_cases(config_path)
    row = opened.row(case_id)
    case = opened.case(row)
    use = "held out for judging" if held_out(case.subject) else "for training"
    told = {
        "case": row.id,
        "name": case.id,
        "subject": case.subject,
        "use": use,
        "job": row.job_id,
        "algorithm": f"{row.algorithm} {row.version}",
        "models": _models(row),
        "outcome": row.outcome,
        "decided": moment(row.act.at_s),
        "reviewer": row.act.reviewer.name,
        "role": row.act.reviewer.role,
        "organisation": row.act.reviewer.organisation,
        "conclusion": row.act.conclusion,
        "simulated": case.simulated,
        "unit_uid": row.unit_uid,
        "instances": list(row.instances),
        "sources": [str(path) for path in case.sources],
        "drafted": dict(case.drafted.summary),
        "confirmed": None if case.confirmed is None else dict(case.confirmed.summary),
        "changes": [asdict(change) for change in row.act.changes],
    }
    if as_json:
        show_json(told)
        return
    for name in ("case", "name", "subject", "use", "job", "algorithm", "models", "outcome", "decided", "reviewer"):
        click.echo(f"{name:>12}  {told[name]}")
    for name in ("role", "organisation", "conclusion"):
        if told[name]:
            click.echo(f"{name:>12}  {told[name]}")
    kind = ", all simulated" if case.simulated else ""
    click.echo(f"{'sources':>12}  {len(case.sources)}{kind}, the first is {case.sources[0].name}")
    changed = [(c.key, c.what, c.before, c.after, c.unit, c.because) for c in row.act.changes]
    show_table("changes", ("key", "what", "from", "to", "unit", "because"), changed, "nothing was changed")


def _models(row: CaseRow) -> str:
    return ", ".join(f"{model.name} {model.version}" for model in row.models) or "none"


@cases.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@config_option
@algorithm_option
@click.option(
    "--identified",
    is_flag=True,
    help="With names, dates and pixels as they came, for use within the hospital; without, they are left out.",
)
@click.option(
    "--burned-in",
    type=click.Choice(["leave-out", "keep"]),
    default="leave-out",
    show_default=True,
    help="Cases whose pictures may show text that cannot be blanked.",
)
def export_cases(
    folder: Path, config_path: Path, algorithm: str | None, identified: bool, burned_in: str
) -> int | None:
    """Write cases into FOLDER, for training and judging here or elsewhere.

    Called again with the same folder, it adds what is new. Exit code 1 where a case had to be left out.
    """
    from dicom_node.case_folder import CaseExport, count
    from dicom_node.cli.node_data import open_cases

    opened = open_cases(config_path)
    rows = opened.rows(algorithm)
    export = CaseExport(opened, folder, identified, keep_burned_in=burned_in == "keep")
    exported = []
    with progress_bar() as bar:
        task = bar.add_task("exporting", total=len(rows))
        for row in rows:
            exported.append(export.write(row))
            bar.advance(task)
    new, before, left_out = count(exported)
    kind = "with identities" if identified else "without identities"
    click.echo(f"{new} case(s) written to {folder}, {kind}; {before} were there before, {left_out} left out")
    for entry in exported:
        if entry.folder is None:
            click.echo(f"case {entry.case_id} was left out: {entry.why}", err=True)
    if not identified and new:
        click.echo(
            "look at the pictures before you pass them on: text within an ultrasound region is not found", err=True
        )
    return 1 if left_out else None
