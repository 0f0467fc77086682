"""What all frames of a sequence have in common: grey scale, background, noise, point spread, how bright a bubble is.

Measured once, on frames spread evenly over the sequence, before any bubble is localised. Nothing here takes for
granted that a pixel is mostly empty: in dense sequences a vessel's pixel holds bubbles in more than half of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from algorithms.ulm_decoupling.compression import LogCompression, measure_compression
from algorithms.ulm_decoupling.fit import Emitters, PaddedFrames, fit_emitters, isolated, measured_widths
from algorithms.ulm_decoupling.psf import PointSpread, estimate_point_spread, point_spread_of_crowds

SAMPLE_FRAMES = 64
WIDTH_FRAMES = 32  # of those, for the point spread
MIN_FRAMES_FOR_BACKGROUND = 8  # fewer frames cannot tell a resting structure from a bubble
SIGMA_OF_MAD = 1.4826  # standard deviation of normal noise over its median absolute deviation
PEAK_SIGMAS_OF_NOISE = 6.0  # fewer than one pixel in a million by chance, be noise normal, half-normal or Rayleigh
BLUR_OF_WIDTH = 0.45  # of the point spread: calms the noise without melting neighbours together
WEAK_PART = 0.25  # of a bright bubble
DOUBTFUL_PART = 0.5  # with the floor above that part of the bright peaks, they may be no bubbles
FIRST_GUESS_OF_WIDTH = 0.88  # log-parabola widths include tails; the fit's own moments follow
QUIET_PERCENTILES = (5, 20)  # of a pixel's grey values: still its quiet ones where bubbles fill it most of the time
SIGMAS_BETWEEN = 0.803  # of normal noise, between these two percentiles
SIGMAS_TO_MIDDLE = 0.842  # from the 20th percentile to the median
QUIET_SPREAD_PX = 1.0  # blur of the spread between them, which few frames give roughly
HIGH_PERCENTILE = 90  # of a pixel's grey values
CALM_PERCENTILE = 10  # of the pixels of a region
BUSY_PERCENTILE = 95  # of a pixel's grey values: a bubble's, where bubbles are often
BUSY_PART = 0.4  # of the brightest pixel of a frame; what only flickers stays below
LIFTED_SIGMAS = 3.0  # of the noise: as far as the median may lie above what is quiet for other reasons
REGION_STEP_PX, REGION_STEPS = 3, 7  # surroundings of 21 x 21 pixels, looked at in steps of 3


@dataclass(frozen=True)
class PictureQuality:
    """What the survey found, for whoever reads the result: what could be seen in these pictures, and what not.

    Attributes:
        range_db: decibels from black to the brightest grey value where the grey scale was found to be logarithmic (all
            grey values below are then in proportion to magnitude); None where it was not.
        noise: standard deviation of a pixel's noise, median over the picture.
        floor: least height of a peak that counts, median over the picture.
        bright: amplitude of a bright bubble; 0 where no peak was higher than the floor.
        brightest: largest grey value above the background.
        isolated_bubbles: that the point spread was measured on; 0 where none was found and the likeness of shifted
            frames had to do.
    """

    range_db: float | None
    noise: float
    floor: float
    bright: float
    brightest: float
    isolated_bubbles: int

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know."""
        told = []
        if self.range_db is not None:
            told.append(
                f"the noise shows a logarithmic grey scale of about {self.range_db:.0f} dB; it was undone before "
                "localisation"
            )
        if self.bright == 0:
            told.append(
                f"no peak stands out from the noise: a peak counts from {self.floor:.3g} grey values above the "
                f"background on (noise {self.noise:.3g}), the brightest pixel has {self.brightest:.3g}"
            )
            return tuple(told)
        if self.isolated_bubbles == 0:
            told.append(
                "no isolated bubble was found; the width of a bubble was taken from the likeness of shifted frames, "
                "and positions are less certain"
            )
        if self.floor > DOUBTFUL_PART * self.bright:
            told.append(
                f"the peaks ({self.bright:.3g} grey values) are hardly higher than noise can be ({self.floor:.3g}): "
                "what was localised may be speckle that changes, not bubbles"
            )
        elif self.floor > WEAK_PART * self.bright:
            told.append(
                f"noise hides bubbles below {100 * self.floor / self.bright:.0f} % of a bright one "
                f"({self.floor:.3g} of {self.bright:.3g} grey values)"
            )
        return tuple(told)


@dataclass(frozen=True)
class Scene:
    """Measured once per sequence; grey values as they are, or with their compression undone.

    Attributes:
        compression: the logarithmic grey scale that is undone before anything is measured; None where there is none.
        background: (rows, columns) float32, what rests (0 for fewer than 8 frames).
        noise: standard deviation of the noise of a pixel.
        floor: (rows, columns) float32, least height of a peak that the noise there cannot make by itself, after the
            light smoothing that ``peaks`` does.
        point_spread: Gaussian widths of a bubble.
        bright: amplitude of a bright bubble: maxima above it hold half of the energy of all maxima, so that many
            weak ones do not matter; 0 when none was found.
        top: the saturated grey value, or None if the sequence has none.
        quality: the same, for a reader.
    """

    compression: LogCompression | None
    background: np.ndarray
    noise: float
    floor: np.ndarray
    point_spread: PointSpread
    bright: float
    top: float | None
    quality: PictureQuality

    def image(self, frames: np.ndarray) -> PaddedFrames:
        """(n, rows, columns) frames without their background, ready for fitting."""
        saturated = None if self.top is None else np.asarray(frames) >= self.top
        return PaddedFrames(
            _in_magnitude(frames, self.compression) - self.background, self.point_spread.reach_px, saturated
        )

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
    stored = np.asarray(frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))])
    compression = measure_compression(stored)
    moving = np.array(_in_magnitude(stored, compression), dtype=np.float32)
    least_noise = 0.5 if frames.dtype.kind in "ui" else 1e-3 * float(np.ptp(moving))
    background = _background(moving, least_noise)
    moving -= background
    noise = float(np.median(_noise(moving[:, ::REGION_STEP_PX, ::REGION_STEP_PX], background.shape, least_noise)))
    guess = _first_guess(moving, noise)
    calm = smoothed(moving, guess)[:, ::REGION_STEP_PX, ::REGION_STEP_PX]
    floor = PEAK_SIGMAS_OF_NOISE * _noise(calm, background.shape, least_noise)
    top = float(np.iinfo(frames.dtype).max) if frames.dtype.kind in "ui" else None
    quality = PictureQuality(
        compression.range_db if compression else None, noise, float(np.median(floor)), 0.0, float(moving.max()), 0
    )
    scene = Scene(compression, background, noise, floor, guess, 0.0, top, quality)
    seeds = scene.emitters(*peaks(moving, floor, guess))
    if len(seeds) == 0:
        return scene
    bright = _bright(seeds.amplitude)
    chosen = (seeds.amplitude > WEAK_PART * bright) & (seeds.frame < WIDTH_FRAMES)
    widths = _refined_widths(scene.image(stored[:WIDTH_FRAMES]), seeds[chosen], guess, bright)
    return replace(
        scene,
        point_spread=widths,
        bright=bright,
        quality=replace(quality, bright=bright, isolated_bubbles=widths.n_examples),
    )


def _bright(amplitude: np.ndarray) -> float:
    """The amplitude above which half of the energy lies."""
    ordered = np.sort(amplitude)
    return float(ordered[np.searchsorted(np.cumsum(ordered**2), (ordered**2).sum() / 2)])


def _first_guess(moving: np.ndarray, noise: float) -> PointSpread:
    guess = estimate_point_spread(moving[:WIDTH_FRAMES], noise)
    if guess.n_examples == 0:
        return point_spread_of_crowds(moving)
    scale = FIRST_GUESS_OF_WIDTH
    return PointSpread(scale * guess.sigma_x_px, scale * guess.sigma_y_px, guess.n_examples)


def _in_magnitude(frames: np.ndarray, compression: LogCompression | None) -> np.ndarray:
    return np.asarray(frames) if compression is None else compression.undone(np.asarray(frames))


def _background(sample: np.ndarray, least_noise: float) -> np.ndarray:
    """(rows, columns) what rests: the median over time, or less where bubbles lift the median.

    There the quiet part of each pixel's values tells what its middle would be. A pixel counts as lifted where its
    median is out of reach of the noise and its bright values are as bright as bubbles; tissue that flickers is not.
    """
    if len(sample) < MIN_FRAMES_FOR_BACKGROUND:
        return np.zeros(sample.shape[1:], np.float32)
    low, fifth, middle, high = _percentiles(sample, *QUIET_PERCENTILES, 50, BUSY_PERCENTILE)
    noise = cv2.GaussianBlur((fifth - low) / SIGMAS_BETWEEN, (0, 0), QUIET_SPREAD_PX)
    quiet = fifth + SIGMAS_TO_MIDDLE * noise
    around = _regional(noise[::REGION_STEP_PX, ::REGION_STEP_PX], 50, sample.shape[1:])
    brightest = float(np.median(sample.max(axis=(1, 2))))
    lifted = middle - quiet > LIFTED_SIGMAS * np.maximum(around, least_noise)
    return np.where(lifted & (high - quiet > BUSY_PART * brightest), quiet, middle)


def _noise(moving: np.ndarray, shape: tuple[int, int], least_noise: float) -> np.ndarray:
    """(rows, columns) standard deviation of the noise in the region of each pixel.

    The noise of magnitudes rises farther above its middle than it falls below, or is cut off below, so it is measured
    above: on those pixels of a region that bubbles seldom reach.

    Args:
        moving: (n, ., .) frames without background, every third pixel each way.
        shape: (rows, columns) of the answer.
    """
    if len(moving) < MIN_FRAMES_FOR_BACKGROUND:
        noise = SIGMA_OF_MAD * float(np.median(np.abs(moving)))
        return np.full(shape, max(noise, least_noise), np.float32)
    middle, high = _percentiles(moving, 50, HIGH_PERCENTILE)
    calm = _regional(high - middle, CALM_PERCENTILE, shape) / _calm_of_normal_noise(len(moving))
    return np.maximum(calm, least_noise)


def _calm_of_normal_noise(n_frames: int) -> float:
    """What calm pixels show from the median to the high percentile where the standard deviation is 1.

    Simulated, because it falls with the number of frames: from 0.98 for 64 to 0.22 for 8.
    """
    middle, high = _percentiles(np.random.default_rng(0).normal(size=(n_frames, 2048)), 50, HIGH_PERCENTILE)
    return float(np.percentile(high - middle, CALM_PERCENTILE))


def _percentiles(sample: np.ndarray, *wanted: float) -> list[np.ndarray]:
    """Over time, at the nearest frame."""
    ranks = [round(percent / 100 * (len(sample) - 1)) for percent in wanted]
    ordered = np.partition(sample, ranks, axis=0)
    return [ordered[rank] for rank in ranks]


def _regional(coarse: np.ndarray, percentile: float, shape: tuple[int, int]) -> np.ndarray:
    """Percentile over the surroundings of each place, so that a vessel does not count but a region does.

    Args:
        coarse: every third value each way.
        percentile: 50 for the median.
        shape: (rows, columns) of the answer.
    """
    calm = ndimage.percentile_filter(coarse, percentile, REGION_STEPS, mode="nearest")
    return cv2.resize(calm, shape[::-1], interpolation=cv2.INTER_LINEAR)


def smoothed(frames: np.ndarray, spread: PointSpread) -> np.ndarray:
    """(n, rows, columns) float32 frames, lightly smoothed in proportion to the point spread."""
    sigma_x, sigma_y = BLUR_OF_WIDTH * spread.sigma_x_px, BLUR_OF_WIDTH * spread.sigma_y_px
    calm = np.empty(frames.shape, np.float32)
    for frame, result in zip(frames, calm, strict=True):
        cv2.GaussianBlur(np.ascontiguousarray(frame, np.float32), (0, 0), sigmaX=sigma_x, sigmaY=sigma_y, dst=result)
    return calm


def peaks(
    frames: np.ndarray, threshold: float | np.ndarray, spread: PointSpread
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Local maxima of lightly smoothed frames.

    Args:
        frames: (n, rows, columns).
        threshold: one for all, or (rows, columns).
        spread: the smoothing is in proportion to it.

    Returns:
        frame, x (column), y (row) and smoothed grey value of every maximum above ``threshold``.
    """
    near = np.ones((3, 3), np.uint8)
    found = []
    for number, smooth in enumerate(smoothed(frames, spread)):
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
