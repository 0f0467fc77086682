"""Bubbles of the simulator: they enter at the roots, choose branches by flow and drift with Poiseuille's profile.

The state is steady: bubbles enter each root as a Poisson process at a rate proportional to its flow, so the
concentration in blood is the same everywhere and the mean number in the picture is what was asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.vessels import VesselNetwork, normals

WALL_REACH = 0.95
"""Greatest distance of a bubble's centre from the axis, in radii: a bubble has a size and does not creep along
the wall."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Where every bubble is in every frame. Equal-length arrays, sorted by frame, then track.

    Attributes:
        frame: index from 0.
        track: bubble number from 0; the same bubble keeps its number.
        x_px, y_px: column and row; pixel centres at integers. Tissue motion is in them.
        amplitude: linear echo amplitude; the median bubble has 1.
        speed_mm_s: speed along the vessel.
        vessel: index of the vessel in the network.
    """

    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    speed_mm_s: NDArray[np.float64]
    vessel: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, chosen: NDArray) -> Truth:
        """The rows that a boolean or index array picks."""
        return Truth(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class _Path:
    """A root-to-leaf line: position, normal, radius and vessel against the time of travel at mean speed."""

    share: float
    travel_s: NDArray[np.float64]
    line_mm: NDArray[np.float64]
    normal: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    speed_mm_s: NDArray[np.float64]
    vessel: NDArray[np.int64]


def flow_bubbles(
    network: VesselNetwork,
    mean_count: float,
    frames: int,
    frame_time_s: float,
    spacing_mm: float,
    rng: np.random.Generator,
) -> Truth:
    """Bubbles in vessels at rest, frame by frame, each of amplitude 1.

    Args:
        network: the vessels.
        mean_count: expected number of bubbles in all vessels at any one time.
        frames: number of frames.
        frame_time_s: time from one to the next.
        spacing_mm: pixel size, which turns mm into pixels.
        rng: source of chance.
    """
    # Blood that carries c bubbles per mm3 enters as c*flow per second; a bubble at relative radius r travels at
    # 2(1 - r^2) times the mean speed. Over flow-weighted r < WALL_REACH the mean of 1/(2(1 - r^2)) is
    # 1/(2 - WALL_REACH^2), so the mean count is c * volume / (2 - WALL_REACH^2).
    per_mm3 = mean_count * (2 - WALL_REACH**2) / network.volume_mm3
    rows, next_track = [], 0
    for path in _paths(network):
        longest_s = path.travel_s[-1] / (2 * (1 - WALL_REACH**2))
        rate = per_mm3 * path.share
        duration_s = longest_s + (frames - 1) * frame_time_s
        entered_s = np.sort(rng.uniform(-longest_s, duration_s - longest_s, rng.poisson(rate * duration_s)))
        rows.append(_ride(path, entered_s, frames, frame_time_s, next_track, rng))
        next_track += len(entered_s)
    joined = [np.concatenate(column) for column in zip(*rows, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    frame, track, x, y, speed, vessel = (column[order] for column in joined)
    # Numbers without gaps, in order of first appearance.
    _, first, dense = np.unique(track, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    track = rank[dense] if len(track) else track
    order = np.lexsort((track, frame))
    return Truth(frame, track, x / spacing_mm, y / spacing_mm, np.ones(len(frame)), speed, vessel).select(order)


def flow_weighted_radius(uniform: NDArray, reach: float = WALL_REACH) -> NDArray:
    """Relative radius of a bubble that flow carries in, from a uniform number in [0, 1).

    The density over r is proportional to r(1 - r^2), cut off at ``reach``; its integral 2r^2 - r^4 is inverted.
    """
    return np.sqrt(1 - np.sqrt(1 - uniform * (2 * reach**2 - reach**4)))


def _ride(
    path: _Path, entered_s: NDArray, frames: int, frame_time_s: float, first_track: int, rng: np.random.Generator
) -> tuple[NDArray, ...]:
    """Columns frame, track, x mm, y mm, speed, vessel of the bubbles of one path while they are on it."""
    count = len(entered_s)
    radial = flow_weighted_radius(rng.uniform(size=count))
    across = radial * np.cos(rng.uniform(0, 2 * math.pi, count))  # the picture is a projection of a round tube
    pace = 2 * (1 - radial**2)
    now_s = np.arange(frames) * frame_time_s
    travelled_s = (now_s[None, :] - entered_s[:, None]) * pace[:, None]
    bubble, frame = np.nonzero((travelled_s >= 0) & (travelled_s < path.travel_s[-1]))
    at = travelled_s[bubble, frame]
    offset = across[bubble] * np.interp(at, path.travel_s, path.radius_mm)
    x, y = (
        np.interp(at, path.travel_s, path.line_mm[:, axis])
        + offset * np.interp(at, path.travel_s, path.normal[:, axis])
        for axis in (0, 1)
    )
    piece = np.clip(np.searchsorted(path.travel_s, at, side="right") - 1, 0, len(path.vessel) - 1)
    speed = path.speed_mm_s[piece] * pace[bubble]
    return frame, bubble + first_track, x, y, speed, path.vessel[piece]


def _paths(network: VesselNetwork) -> list[_Path]:
    """Every way from a root to a leaf. A bubble takes it with probability leaf flow / root flow, which is what
    choosing by flow at each branching comes to."""
    paths = []
    for leaf in network.leaves():
        travel, lines, sideways, radii, speeds, vessels = [], [], [], [], [], []
        start_s = 0.0
        for index in network.path_to(leaf):
            vessel = network.vessels[index]
            times = start_s + vessel.arc_length_mm / vessel.mean_speed_mm_s
            points = len(times)
            travel.append(times)
            lines.append(vessel.centre_line_mm)
            sideways.append(normals(vessel.centre_line_mm))
            radii.append(np.full(points, vessel.radius_mm))
            speeds.append(np.full(points, vessel.mean_speed_mm_s))
            vessels.append(np.full(points, index))
            start_s = float(times[-1])
        paths.append(
            _Path(
                share=network.vessels[leaf].flow_mm3_s,
                travel_s=np.concatenate(travel),
                line_mm=np.concatenate(lines),
                normal=np.concatenate(sideways),
                radius_mm=np.concatenate(radii),
                speed_mm_s=np.concatenate(speeds),
                vessel=np.concatenate(vessels),
            )
        )
    return paths
