"""``dicom-node jobs``: what is waiting, running, done, failed; and what a person can do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, short_uid, show_json, show_table, size

EVERY = -1  # as SQLite's LIMIT has it
STATES = ("waiting", "running", "done", "unsuitable", "failed", "parked", "cancelled")


@click.group()
def jobs() -> None:
    """List jobs, show one whole, retry it, cancel it."""


@jobs.command("list")
@config_option
@json_option
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--kind", type=click.Choice(["analyse", "report", "deliver"]), help="Only jobs of this kind.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest N.")
def list_jobs(config_path: Path, as_json: bool, state: str | None, kind: str | None, limit: int) -> None:
    """Jobs, newest first."""
    from dicom_node.cli.node_data import open_database
    from dicom_node.jobs import Queue
    from dicom_node.review_rows import PENDING, reviews

    database = open_database(config_path)
    found = Queue(database).list(kind, (state,) if state else (), limit=limit)
    if as_json:
        show_json([asdict(job) for job in found])
        return
    now = time.time()
    judged = {review.job_id for review in reviews(database, (PENDING,), EVERY)}
    rows = [
        (
            job.id,
            job.state,
            *_what(job),
            moment(job.created_at),
            job.attempts,
            "waits for a review" if job.id in judged else _reason(job, now),
        )
        for job in found
    ]
    show_table("jobs", ("job", "state", "what", "series or study", "put", "tries", "reason"), rows, "no jobs")


def _what(job) -> tuple[str, str]:
    if job.kind == "analyse":
        return job.work.algorithm, short_uid(job.work.unit_uid)
    if job.kind == "report":
        return "review's documents", f"of job {job.parent_id}"
    return f"to {job.lane}", f"of job {job.parent_id}"


def _reason(job, now: float) -> str:
    """In a line: what it is at, or why it is not done."""
    if job.state == "running":
        return f"{job.progress:.0%} {job.doing}"
    error = job.error.splitlines()[0] if job.error else ""
    if job.state == "waiting" and job.not_before > now:
        return f"again at {moment(job.not_before)}: {error}"
    return error


@jobs.command("show")
@click.argument("job_id", type=int)
@config_option
@json_option
def show_job(job_id: int, config_path: Path, as_json: bool) -> None:
    """Everything known of one job: work, history, results, what each peer said."""
    from dicom_node.cli.node_data import open_database
    from dicom_node.jobs import Queue
    from dicom_node.review_rows import review_of

    database = open_database(config_path)
    queue = Queue(database)
    review = review_of(database, job_id)
    job, events, results = queue.get(job_id), queue.events(job_id), queue.results(job_id)
    deliveries = list(_deliveries(database, queue, job))
    if as_json:
        show_json(
            {
                **asdict(job),
                "events": [asdict(event) for event in events],
                "results": [asdict(result) for result in results],
                "deliveries": deliveries,
                "review": review and asdict(review),
            }
        )
        return
    judged = {"judged": f"{review.state}: dicom-node review show {job_id}"} if review else {}
    _show_fields({**asdict(job), **asdict(job.work), **judged})
    show_table("history", ("at", "what", "text"), [(moment(e.at), e.what, e.text) for e in events], "no history")
    rows = [(r.role, size(r.size_bytes), r.path) for r in results]
    show_table("results", ("role", "size", "file"), rows, "")
    rows = [(d["job"], d["peer"], d["role"], d["state"], d["status"], d["reason"]) for d in deliveries]
    show_table("deliveries", ("job", "peer", "object", "state", "status", "reason"), rows, "")


def _show_fields(fields: dict) -> None:
    """Those that say something, one a line."""
    hidden = {"work", "key", "lane", "lease_until"} | ({"progress", "doing"} if fields["state"] != "running" else set())
    for name, value in fields.items():
        if value in (None, "", 0, (), {}) or name in hidden:
            continue
        if name.endswith("_at") or name == "not_before":
            value = moment(value)
        elif name == "instances" and len(value) > 1:
            value = f"{len(value)}, the first is {value[0]}"
        elif name == "review":
            value = ", ".join(f"{key} {word}" for key, word in value.items())
        elif isinstance(value, tuple):
            value = ", ".join(map(str, value))
        click.echo(f"{name:>16}  {value}")


def _deliveries(database, queue, job) -> Iterator[dict[str, object]]:
    """What peers said of each object: of this deliver job, or of those that send this analysis's results."""
    from dicom_node.deliver.ledger import Ledger

    for entry in (job,) if job.kind == "deliver" else reversed(queue.list("deliver", parent_id=job.id)):
        for row in Ledger(database, entry.id, time.time).entries().values():
            status = None if row.status is None else f"0x{row.status:04X}"
            yield {"job": entry.id, "peer": entry.lane, **asdict(row), "status": status}


@jobs.command("retry")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@config_option
def retry_jobs(job_ids: tuple[int, ...], config_path: Path) -> None:
    """Put failed, parked, unsuitable or cancelled jobs back in line, with a clean count of tries."""
    from dicom_node.cli.node_data import open_queue

    queue = open_queue(config_path)
    for job_id in job_ids:
        queue.retry(job_id)
        click.echo(f"job {job_id} waits again")


@jobs.command("cancel")
@click.argument("job_ids", type=int, nargs=-1, required=True)
@config_option
def cancel_jobs(job_ids: tuple[int, ...], config_path: Path) -> None:
    """Stop jobs: a waiting one at once, a running one at its next heartbeat."""
    from dicom_node.cli.node_data import open_queue

    queue = open_queue(config_path)
    for job_id in job_ids:
        queue.cancel(job_id)
        click.echo(f"job {job_id} is cancelled, or will be at its next heartbeat")
