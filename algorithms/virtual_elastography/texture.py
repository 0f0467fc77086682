"""Numbers that describe the texture of a canvas, whatever it shows: for the test of familiarity (numpy only).

Speckle of a pulse and beam has a certain size and is wider than deep; its grey has a certain distribution; tissue has
few long bright lines and little black. Pictures of other kinds differ in some of these.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FINE_PX, COARSE_PX = 3.0, 10.0
"""Gaussians that part speckle from structure, and structure from shading."""
LAGS_PX = (1, 2, 3)
QUANTILES = (0.02, 0.1, 0.25, 0.75, 0.9, 0.98)
BLACK_ABOVE_LEAST = 0.05
LINE_PX = 15
LINE_ANGLES = 8
CELL_PX = 16

NAMES = (
    *(f"along_x_{lag}" for lag in LAGS_PX),
    *(f"along_y_{lag}" for lag in LAGS_PX),
    "anisotropy_top", "anisotropy_bottom", "width_top", "width_bottom",
    *(f"quantile_{round(100 * level)}" for level in QUANTILES),
    "skewness", "kurtosis", "speckle_skewness", "speckle_kurtosis",
    "speckle_share", "structure_share", "shading_share",
    "black", "rows_deviation", "columns_deviation", "depth_slope", "depth_curvature",
    "speckle_unevenness", "structure_skewness", "structure_kurtosis", "coherence", "lines_bright", "lines_dark",
)  # fmt: skip


def describe(canvas: NDArray[np.float32]) -> NDArray[np.float64]:
    """(len(NAMES),) of a canvas (128, 128) with mean 0 and deviation 1."""
    values = canvas.astype(np.float32)
    fine = cv2.GaussianBlur(values, (0, 0), FINE_PX)
    coarse = cv2.GaussianBlur(values, (0, 0), COARSE_PX)
    speckle, structure = values - fine, fine - coarse
    half = len(values) // 2
    found = [
        *(_correlation(speckle, 0, lag) for lag in LAGS_PX),
        *(_correlation(speckle, lag, 0) for lag in LAGS_PX),
        *(_correlation(part, 0, 1) - _correlation(part, 1, 0) for part in (speckle[:half], speckle[half:])),
        *(_correlation(part, 0, 2) + _correlation(part, 2, 0) for part in (speckle[:half], speckle[half:])),
        *np.quantile(values, QUANTILES),
        *_third_and_fourth(values),
        *_third_and_fourth(speckle),
        *(_log_deviation(part) for part in (speckle, structure, coarse)),
        *_shares_and_profiles(values),
        _unevenness(speckle),
        *_third_and_fourth(structure),
        _coherence(structure),
        *_lines(values),
    ]
    return np.asarray(found, np.float64)


def _correlation(plane: NDArray[np.float32], rows: int, columns: int) -> float:
    """Of a plane with itself, shifted."""
    height, width = plane.shape
    first, second = plane[: height - rows, : width - columns], plane[rows:, columns:]
    return float((first * second).mean() / (plane.var() + 1e-6))


def _third_and_fourth(plane: NDArray[np.float32]) -> tuple[float, float]:
    """Skewness and kurtosis, compressed by arcsinh."""
    centred = (plane - plane.mean()) / (plane.std() + 1e-6)
    return float(np.arcsinh((centred**3).mean())), float(np.arcsinh((centred**4).mean() - 3.0))


def _log_deviation(plane: NDArray[np.float32]) -> float:
    return float(np.log(plane.std() + 1e-3))


def _shares_and_profiles(values: NDArray[np.float32]) -> tuple[float, ...]:
    black = float((values <= values.min() + BLACK_ABOVE_LEAST).mean())
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    depth = np.linspace(-1, 1, len(rows))
    curvature, slope, _ = np.polyfit(depth, rows, 2)
    return np.sqrt(black), float(rows.std()), float(columns.std()), float(slope), float(curvature)


def _unevenness(speckle: NDArray[np.float32]) -> float:
    """How much the strength of speckle differs from place to place."""
    side = len(speckle) // CELL_PX
    cells = speckle[: side * CELL_PX, : side * CELL_PX].reshape(side, CELL_PX, side, CELL_PX).std(axis=(1, 3))
    return float(np.log(cells + 0.02).std())


def _coherence(structure: NDArray[np.float32]) -> float:
    """Mean coherence of the structure tensor: 1 where everything runs one way, 0 without direction."""
    across, down = cv2.Sobel(structure, cv2.CV_32F, 1, 0), cv2.Sobel(structure, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(part, (0, 0), 5.0) for part in (across**2, down**2, across * down))
    whole = xx + yy
    return float((np.sqrt((xx - yy) ** 2 + 4 * xy**2) * whole).sum() / ((whole * whole).sum() + 1e-6))


def _lines(values: NDArray[np.float32]) -> tuple[float, float]:
    """Strongest bright and dark lines: means along short lines of all directions, against the surroundings."""
    local = values - cv2.blur(values, (LINE_PX, LINE_PX))
    strongest = np.stack([cv2.filter2D(local, cv2.CV_32F, kernel) for kernel in _line_kernels()])
    return float(np.quantile(strongest.max(axis=0), 0.99)), float(np.quantile(-strongest.min(axis=0), 0.99))


def _line_kernels() -> list[NDArray[np.float32]]:
    middle, kernels = LINE_PX // 2, []
    for angle in np.arange(LINE_ANGLES) * np.pi / LINE_ANGLES:
        kernel = np.zeros((LINE_PX, LINE_PX), np.float32)
        reach = np.round(middle * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        cv2.line(kernel, tuple(int(v) for v in middle - reach), tuple(int(v) for v in middle + reach), 1.0)
        kernels.append(kernel / kernel.sum())
    return kernels
