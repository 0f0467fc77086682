"""Marks that a machine or a person drew on an ultrasound picture, painted out: they must not carry the decision.

Calipers, text, body marks and the graphics beside the sector are coloured or lie outside it. Coloured ones (yellow,
green, cyan, violet) are painted out from what surrounds them; blood flow (red and blue) is told apart and kept as grey.
What lies outside the sector becomes black. Thin pure white marks within the sector are painted out as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURED_FROM = 45
"""Largest minus smallest of R, G, B from which a pixel is no grey one, JPEG's smear allowed for."""
FLOW_AREA_SHARE = 3e-4
"""Share of the picture's pixels from which a red or blue patch is blood flow rather than a letter."""
WHITE_FROM = 225
THIN_PX = 5
STANDS_OUT_BY = 90
"""How far a thin white mark stands above what its surroundings have at most."""
DARK_UP_TO = 8
PAINTED_RADIUS_PX = 3
BRIDGED_SHARE = 0.08
"""Of the shorter side: gaps of fluid between lit pieces of one sector, up to this wide, are bridged."""


@dataclass(frozen=True, eq=False)
class Unmarked:
    """``grey``: (rows, columns) uint8 without marks, 0 outside the sector. ``marks``, ``colour``, ``sector``: bool.

    ``marks`` are the pixels painted out within the sector, ``colour`` those of blood flow.
    """

    grey: NDArray[np.uint8]
    marks: NDArray[np.bool_]
    colour: NDArray[np.bool_]
    sector: NDArray[np.bool_]


def unmarked(rgb: NDArray[np.uint8]) -> Unmarked:
    """The picture without what was drawn on it.

    Args:
        rgb: (rows, columns, 3).
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    coloured = np.ptp(rgb.astype(np.int16), axis=2) >= COLOURED_FROM
    colour = _flow(rgb, coloured)
    drawn = coloured & ~colour
    drawn = cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~colour
    sector = _sector(np.where(drawn, 0, grey))
    marks = (drawn | _white(grey)) & sector
    painted = cv2.inpaint(grey, marks.astype(np.uint8), PAINTED_RADIUS_PX, cv2.INPAINT_TELEA) if marks.any() else grey
    return Unmarked(np.where(sector, painted, 0).astype(np.uint8), marks, colour & sector, sector)


def _flow(rgb: NDArray[np.uint8], coloured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Patches of red, orange or blue that are larger than letters."""
    red, green, blue = (rgb[..., channel].astype(np.int16) for channel in range(3))
    warm = (red > green + 30) & (red > blue + 30)
    cold = (blue > red + 30) & (blue > green + 10)
    seeds = (coloured & (warm | cold)).astype(np.uint8)
    solid = cv2.morphologyEx(seeds, cv2.MORPH_OPEN, np.ones((4, 4), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    least = max(12, FLOW_AREA_SHARE * solid.size)
    kept = np.zeros(count, np.bool_)
    kept[1:] = stats[1:, cv2.CC_STAT_AREA] >= least
    core = kept[labels].astype(np.uint8)
    near = cv2.dilate(core, np.ones((7, 7), np.uint8)).astype(bool)
    return near & coloured


def _white(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Thin marks, nearly white, that stand out from their surroundings."""
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((THIN_PX, THIN_PX), np.uint8))
    thin = (grey >= WHITE_FROM) & (grey.astype(np.int16) - opened >= STANDS_OUT_BY)
    return cv2.dilate(thin.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def _sector(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The largest lit piece, dark fluid bridged, filled out to its convex hull; everything where nothing is lit."""
    lit = (cv2.GaussianBlur(grey, (0, 0), 2.0) > DARK_UP_TO).astype(np.uint8)
    lit = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    bridge = max(3, round(BRIDGED_SHARE * min(grey.shape)))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((bridge, bridge), np.uint8))
    contours, _ = cv2.findContours(lit, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.ones(grey.shape, np.bool_)
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    return cv2.fillConvexPoly(np.zeros(grey.shape, np.uint8), hull, 1).astype(bool)
