"""What a reader should doubt: the two ways of measuring disagree, the networks disagree, the stack ends too soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.indices import INDEX_NAMES
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.study import CAVITY, DIAMETERS, THICKNESSES, MeasuredSlice, Study

OPEN_END = 0.25
"""Of the largest cavity area at end-diastole: a stack whose last slice still has so much ends inside the ventricle."""
LARGEST_SPREAD = 0.2
"""Standard deviation of the five networks over the cavity area: with more, they have not seen the same thing."""
LEAST_FRAMES_OFF = 0.2
"""Part of a slice's frames that must be off before it is flagged: a single frame has little weight in any result."""


@dataclass(frozen=True)
class Flag:
    """One doubt. ``slice_index`` is ``None`` where it is about the study."""

    code: str
    text: str
    slice_index: int | None = None


def flags_of(study: Study, options: Options) -> tuple[Flag, ...]:
    """All doubts, slice by slice, then those about the stack."""
    found = [flag for one in study.slices for flag in _slice_flags(one, options)]
    return (*found, *_unseen(study), *_open_ends(study))


def disagreement(one: MeasuredSlice) -> NDArray[np.float64]:
    """(frames, 11) of network less mask: areas as a part of the mask's, lengths in mm; nan where one is unknown."""
    difference = one.regressed - one.from_masks
    with np.errstate(divide="ignore", invalid="ignore"):
        difference[:, :2] /= one.from_masks[:, :2]
    difference[~np.isfinite(difference)] = np.nan
    return difference


def _slice_flags(one: MeasuredSlice, options: Options) -> Iterator[Flag]:
    off = np.abs(disagreement(one)[one.seen])
    limits = np.full(len(INDEX_NAMES), options.length_disagreement_mm)
    limits[:2] = options.area_disagreement_percent / 100.0
    over = np.nan_to_num(off) > limits
    for name, which in (("cavity area", [CAVITY]), ("myocardium area", [1]), ("diameters", DIAMETERS),
                        ("wall thickness", THICKNESSES)):  # fmt: skip
        frames = np.count_nonzero(over[:, which].any(axis=1))
        if frames > LEAST_FRAMES_OFF * len(off):
            yield Flag(
                "disagreement",
                f"slice {one.index + 1}: {name} by networks and by mask disagree in {frames} of {len(off)} frames",
                one.index,
            )
    spread = one.spread[one.seen, CAVITY] / np.maximum(one.regressed[one.seen, CAVITY], 1.0)
    if spread.size and float(np.median(spread)) > LARGEST_SPREAD:
        yield Flag(
            "spread",
            f"slice {one.index + 1}: the networks differ in cavity area by {100 * np.median(spread):.0f} % (median)",
            one.index,
        )


def _unseen(study: Study) -> Iterator[Flag]:
    """Frames without a cavity. At the ends of the ventricle they are its motion through the slice, and no flag."""
    for one in study.slices[1:-1]:
        if unseen := np.count_nonzero(~one.seen):
            yield Flag("unseen", f"slice {one.index + 1}: no cavity is seen in {unseen} of its frames", one.index)


def _open_ends(study: Study) -> Iterator[Flag]:
    """Whether the ventricle may go on where the stack ends: its last slice on a side is measured, and wide."""
    if study.function is None:
        return
    ed = study.phases.ed_frame
    areas = np.nan_to_num(np.array([one.values[ed, CAVITY] for one in study.slices]))
    if study.slices[-1].index == len(study.stack.slices) - 1 and areas[-1] > OPEN_END * areas.max():
        yield Flag("open_apex", "the last slice still shows a wide cavity: the apex may lie beyond the stack")
    if study.slices[0].index == 0 and areas[0] > OPEN_END * areas.max():
        yield Flag("open_base", "the first slice still shows a wide cavity: the base may lie beyond the stack")
