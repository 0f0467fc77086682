"""Links localisations into tracks, frame by frame, and smooths the positions along them.

Assignment of least total cost within gates, prediction at constant velocity, and gaps, as usual in ultrasound
localisation microscopy (Song et al. 2018; Heiles et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

Curve = Literal["parabola", "line"]

NO_TRACK = -1
AMPLITUDE_COST = 0.3  # of a factor e between two amplitudes, against 1 for the gate itself
VELOCITY_MEMORY = 0.3  # weight of the newest step in a track's velocity, once it has a few
ROBUST_TURNS = 2
SMALLEST_SCATTER_PX = 0.05
MIN_POINTS_FOR_CURVE = 5


@dataclass(frozen=True)
class LinkOptions:
    """Which localisations may belong to one bubble.

    Attributes:
        max_step_px: farthest that a new bubble moves from one frame to the next.
        max_deviation_px: farthest from where a known velocity predicts it; grows with the root of the gap.
        max_gap_frames: frames that a bubble may be missing for.
        min_length: shorter tracks are not tracks.
    """

    max_step_px: float = 3.0
    max_deviation_px: float = 2.0
    max_gap_frames: int = 4
    min_length: int = 4

    def __post_init__(self) -> None:
        if not (self.max_step_px > 0 and self.max_deviation_px > 0):
            raise ValueError("the gates of linking must be above 0 px")
        if self.max_gap_frames < 0 or self.min_length < 1:
            raise ValueError("max_gap_frames is at least 0, min_length at least 1")


@dataclass
class _Open:
    """Tracks that may still go on, one array entry each."""

    track: np.ndarray
    frame: np.ndarray
    x: np.ndarray
    y: np.ndarray
    v_x: np.ndarray
    v_y: np.ndarray
    count: np.ndarray
    amplitude: np.ndarray

    def only(self, which: np.ndarray) -> _Open:
        return _Open(**{name: values[which] for name, values in vars(self).items()})

    def joined(self, other: _Open) -> _Open:
        return _Open(**{k: np.concatenate([v, getattr(other, k)]) for k, v in vars(self).items()})


def link(
    frame: np.ndarray, x_px: np.ndarray, y_px: np.ndarray, amplitude: np.ndarray, options: LinkOptions | None = None
) -> np.ndarray:
    """Track number of each localisation.

    Args:
        frame, x_px, y_px, amplitude: (n,), in any order.
        options: gates, gaps and length.

    Returns:
        (n,) int: 0, 1, ... in order of first frame; -1 where the track would be shorter than ``min_length``.
    """
    options = options or LinkOptions()
    track = np.full(len(frame), NO_TRACK)
    if len(frame) == 0:
        return track
    order = np.argsort(frame, kind="stable")
    numbers, starts = np.unique(frame[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    opened = _started(np.empty(0, dtype=np.intp), 0, x_px, y_px, amplitude, frame)
    n_tracks = 0
    for now, start, end in zip(numbers.tolist(), starts, ends, strict=True):
        here = order[start:end]
        opened = opened.only(now - opened.frame <= options.max_gap_frames + 1)
        old, new = _assign(opened, now, x_px[here], y_px[here], amplitude[here], options)
        track[here[new]] = opened.track[old]
        _advance(opened, old, now, x_px[here[new]], y_px[here[new]], amplitude[here[new]])
        first = np.setdiff1d(here, here[new], assume_unique=True)
        track[first] = np.arange(n_tracks, n_tracks + len(first))
        opened = opened.joined(_started(first, n_tracks, x_px, y_px, amplitude, frame))
        n_tracks += len(first)
    return _renumbered(track, options.min_length)


def smoothed(
    frame: np.ndarray,
    x_px: np.ndarray,
    y_px: np.ndarray,
    track: np.ndarray,
    half_window: int = 5,
    curve: Curve = "parabola",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions and velocities along tracks: a local curve over 2 half_window + 1 points.

    Outliers are down-weighted.

    Args:
        frame, x_px, y_px, track: (n,); localisations without a track stay where they are.
        half_window: points to either side.
        curve: what is fitted; a straight line gives steadier velocities at the ends of a track.

    Returns:
        x, y (px) and their velocities (px/frame), each (n,). Tracks below five points get a straight line,
        single points velocity 0.
    """
    order = np.lexsort((frame, track))
    t, label = frame[order].astype(float), track[order]
    n = len(order)
    window = np.arange(n)[:, None] + np.arange(-half_window, half_window + 1)
    near = np.clip(window, 0, max(n - 1, 0))
    member = (window >= 0) & (window < n) & (label[near] == label[:, None]) & (label[:, None] != NO_TRACK)
    member[:, half_window] = True
    since = np.where(member, t[near] - t[:, None], 0.0)
    points = member.sum(1)
    degree_2 = ((points >= MIN_POINTS_FOR_CURVE) & (curve == "parabola")).astype(float)
    basis = np.stack([np.ones_like(since), since, since**2 * degree_2[:, None]], axis=2)
    results = []
    for values in (x_px[order], y_px[order]):
        value = values[near]
        weight = member.astype(float)
        for turn in range(ROBUST_TURNS + 1):
            coefficients = _weighted_parabola(basis, value, weight)
            if turn < ROBUST_TURNS:
                off = np.abs(value - np.einsum("nwk,nk->nw", basis, coefficients))
                scatter = np.nanmedian(np.where(member, off, np.nan), axis=1)[:, None] * 1.5
                scatter = np.maximum(scatter, SMALLEST_SCATTER_PX)
                weight = member / (1 + (off / (2 * scatter)) ** 2)
        back = np.empty((n, 2))
        back[order] = coefficients[:, :2]
        results.append(back)
    (x, v_x), (y, v_y) = (r.T for r in results)
    tracked = track != NO_TRACK
    return np.where(tracked, x, x_px), np.where(tracked, y, y_px), v_x * tracked, v_y * tracked


def filled(
    frame: np.ndarray, track: np.ndarray, values: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Adds the frames that a track skipped, by straight lines between its points.

    Returns:
        frame, track and values of the added points only.
    """
    order = np.lexsort((frame, track))
    order = order[track[order] != NO_TRACK]
    step = np.diff(frame[order])
    gap = (np.diff(track[order]) == 0) & (step > 1)
    before, after, missing = order[:-1][gap], order[1:][gap], step[gap] - 1
    which = np.repeat(np.arange(len(missing)), missing)
    position = np.arange(len(which)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    part = position / (missing[which] + 1)
    added = tuple(v[before][which] * (1 - part) + v[after][which] * part for v in values)
    return frame[before][which] + position, track[before][which], added


def _started(
    which: np.ndarray, first: int, x: np.ndarray, y: np.ndarray, amplitude: np.ndarray, frame: np.ndarray
) -> _Open:
    n = len(which)
    still = np.zeros(n)
    return _Open(
        np.arange(first, first + n), frame[which], x[which], y[which], still, still.copy(),
        np.ones(n, dtype=int), amplitude[which],
    )  # fmt: skip


def _assign(
    opened: _Open, now: int, x: np.ndarray, y: np.ndarray, amplitude: np.ndarray, options: LinkOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of open tracks and of localisations that belong together."""
    if len(opened.track) == 0 or len(x) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    age = now - opened.frame
    gate = np.where(opened.count == 1, options.max_step_px, options.max_deviation_px) * np.sqrt(age)
    expected = np.column_stack([opened.x + opened.v_x * age, opened.y + opened.v_y * age])
    near = cKDTree(np.column_stack([x, y])).query_ball_point(expected, gate)
    counts = np.array([len(n) for n in near])
    if not counts.any():
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    old = np.repeat(np.arange(len(near)), counts)
    new = np.concatenate([n for n in near if n]).astype(np.intp)
    squared = ((x[new] - expected[old, 0]) ** 2 + (y[new] - expected[old, 1]) ** 2) / gate[old] ** 2
    unlike = np.abs(np.log(np.maximum(amplitude[new], 1e-9) / np.maximum(opened.amplitude[old], 1e-9)))
    return _cheapest(old, new, squared + AMPLITUDE_COST * unlike, len(near), len(x))


def _cheapest(
    old: np.ndarray, new: np.ndarray, cost: np.ndarray, n_old: int, n_new: int
) -> tuple[np.ndarray, np.ndarray]:
    """One-to-one assignment of least total cost, where staying alone costs 1 (a private column for each track)."""
    worth = cost < 1
    old, new, cost = old[worth], new[worth], np.maximum(cost[worth], 1e-6)
    alone = np.arange(n_old)
    graph = sparse.csr_array(
        (
            np.concatenate([cost, np.ones(n_old)]),
            (np.concatenate([old, alone]), np.concatenate([new, n_new + alone])),
        ),
        shape=(n_old, n_new + n_old),
    )
    row, column = min_weight_full_bipartite_matching(graph)
    linked = column < n_new
    return row[linked], column[linked]


def _advance(opened: _Open, old: np.ndarray, now: int, x: np.ndarray, y: np.ndarray, amplitude: np.ndarray) -> None:
    age = now - opened.frame[old]
    count = opened.count[old]
    weight = np.where(count == 1, 1.0, np.maximum(VELOCITY_MEMORY, 1 / count))
    opened.v_x[old] += weight * ((x - opened.x[old]) / age - opened.v_x[old])
    opened.v_y[old] += weight * ((y - opened.y[old]) / age - opened.v_y[old])
    opened.x[old], opened.y[old], opened.frame[old] = x, y, now
    opened.amplitude[old] += VELOCITY_MEMORY * (amplitude - opened.amplitude[old])
    opened.count[old] += 1


def _renumbered(track: np.ndarray, min_length: int) -> np.ndarray:
    lengths = np.bincount(track)
    kept = lengths >= min_length
    number = np.where(kept, np.cumsum(kept) - 1, NO_TRACK)
    return number[track]


def _weighted_parabola(basis: np.ndarray, value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    weighted = basis * weight[:, :, None]
    normal = np.einsum("nwj,nwk->njk", weighted, basis) + 1e-9 * np.eye(3)
    return np.linalg.solve(normal, np.einsum("nwj,nw->nj", weighted, value)[:, :, None])[:, :, 0]
