"""The heart in one short-axis plane at one moment, and painting it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.contrast import Contrast
from algorithms.lv_quantification.shapes import Grid, Outline, bump, edge, paint


@dataclass(frozen=True, eq=False)
class Ventricle:
    """The left ventricle's cut.

    Attributes:
        endocardium: border of the cavity; papillary muscles and trabeculae lie inside, as experts draw it.
        epicardium: border of the wall, seen from the same point.
        blood: border of the compact blood pool within the endocardium; between the two lie trabeculae.
        papillary: muscles that stand free in the blood.
        opening: (centre, width) in degrees of the sector without a wall (outflow tract), or None.
        soft_mm: how far partial volume smears the borders (oblique wall near the apex).
        sponge: 0..1, how much blood lies between the trabeculae.
    """

    endocardium: Outline
    epicardium: Outline
    blood: Outline
    papillary: tuple[Outline, ...] = ()
    opening: tuple[float, float] | None = None
    soft_mm: float = 0.0
    sponge: float = 0.3

    def masks(self, grid: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(cavity, myocardium): which pixel centres lie inside."""
        cavity = np.zeros(grid.shape, bool)
        wall = np.zeros(grid.shape, bool)
        window = grid.around(self.epicardium)
        if cavity[window].size:
            cavity[window] = grid.depth_mm(self.endocardium, window) > 0
            wall[window] = (grid.depth_mm(_closed(self), window) > 0) & ~cavity[window]
        return cavity, wall


@dataclass(frozen=True, eq=False)
class Chamber:
    """Any other blood-filled cut: right ventricle, atrium, great vessel.

    Attributes:
        outline: border of the blood.
        wall_mm: thickness of its wall.
        blood: signal against that of the left ventricle's blood.
        inside: trabeculae and the moderator band.
    """

    outline: Outline
    wall_mm: float
    blood: float = 1.0
    inside: tuple[Outline, ...] = ()


@dataclass(frozen=True, eq=False)
class Heart:
    """All that is painted over the thorax.

    Attributes:
        ventricle: None above the base and below the apex.
        chambers: painted in this order, before the ventricle.
        fat_mm: (360,) thickness of the fat on the surface.
        effusion_mm: (360,) fluid between surface and fat.
        pads: lumps of fat beside the heart.
    """

    ventricle: Ventricle | None
    chambers: tuple[Chamber, ...]
    fat_mm: NDArray[np.float64]
    effusion_mm: NDArray[np.float64]
    pads: tuple[Outline, ...] = ()


def paint_heart(canvas: NDArray[np.float32], grid: Grid, heart: Heart, contrast: Contrast) -> None:
    """Lays the heart over the picture, in place: fat first, the left ventricle's blood last."""
    for pad in heart.pads:
        paint(canvas, grid, pad, contrast.fat, ink=0.3 * contrast.ink)
    surfaces = [chamber.outline.grown(chamber.wall_mm) for chamber in heart.chambers]
    if heart.ventricle:
        surfaces.append(heart.ventricle.epicardium)
    soft = heart.ventricle.soft_mm if heart.ventricle else 0.0
    for surface in surfaces:
        paint(canvas, grid, surface.grown(heart.effusion_mm + heart.fat_mm), contrast.fat, soft_mm=soft)
    for surface in surfaces:
        fluid = contrast.fluid if heart.effusion_mm.max() > 0.5 else contrast.myocardium
        paint(canvas, grid, surface.grown(heart.effusion_mm), fluid, soft_mm=soft, ink=contrast.ink)
    for surface in surfaces[: len(heart.chambers)]:
        paint(canvas, grid, surface, contrast.myocardium, ink=0.4 * contrast.ink)
    for chamber in heart.chambers:
        paint(canvas, grid, chamber.outline, contrast.blood * chamber.blood)
    for chamber in heart.chambers:
        for trabecula in chamber.inside:
            paint(canvas, grid, trabecula, 0.4 * contrast.blood + 0.6 * contrast.myocardium)
    if heart.ventricle:
        _paint_ventricle(canvas, grid, heart.ventricle, contrast)


def _paint_ventricle(canvas: NDArray[np.float32], grid: Grid, cut: Ventricle, contrast: Contrast) -> None:
    """Wall, trabeculated rim, blood, papillary muscles."""
    window = grid.around(cut.epicardium, cut.soft_mm + grid.pixel_mm)
    part = canvas[window]
    if not part.size:
        return
    if cut.opening is not None:  # blood all the way where the wall is missing
        paint(canvas, grid, _with_sector(cut.endocardium, cut.opening, cut.epicardium.grown(2.0)), contrast.blood)
    width = grid.pixel_mm + cut.soft_mm
    wall = edge(grid.depth_mm(_closed(cut), window), width)
    rim = edge(grid.depth_mm(cut.endocardium, window), width)
    blood = np.minimum(edge(grid.depth_mm(cut.blood, window), width), rim)
    part += wall * (np.float32(contrast.myocardium) - part)
    mixed = np.float32(cut.sponge * contrast.blood + (1 - cut.sponge) * contrast.myocardium)
    part += rim * (mixed - part)
    part += blood * (np.float32(contrast.blood) - part)
    for muscle in cut.papillary:
        near = grid.around(muscle, grid.pixel_mm)
        if canvas[near].size:
            inside = edge(grid.depth_mm(muscle, near), grid.pixel_mm + 0.5 * cut.soft_mm)
            inside *= grid.depth_mm(cut.endocardium, near) > 0
            canvas[near] += inside * (np.float32(contrast.myocardium) - canvas[near])


def _closed(cut: Ventricle) -> Outline:
    """The epicardium, drawn in to the endocardium where the outflow tract has no wall."""
    if cut.opening is None:
        return cut.epicardium
    return _with_sector(cut.epicardium, cut.opening, cut.endocardium)


def _with_sector(outline: Outline, sector: tuple[float, float], other: Outline) -> Outline:
    """The outline, with the other's radius in a sector (centre, width) in degrees."""
    return replace(outline, radius_mm=np.where(bump(*sector) > 0.5, other.radius_mm, outline.radius_mm))
