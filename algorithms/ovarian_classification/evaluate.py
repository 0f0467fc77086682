"""``dicom-node evaluate ovarian_classification --data DIR``: the document's Table 1 of the networks of ``model.toml``.

DIR has the layout of training_data.py; masks may be missing. Pictures go the node's own way. A picture that some of the
networks were trained on (its digest is in ``model.toml``) is judged by the one fold that never saw a picture of its
block, at thresholds fitted on the other folds; any other picture is judged by all five folds at the thresholds that a
node works with. So figures of the training collection are those of a cross-validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.folds import blocks_of
from algorithms.ovarian_classification.judged import FoldJudges, JudgedPicture, judge_all
from algorithms.ovarian_classification.mark_experiment import CHANGES, mark_experiment
from algorithms.ovarian_classification.quality import QualityTest
from algorithms.ovarian_classification.reader_figures import DECIDED
from algorithms.ovarian_classification.reader_table import counts_by_judges, figures_of
from algorithms.ovarian_classification.training_data import read_labelled
from dicom_node.algorithm import EvaluationReport, Workbench

PICTURES_SHARE = 0.65
"""Of the time that the pictures as they are take; the rest is the experiment on marks."""

Row = dict[str, str | int | float | None]

READERS = {
    "ResNet-50": ("resnet50",),
    "Darknet-19": ("darknet19",),
    "ensemble": ("ensemble",),
    "examinations": ("examinations",),
    "lesion or normal": ("lesion_vs_normal",),
}
WANTED = {("auc", "ensemble"): ">= 0.80", ("auc", "lesion or normal"): ">= 0.87"}


def evaluate(data: Path, bench: Workbench) -> EvaluationReport:
    """Figures with 95 % intervals.

    Raises:
        UsageError: there is no labelled picture in ``data``, or one cannot be read.
        ModelError: a network is missing, or the cards do not say which pictures it was trained without.
    """
    pictures = read_labelled(data, bench.load)
    judges, quality = FoldJudges(bench.models), QualityTest(bench.models)

    def seen(number: int) -> None:
        bench.progress(PICTURES_SHARE * number / len(pictures), f"picture {number + 1} of {len(pictures)}")

    def seen_marks(share: float) -> None:
        bench.progress(PICTURES_SHARE + (1 - PICTURES_SHARE) * share, "the same pictures with other marks")

    judged = judge_all(pictures, blocks_of(pictures), judges, quality, seen)
    values = figures_of(judged)
    values["marks"] = mark_experiment(pictures, judged, judges, bench.seed, seen_marks)
    values["judged_by"] = dict(counts_by_judges(judged))
    values["sets"] = _sets(judged)
    return EvaluationReport(tuple(rows_of(values)), values, tuple(_notes(values, judged)))


def _sets(judged: Sequence[JudgedPicture]) -> dict[str, Any] | None:
    """Both sets apart, where there are both."""
    parts = {
        "held_out_fold": [one for one in judged if one.fold is not None],
        "all_networks": [one for one in judged if one.fold is None],
    }
    return {name: figures_of(part) for name, part in parts.items()} if all(parts.values()) else None


def rows_of(values: Mapping[str, Any]) -> list[Row]:
    """The table: readers side by side, then what belongs to the ensemble alone."""
    rows = _table(values) + [
        _row(f"{name} at the 0.95 threshold", values["ensemble"]["at_sensitivity_95"], name, values["images"])
        for name in ("sensitivity", "specificity")
    ]
    rows.append(_row("abstained (between both thresholds)", values["ensemble"]["band"], "abstained", values["images"]))
    for name, part in (values["sets"] or {}).items():
        told = {"held_out_fold": "judged by the fold that never saw them", "all_networks": "judged by all networks"}
        rows += [{"figure": f"— {part['images']} pictures {told[name]}"}, *_table(part)[:2]]
    rows += [
        _row(f"{name}: AUC", values["classes"][name], "auc", values["classes"][name]["images"])
        for name in CLASSES
        if values["classes"][name]["images"]
    ]
    rows += [_row(f"{name}: AUC", part, "auc", part["images"]) for name, part in values["properties"].items()]
    rows += _placed_rows(values)
    quality = values["quality"]
    rows += [_row("kept by cleaning", quality, "kept", values["images"])]
    rows += [_row("  of those that did not teach it", quality, "kept_of_untaught", quality["untaught_images"])]
    rows += _mark_rows(values["marks"])
    return rows


def _table(values: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for name in ("auc", *DECIDED):
        row: Row = {"figure": name.upper() if name in ("auc", "ppv", "npv", "f1") else name}
        again: Row = {"figure": "  by block of patients"}
        for reader, way in READERS.items():
            part = _at(values, way)
            row[reader] = cell(part, name)
            again[reader] = _ends(part.get(f"{name}_ci_by_block"))
        rows.append(row)
        if name in ("auc", "sensitivity"):
            rows.append(again)
    wanted: Row = {"figure": "  wanted AUC"}
    return [*rows[:2], wanted | {reader: text for (_, reader), text in WANTED.items()}, *rows[2:]]


def _at(values: Mapping[str, Any], way: Sequence[str]) -> Mapping[str, Any]:
    for key in way:
        values = values[key]
    return values


def cell(part: Mapping[str, Any], name: str) -> str | None:
    """Value and interval, to two digits or three."""
    if part.get(name) is None:
        return None
    ends = _ends(part.get(f"{name}_ci"))
    return f"{part[name]:.3f} {ends}" if ends else f"{part[name]:.3f}"


def _ends(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"({ends[0]:.2f}–{ends[1]:.2f})"


def _row(figure: str, part: Mapping[str, Any], name: str, images: int, wanted: str = "") -> Row:
    return {"figure": figure + (f" (wanted {wanted})" if wanted else ""), "ensemble": cell(part, name), "n": images}


def _placed_rows(values: Mapping[str, Any]) -> list[Row]:
    segmentation, peaks = values["segmentation"], values["activation_map"]
    if segmentation is None:
        return []
    rows = [
        _row("lesion Dice, mean", segmentation, "dice_mean", segmentation["images"], ">= 0.75"),
        _row("lesion Dice, median", segmentation, "dice_median", segmentation["images"]),
        _row("no lesion outlined", segmentation, "none_found", segmentation["images"]),
        _row(
            "normal ovary Dice, mean",
            segmentation["normal_ovaries"],
            "dice_mean",
            segmentation["normal_ovaries"]["images"],
        ),
    ]
    if peaks is None:
        return rows
    return [
        *rows,
        _row("map's maximum in the lesion", peaks, "maximum_in_lesion", peaks["images"], ">= 0.70"),
        _row("  expected by chance", peaks, "by_chance", peaks["images"]),
        _row("  expected of the outline alone", peaks, "by_outline", peaks["images"]),
        _row("map's maximum in the outlined lesion", peaks, "maximum_in_found_lesion", peaks["images"]),
    ]


def _mark_rows(marks: Mapping[str, Any] | None) -> list[Row]:
    if marks is None:
        return []
    names = {
        "drawn": "other marks drawn on",
        "painted_out": "marks painted out",
        "left_in": "marks left in, as grey",
        "only_marks": "nothing but the marks",
    }
    rows: list[Row] = []
    for name in CHANGES:
        part = marks[name]
        rows.append(_row(f"{names[name]}: AUC", part, "auc", marks["images"]))
        if name != "only_marks":
            rows.append(_row("  change of AUC", part, "difference", marks["images"]))
            rows.append(_row("  mean change of P", part, "mean_change_of_p", marks["images"]))
            rows.append(_row("  decisions changed", part, "decisions_changed", marks["images"]))
    return [*rows, _row("number of mark pixels as a score: AUC", marks["how_many_marks_alone"], "auc", marks["images"])]


def _notes(values: Mapping[str, Any], judged: Sequence[JudgedPicture]) -> list[str]:
    by = values["judged_by"]
    against = values["ensemble"]["against"]
    told = [
        f"{values['images']} pictures ({values['malignant_images']} malignant) in {values['blocks']} blocks "
        f"({values['malignant_blocks']} with cancer); a block is a run of numbers, most likely one patient or few, and "
        "stands in for an examination",
        f"{by['held_out_fold']} judged by the fold that never saw their block, at thresholds of the other folds; "
        f"{by['all_networks']} by all five, at the node's thresholds",
        "AUC: DeLong; accuracy, sensitivity, specificity, PPV, NPV: Wilson; both take pictures as independent; "
        "kappa, F1, means and the lines by block of patients: bootstrap over blocks, 2000 draws; all 95 %",
        "calls: each network and the ensemble at the Youden threshold; lesion or normal at its own; "
        f"thresholds rest on {' or '.join(_rests_on(judged))}",
        "AUC by picture property and by class: of the ensemble's theta, and of the class's own probability",
        "examinations: theta over all pictures of a block; a block is malignant where one picture is",
    ]
    told += [
        _compared(name, one)
        for name, one in (("ResNet-50", against["resnet50"]), ("Darknet-19", against["darknet19"]))
        if one
    ]
    if values["segmentation"] is None:
        told.append("no masks: no figures of segmentation and activation map")
    return told


def _rests_on(judged: Sequence[JudgedPicture]) -> list[str]:
    """What the node's thresholds rest on, where some were judged by them, and those of the folds in one."""
    nodes = {one.scores.operating.rests_on for one in judged if one.fold is None}
    by_fold = any(one.fold is not None for one in judged)
    return [*sorted(nodes), *(["the four folds that a picture is not held out in"] if by_fold else [])]


def _compared(name: str, one: Mapping[str, Any]) -> str:
    ends = "" if one["difference_ci"] is None else " ({:+.3f} to {:+.3f})".format(*one["difference_ci"])
    p = "" if one["p"] is None else f", p = {one['p']:.2g}"
    return f"AUC of the ensemble less that of {name}: {one['difference']:+.3f}{ends}{p} (DeLong, paired)"
