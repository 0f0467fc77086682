"""Lengths, areas and shares by hand, and the raster against the even-odd rule, pixel by pixel."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.codes import ANATOMICAL_STRUCTURE, LEFT_VENTRICLE, MILLIMETRE, SECOND
from dicom_node.geometry import area, crosses_itself, height, length, pixels_inside, share, width
from dicom_node.result import Region, Segment, Shape
from dicom_node.series import ArrayPixels, FrameRef

FRAME = FrameRef("1.2", "1.2.3", 1)
HALF_MM = ((0.5, MILLIMETRE), (0.25, MILLIMETRE))  # across, down


def region(shape, *points, per_px=None, frame=FRAME):
    return Region(shape, points, frame, key="drawn", per_px=per_px)


def test_lengths_are_in_the_units_of_the_region():
    line = region(Shape.POLYLINE, (10, 10), (16, 26), per_px=HALF_MM)  # 3 mm across, 4 mm down
    assert length(line) == 5
    assert (width(line), height(line)) == (3, 4)
    bent = region(Shape.POLYLINE, (0, 0), (3, 4), (3, 10))  # in pixels
    assert length(bent) == 11
    assert length(region(Shape.POLYGON, (0, 0), (3, 4), (3, 0))) == 12  # the outline is closed


def test_area_of_a_triangle_with_unequal_steps():
    triangle = region(Shape.POLYGON, (10, 10), (30, 10), (10, 50), per_px=HALF_MM)  # legs of 10 mm
    assert area(triangle) == 50
    assert area(region(Shape.POLYGON, (10, 50), (30, 10), (10, 10))) == 400  # either way round


def test_the_units_across_and_down_must_agree_where_both_are_needed():
    sweep = region(Shape.POLYLINE, (0, 0), (40, 30), per_px=((0.01, SECOND), (0.2, MILLIMETRE)))
    assert width(sweep) == pytest.approx(0.4)
    assert height(sweep) == 6
    with pytest.raises(ValueError, match="in s across and in mm down: it has no length; ask for its width or height"):
        length(sweep)


@pytest.mark.parametrize("measure", [length, area])
def test_points_have_neither_length_nor_area(measure):
    with pytest.raises(ValueError, match="'drawn' is a POINT"):
        measure(region(Shape.POINT, (3, 4)))


def segment(mask, frames=(FRAME,)):
    return Segment("hard", ANATOMICAL_STRUCTURE, LEFT_VENTRICLE, ArrayPixels(mask), frames, "lesion", key="hard")


def test_share_counts_the_pixels_whose_centre_is_inside():
    other = FrameRef("1.2", "1.2.3", 2)
    mask = np.zeros((2, 20, 20), bool)
    mask[1, :, :6] = True
    square = region(Shape.POLYGON, (3.5, 3.5), (11.5, 3.5), (11.5, 11.5), (3.5, 11.5), frame=other)  # columns 4..11
    assert share(segment(mask, (FRAME, other)), square) == 2 / 8


def test_share_of_a_ring_counts_what_lies_between_the_enlarged_outlines():
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True  # the square itself
    square = region(Shape.POLYGON, (9.5, 9.5), (19.5, 9.5), (19.5, 19.5), (9.5, 19.5))
    assert share(segment(mask[None]), square, 1, 2) == 0.0  # 20 x 20 without it
    assert share(segment(~mask[None]), square, 1, 2) == 1.0
    assert share(segment(mask[None]), square, 0, 2) == 100 / 400
    with pytest.raises(ValueError, match="ring"):
        share(segment(mask[None]), square, 1, 1)


def test_share_needs_pixels_and_a_mask():
    mask = np.ones((1, 20, 20), bool)
    sliver = region(Shape.POLYGON, (3.1, 3.1), (3.4, 3.1), (3.2, 3.4))
    with pytest.raises(ValueError, match="no pixel inside"):
        share(segment(mask), sliver)
    whole = region(Shape.POLYGON, (-0.5, -0.5), (19.5, -0.5), (19.5, 19.5), (-0.5, 19.5))
    assert share(segment(mask), whole, 1, 1.3) == 0.0  # nothing of the picture lies around it
    elsewhere = region(Shape.POLYGON, (3, 3), (9, 3), (9, 9), frame=FrameRef("1.2", "9.9"))
    with pytest.raises(ValueError, match="segment 'hard' has no mask on the frame of region 'drawn'"):
        share(segment(mask), elsewhere)


def inside_by_ray(points, x, y):
    """The rule as written: a ray to the right crosses the outline an odd number of times."""
    crossed = 0
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            crossed += 1
    return crossed % 2 == 1


@given(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 10)), min_size=3, max_size=8))
def test_the_raster_keeps_the_even_odd_rule(points):
    found = pixels_inside(tuple(points), 8, 10)
    wrong = [
        (x, y)
        for y, x in np.ndindex(8, 10)
        if found[y, x] != inside_by_ray(points, x, y) and not _on_an_edge(points, x, y)
    ]
    assert wrong == []


def _on_an_edge(points, x, y):
    """Where rounding decides."""
    return any(
        abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) < 1e-6 or min(abs(ay - y), abs(by - y)) < 1e-9
        for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True)
    )


def test_a_bow_tie_crosses_itself_and_a_star_shaped_outline_does_not():
    assert crosses_itself(((0, 0), (10, 10), (10, 0), (0, 10)))
    turns = [2 * math.pi * k / 40 for k in range(40)]
    star = tuple(((5 + k % 2) * math.cos(turn), (5 + k % 2) * math.sin(turn)) for k, turn in enumerate(turns))
    assert not crosses_itself(star)
    assert crosses_itself(((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)))  # touches its first side


@pytest.mark.parametrize("seed", range(5))
def test_crossings_are_those_of_every_pair_of_sides(seed):
    """Against all pairs in whole numbers: points of a grid, so that touching and lying on one line come, too."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(200):
        points = tuple(map(tuple, rng.integers(0, 9, (int(rng.integers(3, 8)), 2)).tolist()))
        sides = [(points[k], points[(k + 1) % len(points)]) for k in range(len(points))]
        meets = any(
            _segments_meet(sides[one], sides[other])
            for one in range(len(sides))
            for other in range(one + 2, len(sides))
            if (one, other) != (0, len(sides) - 1)
        )
        assert crosses_itself(points) == meets, points
        found.append(meets)
    assert 0.1 < np.mean(found) < 0.95


def _segments_meet(one, other):
    """Solves a + s (b - a) = c + t (d - c) in fractions."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    across = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if across:
        s = Fraction((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx), across)
        t = Fraction((cx - ax) * (by - ay) - (cy - ay) * (bx - ax), across)
        return 0 <= s <= 1 and 0 <= t <= 1
    on_one_line = all((bx - ax) * (y - ay) == (by - ay) * (x - ax) for x, y in other) and all(
        (dx - cx) * (y - cy) == (dy - cy) * (x - cx) for x, y in one
    )
    return on_one_line and all(
        max(min(one[0][i], one[1][i]), min(other[0][i], other[1][i]))
        <= min(max(one[0][i], one[1][i]), max(other[0][i], other[1][i]))
        for i in (0, 1)
    )
