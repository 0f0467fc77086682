"""Points on one frame: where something was measured or seen. Part of the words of ``result``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from dicom_node.codes import Unit
from dicom_node.series import FrameRef
from dicom_node.summary import SummaryPath

Points = tuple[tuple[float, float], ...]
"""(x, y) = (column, row), 0-based, pixel centres at integers."""
PerPixel = tuple[tuple[float, Unit], tuple[float, Unit]]
"""What one pixel step means in x and in y."""


class Shape(Enum):
    """Graphic Type (0070,0023) of a region."""

    POINT = "POINT"
    MULTIPOINT = "MULTIPOINT"
    POLYLINE = "POLYLINE"
    POLYGON = "POLYGON"


LEAST_POINTS = {Shape.POINT: 1, Shape.MULTIPOINT: 1, Shape.POLYLINE: 2, Shape.POLYGON: 3}


@dataclass(frozen=True, slots=True)
class Region:
    """Points on one frame. A POLYGON is closed by the encoder: do not repeat its first point.

    ``key`` names the region in formulas and lets a person correct it; a line that several measurements were read
    from has the same key in all of them. ``per_px`` is what one pixel step means in x and in y, each above 0 (``None``:
    a pixel). ``summary_path`` is where ``summary`` has the points ([[x, y], ...]) or the box around them
    ([x0, y0, x1, y1]); ``None``: under the key, if that is there. ``corrected``: a person has drawn these points.
    """

    shape: Shape
    points: Points
    frame: FrameRef
    key: str = ""
    per_px: PerPixel | None = None
    summary_path: SummaryPath | None = None
    corrected: bool = False

    def __post_init__(self) -> None:
        least = LEAST_POINTS[self.shape]
        if len(self.points) < least or (self.shape is Shape.POINT and len(self.points) != 1):
            raise ValueError(f"a {self.shape.value} has {least} point(s) or more; got {len(self.points)}")
        for axis, place in (pair for point in self.points for pair in zip("xy", point, strict=True)):
            if not math.isfinite(place):
                raise ValueError(f"{axis} is {place}: a region holds finite numbers only")
        for size, unit in self.per_px or ():
            if not (math.isfinite(size) and size > 0):
                raise ValueError(f"a pixel step is a positive number of {unit.meaning}; got {size}")

    @property
    def formula(self) -> None:
        """Regions follow from nothing."""
        return None

    @property
    def in_formula(self) -> Region:
        """What its key stands for in a formula."""
        return self
