"""Another look at a simulated picture: what other machines, other hands and other crops make of the same tissue.

The elastogram stays that of the tissue: it is cut and mirrored with the picture, and nothing else is done to it.
"""

from __future__ import annotations

import string

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_CUT = 0.12
"""Of the width or height, at each side."""


def cut_box(rows: int, columns: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1): mostly the whole picture less a little at each side; at the top least."""
    if rng.random() < 0.3:
        return 0, 0, columns, rows
    left, right, top, bottom = rng.uniform(0, MOST_CUT, 4) * (1, 1, 0.4, 1)
    return round(left * columns), round(top * rows), round((1 - right) * columns), round((1 - bottom) * rows)


def as_other_machines_show(grey: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """(128, 128) grey levels 0..255 -> the same with other gain, gamma, smoothing, noise, ringing or writing on it."""
    outside = grey <= 1.0
    shares = np.clip(grey / 255.0, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.25)))
    shares = shares * _gain(len(grey), rng)[:, None]
    if rng.random() < 0.3:
        shares = cv2.GaussianBlur(shares, (0, 0), rng.uniform(0.4, 1.1))
    if rng.random() < 0.2:
        shares = _ringing(shares, rng)
    if rng.random() < 0.4:
        shares = shares + rng.normal(0, rng.uniform(0.005, 0.04), shares.shape).astype(np.float32)
    shares = np.where(outside, np.float32(0), np.clip(shares, 0, 1)).astype(np.float32)
    if rng.random() < 0.15:
        _write(shares, rng)
    return shares * np.float32(255)


def _gain(rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Time-gain compensation set a little wrong: a smooth curve over depth, times an overall gain."""
    knobs = rng.normal(1.0, 0.06, 5)
    curve = np.interp(np.linspace(0, 4, rows), np.arange(5), knobs)
    return (curve * np.exp(rng.normal(0, 0.12))).astype(np.float32)


def _ringing(shares: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Edges sharpened too much, as some machines' picture processing does."""
    blurred = cv2.GaussianBlur(shares, (0, 0), rng.uniform(0.8, 1.6))
    return shares + np.float32(rng.uniform(0.2, 0.7)) * (shares - blurred)


def _write(shares: NDArray[np.float32], rng: np.random.Generator) -> None:
    """A few letters or callipers somewhere near the edge, in place."""
    rows, columns = shares.shape
    text = "".join(rng.choice(list(string.ascii_uppercase + string.digits), rng.integers(1, 6)))
    place = (
        int(rng.uniform(0, 0.75) * columns),
        int(rng.choice((rng.uniform(0.06, 0.2), rng.uniform(0.85, 1))) * rows),
    )
    letters = np.zeros(shares.shape, np.uint8)
    cv2.putText(letters, text, place, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(0.2, 0.4), int(rng.integers(180, 256)), 1)
    np.maximum(shares, letters / np.float32(255), out=shares)
