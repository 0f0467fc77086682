"""What a press of the probe does to tissue: displacement by finite elements (scikit-fem), plane strain.

Tissue is linear, isotropic and nearly incompressible (Poisson's ratio 0.49); quadratic quadrilaterals keep it from
locking. Only ratios of stiffness matter, since the probe's travel is prescribed, not its force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementQuad2, MeshQuad

from algorithms.virtual_elastography.view import View

POISSON = 0.49
"""Soft tissue is nearly incompressible."""

Stiffness = Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.floating]]
Prescribed = Mapping[int, tuple[NDArray[np.integer], NDArray[np.floating] | float]]

SEEN_ACROSS, BESIDE, SEEN_DOWN, BELOW = 24, 4, 28, 3
"""Elements over what the probe sees, on each side of it, and under it."""


@BilinearForm
def _xx(u, v, w):
    return w.e * u.grad[0] * v.grad[0]


@BilinearForm
def _xy(u, v, w):
    return w.e * u.grad[1] * v.grad[0]


@BilinearForm
def _yy(u, v, w):
    return w.e * u.grad[1] * v.grad[1]


def displaced(basis: Basis, stiffness: Stiffness, prescribed: Prescribed) -> NDArray[np.float64]:
    """The displacement of a block at rest under prescribed displacements, elsewhere free of traction.

    With a Poisson's ratio that is the same everywhere, Lame's two constants are Young's modulus times a number, so the
    matrix of plane strain is put together from three scalar ones, integrals of E d(phi)/da d(phi)/db.

    Args:
        basis: scalar quadratic elements (ElementQuad2) on a mesh in mm.
        stiffness: Young's modulus at places x, y in mm, in any unit.
        prescribed: component (0 for x, 1 for y) -> nodes of the basis and their displacement in mm.

    Returns:
        (2, nodes) displacement in mm along x and y.
    """
    first = POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    second = 1 / (2 * (1 + POISSON))
    modulus = stiffness(*np.asarray(basis.global_coordinates()))
    xx, xy, yy = (form.assemble(basis, e=modulus) for form in (_xx, _xy, _yy))
    coupling = first * xy + second * xy.T
    matrix = bmat(
        [[(first + 2 * second) * xx + second * yy, coupling], [coupling.T, (first + 2 * second) * yy + second * xx]],
        "csc",
    )
    nodes = basis.N
    known = np.concatenate([component * nodes + which for component, (which, _) in prescribed.items()])
    solution = np.zeros(2 * nodes)
    for component, (which, value_mm) in prescribed.items():
        solution[component * nodes + which] = value_mm
    free = np.setdiff1d(np.arange(2 * nodes), known, assume_unique=True)
    rows = matrix[free]
    factors = splu(
        rows[:, free].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    solution[free] = factors.solve(-(rows @ solution))
    return solution.reshape(2, nodes)


@dataclass(frozen=True)
class Press:
    """How the probe is pressed into the body.

    Attributes:
        travel: of the probe, as a share of the depth that is seen.
        face: half-width of the pressing face, in units of half the width that is seen (1: just what is seen).
        tilt: how much more the right edge is pressed than the middle, as a share.
        beside: how far the body goes on at each side, in units of half the width that is seen.
        below: how far it goes on under the seen depth, as a share of that.
        spread: how much the press has spread out of the plane at the seen depth. A face is only some millimetres thick,
            so stress falls with depth by 1 + spread * depth; in the plane that is tissue resisting so much more.
        grip: the skin sticks to the face ("bonded") or glides along it ("sliding").
    """

    travel: float = 0.01
    face: float = 1.15
    tilt: float = 0.0
    beside: float = 0.5
    below: float = 0.3
    spread: float = 0.0
    grip: Literal["bonded", "sliding"] = "sliding"


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacement of the tissue, on an even grid of (depth, across) over what is seen.

    Attributes:
        axial_mm: (rows, cols) along the beam; positive away from the probe.
        lateral_mm: (rows, cols) across the beam; positive to the right.
    """

    axial_mm: NDArray[np.float32]
    lateral_mm: NDArray[np.float32]

    def at(self, across: NDArray[np.floating], depth: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
        """Axial and lateral displacement in mm at places (2-D arrays): across -1..1, depth as a share 0..1.

        Just outside, displacement goes on straight.
        """
        rows, cols = self.axial_mm.shape
        border = 4
        place = (
            ((across + 1) / 2 * (cols - 1) + border).astype(np.float32),
            (depth * (rows - 1) + border).astype(np.float32),
        )
        axial_mm, lateral_mm = (
            cv2.remap(np.pad(part, border, mode="reflect", reflect_type="odd"), *place, cv2.INTER_CUBIC)
            for part in (self.axial_mm, self.lateral_mm)
        )
        return axial_mm, lateral_mm


@lru_cache(maxsize=1)
def _blueprint() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The mesh in numbers of elements: places of its corners, its elements, and the nodes in reading order."""
    mesh = MeshQuad.init_tensor(np.arange(-BESIDE, SEEN_ACROSS + BESIDE + 1.0), np.arange(SEEN_DOWN + BELOW + 1.0))
    places = np.round(2 * Basis(mesh, ElementQuad2()).doflocs).astype(int)
    return mesh.p, mesh.t, np.lexsort((places[0], places[1]))


def _body(view: View, press: Press) -> Basis:
    corners, elements, _ = _blueprint()
    across = np.interp(
        corners[0],
        [-BESIDE, 0, SEEN_ACROSS, SEEN_ACROSS + BESIDE],
        [-1 - press.beside, -1, 1, 1 + press.beside],
    )
    depth = np.interp(corners[1], [0, SEEN_DOWN, SEEN_DOWN + BELOW], [0, 1, 1 + press.below]) * view.depth_mm
    return Basis(MeshQuad(np.stack(view.plane(across, depth)), elements), ElementQuad2())


def pressed(stiffness: NDArray[np.floating], view: View, press: Press) -> Motion:
    """The motion of the tissue that a probe sees when it is pressed in by press.travel.

    The body rests on an unyielding ground below the seen depth; its sides and the skin beside the probe are free.

    Args:
        stiffness: (rows, cols) relative Young's modulus on an even grid over what is seen, rows along the depth from
            the face, columns across; goes on unchanged beyond the edges.
        view: the geometry.
        press: the press.
    """
    rows, cols = stiffness.shape
    basis = _body(view, press)

    def modulus(x_mm: NDArray[np.floating], y_mm: NDArray[np.floating]) -> NDArray[np.floating]:
        across, depth_mm = view.beam(x_mm, y_mm)
        place = ((across + 1) / 2 * (cols - 1), depth_mm / view.depth_mm * (rows - 1))
        place = (part.astype(np.float32) for part in place)
        plane = cv2.remap(stiffness.astype(np.float32), *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return plane * (1 + press.spread * np.maximum(depth_mm, 0) / view.depth_mm)

    order = _blueprint()[2].reshape(2 * (SEEN_DOWN + BELOW) + 1, 2 * (SEEN_ACROSS + 2 * BESIDE) + 1)
    across, _ = view.beam(*basis.doflocs)
    angle = across * view.half_angle if view.convex else np.zeros_like(across)
    face = order[0][np.abs(across[order[0]]) <= press.face]
    travel_mm = press.travel * view.depth_mm * (1 + press.tilt * across[face])
    ground = order[-1]
    down = (np.append(face, ground), np.append(travel_mm * np.cos(angle[face]), np.zeros(len(ground))))
    sideways = (ground, 0.0)
    if press.grip == "bonded" or view.convex:
        sideways = (down[0], np.append(travel_mm * np.sin(angle[face]), np.zeros(len(ground))))
    x_mm, y_mm = displaced(basis, modulus, {0: sideways, 1: down})
    seen = order[: 2 * SEEN_DOWN + 1, 2 * BESIDE : 2 * (BESIDE + SEEN_ACROSS) + 1]
    angle = angle[seen]
    return Motion(
        axial_mm=(x_mm[seen] * np.sin(angle) + y_mm[seen] * np.cos(angle)).astype(np.float32),
        lateral_mm=(x_mm[seen] * np.cos(angle) - y_mm[seen] * np.sin(angle)).astype(np.float32),
    )
