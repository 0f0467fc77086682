"""Lengths, areas and shares of regions, in the region's own units. Pure arithmetic on points.

Sources: the shoelace formula for areas (Meister 1769); a pixel lies in a polygon where a ray from its centre crosses
the outline an odd number of times (even-odd rule).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dicom_node.codes import PIXEL
from dicom_node.region import PerPixel, Points, Region, Shape
from dicom_node.series import FrameRef, PixelSource

IN_PIXELS: PerPixel = ((1.0, PIXEL), (1.0, PIXEL))


class Covering(Protocol):
    """Which pixels of which frames are something: ``result.Segment``."""

    @property
    def label(self) -> str: ...
    @property
    def masks(self) -> PixelSource: ...
    @property
    def frames(self) -> tuple[FrameRef, ...]: ...


def length(region: Region) -> float:
    """Length of a line, or of the closed outline of a polygon, in the region's unit.

    Raises:
        ValueError: a region of points has no length, or x and y are of different units.
    """
    if region.shape not in (Shape.POLYLINE, Shape.POLYGON):
        raise ValueError(f"{_name(region)} is a {region.shape.value}: only a line or a polygon has a length")
    points = _scaled(region, "length")
    ends = points if region.shape is Shape.POLYLINE else (*points, points[0])
    return math.fsum(math.dist(one, other) for one, other in pairwise(ends))


def width(region: Region) -> float:
    """From the leftmost to the rightmost point, in the region's unit of x."""
    columns = [x for x, _ in region.points]
    return (max(columns) - min(columns)) * (region.per_px or IN_PIXELS)[0][0]


def height(region: Region) -> float:
    """From the highest to the lowest point, in the region's unit of y."""
    rows = [y for _, y in region.points]
    return (max(rows) - min(rows)) * (region.per_px or IN_PIXELS)[1][0]


def area(region: Region) -> float:
    """Area of a polygon by the shoelace formula, in the region's unit squared.

    Raises:
        ValueError: the region is no polygon, or x and y are of different units.
    """
    if region.shape is not Shape.POLYGON:
        raise ValueError(f"{_name(region)} is a {region.shape.value}: only a polygon has an area")
    points = _scaled(region, "area")
    (x0, y0) = points[0]  # from the first point, so that little is lost where the polygon lies far from the corner
    moved = [(x - x0, y - y0) for x, y in points]
    twice = math.fsum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise((*moved, moved[0])))
    return abs(twice) / 2.0


def share(segment: Covering, region: Region, inner: float = 0.0, outer: float = 1.0) -> float:
    """Part (0..1) of the polygon's pixels that the segment covers on the polygon's frame.

    ``inner`` and ``outer`` take a ring instead: the pixels that lie in the polygon enlarged by ``outer`` and not in the
    one enlarged by ``inner``; 0 to 0.7 is its core, 1 to 1.3 what lies around it. Of a ring without pixels nothing
    is covered.

    Raises:
        ValueError: the region is no polygon or has no pixel centre in it, or the segment has no mask on its frame.
    """
    if region.shape is not Shape.POLYGON:
        raise ValueError(f"{_name(region)} is a {region.shape.value}: only a polygon has pixels inside")
    if region.frame not in segment.frames:
        raise ValueError(f"segment {segment.label!r} has no mask on the frame of {_name(region)}")
    index = segment.frames.index(region.frame)
    mask = np.asarray(segment.masks.read(index, index + 1))[0].astype(bool)
    inside = pixels_between(region.points, (inner, outer), mask.shape[0], mask.shape[1])
    count = int(np.count_nonzero(inside))
    if count == 0 and inner:
        return 0.0  # a region may reach to the edges of its picture
    if count == 0:
        raise ValueError(f"{_name(region)} has no pixel inside")
    return int(np.count_nonzero(mask & inside)) / count


def pixels_between(points: Points, factors: tuple[float, float], rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): the pixels in the polygon enlarged by the second factor, and not in that by the first.

    Raises:
        ValueError: the factors are not 0 or above and in rising order.
    """
    inner, outer = factors
    if not 0.0 <= inner < outer:
        raise ValueError(f"a ring goes from an inner to a larger outer factor, both from 0; got {inner:g} to {outer:g}")
    inside = pixels_inside(enlarged(points, outer), rows, columns)
    return inside & ~pixels_inside(enlarged(points, inner), rows, columns) if inner else inside


def enlarged(points: Points, factor: float) -> Points:
    """The polygon scaled about the centroid of its area; the very same points for a factor of 1."""
    if factor == 1.0:
        return points
    x0, y0 = centroid(points)
    return tuple((x0 + factor * (x - x0), y0 + factor * (y - y0)) for x, y in points)


def centroid(points: Points) -> tuple[float, float]:
    """Centre of a polygon's area (shoelace formula); of a polygon without area the mean of its points."""
    mean_x, mean_y = (math.fsum(values) / len(points) for values in zip(*points, strict=True))
    moved = [(x - mean_x, y - mean_y) for x, y in points]  # near 0, so that little is lost
    sides = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in pairwise((*moved, moved[0]))]
    thrice = 3.0 * math.fsum(cross for _, _, cross in sides)
    if abs(thrice) < 1e-9:
        return mean_x, mean_y
    return (
        mean_x + math.fsum((a[0] + b[0]) * cross for a, b, cross in sides) / thrice,
        mean_y + math.fsum((a[1] + b[1]) * cross for a, b, cross in sides) / thrice,
    )


def pixels_inside(points: Points, rows: int, columns: int) -> NDArray[np.bool_]:
    """(rows, columns): the pixels whose centre lies in the polygon (even-odd rule)."""
    ends = np.asarray(points, np.float64)
    (ax, ay), (bx, by) = ends.T, np.roll(ends, -1, axis=0).T
    first, stop = (np.clip(np.ceil(edge(ay, by)), 0, rows).astype(np.intp) for edge in (np.minimum, np.maximum))
    count = stop - first  # rows whose centres each side passes
    side = np.repeat(np.arange(len(ends)), count)
    row = np.arange(side.size) - np.repeat(np.cumsum(count) - count, count) + first[side]
    crossing_x = ax[side] + (row - ay[side]) * (bx[side] - ax[side]) / (by[side] - ay[side])
    before = np.clip(np.ceil(crossing_x), 0, columns).astype(np.intp)  # centres of the row left of the crossing
    inside = np.zeros((rows, columns), bool)
    if side.size:  # left of the leftmost crossing and beyond the rightmost one nothing is inside
        top, left = int(row.min()), int(before.min())
        high, wide = int(row.max()) + 1 - top, int(before.max()) + 1 - left
        crossings = np.bincount((row - top) * wide + before - left, minlength=high * wide).astype(np.uint8)
        passed = np.cumsum(crossings.reshape(high, wide), axis=1, dtype=np.uint8)  # may wrap: only the last bit counts
        inside[top : top + high, left : left + wide - 1] = passed[:, :-1] & 1
    return inside


def crosses_itself(points: Points) -> bool:
    """Whether two sides of the closed polygon that are no neighbours touch or cross."""
    sides = list(pairwise((*points, points[0])))
    count = len(sides)
    ends = np.asarray(sides, np.float64)  # (sides, 2 ends, x and y)
    low, high = ends.min(axis=1), ends.max(axis=1)
    for one in range(count - 2):
        rest = slice(one + 2, count - 1 if one == 0 else count)  # the first and the last are neighbours
        near = np.all((low[rest] <= high[one]) & (high[rest] >= low[one]), axis=1)  # only these can meet
        if any(_cross(sides[one], sides[one + 2 + other]) for other in np.flatnonzero(near)):
            return True
    return False


_Side = tuple[tuple[float, float], tuple[float, float]]


def _cross(one: _Side, other: _Side) -> bool:
    a, b = (_side_of(one, point) for point in other)
    c, d = (_side_of(other, point) for point in one)
    if a == b == c == d == 0:  # on one line: they touch where their spans do, in x and in y
        return all(
            max(min(one[0][i], one[1][i]), min(other[0][i], other[1][i]))
            <= min(max(one[0][i], one[1][i]), max(other[0][i], other[1][i]))
            for i in (0, 1)
        )
    return a * b <= 0 and c * d <= 0


def _side_of(side: _Side, point: tuple[float, float]) -> int:
    (ax, ay), (bx, by) = side
    turn = (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)
    return (turn > 0) - (turn < 0)


def _scaled(region: Region, what: str) -> Points:
    (step_x, unit_x), (step_y, unit_y) = region.per_px or IN_PIXELS
    if unit_x.ucum != unit_y.ucum:
        raise ValueError(
            f"{_name(region)} is in {unit_x.meaning} across and in {unit_y.meaning} down: it has no {what}; "
            "ask for its width or height"
        )
    return tuple((x * step_x, y * step_y) for x, y in region.points)


def _name(region: Region) -> str:
    return f"region {region.key!r}" if region.key else "a region without a key"
