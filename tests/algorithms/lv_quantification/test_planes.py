"""Geometry of the plane: held against headers of real studies, whose pictures were looked at."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.lv_quantification.planes import anchor_deg, are_parallel, is_mirrored, normal_to_apex, tilt_deg
from dicom_node.series import Plane

# ImageOrientationPatient of SC-HF-I-1, -2 and -4; in the pictures of 2 and 4 the right ventricle lies left, in those
# of 1 it lies below: the anatomy is turned by a quarter, counter-clockwise
SUNNYBROOK = {
    1: ((-0.104592, 0.346381, -0.932245), (-0.733192, -0.660188, -0.163037), 90.0),
    2: ((0.77038, 0.618446, 0.155046), (-0.15161, 0.41389, -0.897613), 0.0),
    4: ((0.712221, 0.701112, -0.0343949), (-0.307716, 0.267798, -0.913015), 0.0),
}
# Usual directions of other cardiac planes: normals, all of which hold no ventricle in short axis
OTHERS = {
    "transverse": (0, 0, 1),
    "coronal": (0, 1, 0),
    "sagittal": (1, 0, 0),
    "four chambers": (-0.35, 0.2, -0.91),
    "two chambers": (-0.7, -0.7, 0.1),
}


def plane(row, column) -> Plane:
    return Plane((0.0, 0.0, 0.0), tuple(row), tuple(column))


def plane_across(normal) -> Plane:
    normal = np.array(normal, float) / np.linalg.norm(normal)
    row = np.cross(normal, [0.21, 0.5, 0.84])
    row /= np.linalg.norm(row)
    return plane(row, np.cross(normal, row))


@pytest.mark.parametrize("patient", SUNNYBROOK)
def test_real_short_axis_studies(patient):
    row, column, turned = SUNNYBROOK[patient]
    real = plane(row, column)
    assert tilt_deg(real) < 10
    assert not is_mirrored(real)
    assert anchor_deg(real) == pytest.approx(turned, abs=15)
    assert normal_to_apex(real) @ [1, 0, 0] > 0.5  # the apex points to the left


@pytest.mark.parametrize("name", OTHERS)
def test_other_planes_are_no_short_axis(name):
    assert tilt_deg(plane_across(OTHERS[name])) > 45


@pytest.mark.parametrize("axis", [(0.85, -0.45, -0.25), (0.4, -0.5, -0.77), (0.55, -0.8, -0.25)])
def test_horizontal_and_upright_hearts_are_taken(axis):
    assert tilt_deg(plane_across(axis)) < 40
    assert tilt_deg(plane_across(-np.array(axis))) < 40


def test_turning_the_picture_turns_the_anchor():
    row, column, _ = SUNNYBROOK[2]
    row, column = np.array(row), np.array(column)
    upright = anchor_deg(plane(row, column))
    quarter = plane(column, -row)  # what was below is now right: the picture was turned counter-clockwise
    assert anchor_deg(quarter) == pytest.approx(upright + 90)
    assert not is_mirrored(quarter)


def test_a_mirrored_picture_is_known_and_has_the_anchor_of_its_mirror_image():
    row, column, _ = SUNNYBROOK[4]
    seen, mirrored = plane(row, column), plane(-np.array(row), column)
    assert is_mirrored(mirrored)
    assert anchor_deg(mirrored) == pytest.approx(anchor_deg(seen))
    assert np.allclose(normal_to_apex(mirrored), normal_to_apex(seen))


def test_parallel_is_parallel_and_turned_alike():
    row, column, _ = SUNNYBROOK[2]
    one = plane(row, column)
    assert are_parallel(one, plane(np.array(row) + 0.01, column))
    assert not are_parallel(one, plane(column, -np.array(row)))
    assert not are_parallel(one, plane_across((1, 0, 0)))
