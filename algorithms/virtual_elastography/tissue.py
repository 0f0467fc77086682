"""The body under the probe, painted on a grid of beam coordinates: how stiff and how bright each place is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.view import View

GRID = (320, 256)
"""Rows (depth) and columns (across) of the grid that tissue is painted on."""


@dataclass(frozen=True)
class Material:
    """A kind of tissue.

    Attributes:
        stiffness: relative to the medium tissue of the picture (1).
        echo_db: brightness of its speckle relative to medium tissue.
        attenuation: of sound, in dB per cm of depth there and back, above what the scanner's depth gain makes good.
        grain_db: strength of the structure that is coarser than speckle (septa, fibres), as a standard deviation.
        grain_mm: its size across and along the beam.
    """

    stiffness: float
    echo_db: float
    attenuation: float = 0.0
    grain_db: float = 0.6
    grain_mm: tuple[float, float] = (3.0, 3.0)


SKIN = Material(1.3, 5, 0.5, 0.8, (4.0, 0.5))
FAT = Material(0.45, -8, -0.3, 2.5, (5.0, 1.2))
MUSCLE = Material(1.7, -5, 0.2, 4.0, (8.0, 0.6))
GLAND = Material(1.0, 1, 0.1, 1.0, (4.0, 2.5))
FLUID = Material(0.3, -45, -1.5, 0.0)
FASCIA_DB = 9.0
"""How much brighter the thin sheets between layers are."""


class Body:
    """Maps of the tissue that a view sees, made by painting one thing over the other.

    Attributes:
        view: the geometry.
        x_mm, y_mm: (rows, cols) place in the plane.
        depth_mm: (rows, cols) below the face of the probe.
        across_mm: (rows, cols) distance from the middle beam along the arc (or line) at this depth.
        stiffness, echo_db, attenuation: (rows, cols), as in Material.
        lesion_mm: (rows, cols) how deep inside the lesion, negative outside; -inf where there is none.
    """

    def __init__(self, view: View, material: Material, rng: np.random.Generator) -> None:
        rows, cols = GRID
        self.view = view
        across, self.depth_mm = np.meshgrid(
            np.linspace(-1, 1, cols, dtype=np.float32), np.linspace(0, view.depth_mm, rows, dtype=np.float32)
        )
        self.x_mm, self.y_mm = view.plane(across, self.depth_mm)
        fan = 1 + self.depth_mm / view.radius_mm
        self.across_mm = across * fan * (view.width_mm / 2)
        self.stiffness = np.ones(GRID, np.float32)
        self.echo_db = np.zeros(GRID, np.float32)
        self.attenuation = np.zeros(GRID, np.float32)
        self.lesion_mm = np.full(GRID, -np.inf, np.float32)
        self.paint(np.ones(GRID, np.float32), material, rng)

    def noise(self, size_mm: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float32]:
        """(rows, cols) smooth noise of mean 0 and standard deviation 1 with structures of a size across and along."""
        width_mm, depth_mm = float(np.ptp(self.across_mm[GRID[0] // 2])), self.view.depth_mm
        cells = np.clip([depth_mm / size_mm[1], width_mm / size_mm[0]], 2, GRID).astype(int) + 1
        coarse = rng.standard_normal(cells, dtype=np.float32)
        fine = cv2.resize(coarse, (GRID[1], GRID[0]), interpolation=cv2.INTER_CUBIC)
        return fine / max(float(fine.std()), 1e-6)

    def wave(self, height_mm: float, length_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """(cols,) the gentle ups and downs of a boundary between layers, of a standard deviation of height_mm."""
        return height_mm * self.noise((length_mm, 1e9), rng)[0]

    def paint(self, cover: NDArray[np.floating], material: Material, rng: np.random.Generator) -> None:
        """Cover (rows, cols; 0 leaves what is there, 1 replaces it) with a material."""
        echo_db = material.echo_db + material.grain_db * self.noise(material.grain_mm, rng)
        self.echo_db += cover * (echo_db - self.echo_db)
        self.attenuation += cover * (material.attenuation - self.attenuation)
        self.stiffness *= (material.stiffness / self.stiffness) ** cover

    def line(self, depth_mm: NDArray[np.floating], thickness_mm: float, gain_db: float) -> None:
        """Brighten a thin sheet that lies at a depth (cols,)."""
        self.echo_db += gain_db * np.exp(-(((self.depth_mm - depth_mm) / thickness_mm) ** 2))

    def layers(self, layers: Sequence[tuple[Material, float]], rng: np.random.Generator) -> NDArray[np.float32]:
        """Paint layers of given thickness in mm from the face down, with sheets between; give the lowest boundary."""
        boundary_mm = np.zeros(GRID[1], np.float32)
        for material, thickness_mm in layers:
            below_mm = boundary_mm + np.maximum(
                thickness_mm + self.wave(0.12 * thickness_mm, 15.0, rng), 0.4 * thickness_mm
            )
            self.paint(edge(self.depth_mm - boundary_mm, 0.2) * edge(below_mm - self.depth_mm, 0.2), material, rng)
            self.line(below_mm, 0.35, FASCIA_DB * rng.uniform(0.4, 1.2))
            boundary_mm = below_mm
        return boundary_mm

    def settle(self, rng: np.random.Generator) -> None:
        """Blur what is painted to what tissue can be, and vary stiffness by a few per cent as living tissue does."""
        self.stiffness = cv2.GaussianBlur(self.stiffness, (0, 0), 1.2)
        self.stiffness *= np.exp(0.04 * self.noise((6.0, 6.0), rng))

    def stiffness_of(self, where: NDArray[np.bool_]) -> float:
        """Geometric mean of the stiffness in a region."""
        return float(np.exp(np.log(self.stiffness[where]).mean()))


def edge(inside_mm: NDArray[np.floating], width_mm: float) -> NDArray[np.float32]:
    """0 outside, 1 inside, with a soft step of a width."""
    return (1 / (1 + np.exp(-np.clip(inside_mm / (width_mm / 2), -30, 30)))).astype(np.float32)


Painter = Callable[[Body, np.random.Generator], "Host"]


@dataclass(frozen=True)
class Host:
    """Where in a body a lesion may lie: its centre, in mm in the plane."""

    x_mm: tuple[float, float]
    y_mm: tuple[float, float]
    radius_mm: tuple[float, float]
