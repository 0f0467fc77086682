"""``dicom-node review``: drafts that wait for a person; what they say, and what the person says to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dicom_node.cli.options import config_option, json_option
from dicom_node.cli.tables import moment, short_uid, show_json, show_table
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.correction import Change, Correctable
    from dicom_node.review import Act, ActChange, Decision, Draft

STATES = ("pending", "accepted", "corrected", "rejected", "superseded")
EVERY = "all"
LONGEST_VALUE = 60

_BY_WHOM = (
    click.option("--as", "name", required=True, metavar="FAMILY^GIVEN", help="The reviewer's name."),
    click.option("--role", required=True, help="The reviewer's role, such as radiologist."),
    click.option("--organisation", required=True, help="Whom the reviewer answers to."),
    click.option(
        "--version", type=click.IntRange(1), help="Decide only if the review is of this version, as show told it."
    ),
)
conclusion_option = click.option("--conclusion", default="", help="What the reviewer concludes: a text in the report.")


def by_whom(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every decision has."""
    return reduce(lambda decorated, option: option(decorated), reversed(_BY_WHOM), command)


@click.group()
def review() -> None:
    """List drafts, show one, accept it, correct it, reject it. A decision is final and kept for ever."""


@review.command("list")
@config_option
@json_option
@click.option("--state", type=click.Choice([*STATES, EVERY]), default="pending", show_default=True)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The first N.")
def list_reviews(config_path: Path, as_json: bool, state: str, limit: int) -> None:
    """What waits for a person, the longest first; or what was decided."""
    from dicom_node.cli.node_data import open_desk

    found = open_desk(config_path).list(STATES if state == EVERY else (state,), limit)
    if as_json:
        show_json([{**asdict(one.review), "analysis": asdict(one.analysis)} for one in found])
        return
    rows = [
        (
            one.review.job_id,
            one.review.state,
            one.analysis.work.algorithm,
            short_uid(one.analysis.work.unit_uid),
            moment(one.review.opened_s),
            one.review.draft,
            one.review.version,
        )
        for one in found
    ]
    columns = ("job", "state", "algorithm", "series or study", "drafted", "draft", "version")
    show_table("reviews", columns, rows, "nothing waits for a review" if state == "pending" else "no reviews")


@review.command("show")
@click.argument("job_id", type=int, metavar="JOB")
@config_option
@json_option
def show_review(job_id: int, config_path: Path, as_json: bool) -> None:
    """One draft: what it says, what can be set and how, where its pictures are, what was decided."""
    from dicom_node.cli.node_data import open_desk

    draft = open_desk(config_path).show(job_id)
    if as_json:
        show_json(_as_json(draft))
        return
    for name, value in _facts(draft):
        click.echo(f"{name:>16}  {value}")
    show_table("summary", ("key", "value"), [(k, _short(v)) for k, v in draft.result.summary.items()], "")
    columns = ("key", "what", "value", "unit", "may be", "follows from")
    rows = [
        (one.key, one.what, _short(one.value), one.unit, _may_be(one), ", ".join(one.depends_on))
        for one in draft.correctables
    ]
    nothing = "no value of this result can be set: accept it or reject it"
    show_table("what can be set", columns, rows, nothing, wrap=("what", "may be"))
    for act in draft.acts:
        _show_changes(act.changes)


def _facts(draft: Draft) -> Iterator[tuple[str, Any]]:
    """What to tell of a draft before its values, a line each."""
    info, review = draft.made_by.info, draft.review
    yield "job", review.job_id
    yield "state", f"{review.state}, version {review.version}"
    yield "draft", f"{review.draft}, since {moment(review.opened_s)}"
    yield "rule", draft.analysis.work.rule
    yield draft.analysis.work.unit_kind, draft.analysis.work.unit_uid
    yield "algorithm", f"{info.name} {info.version}"
    if info.models:
        yield "models", ", ".join(f"{model.name} {model.version}" for model in info.models)
    for text in (*draft.result.statements, *draft.result.notes):
        yield "note", text
    if draft.result.nothing_found:
        yield "nothing found", draft.result.nothing_found
    for path in draft.previews:
        yield "picture", path
    if draft.revision_id is not None:
        yield "on its way", f"job {draft.revision_id} analyses late instances and will supersede this review"
    for act in draft.acts:
        yield act.act, f"by {_who(act)} at {moment(act.at_s)}"
        if act.conclusion:
            yield "reason" if act.act == "rejected" else "conclusion", act.conclusion
    if review.outcome_job_id is not None:
        yield "superseded by" if review.state == "superseded" else "documents", f"job {review.outcome_job_id}"


def _who(act: Act) -> str:
    return f"{act.reviewer.name} ({act.reviewer.role}, {act.reviewer.organisation})"


def _may_be(one: Correctable) -> str:
    if one.choices:
        return ", ".join(text if text == meaning else f"{text} ({meaning})" for text, meaning in one.choices)
    if one.kind == "number":
        limits = f"{one.limits[0]:g} to {one.limits[1]:g}" if one.limits else "a number"
        return limits if one.decimals is None else f"{limits}, {one.decimals} decimals"
    return {"text": "a text", "point": "x,y"}.get(one.kind, f"{one.kind}: x,y x,y ...")


def _short(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _show_changes(changes: Sequence[ActChange]) -> None:
    columns = ("key", "what", "from", "to", "unit", "because")
    rows = [(c.key, c.what, _short(c.before), _short(c.after), c.unit, c.because) for c in changes]
    show_table("changes", columns, rows, "", wrap=("what", "because"))


def _as_json(draft: Draft) -> dict[str, Any]:
    info = draft.made_by.info
    return {
        **asdict(draft.review),
        "algorithm": info.name,
        "algorithm_version": info.version,
        "models": [asdict(model) for model in info.models],
        "options": dict(draft.made_by.options),
        "rule": draft.analysis.work.rule,
        "unit_kind": draft.analysis.work.unit_kind,
        "unit_uid": draft.analysis.work.unit_uid,
        "summary": dict(draft.result.summary),
        "notes": [*draft.result.statements, *draft.result.notes],
        "nothing_found": draft.result.nothing_found,
        "correctables": [asdict(one) for one in draft.correctables],
        "acts": [asdict(act) for act in draft.acts],
        "objects": [asdict(row) for row in draft.objects],
        "previews": [str(path) for path in draft.previews],
        "revision_id": draft.revision_id,
    }


@review.command("accept")
@click.argument("job_id", type=int, metavar="JOB")
@config_option
@by_whom
@conclusion_option
def accept_draft(
    job_id: int, config_path: Path, name: str, role: str, organisation: str, version: int | None, conclusion: str
) -> None:
    """The draft is right: send a verified report and its PDF."""
    from dicom_node.cli.node_data import open_desk
    from dicom_node.review import Reviewer

    desk = open_desk(config_path)
    _told(desk.accept(job_id, Reviewer(name, role, organisation), conclusion, version))


@review.command("correct")
@click.argument("job_id", type=int, metavar="JOB")
@config_option
@click.option("--set", "pairs", multiple=True, required=True, metavar="KEY=VALUE", help="A key of show; repeat it.")
@by_whom
@conclusion_option
def correct_draft(
    job_id: int,
    config_path: Path,
    pairs: tuple[str, ...],
    name: str,
    role: str,
    organisation: str,
    version: int | None,
    conclusion: str,
) -> None:
    """The draft is right but for these values: what follows is worked out anew, then as for accept."""
    from dicom_node.cli.node_data import open_desk
    from dicom_node.review import Reviewer

    desk = open_desk(config_path)
    _told(desk.correct(job_id, parse_changes(pairs), Reviewer(name, role, organisation), conclusion, version))


@review.command("try")
@click.argument("job_id", type=int, metavar="JOB")
@config_option
@json_option
@click.option("--set", "pairs", multiple=True, required=True, metavar="KEY=VALUE", help="As for correct.")
def try_changes(job_id: int, config_path: Path, as_json: bool, pairs: tuple[str, ...]) -> None:
    """What correct would change, and what would follow from it. Nothing is kept."""
    from dicom_node.cli.node_data import open_desk
    from dicom_node.review import ActChange

    correction = open_desk(config_path).consequences(job_id, parse_changes(pairs))
    if as_json:
        changes = [asdict(applied) for applied in correction.applied]
        show_json({"changes": changes, "summary": dict(correction.result.summary)})
        return
    _show_changes([ActChange.of(applied, {}) for applied in correction.applied])


@review.command("reject")
@click.argument("job_id", type=int, metavar="JOB")
@config_option
@by_whom
@click.option("--reason", "--conclusion", "reason", required=True, help="Why, for those who look at the draft later.")
def reject_draft(
    job_id: int, config_path: Path, name: str, role: str, organisation: str, version: int | None, reason: str
) -> None:
    """The draft is no good: whoever got it is told, where the rule says so."""
    from dicom_node.cli.node_data import open_desk
    from dicom_node.review import Reviewer

    desk = open_desk(config_path)
    _told(desk.reject(job_id, Reviewer(name, role, organisation), reason, version))


def parse_changes(pairs: Sequence[str]) -> list[Change]:
    """``KEY=VALUE`` words as changes. Raises UsageError naming every word that is none."""
    from dicom_node.correction import Change

    split = [pair.partition("=") for pair in pairs]
    wrong = [pair for pair, (key, equals, _) in zip(pairs, split, strict=True) if not equals or not key.strip()]
    if wrong:
        raise UsageError(f"--set takes KEY=VALUE, such as score=3; got {', '.join(map(repr, wrong))}")
    return [Change(key.strip(), value) for key, _, value in split]


def _told(decision: Decision) -> None:
    """What was decided and what comes of it."""
    _show_changes(decision.act.changes)
    job_id = decision.act.job_id
    follows = "nothing is sent"
    if decision.report_job_id is not None:
        what = "key object" if decision.act.act == "rejected" else "verified report"
        follows = f"job {decision.report_job_id} makes the {what} and sends it"
    click.echo(f"job {job_id} is {decision.act.act}: {follows}")
