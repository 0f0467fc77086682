"""The summary of a result, its table and its notes: stable keys, ``None`` where something is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from algorithms.virtual_elastography.concepts import NO_SCORE, meanings
from algorithms.virtual_elastography.judged import Judged
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.scoring import AROUND, Step
from dicom_node.result import Table

COLUMNS = (
    "sop_instance_uid", "frame_number", "in_distribution", "distance", "limit", "scheme", "score",
    "soft", "medium", "hard", "hard_core", "hard_around", "region_from",
)  # fmt: skip


def summary_of(
    ordered: Sequence[Judged], scheme: ChosenScheme, options: Options, refused: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Keys: see docs/virtual-elastography. What stands at the top is the leading picture's."""
    leading, *others = (_of(one, scheme) for one in ordered)
    return {
        **leading,
        "style": options.style,
        "synthetic": True,
        "further_images": others,
        "not_analysed": [{"sop_instance_uid": uid, "reason": reason} for uid, reason in refused],
    }


def _of(judged: Judged, scheme: ChosenScheme) -> dict[str, Any]:
    made, found = judged.elastogram, judged.familiarity
    score = made.score if made else None
    shares = made.shares if made else None
    meaning = None
    if made:
        codes = meanings(scheme.scheme)
        meaning = (codes[scheme.scheme.values.index(score.value)] if score else NO_SCORE).meaning
    told = {
        "score": score.value if score else None,
        "score_meaning": meaning,
        "scheme": scheme.scheme.name,
        "fractions": (
            {"soft": shares.inside.soft, "medium": shares.inside.medium, "hard": shares.inside.hard} if shares else None
        ),
        "hard_core": shares.hard_core if shares else None,
        "hard_around": shares.around.hard if shares and shares.around else None,
        "region_px": [[x, y] for x, y in made.region] if made else None,
        "region_from": made.region_from if made else None,
        "picture_px": list(judged.box_px),
        "in_distribution": found.familiar,
        "familiarity": {"distance": found.distance, "limit": found.limit, "p_value": found.p_value},
        "sop_instance_uid": judged.picture.ref.sop_instance_uid,
        "frame_number": judged.picture.ref.frame_number or 1,
    }
    return told


def images_table(ordered: Sequence[Judged], scheme: ChosenScheme) -> Table:
    """One row for each picture."""
    rows = []
    for one in ordered:
        told = _of(one, scheme)
        told |= {**(told["fractions"] or {}), **told["familiarity"]}
        cells = (told.get(column) for column in COLUMNS)
        rows.append(tuple("" if cell is None else int(cell) if isinstance(cell, bool) else cell for cell in cells))
    return Table("images", COLUMNS, tuple(rows))


def notes_of(
    ordered: Sequence[Judged], scheme: ChosenScheme, options: Options, refused: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """What ran, on what, by which rule, and what was left out and why."""
    chosen = scheme.scheme
    notes = [
        f"the elastogram imitates {options.style.replace('_', '-')} elastography; red is soft, green medium, blue hard",
        f"scored by scheme {chosen.name}, because {scheme.because}. Source: {chosen.source}",
        f"{chosen.title}: {'; '.join(_told(step) for step in reversed(chosen.steps))}",
    ]
    for number, one in enumerate(ordered, start=1):
        notes += [f"picture {number}: {text}" for text in (*one.picture.notes, *_of_picture(one))]
    notes += [f"instance {uid} was not analysed: {reason}" for uid, reason in refused]
    return tuple(notes)


def _told(step: Step) -> str:
    """A step of a scheme in words."""
    places = {"hard": "of the region", "hard_core": "of its inner half", "hard_around": f"around it, out to {AROUND:g}"}
    tests = " and ".join(f">= {100 * least:g} % hard {places[name]}" for name, least in step.least.items())
    return f"{step.value} {step.meaning} ({tests or 'else'})"


def _of_picture(judged: Judged) -> Iterator[str]:
    found, made = judged.familiarity, judged.elastogram
    if made is None:
        yield f"cannot say, so no elastogram and no score is given: {found.reason}"
    elif made.region_from == "whole_picture":
        yield "no region was found: the drafted shares are the whole picture's, and a score needs a person to draw one"
    elif made.region_from == "option":
        yield "the region is the one that the options give"
    if made is not None and made.shares.around is None:
        yield "the elastogram ends at the drafted region: what lies around that was not judged"
