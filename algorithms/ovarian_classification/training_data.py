"""Reads labelled pictures in the layout of MMOTU's OTU_2d, as ``../shared/data/ovarian`` has it.

DIR/labels.csv      image,class[,group[,has_mask]]
DIR/images/NAME     JPEG or PNG, named by number
DIR/masks/NAME.png  lesion or ovary: any value above zero (optional)
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from algorithms.ovarian_classification.classes import CLASSES, MALIGNANT_CLASS, NORMAL_CLASS
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.pictures import PelvicPicture, pictures_of
from dicom_node.errors import UnreadableInstance, UnsuitableSeries, UsageError
from dicom_node.series import Series

Load = Callable[[Sequence[Path]], Series]

LABELS = "labels.csv"
DIGEST_CHARACTERS = 12
DICOM_ENDING = ".dcm"
MASK_ENDINGS = (".png", ".PNG", ".bmp", ".jpg", ".JPG")


@dataclass(frozen=True, eq=False)
class Labelled:
    """One picture with its truth.

    ``rgb``: (rows, columns, 3) uint8. ``mask``: (rows, columns), the lesion or ovary; empty where none is known.
    ``digest``: first characters of the file's sha256, which tell the picture wherever it lies.
    """

    name: str
    number: int
    digest: str
    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    category: str

    @property
    def group(self) -> str:
        """malignant, benign or normal."""
        return {MALIGNANT_CLASS: "malignant", NORMAL_CLASS: "normal"}.get(self.category, "benign")


def read_labelled(data: Path, load: Load | None = None) -> tuple[Labelled, ...]:
    """Every picture that ``labels.csv`` names, in the order of their numbers.

    Args:
        load: reads DICOM files, such as ``Workbench.load``; without it they are refused.

    Raises:
        UsageError: no such file, a column or picture is missing, a mask is no picture, or a class is none of the eight.
    """
    rows = _rows(data / LABELS)
    return tuple(sorted((_read(data, row, load) for row in rows), key=lambda picture: (picture.number, picture.name)))


def _rows(file: Path) -> list[Mapping[str, str]]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(
            f"{file} cannot be read ({reason}): needed is a folder with labels.csv (image,class), images/ and, "
            "for segmentation, masks/"
        ) from error
    reader = csv.DictReader(io.StringIO(text))
    missing = {"image", "class"} - set(reader.fieldnames or ())
    if missing:
        raise UsageError(f"{file}: column {' and '.join(sorted(missing))} is missing; it has {reader.fieldnames}")
    rows = list(reader)
    if not rows:
        raise UsageError(f"{file} names no picture")
    short = [number for number, row in enumerate(rows, start=2) if not row["image"] or row["class"] is None]
    if short:
        raise UsageError(f"{file}, line {short[0]}: needs an image and its class")
    unknown = sorted({row["class"] for row in rows} - set(CLASSES))
    if unknown:
        raise UsageError(f"{file}: class {', '.join(unknown)} is none of {', '.join(CLASSES)}")
    return rows


def _read(data: Path, row: Mapping[str, str], load: Load | None) -> Labelled:
    name = row["image"]
    file = data / "images" / name
    try:
        content = file.read_bytes()
        if load is not None and file.suffix.lower() == DICOM_ENDING:
            rgb = _only_picture(load([file]))
        else:
            rgb = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except (OSError, UnidentifiedImageError, UnreadableInstance, UnsuitableSeries) as error:
        raise UsageError(f"{file}, which {LABELS} names, cannot be read as a picture: {error}") from error
    digits = re.search(r"\d+", Path(name).stem)
    return Labelled(
        name,
        int(digits.group()) if digits else 0,
        hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS],
        rgb,
        _mask(data / "masks" / Path(name).stem, rgb.shape[:2]),
        row["class"],
    )


def _only_picture(series: Series) -> NDArray[np.uint8]:
    """(rows, columns, 3) of the 2-D picture, cut out as a node does. Raises UnsuitableSeries without exactly one."""
    found = [one for one in pictures_of(series, Options(frames_per_clip=1)) if isinstance(one, PelvicPicture)]
    if len(found) != 1:
        raise UnsuitableSeries(f"needs one 2-D ultrasound picture; got {len(found)}")
    return found[0].rgb


def _mask(stem: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(rows, columns); empty where there is no file."""
    for ending in MASK_ENDINGS:
        file = stem.with_name(stem.name + ending)
        if file.exists():
            try:
                values = np.asarray(Image.open(file).convert("L"))
            except (OSError, UnidentifiedImageError) as error:
                raise UsageError(f"{file} cannot be read as a mask: {error}") from error
            if values.shape != size:
                values = cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST)
            return values > 0
    return np.zeros(size, np.bool_)
