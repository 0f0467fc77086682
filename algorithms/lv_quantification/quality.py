"""What a reader should doubt: the two ways of measuring disagree, the networks disagree, the stack ends too soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.function import LEAST_SLICES, bridged
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.study import (
    APART,
    CAVITY,
    DIAMETERS,
    MYOCARDIUM,
    THICKNESSES,
    MeasuredSlice,
    Study,
)
from dicom_node.series import Spacing

OPEN_END = 0.25
"""Of the largest cavity area at end-diastole: a stack whose last slice still has so much ends inside the ventricle."""
LARGEST_SPREAD = 0.2
"""Standard deviation of the five networks over the cavity area: with more, they have not seen the same thing."""
LEAST_FRAMES_OFF = 0.2
"""Part of a slice's frames that must be off before it is flagged: a single frame has little weight in any result."""

SEEN_IN_PEOPLE_PERCENT = (10.0, 85.0)
"""Ejection fractions beyond are of no beating heart, or of a cavity that was lost."""


@dataclass(frozen=True)
class Flag:
    """One doubt. ``slice_index`` is ``None`` where it is about the study."""

    code: str
    text: str
    slice_index: int | None = None


def flags_of(study: Study, options: Options) -> tuple[Flag, ...]:
    """All doubts, slice by slice, then those about the stack."""
    spacing = study.stack.spacing
    found = [flag for one in study.slices for flag in _slice_flags(one, spacing, options)]
    return (*found, *_unseen(study), *_missing(study), *_open_ends(study), *_implausible(study))


def disagreement(one: MeasuredSlice) -> NDArray[np.float64]:
    """(frames, 11) of network less mask, mm2 and mm; nan where one is unknown."""
    return one.regressed - one.from_masks


def border_mm2(cavity_mm2: NDArray[np.float64], spacing: Spacing) -> NDArray[np.float64]:
    """A pixel's width along the outline of a cavity of that area: what no way of measuring can tell apart."""
    return 2.0 * np.sqrt(np.pi * cavity_mm2) * float(np.sqrt(spacing.row_mm * spacing.column_mm))


def _slice_flags(one: MeasuredSlice, spacing: Spacing, options: Options) -> Iterator[Flag]:
    """Lengths are judged by their mean over the three, or the six, of a frame: a single one is off now and then."""
    off, masks = np.abs(disagreement(one)[one.seen]), one.from_masks[one.seen]
    border = border_mm2(masks[:, CAVITY], spacing)
    share = options.area_disagreement_percent / 100.0
    over = {
        name: ~(off[:, which] <= np.maximum(share * masks[:, which], border))  # nan: a mask without a wall
        for name, which in (("cavity area", CAVITY), ("myocardium area", MYOCARDIUM))
    }
    for name, which in (("diameters", DIAMETERS), ("wall thickness", THICKNESSES)):
        over[name] = off[:, which].mean(axis=1) > options.length_disagreement_mm
    for name, frames in ((name, int(np.count_nonzero(where))) for name, where in over.items()):
        if frames > LEAST_FRAMES_OFF * len(off):
            yield Flag(
                "disagreement",
                f"slice {one.index + 1}: {name} by networks and by mask disagree in {frames} of {len(off)} frames",
                one.index,
            )
    spread = one.spread[one.seen, CAVITY]
    if np.count_nonzero(spread > np.maximum(LARGEST_SPREAD * masks[:, CAVITY], border)) > len(spread) / 2:
        yield Flag(
            "spread",
            f"slice {one.index + 1}: the networks differ in cavity area by {np.median(spread):.0f} mm2 (median)",
            one.index,
        )


def _unseen(study: Study) -> Iterator[Flag]:
    """Frames without a cavity between slices that have one then. At the ends it is the ventricle's motion."""
    seen = np.array([one.seen for one in study.slices])
    between = np.logical_or.accumulate(seen) & np.logical_or.accumulate(seen[::-1])[::-1] & ~seen
    for one, frames in zip(study.slices, between.sum(axis=1).tolist(), strict=True):
        if frames:
            yield Flag("unseen", f"slice {one.index + 1}: no cavity is seen in {frames} of its frames", one.index)


def _missing(study: Study) -> Iterator[Flag]:
    """Slices that should have been measured, and were not."""
    distance = study.stack.spacing_between_mm
    if distance is not None:
        for at in bridged([one.slice.position_mm for one in study.slices], distance):
            before, after = study.slices[at].index + 1, study.slices[at + 1].index + 1
            yield Flag("gap", f"nothing was measured between slices {before} and {after}")
    for index, reason in study.not_measured:
        if reason == APART:
            yield Flag("apart", f"slice {index + 1}: a ventricle was found, but {APART}", index)
    if study.stack.beside:
        yield Flag("beside", f"next to the stack lie cines that do not go with it: {study.stack.beside}")
    if len(study.slices) < LEAST_SLICES <= len(study.stack.slices):
        yield Flag(
            "few_slices", f"a ventricle was found in {len(study.slices)} of {len(study.stack.slices)} slices only"
        )


def _open_ends(study: Study) -> Iterator[Flag]:
    """Whether the ventricle may go on where the stack ends: its last slice on a side is measured, and wide.

    The base comes down by a slice or more in systole: where the first slice has then left the ventricle, the stack
    holds the base.
    """
    if len(study.slices) < LEAST_SLICES:
        return
    at_ed, at_es = (
        np.nan_to_num(np.array([one.values[frame, CAVITY] for one in study.slices]))
        for frame in (study.phases.ed_frame, study.phases.es_frame)
    )
    if study.slices[-1].index == len(study.stack.slices) - 1 and at_ed[-1] > OPEN_END * at_ed.max():
        yield Flag("open_apex", "the last slice still shows a wide cavity: the apex may lie beyond the stack")
    wide = all(areas[0] > OPEN_END * areas.max() for areas in (at_ed, at_es))
    if study.slices[0].index == 0 and wide:
        yield Flag("open_base", "the first slice shows a wide cavity throughout: the base may lie beyond the stack")


def _implausible(study: Study) -> Iterator[Flag]:
    low, high = SEEN_IN_PEOPLE_PERCENT
    if study.function is not None and not low <= study.function.ef_percent <= high:
        yield Flag("ejection_fraction", f"an ejection fraction of {study.function.ef_percent:.0f} % is hardly seen")
