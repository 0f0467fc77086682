"""How alike two pictures are (SSIM), and how well two readers' scores agree (weighted kappa)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIGMA_PX, WINDOW_PX = 1.5, 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim_map(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(rows, columns) structural similarity of two RGB pictures, mean of the three channels.

    As in Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity,
    IEEE TIP 13(4), 2004: Gaussian window of 11 x 11 with sigma 1.5, K1 0.01, K2 0.03, range 255, equation 13.
    """
    if first.shape != second.shape:
        raise ValueError(f"pictures of one size are compared; got {first.shape} and {second.shape}")
    a, b = np.float64(first), np.float64(second)
    mean_a, mean_b = _local(a), _local(b)
    var_a, var_b = _local(a * a) - mean_a**2, _local(b * b) - mean_b**2
    common = _local(a * b) - mean_a * mean_b
    found = (2 * mean_a * mean_b + C1) * (2 * common + C2) / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
    return found if found.ndim == 2 else found.mean(axis=2)


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
    """Mean of ``ssim_map``, over the pixels ``where`` if given. Raises ValueError where there is none."""
    found = ssim_map(first, second)
    if where is None:
        return float(found.mean())
    if not where.any():
        raise ValueError("no pixel to compare")
    return float(found[where].mean())


def weighted_kappa(pairs: NDArray) -> float:
    """Cohen's kappa with quadratic weights (Cohen, Psychological Bulletin 70, 1968) of (n, 2) scores.

    One where all agree on a single score, for which kappa is not defined.
    """
    first, second = np.asarray(pairs, np.float64).T
    observed = ((first - second) ** 2).mean()
    expected = ((first[:, None] - second[None, :]) ** 2).mean()
    return 1.0 if expected == 0 else float(1.0 - observed / expected)


def _local(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return cv2.GaussianBlur(plane, (WINDOW_PX, WINDOW_PX), SIGMA_PX, borderType=cv2.BORDER_REFLECT)
