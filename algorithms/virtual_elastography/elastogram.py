"""What an elastograph makes of displacement or stiffness: softness from 0 (hard) to 1 (soft), relative to the picture.

    strain       axial strain by least squares over a window of depth, against the mean strain of the picture
    shear_wave   stiffness as far as shear waves resolve it, against the median of the picture

Both scales are relative: the same tissue is green in one picture and blue in the next when its neighbours differ.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d

from algorithms.virtual_elastography.mechanics import Motion
from algorithms.virtual_elastography.view import View

GRID = (224, 192)
"""Rows (depth) and columns (across) on which strain is estimated."""
STRAIN_GAMMA = 2.0
"""Steepness of the strain display: half the mean strain is hard (0.2), twice is soft (0.8)."""
STIFFNESS_GAMMA = 1.5
"""Steepness of the shear-wave display: twice the median stiffness is hard (0.26), half is soft (0.74)."""


def strain(motion: Motion, view: View, window_mm: float) -> NDArray[np.float32]:
    """Axial strain on GRID, positive for compression, as a least-squares estimator over a window gives it.

    The slope of the straight line through the displacements of a window (Kallel and Ophir, 1997), after a blur across
    the beam of half the window's length. At the ends the displacement is continued straight.
    """
    rows, cols = GRID
    across, depth = np.meshgrid(np.linspace(-1, 1, cols), np.linspace(0, 1, rows))
    axial_mm, _ = motion.at(across, depth)
    half = max(1, round(window_mm / view.depth_mm * (rows - 1) / 2))
    beam_mm = view.width_mm / (cols - 1)
    axial_mm = gaussian_filter1d(axial_mm, max(window_mm / 4 / beam_mm, 0.5), axis=1, mode="nearest")
    offsets = np.arange(-half, half + 1)
    slope = offsets / (offsets**2).sum()
    padded = np.pad(axial_mm, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    gradient = convolve1d(padded, slope[::-1].astype(np.float32), axis=0)[half:-half]
    return -gradient * np.float32((rows - 1) / view.depth_mm)


def strain_softness(axial_strain: NDArray[np.floating], view: View) -> NDArray[np.float32]:
    """Softness of strain (rows, cols): 0.5 where it is the mean of the picture, without strain 0, and 1 as it grows.

    Under a convex face the press spreads out with the beams; scanners make up for it, here by the distance from the
    centre of the face's circle. The decay of stress with depth below a small face is left, as in real elastograms.
    """
    rows = axial_strain.shape[0]
    if view.convex:
        axial_strain = axial_strain * (1 + np.linspace(0, view.depth_mm / view.radius_mm, rows))[:, None]
    relative = np.maximum(axial_strain / axial_strain.mean(), 0) ** STRAIN_GAMMA
    return (relative / (1 + relative)).astype(np.float32)


def shear_wave_softness(stiffness: NDArray[np.floating], view: View, resolution_mm: float) -> NDArray[np.float32]:
    """Softness of stiffness: 0.5 where it is the median of the picture, after a blur of a resolution in mm."""
    rows, cols = stiffness.shape
    blur = (
        max(resolution_mm / (view.width_mm / (cols - 1)), 0.3),
        max(resolution_mm / (view.depth_mm / (rows - 1)), 0.3),
    )
    smooth = np.exp(cv2.GaussianBlur(np.log(stiffness).astype(np.float32), (0, 0), sigmaX=blur[0], sigmaY=blur[1]))
    relative = (smooth / np.median(smooth)) ** STIFFNESS_GAMMA
    return (1 / (1 + relative)).astype(np.float32)


def noise(shape: tuple[int, int], size_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """(rows, cols) estimator noise: smooth, of mean 0 and standard deviation 1."""
    cells = (int(shape[0] / size_px) + 2, int(shape[1] / size_px) + 2)
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
