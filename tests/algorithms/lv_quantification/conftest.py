"""A heart of rings: a stand-in for the networks whose masks and numbers are known by hand, and cine series around it.

The ring of slice i in frame k has inner radius r = r0 (1 - 0.3 s(k)) and the wall that keeps its area; s goes from 0
at end-diastole to 1 at end-systole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

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


AIR, WALL, BLOOD = 100.0, 300.0, 900.0


def _three_greys(inner_mm: float, outer_mm: float, centre_px=(60.0, 44.0), shape=(ROWS, COLUMNS), spacing=SPACING):
    """(rows, columns) uint16: a cavity of BLOOD in a ring of WALL in AIR; edges a pixel wide."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.hypot((x - centre_px[0]) * spacing.column_mm, (y - centre_px[1]) * spacing.row_mm)
    pixel = min(spacing.row_mm, spacing.column_mm)
    wall, blood = (np.clip((radius - away) / pixel + 0.5, 0.0, 1.0) for radius in (outer_mm, inner_mm))
    return (AIR + (WALL - AIR) * wall + (BLOOD - WALL) * blood).round().astype(np.uint16)


@dataclass(frozen=True)
class GreySeers:
    """Models of lv_quantification that see right on pictures of three greys, and nothing on others.

    ``factors``: what index network 1 ... 5 multiplies the true indices by. ``held_out``: patient -> the network that
    never saw it. ``asked``: the names that were opened.
    """

    factors: Sequence[float] = (1.0,) * 5
    held_out: Mapping[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def open(self, name: str) -> GreySeer:
        self.asked.append(name)
        return GreySeer(ModelInfo(name, "0", "0" * 64), self.factors[int(name[-1]) - 1])

    def card(self, name: str):
        return {"held_out_patients": [who for who, number in self.held_out.items() if number == int(name[-1])]}


@dataclass(frozen=True)
class GreySeer:
    """One of them."""

    info: ModelInfo
    factor: float

    def run(self, inputs):
        if self.info.name.startswith("finder"):
            seen = inputs["field"]
            brightest = seen >= seen.max(axis=(2, 3), keepdims=True)
            return {"cavity": np.where(brightest & (seen > 0.0), 8.0, -8.0).astype(np.float32)}
        masks = np.stack([_by_grey(picture[0]) for picture in inputs["crop"]])
        one = Spacing(1.0, 1.0)
        indices = np.stack([indices_of(cavity, inside & ~cavity, one) for cavity, inside in masks])
        return {
            "indices": np.nan_to_num(indices * self.factor).astype(np.float32),
            "masks": np.where(masks, 8.0, -8.0).astype(np.float32),
        }


def _by_grey(seen: np.ndarray) -> np.ndarray:
    """(2, 128, 128) cavity and all inside the wall: greys that many pixels share are air, wall, blood, in this order.

    An equalised value is the share of pixels below it: the edge between two greys is halfway between the ends of both.
    """
    values, counts = np.unique(seen, return_counts=True)
    many = counts >= 140
    low, high = (values - counts / seen.size)[many], (values + counts / seen.size)[many]
    edges = [*((high[:-1] + low[1:]) / 2.0), np.inf, np.inf]
    return np.stack([seen > edges[1], seen > edges[0]])


@pytest.fixture(scope="session")
def three_greys() -> Callable[..., np.ndarray]:
    """A function: see _three_greys."""
    return _three_greys


@pytest.fixture(scope="session")
def grey_seers() -> type[GreySeers]:
    """The class GreySeers."""
    return GreySeers


@dataclass(frozen=True)
class Collection:
    """Writes the folder layouts of training_data.py. Hearts of three greys beat as those of Rings: inner radius
    r (1 - 0.3 s), the outer one keeps the wall's area; end-diastole is the last frame of ten, end-systole the fifth.
    """

    root: Path
    frames: int = 10
    ed: int = 9
    es: int = 4
    centre_px: tuple[float, float] = (60.0, 44.0)

    def radii_mm(self, radius_mm: float, frame: int) -> tuple[float, float]:
        inner = radius_mm * (1.0 - 0.3 * float(_contraction(self.frames)[frame])) if radius_mm else 0.0
        return inner, math.sqrt(inner**2 + (radius_mm + 9.0) ** 2 - radius_mm**2) if radius_mm else 0.0

    def dicom(self, patient: str, radii_mm: Sequence[float]) -> Path:
        """PATIENT/dicom and PATIENT/contours: slices from the base 10 mm apart; no heart and no contour at radius 0."""
        folder = self.root / patient
        (folder / "dicom").mkdir(parents=True)
        (folder / "contours").mkdir()
        for index, radius in enumerate(radii_mm):
            for frame in range(self.frames):
                number = self.frames * index + frame + 1
                inner, outer = self.radii_mm(radius, frame)
                header = _mr(_three_greys(inner, outer, self.centre_px), f"2.25.{number}", index, frame / self.frames)
                header.CardiacNumberOfImages = self.frames
                header.save_as(folder / "dicom" / f"{number}.dcm", enforce_file_format=True)
                if radius and frame in (self.ed, self.es):
                    self.contour(patient, number, "i", inner)
                if radius and frame == self.ed:
                    self.contour(patient, number, "o", outer)
        return folder

    def contour(self, patient: str, number: int, which: str, radius_mm: float) -> Path:
        """As the collection has them: pixels counted from 1."""
        path = self.root / patient / "contours" / f"IM-0001-{number:04d}-{which}contour-manual.txt"
        np.savetxt(path, _counted_from_1(self.centre_px, radius_mm / SPACING.row_mm), fmt="%.2f")
        return path

    def png(self, patient: str, numbers_and_radii: Mapping[int, float], size: int = 256) -> None:
        """images and endocardium: one picture each, of an inner radius in mm at their assumed spacing. The masks are
        made as the collection's are: the contour's halves cut off, and filled."""
        spacing = Spacing(1.33 * 256 / size, 1.33 * 256 / size)
        for name in ("images", "endocardium"):
            (self.root / "png" / name).mkdir(parents=True, exist_ok=True)
        for number, radius in numbers_and_radii.items():
            greys = _three_greys(radius, radius + 10.0, (0.47 * size, 0.52 * size), (size, size), spacing)
            mask = np.zeros((size, size), np.uint8)
            if radius:
                contour = _counted_from_1((0.47 * size, 0.52 * size), radius / spacing.row_mm)
                halves = np.round(2.0 * contour) / 2.0
                cv2.fillPoly(mask, [halves.astype(np.int32)], 255)
            name = f"{patient}-IM-0001-{number:04d}.png"
            Image.fromarray((greys / 4).astype(np.uint8)).save(self.root / "png" / "images" / name)
            Image.fromarray(mask).save(self.root / "png" / "endocardium" / name)


def _counted_from_1(centre_px: tuple[float, float], radius_px: float) -> np.ndarray:
    around = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
    return np.array(centre_px) + 1.0 + radius_px * np.stack([np.cos(around), np.sin(around)], 1)


def _mr(pixels: np.ndarray, uid: str, index: int, part_of_beat: float) -> Dataset:
    """A classic MR image of one frame of a short-axis slice, 10 mm further to the apex with each ``index``."""
    plane = _plane_at(10.0 * index)
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = MR_IMAGE, uid
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.9"
    made.Modality = "MR"
    made.ImagePositionPatient = [f"{value:.6f}" for value in plane.position_mm]
    made.ImageOrientationPatient = [f"{value:.8f}" for value in (*plane.row_direction, *plane.column_direction)]
    made.PixelSpacing, made.SliceThickness = [SPACING.row_mm, SPACING.column_mm], 8
    made.TriggerTime, made.NominalInterval = f"{800.0 * part_of_beat:.1f}", 800
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = pixels.astype("<u2").tobytes()
    made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = MR_IMAGE, uid
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


@pytest.fixture
def collection(tmp_path) -> Collection:
    """Writes labelled pictures below tmp_path / "data"."""
    return Collection(tmp_path / "data")


@pytest.fixture
def load(tmp_path):
    """The node's loader, as the command hands it to train and evaluate."""
    from dicom_node.load import load_series

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return lambda paths: load_series(paths, scratch)
