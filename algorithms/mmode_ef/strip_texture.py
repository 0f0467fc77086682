"""Makes a grey M-mode strip of a scene: speckle that moves with the tissue, bright borders, noise, log compression.

Speckle is drawn once in material coordinates (depth within the resting tissue, by time) and carried to the picture
along the moving boundaries, so it streaks along the motion as it does on scanners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.scene import EchoLine, Scene


@dataclass(frozen=True)
class Appearance:
    """The scanner's settings and its noise.

    Attributes:
        speckle_s: how long the tissue's slow speckle stays the same.
        flicker: share (0..1) of the speckle that is new in each line.
        axial_mm: axial resolution, one standard deviation.
        noise_db: electronic noise at mid-depth, against tissue of level 0.
        attenuation_db_per_cm: what time-gain compensation leaves uncorrected (negative: overcorrected).
        dynamic_range_db, gain_db: log compression; tissue of level 0 is shown at ``gain_db`` below white.
        gamma: curve of the grey map.
        line_rate_hz: pulses per second; slower than the picture's columns, it smears them.
    """

    speckle_s: float
    flicker: float
    axial_mm: float
    noise_db: float
    attenuation_db_per_cm: float
    dynamic_range_db: float
    gain_db: float
    gamma: float
    line_rate_hz: float


def random_appearance(rng: np.random.Generator, noise: str) -> Appearance:
    """Settings by chance; ``noise`` is low, medium or high."""
    lowest, highest = {"low": (-46.0, -32.0), "medium": (-32.0, -21.0), "high": (-21.0, -12.0)}[noise]
    return Appearance(
        speckle_s=float(rng.uniform(0.04, 0.3)),
        flicker=float(rng.uniform(0.15, 0.65)),
        axial_mm=float(rng.uniform(0.25, 0.55)),
        noise_db=float(rng.uniform(lowest, highest)),
        attenuation_db_per_cm=float(rng.uniform(-0.5, 0.7)),
        dynamic_range_db=float(rng.uniform(42.0, 70.0)),
        gain_db=float(rng.uniform(11.0, 29.0)),
        gamma=float(rng.uniform(0.85, 1.5)),
        line_rate_hz=float(rng.uniform(150.0, 900.0)),
    )


def paint_strip(
    rng: np.random.Generator, scene: Scene, rows: int, mm_per_px: float, appearance: Appearance
) -> NDArray[np.uint8]:
    """(rows, columns) grey strip; row 0 is depth 0."""
    material = _material_rows(scene, rows, mm_per_px)
    steady, quick = _tissue(rng, scene, rows, mm_per_px, appearance)
    slow = cv2.split(_carried(steady, _columns_in_time(scene, steady.shape[1]), material))
    fast = cv2.split(_carried(quick, np.arange(scene.columns) * np.float32(quick.shape[1] / scene.columns), material))
    level = slow[2]
    level *= _depth_gain(rows, mm_per_px, appearance)[:, None]
    real, imaginary = ((slow[i] + fast[i]) * level for i in (0, 1))
    lines = np.zeros_like(real)
    for line in scene.lines:
        _add_line(lines, line, mm_per_px)
    real += lines * _depth_gain(rows, mm_per_px, appearance)[:, None]
    for plane, noise in zip((real, imaginary), _noise(rng, scene, rows, appearance), strict=True):
        plane += noise
    return _compressed(cv2.magnitude(real, imaginary), appearance)


def _carried(texture: NDArray[np.float32], place: NDArray, material: NDArray[np.float32]) -> NDArray[np.float32]:
    """``texture`` at columns ``place`` and rows ``material``; mirrored where the tissue rests below the picture."""
    place = np.ascontiguousarray(np.broadcast_to(place.astype(np.float32), material.shape))
    return cv2.remap(texture, place, material, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _material_rows(scene: Scene, rows: int, mm_per_px: float) -> NDArray[np.float32]:
    """For each pixel, the row at which its tissue rests: piecewise linear between the boundaries."""
    moving = (scene.boundaries_mm / mm_per_px).astype(np.float32)
    resting = _resting_rows(scene, mm_per_px)
    slopes = np.diff(resting)[:, None] / np.diff(moving, axis=0)
    row = np.arange(rows, dtype=np.float32)[:, None]
    material = row * slopes[0][None, :]
    scratch = np.empty_like(material)
    for i in range(1, len(slopes)):
        np.subtract(row, moving[i][None, :], out=scratch)
        np.maximum(scratch, 0.0, out=scratch)
        scratch *= (slopes[i] - slopes[i - 1])[None, :]
        material += scratch
    return material


def _resting_rows(scene: Scene, mm_per_px: float) -> NDArray[np.float32]:
    """(boundaries,) rows of the boundaries in material coordinates: their means over time."""
    return (scene.boundaries_mm.mean(axis=1) / mm_per_px).astype(np.float32)


def _columns_in_time(scene: Scene, slow_columns: int) -> NDArray[np.float32]:
    """(columns,) where each column's time lies on the slow speckle's time axis."""
    times = scene.times_s - scene.times_s.min()
    return (times / max(times.max(), 1e-9) * (slow_columns - 1)).astype(np.float32)


def _tissue(
    rng: np.random.Generator, scene: Scene, rows: int, mm_per_px: float, appearance: Appearance
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """In material coordinates: slow speckle and amplitude (rows, slow, 3), quick speckle (rows, columns / 2, 2)."""
    duration = float(np.ptp(scene.times_s))
    slow = int(np.clip(round(3.0 * duration / appearance.speckle_s), 24, max(scene.columns // 2, 24)))
    axial = appearance.axial_mm / mm_per_px
    steady = np.float32(np.sqrt(1.0 - appearance.flicker)) * _speckle(rng, rows, slow, (1.3, axial))
    quick = np.float32(np.sqrt(appearance.flicker)) * _speckle(rng, rows, scene.columns // 2 + 1, (0.7, axial))
    return np.dstack([steady, _amplitude(rng, scene, rows, slow, mm_per_px)]), quick


def _amplitude(rng: np.random.Generator, scene: Scene, rows: int, slow: int, mm_per_px: float) -> NDArray[np.float32]:
    """Echo level of each layer, patchy, with dropout, as an amplitude."""
    edges = _resting_rows(scene, mm_per_px)
    layer = np.clip(np.searchsorted(edges, np.arange(rows), side="right") - 1, 0, len(scene.levels_db) - 1)
    decibel = np.asarray(scene.levels_db, np.float32)[layer][:, None] + np.zeros((1, slow), np.float32)
    patches = rng.standard_normal((max(int(rows * mm_per_px / 5.0), 3), max(slow // 8, 3)), dtype=np.float32)
    decibel += 2.5 * cv2.resize(patches, (slow, rows), interpolation=cv2.INTER_CUBIC)
    streaks = rng.standard_normal((rows, max(slow // 24, 2)), dtype=np.float32)
    streaks = cv2.GaussianBlur(streaks, (1, 7), 0.1, sigmaY=float(rng.uniform(0.7, 1.8)))
    decibel += rng.uniform(1.0, 8.0) * cv2.resize(streaks, (slow, rows))
    begin = float(scene.times_s.min())
    times = begin + np.ptp(scene.times_s) * np.linspace(0.0, 1.0, slow)
    lost = np.zeros((len(scene.levels_db), slow), np.float32)
    for fade in scene.fades:
        lost[fade.first : fade.last + 1] += fade.loss_db * fade.share(times)
    decibel -= lost[layer]
    below = np.maximum(np.arange(rows) - edges[-2], 0.0) * mm_per_px
    decibel -= (0.15 * below).astype(np.float32)[:, None]
    return np.exp(decibel * np.float32(np.log(10.0) / 20.0))


def _speckle(rng: np.random.Generator, rows: int, columns: int, sigma: tuple[float, float]) -> NDArray[np.float32]:
    """(rows, columns, 2) complex Gaussian field of unit power, correlated over ``sigma`` (columns, rows)."""
    field = rng.standard_normal((rows, columns, 2), dtype=np.float32)
    field = cv2.GaussianBlur(field, (0, 0), sigma[0], sigmaY=max(sigma[1], 0.7))
    field *= np.float32(1.0 / (np.sqrt(2.0) * field[::5].std()))
    return field


def _add_line(real: NDArray[np.float32], line: EchoLine, mm_per_px: float) -> None:
    """Adds a thin echo in place: half of its peak at the leading edge, its peak one standard deviation below."""
    rows, columns = real.shape
    sigma = max(line.thickness_mm / mm_per_px, 0.6)
    tail = 1.5 * sigma
    peak = line.depth_mm / mm_per_px + 1.18 * sigma * 0.8
    offsets = np.arange(-int(2.5 * sigma) - 1, int(2.5 * tail) + 2)
    at = np.floor(peak).astype(int)[None, :] + offsets[:, None]
    distance = at - peak[None, :]
    profile = np.exp(-0.5 * (distance / np.where(distance < 0, sigma, tail)) ** 2)
    profile *= 10.0 ** (np.minimum(line.level_db, 24.0) / 20.0)
    inside = (at >= 0) & (at < rows)
    column = np.broadcast_to(np.arange(columns), at.shape)
    real[at[inside], column[inside]] += profile[inside].astype(np.float32)


def _depth_gain(rows: int, mm_per_px: float, appearance: Appearance) -> NDArray[np.float32]:
    """(rows,) what attenuation and its compensation leave."""
    from_middle_cm = (np.arange(rows) - rows / 2) * mm_per_px / 10.0
    return (10.0 ** (-appearance.attenuation_db_per_cm * from_middle_cm / 20.0)).astype(np.float32)


def _noise(
    rng: np.random.Generator, scene: Scene, rows: int, appearance: Appearance
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two (rows, columns) planes of electronic noise: new in each pulse, correlated along depth, amplified with it."""
    lines = int(np.clip(np.ptp(scene.times_s) * appearance.line_rate_hz, 16, scene.columns))
    sigma = float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.7, 1.6))
    ramp = 10.0 ** (np.linspace(-4.0, 3.0, rows, dtype=np.float32)[:, None] / 20.0)
    planes = []
    for noise in rng.standard_normal((2, rows, lines), dtype=np.float32):
        noise = cv2.GaussianBlur(noise, (0, 0), sigma[0], sigmaY=sigma[1])
        noise *= ramp * np.float32(10.0 ** (appearance.noise_db / 20.0) / (np.sqrt(2.0) * noise[::5].std()))
        planes.append(cv2.resize(noise, (scene.columns, rows), interpolation=cv2.INTER_LINEAR))
    return planes[0], planes[1]


def _compressed(envelope: NDArray[np.float32], appearance: Appearance) -> NDArray[np.uint8]:
    """Log compression and grey map."""
    decibel = cv2.log(np.maximum(envelope, 1e-5)) * np.float32(20.0 / np.log(10.0))
    shown = (decibel + appearance.dynamic_range_db - appearance.gain_db) / appearance.dynamic_range_db
    np.clip(shown, 0.0, 1.0, out=shown)
    return (255.0 * cv2.pow(shown, appearance.gamma) + 0.5).astype(np.uint8)
