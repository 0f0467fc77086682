"""What all frames of a sequence have in common: background, noise, point spread, how bright a bubble is.

Measured once, on frames spread evenly over the sequence, before any bubble is localised.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from algorithms.ulm_decoupling.fit import Emitters, PaddedFrames, fit_emitters, isolated, measured_widths
from algorithms.ulm_decoupling.psf import PointSpread, estimate_point_spread

SAMPLE_FRAMES = 64
WIDTH_FRAMES = 32  # of those, for the point spread
MIN_FRAMES_FOR_BACKGROUND = 8  # fewer frames cannot tell a resting structure from a bubble
SIGMA_OF_MAD = 1.4826  # standard deviation of normal noise over its median absolute deviation
PEAK_SIGMAS_OF_NOISE = 6.0
BLUR_OF_WIDTH = 0.45  # of the point spread: calms the noise without melting neighbours together
FIRST_GUESS_OF_WIDTH = 0.88  # log-parabola widths include tails; the fit's own moments follow


@dataclass(frozen=True)
class Scene:
    """Measured once per sequence; all grey values in the sequence's own scale.

    Attributes:
        background: (rows, columns) float32, what rests: the median over time (0 for fewer than 8 frames).
        noise: standard deviation of the noise.
        point_spread: Gaussian widths of an isolated bubble.
        bright: amplitude of a bright bubble: maxima above it hold half of the energy of all maxima, so that many
            weak ones do not matter; 0 when none was found.
        top: the saturated grey value, or None if the sequence has none.
    """

    background: np.ndarray
    noise: float
    point_spread: PointSpread
    bright: float
    top: float | None

    def image(self, frames: np.ndarray) -> PaddedFrames:
        """(n, rows, columns) frames without their background, ready for fitting."""
        saturated = None if self.top is None else np.asarray(frames) >= self.top
        return PaddedFrames(frames - self.background, self.point_spread.reach_px, saturated)

    def emitters(self, frame: np.ndarray, x: np.ndarray, y: np.ndarray, amplitude: np.ndarray) -> Emitters:
        """Emitters as wide as the point spread."""
        n = len(frame)
        return Emitters(
            frame.astype(np.intp), x.astype(float), y.astype(float), amplitude.astype(float),
            np.full(n, self.point_spread.sigma_x_px), np.full(n, self.point_spread.sigma_y_px),
        )  # fmt: skip


def survey(frames: np.ndarray) -> Scene:
    """Measures a sequence.

    Args:
        frames: (N, rows, columns), uint8, uint16 or floating point; a memory map will do.
    """
    count = min(len(frames), SAMPLE_FRAMES)
    sample = np.asarray(frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))])
    background = np.zeros(sample.shape[1:], dtype=np.float32)
    if len(sample) >= MIN_FRAMES_FOR_BACKGROUND:
        background = np.median(sample, axis=0).astype(np.float32)
    moving = sample - background
    floor = 0.5 if frames.dtype.kind in "ui" else 1e-3 * float(np.abs(moving).max())
    noise = max(SIGMA_OF_MAD * float(np.median(np.abs(moving))), floor)
    guess = estimate_point_spread(moving[:WIDTH_FRAMES], noise)
    if guess.n_examples:
        guess = PointSpread(
            FIRST_GUESS_OF_WIDTH * guess.sigma_x_px, FIRST_GUESS_OF_WIDTH * guess.sigma_y_px, guess.n_examples
        )
    top = float(np.iinfo(frames.dtype).max) if frames.dtype.kind in "ui" else None
    scene = Scene(background, noise, guess, 0.0, top)
    seeds = scene.emitters(*peaks(moving, PEAK_SIGMAS_OF_NOISE * noise, guess))
    if len(seeds) == 0:
        return scene
    ordered = np.sort(seeds.amplitude)
    bright = float(ordered[np.searchsorted(np.cumsum(ordered**2), (ordered**2).sum() / 2)])
    seeds = seeds[seeds.amplitude > 0.25 * bright]
    few = seeds[seeds.frame < WIDTH_FRAMES]
    widths = _refined_widths(scene.image(sample[:WIDTH_FRAMES]), few, guess, bright)
    return Scene(background, noise, widths, bright, top)


def peaks(
    frames: np.ndarray, threshold: float, spread: PointSpread
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Local maxima of lightly smoothed frames.

    Returns:
        frame, x (column), y (row) and smoothed grey value of every maximum above ``threshold``.
    """
    near = np.ones((3, 3), np.uint8)
    found = []
    for number, frame in enumerate(frames):
        smooth = cv2.GaussianBlur(
            np.ascontiguousarray(frame, dtype=np.float32), (0, 0),
            sigmaX=BLUR_OF_WIDTH * spread.sigma_x_px, sigmaY=BLUR_OF_WIDTH * spread.sigma_y_px,
        )  # fmt: skip
        rows, columns = np.nonzero((smooth >= cv2.dilate(smooth, near)) & (smooth > threshold))
        found.append((np.full(len(rows), number), columns, rows, smooth[rows, columns]))
    frame_of, x, y, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return frame_of, x, y, value


def _refined_widths(image: PaddedFrames, seeds: Emitters, guess: PointSpread, bright: float) -> PointSpread:
    """Widths as the fit itself sees them: the median over isolated, bright, fitted bubbles."""
    fitted = fit_emitters(image, seeds, steps=6)
    alone = fitted[isolated(fitted) & (fitted.amplitude > bright / 2)]
    width_x, width_y = measured_widths(image, alone)
    known = np.isfinite(width_x) & np.isfinite(width_y)
    if guess.n_examples == 0 or known.sum() < guess.n_examples // 2:
        return guess
    return PointSpread(float(np.median(width_x[known])), float(np.median(width_y[known])), guess.n_examples)
