"""What the simulated scanner makes of bubbles: echoes, residual tissue, noise, and grey values.

Echoes are complex (in-phase and quadrature), so that bubbles closer than the point spread interfere, as they
do in a scanner; the grey value is the compressed magnitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True)
class PointSpread:
    """How wide a bubble looks: a Gaussian magnitude whose lateral width grows away from the focus.

    Attributes:
        lateral_fwhm_mm: full width at half maximum along a row, at the focus.
        axial_fwhm_mm: the same with depth (pulse length), everywhere.
        focus_mm: depth of the focus.
        focal_range_mm: distance from the focus at which the lateral width has grown by the square root of 2.
        wavelength_mm: of the received echo; sets how fast the phase of an echo turns with depth.
    """

    lateral_fwhm_mm: float = 0.38
    axial_fwhm_mm: float = 0.26
    focus_mm: float = 7.0
    focal_range_mm: float = 10.0
    wavelength_mm: float = 0.2

    def __post_init__(self) -> None:
        for name in ("lateral_fwhm_mm", "axial_fwhm_mm", "focal_range_mm", "wavelength_mm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")

    def sigmas_mm(self, depth_mm: NDArray | float) -> tuple[NDArray, float]:
        """Standard deviations (lateral at these depths, axial)."""
        growth = np.sqrt(1 + ((np.asarray(depth_mm) - self.focus_mm) / self.focal_range_mm) ** 2)
        return self.lateral_fwhm_mm * growth / FWHM_PER_SIGMA, self.axial_fwhm_mm / FWHM_PER_SIGMA


@dataclass(frozen=True)
class Display:
    """How magnitude becomes a grey value of 0..255.

    Attributes:
        dynamic_range_db: grey 0 is this far below grey 255 (logarithmic compression, what scanners show);
            ``None`` for grey values in proportion to magnitude.
        headroom_db: grey 255 is this far above the median bubble.
    """

    dynamic_range_db: float | None = 36.0
    headroom_db: float = 8.0

    def __post_init__(self) -> None:
        if self.dynamic_range_db is not None and not self.dynamic_range_db > 0:
            raise ValueError(f"dynamic_range_db must be above 0; got {self.dynamic_range_db}")

    def grey(self, magnitude: NDArray) -> NDArray[np.uint8]:
        """Grey values of magnitudes (the median bubble's peak is 1)."""
        if self.dynamic_range_db is None:
            scaled = magnitude * 10 ** (-self.headroom_db / 20)
        else:
            decibel = 20 * np.log10(np.maximum(magnitude, 1e-6))
            scaled = 1 + (decibel - self.headroom_db) / self.dynamic_range_db
        return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def echo_phase(depth_mm: NDArray, psf: PointSpread) -> NDArray:
    """Phase of an echo from this depth after demodulation: there and back, 2 pi per wavelength."""
    return -4 * math.pi * depth_mm / psf.wavelength_mm


def bubble_echoes(
    x_px: NDArray, y_px: NDArray, echo: NDArray, shape: tuple[int, int], spacing_mm: float, psf: PointSpread
) -> NDArray[np.complex64]:
    """Sum of the echoes of all bubbles of one frame.

    Args:
        x_px, y_px: positions; pixel centres at integers. A bubble beyond the picture is left out.
        echo: complex peak of each.
        shape: (rows, columns).
        spacing_mm: pixel size.
        psf: point spread; cut off beyond 4 standard deviations (below 0.04 % of the peak).
    """
    rows, columns = shape
    near = (x_px > -0.5) & (x_px < columns - 0.5) & (y_px > -0.5) & (y_px < rows - 0.5)
    x_px, y_px, echo = x_px[near], y_px[near], echo[near]
    if len(x_px) == 0:
        return np.zeros(shape, np.complex64)
    lateral, axial = (np.asarray(sigma) / spacing_mm for sigma in psf.sigmas_mm(y_px * spacing_mm))
    reach = math.ceil(4 * max(float(lateral.max()), float(axial))) + 1
    offsets = np.arange(-reach, reach + 1)
    x0, y0 = np.rint(x_px).astype(np.int64), np.rint(y_px).astype(np.int64)
    along = np.exp(-((x0[:, None] + offsets - x_px[:, None]) ** 2) / (2 * lateral[:, None] ** 2))
    down = np.exp(-((y0[:, None] + offsets - y_px[:, None]) ** 2) / (2 * axial**2)) * echo[:, None]
    patches = down[:, :, None] * along[:, None, :]
    wide = columns + 2 * reach
    flat = (y0[:, None, None] + reach + offsets[:, None]) * wide + x0[:, None, None] + reach + offsets
    size = (rows + 2 * reach) * wide
    summed = np.empty(size, np.complex64)
    summed.real = np.bincount(flat.ravel(), patches.real.ravel(), size)
    summed.imag = np.bincount(flat.ravel(), patches.imag.ravel(), size)
    return summed.reshape(rows + 2 * reach, wide)[reach : reach + rows, reach : reach + columns]


class Tissue:
    """Speckle of the tissue between the vessels: root mean square 1, moves with the tissue, changes slowly.

    Two independent complex speckle fields are mixed by a slow rotation, so the mean power stays and the
    pattern is a new one after a quarter of ``period_frames``.
    """

    MARGIN_PX = 24

    def __init__(
        self,
        shape: tuple[int, int],
        spacing_mm: float,
        psf: PointSpread,
        period_frames: float,
        rng: np.random.Generator,
    ) -> None:
        self._shape = shape
        self._period_frames = period_frames
        padded = (shape[0] + 2 * self.MARGIN_PX, shape[1] + 2 * self.MARGIN_PX)
        lateral, axial = psf.sigmas_mm(shape[0] * spacing_mm / 2)
        sigma_px = (axial / spacing_mm, float(lateral) / spacing_mm)
        layers = self._layers(padded, spacing_mm, rng)
        m = self.MARGIN_PX
        self._spectra = []
        for _ in range(2):
            field = self._speckle(padded, sigma_px, rng) * layers
            seen = field[m : m + shape[0], m : m + shape[1]]
            self._spectra.append(fft.fft2(field / _rms(seen)))
        self._frequencies = fft.fftfreq(padded[0])[:, None], fft.fftfreq(padded[1])[None, :]

    def at(self, frame: int, dx_px: float, dy_px: float) -> NDArray[np.complex64]:
        """The field in one frame, moved by (dx, dy) pixels: (rows, columns)."""
        turn = 2 * math.pi * frame / self._period_frames
        spectrum = math.cos(turn) * self._spectra[0] + math.sin(turn) * self._spectra[1]
        fy, fx = self._frequencies
        shift = np.exp(-2j * math.pi * fy * dy_px) * np.exp(-2j * math.pi * fx * dx_px)
        moved = fft.ifft2(spectrum * shift)
        m = self.MARGIN_PX
        return moved[m : m + self._shape[0], m : m + self._shape[1]].astype(np.complex64)

    @staticmethod
    def _speckle(shape: tuple[int, int], sigma_px: tuple[float, float], rng: np.random.Generator) -> NDArray:
        white = (rng.standard_normal(shape) for _ in range(2))
        real, imaginary = (ndimage.gaussian_filter(part, sigma_px, mode="wrap") for part in white)
        return real + 1j * imaginary

    @staticmethod
    def _layers(shape: tuple[int, int], spacing_mm: float, rng: np.random.Generator) -> NDArray:
        """Echogenicity: broad blotches and a few thin bright interfaces across."""
        blotches = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2 / spacing_mm, mode="wrap")
        layers = 10 ** (0.3 * blotches / blotches.std())
        y, x = np.mgrid[: shape[0], : shape[1]]
        for _ in range(4):
            depth = rng.uniform(0, shape[0])
            bend = 0.03 * shape[0] * np.sin(2 * math.pi * (x / shape[1] * rng.uniform(0.3, 1) + rng.uniform()))
            patchy = np.clip(1 + blotches / blotches.std(), 0, 2)
            layers += 2 * patchy * np.exp(-(((y - depth - bend) * spacing_mm / 0.12) ** 2))
        return layers


def complex_noise(shape: tuple[int, int], rms: float, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Electronic noise: complex Gaussian whose magnitude has this root mean square."""
    parts = rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(rms / math.sqrt(2))
    return parts[0] + 1j * parts[1]


def _rms(field: NDArray) -> float:
    return math.sqrt(float(np.mean(np.abs(field) ** 2)))
