"""Phase without parameters (CN 109003270 A): a polynomial through the cavity areas of a cycle, its highest and its
lowest frame, and what lies between them. The state cannot flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import ArrayLike, NDArray

DEGREE = 11
EXAMPLE_FRAMES = 20  # of a cycle in the document
LEAST_FRAMES = 5
HARMONICS = 2
FRAMES_TO_TELL_RHYTHM = 15
"""Of fewer frames noise, too, often has most of its power in two harmonics."""
SYSTOLE, DIASTOLE = 0, 1


@dataclass(frozen=True)
class Phases:
    """Of one cycle. ``state``: SYSTOLE or DIASTOLE of each frame; ``curve``: the polynomial at each frame."""

    ed_frame: int  # 0-based
    es_frame: int
    state: NDArray[np.int8]
    curve: NDArray[np.float64]
    degree: int
    note: str = ""

    def fine_curve(self, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(position in frames, value) of the polynomial at ``points`` places from the first frame to the last."""
        frames = np.arange(len(self.curve))
        fit = Chebyshev.fit(frames, self.curve, self.degree, domain=[0, len(self.curve) - 1])
        return fit.linspace(points)


def phases(areas: ArrayLike) -> Phases:
    """End-diastole, end-systole and the state of every frame.

    The polynomial has degree 11, as the document says, where that leaves two frames to spare; of fewer it has as many
    coefficients per frame as in the document's example, 12 for 20: with more it would go through the noise and swing
    between the frames. It is fitted as a Chebyshev series, which is the same
    polynomial without the bad conditioning of powers. Frames in (highest, lowest] are systole, those in (lowest,
    highest] diastole, going round.

    Args:
        areas: (M,) cavity areas of consecutive frames of one cycle, any unit; or volumes.

    Raises:
        ValueError: fewer than 5 areas, one that is not finite, or all the same.
    """
    values = np.asarray(areas, np.float64)
    if values.ndim != 1 or len(values) < LEAST_FRAMES:
        raise ValueError(f"phases need >= {LEAST_FRAMES} areas of one cycle; got {values.size}")
    if not np.isfinite(values).all():
        raise ValueError(f"phases need finite areas; got {np.count_nonzero(~np.isfinite(values))} that are not")
    if np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
        raise ValueError("phases need areas that change over the cycle; all are the same")
    count = len(values)
    degree = DEGREE if count >= DEGREE + 2 else (DEGREE + 1) * count // EXAMPLE_FRAMES - 1
    frames = np.arange(count)
    curve = Chebyshev.fit(frames, values, degree, domain=[0, count - 1])(frames)
    highest, lowest = int(np.argmax(curve)), int(np.argmin(curve))
    since_highest = (frames - highest) % count
    systole = (since_highest > 0) & (since_highest <= (lowest - highest) % count)
    note = (
        ""
        if degree == DEGREE
        else f"phases by a polynomial of degree {degree}: {count} frames are too few for {DEGREE}"
    )
    return Phases(highest, lowest, np.where(systole, SYSTOLE, DIASTOLE).astype(np.int8), curve, degree, note)


def rhythm(areas: ArrayLike) -> float | None:
    """Share of the change over a cycle that goes with the heartbeat and its first overtone, 0..1: of noise about
    4 / (frames - 1), of a ventricle nearly all. ``None``: too few frames to tell, or nothing changes.

    Args:
        areas: (M,) of the frames of one cycle, or volumes.
    """
    values = np.asarray(areas, np.float64)
    if len(values) < FRAMES_TO_TELL_RHYTHM or not np.ptp(values):
        return None
    power = np.abs(np.fft.fft(values)[1:]) ** 2
    return float((power[:HARMONICS].sum() + power[-HARMONICS:].sum()) / power.sum())
