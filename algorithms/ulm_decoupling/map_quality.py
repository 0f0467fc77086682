"""How well a map of localisations shows the true vessels of a phantom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from algorithms.ulm_decoupling.phantom import Phantom
from algorithms.ulm_decoupling.vessels import Vessel, VesselNetwork, centre_line_mask, vessel_mask

FACTOR = 4
"""Map pixels per picture pixel, each way."""


@dataclass(frozen=True)
class MapQuality:
    """What a map is worth.

    Attributes:
        overlap: Dice coefficient of map and true vessels, the map cut at the threshold that suits it best.
        in_vessel: share of the localisations that lie inside a true vessel.
        valley: localisations per area half-way between the two vessels of the first pair, over those per area
            inside them: 0 is fully separated, 1 not at all; NaN without a pair or without localisations there.
    """

    overlap: float
    in_vessel: float
    valley: float


@dataclass(frozen=True, eq=False)
class MapJudge:
    """The true vessels of one phantom, ``FACTOR`` times finer than its pictures.

    Attributes:
        vessels: inside any vessel.
        pair: inside the two vessels of the first pair, away from all others; empty without a pair.
        gap: half-way between these two, away from all others.
    """

    vessels: NDArray[np.bool_]
    pair: NDArray[np.bool_]
    gap: NDArray[np.bool_]

    @classmethod
    def of(cls, phantom: Phantom) -> MapJudge:
        """Draws the vessels of a phantom, at rest."""
        everything = phantom.vessel_mask(FACTOR)
        pairs = len(phantom.options.vessels.pair_separations_mm)
        if not pairs:
            nothing = np.zeros_like(everything)
            return cls(everything, nothing, nothing)
        shape, spacing_mm = phantom.options.shape, phantom.options.spacing_mm
        network = phantom.network.vessels
        artery, vein = network[-2 * pairs], network[-2 * pairs + 1]
        others = VesselNetwork(tuple(vessel for vessel in network if vessel not in (artery, vein)))
        away = ~ndimage.binary_dilation(vessel_mask(others, shape, spacing_mm, FACTOR), iterations=2)
        middle = (artery.centre_line_mm + vein.centre_line_mm[::-1]) / 2
        between = Vessel(None, artery.radius_mm, artery.flow_mm3_s, middle)
        pair = vessel_mask(VesselNetwork((artery, vein)), shape, spacing_mm, FACTOR)
        gap = centre_line_mask(VesselNetwork((between,)), shape, spacing_mm, FACTOR)
        return cls(everything, pair & away, gap & away)

    def judge(self, x_px: NDArray, y_px: NDArray) -> MapQuality:
        """Holds localisations of all frames together against the vessels."""
        counts = density(x_px, y_px, (self.vessels.shape[0] // FACTOR, self.vessels.shape[1] // FACTOR))
        total = counts.sum()
        in_pair = counts[self.pair].mean() if self.pair.any() else 0.0
        return MapQuality(
            overlap=_best_dice(ndimage.gaussian_filter(counts, 1.0), self.vessels),
            in_vessel=float(counts[self.vessels].sum() / total) if total else 0.0,
            valley=float(counts[self.gap].mean() / in_pair) if in_pair and self.gap.any() else float("nan"),
        )


def density(x_px: NDArray, y_px: NDArray, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Localisations per map pixel of a picture of ``shape`` (rows, columns): (rows*FACTOR, columns*FACTOR)."""
    rows, columns = shape
    edges = ((-0.5, rows - 0.5), (-0.5, columns - 0.5))
    counts, _, _ = np.histogram2d(y_px, x_px, bins=(rows * FACTOR, columns * FACTOR), range=edges)
    return counts


def _best_dice(smooth: NDArray, vessels: NDArray[np.bool_]) -> float:
    """Dice at the best of all thresholds: the n brightest pixels, for every n."""
    values = smooth.ravel()
    order = np.argsort(values)[::-1][: np.count_nonzero(values > 1e-9)]
    if not len(order):
        return 0.0
    hits = np.cumsum(vessels.ravel()[order])
    return float((2 * hits / (np.arange(1, len(order) + 1) + vessels.sum())).max())
