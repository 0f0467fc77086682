"""What measured strips become: an AnalysisResult in the words of TID 1500.

All groups are of TID 1501, and every number names what it was inferred from: a thickness its own line of two points,
volumes and fractions the lines of the internal dimensions, means the end points of these lines in all their beats (as
one set of points: a line for each would make reports of a thousand items). Viewers that refuse groups without
coordinates take it.

Lines and numbers have keys: a person may correct them, and what follows from them follows (follows.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from algorithms.mmode_ef.cycles import Cycle
from algorithms.mmode_ef.follows import (
    HEART_RATE_KEY,
    Number,
    Place,
    cycle_numbers,
    line_points,
    mean_numbers,
    spread_numbers,
    strip_place,
)
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.pictures import strip_picture
from algorithms.mmode_ef.ranges import range_notes
from algorithms.mmode_ef.strip import BY_RULE, Strip
from algorithms.mmode_ef.study import Measured
from algorithms.mmode_ef.summary import cycles_table, summary_of, walls_table
from dicom_node.codes import (
    CARDIAC_CYCLE_POINT,
    END_DIASTOLE,
    END_SYSTOLE,
    GRAM,
    HEART_RATE,
    INTERVENTRICULAR_SEPTUM,
    IVS_DIASTOLE_MM,
    IVS_SYSTOLE_MM,
    LEFT_VENTRICLE,
    LV_EF_TEICHHOLZ_MM,
    LV_END_DIASTOLIC_VOLUME,
    LV_END_SYSTOLIC_VOLUME,
    LV_FS_MM,
    LV_MASS,
    LV_MASS_BY_M_MODE,
    LVID_DIASTOLE_MM,
    LVID_SYSTOLE_MM,
    LVPW_DIASTOLE_MM,
    LVPW_SYSTOLE_MM,
    MEAN,
    MILLILITRE,
    MILLIMETRE,
    NO_UNITS,
    PER_MINUTE,
    PERCENT,
    POSTERIOR_WALL,
    SECOND,
    STANDARD_DEVIATION,
    TEICHHOLZ,
    Code,
    Unit,
    local,
)
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup, Picture, Region, Shape
from dicom_node.series import ArrayPixels

RELATIVE_WALL_THICKNESS = local("RWT", "Relative wall thickness (2 PWd / LVIDd)")
CYCLE_NOTE = local("CYCLENOTE", "Remark on the cardiac cycle")


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a value of the summary is coded, and the lengths that it is inferred from."""

    code: Code
    unit: Unit
    lengths: tuple[str, ...]
    site: Code | None = None
    method: Code | None = None


_ED_LENGTHS = ("ivsd_mm", "lvidd_mm", "lvpwd_mm")
_CAVITY = ("lvidd_mm", "lvids_mm")
LENGTH_QUANTITIES: Mapping[str, Quantity] = {
    "ivsd_mm": Quantity(IVS_DIASTOLE_MM, MILLIMETRE, ("ivsd_mm",), INTERVENTRICULAR_SEPTUM),
    "lvidd_mm": Quantity(LVID_DIASTOLE_MM, MILLIMETRE, ("lvidd_mm",), LEFT_VENTRICLE),
    "lvpwd_mm": Quantity(LVPW_DIASTOLE_MM, MILLIMETRE, ("lvpwd_mm",), POSTERIOR_WALL),
    "ivss_mm": Quantity(IVS_SYSTOLE_MM, MILLIMETRE, ("ivss_mm",), INTERVENTRICULAR_SEPTUM),
    "lvids_mm": Quantity(LVID_SYSTOLE_MM, MILLIMETRE, ("lvids_mm",), LEFT_VENTRICLE),
    "lvpws_mm": Quantity(LVPW_SYSTOLE_MM, MILLIMETRE, ("lvpws_mm",), POSTERIOR_WALL),
}
FUNCTION_QUANTITIES: Mapping[str, Quantity] = {
    "ef_percent": Quantity(LV_EF_TEICHHOLZ_MM, PERCENT, _CAVITY),
    "fs_percent": Quantity(LV_FS_MM, PERCENT, _CAVITY),
    "edv_ml": Quantity(LV_END_DIASTOLIC_VOLUME, MILLILITRE, ("lvidd_mm",), method=TEICHHOLZ),
    "esv_ml": Quantity(LV_END_SYSTOLIC_VOLUME, MILLILITRE, ("lvids_mm",), method=TEICHHOLZ),
    "lv_mass_g": Quantity(LV_MASS, GRAM, _ED_LENGTHS, method=LV_MASS_BY_M_MODE),
    "relative_wall_thickness": Quantity(RELATIVE_WALL_THICKNESS, NO_UNITS, ("lvidd_mm", "lvpwd_mm")),
    HEART_RATE_KEY: Quantity(HEART_RATE, PER_MINUTE, ("lvidd_mm",)),
}
Beat = tuple[Cycle, Place]
"""A cycle, and where its values stand."""
PHASES = (
    ("end-diastole", END_DIASTOLE, _ED_LENGTHS),
    ("end-systole", END_SYSTOLE, ("ivss_mm", "lvids_mm", "lvpws_mm")),
)


def compose(measured: Sequence[Measured], patient_sex: str | None, options: Options) -> AnalysisResult:
    """One result from one strip or several; the second strip's groups and picture carry the number 2, and so on."""
    many = len(measured) > 1
    tables = (cycles_table(measured), walls_table(measured))
    captures = [one for one in measured if one.strip.calibration == BY_RULE]
    return AnalysisResult(
        summary=summary_of(measured, options),
        groups=tuple(
            group
            for number, one in enumerate(measured, start=1)
            for group in _groups(one, strip_place(number), f"strip {number}, " if many else "", options)
        ),
        pictures=tuple(_picture(one, number, options) for number, one in enumerate(measured, start=1)),
        tables=tuple(table for table in tables if table is not None),
        notes=(
            *(
                note
                for number, one in enumerate(measured, 1)
                for note in _notes(one, f"strip {number}: " if many else "")
            ),
            *range_notes(patient_sex),
        ),
        statements=("The scale was given by the rule, not by the picture: it is as right as the rule is.",)
        if captures
        else (),
    )


def _groups(one: Measured, place: Place, prefix: str, options: Options) -> Iterator[MeasurementGroup]:
    """The values of the strip first, then cycle by cycle: end-diastole, end-systole, function."""
    yield _mean_group(one, place, prefix, options)
    for number, cycle in enumerate(one.cycles, start=1):
        name, beat = f"{prefix}cycle {number}", (cycle, place.cycle(number))
        numbers = cycle_numbers({**cycle.values, HEART_RATE_KEY: cycle.heart_rate_bpm}, beat[1])
        remarks = _remarks(cycle)
        for phase, code, lengths in PHASES:
            yield MeasurementGroup(
                tracking_id=f"{name}, {phase}",
                finding=LEFT_VENTRICLE,
                evidence=(one.strip.frame,),
                measurements=tuple(
                    _measurement(LENGTH_QUANTITIES[key], numbers[key], (beat,), one.strip) for key in lengths
                ),
                evaluations=(Evaluation(CARDIAC_CYCLE_POINT, code), *remarks),
            )
        yield MeasurementGroup(
            tracking_id=f"{name}, function",
            finding=LEFT_VENTRICLE,
            evidence=(one.strip.frame,),
            measurements=tuple(
                _measurement(quantity, numbers[key], (beat,), one.strip)
                for key, quantity in FUNCTION_QUANTITIES.items()
            ),
            evaluations=remarks,
        )


def _mean_group(one: Measured, place: Place, prefix: str, options: Options) -> MeasurementGroup:
    """The values that stand for the strip, with their spread from beat to beat where they are means."""
    chosen = one.beats(options)
    beats = tuple((beat, place.cycle(one.cycles.index(beat) + 1)) for beat in chosen)
    several = len(beats) > 1
    places = [beat_place for _, beat_place in beats]
    means = mean_numbers(one.means(options), place, places)
    spreads = spread_numbers(one.spreads(), place, places) if several else {}
    numbers = []
    for key, quantity in {**FUNCTION_QUANTITIES, **LENGTH_QUANTITIES}.items():
        numbers.append(_measurement(quantity, means[key], beats, one.strip, MEAN if several else None))
        if key in spreads:
            numbers.append(_measurement(quantity, spreads[key], beats, one.strip, STANDARD_DEVIATION))
    if several:
        text = f"mean of {len(beats)} cycles and standard deviation from beat to beat"
    elif len(one.cycles) > 1:
        text = f"values of cycle {one.cycles.index(chosen[0]) + 1}"
    else:
        text = "values of the only complete cycle"
    return MeasurementGroup(
        tracking_id=f"{prefix}left ventricle",
        finding=LEFT_VENTRICLE,
        evidence=(one.strip.frame,),
        measurements=tuple(numbers),
        evaluations=(Evaluation(CYCLE_NOTE, text),),
    )


def _remarks(cycle: Cycle) -> tuple[Evaluation, ...]:
    told = [f"detected with certainty {cycle.probability:.3f}"]
    if cycle.chosen:
        told.append("the most probable regular cycle")
    if cycle.ectopic:
        told.append("ectopic: not in the means")
    return (Evaluation(CYCLE_NOTE, "; ".join(told)),)


def _measurement(
    quantity: Quantity, number: Number, beats: Sequence[Beat], strip: Strip, derivation: Code | None = None
) -> Measurement:
    lines = tuple(_line(beat, length, strip) for beat in beats for length in quantity.lengths)
    if len(beats) > 1:
        lines = (Region(Shape.MULTIPOINT, tuple(point for line in lines for point in line.points), strip.frame),)
    return Measurement(
        name=quantity.code,
        value=number.value,
        unit=quantity.unit,
        method=quantity.method,
        derivation=derivation,
        site=quantity.site,
        inferred_from=lines,
        key=number.key,
        formula=number.formula,
        limits=number.limits,
        summary_path=number.path,
    )


def _line(beat: Beat, length: str, strip: Strip) -> Region:
    """The two points of a length on its frame: time across, depth down."""
    cycle, place = beat
    return Region(
        Shape.POLYLINE,
        line_points(cycle.points, length),
        strip.frame,
        key=place.line_key(length),
        per_px=((strip.seconds_per_px, SECOND), (strip.mm_per_px, MILLIMETRE)),
        summary_path=place.line_path(length),
    )


def _picture(one: Measured, number: int, options: Options) -> Picture:
    return Picture(
        title="M-mode of the left ventricle",
        pixels=ArrayPixels(strip_picture(one, options)[None]),
        source=(one.strip.frame,),
        role="mmode_picture" if number == 1 else f"mmode_picture_{number}",
        description="The M-mode strip with its cycles, the eight points of each, their lines and values",
    )


def _notes(one: Measured, prefix: str) -> list[str]:
    strip = one.strip
    told = [
        f"scale from {strip.calibration}: {strip.seconds_per_px * 1000:.3f} ms per column, {strip.mm_per_px:.4f} mm "
        "per row",
        f"left-ventricular M-mode with certainty {one.verdict.lv:.3f}; {len(one.cycles)} complete cycle(s) measured; "
        f"the most probable regular one is cycle {one.cycles.index(one.chosen) + 1} ({one.chosen.probability:.3f})",
        "volumes by Teichholz assume a ventricle without regional wall motion abnormality",
        *one.notes,
    ]
    return [prefix + text for text in told]
