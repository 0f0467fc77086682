"""Lessons in which there is no ventricle: heads, and what lies beside a heart. Networks that never saw such pictures
take a skull, a vessel or a stomach for a ventricle and its wall.

    heads      slices of the ICBM 152 average brain (MNI, McConnell Brain Imaging Centre; in the package nilearn), any
               way up, with skull and scalp drawn around them, as bright as chance will have it
    beside     a part of an expert's picture that ends before the heart begins
    replaced   an expert's picture with something else where the heart was: a piece from beside some heart, or a head
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.augment import Teaching
from dicom_node.series import Spacing

CLEAR_OF_HEART_MM = 15.0
"""Between the cavity and a part beside it: the wall, and a little more."""
LEAST_SIDE_MM = 60.0
MAGNIFIED = (0.9, 2.2)
"""A part is shown so many times as large as it is: an organ beside the heart is as large as a heart then."""
WALL_MM = (12.0, 25.0)
"""What goes with the cavity: the wall, and what lies close to it."""
LEAST_BRAIN = 0.08
"""Of a slice's pixels: less is the tip of the brain."""


def head(rng: np.random.Generator) -> Teaching:
    """A slice through a head, with a place in it where the index network is to find nothing."""
    brain = _brain()
    while True:
        axis = int(rng.integers(3))
        plane = brain.take(int(rng.integers(brain.shape[axis])), axis)
        inside = plane > 0.05
        if np.count_nonzero(inside) > LEAST_BRAIN * inside.size:
            break
    grey = plane ** rng.uniform(0.5, 3.0) if rng.random() < 0.6 else 1.1 - plane  # T1, or about T2
    picture = _wrapped(np.where(inside, rng.uniform(0.3, 1.0) * grey, 0.0), inside, rng)
    air = rng.normal(0.0, rng.uniform(0.005, 0.06), (2, *picture.shape))  # of the scanner's two channels
    picture = np.hypot(picture + air[0], air[1]).astype(np.float32)
    spacing = float(rng.uniform(0.7, 1.3))
    return _without_ventricle(picture, Spacing(spacing, spacing), rng)


def beside(lesson: Teaching, rng: np.random.Generator) -> Teaching | None:
    """A part of a picture beside its ventricle, or ``None`` where nothing of some size is beside it."""
    rows, columns = np.nonzero(lesson.cavity)
    if not len(rows):
        return None
    clear_rows = round(CLEAR_OF_HEART_MM / lesson.spacing.row_mm)
    clear_columns = round(CLEAR_OF_HEART_MM / lesson.spacing.column_mm)
    parts = [
        lesson.image[: max(0, rows.min() - clear_rows)],
        lesson.image[rows.max() + clear_rows :],
        lesson.image[:, : max(0, columns.min() - clear_columns)],
        lesson.image[:, columns.max() + clear_columns :],
    ]
    large = [
        part
        for part in parts
        if min(part.shape[0] * lesson.spacing.row_mm, part.shape[1] * lesson.spacing.column_mm) >= LEAST_SIDE_MM
    ]
    if not large:
        return None
    times = float(rng.uniform(*MAGNIFIED))
    spacing = Spacing(lesson.spacing.row_mm * times, lesson.spacing.column_mm * times)
    return _without_ventricle(np.ascontiguousarray(large[rng.integers(len(large))]), spacing, rng)


def replaced(lesson: Teaching, other: Teaching, rng: np.random.Generator) -> Teaching | None:
    """A picture with a round piece of another one in the place of its heart, or ``None`` where there is no heart.

    Args:
        other: without a ventricle; its centre comes where the ventricle was.
    """
    if not lesson.cavity.any():
        return None
    rows, columns = np.indices(lesson.image.shape, np.float32)
    x_mm = (columns - lesson.centre_px[0]) * lesson.spacing.column_mm
    y_mm = (rows - lesson.centre_px[1]) * lesson.spacing.row_mm
    reach_mm = float(np.hypot(x_mm, y_mm)[lesson.cavity].max()) + float(rng.uniform(*WALL_MM))
    turn = rng.uniform(0.0, 2.0 * np.pi)
    there_x = other.centre_px[0] + (np.cos(turn) * x_mm - np.sin(turn) * y_mm) / other.spacing.column_mm
    there_y = other.centre_px[1] + (np.sin(turn) * x_mm + np.cos(turn) * y_mm) / other.spacing.row_mm
    piece = cv2.remap(
        other.image, there_x.astype(np.float32), there_y.astype(np.float32), cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT
    )
    near = np.hypot(x_mm, y_mm) < reach_mm
    brightness = float(np.percentile(lesson.image, 98.0)) / max(
        float(np.percentile(piece[near], 98.0)), 0.3 * float(other.image.max()), 1e-6
    )
    share = np.clip((reach_mm - np.hypot(x_mm, y_mm)) / 4.0 + 0.5, 0.0, 1.0)
    picture = lesson.image + share * (piece * brightness * rng.uniform(0.4, 1.1) - lesson.image)
    nothing = np.zeros(lesson.cavity.shape, bool)
    return Teaching(picture.astype(np.float32), nothing, nothing, lesson.spacing, 1.0, lesson.centre_px)


def _without_ventricle(picture: NDArray[np.float32], spacing: Spacing, rng: np.random.Generator) -> Teaching:
    """The crop lies anywhere in the middle of the picture, where a finder that errs may put it."""
    rows, columns = picture.shape
    nothing = np.zeros(picture.shape, bool)
    centre = (float(rng.uniform(0.25, 0.75) * columns), float(rng.uniform(0.25, 0.75) * rows))
    return Teaching(picture, nothing, nothing, spacing, 1.0, centre)


def _wrapped(picture: NDArray[np.floating], inside: NDArray[np.bool_], rng: np.random.Generator) -> NDArray:
    """The brain in its skull: a dark ring of fluid and bone, a bright one of fat under the skin."""
    dark, bright = int(rng.integers(3, 10)), int(rng.integers(3, 10))
    whole = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, _disc(12))
    skull = cv2.dilate(whole, _disc(dark))
    scalp = cv2.dilate(skull, _disc(bright))
    grey = np.where(scalp > skull, rng.uniform(0.3, 1.6), np.where(inside, picture, rng.uniform(0.0, 0.25)))
    return cv2.GaussianBlur(np.where(scalp > 0, grey, 0.0).astype(np.float32), (0, 0), 0.7)


def _disc(radius: int) -> NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


@cache
def _brain() -> NDArray[np.float32]:
    """(x, y, z) 0..1 at 1 mm, right to left, back to front, bottom to top, with room for a skull around it."""
    from nilearn.datasets import load_mni152_template

    values = np.asarray(load_mni152_template(resolution=1).get_fdata(), np.float32)
    return np.pad(values / values.max(), 24)
