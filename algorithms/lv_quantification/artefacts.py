"""What a scanner and its patient do to a cine picture: coils, bands, ghosts, blur, noise, masks, grey values.

Every function takes (rows, columns) float32 with blood near 1 and returns the same; ``spoil`` draws which happen.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from algorithms.lv_quantification.shapes import Grid

Picture = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Picture:
    """Smooth random field of standard deviation about 1 with ``cells`` values across the picture."""
    coarse = rng.standard_normal((cells + 3, cells + 3), np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def coils(grid: Grid, rng: np.random.Generator, depth_mm: float) -> Picture:
    """Surface coils' factor: high near the chest wall (up and to the left of the heart), falling off with depth."""
    angle = math.radians(rng.uniform(80, 180))
    towards = grid.x_mm * np.float32(math.cos(angle)) + grid.y_mm * np.float32(math.sin(angle))
    bent = smooth_noise(rng, grid.shape, 2) * np.float32(0.12)
    return np.exp(np.clip(towards * np.float32(1 / depth_mm), -1.2, 1.5) + bent)


def band(picture: Picture, rng: np.random.Generator) -> Picture:
    """Balanced steady state loses its signal where the field is off by half a turn per repetition."""
    turns = smooth_noise(rng, picture.shape, 2) * np.float32(rng.uniform(0.12, 0.35))
    turns += np.float32(rng.uniform(-0.2, 0.2))
    off = np.cos(np.float32(math.pi) * turns)
    return picture * (1 - np.float32(rng.uniform(0.3, 0.8)) * np.exp(-((off / np.float32(0.15)) ** 2)))


def ghost(picture: Picture, rng: np.random.Generator) -> Picture:
    """Motion between phase-encoding steps: weak copies along one axis."""
    axis = int(rng.integers(2))
    parts = int(rng.integers(2, 7))
    shift = picture.shape[axis] // parts
    strength = rng.uniform(0.01, 0.06)
    return picture + np.float32(strength) * (np.roll(picture, shift, axis) + np.roll(picture, -shift, axis))


def fold(picture: Picture, rng: np.random.Generator) -> Picture:
    """Aliasing: what lies beyond the field comes back at the other side."""
    axis = int(rng.integers(2))
    length = picture.shape[axis]
    wide = int(length * rng.uniform(0.03, 0.12))
    folded = picture.copy()
    index = [slice(None), slice(None)]
    source = list(index)
    if rng.random() < 0.5:
        index[axis], source[axis] = slice(0, wide), slice(length // 2, length // 2 + wide)
    else:
        index[axis], source[axis] = slice(length - wide, length), slice(length // 2 - wide, length // 2)
    folded[tuple(index)] += np.float32(rng.uniform(0.2, 0.7)) * picture[tuple(source)]
    return folded


def drag(picture: Picture, rng: np.random.Generator, length_px: float) -> Picture:
    """Motion within the acquisition of a frame: blur along a line."""
    size = 2 * math.ceil(length_px / 2) + 1
    kernel = np.zeros((size, size), np.float32)
    angle = rng.uniform(0, math.pi)
    reach = length_px / 2
    middle = size // 2
    for t in np.linspace(-reach, reach, 4 * size):
        kernel[round(middle + t * math.sin(angle)), round(middle + t * math.cos(angle))] += 1
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def acquire(picture: Picture, rng: np.random.Generator, noise: float, kept: tuple[float, float]) -> Picture:
    """Samples the middle of k-space only and adds noise there: zero-filled magnitude picture, Rician noise.

    Args:
        noise: standard deviation in each channel of the picture at full sampling.
        kept: (rows, columns) shares of k-space that were measured.
    """
    rows, columns = picture.shape
    if min(kept) >= 0.995:
        real = picture + np.float32(noise) * rng.standard_normal(picture.shape, np.float32)
        return np.hypot(real, np.float32(noise) * rng.standard_normal(picture.shape, np.float32))
    down = 2 * max(int(rows * kept[0] / 2), 8), 2 * max(int(columns * kept[1] / 2), 8)
    top, left = (rows - down[0]) // 2, (columns - down[1]) // 2
    centre = np.s_[top : top + down[0], left : left + down[1]]
    space = fft.fftshift(fft.fft2(picture))
    filled = np.zeros_like(space)
    scale = np.float32(noise * math.sqrt(rows * columns))
    measured = space[centre] + scale * (
        rng.standard_normal(down, np.float32) + np.complex64(1j) * rng.standard_normal(down, np.float32)
    )
    filled[centre] = measured * _window(down[0])[:, None] * _window(down[1])[None]
    return np.abs(fft.ifft2(fft.ifftshift(filled))).astype(np.float32)


def _window(length: int) -> Picture:
    """A mild Fermi window against ringing (scanners apply one)."""
    place = np.abs(np.arange(length) - length / 2) / (length / 2)
    return (1 / (1 + np.exp((place - 0.92) / 0.04))).astype(np.float32)


def field_mask(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """Where the scanner shows anything: all, a disc, or a field whose sides are bent by gradient correction."""
    kind = rng.random()
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    v = (rows - (shape[0] - 1) / 2) / (shape[0] / 2)
    u = (columns - (shape[1] - 1) / 2) / (shape[1] / 2)
    if kind < 0.4:
        return None
    if kind < 0.75:
        return u * u + v * v <= rng.uniform(0.82, 1.02) ** 2
    bend = rng.uniform(0.05, 0.3)
    inside = np.abs(u) <= 1 - bend + bend * v * v * 1.2
    if rng.random() < 0.4:
        inside = inside & (np.abs(v) <= 1 - 0.3 * bend + 0.3 * bend * u * u)
    return inside


def grey_values(picture: Picture, rng: np.random.Generator) -> Picture:
    """As stored: 12-bit kinds of any gain, or 8-bit kinds windowed for display (bright fat saturates)."""
    if rng.random() < 0.5:
        gain = math.exp(rng.uniform(math.log(80), math.log(1800)))
        return np.clip(np.rint(picture * np.float32(gain)), 0, 4095).astype(np.float32)
    top = float(np.percentile(picture[::4, ::4], rng.uniform(97.5, 100)))
    gamma = math.exp(rng.normal(0, 0.12))
    shown = np.clip(picture / np.float32(max(top, 1e-3)), 0, 1) ** np.float32(gamma)
    return np.rint(shown * 255).astype(np.float32)


def spoil(picture: Picture, grid: Grid, rng: np.random.Generator, keep: NDArray[np.bool_]) -> Picture:
    """A random choice of all of these, in the order in which they happen; grey values last.

    Args:
        keep: pixels that no field mask may hide.
    """
    if rng.random() < 0.9:
        picture = picture * coils(grid, rng, rng.uniform(60, 400))
    if rng.random() < 0.12:
        picture = band(picture, rng)
    if rng.random() < 0.25:
        picture = drag(picture, rng, rng.uniform(1.5, 4.5))
    if rng.random() < 0.2:
        picture = ghost(picture, rng)
    if rng.random() < 0.08:
        picture = fold(picture, rng)
    kept = (1.0, 1.0)
    if rng.random() < 0.6:
        kept = float(rng.uniform(0.45, 0.95)), float(rng.uniform(0.55, 0.98))
        kept = kept if rng.random() < 0.5 else kept[::-1]
    noise = math.exp(rng.uniform(math.log(0.004), math.log(0.07)))
    picture = acquire(picture, rng, noise, kept)
    mask = field_mask(picture.shape, rng)
    if mask is not None and not (keep & ~mask).any():
        picture = picture * mask
    return grey_values(picture, rng)
