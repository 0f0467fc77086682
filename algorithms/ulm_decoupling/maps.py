"""Density and velocity maps at a finer grid than the pictures': the super-resolved image of the vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.track import NO_TRACK

Rendering = Literal["points", "paths", "gaussian"]
"""One count where a bubble was seen; a line from sighting to sighting; a spot as wide as its uncertainty."""

MAX_PATH_POINTS = 64  # between two sightings


@dataclass(frozen=True)
class MapOptions:
    """How maps are drawn.

    Attributes:
        factor: map pixels per picture pixel, each way.
        rendering: ``paths``: every map pixel that a track crosses between two successive sightings counts once
            for that track; ``points``: counts of localisations; ``gaussian``: points, blurred.
        sigma_px: standard deviation of ``gaussian`` in picture pixels.
    """

    factor: int = 8
    rendering: Rendering = "paths"
    sigma_px: float = 0.2

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"the super-resolution factor is 1 or more; got {self.factor}")
        if self.rendering not in get_args(Rendering):
            allowed = ", ".join(get_args(Rendering))
            raise ValueError(f"rendering {self.rendering!r} is unknown; choose one of: {allowed}")
        if not self.sigma_px > 0:
            raise ValueError(f"the blur of the map must be above 0 px; got {self.sigma_px}")


@dataclass(frozen=True)
class VesselMaps:
    """Maps of (rows * factor, columns * factor); map pixel (i, j) covers picture positions from
    y = i / factor - 0.5 and x = j / factor - 0.5 on, 1 / factor wide.

    Attributes:
        density: float32, bubbles counted (blurred for ``gaussian``).
        speed_px_per_frame: float32, mean speed of the bubbles counted; NaN where there were none.
        direction_rad: float32, angle of the mean velocity, 0 along x (columns), pi/2 along y (downwards); NaN.
        factor: see ``MapOptions``.
    """

    density: np.ndarray
    speed_px_per_frame: np.ndarray
    direction_rad: np.ndarray
    factor: int


def draw_maps(found: Localisations, rows: int, columns: int, options: MapOptions | None = None) -> VesselMaps:
    """Draws the maps of a sequence of (rows, columns) pictures."""
    options = options or MapOptions()
    x, y, v_x, v_y, owner = _samples(found, options)
    fine_x = np.floor((x + 0.5) * options.factor).astype(np.intp)
    fine_y = np.floor((y + 0.5) * options.factor).astype(np.intp)
    shape = (rows * options.factor, columns * options.factor)
    inside = (fine_x >= 0) & (fine_x < shape[1]) & (fine_y >= 0) & (fine_y < shape[0])
    pixel = (fine_y * shape[1] + fine_x)[inside]
    v_x, v_y, owner = v_x[inside], v_y[inside], owner[inside]
    if options.rendering == "paths":
        _, first = np.unique(np.column_stack([owner, pixel]), axis=0, return_index=True)
        pixel, v_x, v_y = pixel[first], v_x[first], v_y[first]
    moving = np.isfinite(v_x) & np.isfinite(v_y)
    speed = np.hypot(v_x, v_y)[moving]
    count = _sum(pixel, None, shape)
    sums = [_sum(pixel[moving], w, shape) for w in (None, speed, v_x[moving], v_y[moving])]
    if options.rendering == "gaussian":
        sigma = options.sigma_px * options.factor
        count, *sums = (cv2.GaussianBlur(m, (0, 0), sigma) for m in (count, *sums))
    n, total, along_x, along_y = sums
    known = n > 1e-6
    empty = np.full(shape, np.nan, dtype=np.float32)
    mean_speed = np.divide(total, n, out=empty.copy(), where=known)
    direction = np.where(known, np.arctan2(along_y, along_x), empty)
    return VesselMaps(count, mean_speed, direction, options.factor)


def speed_mm_per_s(
    speed_px_per_frame: np.ndarray, spacing_mm: float | None, frame_time_s: float | None
) -> np.ndarray | None:
    """Physical speeds, or None where pixel size (square pixels) or frame time is unknown."""
    if spacing_mm is None or frame_time_s is None:
        return None
    if not (spacing_mm > 0 and frame_time_s > 0):
        raise ValueError(f"pixel size and frame time must be positive; got {spacing_mm} mm, {frame_time_s} s")
    return speed_px_per_frame * np.float32(spacing_mm / frame_time_s)


def _sum(pixel: np.ndarray, weight: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    drawn = np.bincount(pixel, weights=weight, minlength=shape[0] * shape[1])
    return drawn.reshape(shape).astype(np.float32)


def _samples(found: Localisations, options: MapOptions) -> tuple[np.ndarray, ...]:
    """x, y, velocity and an owner number (one per track and pass) of everything that is drawn."""
    points = (found.x_px, found.y_px, found.velocity_x_px, found.velocity_y_px)
    if options.rendering != "paths":
        return *points, np.arange(len(found))
    order = np.lexsort((found.frame, found.track))
    order = order[found.track[order] != NO_TRACK]
    x, y, v_x, v_y = (values[order] for values in points)
    track, frame = found.track[order], found.frame[order]
    joined = (np.diff(track) == 0) & (np.diff(frame) >= 1)
    start, length = np.flatnonzero(joined), np.hypot(np.diff(x), np.diff(y))[joined]
    steps = np.clip(np.ceil(2 * length * options.factor), 1, MAX_PATH_POINTS * options.factor).astype(int)
    which = np.repeat(np.arange(len(start)), steps)
    part = (np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)) / steps[which]
    ends = np.flatnonzero(np.append(~joined, True)) if len(order) else np.empty(0, dtype=np.intp)
    drawn = []
    for values in (x, y, v_x, v_y):
        between = values[start][which] * (1 - part) + values[start + 1][which] * part
        drawn.append(np.concatenate([between, values[ends]]))
    return *drawn, np.concatenate([track[start][which], track[ends]])
