"""The finite elements against what elasticity theory says in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skfem import Basis, ElementQuad2, MeshQuad

from algorithms.virtual_elastography.mechanics import POISSON, Press, displaced, pressed
from algorithms.virtual_elastography.view import convex_view, linear_view


def _squeezed(basis: Basis, stiffness, strain: float) -> np.ndarray:
    """A block between gliding plates: the upper one comes down, the lower one stays; one node held sideways."""
    x_mm, y_mm = basis.doflocs
    top, bottom = np.flatnonzero(y_mm == y_mm.min()), np.flatnonzero(y_mm == y_mm.max())
    plates = np.concatenate([top, bottom])
    travel_mm = np.concatenate([np.full(len(top), strain * np.ptp(y_mm)), np.zeros(len(bottom))])
    middle = bottom[np.argmin(np.abs(x_mm[bottom] - x_mm.mean()))]
    return displaced(basis, stiffness, {0: (np.array([middle]), 0.0), 1: (plates, travel_mm)})


def test_even_block_is_squeezed_evenly_and_gives_way_sideways() -> None:
    """Plane strain between gliding plates: strain across = -nu / (1 - nu) times strain along."""
    basis = Basis(MeshQuad.init_tensor(np.linspace(-20, 20, 9), np.linspace(0, 30, 8)), ElementQuad2())
    x_mm, y_mm = basis.doflocs
    across_mm, down_mm = _squeezed(basis, lambda x, y: np.full(x.shape, 7.0), 0.01)
    np.testing.assert_allclose(down_mm, 0.01 * (30 - y_mm), atol=1e-9)
    np.testing.assert_allclose(across_mm, 0.01 * POISSON / (1 - POISSON) * x_mm, atol=1e-9)


@pytest.mark.parametrize("ratio", [0.25, 3.0, 8.0])
def test_strain_in_a_disc_is_that_of_eshelby(ratio: float) -> None:
    """Eshelby's circular inclusion in plane strain: inside, strain is even; its mean part is the far one divided by
    1 + (ratio - 1) / (2 (1 - nu)), its difference part divided by 1 + (ratio - 1) (3 - 4 nu) / (4 (1 - nu))."""
    fine = np.linspace(-7, 7, 43)
    edges = np.concatenate([np.linspace(-80, -8, 14), fine, np.linspace(8, 80, 14)])
    basis = Basis(MeshQuad.init_tensor(edges, edges), ElementQuad2())
    _, down_mm = _squeezed(basis, lambda x, y: np.where(np.hypot(x, y) < 5, ratio, 1.0), 0.01)
    x_mm, y_mm = basis.doflocs
    line = np.flatnonzero((np.abs(x_mm) < 1e-6) & (np.abs(y_mm) < 2.6))
    inside = -np.polyfit(y_mm[line], down_mm[line], 1)[0]
    far_along, far_across = 0.01, -0.01 * POISSON / (1 - POISSON)
    mean = (far_along + far_across) / 2 / (1 + (ratio - 1) / (2 * (1 - POISSON)))
    difference = (far_along - far_across) / 2 / (1 + (ratio - 1) * (3 - 4 * POISSON) / (4 * (1 - POISSON)))
    assert inside == pytest.approx(mean + difference, rel=0.04)


def test_tissue_at_the_face_goes_with_the_probe() -> None:
    view = linear_view(300, 300, 0.12)
    motion = pressed(np.ones((40, 40), np.float32), view, Press(travel=0.01))
    np.testing.assert_allclose(motion.axial_mm[0], 0.36, rtol=1e-5)
    np.testing.assert_allclose(motion.axial_mm, motion.axial_mm[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(motion.lateral_mm, -motion.lateral_mm[:, ::-1], atol=1e-5)
    assert (np.diff(motion.axial_mm, axis=0) < 0).all()


def test_a_convex_face_presses_along_its_beams() -> None:
    view = convex_view(60.0, 0.5, 50.0, 0.2)
    motion = pressed(np.ones((40, 40), np.float32), view, Press(travel=0.01))
    np.testing.assert_allclose(motion.axial_mm[0], 0.6, rtol=1e-5)
    np.testing.assert_allclose(motion.lateral_mm[0], 0, atol=1e-5)
    np.testing.assert_allclose(motion.axial_mm, motion.axial_mm[:, ::-1], atol=1e-4)


def test_a_tilted_probe_presses_more_on_one_side() -> None:
    view = linear_view(300, 300, 0.12)
    motion = pressed(np.ones((40, 40), np.float32), view, Press(travel=0.01, tilt=0.2))
    assert motion.axial_mm[0, -1] == pytest.approx(0.36 * 1.2, rel=1e-4)
    assert motion.axial_mm[0, 0] == pytest.approx(0.36 * 0.8, rel=1e-4)


def test_what_a_stuck_face_holds_gives_less_and_what_is_deep_gives_less() -> None:
    view = linear_view(300, 300, 0.12)
    even = np.ones((40, 40), np.float32)
    sliding = -np.diff(pressed(even, view, Press(grip="sliding")).axial_mm.mean(1))
    bonded = -np.diff(pressed(even, view, Press(grip="bonded")).axial_mm.mean(1))
    spread = -np.diff(pressed(even, view, Press(spread=1.5)).axial_mm.mean(1))
    assert bonded[1] / bonded.mean() < 0.7 * sliding[1] / sliding.mean()
    assert spread[-5] / spread[10] < 0.75 * sliding[-5] / sliding[10]


def test_places_go_to_the_beam_and_back() -> None:
    for view in (linear_view(300, 280, 0.1), convex_view(60.0, 0.5, 50.0, 0.2)):
        across, depth_mm = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(0, view.depth_mm, 5))
        back = view.beam(*view.plane(across, depth_mm))
        np.testing.assert_allclose(back, (across, depth_mm), atol=1e-9)
    assert math.isclose(view.plane(np.array(1.0), np.array(0.0))[0], 50 * math.sin(0.5))
