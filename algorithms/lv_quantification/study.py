"""What the estimates of a stack's slices come to: measured slices, the phases of the study, its global function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.base import BEYOND_APEX, above_base, beyond_apex
from algorithms.lv_quantification.function import (
    LEAST_SLICES,
    GlobalFunction,
    bridged,
    global_function,
    largest_run,
    volumes_ml,
)
from algorithms.lv_quantification.phase import Phases, phases, rhythm
from algorithms.lv_quantification.reported import reported
from algorithms.lv_quantification.stack import Slice, Stack
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import FrameRef

CAVITY, MYOCARDIUM = 0, 1
APART = "apart from the other slices in which a ventricle was found"
NO_VOLUMES = "no volumes"
CUT_OFF = 0.5
"""Of the widest cavity at end-diastole: a stack whose last slice has more was not taken down to the apex."""
LEAST_CHANGE = 0.02
"""Part of its volume by which a weak heart still changes over the cycle; of a still picture noise makes 1 %."""
LEAST_RHYTHM = 0.6
"""Part of the change that goes with the heartbeat: three real hearts have 0.96 to 0.99. Noise has as much by chance in
4 % of cines of 15 frames and 1 % of those of 20; of 1 % of the volume, it hides a beat of 3 % in half of the cines."""
DIAMETERS, THICKNESSES = slice(2, 5), slice(5, 11)


class Estimate(Protocol):
    """What the networks say of one slice: estimate.SliceEstimate."""

    @property
    def found(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def cavity(self) -> NDArray[np.bool_]: ...
    @property
    def myocardium(self) -> NDArray[np.bool_]: ...
    @property
    def regressed(self) -> NDArray[np.floating]: ...
    @property
    def spread(self) -> NDArray[np.floating]: ...
    @property
    def measured(self) -> NDArray[np.floating]: ...


class Level(Enum):
    """Third of the ventricle that a slice lies in (AHA 2002)."""

    BASAL = "basal"
    MID = "mid"
    APICAL = "apical"


@dataclass(frozen=True)
class MeasuredSlice:
    """One slice in which a ventricle was found. ``index`` counts the slices of the stack from 0 at the base.

    ``values``, ``regressed``, ``spread`` and ``from_masks`` are (frames, 11) in the order of INDEX_NAMES, mm2 and mm;
    ``values`` are those that are reported, nan in frames where no cavity is seen. Masks are (frames, rows, columns) of
    the stored picture.
    """

    index: int
    slice: Slice
    level: Level
    confidence: float
    cavity: NDArray[np.bool_] = field(repr=False)
    myocardium: NDArray[np.bool_] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    regressed: NDArray[np.float64] = field(repr=False)
    spread: NDArray[np.float64] = field(repr=False)
    from_masks: NDArray[np.float64] = field(repr=False)
    phases: Phases | None = field(repr=False)

    @property
    def refs(self) -> tuple[FrameRef, ...]:
        """The frames' names in the archive."""
        return tuple(frame.ref for frame in self.slice.volume.frames)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(frames,) whether there is a cavity."""
        return np.isfinite(self.values[:, CAVITY])


@dataclass(frozen=True)
class Study:
    """All that is known of one stack. ``not_measured``: (index in the stack, why)."""

    stack: Stack
    slices: tuple[MeasuredSlice, ...]
    not_measured: tuple[tuple[int, str], ...]
    phases: Phases
    function: GlobalFunction | None
    notes: tuple[str, ...]

    @property
    def mid(self) -> MeasuredSlice:
        """The middle one of the slices with a cavity both at end-diastole and at end-systole."""
        ed, es = self.phases.ed_frame, self.phases.es_frame
        whole = [one for one in self.slices if one.seen[ed] and one.seen[es]] or list(self.slices)
        return whole[len(whole) // 2]


def study_of(stack: Stack, estimates: Sequence[Estimate]) -> Study:
    """Puts the slices together.

    Raises:
        UnsuitableSeries: no slice has a ventricle in sight, or its cavity does not beat.
    """
    found = [index for index, one in enumerate(estimates) if one.found]
    if not found:
        reasons = dict.fromkeys(one.reason for one in estimates)
        raise UnsuitableSeries(
            f"needs a left ventricle in sight; none was found in {len(stack.slices)} slice(s): {'; '.join(reasons)}"
        )
    distance = _distance_mm(stack)
    together = largest_run([stack.slices[index].position_mm for index in found], distance)
    kept = [found[position] for position in together]
    not_measured = [
        (index, one.reason if not one.found else APART) for index, one in enumerate(estimates) if index not in kept
    ]
    areas = np.stack([reported(estimates[index])[:, CAVITY] for index in kept])
    positions = [stack.slices[index].position_mm for index in kept]
    cycle = _beating(volumes_ml(areas, positions, distance))
    if above := above_base(areas[:, cycle.ed_frame], areas[:, cycle.es_frame]):
        not_measured = sorted([*not_measured, *zip(kept, above, strict=False)])
        kept, areas, positions = kept[len(above) :], areas[len(above) :], positions[len(above) :]
        cycle = _beating(volumes_ml(areas, positions, distance))
    ended: list[int] = []
    if beyond := beyond_apex(areas[:, cycle.ed_frame]):
        ended = kept[-beyond:]
        not_measured = sorted([*not_measured, *((index, BEYOND_APEX) for index in ended)])
        kept, areas, positions = kept[:-beyond], areas[:-beyond], positions[:-beyond]
        cycle = _beating(volumes_ml(areas, positions, distance))
    further = any(index > kept[-1] for index in found if index not in kept and index not in ended)
    cut_off = _cut_off(stack, kept, areas[:, cycle.ed_frame], further)
    places = (Level.MID,) * len(kept) if cut_off else levels(len(kept))
    slices = tuple(_measured(stack, index, estimates[index], level) for index, level in zip(kept, places, strict=True))
    function, notes = (None, [cut_off]) if cut_off else _function(slices, areas, positions, stack, cycle)
    return Study(stack, slices, tuple(not_measured), cycle, function, tuple(filter(None, (cycle.note, *notes))))


def _beating(volumes: NDArray[np.float64]) -> Phases:
    """The phases of volumes that change as those of a heart."""
    needed = "needs a cine in which the heart beats"
    try:
        cycle = phases(volumes)
    except ValueError as error:
        raise UnsuitableSeries(f"{error}; {needed}") from error
    change = 1.0 - float(cycle.curve.min() / cycle.curve.max())
    if change < LEAST_CHANGE:
        raise UnsuitableSeries(
            f"what looks like a cavity changes by {change:.1%} over the cycle, as a picture that stands still does by "
            f"its noise; {needed} (>= {LEAST_CHANGE:.0%})"
        )
    share = rhythm(volumes)
    if share is not None and share < LEAST_RHYTHM:
        raise UnsuitableSeries(
            f"what looks like a cavity changes without a rhythm ({share:.0%} of its change goes with the heartbeat), "
            f"as a picture that stands still does by its noise; {needed} (>= {LEAST_RHYTHM:.0%})"
        )
    return cycle


def levels(count: int) -> tuple[Level, ...]:
    """Thirds from base to apex; of fewer than three slices nothing is known but that they are somewhere between."""
    if count < LEAST_SLICES:
        return (Level.MID,) * count
    return tuple(tuple(Level)[3 * index // count] for index in range(count))


def _cut_off(stack: Stack, kept: Sequence[int], areas_mm2: NDArray[np.float64], further: bool) -> str:
    """Why a stack has too little of the ventricle for volumes, and for thirds of it; empty if it has not.

    Towards the base that cannot be told: there the ventricle is wide up to its last slice.

    Args:
        further: a ventricle was found further down, beyond slices without one.
    """
    areas = np.nan_to_num(areas_mm2)
    share = float(areas[-1] / areas.max()) if areas.max() > 0 else 0.0
    if len(kept) < LEAST_SLICES or share <= CUT_OFF or not (further or kept[-1] == len(stack.slices) - 1):
        return ""
    wide = f"its last slice still has {share:.0%} of the widest cavity"
    if further:
        again = f"{wide}; it is seen again further down"
        return f"{NO_VOLUMES}: the slices that are measured end inside the ventricle ({again})"
    return f"{NO_VOLUMES}: the stack ends inside the ventricle ({wide}); slices down to the apex are needed"


def _distance_mm(stack: Stack) -> float:
    """From slice to slice; of a lone slice its thickness, by which no volume is reported."""
    return stack.spacing_between_mm or stack.thickness_mm or 1.0


def _measured(stack: Stack, index: int, estimate: Estimate, level: Level) -> MeasuredSlice:
    values = reported(estimate)
    areas = np.nan_to_num(values[:, CAVITY], nan=0.0)
    try:
        own = phases(areas)
    except ValueError:
        own = None
    return MeasuredSlice(
        index=index,
        slice=stack.slices[index],
        level=level,
        confidence=float(estimate.confidence),
        cavity=stack.turned(estimate.cavity),
        myocardium=stack.turned(estimate.myocardium),
        values=values,
        regressed=np.asarray(estimate.regressed, np.float64),
        spread=np.asarray(estimate.spread, np.float64),
        from_masks=np.asarray(estimate.measured, np.float64),
        phases=own,
    )


def _function(
    slices: Sequence[MeasuredSlice],
    areas: NDArray[np.float64],
    positions: Sequence[float],
    stack: Stack,
    cycle: Phases,
) -> tuple[GlobalFunction | None, list[str]]:
    distance = stack.spacing_between_mm
    if distance is None or len(slices) < LEAST_SLICES:
        return None, [f"{NO_VOLUMES}: {len(slices)} measured slice(s); a stack of >= {LEAST_SLICES} is needed"]
    walls = np.stack([one.values[:, MYOCARDIUM] for one in slices])
    try:
        function = global_function(areas, walls, positions, distance, cycle.ed_frame, cycle.es_frame)
    except ValueError as error:
        return None, [f"{NO_VOLUMES}: {error}"]
    used = ", ".join(str(one.index + 1) for one in slices)
    told = [f"volumes from slices {used} of {len(stack.slices)}, counted from the base, {distance:g} mm apart"]
    told += [
        f"no measurement between slices {slices[at].index + 1} and {slices[at + 1].index + 1}: the volumes go straight "
        "from one to the other"
        for at in bridged(positions, distance)
    ]
    if function.mass_g is None:
        told.append("no mass: no myocardium at end-diastole")
    return function, told
