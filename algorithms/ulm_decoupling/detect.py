"""Finds the bubbles of each frame, taking overlapping ones apart: seeds, joint fit, residual, splitting.

The seeds may come from the first decoupling (US 12390196 B2); what follows (joint fit of all bubbles, search in
what the fit leaves over, splitting of bubbles that are too bright to be one) is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from algorithms.ulm_decoupling.fit import Emitters, PaddedFrames, coupled_with, fit_emitters, isolated
from algorithms.ulm_decoupling.measure import SpaceDecoupling, decouple_space
from algorithms.ulm_decoupling.scene import SIGMA_OF_MAD, Scene, peaks, smoothed

Seeds = Literal["decoupled", "intensity"]
"""Where bubbles are first looked for: maxima of S_G (first decoupling) or of S_R (the frames as they are)."""

Subpixel = Literal["joint_fit", "centroid"]
"""How positions get finer than a pixel: all bubbles fitted together, or each one's centre of intensity."""

CENTROID_REACH_PX = 3
RESIDUAL_ROUNDS = 2
MIN_ISOLATED = 3
SPLIT_APART_SIGMAS = 0.9  # start of each half from the middle
SPLIT_BRIGHTER = 1.3  # than the typical bubble, at least
SPLIT_SMALLEST_HALF = 0.45  # of the typical bubble
SPLIT_RESIDUAL = 0.8  # what two bubbles may leave over, relative to what one leaves


@dataclass(frozen=True)
class DetectOptions:
    """How bubbles are found in a frame.

    Attributes:
        seeds: ``decoupled`` or ``intensity``.
        subpixel: ``joint_fit`` or ``centroid``.
        min_relative_amplitude: weaker maxima than this part of a bright bubble are not bubbles.
        residual_relative_amplitude: what the fit leaves over is a bubble from this part of a bright one on.
        min_fluctuation: a seed is dropped where the second decoupling never rises above this part of its S_G
            value, because nothing moves there (needs the fluctuation map).
    """

    seeds: Seeds = "decoupled"
    subpixel: Subpixel = "joint_fit"
    min_relative_amplitude: float = 0.25
    residual_relative_amplitude: float = 0.42
    min_fluctuation: float = 0.3

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("seeds", self.seeds, get_args(Seeds)),
            ("subpixel", self.subpixel, get_args(Subpixel)),
        ):
            if value not in allowed:
                raise ValueError(f"{name} {value!r} is unknown; choose one of: {', '.join(allowed)}")
        for name in ("min_relative_amplitude", "residual_relative_amplitude", "min_fluctuation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 0 and below 1; got {getattr(self, name):g}")


def detect(
    frames: np.ndarray,
    image: PaddedFrames,
    scene: Scene,
    options: DetectOptions,
    space: SpaceDecoupling,
    fluctuation: np.ndarray | None = None,
) -> Emitters:
    """Bubbles of some frames of a sequence.

    Args:
        frames: (n, rows, columns), S_R.
        image: the same frames, prepared by ``scene.image``.
        scene: what ``survey`` measured on the whole sequence.
        options: how.
        space: the first decoupling, for its seeds.
        fluctuation: (rows, columns) largest magnitude of S_S at each pixel, or None to keep every seed.

    Returns:
        Emitters, frame numbers counted from ``frames[0]``.
    """
    if scene.bright == 0:
        return Emitters.empty()
    seeds = _seeds(frames, image, scene, options, space, fluctuation)
    if options.subpixel == "centroid":
        return _centroids(image, seeds)
    least = least_amplitude(scene, options)
    found = fit_emitters(image, seeds, steps=5)
    for _ in range(RESIDUAL_ROUNDS):
        threshold = np.maximum(scene.floor, options.residual_relative_amplitude * scene.bright)
        left = scene.emitters(*peaks(image.without(found), threshold, scene.point_spread))
        if len(left) == 0:
            break
        found = fit_emitters(image, found.joined(left), steps=6)
        found = found[found.amplitude > found.read_from(least)]
    return found


def least_amplitude(scene: Scene, options: DetectOptions) -> np.ndarray:
    """(rows, columns) amplitude from which something is a bubble: part of a bright one, and above the noise there."""
    return np.maximum(options.min_relative_amplitude * scene.bright, scene.floor)


def _seeds(
    frames: np.ndarray,
    image: PaddedFrames,
    scene: Scene,
    options: DetectOptions,
    space: SpaceDecoupling,
    fluctuation: np.ndarray | None,
) -> Emitters:
    moving = image.frames
    least = least_amplitude(scene, options)
    if options.seeds == "intensity":
        return scene.emitters(*peaks(moving, least, scene.point_spread))
    decoupled = decouple_space(
        frames, threshold=space.threshold, distance=space.distance, block_px=space.block_px, threads=1
    )
    frame, x, y, weight = peaks(decoupled, 0.0, scene.point_spread)
    height = smoothed(moving, scene.point_spread)[frame, y, x]
    keep = height > least[y, x]
    if fluctuation is not None:
        keep &= fluctuation[y, x] >= options.min_fluctuation * weight
    return scene.emitters(frame[keep], x[keep], y[keep], height[keep])


def _centroids(image: PaddedFrames, seeds: Emitters) -> Emitters:
    """Centre of intensity of the square of 7 x 7 pixels (less where patches are smaller) around each maximum."""
    patches, u_x, u_y = image.patches(seeds)
    weight = np.maximum(patches, 0.0)
    weight[:, np.abs(np.arange(-image.reach_y, image.reach_y + 1)) > CENTROID_REACH_PX] = 0.0
    weight[:, :, np.abs(np.arange(-image.reach_x, image.reach_x + 1)) > CENTROID_REACH_PX] = 0.0
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    shift_x = (weight.sum(1) * u_x).sum(1) / total * seeds.sigma_x_px
    shift_y = (weight.sum(2) * u_y).sum(1) / total * seeds.sigma_y_px
    return replace(seeds, x_px=seeds.x_px + shift_x, y_px=seeds.y_px + shift_y)


def local_residual(image: PaddedFrames, model: Emitters, at: Emitters) -> np.ndarray:
    """(len(at),) what the model leaves over around each emitter, relative to the emitter's own energy."""
    image.restore_saturated(model)
    patches, u_x, u_y = image.patches_without(model, at)
    window = np.exp(-0.25 * u_y**2)[:, :, None] * np.exp(-0.25 * u_x**2)[:, None, :]
    energy = np.pi * at.sigma_x_px * at.sigma_y_px * at.amplitude**2
    return (patches**2 * window).sum((1, 2)) / energy


@dataclass(frozen=True)
class Brightness:
    """How bright the isolated bubbles of a sequence are.

    Attributes:
        typical: median amplitude.
        doubtful: from this amplitude on, a bubble may be two.
    """

    typical: float
    doubtful: float

    @classmethod
    def of(cls, found: Emitters) -> Brightness | None:
        """Measured on what was found in the whole sequence; None where hardly any bubble is isolated."""
        amplitude = found.amplitude[isolated(found)]
        if len(amplitude) < MIN_ISOLATED:
            return None
        log_amplitude = np.log(amplitude)
        middle = float(np.median(log_amplitude))
        spread = SIGMA_OF_MAD * float(np.median(np.abs(log_amplitude - middle)))
        typical = float(np.exp(middle))
        return cls(typical, typical * max(SPLIT_BRIGHTER, float(np.exp(2 * spread))))


def split_doubles(image: PaddedFrames, found: Emitters, brightness: Brightness) -> Emitters:
    """Replaces bubbles that are too bright to be one by two, where two explain the image clearly better.

    Args:
        image: some frames, prepared by ``scene.image``.
        found: what ``detect`` found in them.
        brightness: of the whole sequence.
    """
    doubtful = found.amplitude > brightness.doubtful
    if not doubtful.any():
        return found
    near = coupled_with(found, doubtful)
    apart, found, doubtful = found[~near], found[near], doubtful[near]
    one, rest = found[doubtful], found[~doubtful]
    n = len(one)
    shift_x, shift_y = _long_axis(image, one)
    halves = [
        replace(
            one,
            x_px=np.clip(one.x_px + sign * shift_x, 0, image.columns - 1),
            y_px=np.clip(one.y_px + sign * shift_y, 0, image.rows - 1),
            amplitude=0.6 * one.amplitude,
        )
        for sign in (1, -1)
    ]
    both = fit_emitters(image, halves[0].joined(halves[1]).joined(rest), steps=12)
    first, second = both[np.arange(n)], both[np.arange(n, 2 * n)]
    better = local_residual(image, both, one) < SPLIT_RESIDUAL * local_residual(image, found, one)
    smaller, larger = np.minimum(first.amplitude, second.amplitude), np.maximum(first.amplitude, second.amplitude)
    accepted = better & (smaller > SPLIT_SMALLEST_HALF * brightness.typical) & (larger < one.amplitude)
    found = rest.joined(one[~accepted]).joined(first[accepted]).joined(second[accepted])
    return apart.joined(fit_emitters(image, found, steps=6))


def _long_axis(image: PaddedFrames, e: Emitters) -> tuple[np.ndarray, np.ndarray]:
    """Shift (x, y) in pixels along the axis in which each blob is longest, from second moments in sigmas."""
    patches, u_x, u_y = image.patches(e)
    weight = patches * np.exp(-0.5 * u_y**2)[:, :, None] * np.exp(-0.5 * u_x**2)[:, None, :]
    xx = (weight.sum(1) * u_x**2).sum(1)
    yy = (weight.sum(2) * u_y**2).sum(1)
    xy = np.einsum("nyx,ny,nx->n", weight, u_y, u_x)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return (
        SPLIT_APART_SIGMAS * np.cos(angle) * e.sigma_x_px,
        SPLIT_APART_SIGMAS * np.sin(angle) * e.sigma_y_px,
    )
