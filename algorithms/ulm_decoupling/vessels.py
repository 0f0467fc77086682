"""Vessel trees of the simulator: where the blood runs, how fast, and which pixels are vessel.

Branching follows Murray's law (Murray 1926, doi 10.1073/pnas.12.3.207): the cubes of the daughters' radii sum
to the cube of the parent's, flow divides as the cubes do, and the angles are those of least work. Flow in a
vessel is Poiseuille's: twice the mean speed on the axis, zero at the wall.

Coordinates are (x, y) in mm, x along a row, y with depth; (0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

STEP_MM = 0.05
"""Distance between neighbouring points of a centre line."""

CANDIDATES = 16
"""Networks grown to choose one from."""

EDGE_MM = 0.6
"""Vessels bend away from the border of the field when nearer than this, and end where they reach it."""


@dataclass(frozen=True)
class VesselOptions:
    """How vessels grow.

    Attributes:
        trees: branching trees, each entering from another side of the field, so that they cross.
        generations: branchings from root to leaf, plus one; fewer where a branch reaches the border.
        root_radius_mm: inner radius of each root.
        root_speed_mm_s: mean speed (over the cross-section) in each root; by Murray's law the mean speed in a
            branch is proportional to its radius.
        root_length_mm: length of a root; branches are shorter by ``length_ratio`` per generation.
        length_ratio: see above.
        tortuosity_rad_mm: standard deviation of a centre line's curvature.
        pair_separations_mm: for each value, an artery and a vein side by side, that far apart (axis to axis),
            with opposite flow: what a picture resolves only where the distance exceeds its point spread.
    """

    trees: int = 2
    generations: int = 6
    root_radius_mm: float = 0.2
    root_speed_mm_s: float = 9.0
    root_length_mm: float = 3.6
    length_ratio: float = 0.86
    tortuosity_rad_mm: float = 0.35
    pair_separations_mm: tuple[float, ...] = (0.3,)

    def __post_init__(self) -> None:
        if self.trees < 0 or self.generations < 1:
            raise ValueError(f"needs >= 0 trees of >= 1 generations; got {self.trees}, {self.generations}")
        if self.trees == 0 and not self.pair_separations_mm:
            raise ValueError("a phantom without trees and without vessel pairs has no vessel")
        for name in ("root_radius_mm", "root_speed_mm_s", "root_length_mm", "length_ratio"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Vessel:
    """An unbranched piece of vessel.

    Attributes:
        parent: index of the vessel that feeds it; ``None`` for a root.
        radius_mm: inner radius.
        flow_mm3_s: volume of blood per second.
        centre_line_mm: (points, 2) x, y in the direction of flow.
    """

    parent: int | None
    radius_mm: float
    flow_mm3_s: float
    centre_line_mm: NDArray[np.float64]

    @property
    def mean_speed_mm_s(self) -> float:
        """Flow over cross-section; the speed on the axis is twice this (Poiseuille)."""
        return self.flow_mm3_s / (math.pi * self.radius_mm**2)

    @property
    def arc_length_mm(self) -> NDArray[np.float64]:
        """Distance along the centre line at each of its points, from 0."""
        steps = np.hypot(*np.diff(self.centre_line_mm, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def volume_mm3(self) -> float:
        """Volume of blood in it."""
        return math.pi * self.radius_mm**2 * float(self.arc_length_mm[-1])


@dataclass(frozen=True, eq=False)
class VesselNetwork:
    """All vessels of a phantom. A vessel's parent always comes before it."""

    vessels: tuple[Vessel, ...]

    def children(self, index: int) -> tuple[int, ...]:
        """Indices of the vessels that vessel ``index`` feeds: two, or none at a leaf."""
        return tuple(i for i, vessel in enumerate(self.vessels) if vessel.parent == index)

    def leaves(self) -> tuple[int, ...]:
        """Indices of the vessels where blood leaves the picture."""
        parents = {vessel.parent for vessel in self.vessels}
        return tuple(i for i in range(len(self.vessels)) if i not in parents)

    def path_to(self, index: int) -> tuple[int, ...]:
        """Indices from the root to vessel ``index``."""
        path = [index]
        while (parent := self.vessels[path[-1]].parent) is not None:
            path.append(parent)
        return tuple(reversed(path))

    @property
    def volume_mm3(self) -> float:
        """Volume of blood in all vessels."""
        return sum(vessel.volume_mm3 for vessel in self.vessels)


def grow(options: VesselOptions, field_mm: tuple[float, float], rng: np.random.Generator) -> VesselNetwork:
    """Grows trees and vessel pairs in a field of (width, height) mm.

    Of ``CANDIDATES`` networks grown by chance the one that supplies the field best is kept: the one with the
    smallest mean distance from a place in the field to its nearest vessel.
    """
    candidates = [_grow_once(options, field_mm, rng) for _ in range(CANDIDATES)]
    return min(candidates, key=lambda network: _mean_distance_to_vessel_mm(network, field_mm))


def vessel_mask(network: VesselNetwork, shape: tuple[int, int], spacing_mm: float, factor: int) -> NDArray[np.bool_]:
    """Which pixels of a super-resolved picture are vessel.

    Args:
        network: the vessels.
        shape: (rows, columns) of the picture.
        spacing_mm: its pixel size.
        factor: super-resolved pixels per pixel; pixel ``x`` holds the fine pixels ``factor*x`` up to
            ``factor*(x+1) - 1``, as its area does, so a fine pixel's centre is at (index + 0.5)/factor - 0.5.

    Returns:
        (rows*factor, columns*factor) bool: the fine pixel's centre lies inside a vessel, or a centre line
        passes through it.
    """
    mask = np.zeros((shape[0] * factor, shape[1] * factor), bool)
    for vessel in network.vessels:
        points = _to_fine(_dense(vessel, spacing_mm / factor / 2), spacing_mm, factor)
        _stamp(mask, points, vessel.radius_mm / spacing_mm * factor)
    return mask


def centre_line_mask(
    network: VesselNetwork, shape: tuple[int, int], spacing_mm: float, factor: int
) -> NDArray[np.bool_]:
    """Which super-resolved pixels a centre line passes through; arguments as for ``vessel_mask``."""
    mask = np.zeros((shape[0] * factor, shape[1] * factor), bool)
    for vessel in network.vessels:
        _stamp(mask, _to_fine(_dense(vessel, spacing_mm / factor / 2), spacing_mm, factor), 0.0)
    return mask


def murray_angles(parent_mm: float, first_mm: float, second_mm: float) -> tuple[float, float]:
    """Angles (radians) that two daughters of these radii make with their parent at least work (Murray 1926)."""
    p, a, b = parent_mm**4, first_mm**4, second_mm**4
    cos_a = (p + a - b) / (2 * parent_mm**2 * first_mm**2)
    cos_b = (p + b - a) / (2 * parent_mm**2 * second_mm**2)
    return math.acos(min(cos_a, 1.0)), math.acos(min(cos_b, 1.0))


def _grow_once(options: VesselOptions, field_mm: tuple[float, float], rng: np.random.Generator) -> VesselNetwork:
    vessels: list[Vessel] = []
    for start, heading in _entries(options.trees, field_mm, rng):
        vessels += _grow_tree(options, field_mm, start, heading, rng, first_index=len(vessels))
    for number, separation_mm in enumerate(options.pair_separations_mm):
        vessels += _grow_pair(options, field_mm, separation_mm, number, rng)
    return VesselNetwork(tuple(vessels))


def _mean_distance_to_vessel_mm(network: VesselNetwork, field_mm: tuple[float, float]) -> float:
    places = np.stack(np.meshgrid(*(np.linspace(0, side, 24) for side in field_mm)), -1).reshape(-1, 2)
    lines = np.concatenate([vessel.centre_line_mm for vessel in network.vessels])
    return float(cKDTree(lines).query(places)[0].mean())


def _entries(trees: int, field_mm: tuple[float, float], rng: np.random.Generator) -> Iterator[tuple[NDArray, float]]:
    """Where each root enters and where it heads: bottom, left, right, top, and round again."""
    width, height = field_mm
    sides = (  # a point at fraction f along the side, and the heading inwards
        lambda f: (f * width, height, -math.pi / 2),
        lambda f: (0.0, f * height, 0.0),
        lambda f: (width, f * height, math.pi),
        lambda f: (f * width, 0.0, math.pi / 2),
    )
    for number in range(trees):
        x, y, heading = sides[number % 4](rng.uniform(0.3, 0.7))
        yield np.array([x, y]), heading + rng.normal(0, 0.15)


def _grow_tree(
    options: VesselOptions,
    field_mm: tuple[float, float],
    start: NDArray,
    heading: float,
    rng: np.random.Generator,
    first_index: int,
) -> list[Vessel]:
    root_flow = options.root_speed_mm_s * math.pi * options.root_radius_mm**2
    waiting: deque = deque([(None, start, heading, options.root_radius_mm, root_flow, 0)])
    grown: list[Vessel] = []
    while waiting:
        parent, point, heading, radius, flow, generation = waiting.popleft()
        length = options.root_length_mm * options.length_ratio**generation * rng.uniform(0.75, 1.25)
        line, end_heading, inside = _centre_line(point, heading, length, options, field_mm, rng)
        grown.append(Vessel(parent, radius, flow, line))
        if not inside or generation + 1 >= options.generations:
            continue
        share = rng.uniform(0.3, 0.7)
        radii = radius * share ** (1 / 3), radius * (1 - share) ** (1 / 3)
        angles = murray_angles(radius, *radii)
        side = rng.choice([-1.0, 1.0])
        index = first_index + len(grown) - 1
        for part, daughter, turn in zip((share, 1 - share), radii, (side, -side), strict=True):
            bend = turn * angles[0 if daughter == radii[0] else 1]
            waiting.append((index, line[-1], end_heading + bend, daughter, flow * part, generation + 1))
    return grown


def _grow_pair(
    options: VesselOptions,
    field_mm: tuple[float, float],
    separation_mm: float,
    number: int,
    rng: np.random.Generator,
) -> list[Vessel]:
    """Two roots side by side across the field, opposite flow, each half a root's radius and speed."""
    width, height = field_mm
    y = height * (0.12 if number % 2 == 0 else 0.88) + rng.uniform(-0.04, 0.04) * height
    x = np.arange(0.0, width, STEP_MM)
    sway = 0.04 * height * np.sin(2 * np.pi * (x / width * rng.uniform(0.6, 1.2) + rng.uniform()))
    axis = np.column_stack([x, y + sway])
    normal = normals(axis)
    radius = options.root_radius_mm / 2
    flow = options.root_speed_mm_s / 2 * math.pi * radius**2
    artery = axis + normal * separation_mm / 2
    vein = (axis - normal * separation_mm / 2)[::-1].copy()
    return [Vessel(None, radius, flow, artery), Vessel(None, radius, flow, vein)]


def _centre_line(
    start: NDArray,
    heading: float,
    length_mm: float,
    options: VesselOptions,
    field_mm: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], float, bool]:
    """A winding line: curvature is a first-order autoregression. Returns points, last heading, still inside."""
    keep = math.exp(-STEP_MM / 0.8)  # curvature stays alike over about 0.8 mm
    kick = options.tortuosity_rad_mm * math.sqrt(1 - keep**2)
    steps = max(2, round(length_mm / STEP_MM))
    curvatures = rng.normal(0, 1, steps).tolist()
    curvature = options.tortuosity_rad_mm * curvatures[0]
    x, y = float(start[0]), float(start[1])
    points = [(x, y)]
    for shock in curvatures:
        curvature = keep * curvature + kick * shock
        heading += (curvature + _turn_inwards(x, y, heading, field_mm)) * STEP_MM
        x, y = x + STEP_MM * math.cos(heading), y + STEP_MM * math.sin(heading)
        inside = 0 <= x <= field_mm[0] and 0 <= y <= field_mm[1]
        if not inside and len(points) > 1:
            return np.array(points), heading, False
        points.append((x, y))
    return np.array(points), heading, True


def _turn_inwards(x: float, y: float, heading: float, field_mm: tuple[float, float]) -> float:
    """Curvature (rad/mm) that turns a line near the border towards the middle; 0 elsewhere."""
    near = min(x, field_mm[0] - x, y, field_mm[1] - y)
    if near >= EDGE_MM:
        return 0.0
    inwards = math.atan2(field_mm[1] / 2 - y, field_mm[0] / 2 - x)
    return 1.2 * (1 - max(near, 0.0) / EDGE_MM) * math.sin(inwards - heading)


def normals(line: NDArray) -> NDArray[np.float64]:
    """Unit normals (to the left of the direction of flow, y down) at each point of a line."""
    along = np.gradient(line, axis=0)
    along /= np.hypot(*along.T)[:, None]
    return np.column_stack([along[:, 1], -along[:, 0]])


def _dense(vessel: Vessel, step_mm: float) -> NDArray[np.float64]:
    """The centre line sampled every ``step_mm`` or closer."""
    arc = vessel.arc_length_mm
    at = np.linspace(0, arc[-1], max(2, math.ceil(arc[-1] / step_mm) + 1))
    return np.column_stack([np.interp(at, arc, vessel.centre_line_mm[:, axis]) for axis in (0, 1)])


def _to_fine(points_mm: NDArray, spacing_mm: float, factor: int) -> NDArray[np.float64]:
    """(x, y) in fine pixels, with fine pixel centres at integers."""
    return (points_mm / spacing_mm + 0.5) * factor - 0.5


def _stamp(mask: NDArray[np.bool_], points: NDArray, radius: float) -> None:
    """Sets the pixels within ``radius`` of the points, and the pixels the points lie in."""
    reach = math.ceil(radius) + 1
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="xy"), -1).reshape(-1, 2)
    nearest = np.rint(points).astype(int)
    pixels = nearest[:, None, :] + offsets
    within = ((pixels - points[:, None, :]) ** 2).sum(-1) <= radius**2
    within |= (offsets == 0).all(-1)
    x, y = pixels[within].T
    kept = (x >= 0) & (x < mask.shape[1]) & (y >= 0) & (y < mask.shape[0])
    mask[y[kept], x[kept]] = True
