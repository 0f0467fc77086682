"""Epicardium estimated from a picture and the expert's endocardium, to train on where no epicardium was drawn.

Experts drew the epicardium of three patients only. For the others the outer border of the wall is found by dynamic
programming in polar coordinates about the cavity: the wall is dark and even, what follows it (right ventricle, fat,
lung) is not; neighbouring rays differ little. It is solved twice, cautiously and boldly; where the two disagree, as on
some hypertrophied ventricles, there is no label at all. They agree on 21 of the 28 epicardia that were drawn, and come
to the wall thickness of their sectors within 1.4 mm there (mean absolute error, bias -0.1 mm). It is a training label
with a small weight, never a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

from algorithms.lv_quantification.indices import RAYS, radii_mm, ray_angles_deg
from algorithms.lv_quantification.polygon import mask_of
from dicom_node.series import Spacing

DEPTHS_MM = np.arange(3.0, 20.5, 0.5)
START_MM = 1.5
"""Nearer to the endocardium a pixel is part blood."""
EXPECTED_MM, EXPECTED_SPREAD_MM = 8.0, 4.0
AGREEMENT = 0.88
"""Wall area of the smaller answer over that of the larger, at least."""
BEND_PER_MM2 = 6.0


@dataclass(frozen=True, slots=True)
class Attitude:
    """``unlike``: squared deviations from the wall's grey above which a pixel speaks against being wall.

    ``expectation``: the weight of EXPECTED_MM.
    """

    unlike: float
    expectation: float


CAUTIOUS = Attitude(unlike=2.0, expectation=0.5)
BOLD = Attitude(unlike=2.5, expectation=0.15)


def estimated_inside(
    image: NDArray[np.float32], cavity: NDArray[np.bool_], spacing: Spacing
) -> NDArray[np.bool_] | None:
    """(rows, columns): all inside the epicardium, the cavity included; ``None`` where it cannot be told.

    Args:
        image: grey values in any unit.
        cavity: not empty.
    """
    cautious, bold = (_solved(image, cavity, spacing, attitude) for attitude in (CAUTIOUS, BOLD))
    areas = sorted((np.count_nonzero(cautious & ~cavity), np.count_nonzero(bold & ~cavity)))
    return cautious if areas[0] >= AGREEMENT * areas[1] else None


def _solved(
    image: NDArray[np.float32], cavity: NDArray[np.bool_], spacing: Spacing, attitude: Attitude
) -> NDArray[np.bool_]:
    rows, columns = np.nonzero(cavity)
    centre = (columns.mean(), rows.mean())
    angles = np.deg2rad(ray_angles_deg()) % (2.0 * np.pi)
    order = np.argsort(angles)
    angles, inner_mm = angles[order], radii_mm(cavity, cavity, spacing)[0][order]
    steps_mm = np.arange(0.0, DEPTHS_MM[-1] + 1.0, 0.5)
    profile = _profile(image, centre, angles, inner_mm[:, None] + steps_mm, spacing)
    wall_mm = _smoothest(_cost(profile, steps_mm, float(np.median(image[cavity])), attitude))
    outer_mm = inner_mm + gaussian_filter1d(wall_mm, 1.0, mode="wrap")
    x = centre[0] + np.cos(angles) * outer_mm / spacing.column_mm
    y = centre[1] - np.sin(angles) * outer_mm / spacing.row_mm
    return mask_of(np.stack([x, y], axis=1), *cavity.shape) | cavity


def _profile(
    image: NDArray, centre: tuple[float, float], angles: NDArray, radii_mm_: NDArray, spacing: Spacing
) -> NDArray[np.float32]:
    x = centre[0] + np.cos(angles)[:, None] * radii_mm_ / spacing.column_mm
    y = centre[1] - np.sin(angles)[:, None] * radii_mm_ / spacing.row_mm
    values = map_coordinates(image, [y, x], order=1, mode="nearest").astype(np.float32)
    return cv2.GaussianBlur(values, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)


def _cost(profile: NDArray[np.float32], steps_mm: NDArray, blood: float, attitude: Attitude) -> NDArray[np.float64]:
    """(rays, depths): what it costs to end the wall at each depth."""
    near = profile[:, (steps_mm >= 1.5) & (steps_mm <= 5.0)]
    darkest = float(np.median(near.min(axis=1)))
    wall = near[near < darkest + 0.5 * max(blood - darkest, 1e-6)]
    grey = float(np.median(wall)) if wall.size else darkest
    spread = max(float(np.std(wall)) if wall.size else 0.0, 0.08 * abs(blood - grey), 1e-6)
    unlike = np.minimum(((profile - grey) / spread) ** 2, 16.0)
    unlike[:, steps_mm < START_MM] = 0.0
    within = np.cumsum((unlike - attitude.unlike) * (steps_mm >= START_MM), axis=1) * 0.5
    edge = np.minimum(np.abs(np.gradient(profile, 0.5, axis=1)) / spread, 3.0)
    cost = 0.25 * within - edge + attitude.expectation * ((steps_mm - EXPECTED_MM) / EXPECTED_SPREAD_MM) ** 2
    return cost[:, (steps_mm >= DEPTHS_MM[0]) & (steps_mm <= DEPTHS_MM[-1])]


def _smoothest(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rays,) mm: the closed path of least cost. Two turns are solved, and the middle turn is taken."""
    bend = BEND_PER_MM2 * np.subtract.outer(DEPTHS_MM, DEPTHS_MM) ** 2
    turns = np.vstack([cost, cost])
    total, came_from = turns[0], []
    for ray in range(1, len(turns)):
        reached = total + bend
        came_from.append(reached.argmin(axis=1))
        total = reached.min(axis=1) + turns[ray]
    path = [int(total.argmin())]
    for back in reversed(came_from):
        path.append(int(back[path[-1]]))
    taken = np.array(path[::-1])
    return DEPTHS_MM[np.concatenate([taken[RAYS : RAYS + RAYS // 2], taken[RAYS // 2 : RAYS]])]
