"""Estimates held against expert contours: what ``evaluate`` counts, frame by frame and study by study."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.function import LEAST_SLICES, global_function
from algorithms.lv_quantification.indices import indices_of
from algorithms.lv_quantification.phase import SYSTOLE
from algorithms.lv_quantification.stack import Stack
from algorithms.lv_quantification.study import MeasuredSlice, Study
from algorithms.lv_quantification.training_data import ASSUMED_MM, Contours, masks_of
from dicom_node.series import Spacing, Volume


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """One frame with an expert's cavity. Where no ventricle was found, the Dice is 0 and the estimates are 0 or nan.

    ``true``, ``reported``, ``regressed``, ``from_masks``: (11,) in the order of INDEX_NAMES; of pictures without a
    spacing of their own they are in units of an assumed one, good for ratios only (``physical`` False).
    ``misplaced``: the truth lies beside the picture (training_data.MISPLACED).
    """

    patient: str
    slice_key: str
    found: bool
    physical: bool
    dice: float
    inside_dice: float | None
    true: NDArray[np.float64]
    reported: NDArray[np.float64]
    regressed: NDArray[np.float64]
    from_masks: NDArray[np.float64]
    misplaced: bool = False


@dataclass(frozen=True, slots=True)
class JudgedStudy:
    """Times and volumes of one study against the expert's: frames off, share of frames with the wrong phase, ml."""

    patient: str
    es_frames_off: int
    ed_frames_off: int
    phase_error: float
    edv_ml: tuple[float, float] | None
    esv_ml: tuple[float, float] | None
    ef_percent: tuple[float, float] | None


def slice_key(patient: str, volume: Volume) -> str:
    """One slice, in whatever order and stack it comes."""
    return f"{patient}/{volume.frames[0].ref.sop_instance_uid}"


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Twice what is common over the sum of both; 1 for two empty masks."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2.0 * np.count_nonzero(one & other) / total if total else 1.0


def judged_frame(
    names: tuple[str, str],
    physical: bool,
    truth: tuple[NDArray[np.bool_], NDArray[np.bool_] | None],
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None,
    numbers: tuple[NDArray, NDArray, NDArray] | None,
    spacing: Spacing,
    anchor_deg: float,
) -> JudgedFrame:
    """One frame judged.

    Args:
        names: patient, and a key of the slice.
        truth: cavity and, where drawn, all inside the epicardium.
        masks: estimated cavity and all inside the epicardium; ``None`` where no ventricle was found.
        numbers: reported, regressed and from masks, (11,) each; ``None`` likewise.
        anchor_deg: of the picture as it was measured.
    """
    cavity, inside = truth
    wall = np.zeros_like(cavity) if inside is None else inside & ~cavity
    true = indices_of(cavity, wall, spacing, anchor_deg)
    nothing = np.full(true.shape, np.nan)
    if masks is None or numbers is None:
        return JudgedFrame(*names, False, physical, 0.0, None, true, nothing, nothing, nothing)
    inside_dice = None if inside is None else dice(inside, masks[1])
    return JudgedFrame(*names, True, physical, dice(cavity, masks[0]), inside_dice, true, *numbers)


def frames_of_study(
    patient: str, stack: Stack, slices: Sequence[MeasuredSlice], contours: Mapping[str, Contours]
) -> list[JudgedFrame]:
    """Every frame of the stack on which the expert drew. ``slices``: the measured ones; none of a refused study."""
    measured = {one.index: one for one in slices}
    judged = []
    for index, part in enumerate(stack.slices):
        for position, frame in enumerate(part.volume.frames):
            drawn = contours.get(frame.ref.sop_instance_uid)
            if drawn is None:
                continue
            cavity, inside = masks_of(drawn, part.volume.rows, part.volume.columns)
            truth = (stack.turned(cavity), None if inside is None else stack.turned(inside))
            one = measured.get(index)
            names = (patient, slice_key(patient, part.volume))
            masks, numbers = (None, None) if one is None else _estimated(stack, one, position)
            judged.append(judged_frame(names, True, truth, masks, numbers, stack.spacing, stack.anchor_deg))
    return judged


def frames_not_found(patient: str, volumes: Sequence[Volume], contours: Mapping[str, Contours]) -> list[JudgedFrame]:
    """Every frame on which the expert drew, of a study of which the node measures nothing."""
    judged = []
    for volume in volumes:
        spacing = volume.spacing or Spacing(ASSUMED_MM, ASSUMED_MM)
        for frame in volume.frames:
            drawn = contours.get(frame.ref.sop_instance_uid)
            if drawn is not None:
                truth = masks_of(drawn, volume.rows, volume.columns)
                names = (patient, slice_key(patient, volume))
                judged.append(judged_frame(names, volume.spacing is not None, truth, None, None, spacing, 0.0))
    return judged


def _estimated(stack: Stack, one: MeasuredSlice, position: int):
    cavity, wall = stack.turned(one.cavity[position]), stack.turned(one.myocardium[position])
    return (cavity, cavity | wall), (one.values[position], one.regressed[position], one.from_masks[position])


def judged_study(patient: str, study: Study, contours: Mapping[str, Contours]) -> JudgedStudy | None:
    """Phases and volumes, where the expert drew exactly two phases of three slices or more; else ``None``.

    The expert's volumes are summed over the same rule from the expert's areas; end-diastole is the phase that has
    more epicardia, or the larger cavities where neither has.
    """
    areas: dict[int, dict[int, tuple[float, bool]]] = {}
    pixel_mm2 = study.stack.spacing.row_mm * study.stack.spacing.column_mm
    for index, part in enumerate(study.stack.slices):
        for position, frame in enumerate(part.volume.frames):
            drawn = contours.get(frame.ref.sop_instance_uid)
            if drawn is not None:
                cavity, _ = masks_of(drawn, part.volume.rows, part.volume.columns)
                area = np.count_nonzero(cavity) * pixel_mm2
                areas.setdefault(position, {})[index] = (area, drawn.epicardium is not None)
    drawn_phases = [position for position, slices in areas.items() if len(slices) >= LEAST_SLICES]
    if len(drawn_phases) != 2:
        return None
    es, ed = sorted(drawn_phases, key=lambda position: _epicardia_and_area(areas[position].values()))
    count = study.stack.frame_count
    systole = (np.arange(count) - ed) % count
    true_systole = (systole > 0) & (systole <= (es - ed) % count)
    wrong = float(np.count_nonzero(true_systole != (study.phases.state == SYSTOLE)) / count)
    volumes = _volumes(study, areas, ed, es)
    return JudgedStudy(
        patient,
        _around(study.phases.es_frame - es, count),
        _around(study.phases.ed_frame - ed, count),
        wrong,
        *volumes,
    )


def _epicardia_and_area(slices: Collection[tuple[float, bool]]) -> tuple[int, float]:
    return sum(outer for _, outer in slices), sum(area for area, _ in slices)


def _around(off: int, count: int) -> int:
    """Frames apart, the shorter way round the cycle."""
    return min(off % count, -off % count)


def _volumes(study: Study, areas: dict[int, dict[int, tuple[float, bool]]], ed: int, es: int):
    """(estimated, true) EDV, ESV and EF; ``None`` each where the node gives no volumes."""
    if study.function is None or study.stack.spacing_between_mm is None:
        return None, None, None
    slices = sorted(set(areas[ed]) | set(areas[es]))
    table = np.array([[areas[at].get(index, (np.nan,))[0] for at in (ed, es)] for index in slices])
    positions = [study.stack.slices[index].position_mm for index in slices]
    true = global_function(table, np.full(table.shape, np.nan), positions, study.stack.spacing_between_mm, 0, 1)
    ours = study.function
    return (ours.edv_ml, true.edv_ml), (ours.esv_ml, true.esv_ml), (ours.ef_percent, true.ef_percent)
