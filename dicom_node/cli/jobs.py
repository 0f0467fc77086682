"""``dicom-node jobs``: what is waiting, running, done, failed; and what a person can do about it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, short_uid, show_json, show_table
from dicom_node.errors import UsageError

STATES = ("waiting", "running", "done", "unsuitable", "failed", "parked", "cancelled")


def open_queue(config_path: Path):
    """The queue of the node that this configuration describes, for reading and for a person's decisions."""
    from dicom_node.config import load_config
    from dicom_node.database import Database
    from dicom_node.jobs import Queue

    config = load_config(config_path, None)
    file = config.node.data_dir / "node.db"
    if not file.exists():
        raise UsageError(f"no node has run on {config.node.data_dir} yet: start one with dicom-node serve")
    return Queue(Database(file))


@click.group()
def jobs() -> None:
    """List jobs, show one whole, retry it, cancel it."""


@jobs.command("list")
@config_option
@json_option
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--kind", type=click.Choice(["analyse", "deliver"]), help="Only jobs of this kind.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_jobs(config_path: Path, as_json: bool, state: str | None, kind: str | None, limit: int) -> None:
    """Jobs, newest first."""
    found = open_queue(config_path).list(state=state, kind=kind, limit=limit)
    if as_json:
        show_json([asdict(job) for job in found])
        return
    rows = [
        (
            job.id,
            job.kind,
            job.state,
            job.work.algorithm if job.kind == "analyse" else f"to {job.lane}",
            short_uid(job.work.unit_uid) if job.kind == "analyse" else f"of job {job.parent_id}",
            moment(job.created_at),
            job.attempts,
            _doing(job),
        )
        for job in found
    ]
    columns = ("job", "kind", "state", "what", "series or study", "put", "tries", "reason")
    show_table("jobs", columns, rows, "no jobs")


def _doing(job) -> str:
    if job.state == "running":
        return f"{job.progress:.0%} {job.doing}"
    return (job.error or "").splitlines()[0] if job.error else ""


@jobs.command("show")
@click.argument("job_id", type=int)
@config_option
@json_option
def show_job(job_id: int, config_path: Path, as_json: bool) -> None:
    """Everything known of one job: work, history, results, what each peer said."""
    queue = open_queue(config_path)
    job, events = queue.get(job_id), queue.events(job_id)
    results, deliveries = queue.results(job_id), queue.deliveries(job_id)
    if as_json:
        show_json(
            {
                **asdict(job),
                "events": [asdict(event) for event in events],
                "results": [asdict(result) for result in results],
                "deliveries": [asdict(delivery) for delivery in deliveries],
            }
        )
        return
    for name, value in asdict(job).items():
        if value not in (None, "") and name != "work":
            click.echo(f"{name:>15}  {moment(value) if name.endswith('_at') else value}")
    for name, value in asdict(job.work).items():
        click.echo(f"{name:>15}  {value}")
    show_table("history", ("at", "what", "text"), [(moment(e.at), e.what, e.text) for e in events], "no history")
    if results:
        rows = [(r.role, r.path, r.sop_instance_uid) for r in results]
        show_table("results", ("role", "file", "SOP instance UID"), rows, "")
    if deliveries:
        rows = [
            (d.peer, d.role, d.state, f"0x{d.status:04X}" if d.status is not None else "", d.reason) for d in deliveries
        ]
        show_table("deliveries", ("peer", "role", "state", "status", "reason"), rows, "")


@jobs.command("retry")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@config_option
def retry_jobs(job_ids: tuple[int, ...], config_path: Path) -> None:
    """Put failed, parked, unsuitable or cancelled jobs back in line, with a clean count of tries."""
    queue = open_queue(config_path)
    for job_id in job_ids:
        queue.retry(job_id)
        click.echo(f"job {job_id} waits again")


@jobs.command("cancel")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@config_option
def cancel_jobs(job_ids: tuple[int, ...], config_path: Path) -> None:
    """Stop jobs: a waiting one at once, a running one at its next heartbeat."""
    queue = open_queue(config_path)
    for job_id in job_ids:
        queue.cancel(job_id)
        click.echo(f"job {job_id} is cancelled, or will be at its next heartbeat")
