"""A heart that contracts further, cut nearer its apex: such cavities are rare in any collection, and networks that have
not seen them draw them too large.

The picture is pulled together around the cavity's centre, along every radius alike: the cavity shrinks to a share of
its radius, the wall grows inwards, all beyond the epicardium stays. A slice has a thickness, in which the cavity
tapers: the mean of several depths has the soft rim of an apical slice, and the cavity's outline is that of the middle.
What is left of the blood is paler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dicom_node.series import Spacing

SMALLEST_SHARE = 0.45
LARGEST_SHARE = 1.05
LEAST_RADIUS_MM = 2.6
"""Of a circle of 21 mm2: experts draw cavities down to about that."""
THINNEST_WALL_MM = 6.0
PALEST = 0.35
"""Of the contrast of blood against wall that the smallest cavity keeps, at least."""


WIDEST = 0.9
"""Of the epicardium's radius: so much the cavity fills at most."""
MOST_CROWDED = 0.35
"""Of the cavity's radius: what papillary muscles and trabeculae take when the cavity closes around them. Experts draw
the cavity around them, the more or less."""
TAPERED = 0.6
"""Of the contractions."""
MOST_TAPERED = 0.5
"""By which the cavity's radius is larger at the slice's upper face than in its middle, and smaller at its lower one."""
DEPTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""From the lower face of the slice to its upper one."""


@dataclass(frozen=True, slots=True)
class Contraction:
    """Radii of cavity and epicardium, those of circles of their areas, and the share of the first that is left."""

    cavity_mm: float
    epicardium_mm: float
    share: float
    contrast: float
    taper: float
    crowded: float

    def at(self, depth: float) -> Contraction:
        """At one of ``DEPTHS``."""
        share = self.share * (1.0 + self.taper * depth)
        return replace(self, share=min(share, WIDEST * self.epicardium_mm / self.cavity_mm))

    def blood(self) -> Contraction:
        """As the blood contracts, which leaves the rim of the cavity to muscle."""
        return replace(self, share=self.share * (1.0 - self.crowded))

    def sources(self, x_mm: NDArray, y_mm: NDArray) -> tuple[NDArray, NDArray]:
        """Where in the picture as it is lies what is shown at (x, y), both counted from the cavity's centre."""
        radius = np.hypot(x_mm, y_mm)
        before = np.interp(
            radius,
            [0.0, self.share * self.cavity_mm, self.epicardium_mm],
            [0.0, self.cavity_mm, self.epicardium_mm],
        )
        before = np.where(radius > self.epicardium_mm, radius, before)
        times = before / np.maximum(radius, 1e-6)
        return x_mm * times, y_mm * times

    def shown(
        self,
        picture: NDArray[np.float32],
        cavity: NDArray[np.float32],
        wall: NDArray[np.float32],
        wall_grey: float,
        grain: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """The contracted picture as a scanner would show it: paler blood, and grain in place of stretched texture.

        Args:
            picture, cavity, wall: (rows, columns), the last two 0..1.
            wall_grey: of the wall before it was stretched.
            grain: (rows, columns) about 0, in grey values.
        """
        paler = picture - (1.0 - self.contrast) * cavity * np.maximum(picture - wall_grey, 0.0)
        new = wall_grey + 0.4 * (cv2.GaussianBlur(picture, (0, 0), 2.5) - wall_grey) + grain
        stretched = np.clip((1.0 - self.share) * 2.0, 0.0, 1.0)
        return (paler + stretched * wall * (new - paler)).astype(np.float32)


def any_contraction(
    cavity: NDArray[np.bool_], inside: NDArray[np.bool_], spacing: Spacing, rng: np.random.Generator
) -> Contraction:
    """Of a picture that has a cavity, at random."""
    pixel_mm2 = spacing.row_mm * spacing.column_mm
    radius = float(np.sqrt(np.count_nonzero(cavity) * pixel_mm2 / np.pi))
    outer = float(np.sqrt(np.count_nonzero(inside | cavity) * pixel_mm2 / np.pi))
    outer = max(outer, radius + THINNEST_WALL_MM)
    low = min(max(SMALLEST_SHARE, LEAST_RADIUS_MM / radius), 1.0)
    share = float(np.exp(rng.uniform(np.log(low), np.log(LARGEST_SHARE))))
    contrast = float(rng.uniform(PALEST + (1.0 - PALEST) * min(1.0, share), 1.0))
    taper = float(rng.uniform(0.0, MOST_TAPERED)) if rng.random() < TAPERED else 0.0
    crowded = float(rng.uniform(0.0, MOST_CROWDED)) * min(1.0, max(0.0, 2.0 * (1.0 - share)))
    return Contraction(radius, outer, min(share, WIDEST * outer / radius), contrast, taper, crowded)


def any_grain(deviation: float, size_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(size_px, size_px) grain of a wall whose grey values spread by ``deviation``."""
    grain = cv2.GaussianBlur(rng.normal(0.0, 1.0, (size_px, size_px)).astype(np.float32), (0, 0), 0.8)
    return (grain * (rng.uniform(0.2, 1.0) * deviation / float(grain.std()))).astype(np.float32)
