"""Where the left ventricle lies in each slice of a stack, and in which slices there is none.

The finder's maps of a slice (a few frames spread over the heartbeat, several networks) are averaged. Every blob is a
candidate; the chain of candidates through the stack that is brightest and straightest is the ventricle, so that a
stomach or an aorta that lights up in one slice does not draw the measurement away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.crop import FIELD_MM, FIELD_PX

BLOB_FROM = 0.25
"""Probability at which a blob begins."""
FOUND_FROM = 0.5
"""Certainty (mean probability of a blob's brightest square centimetre) from which a slice has a ventricle."""
STEP_MM = 20.0
"""How far the centre may move from slice to slice (tilt, another breath-hold) before a chain pays much for it."""
MISSING = -3.0
"""What it costs a chain to find nothing in a slice, in units of log certainty."""
SLICES_BEYOND = 2
CORE_PX = max(1, round(100.0 / FIELD_MM**2))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A blob of the finder's map. ``x_mm``, ``y_mm`` count from the middle of the field."""

    x_mm: float
    y_mm: float
    certainty: float
    area_mm2: float


def candidates(probability: NDArray[np.float32]) -> tuple[Candidate, ...]:
    """The blobs of a slice's mean map (128, 128), most certain first, five at most."""
    count, labels = cv2.connectedComponents((probability >= BLOB_FROM).astype(np.uint8), connectivity=4)
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        values = probability[rows, columns]
        brightest = np.sort(values)[-CORE_PX:]
        certainty = float(brightest.sum() / max(len(brightest), CORE_PX / 2))
        weights = values / values.sum()
        middle = (FIELD_PX - 1) / 2.0
        x_mm = float((columns * weights).sum() - middle) * FIELD_MM
        y_mm = float((rows * weights).sum() - middle) * FIELD_MM
        found.append(Candidate(x_mm, y_mm, min(certainty, 1.0), len(values) * FIELD_MM**2))
    return tuple(sorted(found, key=lambda one: one.certainty, reverse=True)[:5])


def chained(stack: Sequence[Sequence[Candidate]]) -> list[Candidate | None]:
    """The best chain through the stack: at most one candidate per slice, ``None`` where the chain skips one.

    Dynamic programming over slices in their order in space. A chain gains the log of each certainty (above what an
    empty slice costs) and pays the square of each move beyond the slice distance it has skipped.
    """
    best: list[tuple[float, int | None, Candidate, int]] = []  # score, index of the one before, candidate, slice
    for index, choices in enumerate(stack):
        for choice in choices:
            gain = float(np.log(max(choice.certainty, 1e-3))) - MISSING
            score, before = gain, None
            for number, (reached, _, earlier, at) in enumerate(best):
                if at < index:
                    total = reached + gain - _move(earlier, choice, index - at)
                    if total > score:
                        score, before = total, number
            best.append((score, before, choice, index))
    found: list[Candidate | None] = [None] * len(stack)
    if best:
        at: int | None = int(np.argmax([entry[0] for entry in best]))
        while at is not None:
            _, before, choice, index = best[at]
            found[index] = choice
            at = before
    return found


def followed(chain: Sequence[Candidate | None]) -> list[Candidate | None]:
    """The chain with the places where a ventricle may be though the finder shows none: for the index networks to judge.

    The tip of the ventricle is small, and pale at end-systole: up to two slices beyond the chain's apical end are
    looked at where the nearest slice has it, and slices inside the chain on the line between their neighbours. Such a
    place has certainty 0. Slices above the base are not guessed at.

    Args:
        chain: from base to apex.
    """
    found = list(chain)
    sure = [index for index, place in enumerate(chain) if place is not None]
    if not sure:
        return found
    for before, after in pairwise(sure):
        for index in range(before + 1, after):
            found[index] = _between(chain[before], chain[after], (index - before) / (after - before))
    last = chain[sure[-1]]
    for index in range(sure[-1] + 1, min(sure[-1] + 1 + SLICES_BEYOND, len(chain))):
        found[index] = _between(last, last, 0.0)
    return found


def _between(one: Candidate | None, other: Candidate | None, share: float) -> Candidate:
    assert one is not None
    assert other is not None
    x_mm = one.x_mm + share * (other.x_mm - one.x_mm)
    y_mm = one.y_mm + share * (other.y_mm - one.y_mm)
    return Candidate(x_mm, y_mm, certainty=0.0, area_mm2=0.0)


def _move(one: Candidate, other: Candidate, slices: int) -> float:
    return float(np.hypot(one.x_mm - other.x_mm, one.y_mm - other.y_mm) / (STEP_MM * slices)) ** 2
