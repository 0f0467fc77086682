"""Global function of the left ventricle by summation over the stack: volumes, ejection fraction, mass.

A slice stands for half the way to its neighbour on each side, and at the ends of the ventricle for half a slice
distance outwards. For slices at one distance that is area times distance, summed; over a slice that is missing inside
it goes straight from neighbour to neighbour, and so it does in a frame over a slice without a cavity between others
that have one. At the ends a slice in which no cavity is seen in a frame has none there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MYOCARDIUM_G_PER_ML = 1.05
"""Density by which the mass of the myocardium is reported everywhere."""
LEAST_SLICES = 3
"""Fewer measure the ventricle nowhere but where they lie."""
LARGEST_GAP = 2.5
"""Slice distances: one slice that is missing inside is bridged, two are not."""
BRIDGED_GAP = 1.5


@dataclass(frozen=True)
class GlobalFunction:
    """Of one study; ``curve_ml`` is the cavity's volume in every frame."""

    edv_ml: float
    esv_ml: float
    ef_percent: float
    mass_g: float | None
    curve_ml: NDArray[np.float64]

    @property
    def sv_ml(self) -> float:
        """Stroke volume."""
        return self.edv_ml - self.esv_ml


def volumes_ml(areas_mm2: ArrayLike, positions_mm: ArrayLike, distance_mm: float) -> NDArray[np.float64]:
    """(frames,) volume in every frame.

    Args:
        areas_mm2: (slices, frames), nan where a slice shows nothing in that frame.
        positions_mm: (slices,) along the axis, ascending.
        distance_mm: from slice to slice, for the ends.
    """
    areas, positions = np.asarray(areas_mm2, np.float64), np.asarray(positions_mm, np.float64)
    volumes = np.zeros(areas.shape[1])
    for frame, column in enumerate(areas.T):
        seen = np.isfinite(column)
        if seen.any():
            volumes[frame] = column[seen] @ shares_mm(positions[seen], distance_mm) / 1000.0
    return volumes


def shares_mm(positions_mm: NDArray[np.float64], distance_mm: float) -> NDArray[np.float64]:
    """(slices,) how much of the axis each slice stands for; positions ascending, ``distance_mm`` for the ends."""
    halves = np.diff(positions_mm) / 2.0
    return np.concatenate([[distance_mm / 2.0], halves]) + np.concatenate([halves, [distance_mm / 2.0]])


def global_function(
    cavity_mm2: NDArray[np.float64],
    myocardium_mm2: NDArray[np.float64],
    positions_mm: Sequence[float],
    distance_mm: float,
    ed_frame: int,
    es_frame: int,
) -> GlobalFunction:
    """Volumes at the two frames, and the mass of the myocardium at end-diastole.

    Args:
        cavity_mm2, myocardium_mm2: (slices, frames), nan where nothing is seen.
        positions_mm: (slices,) ascending.
        distance_mm: from slice to slice.
        ed_frame, es_frame: 0-based.

    Raises:
        ValueError: there is no volume at end-diastole.
    """
    curve = volumes_ml(cavity_mm2, positions_mm, distance_mm)
    edv, esv = float(curve[ed_frame]), float(curve[es_frame])
    if edv <= 0:
        raise ValueError("the cavity has no volume at end-diastole")
    muscle = float(volumes_ml(myocardium_mm2[:, [ed_frame]], positions_mm, distance_mm)[0])
    mass = muscle * MYOCARDIUM_G_PER_ML if muscle > 0 else None
    return GlobalFunction(edv, esv, 100.0 * (edv - esv) / edv, mass, curve)


def largest_run(positions_mm: Sequence[float], distance_mm: float) -> list[int]:
    """Indices of the longest run of slices with at most one missing between neighbours; the first of equals.

    A slice far from the others in which a ventricle was seen is a likely mistake: volumes must not bridge to it.
    """
    runs: list[list[int]] = [[0]]
    for index in range(1, len(positions_mm)):
        if positions_mm[index] - positions_mm[index - 1] > LARGEST_GAP * distance_mm:
            runs.append([])
        runs[-1].append(index)
    return max(runs, key=len)


def bridged(positions_mm: Sequence[float], distance_mm: float) -> list[int]:
    """Indices of slices after which one is missing."""
    gaps = np.diff(positions_mm)
    return [int(index) for index in np.flatnonzero(gaps > BRIDGED_GAP * distance_mm)]
