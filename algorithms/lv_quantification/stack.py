"""The short-axis stack among everything that a series or study holds, in order from base to apex; or why there is none.

A scanner writes one slice, or several, or all of a stack in one series (GE, Philips: all; Siemens: one each), classic
or enhanced. Parallel slices of one grid and one number of phases make a stack, over series. A position that comes
again is a second acquisition, and another stack; the most complete stack is measured and the others are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.cycle import LEAST_FRAMES, faults_of, rr_from_heart_rate, rr_s
from algorithms.lv_quantification.places import (
    SAME_PLACE_MM,
    any_near,
    plane_of,
    positions_mm,
    same_frame_of_reference,
    same_place_mm,
    same_spacing,
    step_mm,
)
from algorithms.lv_quantification.planes import (
    LARGEST_TILT_DEG,
    anchor_deg,
    are_parallel,
    is_mirrored,
    normal_to_apex,
    tilt_deg,
)
from algorithms.lv_quantification.whole import what_is_missing, what_lies_beside
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import Plane, Series, Spacing, Volume

TOLD_FAULTS = 4
MOST_OVERLAP = 0.7
"""Of a slice's thickness, from slice to slice."""
UNEVEN = 0.2
"""Of that distance: by so much steps of one row may differ from each other."""


@dataclass(frozen=True)
class Slice:
    """One slice of the stack. ``times_ms`` count from its first frame."""

    volume: Volume
    position_mm: float  # towards the apex, along the normal
    times_ms: tuple[float, ...]


@dataclass(frozen=True)
class Stack:
    """Slices in order from base to apex, all of one grid and one number of frames.

    ``spacing_between_mm`` is the distance of neighbours (places.step_mm), ``None`` for a single slice. ``anchor_deg``
    is how far the anatomy is turned against the standard display; ``mirrored`` says that the pictures are seen from the
    base and that their columns are to be reversed before (and masks after) the measurement, to which ``anchor_deg``
    refers.
    ``beside``: cines that lie next to the stack and were taken otherwise, in words; empty if there are none.
    """

    slices: tuple[Slice, ...]
    spacing: Spacing
    thickness_mm: float | None
    spacing_between_mm: float | None
    rr_ms: float | None
    anchor_deg: float
    mirrored: bool
    notes: tuple[str, ...]
    beside: str = ""

    @property
    def frame_count(self) -> int:
        """Frames of each slice."""
        return len(self.slices[0].times_ms)

    def pictures(self) -> tuple[NDArray, ...]:
        """(frames, rows, columns) of each slice as it is measured: as seen from the apex."""
        return tuple(np.ascontiguousarray(self.turned(part.volume.read())) for part in self.slices)

    def turned(self, pictures: NDArray) -> NDArray:
        """From stored columns to those of the measurement, or back."""
        return pictures[..., ::-1] if self.mirrored else pictures


@dataclass(frozen=True)
class _Run:
    """What the loader took for one stack of one series: one orientation, one grid, one kind of picture."""

    volumes: tuple[Volume, ...]
    plane: Plane
    phases: int  # that its slices have, or should have

    def goes_with(self, other: _Run) -> bool:
        mine, its = self.volumes[0], other.volumes[0]
        return (
            self.phases == other.phases
            and (mine.rows, mine.columns) == (its.rows, its.columns)
            and same_spacing(mine.spacing, its.spacing)
            and same_frame_of_reference(self.volumes, other.volumes)
            and are_parallel(self.plane, other.plane)
        )


def short_axis_stack(series: Series, least_cover: float = 0.8) -> Stack:
    """The stack that is to be measured.

    Args:
        series: one series, or several of a study.
        least_cover: part of the heartbeat that the frames of a slice must span.

    Raises:
        UnsuitableSeries: there is none, or the best has a fault; names what was found, what is needed, what to do.
    """
    runs, left_out = _short_axis_runs(series)
    if not runs:
        raise UnsuitableSeries(
            "needs a cine MR in short-axis planes of the heart; found " + ("; ".join(left_out) or "nothing")
        )
    beat_s = rr_from_heart_rate(series.attributes.get("HeartRate"))
    faults = {
        id(volume): faults_of(volume, least_cover, beat_s, series.notes) for run in runs for volume in run.volumes
    }
    stacks = [_in_order(stack) for stack in _stacks(runs, faults)]
    best = max(stacks, key=lambda stack: (sum(not faults[id(volume)] for volume in stack), len(stack)))
    if told := _told(best, faults):
        raise UnsuitableSeries(f"the short-axis stack of {len(best)} slice(s) cannot be measured: {told}")
    if lost := what_is_missing(best, stacks, series.volumes, faults):
        raise UnsuitableSeries(f"the short-axis stack of {len(best)} slice(s) is not whole: {lost}")
    beside = what_lies_beside(best, stacks)
    others = [_named(stack, _told(stack, faults)) for stack in stacks if stack is not best]
    return _stack(best, beat_s, tuple(f"not measured: {text}" for text in (*others, *left_out)), beside)


def _short_axis_runs(series: Series) -> tuple[list[_Run], list[str]]:
    """Runs that may be (part of) the stack, and what else there is in words."""
    runs, reasons = [], Counter[str]()
    cine_series = {volume.series_uid for volume in series.volumes if len(volume.frames) >= LEAST_FRAMES}
    for volumes in _loader_runs(series.volumes):
        first = volumes[0]
        if first.modality != "MR":
            reasons[f"images of modality {first.modality or '(none)'}, not MR"] += len(volumes)
        elif (plane := first.frames[0].plane) is None or not all(
            frame.plane for volume in volumes for frame in volume.frames
        ):
            reasons["MR without ImagePositionPatient and ImageOrientationPatient: its plane is not known"] += len(
                volumes
            )
        elif first.series_uid not in cine_series:
            reasons[f"MR of fewer than {LEAST_FRAMES} frames at a place: no cine of the heart"] += len(volumes)
        elif (tilt := tilt_deg(plane)) > LARGEST_TILT_DEG:
            reasons[
                f"MR in a plane {tilt:.0f} degrees off the short axis (long axis, or no heart); at most "
                f"{LARGEST_TILT_DEG:.0f} are taken"
            ] += len(volumes)
        else:
            frames = Counter(len(volume.frames) for volume in volumes).most_common(1)[0][0]
            runs.append(_Run(tuple(volumes), plane, first.cardiac_images or frames))
    return runs, [f"{count} slice(s) or image(s): {reason}" for reason, count in reasons.items()]


def _loader_runs(volumes: Sequence[Volume]) -> list[list[Volume]]:
    """A stack of the loader begins where the slice index is 0; clips and stills have none and stand alone."""
    runs: list[list[Volume]] = []
    for volume in volumes:
        if runs and volume.slice_index and runs[-1][-1].series_uid == volume.series_uid:
            runs[-1].append(volume)
        else:
            runs.append([volume])
    return runs


def _stacks(runs: Sequence[_Run], faults: dict[int, list[str]]) -> list[list[Volume]]:
    """Runs put together over series; one whose place is taken begins a stack of its own.

    Those with the most faultless slices come first, so that a slice that was broken off does not keep its repeat out.
    Slices that overlap a little come apart in this, and are put together where they make one even row.
    """
    begun: list[tuple[_Run, list[Volume], list[float]]] = []

    def rank(run: _Run) -> tuple[int, int]:
        return -sum(not faults[id(volume)] for volume in run.volumes), -len(run.volumes)

    for run in sorted(runs, key=rank):
        open_to_it = []
        for first, volumes, taken in begun:
            places = positions_mm(run.volumes, normal_to_apex(first.plane))
            if run.goes_with(first) and not any_near(places, taken, same_place_mm(first.plane)):
                open_to_it.append((_misfit(places, taken), volumes, taken, places))
        if open_to_it:
            _, volumes, taken, places = min(open_to_it, key=lambda one: one[0])
            volumes.extend(run.volumes)
            taken.extend(places)
        else:
            begun.append((run, list(run.volumes), positions_mm(run.volumes, normal_to_apex(run.plane))))
    return _rows(begun)


def _rows(begun: Sequence[tuple[_Run, list[Volume], list[float]]]) -> list[list[Volume]]:
    """Stacks whose slices lie in the gaps of another's and make one even row with them, put together."""
    whole: list[tuple[_Run, list[Volume], list[float]]] = []
    for run, volumes, taken in begun:
        for first, into, places in whole:
            if run.goes_with(first) and _even(sorted([*places, *taken]), first.plane):
                into.extend(volumes)
                places.extend(taken)
                break
        else:
            whole.append((run, volumes, taken))
    return [volumes for _, volumes, _ in whole]


def _even(places: Sequence[float], plane: Plane) -> bool:
    """Whether they are one row of slices that overlap a little, some of them missing; rest and stress beside each other
    overlap more."""
    step = step_mm(places)
    steps = np.diff(places) / max(step, SAME_PLACE_MM)
    least = max(SAME_PLACE_MM, MOST_OVERLAP * (plane.thickness_mm or 0.0))
    return bool(step >= least and (np.abs(steps - np.maximum(np.round(steps), 1.0)) <= UNEVEN).all())


def _misfit(places: Sequence[float], taken: Sequence[float]) -> float:
    """How far places are off the even steps of a stack, 0..0.5 of a step: what tells two acquisitions apart."""
    if len(taken) < 2:
        return 0.5
    steps = (np.array(places) - taken[0]) / max(step_mm(np.sort(taken).tolist()), SAME_PLACE_MM)
    return float(np.abs(steps - np.round(steps)).mean())


def _in_order(volumes: Sequence[Volume]) -> list[Volume]:
    positions = positions_mm(volumes, normal_to_apex(plane_of(volumes[0])))
    return [volumes[index] for index in np.argsort(positions, kind="stable")]


def _told(volumes: Sequence[Volume], faults: dict[int, list[str]]) -> str:
    """Every fault with the slices that have it, counted from the base; a few of them."""
    having: dict[str, list[int]] = {}
    for number, volume in enumerate(volumes, start=1):
        for fault in faults[id(volume)]:
            having.setdefault(fault, []).append(number)
    counts = sorted({len(volume.frames) for volume in volumes})
    if len(counts) > 1:
        having.setdefault(
            f"slices have {', '.join(map(str, counts))} frames; needs every phase of every slice: send what is missing",
            [number for number, volume in enumerate(volumes, start=1) if len(volume.frames) != counts[-1]],
        )
    told = [f"slice {', '.join(map(str, numbers))}: {fault}" for fault, numbers in having.items()]
    more = f"; and {len(told) - TOLD_FAULTS} more" if len(told) > TOLD_FAULTS else ""
    return "; ".join(told[:TOLD_FAULTS]) + more


def _named(volumes: Sequence[Volume], faults: str) -> str:
    uids = ", ".join(dict.fromkeys(volume.series_uid for volume in volumes))
    named = (
        f"another short-axis acquisition, {len(volumes)} slice(s) of {len(volumes[0].frames)} frames in series {uids}"
    )
    return f"{named} ({faults})" if faults else named


def _stack(volumes: Sequence[Volume], beat_s: float | None, notes: tuple[str, ...], beside: str) -> Stack:
    plane = plane_of(volumes[0])
    normal = normal_to_apex(plane)
    slices = []
    for volume, position in zip(volumes, positions_mm(volumes, normal), strict=True):
        assert volume.timing is not None
        slices.append(Slice(volume, position, tuple(1000.0 * time for time in volume.timing.times_s)))
    beats = [1000.0 * beat for volume in volumes if (beat := rr_s(volume, beat_s)) is not None]
    told = list(notes)
    if not beats:
        told.append(
            "the header gives no RR interval and no heart rate: whether the frames cover a heartbeat is not known"
        )
    mirrored = is_mirrored(plane)
    if mirrored:
        told.append("the pictures are seen from the base; they were measured with their columns reversed")
    spacing = volumes[0].spacing
    assert spacing is not None
    return Stack(
        slices=tuple(slices),
        spacing=spacing,
        thickness_mm=plane.thickness_mm,
        spacing_between_mm=step_mm([part.position_mm for part in slices]) if len(slices) > 1 else None,
        rr_ms=float(np.median(beats)) if beats else None,
        anchor_deg=anchor_deg(plane),
        mirrored=mirrored,
        notes=tuple(told),
        beside=beside,
    )
