"""Simulated cine cardiac MR with known truth: single pictures for training, whole studies for samples and tests.

    random_picture   one short-axis picture of a heart that never was, with its masks
    make_study       a whole short-axis cine stack of one heart, with its volumes

shapes.py draws outlines; anatomy.py and hearts.py the heart; thorax.py what lies around it; contrast.py and
artefacts.py the scanner; beat.py and cine.py the beating heart. The same seed gives the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.anatomy import Heart, paint_heart
from algorithms.lv_quantification.artefacts import acquire, coils, smooth_noise, spoil
from algorithms.lv_quantification.beat import DENSITY_G_PER_ML, Beat, Moment
from algorithms.lv_quantification.cine import Form, any_form, long_axis, short_axis
from algorithms.lv_quantification.contrast import STEADY_STATE, Contrast, any_contrast
from algorithms.lv_quantification.hearts import Level, any_heart, any_level
from algorithms.lv_quantification.shapes import Grid
from algorithms.lv_quantification.thorax import Thorax, any_thorax, chest_wall, paint_thorax

SIMULATED = "Simulated image, not from a patient"
"""For the header and the face of everything that is made from a phantom."""


class _Stream(IntEnum):
    """Independent streams of chance under one seed: changing the noise does not move the heart."""

    FORM = 1
    THORAX = 2
    COIL = 3
    TEXTURE = 4
    NOISE = 5


@dataclass(frozen=True)
class PhantomOptions:
    """Everything a study follows from.

    Attributes:
        slices, frames, rows, columns: size of the stack.
        spacing_mm: side of a pixel.
        thickness_mm, slice_spacing_mm: thickness of a slice, and distance between the middles of neighbours.
        above_base_mm: height of the first slice over the plane of the base at end-diastole.
        beat: volumes, mass and motion.
        contrast: the sequence.
        noise: standard deviation in each channel against blood = 1.
        view: a short-axis stack from base to apex, or parallel long-axis planes with the middle one on the axis.
        turned_degrees: rotation of the anatomy in the picture against the standard display, counter-clockwise.
        seed: source of all chance.
    """

    slices: int = 10
    frames: int = 20
    rows: int = 256
    columns: int = 256
    spacing_mm: float = 1.4
    thickness_mm: float = 8.0
    slice_spacing_mm: float = 10.0
    above_base_mm: float = 5.0
    beat: Beat = field(default_factory=Beat)
    contrast: Contrast = STEADY_STATE
    noise: float = 0.015
    view: Literal["short_axis", "long_axis"] = "short_axis"
    turned_degrees: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.slices < 1 or self.frames < 1 or self.rows < 32 or self.columns < 32:
            raise ValueError(
                "needs >= 1 slice and >= 1 frame of >= 32 x 32 pixels; "
                f"got {self.slices} and {self.frames} of {self.rows} x {self.columns}"
            )
        for name in ("spacing_mm", "thickness_mm", "slice_spacing_mm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")
        if not self.noise >= 0:
            raise ValueError(f"noise must be 0 or more; got {self.noise}")

    def stream(self, which: int, *parts: int) -> np.random.Generator:
        """One of the seed's independent streams of chance."""
        return np.random.default_rng([self.seed, int(which), *parts])


@dataclass(frozen=True, eq=False)
class CineStudy:
    """A simulated cine stack and the truth about it.

    Attributes:
        options: what it follows from.
        pixels: (slices, frames, rows, columns) uint16, 12 bits.
        cavity, myocardium: bool of the same shape; papillary muscles are cavity.
        heights_mm: (slices,) height of each slice's middle over the epicardial apex (short axis), or its distance from
            the axis (long axis).
        times_ms: (frames,) time after the R wave.
        volumes_ml: (frames,) cavity volume of the continuous model.
        edv_ml, esv_ml, ef_percent, mass_g: of the continuous model, at the frames that were taken.
        ed_frame, es_frame: frames of the largest and the smallest volume, from 0.
    """

    options: PhantomOptions
    pixels: NDArray[np.uint16]
    cavity: NDArray[np.bool_]
    myocardium: NDArray[np.bool_]
    heights_mm: NDArray[np.float64]
    times_ms: NDArray[np.float64]
    volumes_ml: NDArray[np.float64]
    edv_ml: float
    esv_ml: float
    ef_percent: float
    mass_g: float
    ed_frame: int
    es_frame: int

    @property
    def spacing_mm(self) -> float:
        """Side of a pixel."""
        return self.options.spacing_mm

    @property
    def thickness_mm(self) -> float:
        """Thickness of a slice."""
        return self.options.thickness_mm

    @property
    def slice_spacing_mm(self) -> float:
        """Distance between the middles of neighbouring slices."""
        return self.options.slice_spacing_mm

    @property
    def rr_ms(self) -> float:
        """Length of the beat."""
        return self.options.beat.rr_ms

    @property
    def summed_volumes_ml(self) -> NDArray[np.float64]:
        """(frames,) cavity volume as the masks of a short-axis stack give it: areas times distance between slices."""
        return self.cavity.sum((0, 2, 3)) * (self.spacing_mm**2 * self.slice_spacing_mm / 1000)

    @property
    def summed_masses_g(self) -> NDArray[np.float64]:
        """(frames,) mass of the muscle as the masks of a short-axis stack give it."""
        volume_ml = self.myocardium.sum((0, 2, 3)) * (self.spacing_mm**2 * self.slice_spacing_mm / 1000)
        return volume_ml * DENSITY_G_PER_ML


GREY_PER_BLOOD = 420.0
"""Stored grey value of blood at the heart: 12-bit pictures with room for the fat near the coil."""


def make_study(options: PhantomOptions) -> CineStudy:
    """Makes the stack: one heart in one thorax, cut at every height and every moment."""
    form = any_form(options.stream(_Stream.FORM))
    volumes = options.beat.volumes_ml(options.frames)
    moments = [options.beat.at(float(volume)) for volume in volumes]
    heights = _heights(options, moments[0])
    size = (options.slices, options.frames, options.rows, options.columns)
    pixels, cavity, wall = np.empty(size, np.uint16), np.zeros(size, bool), np.zeros(size, bool)
    grid = _standard_grid(options)
    for k, height in enumerate(heights):
        thorax = _thorax(options, moments[0], float(height))
        still = np.empty(grid.shape, np.float32)
        paint_thorax(still, grid, thorax, options.contrast)
        around = chest_wall(grid, thorax, options.contrast)
        grain = np.float32(0.04) * smooth_noise(options.stream(_Stream.TEXTURE, k), grid.shape, 24)
        gain = coils(grid, options.stream(_Stream.COIL), 260.0) * (1 + grain)
        for m, moment in enumerate(moments):
            heart = _cut(form, moment, float(height), options)
            if heart.ventricle:
                cavity[k, m], wall[k, m] = heart.ventricle.masks(grid)
            canvas = still.copy()
            paint_heart(canvas, grid, heart, options.contrast)
            around.paint(canvas, grid, options.contrast)
            pixels[k, m] = _scan(canvas * gain, options, k, m)
    es_frame = int(np.argmin(volumes))
    edv, esv = float(volumes[0]), float(volumes[es_frame])
    return CineStudy(
        options=options,
        pixels=pixels,
        cavity=cavity,
        myocardium=wall,
        heights_mm=heights,
        times_ms=np.arange(options.frames) * (options.beat.rr_ms / options.frames),
        volumes_ml=volumes,
        edv_ml=edv,
        esv_ml=esv,
        ef_percent=100 * (edv - esv) / edv,
        mass_g=options.beat.mass_g,
        ed_frame=0,
        es_frame=es_frame,
    )


def _heights(options: PhantomOptions, diastole: Moment) -> NDArray[np.float64]:
    """(slices,) from the base to the apex, or across the axis."""
    steps = np.arange(options.slices) * options.slice_spacing_mm
    if options.view == "long_axis":
        return steps - steps.mean()
    return diastole.base_mm + options.above_base_mm - steps


def _cut(form: Form, moment: Moment, height_mm: float, options: PhantomOptions) -> Heart:
    if options.view == "long_axis":
        return long_axis(form, moment, height_mm)
    return short_axis(form, moment, height_mm, options.thickness_mm)


def _thorax(options: PhantomOptions, diastole: Moment, height_mm: float) -> Thorax:
    """The same trunk at every height; the diaphragm is higher towards the apex."""
    outer = diastole.radius_mm + diastole.wall_mm
    belly = -8.0
    if options.view == "short_axis":
        belly += 20 * (min(height_mm, diastole.base_mm) / diastole.base_mm - 1)
    thorax = any_thorax(options.stream(_Stream.THORAX), options.contrast, outer, 36.0, belly)
    return replace(thorax, wires=())


def _scan(canvas: NDArray[np.float32], options: PhantomOptions, slice_index: int, frame: int) -> NDArray[np.uint16]:
    """Sampling with noise, and whole grey values."""
    canvas = cv2.GaussianBlur(np.maximum(canvas, 0), (0, 0), 0.4)
    picture = acquire(canvas, options.stream(_Stream.NOISE, slice_index, frame), options.noise, (0.8, 0.9))
    return np.clip(np.rint(picture * np.float32(GREY_PER_BLOOD)), 0, 4095).astype(np.uint16)


def _standard_grid(options: PhantomOptions) -> Grid:
    """The picture's pixels around the ventricle's axis, anatomy turned by ``turned_degrees``."""
    y, x = np.mgrid[: options.rows, : options.columns].astype(np.float32)
    x = (x - np.float32((options.columns - 1) / 2)) * np.float32(options.spacing_mm)
    y = (np.float32((options.rows - 1) / 2) - y) * np.float32(options.spacing_mm)
    turn = math.radians(options.turned_degrees)
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    return Grid(c * x + s * y, c * y - s * x, options.spacing_mm)


@dataclass(frozen=True, eq=False)
class TrainingPicture:
    """One simulated short-axis picture.

    Attributes:
        image: (rows, columns) float32 grey values as stored (whole numbers, 8- or 12-bit kind).
        cavity: (rows, columns) inside the endocardium, papillary muscles and trabeculae included.
        myocardium: (rows, columns) between endocardium and epicardium; open at the outflow tract.
        spacing_mm: side of a pixel.
        has_ventricle: whether the plane cuts the left ventricle (its cavity or the tip of its wall).
        level: where the plane cuts.
    """

    image: NDArray[np.float32]
    cavity: NDArray[np.bool_]
    myocardium: NDArray[np.bool_]
    spacing_mm: float
    has_ventricle: bool
    level: Level


def random_picture(
    rng: np.random.Generator, shape: tuple[int, int] = (256, 256), level: Level | None = None
) -> TrainingPicture:
    """Draws one picture; the generator's state decides everything.

    Args:
        shape: (rows, columns).
        level: where the plane cuts; by chance (``hearts.SHARES``) if None.
    """
    level = level or any_level(rng)
    heart = any_heart(rng, level)
    contrast = any_contrast(rng)
    spacing = float(np.clip(rng.normal(1.38, 0.27), 0.8, 2.0))
    grid = _any_grid(rng, shape, spacing, _reach_mm(heart))
    cavity = wall = np.zeros(shape, bool)
    if heart.ventricle:
        cavity, wall = heart.ventricle.masks(grid)
        if level == Level.TIP:
            cavity, wall = np.zeros(shape, bool), cavity | wall
    thorax = any_thorax(rng, contrast, *_surroundings(rng, heart, level))
    canvas = np.empty(shape, np.float32)
    paint_thorax(canvas, grid, thorax, contrast)
    paint_heart(canvas, grid, heart, contrast)
    chest_wall(grid, thorax, contrast).paint(canvas, grid, contrast)
    canvas *= 1 + np.float32(rng.uniform(0.01, 0.08)) * smooth_noise(rng, shape, 30)
    canvas *= 1 + np.float32(rng.uniform(0.01, 0.1)) * smooth_noise(rng, shape, 9)
    canvas = cv2.GaussianBlur(np.maximum(canvas, 0), (0, 0), rng.uniform(0.3, 0.8))
    image = spoil(canvas, grid, rng, keep=cavity)
    return TrainingPicture(image, cavity, wall, spacing, heart.ventricle is not None, level)


def _reach_mm(heart: Heart) -> float:
    """How much of the picture's middle the heart needs around its centre."""
    return float(heart.ventricle.epicardium.radius_mm.max()) if heart.ventricle else 30.0


def _surroundings(rng: np.random.Generator, heart: Heart, level: Level) -> tuple[float, float, float]:
    """(heart_mm, right_mm, belly_mm) for ``any_thorax``."""
    reach = _reach_mm(heart)
    left = max((float(-c.outline.x_mm + c.outline.radius_mm[180]) for c in heart.chambers), default=reach)
    belly = {Level.BELOW: -2.0 * reach + rng.normal(0, 15), Level.ABOVE: rng.normal(12, 10)}.get(
        level, rng.normal(5, 8) if level in (Level.OUTFLOW, Level.BASE) else rng.normal(1, 7)
    )
    return reach, max(left - reach, 0.0) + 5.0, max(belly, -6.0) if level != Level.BELOW else belly


def _any_grid(rng: np.random.Generator, shape: tuple[int, int], spacing_mm: float, reach_mm: float) -> Grid:
    """The picture's pixels in a heart that is turned, sometimes mirrored, put anywhere plausible and bent a little."""
    rows, columns = shape
    room = [max(size / 2 - 1.1 * reach_mm / spacing_mm, 0) / size for size in shape]
    middle = [
        size * (0.5 + float(np.clip(rng.normal(0, 0.1), -free, free))) for size, free in zip(shape, room, strict=True)
    ]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x = (x - np.float32(middle[1])) * np.float32(spacing_mm)
    y = (np.float32(middle[0]) - y) * np.float32(spacing_mm)
    if rng.random() < 0.1:
        x = -x
    turn = math.radians(float(np.clip(rng.normal(0, 18), -40, 40)))
    c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    x, y = c * x + s * y, c * y - s * x
    bend = np.float32(rng.uniform(0, 2.5))
    cells = max(2, round(columns * spacing_mm / 90))
    x += bend * smooth_noise(rng, shape, cells)
    y += bend * smooth_noise(rng, shape, cells)
    return Grid(x, y, spacing_mm)
