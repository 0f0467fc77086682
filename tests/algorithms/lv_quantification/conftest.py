"""A heart of rings: a stand-in for the networks whose masks and numbers are known by hand, and cine series around it.

The ring of slice i in frame k has inner radius r = r0 (1 - 0.3 s(k)) and the wall that keeps its area; s goes from 0
at end-diastole to 1 at end-systole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from algorithms.lv_quantification.indices import indices_of
from dicom_node.algorithm import ModelInfo
from dicom_node.series import ArrayPixels, Frame, FrameRef, Plane, Series, Spacing, Timing, Volume

MR_IMAGE, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
FRAMES, ROWS, COLUMNS = 20, 96, 112
ED, ES = 19, 7  # 0-based, as in the Sunnybrook studies
SPACING = Spacing(1.4, 1.4)

# Seen from the apex, septum left: the standard display of a heart that lies as the prior says
NORMAL = -np.array([0.65, -0.65, -0.40]) / np.linalg.norm([0.65, -0.65, -0.40])  # row x column: to the base
TO_RIGHT_OF_SCREEN = np.array([1.0, 1.0, 0.0]) / math.sqrt(2.0)
DOWN = np.cross(NORMAL, TO_RIGHT_OF_SCREEN)


def _plane_at(towards_apex_mm: float, turned_deg: float = 0.0, mirrored: bool = False, normal=NORMAL) -> Plane:
    """A plane whose picture is turned counter-clockwise by ``turned_deg``, so much nearer to the apex."""
    row = np.array(TO_RIGHT_OF_SCREEN) if normal is NORMAL else _any_across(normal)
    column = np.cross(normal, row)
    turn = math.radians(turned_deg)
    row, column = math.cos(turn) * row + math.sin(turn) * column, math.cos(turn) * column - math.sin(turn) * row
    if mirrored:
        row = -row
    return Plane(tuple(-towards_apex_mm * normal), tuple(row), tuple(column), "1.9", 8.0)


def _any_across(normal):
    other = np.cross(normal, [0.3, 0.1, 0.9])
    return other / np.linalg.norm(other)


def _contraction(frames: int = FRAMES) -> np.ndarray:
    """(frames,) 0 at frame ED, 1 at frame ES: down quickly, up slowly; smooth all the way round."""
    down = (ES - ED) % FRAMES
    since = (np.arange(frames) * FRAMES / frames - ED) % FRAMES
    part = np.where(since <= down, since / down, 1 + (since - down) / (FRAMES - down)) / 2  # 0 .. 1 round the cycle
    return (1 - np.cos(2 * np.pi * part)) / 2


@pytest.fixture(scope="session")
def plane_at() -> Callable[..., Plane]:
    """A function: see _plane_at."""
    return _plane_at


@pytest.fixture(scope="session")
def contraction() -> Callable[..., np.ndarray]:
    """A function: see _contraction."""
    return _contraction


@pytest.fixture
def cine() -> Callable[..., Volume]:
    """A function: one slice of a cine MR as the loader gives it; every part of it can be set."""

    def make(position_mm: float = 0.0, frames: int = FRAMES, index: int = 0, **changed) -> Volume:
        series_uid = changed.pop("series_uid", "1.2")
        plane = changed.pop("plane", _plane_at(position_mm))
        enhanced = changed.pop("enhanced", False)
        uid = f"{series_uid}.{round(1000 + position_mm)}"
        step_s = 0.8 / FRAMES * (FRAMES / frames)
        made = Volume(
            frames=tuple(
                Frame(
                    FrameRef(ENHANCED_MR, uid, frame + 1) if enhanced else FrameRef(MR_IMAGE, f"{uid}.{frame}"),
                    frame * step_s,
                    plane,
                )
                for frame in range(frames)
            ),
            pixels=ArrayPixels(np.random.default_rng(1).integers(0, 400, (frames, ROWS, COLUMNS)).astype(np.uint16)),
            series_uid=series_uid,
            modality="MR",
            spacing=SPACING,
            timing=Timing(tuple(frame * step_s for frame in range(frames)), "TriggerTime", rr_interval_s=0.8),
            bits_stored=12,
            slice_index=index,
        )
        return replace(made, **changed)

    return make


@pytest.fixture
def stack_of(cine) -> Callable[..., Series]:
    """A function: a series of ``count`` slices 10 mm apart, stored from apex to base."""

    def make(count: int = 5, **changed) -> Series:
        places = range(10 * (count - 1), -1, -10)
        return Series("1", tuple(cine(float(place), index=index, **changed) for index, place in enumerate(places)))

    return make


@dataclass(frozen=True)
class RingEstimate:
    """As estimate.SliceEstimate."""

    found: bool
    reason: str
    confidence: float
    centre_px: tuple[float, float] | None
    cavity: np.ndarray = field(repr=False)
    myocardium: np.ndarray = field(repr=False)
    regressed: np.ndarray = field(repr=False)
    spread: np.ndarray = field(repr=False)
    measured: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Rings:
    """An estimator that sees a ring in every slice. ``radii_mm``: inner radius at end-diastole, slice by slice; 0 = no
    ventricle. ``factor`` is what the networks are off by."""

    radii_mm: Sequence[float] = (24.0, 23.0, 21.0, 17.0, 11.0)
    centre_px: tuple[float, float] = (60.0, 44.0)
    wall_mm: float = 9.0
    factor: float = 1.0
    infos: tuple[ModelInfo, ...] = ()
    seen: list = field(default_factory=list, repr=False)

    def estimate(self, slices, spacing, anchor_deg, progress):
        self.seen.append((slices, spacing, anchor_deg))
        progress(1.0, "rings")
        return tuple(
            self._one(picture, radius, spacing, anchor_deg)
            for picture, radius in zip(slices, self.radii_mm, strict=True)
        )

    def _one(self, picture, radius_mm, spacing, anchor_deg):
        frames, rows, columns = picture.shape
        y, x = np.mgrid[:rows, :columns]
        away_mm = np.hypot((x - self.centre_px[0]) * spacing.column_mm, (y - self.centre_px[1]) * spacing.row_mm)
        inner = radius_mm * (1 - 0.3 * _contraction(frames))
        muscle = (radius_mm + self.wall_mm) ** 2 - radius_mm**2 if radius_mm else 0.0
        outer = np.sqrt(inner**2 + muscle)
        cavity = away_mm[None] < inner[:, None, None]
        myocardium = (away_mm[None] < outer[:, None, None]) & ~cavity
        measured = np.stack([indices_of(a, b, spacing, anchor_deg) for a, b in zip(cavity, myocardium, strict=True)])
        found = bool(radius_mm)
        return RingEstimate(
            found, "" if found else "no ventricle in sight", 0.9 if found else 0.1, self.centre_px if found else None,
            cavity, myocardium, measured * self.factor, np.abs(measured) * 0.02, measured,
        )  # fmt: skip


@pytest.fixture(scope="session")
def rings() -> type[Rings]:
    """The class Rings."""
    return Rings


@pytest.fixture(scope="session")
def ring_estimate() -> type[RingEstimate]:
    """The class RingEstimate."""
    return RingEstimate
