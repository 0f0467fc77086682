"""Measurement groups of the report: the global function, then every frame of every slice (TID 1410).

Every group has the outline of the cavity as its region, because viewers refuse a report that mixes groups with and
without. The global function stands first: its region is the cavity of the middle slice at end-diastole.

What is measured at end-diastole and end-systole has keys: a person may correct it, and the global function follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from algorithms.lv_quantification import phase
from algorithms.lv_quantification.contours import outline
from algorithms.lv_quantification.follows import (
    AREA_KEYS,
    DECIMALS,
    area_formula,
    contour_key,
    global_numbers,
    has_keys,
    place,
)
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.study import CAVITY, DIAMETERS, MYOCARDIUM, THICKNESSES, Level, MeasuredSlice, Study
from dicom_node.codes import (
    AREA,
    CARDIAC_CYCLE_POINT,
    DIAMETER,
    DIASTOLE,
    END_DIASTOLE,
    END_SYSTOLE,
    ENDOCARDIAL_AREA,
    GRAM,
    HEART_RATE,
    LEFT_VENTRICLE,
    LEFT_VENTRICLE_MYOCARDIUM,
    LV_APICAL_SEGMENTS,
    LV_BASAL_SEGMENTS,
    LV_ED_VOLUME,
    LV_EJECTION_FRACTION_BY_MR,
    LV_ES_VOLUME,
    LV_MASS,
    LV_MID_SEGMENTS,
    MILLILITRE,
    MILLIMETRE,
    PER_MINUTE,
    PERCENT,
    SQUARE_MILLIMETRE,
    STROKE_VOLUME,
    SYSTOLE,
    WALL_THICKNESS,
    Code,
    Unit,
    local,
)
from dicom_node.result import Evaluation, Measurement, MeasurementGroup, Region, Shape, SummaryPath

CAVITY_ID, MYOCARDIUM_ID = "left ventricle cavity", "left ventricle myocardium"
SEGMENTS = {
    Level.BASAL: LV_BASAL_SEGMENTS,
    Level.MID: LV_MID_SEGMENTS,
    Level.APICAL: LV_APICAL_SEGMENTS,
}
CHORDS = (
    local("CHORD0", "Chord at 0 degrees: inferoseptal to anterolateral"),
    local("CHORD60", "Chord at 60 degrees: inferior to anterior"),
    local("CHORD120", "Chord at 120 degrees: inferolateral to anteroseptal"),
)
SUMMATION = local("SLICESUMMATION", "Summation over short-axis slices")
SECTORS = ("anteroseptal", "anterior", "anterolateral", "inferolateral", "inferior", "inferoseptal")
AREA_LIMITS_MM2, LENGTH_LIMITS_MM = (0.0, 20000.0), (0.0, 200.0)
GLOBAL = {
    "ef_percent": (LV_EJECTION_FRACTION_BY_MR, PERCENT, (0.0, 100.0)),
    "edv_ml": (LV_ED_VOLUME, MILLILITRE, (0.0, 1000.0)),
    "esv_ml": (LV_ES_VOLUME, MILLILITRE, (0.0, 1000.0)),
    "sv_ml": (STROKE_VOLUME, MILLILITRE, (0.0, 1000.0)),
    "mass_g": (LV_MASS, GRAM, (0.0, 1000.0)),
}
"""Code, unit and the limits of a correction, by key, in the order of reading."""


def groups_of(study: Study, options: Options) -> tuple[MeasurementGroup, ...]:
    """All groups, in the order of reading."""
    wanted = set(range(study.stack.frame_count))
    if options.report_frames == "ed_es":
        wanted = {study.phases.ed_frame, study.phases.es_frame}
    frames = [
        group
        for one in study.slices
        for frame in sorted(wanted)
        if (group := _frame_group(study, one, frame)) is not None
    ]
    return (*_global_group(study, frames), *frames)


def _region(study: Study, one: MeasuredSlice, frame: int) -> Region | None:
    points = outline(one.cavity[frame])
    if points is None:
        return None
    spacing = study.stack.spacing
    return Region(
        Shape.POLYGON,
        tuple((round(float(x), 2), round(float(y), 2)) for x, y in points),
        one.refs[frame],
        key=contour_key(one, frame) if has_keys(study, frame) else "",
        per_px=((spacing.column_mm, MILLIMETRE), (spacing.row_mm, MILLIMETRE)),
    )


def _global_group(study: Study, frames: Sequence[MeasurementGroup]) -> Iterator[MeasurementGroup]:
    """Volumes, ejection fraction, mass and heart rate; nothing where there are no volumes."""
    region = _region(study, study.mid, study.phases.ed_frame)
    if study.function is None or region is None:
        return
    numbers = global_numbers(study, {number.key for group in frames for number in group.measurements})
    rr_ms = study.stack.rr_ms
    heart_rate = (Measurement(HEART_RATE, round(60000.0 / rr_ms, DECIMALS), PER_MINUTE),) if rr_ms else ()
    yield MeasurementGroup(
        tracking_id="left ventricle: global function",
        finding=LEFT_VENTRICLE,
        evidence=(region.frame,),
        measurements=(
            *(
                Measurement(
                    code,
                    numbers[key].value,
                    unit,
                    method=SUMMATION,
                    key=key,
                    formula=numbers[key].formula,
                    limits=limits,
                )
                for key, (code, unit, limits) in GLOBAL.items()
                if key in numbers
            ),
            *heart_rate,
        ),
        region=region,
    )


def _frame_group(study: Study, one: MeasuredSlice, frame: int) -> MeasurementGroup | None:
    """The eleven indices and the phase of one frame; ``None`` where no cavity is seen."""
    region = _region(study, one, frame)
    if region is None:
        return None
    return MeasurementGroup(
        tracking_id=f"left ventricle: slice {one.index + 1} ({one.level.value}), frame {frame + 1}",
        finding=LEFT_VENTRICLE,
        evidence=(one.refs[frame],),
        measurements=tuple(
            _measurement(study, one, frame, index)
            for index in _indices(one.level)
            if np.isfinite(one.values[frame, index.column])
        ),
        evaluations=(Evaluation(CARDIAC_CYCLE_POINT, cycle_point(study, frame)),),
        region=region,
    )


@dataclass(frozen=True, slots=True)
class _Index:
    """One of the eleven: its column, how it is coded, the beginning of its key, and where a frame's summary has it."""

    column: int
    name: Code
    unit: Unit
    stem: str
    path: SummaryPath
    site: Code | None = None
    method: Code | None = None


def _indices(level: Level) -> Iterator[_Index]:
    yield _Index(CAVITY, ENDOCARDIAL_AREA, SQUARE_MILLIMETRE, AREA_KEYS[CAVITY], ("cavity_area_mm2",))
    wall = LEFT_VENTRICLE_MYOCARDIUM
    yield _Index(MYOCARDIUM, AREA, SQUARE_MILLIMETRE, AREA_KEYS[MYOCARDIUM], ("myocardium_area_mm2",), site=wall)
    for number, chord in enumerate(CHORDS):
        column, stem = DIAMETERS.start + number, f"diameter_{60 * number}_mm"
        yield _Index(column, DIAMETER, MILLIMETRE, stem, ("diameters_mm", number), method=chord)
    for number, segment in enumerate(SEGMENTS[level]):
        column, stem = THICKNESSES.start + number, f"{SECTORS[number]}_mm"
        yield _Index(column, WALL_THICKNESS, MILLIMETRE, stem, ("wall_thickness_mm", number), site=segment)


def _measurement(study: Study, one: MeasuredSlice, frame: int, index: _Index) -> Measurement:
    """One index of a frame; with a key where it can be corrected."""
    value = round(float(one.values[frame, index.column]), DECIMALS)
    plain = Measurement(index.name, value, index.unit, method=index.method, site=index.site)
    if not has_keys(study, frame):
        return plain
    position = next(at for at, other in enumerate(study.slices) if other is one)
    return replace(
        plain,
        key=f"{index.stem}_{place(one, frame)}",
        formula=area_formula(contour_key(one, frame), value) if index.column == CAVITY else None,
        limits=AREA_LIMITS_MM2 if index.unit == SQUARE_MILLIMETRE else LENGTH_LIMITS_MM,
        summary_path=("frames", position * study.stack.frame_count + frame, *index.path),
    )


def cycle_point(study: Study, frame: int) -> Code:
    """Where in the cycle a frame lies, by the phases of the whole study."""
    if frame == study.phases.ed_frame:
        return END_DIASTOLE
    if frame == study.phases.es_frame:
        return END_SYSTOLE
    return SYSTOLE if study.phases.state[frame] == phase.SYSTOLE else DIASTOLE
