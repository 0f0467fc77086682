"""Pictures over time: an M-mode and a Doppler spectrum, as strips that lie under or without a fan."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def _beats(columns: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(columns,) phase within the heart's cycle, 0 to 1."""
    cycles = rng.uniform(2.0, 6.0)
    return ((np.arange(columns) / columns * cycles + rng.random()) % 1.0).astype(np.float32)


def m_mode(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns) grey: layers that move with the beat, speckle drawn out along the sweep."""
    phase = _beats(columns, rng)
    thrust = np.exp(-(((phase - 0.35) / 0.14) ** 2))
    depth = np.arange(rows, dtype=np.float32)[:, None] / rows
    level = np.full((rows, columns), -4.0, np.float32)
    for _ in range(int(rng.integers(5, 9))):
        at = rng.uniform(0.05, 0.95) + rng.normal(0, 0.05) * thrust
        level = np.where(depth > at, np.float32(rng.choice([-30.0, -10.0, 0.0]) + rng.normal(0, 3)), level)
        level = level + rng.uniform(4, 14) * np.exp(-(((depth - at) / 0.008) ** 2))
    grain = rng.rayleigh(1.0, (rows, columns // 3 + 1)).astype(np.float32)
    grain = cv2.GaussianBlur(cv2.resize(grain, (columns, rows)), (0, 0), sigmaX=1.2, sigmaY=0.8)
    grey = 0.5 + (level + 20 * np.log10(np.maximum(grain, 0.05))) / 55
    return (255 * np.clip(grey, 0, 1)).astype(np.uint8)


def spectrum(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns) grey: waves of an artery over (or below) a base line."""
    phase = _beats(columns, rng)
    rise = np.exp(-(((phase - 0.15) / rng.uniform(0.05, 0.09)) ** 2))
    run_off = rng.uniform(0.1, 0.5) * np.exp(-phase / rng.uniform(0.3, 0.9))
    peak = rng.uniform(0.5, 0.85) * np.maximum(rise, run_off)
    base = rng.uniform(0.6, 0.8)
    height = (base - np.arange(rows)[:, None] / rows) / base
    if rng.random() < 0.3:
        height = -height[::-1]
    within = (height > 0.02) & (height < peak)
    rim = np.exp(-(((height - 0.85 * peak) / (0.05 + 0.15 * peak)) ** 2))
    power = 0.015 + within * (0.25 + 0.6 * rim)
    grain = cv2.resize(rng.exponential(1.0, (rows // 2 + 1, columns // 2 + 1)).astype(np.float32), (columns, rows))
    grey = 255 * np.clip(np.sqrt(power * grain) * rng.uniform(0.7, 1.1), 0, 1)
    grey[int(np.argmin(np.abs(height[:, 0])))] = 190
    return grey.astype(np.uint8)
