"""The summary of a result, its table and its notes: stable keys, ``None`` where something is not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from algorithms.ovarian_classification.clinical import Clinical
from algorithms.ovarian_classification.concepts import QUALITIES
from algorithms.ovarian_classification.examination import Examination, Image, thresholds
from algorithms.ovarian_classification.groups import BASIS, threshold_text
from algorithms.ovarian_classification.overlay import PAGES_AT_MOST
from algorithms.ovarian_classification.theta import CLAMP
from dicom_node.result import Table

COLUMNS = (
    "sop_instance_uid", "frame_number", "used", "reason", "p_resnet50", "p_darknet19", "spread", "p_lesion", *QUALITIES
)  # fmt: skip


def summary_of(examination: Examination) -> dict[str, Any]:
    """Keys: see docs/ovarian-classification."""
    low, high = thresholds(examination.operating, examination.rule)
    return {
        "theta": examination.theta,
        "theta_resnet50": examination.theta_resnet50,
        "theta_darknet19": examination.theta_darknet19,
        "weight_resnet50": examination.operating.weight_resnet50,
        "probability": examination.probability,
        "decision": examination.decision,
        "images_used": len(examination.used),
        "images_dropped": len(examination.dropped),
        "images": [_of_image(image) for image in examination.images],
        "threshold": {
            "rule": examination.rule,
            "not_malignant_below": low,
            "malignant_from": high,
            "rests_on": examination.operating.rests_on,
        },
    }


def _of_image(image: Image) -> dict[str, Any]:
    found = image.found
    return {
        "sop_instance_uid": image.ref.sop_instance_uid,
        "frame_number": image.ref.frame_number or 1,
        "used": image.used,
        "reason": image.reason,
        "quality": dict(image.quality or {}),
        "p_resnet50": found.p_resnet50 if found else None,
        "p_darknet19": found.p_darknet19 if found else None,
        "spread": found.spread if found else None,
        "p_lesion": found.p_lesion if found else None,
        "lesion_px": [[x, y] for x, y in found.outline] if found and found.outline else None,
        "picture_px": list(image.box_px) if image.box_px else None,
    }


def images_table(examination: Examination) -> Table:
    """One row for each image."""
    rows = []
    for image in examination.images:
        told = _of_image(image)
        told |= told["quality"]
        cells = (told.get(column) for column in COLUMNS)
        rows.append(tuple("" if cell is None else int(cell) if isinstance(cell, bool) else cell for cell in cells))
    return Table("images", COLUMNS, tuple(rows))


def notes_of(examination: Examination, clinical: Clinical) -> tuple[str, ...]:
    """What ran, on what, by which rule, and what was left out and why."""
    operating = examination.operating
    notes = [
        f"theta = -(1/n) sum ln(1 - P(cancer)) over the {len(examination.used)} images used, for each network; "
        f"combined: {operating.weight_resnet50:.4f} x ResNet-50 + {1 - operating.weight_resnet50:.4f} x Darknet-19",
        f"a P(cancer) above 1 - {CLAMP:g} counts as 1 - {CLAMP:g}, so that no image makes theta infinite",
        f"decided by: {threshold_text(examination)}",
        f"the probability is calibrated on {operating.rests_on}, and holds for their share of cancers",
        f"the score rests on {BASIS}",
        *_of_clinical(clinical),
    ]
    if len(examination.used) > PAGES_AT_MOST:
        notes.append(
            f"pages of activation maps: of the {PAGES_AT_MOST} images with the highest P(cancer) of "
            f"{len(examination.used)} used; this report has all"
        )
    for number, image in enumerate(examination.images, start=1):
        notes += [f"image {number}: {text}" for text in _of_notes(image)]
    return tuple(notes)


def _of_clinical(clinical: Clinical) -> Iterator[str]:
    told = []
    if clinical.age_years is not None:
        told.append(f"age {clinical.age_years:.3g} years by the header")
    if clinical.ca125_u_per_ml is not None:
        told.append(f"CA-125 {clinical.ca125_u_per_ml:g} U/ml")
    if told:
        yield f"known besides, and not used: {', '.join(told)}"
    if clinical.has_report:
        yield "an ultrasound report came with the examination: its words were not used and are not kept"
    yield from clinical.remarks


def _of_notes(image: Image) -> Iterator[str]:
    if image.picture is not None:
        yield from image.picture.notes
    if not image.used:
        yield f"not used: {image.reason}"
        return
    assert image.found is not None
    if image.found.outline is None:
        yield "no lesion and no ovary was outlined"
