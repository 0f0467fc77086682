"""What ``model.toml`` and the model card say of the ten networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from algorithms.lv_quantification.lessons import SIMULATED_PICTURES, SIMULATED_SHARE
from algorithms.lv_quantification.training_data import MISPLACED, Labelled
from algorithms.training.card import Card, Figure, TrainingData
from algorithms.training.figures import Interval
from algorithms.training.manifest import Entry
from dicom_node.algorithm import EvaluationReport

VERSION = "1.1"
LICENCE = "as dicom-node; trained on CC0 pictures and on simulated ones"
SUNNYBROOK = "Sunnybrook Cardiac Data (CC0 1.0), end-diastolic and end-systolic short-axis SSFP pictures"
FINDER_INPUTS = "field (n, 1, 128, 128): whole picture at 2.6 mm, histogram-equalised to -1..1"
DLA_INPUTS = "crop (n, 1, 128, 128): 128 mm about the ventricle at 1 mm, histogram-equalised to -1..1"
DLA_FIGURES = (
    "endocardium_dice_mean",
    "cavity_area_error_percent",
    "wall_thickness_error_mm",
    "diameter_error_mm",
)


def entries(held_out: Sequence[Sequence[str]], figures: Mapping[str, Any]) -> list[Entry]:
    """The manifest's entries, fold by fold. ``figures``: of ``evaluate`` (empty before there are any)."""
    found = []
    everybody = sum(map(len, held_out))
    data = f"{SUNNYBROOK}, {everybody} patients; pictures of this algorithm's simulator"
    for number, patients in enumerate(held_out, start=1):
        never_seen = {"held_out_patients": list(patients)}
        found.append(
            Entry(
                name=f"finder_{number}",
                version=VERSION,
                file=f"finder_{number}.onnx",
                inputs=FINDER_INPUTS,
                licence=LICENCE,
                data=data,
                figures=_chosen(figures, ("ventricle_found_percent",)),
                more=never_seen,
            )
        )
        found.append(
            Entry(
                name=f"dla_{number}",
                version=VERSION,
                file=f"dla_{number}.onnx",
                inputs=DLA_INPUTS,
                licence=LICENCE,
                data=data,
                figures=_chosen(figures, DLA_FIGURES),
                more=never_seen,
            )
        )
    return found


def _chosen(figures: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """[low, value, high] by name; of all five networks together, each on the patients that it never saw."""
    return {
        name: [figures[name][end] for end in ("low", "value", "high") if figures[name][end] is not None]
        for name in names
        if name in figures
    }


def card(pictures: Sequence[Labelled], report: EvaluationReport) -> Card:
    """The card of all ten networks together: they are used together."""
    physical = sorted({picture.patient for picture in pictures if picture.physical})
    used = [picture for picture in pictures if not picture.misplaced]
    patients = {picture.patient for picture in used}
    outer = sum(picture.inside is not None and picture.cavity.any() for picture in pictures)
    return Card(
        title="lv_quantification: finder and index networks",
        version=VERSION,
        purpose="Find the left ventricle in short-axis cine MR and measure eleven indices and two masks in each frame. "
        "Five pairs of networks, averaged; their spread is reported as uncertainty.",
        inputs=f"finder: {FINDER_INPUTS}. Index network: {DLA_INPUTS}.",
        outputs="finder: logits of the cavity on the same grid. Index network: eleven indices in mm2 and mm (order of "
        "indices.INDEX_NAMES), logits of the cavity and of all inside the epicardium, (n, 2, 128, 128).",
        data=(
            TrainingData(
                "Sunnybrook Cardiac Data (Radau et al., MIDAS Journal 2009)",
                "CC0 1.0",
                f"{len(patients)} patients, {len(used)} pictures; {outer} with an expert's epicardium",
                "masks and indices; spacing is known of " + (", ".join(physical) or "none") + " only",
            ),
            TrainingData(
                "simulator (phantom.py)",
                "as dicom-node",
                f"{SIMULATED_PICTURES} pictures, seeded",
                f"{SIMULATED_SHARE:.0%} of each epoch: wall thickness, artefacts, slices without a ventricle",
            ),
        ),
        training="Deep layer aggregation, depth of DLA-34 at half width, with an index head and a mask head; finder: a "
        "residual U-Net. AdamW, cosine schedule, fixed length, averaged weights; turned, mirrored, stretched, bent, "
        "shaded and noisy views. Epicardia that no expert drew are estimated by dynamic programming and count half; "
        "where two ways of estimating disagree they do not count. Truth is read as it was drawn: the collection's "
        "contours count pixels from 1, its PNG masks fillings of them that lie 0.75 pixel beside, 6.6 % too large.",
        folds="Five, by k-means on grey histogram and indices as the document says; every patient in one fold only.",
        figures=[
            Figure(
                name,
                value["value"] if value["low"] is None else Interval(value["low"], value["value"], value["high"]),
                value["unit"],
                f"{value['n']} items of {value['patients']} patients, each by the network that never saw the patient",
            )
            for name, value in report.values.items()
            if isinstance(value, Mapping)
        ],
        limits=_limits(pictures, physical),
    )


def _limits(pictures: Sequence[Labelled], physical: Sequence[str]) -> tuple[str, ...]:
    beside = sorted({picture.patient for picture in pictures if picture.misplaced})
    return (
        "One centre, one vendor (GE), one sequence (SSFP), adults; other vendors and gradient echo are known to it "
        "from the simulator only.",
        f"Everything in mm, mm2, ml and g rests on {len(physical)} patients with a spacing; ratios on all.",
        "Experts count papillary muscles to the cavity, and so do the networks.",
        *(
            f"{patient}: {MISPLACED[patient]}; nothing was learned from it, and no figure rests on it."
            for patient in beside
        ),
        "No expert drew an epicardium at end-systole; there the networks learned from estimated ones only, and the "
        "wall comes out too thin, its thickening far too small.",
        "Experts drew end-diastole and end-systole only; the frames between are seen by no expert.",
        "Experts' contours differ from patient to patient in how tightly they follow the blood, most in end-systolic "
        "and apical slices of thick walls, where one draws the blood that is left and another all that trabeculae "
        "fill: errors of area that are constant over a patient's frames come from there.",
        "A finder takes what is round, bright and ringed for a ventricle, a head among others; the node refuses by the "
        "plane, the times in the heart cycle and the rhythm of what it measured.",
    )
