"""Measurement groups of the report: one for each picture, with its region (TID 1410), and how its numbers follow.

A person may correct the region and the score. The shares follow from the region and the classes (segments), the score
from the shares, its meaning from the score; each says so in a formula, so that a corrected region gives a new score
without the networks, and none of them can be set past what it follows from. Keys of the leading picture are bare, those
of others end in _2, _3 ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from algorithms.virtual_elastography.colours import CLASSES
from algorithms.virtual_elastography.concepts import (
    CANNOT_SAY,
    DISTANCE,
    FAMILIAR,
    LESION,
    LIMIT,
    NO,
    NO_SCORE,
    REGION_FROM,
    SCORE_MEANING,
    SCORE_SCHEME,
    SCORED_REGION,
    SHARES,
    YES,
    meanings,
    score_name,
)
from algorithms.virtual_elastography.judged import Elastogram, Judged
from algorithms.virtual_elastography.scheme_choice import ChosenScheme
from algorithms.virtual_elastography.scoring import AROUND, CORE, score_of
from dicom_node.codes import NO_UNITS, SCORE
from dicom_node.result import Evaluation, Measurement, MeasurementGroup, Region, Shape

LEAST_SHARE = 1e-9
"""Under any share that a pixel makes: what lies around a region has no share of hard where the elastogram ends."""
SOURCES = ("found", "option", "whole_picture", "reviewer")
"""Where a region may come from."""


@dataclass(frozen=True)
class Place:
    """How one picture is named in the result.

    Attributes:
        number: from 1: the leading picture's.
        path: where the summary has what is said of it.
        classes: ending of the keys of the segments that have its classes.
    """

    number: int
    path: tuple[str | int, ...]
    classes: str

    def key(self, name: str) -> str:
        """The key of one of its values."""
        return name if self.number == 1 else f"{name}_{self.number}"

    @property
    def tracking_id(self) -> str:
        """Its group's name."""
        return f"synthetic elastogram, picture {self.number}"


def group_of(judged: Judged, place: Place, scheme: ChosenScheme) -> MeasurementGroup:
    """The group of one picture."""
    if judged.elastogram is None:
        return _cannot_say(judged, place, scheme)
    made = judged.elastogram
    score, meaning = _score(made, place, scheme)
    source = Evaluation(
        REGION_FROM,
        made.region_from,
        key=place.key("region_from"),
        formula=f"'reviewer' if corrected({place.key('region')}) else '{made.region_from}'",
        choices=SOURCES,
        summary_path=(*place.path, "region_from"),
        settable=False,
    )
    return MeasurementGroup(
        tracking_id=place.tracking_id,
        finding=SCORED_REGION if made.region_from == "whole_picture" else LESION,
        site=scheme.site,
        evidence=(judged.picture.ref,),
        measurements=(score, *_shares(made, place), *_familiarity(judged)),
        evaluations=(meaning, Evaluation(SCORE_SCHEME, scheme.scheme.title), source, Evaluation(FAMILIAR, YES)),
        region=Region(
            Shape.POLYGON,
            made.region,
            judged.picture.ref,
            key=place.key("region"),
            summary_path=(*place.path, "region_px"),
        ),
    )


def _score(made: Elastogram, place: Place, scheme: ChosenScheme) -> tuple[Measurement, Evaluation]:
    """The score and its meaning. Without a region there is none, until a person draws one or says the score."""
    keys = {name: place.key(name) for name in ("hard", "hard_core", "hard_around")}
    codes, (least, *_, most) = meanings(scheme.scheme), scheme.scheme.values
    key, region, unknown = place.key("score"), place.key("region"), made.score is None
    number = score_of(made.shares, scheme.scheme).value
    score = Measurement(
        score_name(scheme.scheme),
        number,
        SCORE,
        key=key,
        formula=scheme.scheme.formula(keys),
        limits=(least, most),
        decimals=0,
        summary_path=(*place.path, "score"),
        awaits=region if unknown else "",
    )
    known = f"{key} - {least - 1}"
    return score, Evaluation(
        SCORE_MEANING,
        NO_SCORE if unknown else codes[number - least],
        key=place.key("score_meaning"),
        formula=f"{known} if corrected({region}) or corrected({key}) else 0" if unknown else known,
        choices=(NO_SCORE, *codes),
        settable=False,
        summary_path=(*place.path, "score_meaning"),
    )


def _shares(made: Elastogram, place: Place) -> list[Measurement]:
    """Shares of the pixels that the elastogram covers, in the region, its core and around it."""
    segments, region = {name: class_key(name, place.classes) for name in CLASSES}, place.key("region")
    inside = made.shares.inside
    values = {"soft": inside.soft, "medium": inside.medium, "hard": inside.hard, "hard_core": made.shares.hard_core}
    within = dict.fromkeys(values, "") | {"hard_core": f", 0, {CORE}"}
    values["hard_around"], within["hard_around"] = made.shares.named["hard_around"], f", 1, {AROUND}"
    numbers = []
    for name, value in values.items():
        parts = {one: f"share({key}, {region}{within[name]})" for one, key in segments.items()}
        which, covered = name.split("_")[0], " + ".join(parts.values())
        if name == "hard_around":
            covered = f"max({covered}, {LEAST_SHARE})"
        numbers.append(
            Measurement(
                SHARES[name],
                value,
                NO_UNITS,
                key=place.key(name),
                formula=f"{parts[which]} / ({covered})",
                limits=(0.0, 1.0),
                settable=False,
                awaits=region if name == "hard_around" and made.shares.around is None else "",
                summary_path=(*place.path, *(("fractions",) if name in CLASSES else ()), name),
            )
        )
    return numbers


def class_key(name: str, ending: str) -> str:
    """The key of the segment of a class."""
    return f"{name}_pixels{ending}"


def _familiarity(judged: Judged) -> Sequence[Measurement]:
    found = judged.familiarity
    return Measurement(DISTANCE, found.distance, NO_UNITS), Measurement(LIMIT, found.limit, NO_UNITS)


def _cannot_say(judged: Judged, place: Place, scheme: ChosenScheme) -> MeasurementGroup:
    """The answer to a picture unlike those that the networks learned from: how far off it is, and nothing else."""
    left, top, right, bottom = (edge - 0.5 for edge in judged.box_px)
    return MeasurementGroup(
        tracking_id=place.tracking_id,
        finding=CANNOT_SAY,
        site=scheme.site,
        evidence=(judged.picture.ref,),
        measurements=tuple(_familiarity(judged)),
        evaluations=(Evaluation(FAMILIAR, NO),),
        region=Region(Shape.POLYGON, ((left, top), (right, top), (right, bottom), (left, bottom)), judged.picture.ref),
    )
