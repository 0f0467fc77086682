"""Measurement groups of the report, all of TID 1501: the examination first, then every image, used or dropped.

What a person may correct has a key: the decision, the use of an image, its outline. Theta of both networks follows from
the P(cancer) of the images that are used, the combined theta, probability and decision from these, all by formulas, so
that an image that a reviewer excludes no longer counts. Keys of image 3 end in _3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from algorithms.ovarian_classification import concepts
from algorithms.ovarian_classification.examination import Examination, Found, Image, thresholds
from algorithms.ovarian_classification.theta import CLAMP
from dicom_node.codes import MILLIMETRE, NO_UNITS, PIXEL, SQUARE_MILLIMETRE
from dicom_node.formula import evaluate
from dicom_node.region import PerPixel
from dicom_node.result import Evaluation, Measurement, MeasurementGroup, Region, Shape

BASIS = "the images alone; nothing else that is known of the patient is part of it"
EXCLUDED_BY_REVIEWER = "excluded by the reviewer"
RULES = {
    "band": "below the threshold of sensitivity 0.95 not malignant, from that of specificity 0.95 on malignant",
    "sensitivity_95": "the one threshold of sensitivity 0.95",
    "youden": "the one threshold with the greatest sum of sensitivity and specificity (Youden)",
}
MOST = 700.0
"""Above it exp() has no number; a probability is 0 long before."""


def groups_of(examination: Examination) -> tuple[MeasurementGroup, ...]:
    """The examination, then its images in their order."""
    images = enumerate(examination.images, start=1)
    return _examination(examination), *(_image(image, number) for number, image in images)


def tracking_id(number: int) -> str:
    """The name of an image's group, and of its segment."""
    return f"image {number}"


def _examination(examination: Examination) -> MeasurementGroup:
    return MeasurementGroup(
        tracking_id="examination",
        finding=concepts.EXAMINATION,
        site=concepts.OVARY,
        evidence=tuple(dict.fromkeys(image.ref for image in examination.used)),
        measurements=(*_scores(examination), *_counts(examination)),
        evaluations=(
            _decision(examination),
            Evaluation(concepts.THRESHOLD_FROM, threshold_text(examination)),
            Evaluation(concepts.BASIS, BASIS),
        ),
    )


def threshold_text(examination: Examination) -> str:
    """How theta decided, and on which images the thresholds rest."""
    return f"{RULES[examination.rule]}; thresholds from {examination.operating.rests_on}"


def _numbers(examination: Examination) -> list[int]:
    """The numbers, from 1, of the images that are used."""
    return [number for number, image in enumerate(examination.images, start=1) if image.used]


def _scores(examination: Examination) -> list[Measurement]:
    operating, weight = examination.operating, examination.operating.weight_resnet50
    low, high = thresholds(operating, examination.rule)
    scores = [
        _follows(
            concepts.THETA,
            examination.theta,
            "theta",
            f"{weight!r} * theta_resnet50 + (1 - {weight!r}) * theta_darknet19",
        ),
        _follows(
            concepts.THETA_RESNET50, examination.theta_resnet50, "theta_resnet50", _theta("p_resnet50", examination)
        ),
        _follows(
            concepts.THETA_DARKNET19, examination.theta_darknet19, "theta_darknet19", _theta("p_darknet19", examination)
        ),
        Measurement(concepts.WEIGHT_RESNET50, weight, NO_UNITS),
        _follows(concepts.PROBABILITY, examination.probability, "probability", _probability(examination)),
    ]
    if low < high:
        scores.append(Measurement(concepts.THRESHOLD_LOW, low, NO_UNITS))
    return [*scores, Measurement(concepts.THRESHOLD, high, NO_UNITS)]


def _follows(name: concepts.Code, value: float, key: str, formula: str) -> Measurement:
    return Measurement(name, value, NO_UNITS, key=key, formula=formula, settable=False)


def _theta(of: str, examination: Examination) -> str:
    terms = (f"use_{number} * log(1 - min({of}_{number}, {1 - CLAMP!r}))" for number in _numbers(examination))
    return f"-sum({', '.join(terms)}) / max(images_used, 1)"


def _probability(examination: Examination) -> str:
    slope, intercept = examination.operating.slope, examination.operating.intercept
    log_odds = f"log(exp(min(max(theta, {CLAMP!r}), {-math.log(CLAMP)!r})) - 1)"
    return f"1 / (1 + exp(min(-({slope!r} * {log_odds} + {intercept!r}), {MOST!r})))"


def _counts(examination: Examination) -> list[Measurement]:
    numbers, total = _numbers(examination), len(examination.images)
    uses = ", ".join(f"use_{number}" for number in numbers)
    used = Measurement(
        concepts.IMAGES_USED,
        len(numbers),
        concepts.IMAGE,
        key="images_used",
        formula=f"sum({uses})",
        limits=(1, max(total, 2)),  # at least one image stays
        decimals=0,
        settable=False,
    )
    dropped = Measurement(
        concepts.IMAGES_DROPPED,
        total - len(numbers),
        concepts.IMAGE,
        key="images_dropped",
        formula=f"{total} - images_used",
        decimals=0,
        settable=False,
    )
    return [used, dropped]


def _decision(examination: Examination) -> Evaluation:
    low, high = thresholds(examination.operating, examination.rule)
    return Evaluation(
        concepts.DECISION,
        concepts.DECISIONS[examination.decision],
        key="decision",
        formula=f"'not_malignant' if theta < {low!r} else 'abstain' if theta < {high!r} else 'malignant'",
        choices=tuple(concepts.DECISIONS.values()),
    )


def _image(image: Image, number: int) -> MeasurementGroup:
    if image.found is None:
        return _dropped(image, number)
    found, path = image.found, ("images", number - 1)
    return MeasurementGroup(
        tracking_id=tracking_id(number),
        finding=concepts.MASS if found.is_lesion else concepts.OVARY,
        site=concepts.OVARY,
        evidence=(image.ref,),
        measurements=(
            _given(concepts.P_RESNET50, found.p_resnet50, "p_resnet50", number),
            _given(concepts.P_DARKNET19, found.p_darknet19, "p_darknet19", number),
            Measurement(concepts.SPREAD, found.spread, NO_UNITS),
            Measurement(concepts.P_LESION, found.p_lesion, NO_UNITS),
            *_area(image, found, number),
            *_qualities(image),
        ),
        evaluations=(
            Evaluation(
                concepts.IMAGE_USE,
                concepts.USED,
                key=f"use_{number}",
                choices=(concepts.EXCLUDED, concepts.USED),
                summary_path=(*path, "used"),
            ),
            Evaluation(
                concepts.REASON,
                image.reason,
                key=f"reason_{number}",
                formula=f"1 - use_{number}",
                choices=(image.reason, EXCLUDED_BY_REVIEWER),
                summary_path=(*path, "reason"),
                settable=False,
            ),
            Evaluation(concepts.QUALITY_ASSESSMENT, concepts.DIAGNOSTIC),
        ),
    )


def _given(name: concepts.Code, value: float, key: str, number: int) -> Measurement:
    """A network's answer: theta follows from it, and nobody sets it."""
    return Measurement(
        name,
        value,
        NO_UNITS,
        key=f"{key}_{number}",
        summary_path=("images", number - 1, key),
        settable=False,
    )


def _area(image: Image, found: Found, number: int) -> Sequence[Measurement]:
    """The area of the outline, which a person may draw anew; in mm2 where the header calibrates the picture."""
    if found.outline is None:
        return ()
    spacing = image.picture.spacing if image.picture else None
    per_px: PerPixel | None = spacing and ((spacing.column_mm, MILLIMETRE), (spacing.row_mm, MILLIMETRE))
    outline = Region(
        Shape.POLYGON,
        found.outline,
        image.ref,
        key=f"lesion_{number}",
        per_px=per_px,
        summary_path=("images", number - 1, "lesion_px"),
    )
    formula = f"area(lesion_{number})"
    return (
        Measurement(
            concepts.OUTLINE_AREA,
            float(evaluate(formula, {f"lesion_{number}": outline})),
            SQUARE_MILLIMETRE if spacing else PIXEL,
            site=concepts.OVARY,
            inferred_from=outline,
            key=f"lesion_area_{number}",
            formula=formula,
            settable=False,
        ),
    )


def _dropped(image: Image, number: int) -> MeasurementGroup:
    quality = image.quality or {}
    unreadable = quality.get(concepts.UNDETERMINED, 0.0) >= 0.5
    assessed = [Evaluation(concepts.QUALITY_ASSESSMENT, concepts.NON_DIAGNOSTIC)] if unreadable else []
    return MeasurementGroup(
        tracking_id=tracking_id(number),
        finding=concepts.NOT_USED,
        evidence=(image.ref,),
        measurements=tuple(_qualities(image)),
        evaluations=(
            Evaluation(concepts.IMAGE_USE, concepts.EXCLUDED),
            Evaluation(concepts.REASON, image.reason),
            *assessed,
        ),
    )


def _qualities(image: Image) -> list[Measurement]:
    told = (image.quality or {}).items()
    return [Measurement(concepts.QUALITIES[label], value, NO_UNITS) for label, value in told]
