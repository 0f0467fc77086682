"""Pictures as the networks meet them in training: turned, mirrored, stretched, bent, shaded, noisy.

One remapping takes picture and masks to the network's grid at once, so nothing is blurred twice, and the indices are
computed from the masks as they came out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.crop import CROP_MM, CROP_PX, FIELD_MM, FIELD_PX, equalised
from algorithms.lv_quantification.indices import INDEX_NAMES, indices_of
from dicom_node.series import Spacing

BEND_KNOTS = 5
GRID_SPACING = Spacing(CROP_MM, CROP_MM)


@dataclass(frozen=True, slots=True)
class Teaching:
    """One picture to learn from. ``inside``: all inside the epicardium; ``trust`` 0..1: how far to believe it."""

    image: NDArray[np.float32]
    cavity: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    spacing: Spacing
    trust: float
    centre_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CropSample:
    """Input and truth of the index network: (128, 128) picture, (2, 128, 128) masks, (11,) indices (nan: none)."""

    picture: NDArray[np.float32]
    masks: NDArray[np.float32]
    indices: NDArray[np.float32]
    trust: float


def crop_sample(teaching: Teaching, rng: np.random.Generator) -> CropSample:
    """A random view of the crop."""
    centre_mm = rng.normal(0.0, 4.0, 2)
    scale = float(np.exp(rng.normal(0.0, 0.13)))
    x, y = _view(teaching, rng, CROP_PX, CROP_MM, scale, centre_mm, bend_mm=2.5)
    picture = _marred(_taken(teaching.image, x, y), rng)
    cavity = _taken(teaching.cavity.astype(np.float32), x, y) >= 0.5
    inside = (_taken(teaching.inside.astype(np.float32), x, y) >= 0.5) | cavity
    indices = indices_of(cavity, inside & ~cavity, GRID_SPACING) if cavity.any() else np.full(len(INDEX_NAMES), np.nan)
    return CropSample(
        equalised(picture), np.stack([cavity, inside]).astype(np.float32), indices.astype(np.float32), teaching.trust
    )


def field_sample(teaching: Teaching, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A random view of the whole field (128, 128) and the share of cavity in each of its pixels."""
    centre_mm = rng.normal(0.0, 15.0, 2)
    scale = float(np.exp(rng.normal(0.0, 0.15)))
    rows, columns = teaching.image.shape
    whole = Teaching(
        teaching.image, teaching.cavity, teaching.inside, teaching.spacing, 1.0, ((columns - 1) / 2, (rows - 1) / 2)
    )
    x, y = _view(whole, rng, FIELD_PX, FIELD_MM, scale, centre_mm, bend_mm=6.0)
    width = FIELD_MM / scale / teaching.spacing.row_mm
    blurred = cv2.GaussianBlur(teaching.image, (0, 0), 0.4 * width) if width > 1.2 else teaching.image
    shares = cv2.GaussianBlur(teaching.cavity.astype(np.float32), (0, 0), max(0.4 * width, 0.3))
    return equalised(_marred(_taken(blurred, x, y), rng)), _taken(shares, x, y)


def _view(
    teaching: Teaching,
    rng: np.random.Generator,
    size_px: int,
    pixel_mm: float,
    scale: float,
    shift_mm: NDArray,
    bend_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the picture each pixel of the grid looks: any turn, mirrored every other time, bent a little."""
    turn = rng.uniform(0.0, 2.0 * np.pi) if rng.random() < 0.5 else rng.normal(0.0, 0.35)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    axis = (np.arange(size_px) - (size_px - 1) / 2.0) * (pixel_mm / scale)
    across, down = np.meshgrid(axis * mirror, axis)
    if rng.random() < 0.7:
        across = across + _smooth(rng, size_px, bend_mm)
        down = down + _smooth(rng, size_px, bend_mm)
    cosine, sine = np.cos(turn), np.sin(turn)
    x_mm = cosine * across - sine * down + shift_mm[0]
    y_mm = sine * across + cosine * down + shift_mm[1]
    x = teaching.centre_px[0] + x_mm / teaching.spacing.column_mm
    y = teaching.centre_px[1] + y_mm / teaching.spacing.row_mm
    return x.astype(np.float32), y.astype(np.float32)


def _smooth(rng: np.random.Generator, size_px: int, deviation: float) -> NDArray[np.float32]:
    knots = rng.normal(0.0, deviation, (BEND_KNOTS, BEND_KNOTS)).astype(np.float32)
    return cv2.resize(knots, (size_px, size_px), interpolation=cv2.INTER_CUBIC)


def _taken(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _marred(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Coil shading, blur or sharpness, noise, sometimes a dark or bright band: what equalisation cannot undo."""
    spread = max(float(np.percentile(picture, 98.0)), 1e-6)
    picture = picture / spread
    if rng.random() < 0.6:
        picture = picture * np.exp(_smooth(rng, len(picture), 0.25))
    kind = rng.random()
    if kind < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
    elif kind < 0.4:
        picture = picture + rng.uniform(0.3, 1.0) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.5))
    if rng.random() < 0.5:
        deviation = rng.uniform(0.01, 0.07)
        noise = rng.normal(0.0, deviation, (2, *picture.shape)).astype(np.float32)
        picture = np.hypot(picture + noise[0], noise[1])
    return picture.astype(np.float32)
