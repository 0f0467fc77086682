"""Uses tracks to see bubbles apart where a single frame cannot: this project's own step, no part of the document.

A bubble that is seen before and after is expected in between, and a bubble that ends beside another is expected
to go on. Each expectation is put to the test in the image: both hypotheses, with and without the bubble, are
fitted, and it stays only if it explains clearly more. Tracks also tell each bubble's own width and brightness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from algorithms.ulm_decoupling.detect import local_residual
from algorithms.ulm_decoupling.fit import (
    Emitters,
    Expectation,
    PaddedFrames,
    fit_emitters,
    isolated,
    measured_widths,
    near_pairs,
)
from algorithms.ulm_decoupling.scene import Scene
from algorithms.ulm_decoupling.track import NO_TRACK, LinkOptions, filled, link, smoothed

ROUNDS = 4
EXTEND_FRAMES = 4  # beyond either end of a track, per round
MIN_POINTS_TO_EXTEND = 5
POINTS_TO_EXTEND_FROM = 8
POSITION_WEIGHT = 0.05
AMPLITUDE_WEIGHT = 0.1
MIN_EVIDENCE = 0.1  # of the bubble's own energy
MISFIT_COST = 0.3  # of a bubble that is as far off its usual amplitude as that amplitude
WEAKEST = 0.45  # of the track's amplitude
SETTLED_SIGMAS = 5.0  # with nothing nearer than that, a bubble is fitted once
TWIN_SIGMAS = 0.35  # nearer than that, two are one
AMPLITUDE_REACH_SIGMAS = 2.5
WIDTH_RANGE = (0.7, 1.5)  # of the point spread
MIN_ISOLATED = 3

Result = TypeVar("Result")


class Images(Protocol):
    """The sequence in stretches, looked at one by one (or a few at a time) so that memory stays bounded."""

    n_frames: int

    def each(self, work: Callable[[slice, PaddedFrames], Result]) -> list[Result]:
        """Calls ``work`` with the frame numbers and the image of every stretch; results in order."""
        ...


def resolve(images: Images, found: Emitters, scene: Scene, links: LinkOptions, least_amplitude: np.ndarray) -> Emitters:
    """Rounds of link, expect, fit, judge.

    Args:
        images: the sequence.
        found: what single frames gave.
        scene: what ``survey`` measured.
        links: how tracks are linked.
        least_amplitude: (rows, columns); emitters weaker than it says at their place are dropped.

    Returns:
        The emitters, with what tracks added and without what the image denied.
    """
    for turn in range(ROUNDS):
        track = link(found.frame, found.x_px, found.y_px, found.amplitude, links)
        if (track == NO_TRACK).all():
            return found
        found = _with_track_widths(images, found, track, scene)
        expected = _expectation(found, track)
        proposed = _proposals(found, track, expected, images.n_frames, scene)
        # Tracks move every bubble a little once; after that, bubbles that nothing overlaps have no news.
        settled = np.zeros(len(found), dtype=bool)
        if turn > 0:
            settled = isolated(found.joined(proposed), SETTLED_SIGMAS)[: len(found)]
        unsettled = np.flatnonzero(~settled)
        judged = _judged(images, found[unsettled], _part(expected, unsettled), proposed, least_amplitude)
        found = found[settled].joined(judged)
    return found


def _with_track_widths(images: Images, found: Emitters, track: np.ndarray, scene: Scene) -> Emitters:
    """Each tracked bubble gets its track's median width, as measured where it was alone."""

    def measure(stretch: slice, image: PaddedFrames) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        here = _in_stretch(found, stretch)
        return here, *measured_widths(image, _shifted(found[here], -stretch.start))

    width_x, width_y = np.full(len(found), np.nan), np.full(len(found), np.nan)
    for here, along_x, along_y in images.each(measure):
        width_x[here], width_y[here] = along_x, along_y
    usable = isolated(found, 3.5) & np.isfinite(width_x) & np.isfinite(width_y) & (track != NO_TRACK)
    spread = scene.point_spread
    return replace(
        found,
        sigma_x_px=_track_median(width_x, track, usable, spread.sigma_x_px),
        sigma_y_px=_track_median(width_y, track, usable, spread.sigma_y_px),
    )


def _track_median(width: np.ndarray, track: np.ndarray, usable: np.ndarray, general: float) -> np.ndarray:
    numbers = np.arange(track.max() + 1)
    enough = np.bincount(track[usable], minlength=len(numbers)) >= MIN_ISOLATED
    own = np.full(len(numbers), general)
    if enough.any():
        own[enough] = ndimage.median(width[usable], track[usable], numbers[enough])
    own = np.clip(own, WIDTH_RANGE[0] * general, WIDTH_RANGE[1] * general)
    return np.where(track == NO_TRACK, general, own[track])


def _expectation(found: Emitters, track: np.ndarray) -> Expectation:
    x, y, _, _ = smoothed(found.frame, found.x_px, found.y_px, track)
    numbers = np.arange(track.max() + 1)
    usual = np.zeros(len(numbers))
    tracked = track != NO_TRACK
    usual[:] = ndimage.median(found.amplitude[tracked], track[tracked], numbers)
    alone = tracked & isolated(found, 3.5)
    enough = np.bincount(track[alone], minlength=len(numbers)) >= MIN_ISOLATED
    if enough.any():
        usual[enough] = ndimage.median(found.amplitude[alone], track[alone], numbers[enough])
    return Expectation(
        x_px=np.where(tracked, x, found.x_px),
        y_px=np.where(tracked, y, found.y_px),
        amplitude=np.where(tracked, usual[track], found.amplitude),
        position_weight=np.where(tracked, POSITION_WEIGHT, 0.0),
        amplitude_weight=np.where(tracked, AMPLITUDE_WEIGHT, 0.0),
    )


def _proposals(found: Emitters, track: np.ndarray, expected: Expectation, n_frames: int, scene: Scene) -> Emitters:
    """Bubbles that tracks expect and nobody has seen: in gaps, and beyond both ends."""
    values = (found.x_px, found.y_px, expected.amplitude, found.sigma_x_px, found.sigma_y_px)
    frame, _, between = filled(found.frame, track, values)
    parts = [Emitters(frame, *between)]
    order = np.lexsort((found.frame, track))
    order = order[track[order] != NO_TRACK]
    changes = np.flatnonzero(np.diff(track[order])) + 1
    starts, stops = np.append(0, changes), np.append(changes, len(order)) - 1
    long_enough = stops - starts + 1 >= MIN_POINTS_TO_EXTEND
    starts, stops = starts[long_enough], stops[long_enough]
    for direction, ends in ((-1, starts), (1, stops)):
        last = order[ends]
        v_x, v_y = _end_velocity(found, order, ends, -direction, stops - starts + 1)
        for ahead in range(1, EXTEND_FRAMES + 1):
            far = direction * ahead
            parts.append(Emitters(
                found.frame[last] + far, found.x_px[last] + far * v_x, found.y_px[last] + far * v_y,
                expected.amplitude[last], found.sigma_x_px[last], found.sigma_y_px[last],
            ))  # fmt: skip
    all_parts = parts[0]
    for part in parts[1:]:
        all_parts = all_parts.joined(part)
    rows, columns = scene.background.shape
    inside = (all_parts.frame >= 0) & (all_parts.frame < n_frames)
    inside &= (all_parts.x_px >= 0) & (all_parts.x_px <= columns - 1)
    inside &= (all_parts.y_px >= 0) & (all_parts.y_px <= rows - 1)
    return all_parts[inside]


def _end_velocity(
    found: Emitters, order: np.ndarray, ends: np.ndarray, inwards: int, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity (px/frame) of the straight line through the last few points at one end of each track."""
    steps = np.arange(POINTS_TO_EXTEND_FROM)
    member = steps < lengths[:, None]
    near = order[ends[:, None] + np.where(member, inwards * steps, 0)]
    t = np.where(member, found.frame[near].astype(float), 0.0)
    points = member.sum(1, keepdims=True)
    t = np.where(member, t - t.sum(1, keepdims=True) / points, 0.0)
    spread = (t**2).sum(1)
    return (t * found.x_px[near]).sum(1) / spread, (t * found.y_px[near]).sum(1) / spread


def _judged(
    images: Images, found: Emitters, expected: Expectation, proposed: Emitters, least_amplitude: np.ndarray
) -> Emitters:
    wished = Expectation(
        proposed.x_px, proposed.y_px, proposed.amplitude,
        np.full(len(proposed), POSITION_WEIGHT), np.full(len(proposed), AMPLITUDE_WEIGHT),
    )  # fmt: skip

    def judge(stretch: slice, image: PaddedFrames) -> Emitters:
        old, new = _in_stretch(found, stretch), _in_stretch(proposed, stretch)
        result = _judged_stretch(
            image, _shifted(found[old], -stretch.start), _part(expected, old),
            _shifted(proposed[new], -stretch.start), _part(wished, new), least_amplitude,
        )  # fmt: skip
        return _shifted(result, stretch.start)

    kept = images.each(judge)
    return Emitters(**{name: np.concatenate([getattr(k, name) for k in kept]) for name in vars(found)})


def _judged_stretch(
    image: PaddedFrames,
    found: Emitters,
    expected: Expectation,
    proposed: Emitters,
    wished: Expectation,
    least_amplitude: np.ndarray,
) -> Emitters:
    n = len(found)
    everything = Expectation(*(np.concatenate(pair) for pair in zip(_fields(expected), _fields(wished), strict=True)))
    with_all = fit_emitters(image, found.joined(proposed), everything, steps=6)
    tracked = everything.amplitude_weight > 0
    least = with_all.read_from(least_amplitude)
    good = with_all.amplitude > np.maximum(np.where(tracked, WEAKEST * everything.amplitude, 0.0), least)
    if len(proposed):
        without = fit_emitters(image, found, expected, steps=5)
        good[n:] &= _evidence(image, with_all, without, everything, proposed) > MIN_EVIDENCE
    kept = with_all[good]
    twins = near_pairs(kept, TWIN_SIGMAS)
    single = np.ones(len(kept), dtype=bool)
    single[twins[:, 1]] = False
    return kept[single]


def _evidence(
    image: PaddedFrames, with_all: Emitters, without: Emitters, expected: Expectation, proposed: Emitters
) -> np.ndarray:
    """What each proposed bubble explains, relative to its own energy: less residual, amplitudes more as usual."""
    n = len(without)
    at = replace(with_all[np.arange(n, len(with_all))], amplitude=proposed.amplitude)
    gain = local_residual(image, without, at) - local_residual(image, with_all, at)
    misfit_with = _misfit(with_all.amplitude, expected.amplitude, expected.amplitude_weight)
    misfit_without = _misfit(without.amplitude, expected.amplitude[:n], expected.amplitude_weight[:n])
    better = (misfit_without - misfit_with[:n]) * expected.amplitude[:n] ** 2
    if n:
        scale = np.array([np.median(without.sigma_x_px), np.median(without.sigma_y_px)])
        far = 10 * AMPLITUDE_REACH_SIGMAS
        places = [np.column_stack([e.x_px / scale[0], e.y_px / scale[1], e.frame * far]) for e in (at, without)]
        neighbours = cKDTree(places[0]).query_ball_tree(cKDTree(places[1]), AMPLITUDE_REACH_SIGMAS)
        gain += np.array([better[list(near)].sum() for near in neighbours]) / proposed.amplitude**2
    return gain - misfit_with[n:]


def _misfit(amplitude: np.ndarray, usual: np.ndarray, weight: np.ndarray) -> np.ndarray:
    off = (amplitude - usual) / usual
    return np.where(weight > 0, np.minimum(MISFIT_COST * off**2, 4.0), 0.0)


def _in_stretch(e: Emitters, stretch: slice) -> np.ndarray:
    return np.flatnonzero((e.frame >= stretch.start) & (e.frame < stretch.stop))


def _shifted(e: Emitters, frames: int) -> Emitters:
    return replace(e, frame=e.frame + frames)


def _fields(x: Expectation) -> tuple[np.ndarray, ...]:
    return x.x_px, x.y_px, x.amplitude, x.position_weight, x.amplitude_weight


def _part(x: Expectation, which: np.ndarray) -> Expectation:
    return Expectation(*(values[which] for values in _fields(x)))
