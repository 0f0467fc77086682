"""Three-dimensional views in skin tones or sepia: a shaded surface, and the uterus's coronal plane as a thick slice."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_TONES = (
    ((20, 8, 2), (150, 80, 35), (245, 190, 130), (255, 240, 215)),
    ((15, 10, 4), (120, 85, 40), (215, 175, 95), (255, 245, 200)),
    ((25, 5, 5), (165, 75, 60), (240, 170, 150), (255, 235, 225)),
    ((5, 5, 12), (85, 75, 70), (190, 170, 150), (250, 240, 225)),
)
"""RGB from shade to light: skin, sepia, rose, and a cool light."""


def _smooth(shape: tuple[int, int], grain_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    coarse = rng.standard_normal((int(shape[0] / grain_px) + 4, int(shape[1] / grain_px) + 4)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _domes(shape: tuple[int, int], count: int, hollow: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """Round bumps, or round hollows as opened follicles and chambers are."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    height = np.zeros(shape, np.float32)
    for _ in range(count):
        radius = rng.uniform(0.06, 0.22) * min(shape)
        cy, cx = rng.uniform(0.2, 0.8) * shape[0], rng.uniform(0.2, 0.8) * shape[1]
        reach = np.hypot(x - cx, (y - cy) * rng.uniform(0.8, 1.3)) / radius
        bump = np.sqrt(np.maximum(1 - reach**2, 0)) * radius
        height = np.maximum(height, bump) if not hollow else np.minimum(height, -0.8 * bump)
    return height


def surface(shape: tuple[int, int], opened: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns, 3) of a lit surface on black.

    Args:
        shape: rows and columns.
        opened: chambers seen from within (hollows), else what bulges out.
        rng: of the picture.
    """
    size = min(shape)
    height = 0.10 * size * _smooth(shape, 0.45 * size, rng) + 0.022 * size * _smooth(shape, 0.1 * size, rng)
    height += 0.004 * size * _smooth(shape, 5, rng) + rng.uniform(0.2, 0.8) * _smooth(shape, 2.2, rng)
    height += _domes(shape, int(rng.integers(2, 9)), opened, rng)
    height = cv2.GaussianBlur(height, (0, 0), rng.uniform(0.8, 2.0))
    down, right = np.gradient(height)
    light = rng.normal([-0.35, -0.45, 0.0], [0.25, 0.2, 0.0])
    light[2] = rng.uniform(0.5, 0.9)
    lit = (-right * light[0] - down * light[1] + light[2]) / np.sqrt(1 + right**2 + down**2) / np.linalg.norm(light)
    deep = cv2.GaussianBlur(height, (0, 0), 0.06 * size) - height
    shade = np.clip(lit, 0, 1) ** rng.uniform(0.8, 1.4) * np.exp(-np.maximum(deep, 0) / (0.06 * size))
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    reach = np.hypot(x / rng.uniform(0.8, 1.2), y / rng.uniform(0.8, 1.2)) + 0.12 * _smooth(shape, 0.25 * size, rng)
    shade = shade * np.clip((rng.uniform(0.85, 1.3) - reach) / 0.06, 0, 1)
    return _toned(shade, rng)


def _toned(shade: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns, 3) of shades 0 to 1."""
    tones = np.array(_TONES[int(rng.integers(len(_TONES)))], np.float32)
    place = np.clip(shade, 0, 1) * (len(tones) - 1)
    return np.stack([np.interp(place, range(len(tones)), tones[:, band]) for band in range(3)], -1).astype(np.uint8)


def coronal_uterus(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns, 3): a pear of muscle round the bright triangle of the cavity, soft as averaged slices are."""
    size = min(shape)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    turn = rng.uniform(-0.3, 0.3)
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    warp = 0.03 * _smooth(shape, 0.25 * size, rng)
    waist = rng.uniform(0.5, 0.75) - rng.uniform(0.12, 0.25) * np.tanh(2.5 * y)
    pear = 1 - np.hypot(x / waist, y / rng.uniform(0.75, 0.95)) + warp
    cavity = 0.42 - 0.55 * (y + 0.35) - np.abs(x) / rng.uniform(0.65, 1.0) + 0.6 * warp
    cavity = np.minimum(cavity, y + rng.uniform(0.3, 0.42) - rng.uniform(0, 0.35) * (0.5 - np.abs(x)))
    shade = 0.25 + 0.06 * _smooth(shape, 0.3 * size, rng)
    shade += rng.uniform(0.1, 0.22) * np.clip(pear / 0.05, 0, 1)
    shade -= rng.uniform(0.1, 0.2) * np.clip((cavity + 0.1) / 0.05, 0, 1)
    shade += rng.uniform(0.35, 0.55) * np.clip(cavity / 0.04, 0, 1)
    grain = cv2.GaussianBlur(rng.rayleigh(1.0, shape).astype(np.float32), (0, 0), rng.uniform(1.0, 2.2))
    shade = shade * (0.45 + 0.44 * grain) * np.clip((rng.uniform(1.05, 1.4) - np.hypot(x, y)) / 0.15, 0, 1)
    return _toned(shade, rng)
