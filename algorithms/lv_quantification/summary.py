"""The summary of a result and its tables: stable keys, ``None`` where something is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.follows import GLOBAL_KEYS, global_numbers
from algorithms.lv_quantification.groups import cycle_point
from algorithms.lv_quantification.indices import INDEX_NAMES
from algorithms.lv_quantification.quality import Flag
from algorithms.lv_quantification.study import CAVITY, DIAMETERS, MYOCARDIUM, THICKNESSES, MeasuredSlice, Study
from dicom_node.result import Table


def summary_of(study: Study, flags: Sequence[Flag]) -> dict[str, Any]:
    """Keys: see docs/lv-quantification. Frames of ``ed_frame`` and ``es_frame`` count from 1, slices from 0."""
    function, stack = study.function, study.stack
    return {
        **dict.fromkeys(GLOBAL_KEYS),
        **{key: number.value for key, number in global_numbers(study).items()},
        "ed_frame": study.phases.ed_frame + 1,
        "es_frame": study.phases.es_frame + 1,
        "rr_ms": _known(stack.rr_ms),
        "slice_spacing_mm": _known(stack.spacing_between_mm),
        "row_spacing_mm": stack.spacing.row_mm,
        "column_spacing_mm": stack.spacing.column_mm,
        "anchor_deg": round(stack.anchor_deg, 1),
        "mid_slice": study.mid.index,
        "volume_curve_ml": [_known(value) for value in function.curve_ml] if function else None,
        "slices": [_slice(one) for one in study.slices],
        "slices_not_measured": [{"slice_index": index, "reason": reason} for index, reason in study.not_measured],
        "quality": [{"code": one.code, "slice_index": one.slice_index, "text": one.text} for one in flags],
        "frames": [frame for one in study.slices for frame in _frames(study, one)],
    }


def indices_table(study: Study) -> Table:
    """The eleven numbers of every frame of every measured slice, by the networks, their spread, and by the masks."""
    columns = [
        "slice_index", "frame", "time_ms", "phase", "cycle_point",
        *INDEX_NAMES,
        *(f"spread_{name}" for name in INDEX_NAMES),
        *(f"mask_{name}" for name in INDEX_NAMES),
    ]  # fmt: skip
    rows = [
        (
            one.index,
            frame + 1,
            round(one.slice.times_ms[frame], 3),
            int(study.phases.state[frame]),
            cycle_point(study, frame).meaning.lower(),
            *(_cell(value) for part in (one.values, one.spread, one.from_masks) for value in part[frame]),
        )
        for one in study.slices
        for frame in range(study.stack.frame_count)
    ]
    return Table("indices", tuple(columns), tuple(rows))


def volumes_table(study: Study) -> Table | None:
    """The volume of every frame and the polynomial through it."""
    if study.function is None:
        return None
    rows = zip(
        range(1, study.stack.frame_count + 1),
        (round(time, 3) for time in study.mid.slice.times_ms),
        (round(float(value), 3) for value in study.function.curve_ml),
        (int(state) for state in study.phases.state),
        strict=True,
    )
    return Table("volumes", ("frame", "time_ms", "volume_ml", "phase"), tuple(rows))


def _slice(one: MeasuredSlice) -> dict[str, Any]:
    volume = one.slice.volume
    return {
        "slice_index": one.index,
        "position_mm": round(one.slice.position_mm, 2),
        "level": one.level.value,
        "series_uid": volume.series_uid,
        "confidence": round(one.confidence, 3),
        "ed_frame": one.phases.ed_frame + 1 if one.phases else None,
        "es_frame": one.phases.es_frame + 1 if one.phases else None,
    }


def _frames(study: Study, one: MeasuredSlice) -> Iterator[dict[str, Any]]:
    for frame, ref in enumerate(one.refs):
        yield {
            "sop_instance_uid": ref.sop_instance_uid,
            "frame_number": ref.frame_number or 1,
            "slice_index": one.index,
            "time_ms": round(one.slice.times_ms[frame], 3),
            **_indices(one.values[frame]),
            "phase": int(study.phases.state[frame]),
            "uncertainty": _indices(np.where(one.seen[frame], one.spread[frame], np.nan)),
            "from_masks": _indices(one.from_masks[frame]),
        }


def _indices(values: NDArray[np.floating]) -> dict[str, Any]:
    return {
        "cavity_area_mm2": _known(values[CAVITY]),
        "myocardium_area_mm2": _known(values[MYOCARDIUM]),
        "diameters_mm": [_known(value) for value in values[DIAMETERS]],
        "wall_thickness_mm": [_known(value) for value in values[THICKNESSES]],
    }


def _known(value: float | None) -> float | None:
    """Rounded to what the numbers can carry; ``None`` for what is not known."""
    return round(float(value), 3) if value is not None and np.isfinite(value) else None


def _cell(value: float) -> float | str:
    return round(float(value), 3) if np.isfinite(value) else ""
