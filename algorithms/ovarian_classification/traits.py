"""What a reader would describe of a lesion, as numbers: they teach the networks beside the class, and are not reported.

Few pictures show cancer, so the networks also learn to tell echogenicity, fluid, borders and shape, of which every
picture has an example. All are computed from the picture and its mask; none depends on size or place in the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

TRAITS = (
    "echo_ratio",
    "echo_variation",
    "coarse_variation",
    "darkest_tenth",
    "brightest_tenth",
    "elongation",
    "irregularity",
    "fullness",
    "inner_edges",
    "sharpest_edges",
    "fluid_share",
    "fluid_spaces",
    "echo_below",
)
RING_SHARE = 0.12
"""Width of the surroundings, of the square root of the lesion's area."""
FLUID_BELOW = 0.4
"""Of the surroundings' mean brightness."""


def traits_of(grey: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(13,) in the order of TRAITS; nan for a lesion of less than 30 pixels.

    Args:
        grey: (rows, columns), marks painted out.
        mask: (rows, columns), the lesion or ovary.
    """
    area = np.count_nonzero(mask)
    if area < 30:
        return np.full(len(TRAITS), np.nan)
    width = max(3, round(RING_SHARE * np.sqrt(area)))
    ring = ndimage.binary_dilation(mask, iterations=width) & ~mask
    scale_px = max(1.0, 0.02 * float(np.sqrt(area)))
    smooth = cv2.GaussianBlur(grey, (0, 0), scale_px).astype(np.float64)
    around = float(grey[ring].mean()) + 5.0
    inside, coarse = grey[mask].astype(np.float64), smooth[mask]
    edges = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))[mask] / around * scale_px
    fluid = (smooth < FLUID_BELOW * around) & mask
    rows, columns = np.nonzero(mask)
    spread = np.linalg.eigvalsh(np.cov(np.stack([rows, columns])))
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outline, key=cv2.contourArea)
    hull = max(cv2.contourArea(cv2.convexHull(largest)), 1.0)
    below = grey[min(rows.max() + 2, grey.shape[0] - 1) : rows.max() + 2 + 3 * width, columns.min() : columns.max() + 1]
    return np.array(
        [
            inside.mean() / around,
            inside.std() / (inside.mean() + 5.0),
            coarse.std() / around,
            np.percentile(coarse, 10) / around,
            np.percentile(coarse, 90) / around,
            np.log(np.sqrt(spread[1] / max(spread[0], 1.0))),
            np.log(cv2.arcLength(largest, True) ** 2 / (4 * np.pi * max(cv2.contourArea(largest), 1.0))),
            cv2.contourArea(largest) / hull,
            edges.mean(),
            np.percentile(edges, 90),
            fluid.mean() * mask.size / area,
            np.log1p(ndimage.label(fluid)[1]),
            float(below.mean()) / around if below.size else 1.0,
        ]
    )
