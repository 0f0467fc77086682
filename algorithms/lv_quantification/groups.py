"""Measurement groups of the report: the global function, then every frame of every slice (TID 1410).

Every group has the outline of the cavity as its region, because viewers refuse a report that mixes groups with and
without. The global function stands first: its region is the cavity of the middle slice at end-diastole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from algorithms.lv_quantification import phase
from algorithms.lv_quantification.contours import outline
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
from dicom_node.result import Evaluation, Measurement, MeasurementGroup, Region, Shape

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
DECIMALS = 3


def groups_of(study: Study, options: Options) -> tuple[MeasurementGroup, ...]:
    """All groups, in the order of reading."""
    wanted = set(range(study.stack.frame_count))
    if options.report_frames == "ed_es":
        wanted = {study.phases.ed_frame, study.phases.es_frame}
    frames = (
        group
        for one in study.slices
        for frame in sorted(wanted)
        if (group := _frame_group(study, one, frame)) is not None
    )
    return (*_global_group(study), *frames)


def _region(one: MeasuredSlice, frame: int) -> Region | None:
    points = outline(one.cavity[frame])
    if points is None:
        return None
    return Region(Shape.POLYGON, tuple((round(float(x), 2), round(float(y), 2)) for x, y in points), one.refs[frame])


def _number(name: Code, value: float | None, unit: Unit, **modifiers: Code) -> list[Measurement]:
    """The measurement, or none where the value is not known."""
    if value is None or not np.isfinite(value):
        return []
    return [Measurement(name, round(float(value), DECIMALS), unit, **modifiers)]


def _global_group(study: Study) -> Iterator[MeasurementGroup]:
    """Volumes, ejection fraction, mass and heart rate; nothing where there are no volumes."""
    function, mid = study.function, study.mid
    region = _region(mid, study.phases.ed_frame)
    if function is None or region is None:
        return
    rr_ms = study.stack.rr_ms
    yield MeasurementGroup(
        tracking_id="left ventricle: global function",
        finding=LEFT_VENTRICLE,
        evidence=(region.frame,),
        measurements=tuple(
            _number(LV_EJECTION_FRACTION_BY_MR, function.ef_percent, PERCENT, method=SUMMATION)
            + _number(LV_ED_VOLUME, function.edv_ml, MILLILITRE, method=SUMMATION)
            + _number(LV_ES_VOLUME, function.esv_ml, MILLILITRE, method=SUMMATION)
            + _number(STROKE_VOLUME, function.sv_ml, MILLILITRE, method=SUMMATION)
            + _number(LV_MASS, function.mass_g, GRAM, method=SUMMATION)
            + _number(HEART_RATE, 60000.0 / rr_ms if rr_ms else None, PER_MINUTE)
        ),
        region=region,
    )


def _frame_group(study: Study, one: MeasuredSlice, frame: int) -> MeasurementGroup | None:
    """The eleven indices and the phase of one frame; ``None`` where no cavity is seen."""
    region = _region(one, frame)
    if region is None:
        return None
    values = one.values[frame]
    numbers = [
        *_number(ENDOCARDIAL_AREA, values[CAVITY], SQUARE_MILLIMETRE),
        *_number(AREA, values[MYOCARDIUM], SQUARE_MILLIMETRE, site=LEFT_VENTRICLE_MYOCARDIUM),
    ]
    for chord, value in zip(CHORDS, values[DIAMETERS], strict=True):
        numbers += _number(DIAMETER, value, MILLIMETRE, method=chord)
    for segment, value in zip(SEGMENTS[one.level], values[THICKNESSES], strict=True):
        numbers += _number(WALL_THICKNESS, value, MILLIMETRE, site=segment)
    return MeasurementGroup(
        tracking_id=f"left ventricle: slice {one.index + 1} ({one.level.value}), frame {frame + 1}",
        finding=LEFT_VENTRICLE,
        evidence=(one.refs[frame],),
        measurements=tuple(numbers),
        evaluations=(Evaluation(CARDIAC_CYCLE_POINT, cycle_point(study, frame)),),
        region=region,
    )


def cycle_point(study: Study, frame: int) -> Code:
    """Where in the cycle a frame lies, by the phases of the whole study."""
    if frame == study.phases.ed_frame:
        return END_DIASTOLE
    if frame == study.phases.es_frame:
        return END_SYSTOLE
    return SYSTOLE if study.phases.state[frame] == phase.SYSTOLE else DIASTOLE
