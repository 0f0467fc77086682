"""How the simulated left ventricle beats: a truncated half-ellipsoid whose muscle keeps its volume.

Heights are millimetres along the axis from the epicardial apex, which stays where it is; the base comes down towards
it in systole. The cavity is half an ellipsoid with semi-axes R, R, L below the plane of the base, so its volume is
2/3 pi R^2 L; the epicardium likewise with R + w and L + APEX_SHARE w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

DENSITY_G_PER_ML = 1.05
"""Of myocardium."""

APEX_SHARE = 0.6
"""The wall is thinner at the apex than at the base, by this factor."""

LENGTH_IN_RADII = 3.1
"""L / R at end-diastole."""

_CURVE = PchipInterpolator(
    [0.0, 0.04, 0.12, 0.28, 0.36, 0.41, 0.50, 0.58, 0.66, 0.82, 0.88, 0.96, 1.0],
    [1.0, 0.985, 0.75, 0.10, 0.0, 0.01, 0.36, 0.63, 0.70, 0.74, 0.79, 0.975, 1.0],
)
"""Share of the stroke volume in the ventricle over one beat: ejection until 36 % of the beat, a short isovolumic
relaxation, rapid filling, diastasis, and the atrial kick from 82 %."""


@dataclass(frozen=True)
class Beat:
    """The ventricle to be simulated.

    Attributes:
        edv_ml, ef_percent, mass_g: end-diastolic volume, ejection fraction, mass of the muscle.
        rr_ms: length of the beat.
        shortening: share of its length that the cavity loses in systole.
        twist_degrees: by how much the apex turns against the base in systole, counter-clockwise seen from the apex.
    """

    edv_ml: float = 130.0
    ef_percent: float = 58.0
    mass_g: float = 115.0
    rr_ms: float = 860.0
    shortening: float = 0.15
    twist_degrees: float = 12.0

    def __post_init__(self) -> None:
        for name in ("edv_ml", "mass_g", "rr_ms"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")
        if not 5 <= self.ef_percent <= 90:
            raise ValueError(f"ef_percent must be within 5 to 90; got {self.ef_percent}")
        if not 0 <= self.shortening <= 0.4:
            raise ValueError(f"shortening must be within 0 to 0.4; got {self.shortening}")

    @property
    def stroke_ml(self) -> float:
        """Stroke volume."""
        return self.edv_ml * self.ef_percent / 100

    def volumes_ml(self, frames: int) -> NDArray[np.float64]:
        """Cavity volume of frames that divide the beat evenly, end-diastole first."""
        share = _CURVE(np.arange(frames) / frames)
        return self.edv_ml - self.stroke_ml * (1 - share)

    def at(self, volume_ml: float) -> Moment:
        """The ventricle when its cavity holds ``volume_ml``."""
        radius_ed = (3 * self.edv_ml * 1000 / (2 * math.pi * LENGTH_IN_RADII)) ** (1 / 3)
        contracted = (self.edv_ml - volume_ml) / self.stroke_ml
        length = LENGTH_IN_RADII * radius_ed * (1 - self.shortening * contracted)
        radius = math.sqrt(3 * volume_ml * 1000 / (2 * math.pi * length))
        whole_mm3 = 1000 * (volume_ml + self.mass_g / DENSITY_G_PER_ML)

        def excess(wall: float) -> float:
            return 2 / 3 * math.pi * (radius + wall) ** 2 * (length + APEX_SHARE * wall) - whole_mm3

        return Moment(radius, length, float(brentq(excess, 0.0, 80.0)), contracted, self.twist_degrees)


@dataclass(frozen=True)
class Moment:
    """The ventricle at one moment.

    Attributes:
        radius_mm, length_mm: semi-axes of the cavity.
        wall_mm: thickness at the base.
        contracted: 0 at end-diastole, 1 at end-systole.
        twist_degrees: of the whole beat.
    """

    radius_mm: float
    length_mm: float
    wall_mm: float
    contracted: float
    twist_degrees: float

    @property
    def base_mm(self) -> float:
        """Height of the plane of the base."""
        return self.length_mm + APEX_SHARE * self.wall_mm

    def cavity_radius_mm(self, height_mm: float) -> float:
        """Radius of the cavity at a height; 0 above the base and below the apex of the cavity."""
        return self._radius_mm(height_mm, self.radius_mm, self.length_mm)

    def outer_radius_mm(self, height_mm: float) -> float:
        """Radius of the epicardium at a height; 0 above the base and below the apex."""
        return self._radius_mm(height_mm, self.radius_mm + self.wall_mm, self.base_mm)

    def slope(self, height_mm: float) -> float:
        """How fast the cavity's radius grows with height: what a thick slice smears."""
        down = (self.base_mm - height_mm) / self.length_mm
        return self.radius_mm / self.length_mm * down / math.sqrt(max(1 - down * down, 0.02))

    def turned_degrees(self, height_mm: float) -> float:
        """Rotation of the plane: the base turns back a third, the apex on."""
        share = height_mm / self.base_mm
        return self.contracted * self.twist_degrees * (2 / 3 - share)

    def _radius_mm(self, height_mm: float, radius_mm: float, length_mm: float) -> float:
        down = (self.base_mm - height_mm) / length_mm
        return radius_mm * math.sqrt(1 - down * down) if 0 <= down < 1 else 0.0
