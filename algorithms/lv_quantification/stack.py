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
from algorithms.lv_quantification.planes import (
    LARGEST_TILT_DEG,
    anchor_deg,
    are_parallel,
    is_mirrored,
    normal_to_apex,
    tilt_deg,
)
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import Frame, Plane, Series, Spacing, Volume

SAME_PLACE_MM = 1.0
SPACING_WITHIN = 1e-3
TOLD_FAULTS = 4


@dataclass(frozen=True)
class Slice:
    """One slice of the stack. ``times_ms`` count from its first frame."""

    volume: Volume
    position_mm: float  # towards the apex, along the normal
    times_ms: tuple[float, ...]


@dataclass(frozen=True)
class Stack:
    """Slices in order from base to apex, all of one grid and one number of frames.

    ``spacing_between_mm`` is the median distance of neighbours, ``None`` for a single slice. ``anchor_deg`` is how
    far the anatomy is turned against the standard display; ``mirrored`` says that the pictures are seen from the base
    and that their columns are to be reversed before (and masks after) the measurement, to which ``anchor_deg`` refers.
    """

    slices: tuple[Slice, ...]
    spacing: Spacing
    thickness_mm: float | None
    spacing_between_mm: float | None
    rr_ms: float | None
    anchor_deg: float
    mirrored: bool
    notes: tuple[str, ...]

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

    @property
    def frame_of_reference(self) -> str | None:
        """``None`` where frames of one series have several: some anonymisers give every file its own."""
        found = {_plane(frame).frame_of_reference_uid for volume in self.volumes for frame in volume.frames}
        return found.pop() if len(found) == 1 else None

    def goes_with(self, other: _Run) -> bool:
        mine, its = self.volumes[0], other.volumes[0]
        return (
            self.phases == other.phases
            and (mine.rows, mine.columns) == (its.rows, its.columns)
            and _same_spacing(mine.spacing, its.spacing)
            and (self.frame_of_reference is None or other.frame_of_reference in (None, self.frame_of_reference))
            and are_parallel(self.plane, other.plane)
        )

    def positions_mm(self, normal: NDArray[np.float64]) -> list[float]:
        return _positions_mm(self.volumes, normal)


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
    stacks = [_in_order(stack) for stack in _stacks(runs)]
    best = max(stacks, key=lambda stack: (sum(not faults[id(volume)] for volume in stack), len(stack)))
    if told := _told(best, faults):
        raise UnsuitableSeries(f"the short-axis stack of {len(best)} slice(s) cannot be measured: {told}")
    if lost := _lost(best, series.volumes, faults):
        raise UnsuitableSeries(f"the short-axis stack of {len(best)} slice(s) is not whole: {lost}")
    others = [_named(stack, _told(stack, faults)) for stack in stacks if stack is not best]
    return _stack(best, beat_s, tuple(f"not measured: {text}" for text in (*others, *left_out)))


def _short_axis_runs(series: Series) -> tuple[list[_Run], list[str]]:
    """Runs that may be (part of) the stack, and what else there is in words."""
    runs, reasons = [], Counter[str]()
    cine_series = {volume.series_uid for volume in series.volumes if len(volume.frames) >= LEAST_FRAMES}
    for volumes in _loader_runs(series.volumes):
        first = volumes[0]
        if first.modality != "MR":
            reasons[f"images of modality {first.modality or '(none)'}, not MR"] += len(volumes)
        elif (plane := first.frames[0].plane) is None:
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


def _stacks(runs: Sequence[_Run]) -> list[list[Volume]]:
    """Runs put together over series, the largest first; a run with a place that is taken begins a stack of its own."""
    begun: list[tuple[_Run, list[Volume], list[float]]] = []
    for run in sorted(runs, key=lambda run: -len(run.volumes)):
        for first, volumes, taken in begun:
            places = run.positions_mm(normal_to_apex(first.plane))
            if run.goes_with(first) and not _any_near(places, taken, _same_place_mm(first)):
                volumes.extend(run.volumes)
                taken.extend(places)
                break
        else:
            begun.append((run, list(run.volumes), run.positions_mm(normal_to_apex(run.plane))))
    return [volumes for _, volumes, _ in begun]


def _any_near(places: Sequence[float], taken: Sequence[float], within_mm: float) -> bool:
    return bool((np.abs(np.subtract.outer(places, taken)) < within_mm).any())


def _same_place_mm(run: _Run) -> float:
    """Slices of two series nearer than half a thickness show the same piece of the heart."""
    return max(SAME_PLACE_MM, (run.plane.thickness_mm or 0.0) / 2.0)


def _in_order(volumes: Sequence[Volume]) -> list[Volume]:
    positions = _positions_mm(volumes, normal_to_apex(_plane(volumes[0])))
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


def _lost(best: Sequence[Volume], volumes: Sequence[Volume], faults: dict[int, list[str]]) -> str:
    """What the series of the stack hold beside it that must be slices of it: measured without, it would look whole.

    Of other series only a cine that lacks nothing but its spacing must be one. A second picture of a place that is
    taken (another kind, another echo) is none of them.
    """
    plane, uids = _plane(best[0]), {volume.series_uid for volume in best}
    normal, inside = normal_to_apex(plane), {id(volume) for volume in best}
    taken = _positions_mm(best, normal)
    same_place_mm = max(SAME_PLACE_MM, (plane.thickness_mm or 0.0) / 2.0)
    reasons = Counter[str]()
    for volume in volumes:
        grid = (volume.modality, volume.rows, volume.columns)
        without_scale = volume.spacing is None and len(volume.frames) == len(best[0].frames)
        if id(volume) in inside or grid != ("MR", best[0].rows, best[0].columns):
            continue
        if volume.series_uid not in uids and not without_scale:
            continue
        own = volume.frames[0].plane
        if own is None:
            reasons["image(s) of its series without a valid ImagePositionPatient and ImageOrientationPatient"] += 1
        elif are_parallel(own, plane) and not _any_near(_positions_mm([volume], normal), taken, same_place_mm):
            why = "; ".join(faults.get(id(volume), ())) or "its spacing or number of frames is not that of the others"
            reasons[f"slice(s) that belong to it left out: {why}"] += 1
    return "; ".join(f"{count} {reason}" for reason, count in reasons.items())


def _named(volumes: Sequence[Volume], faults: str) -> str:
    uids = ", ".join(dict.fromkeys(volume.series_uid for volume in volumes))
    named = (
        f"another short-axis acquisition, {len(volumes)} slice(s) of {len(volumes[0].frames)} frames in series {uids}"
    )
    return f"{named} ({faults})" if faults else named


def _stack(volumes: Sequence[Volume], beat_s: float | None, notes: tuple[str, ...]) -> Stack:
    plane = _plane(volumes[0])
    normal = normal_to_apex(plane)
    slices = []
    for volume, position in zip(volumes, _positions_mm(volumes, normal), strict=True):
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
    gaps = np.diff([part.position_mm for part in slices])
    return Stack(
        slices=tuple(slices),
        spacing=spacing,
        thickness_mm=plane.thickness_mm,
        spacing_between_mm=float(np.median(gaps)) if len(gaps) else None,
        rr_ms=float(np.median(beats)) if beats else None,
        anchor_deg=anchor_deg(plane),
        mirrored=mirrored,
        notes=tuple(told),
    )


def _positions_mm(volumes: Sequence[Volume], normal: NDArray[np.float64]) -> list[float]:
    return [float(normal @ np.array(_plane(volume).position_mm)) for volume in volumes]


def _plane(of: Volume | Frame) -> Plane:
    plane = of.frames[0].plane if isinstance(of, Volume) else of.plane
    assert plane is not None
    return plane


def _same_spacing(one: Spacing | None, other: Spacing | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.allclose((one.row_mm, one.column_mm), (other.row_mm, other.column_mm), rtol=SPACING_WITHIN))
