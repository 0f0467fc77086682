"""Short-axis pictures with expert contours, read from the folder layouts of the Sunnybrook Cardiac Data.

    DATA/**/PATIENT/dicom/N.dcm                                     cine frames, one file each
    DATA/**/PATIENT/contours/IM-0001-NNNN-icontour-manual.txt       endocardium on file N: "x y" in pixels, one polygon
    DATA/**/PATIENT/contours/IM-0001-NNNN-ocontour-manual.txt       epicardium
    DATA/**/images/PATIENT-IM-0001-NNNN.png                         pictures without a header
    DATA/**/endocardium/PATIENT-IM-0001-NNNN.png                    mask of the cavity, same name

The contours count pixels from 1, in halves. The masks are those contours with the halves cut off, filled with their
rim (OpenCV's fillPoly on whole numbers gives just these masks on all 56 pictures that lie in both layouts): they are
6.6 % larger than the contours and lie three quarters of a pixel too far right and down. Both are read as what the
expert drew, pixel centres at whole numbers from 0; the masks by way of their rims. Pictures of other origin must come
in the same way: masks that are right by pixels would be moved and made smaller.

The same patient may lie in both layouts (SC-HF-I-1 and SC-HF-I-01): names are compared without leading zeros, and
pictures that DICOM files bring are not read a second time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from algorithms.lv_quantification.polygon import mask_of, traced
from dicom_node.errors import UsageError
from dicom_node.series import Series, Spacing, Volume

CONTOUR = re.compile(r"IM-\d{4}-(\d{4})-([io])contour-manual\.txt$")
PICTURE = re.compile(r"(?P<patient>.+)-IM-\d{4}-(?P<number>\d{4})\.png$")
COUNTED_FROM = 1.0
"""The number of the first pixel in the contours, as in MATLAB: with 0 they lie a pixel right of and below the edges in
the pictures."""
CUT_OFF_PX = 0.25
"""Of the contours' coordinates in the masks, on average: they come in halves."""
ASSUMED_MM = 1.33
"""Spacing of pictures without a header: the middle of what the DICOM files of the same collection have."""

MISPLACED = {"SC-N-6": "the masks lie some 20 mm beside the ventricle, on every picture"}
"""Patients whose truth does not lie on their pictures (seen by eye; the masks' rim is no darker than their inside).
Nothing is learned from these pictures, and figures leave them out by name; contours on the patient's DICOM files are
another matter."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture with the expert's cavity (all False: no ventricle in it) and, where drawn, the epicardium."""

    patient: str
    number: int
    image: NDArray[np.float32]
    cavity: NDArray[np.bool_]
    inside: NDArray[np.bool_] | None
    spacing: Spacing
    physical: bool
    """Whether the spacing is the header's."""

    @property
    def misplaced(self) -> bool:
        """Whether it is one of MISPLACED."""
        return self.patient in MISPLACED and not self.physical


@dataclass(frozen=True, slots=True)
class Contours:
    """What the expert drew on one picture: (n, 2) points (x, y) in pixels, centres at whole numbers from 0."""

    endocardium: NDArray[np.float64]
    epicardium: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Study:
    """One patient's cine with its contours, by SOP Instance UID.

    ``outer_only``: instances of which only the epicardium was drawn: whether they have a cavity is not known.
    """

    patient: str
    series: Series
    contours: dict[str, Contours]
    outer_only: frozenset[str] = frozenset()

    def shows_nothing(self, volume: Volume) -> bool:
        """Whether the expert drew nothing at all on a slice: then there is no ventricle in it to be measured."""
        return not any(
            frame.ref.sop_instance_uid in self.contours or frame.ref.sop_instance_uid in self.outer_only
            for frame in volume.frames
        )


def patient_key(name: str) -> str:
    """The patient's name in the collection without leading zeros: SC-HF-I-01 -> SC-HF-I-1."""
    return "-".join(part.lstrip("0") or "0" if part.isdigit() else part for part in name.split("-"))


def study_folders(data: Path) -> list[Path]:
    """Every PATIENT with ``contours`` below ``data``, sorted."""
    return sorted(path.parent for path in _folders(data, "contours"))


def read_study(folder: Path, load: Callable[[Sequence[Path]], Series]) -> Study:
    """One PATIENT's ``dicom`` and ``contours``.

    Raises:
        UsageError: a contour has no picture, or is no contour; a folder is empty.
        UnsuitableSeries, UnreadableInstance: the pictures are of no one study, or cannot be read.
    """
    if not (folder / "dicom").is_dir():
        raise UsageError(f"{folder.name} has contours but no folder dicom beside them")
    files = {int(path.stem): path for path in (folder / "dicom").glob("*.dcm") if path.stem.isdigit()}
    if not files:
        raise UsageError(f"{folder.name}: there are contours, but no picture dicom/NUMBER.dcm")
    lines = _lines(folder)
    if missing := sorted(set(lines) - set(files)):
        raise UsageError(
            f"{folder.name}: a contour is drawn on file {missing[0]}, but dicom/{missing[0]}.dcm is missing"
        )
    series = load([files[number] for number in sorted(files)])
    uids = {number: load([files[number]]).frames[0].ref.sop_instance_uid for number in lines}
    if lost := set(uids.values()) - set(series.instance_uids):
        raise UsageError(f"{folder.name}: {len(lost)} picture(s) with a contour are not in the series of the others")
    contours = {uids[number]: Contours(drawn["i"], drawn.get("o")) for number, drawn in lines.items() if "i" in drawn}
    outer_only = frozenset(uids[number] for number, drawn in lines.items() if "i" not in drawn)
    return Study(patient_key(folder.name), series, contours, outer_only)


def read_studies(data: Path, load: Callable[[Sequence[Path]], Series]) -> list[Study]:
    """Every PATIENT with ``dicom`` and ``contours`` below ``data``. Raises what ``read_study`` raises."""
    return [read_study(folder, load) for folder in study_folders(data)]


def endocardia_of(folder: Path) -> dict[int, NDArray[np.float64]]:
    """The endocardial contours of one PATIENT by the number of their file, whether its pictures can be read or not."""
    return {number: drawn["i"] for number, drawn in _lines(folder).items() if "i" in drawn}


def passed_over(data: Path) -> list[str]:
    """Files below ``data`` that have not the names of these layouts, in words: no figure rests on them."""
    told = []
    for folder in study_folders(data):
        if strange := [path for path in (folder / "contours").iterdir() if not CONTOUR.search(path.name)]:
            told.append(f"{folder.name}: {len(strange)} file(s) in contours passed over, such as {min(strange).name}")
    for folder in _picture_folders(data):
        strange = [path.name for path in folder.iterdir() if _named(path) is None]
        if strange:
            told.append(f"{len(strange)} picture(s) in images passed over without a mask of their name in endocardium "
                        f"or not named PATIENT-IM-0001-NNNN.png, such as {min(strange)}")  # fmt: skip
    return told


def read_labelled(data: Path, load: Callable[[Sequence[Path]], Series]) -> list[Labelled]:
    """Every picture with truth below ``data``, in a fixed order.

    Slices of a study on which the expert drew nothing at all have no ventricle to measure (they lie above the base or
    below the apex): four of their frames come as pictures with an empty cavity.

    Raises:
        UsageError: nothing of these layouts is there, or a file is not what its name says.
    """
    pictures = [picture for study in read_studies(data, load) for picture in _pictures(study)]
    pictures += read_pictures(data, {picture.patient for picture in pictures})
    if not pictures:
        raise UsageError(
            f"no labelled short-axis picture in {data}: PATIENT/dicom with PATIENT/contours, or images with "
            "endocardium, are needed (see docs/lv-quantification)"
        )
    return pictures


def read_pictures(data: Path, known: Collection[str] = ()) -> list[Labelled]:
    """The pictures without a header, but not those of ``known`` patients."""
    pictures: list[Labelled] = []
    sizes: dict[str, tuple[int, ...]] = {}
    for folder in _picture_folders(data):
        for path in sorted(folder.iterdir()):
            named = _named(path)
            if named and named[0] not in known:
                picture = _from_png(path, folder.parent / "endocardium" / path.name, *named)
                size = sizes.setdefault(picture.patient, picture.image.shape)
                if picture.image.shape != size:
                    raise UsageError(f"{path.name} is {picture.image.shape}, others of this patient are {size}")
                pictures.append(picture)
    return pictures


def masks_of(contours: Contours, rows: int, columns: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """(rows, columns) cavity, and all inside the epicardium where it was drawn.

    Raises:
        UsageError: there is no pixel inside the endocardium, as where it was drawn on a picture of another size.
    """
    cavity = mask_of(contours.endocardium, rows, columns)
    if not cavity.any():
        low, high = contours.endocardium.min(axis=0).round(1), contours.endocardium.max(axis=0).round(1)
        raise UsageError(
            f"a contour from {low.tolist()} to {high.tolist()} has no pixel of a picture of {columns} x {rows} in it; "
            'contours are "x y" in pixels of the picture that their name tells'
        )
    if contours.epicardium is None:
        return cavity, None
    return cavity, mask_of(contours.epicardium, rows, columns) | cavity


def as_drawn(filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(rows, columns): the inside of the contour that a mask of the collection was filled from.

    A mask of a pixel or two, whose rim encloses no half of a pixel, is moved by one, for it must not get lost.
    """
    if not filled.any():
        return filled
    cavity = mask_of(traced(filled) + CUT_OFF_PX - COUNTED_FROM, *filled.shape)
    return cavity if cavity.any() else np.roll(filled, (-1, -1), axis=(0, 1))


def _lines(folder: Path) -> dict[int, dict[str, NDArray[np.float64]]]:
    """What was drawn on each file: polygons by ``i`` (endocardium) and ``o`` (epicardium)."""
    drawn: dict[int, dict[str, NDArray[np.float64]]] = {}
    for path in sorted((folder / "contours").glob("*.txt")):
        named = CONTOUR.search(path.name)
        if named:
            drawn.setdefault(int(named[1]), {})[named[2]] = _read_polygon(path)
    if not drawn:
        raise UsageError(f"{folder.name}: no contours/IM-0001-NNNN-icontour-manual.txt; without one nothing is known")
    return drawn


def _picture_folders(data: Path) -> list[Path]:
    return [path for path in _folders(data, "images") if (path.parent / "endocardium").is_dir()]


def _named(path: Path) -> tuple[str, int] | None:
    """Patient and number of a picture that has a mask; ``None``: it is not of the layout."""
    named = PICTURE.search(path.name)
    if named and (path.parent.parent / "endocardium" / path.name).exists():
        return patient_key(named["patient"]), int(named["number"])
    return None


def _folders(data: Path, name: str) -> list[Path]:
    """Every folder of that name below ``data``, sorted; links are followed (``rglob`` does not)."""
    walked = os.walk(data, followlinks=True)
    return sorted(Path(parent) / name for parent, folders, _ in walked if name in folders)


def _read_polygon(path: Path) -> NDArray[np.float64]:
    try:
        points = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise UsageError(f"{path.name}: a contour has two numbers in each line") from error
    if points.shape[1] != 2 or len(points) < 3:
        raise UsageError(f"{path.name}: a contour has three points or more, two numbers each; got {points.shape}")
    return points - COUNTED_FROM


def _pictures(study: Study) -> list[Labelled]:
    found = []
    for index, volume in enumerate(study.series.volumes):
        uids = [frame.ref.sop_instance_uid for frame in volume.frames]
        drawn = [position for position, uid in enumerate(uids) if uid in study.contours]
        for position in drawn:
            cavity, inside = masks_of(study.contours[uids[position]], volume.rows, volume.columns)
            found.append(_picture(study, index, volume, position, cavity, inside))
        if study.shows_nothing(volume):
            empty = np.zeros((volume.rows, volume.columns), bool)
            for position in np.unique(np.linspace(0, len(volume.frames), 4, endpoint=False).astype(int)).tolist():
                found.append(_picture(study, index, volume, position, empty, empty))
    return found


def _picture(
    study: Study, index: int, volume: Volume, frame: int, cavity: NDArray[np.bool_], inside: NDArray[np.bool_] | None
) -> Labelled:
    if volume.spacing is None:
        raise UsageError(f"{study.patient}: slice {index + 1} has no PixelSpacing")
    image = np.asarray(volume.pixels.read(frame, frame + 1)[0], np.float32)
    return Labelled(study.patient, index * 1000 + frame, image, cavity, inside, volume.spacing, physical=True)


def _grey(path: Path) -> NDArray[np.float32]:
    try:
        with Image.open(path) as picture:
            deep = picture.mode.startswith(("I", "F"))  # 16 bits and more: Pillow would cut them off at 255
            return np.asarray(picture if deep else picture.convert("L"), np.float32)
    except OSError as error:
        raise UsageError(f"{path.parent.name}/{path.name} is no picture that can be read: {error}") from error


def _from_png(path: Path, mask: Path, patient: str, number: int) -> Labelled:
    image, drawn = _grey(path), _grey(mask)
    filled = drawn > drawn.max() / 2.0  # masks of 0 and 1, of 8 bits and of 16
    if image.shape != filled.shape:
        raise UsageError(f"{path.name}: the picture is {image.shape}, its mask {filled.shape}")
    cavity = as_drawn(filled)
    spacing = Spacing(ASSUMED_MM * 256 / image.shape[0], ASSUMED_MM * 256 / image.shape[0])
    return Labelled(patient, number, image, cavity, None, spacing, physical=False)
