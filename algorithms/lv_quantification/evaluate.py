"""``dicom-node evaluate lv_quantification --data DIR``: the shipped networks against expert contours.

DIR has the layouts of training_data.py; frames go the node's own way. A patient that some of the networks were trained
on is judged by the one pair of finder and index network that never saw a picture of that patient (model.toml says
which); others by all five. So the figures on the training collection are those of a cross-validation, and those on
other patients are the node's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.estimate import NETWORKS, Estimator, SliceEstimate
from algorithms.lv_quantification.judged import (
    JudgedFrame,
    JudgedStudy,
    frames_not_found,
    frames_of_study,
    judged_frame,
    judged_study,
)
from algorithms.lv_quantification.polygon import mask_of
from algorithms.lv_quantification.reported import reported
from algorithms.lv_quantification.stack import short_axis_stack
from algorithms.lv_quantification.study import MeasuredSlice, study_of
from algorithms.lv_quantification.training_data import (
    ASSUMED_MM,
    MISPLACED,
    Labelled,
    Study,
    endocardia_of,
    passed_over,
    patient_key,
    read_pictures,
    read_study,
    study_folders,
)
from algorithms.training.figures import Interval, interval
from dicom_node.algorithm import EvaluationReport, Models, Workbench
from dicom_node.errors import UnreadableInstance, UnsuitableSeries, UsageError
from dicom_node.series import Spacing

FRAMES_PER_SLICE = 20
"""Of the collection: file n shows frame (n - 1) mod 20 of slice (n - 1) div 20."""
AREA, MYOCARDIUM, DIAMETERS, WALL = 0, 1, slice(2, 5), slice(5, 11)


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table: what is wanted (issue 3) as text."""

    name: str
    unit: str
    wanted: str = ""


def evaluate(data: Path, bench: Workbench) -> EvaluationReport:
    """Figures with 95 % intervals (bootstrap over patients).

    Raises:
        UsageError: nothing of the layouts is in ``data``.
    """
    asked, judged = _Networks(bench.models), _Judged()
    drawn = study_folders(data)
    pictures = _by_patient(read_pictures(data, {patient_key(folder.name) for folder in drawn}))
    if not drawn and not pictures:
        raise UsageError(f"no short-axis pictures with contours in {data}; docs/lv-quantification has the layouts")
    judged.notes.extend(passed_over(data))
    todo = len(drawn) + len(pictures)
    for number, folder in enumerate(drawn):
        bench.progress(number / todo, patient_key(folder.name))
        try:
            study = read_study(folder, bench.load)
        except (UnsuitableSeries, UnreadableInstance) as error:
            _judge_unread(folder, str(error), judged)
        else:
            _judge_study(study, asked, judged)
    for number, (patient, labelled) in enumerate(sorted(pictures.items()), start=len(drawn)):
        bench.progress(number / todo, patient)
        _judge_pictures(patient, labelled, asked.of(patient), judged)
    left_out = judged.without_misplaced()
    patients = sorted({frame.patient for frame in judged.frames})
    unseen = [patient for patient in patients if asked.fold_of(patient) is None]
    judged.notes.append(
        f"{len(patients)} patients: {len(patients) - len(unseen)} judged by the one network of five that never saw "
        f"them (cross-validation), {len(unseen)} by all five"
    )
    judged.notes.append("intervals: 95 %, bootstrap over patients; frames without a found ventricle count as Dice 0")
    rows, values = _figures(judged, bench.seed)
    values["notes"] = list(judged.notes)
    values["left_out"] = left_out
    values["patients"] = [_patient(patient, judged.frames, asked.fold_of(patient)) for patient in patients]
    return EvaluationReport(tuple(rows), values, tuple(judged.notes))


@dataclass(frozen=True)
class _Judged:
    """What is found patient by patient. ``empty``: slices without a ventricle, and whether they were left out."""

    frames: list[JudgedFrame] = field(default_factory=list)
    studies: list[JudgedStudy] = field(default_factory=list)
    empty: list[tuple[str, bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def without_misplaced(self) -> list[dict[str, Any]]:
        """Takes patients whose truth lies beside their pictures out of the frames, and tells of each."""
        told = []
        beside = [frame for frame in self.frames if frame.misplaced]
        for patient in sorted({frame.patient for frame in beside}):
            own = [frame.dice for frame in beside if frame.patient == patient]
            self.frames[:] = [frame for frame in self.frames if frame.patient != patient or not frame.misplaced]
            told.append(
                {"patient": patient, "reason": MISPLACED[patient], "endocardium_dice_mean": float(np.mean(own))}
            )
            self.notes.append(f"{patient} is left out of all figures: {MISPLACED[patient]} (Dice {np.mean(own):.2f})")
        return told


class _Networks:
    """Which networks may judge a patient."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._fold: dict[str, int] = {}
        for number in range(1, NETWORKS + 1):
            for patient in models.card(f"dla_{number}").get("held_out_patients", ()):
                self._fold[patient] = number
        self._estimators: dict[int | None, Estimator] = {}

    def fold_of(self, patient: str) -> int | None:
        """The network that never saw the patient, or ``None`` if none did."""
        return self._fold.get(patient)

    def of(self, patient: str) -> Estimator:
        fold = self.fold_of(patient)
        if fold not in self._estimators:
            every = tuple(range(1, NETWORKS + 1))
            self._estimators[fold] = Estimator(self._models, every if fold is None else (fold,))
        return self._estimators[fold]


def _judge_study(study: Study, asked: _Networks, judged: _Judged) -> None:
    """A study of which the node would give no numbers counts as one in which nothing was found."""
    try:
        stack = short_axis_stack(study.series)
    except UnsuitableSeries as error:
        judged.notes.append(f"{study.patient} is refused, and counts as not found: {error}")
        judged.frames.extend(frames_not_found(study.patient, study.series.volumes, study.contours))
        return
    estimates = asked.of(study.patient).estimate(stack.pictures(), stack.spacing, stack.anchor_deg)
    try:
        whole = study_of(stack, estimates)
    except UnsuitableSeries as error:
        judged.notes.append(f"{study.patient} is refused, and counts as not found: {error}")
        slices: tuple[MeasuredSlice, ...] = ()
    else:
        slices = whole.slices
        held = judged_study(study.patient, whole, study.contours)
        judged.studies.extend([held] if held else [])
    judged.frames.extend(frames_of_study(study.patient, stack, slices, study.contours))
    inside = {frame.ref.sop_instance_uid for part in stack.slices for frame in part.volume.frames}
    outside = {uid: drawn for uid, drawn in study.contours.items() if uid not in inside}
    if outside:
        judged.frames.extend(frames_not_found(study.patient, study.series.volumes, outside))
        judged.notes.append(
            f"{study.patient}: {len(outside)} contour(s) lie outside the stack that is measured, and count as not found"
        )
    measured = {one.index for one in slices}
    for index, part in enumerate(stack.slices):
        if study.shows_nothing(part.volume):
            judged.empty.append((study.patient, index not in measured))


def _judge_unread(folder: Path, reason: str, judged: _Judged) -> None:
    """A study that cannot be read: every contour counts as not found, its area in pixels of an assumed size."""
    patient, spacing = patient_key(folder.name), Spacing(ASSUMED_MM, ASSUMED_MM)
    judged.notes.append(f"{patient} cannot be read, and counts as not found: {reason}")
    for number, outline in endocardia_of(folder).items():
        columns, rows = (int(high) + 2 for high in outline.max(axis=0))
        truth = (mask_of(outline, rows, columns), None)
        names = (patient, f"{patient}/{(number - 1) // FRAMES_PER_SLICE + 1}")
        judged.frames.append(judged_frame(names, False, truth, None, None, spacing, 0.0))


def _by_patient(pictures: Sequence[Labelled]) -> dict[str, list[Labelled]]:
    found: dict[str, list[Labelled]] = {}
    for picture in pictures:
        found.setdefault(picture.patient, []).append(picture)
    return found


def _judge_pictures(patient: str, pictures: Sequence[Labelled], estimator: Estimator, judged: _Judged) -> None:
    """Pictures without headers: those of one slice are its frames, and slices follow the numbers of the files."""
    slices: dict[int, list[Labelled]] = {}
    for picture in sorted(pictures, key=lambda picture: picture.number):
        slices.setdefault((picture.number - 1) // FRAMES_PER_SLICE, []).append(picture)
    keys = sorted(slices)
    spacing = pictures[0].spacing
    stacks = [np.stack([picture.image for picture in slices[key]]) for key in keys]
    estimates = estimator.estimate(stacks, spacing)
    for key, estimate in zip(keys, estimates, strict=True):
        values = reported(estimate)
        if not any(picture.cavity.any() for picture in slices[key]):
            judged.empty.append((patient, not estimate.found))
        for position, picture in enumerate(slices[key]):
            if not picture.cavity.any():
                continue
            masks, numbers = _taken(estimate, values, position)
            names = (patient, f"{patient}/{key + 1}")
            truth = (picture.cavity, picture.inside)
            frame = judged_frame(names, picture.physical, truth, masks, numbers, spacing, 0.0)
            judged.frames.append(replace(frame, misplaced=picture.misplaced))


def _taken(estimate: SliceEstimate, values: NDArray, position: int):
    if not estimate.found:
        return None, None
    cavity = estimate.cavity[position]
    masks = (cavity, cavity | estimate.myocardium[position])
    return masks, (values[position], estimate.regressed[position], estimate.measured[position])


def _figures(judged: _Judged, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    frames = judged.frames
    rows: list[dict[str, Any]] = []
    values: dict[str, Any] = {}

    def add(target: Target, items: Sequence[Any], patients: Sequence[str], statistic: Callable = np.mean) -> None:
        if not len(items):
            return
        figure = interval(items, statistic, patients, seed=seed)
        rows.append(_row(target, figure, len(items), len(set(patients))))
        values[target.name] = {
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "unit": target.unit,
            "n": len(items),
            "patients": len(set(patients)),
            "wanted": target.wanted,
        }

    people = [frame.patient for frame in frames]
    add(Target("endocardium_dice_mean", "1", ">= 0.91"), [frame.dice for frame in frames], people)
    add(Target("endocardium_dice_median", "1"), [frame.dice for frame in frames], people, np.median)
    slices = {frame.slice_key: frame for frame in frames}
    add(
        Target("ventricle_found_percent", "%", ">= 98"),
        [100.0 * frame.found for frame in slices.values()],
        [frame.patient for frame in slices.values()],
    )
    add(
        Target("slices_without_ventricle_left_out_percent", "%"),
        [100.0 * left_out for _, left_out in judged.empty],
        [patient for patient, _ in judged.empty],
    )
    for name, which in (("", "reported"), ("_regressed", "regressed"), ("_from_masks", "from_masks")):
        wanted = "" if name else "<= 8"
        estimated = [np.nan_to_num(getattr(frame, which)[AREA]) for frame in frames]
        pairs = [(value, frame.true[AREA]) for value, frame in zip(estimated, frames, strict=True)]
        add(Target(f"cavity_area_error{name}_percent", "%", wanted), pairs, people, _relative_error)
    _add_physical(frames, add)
    ring = [frame for frame in frames if frame.inside_dice is not None]
    add(Target("epicardium_dice_mean", "1"), [f.inside_dice for f in ring], [f.patient for f in ring])
    _add_studies(judged.studies, add)
    return rows, values


def _add_physical(frames: Sequence[JudgedFrame], add: Callable) -> None:
    """Errors in mm and mm2: only where the header has a spacing and the expert drew the epicardium.

    A frame of a found slice in which no cavity is seen has an area, 0, but no lengths to be wrong.
    """
    physical = [frame for frame in frames if frame.physical and frame.found]
    walled = [frame for frame in physical if np.isfinite(frame.true[MYOCARDIUM])]
    for name, which in (("", "reported"), ("_regressed", "regressed"), ("_from_masks", "from_masks")):
        thickness = Target(f"wall_thickness_error{name}_mm", "mm", "" if name else "<= 2.0")
        add(thickness, *_errors(walled, WALL, which))
        add(Target(f"diameter_error{name}_mm", "mm", "" if name else "<= 2.2"), *_errors(walled, DIAMETERS, which))
    areas = [abs(float(np.nan_to_num(frame.reported[AREA])) - frame.true[AREA]) for frame in physical]
    add(Target("cavity_area_error_mm2", "mm2"), areas, [frame.patient for frame in physical])
    add(Target("myocardium_area_error_mm2", "mm2"), *_errors(walled, slice(MYOCARDIUM, MYOCARDIUM + 1), "reported"))


def _errors(frames: Sequence[JudgedFrame], part: slice, which: str) -> tuple[list[float], list[str]]:
    """Mean absolute error of each frame that has these indices, and its patient."""
    pairs = [(frame.patient, np.abs(getattr(frame, which)[part] - frame.true[part])) for frame in frames]
    known = [(patient, errors) for patient, errors in pairs if np.isfinite(errors).all()]
    return [float(errors.mean()) for _, errors in known], [patient for patient, _ in known]


def _add_studies(studies: Sequence[JudgedStudy], add: Callable) -> None:
    people = [study.patient for study in studies]
    add(
        Target("end_systole_within_one_frame_percent", "%", "100"),
        [100.0 * (study.es_frames_off <= 1) for study in studies],
        people,
    )
    add(Target("phase_error_percent", "%", "<= 10"), [100.0 * study.phase_error for study in studies], people)
    for name in ("edv_ml", "esv_ml", "ef_percent"):
        pairs = [(study.patient, getattr(study, name)) for study in studies if getattr(study, name) is not None]
        errors = [abs(pair[0] - pair[1]) for _, pair in pairs]
        unit = "%" if name == "ef_percent" else "ml"
        add(Target(name.replace("_", "_error_", 1), unit), errors, [patient for patient, _ in pairs])


def _relative_error(pairs: NDArray[np.float64]) -> float:
    """Percent: sum of absolute errors over the sum of the true values."""
    return float(100.0 * np.abs(pairs[:, 0] - pairs[:, 1]).sum() / pairs[:, 1].sum())


def _row(target: Target, figure: Interval, count: int, patients: int) -> dict[str, Any]:
    return {
        "figure": target.name,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "unit": target.unit,
        "wanted": target.wanted,
        "n": count,
        "patients": patients,
    }


def _patient(patient: str, frames: Sequence[JudgedFrame], fold: int | None) -> Mapping[str, Any]:
    own = [frame for frame in frames if frame.patient == patient]
    pairs = np.array([(np.nan_to_num(frame.reported[AREA]), frame.true[AREA]) for frame in own])
    return {
        "patient": patient,
        "judged_by": "all five" if fold is None else f"network {fold}, which never saw this patient",
        "frames": len(own),
        "endocardium_dice_mean": float(np.mean([frame.dice for frame in own])),
        "cavity_area_error_percent": _relative_error(pairs),
    }
