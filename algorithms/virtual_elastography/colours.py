"""Softness of tissue as colour and back: red soft, green medium, blue hard, as elastographs show it.

Softness is a number in [0, 1] without a unit: 1 soft (red), 0.5 medium (green), 0 hard (blue).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

CLASSES = ("soft", "medium", "hard")
"""What the three classes of classes_of are called, by their number."""

SOFT_ABOVE = 2 / 3
HARD_BELOW = 1 / 3
"""Thirds of the scale: softer is soft, harder is hard, what lies between is medium."""

_CORNERS = np.array([(0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0)], np.float32)
_SIDES = len(_CORNERS) - 1


def _ramp() -> NDArray[np.uint8]:
    places = np.linspace(0, _SIDES, 256)
    channels = [np.interp(places, np.arange(_SIDES + 1), _CORNERS[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8)


RAMP = _ramp()
"""(256, 3) uint8 RGB: blue, cyan, green, yellow, red along the edges of the colour cube, in even steps of softness."""


def coloured(softness: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The picture of a map of softness.

    Args:
        softness: (rows, cols), clipped to [0, 1].

    Returns:
        (rows, cols, 3) RGB.

    Raises:
        ValueError: a softness is not a number.
    """
    if not np.isfinite(softness).all():
        raise ValueError("softness must be a number everywhere; some pixels are NaN or infinite: fill them first")
    return RAMP[np.round(np.clip(softness, 0, 1) * 255).astype(np.uint8)]


def softness_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The softness whose colour lies nearest, also for colours off the ramp (smoothed, or drawn by a network).

    Nearest in RGB, by projection on each straight side of the ramp.

    Args:
        rgb: (rows, cols, 3).

    Returns:
        (rows, cols), in [0, 1]; within 1/255 of what coloured() was given.
    """
    colour = np.asarray(rgb, np.float32)
    if colour.ndim < 2 or colour.shape[-1] != 3:
        raise ValueError(f"needs an RGB picture of (rows, cols, 3); got {colour.shape}")
    softness = np.zeros(colour.shape[:-1], np.float32)
    nearest = np.full(colour.shape[:-1], np.inf, np.float32)
    for side, (start, end) in enumerate(pairwise(_CORNERS)):
        along = end - start
        place = np.clip((colour - start) @ along / (along @ along), 0, 1)
        distance = ((colour - start - place[..., None] * along) ** 2).sum(-1)
        closer = distance < nearest
        softness[closer] = (side + place[closer]) / _SIDES
        nearest[closer] = distance[closer]
    return softness


def classes_of(softness: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The class of each pixel: 0 soft, 1 medium, 2 hard (the places in CLASSES)."""
    classes = np.ones(softness.shape, np.uint8)
    classes[softness > SOFT_ABOVE] = 0
    classes[softness < HARD_BELOW] = 2
    return classes


def colour_bar(rows: int, cols: int) -> NDArray[np.uint8]:
    """(rows, cols, 3) the scale for a picture: soft (red) at the top, hard (blue) at the bottom."""
    return coloured(np.repeat(np.linspace(1, 0, rows)[:, None], cols, axis=1))
