"""What the networks are fed: the field at 2.6 mm for the finder, an equalised crop at 1 mm for the index networks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.series import Spacing

FIELD_PX = 128
FIELD_MM = 2.6
"""The finder's grid: 333 mm, the field of view of a cardiac study."""
CROP_PX = 128
CROP_MM = 1.0
"""The index networks' grid: 128 mm, room for a dilated ventricle with its wall."""

GREY_LEVELS = 256
CLEAR_OF_EDGES = 1e-3
"""Of a grey level: values on the edge between two levels (whole numbers often are) fall alike in every unit."""
TARGET_RANGE = (-1.0, 1.0)


def equalised(picture: NDArray, target: tuple[float, float] = TARGET_RANGE) -> NDArray[np.float32]:
    """Histogram equalisation to a target dynamic range (CN 109003270 A, paragraphs 0076-0078).

    Each of 256 grey levels between the picture's extremes goes to the mean share of pixels up to it, stretched to
    ``target``: pictures of any scanner share one style, whatever their window or bit depth.

    Args:
        picture: (rows, columns), any numeric type; the same picture in other units gives the same values.
    """
    values = np.asarray(picture, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.full(values.shape, target[0], np.float32)
    levels = ((values - low) * (GREY_LEVELS / (high - low)) + CLEAR_OF_EDGES).astype(np.int32)
    levels = np.minimum(levels, GREY_LEVELS - 1)
    counts = np.bincount(levels.ravel(), minlength=GREY_LEVELS)
    share = (np.cumsum(counts) - 0.5 * counts) / values.size
    return (target[0] + share * (target[1] - target[0])).astype(np.float32)[levels]


def to_grid(
    centre_px: tuple[float, float], spacing: Spacing, size_px: int, pixel_mm: float, turn_deg: float = 0.0
) -> NDArray[np.float64]:
    """(2, 3) affine matrix from the pixels of a square grid around ``centre_px`` to the pixels of the picture.

    Args:
        turn_deg: counter-clockwise as displayed, by which the grid's x axis is turned against the picture's.
    """
    middle = (size_px - 1) / 2.0
    cosine, sine = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    turned = pixel_mm * np.array([[cosine, sine], [-sine, cosine]])  # mm to the right and downwards
    turned /= np.array([[spacing.column_mm], [spacing.row_mm]])
    offset = np.array(centre_px) - turned @ (middle, middle)
    return np.column_stack([turned, offset])


def sampled(picture: NDArray, matrix: NDArray[np.float64], size_px: int) -> NDArray[np.float32]:
    """(size_px, size_px): the picture on a grid, averaged where the grid is coarser.

    Beyond the picture it is as dark as the darkest of it, whatever grey that is: air.

    Args:
        matrix: (2, 3), from grid pixels to picture pixels.
    """
    values = np.asarray(picture, dtype=np.float32)
    step = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if step > 1.2:
        sigma = 0.4 * step
        values = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(
        values,
        matrix,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(np.min(picture)),
    )


def field(picture: NDArray, spacing: Spacing) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The finder's input (128, 128) around the middle of the picture, equalised, and the matrix back to the picture."""
    rows, columns = picture.shape
    matrix = to_grid(((columns - 1) / 2.0, (rows - 1) / 2.0), spacing, FIELD_PX, FIELD_MM)
    return equalised(sampled(picture, matrix, FIELD_PX)), matrix


def crop(
    picture: NDArray, centre_px: tuple[float, float], spacing: Spacing, anchor_deg: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The index networks' input (128, 128) around the ventricle, equalised, and the matrix back to the picture.

    It is turned by ``anchor_deg``, so that the network sees the anatomy as in the standard display.
    """
    matrix = to_grid(centre_px, spacing, CROP_PX, CROP_MM, anchor_deg)
    return equalised(sampled(picture, matrix, CROP_PX)), matrix


def back_to_picture(
    values: NDArray[np.float32], matrix: NDArray[np.float64], rows: int, columns: int
) -> NDArray[np.float32]:
    """(rows, columns): values on a grid, seen on the picture; 0 where the grid does not reach."""
    return cv2.warpAffine(
        np.asarray(values, np.float32),
        matrix,
        (columns, rows),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0.0,
    )
