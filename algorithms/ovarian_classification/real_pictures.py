"""Real pictures that are no pelvic ultrasound: cleaning must drop them, and Darknet-19 begins on them (pretraining.py).
What is not there is left out.

    ROOT/dicom/ultrasound, general, odd, transfer_syntax    DICOM files of every modality
    ROOT/mmode/human_tte47, mouse_echo2pheno, plax_cine     echo screens, M-modes, echo cines
    ROOT/lv/sunnybrook_png/images                           cardiac MR
    ROOT/ceus                                               contrast ultrasound
    ROOT/elasto/pairs_png                                   phantoms, an arm, strain pictures

ROOT is the folder itself, or the one that it lies in (``../shared/data/ovarian`` has the others beside it).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from scipy.io import loadmat

from dicom_node.errors import UnreadableInstance, UnsuitableSeries
from dicom_node.series import Series, Volume

Load = Callable[[Sequence[Path]], Series]

KINDS = (
    "echocardiography",
    "M-mode and Doppler screen",
    "other ultrasound",
    "contrast ultrasound",
    "elastography",
    "MR",
    "CT, X-ray, nuclear medicine",
    "no patient",
)
MOST_OF_A_KIND = 60
FRAMES_OF_A_CINE = 3
LEAST_SIDE_PX = 32
"""Smaller ones are icons and test patterns."""
DICOM_FOLDERS = ("dicom/ultrasound", "dicom/general", "dicom/odd", "dicom/transfer_syntax")
PELVIC = re.compile(r"(?i)gyn|mindray_rle|aloka")
"""Files in those folders that do show a pelvis."""
ECHO = re.compile(r"(?i)echo|cardio|plax|a4c|acuson_8f|acuson_nf_jpeg|^atl|no-pixel-spacing|1\.2\.4\.50\.")
M_MODE = re.compile(r"(?i)mmode|doppler")
RADIOLOGY = ("CT", "CR", "DX", "RG", "XA", "RF", "MG", "NM", "PT", "RTIMAGE")


class Picture(NamedTuple):
    """``rgb``: (rows, columns, 3) uint8. ``name`` is ``SOURCE`` or ``SOURCE#FRAME``, the source being a file."""

    kind: str
    name: str
    rgb: NDArray[np.uint8]

    @property
    def source(self) -> str:
        """What its pictures may not be split across: the file, or of cardiac MR the patient."""
        patient = re.match(r"(SC-[A-Z-]+-\d+)-IM-", self.name)
        return patient.group(1) if patient else self.name.split("#")[0]


def no_pelvis(data: Path, load: Load, most_of_a_kind: int = MOST_OF_A_KIND) -> tuple[Picture, ...]:
    """Pictures of every kind but pelvic ultrasound, evenly drawn; the same pixels come once.

    Args:
        data: see above.
        load: the node's loader, such as ``Workbench.load``.
        most_of_a_kind: at most so many of each of ``KINDS``.
    """
    root = data if any((data / name).is_dir() for name in ("dicom", "mmode", "lv")) else data.parent
    found: dict[str, list[Picture]] = {kind: [] for kind in KINDS}
    seen: set[str] = set()
    for picture in (*_from_dicom(root, load), *_from_files(root)):
        digest = hashlib.sha256(picture.rgb.tobytes()).hexdigest()
        if min(picture.rgb.shape[:2]) >= LEAST_SIDE_PX and digest not in seen:
            seen.add(digest)
            found[picture.kind].append(picture)
    return tuple(picture for pictures in found.values() for picture in _evenly(pictures, most_of_a_kind))


def shown(frame: NDArray) -> NDArray[np.uint8]:
    """A frame (rows, columns) or (rows, columns, 3) of any type as RGB; what has more than 8 bits is windowed."""
    if frame.dtype != np.uint8:
        values = np.nan_to_num(frame.astype(np.float64))
        low, high = np.percentile(values, (0.5, 99.5))
        frame = np.rint(255 * np.clip((values - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2))


def _from_dicom(root: Path, load: Load) -> Iterator[Picture]:
    """Files that cannot be read as one picture after another are no matter here: a node refuses them by name."""
    for folder in DICOM_FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and not PELVIC.search(file.name):
                try:
                    volumes = load([file]).volumes
                    for volume in volumes:
                        yield from _frames(file, volume)
                except (UnreadableInstance, UnsuitableSeries):
                    continue


def _frames(file: Path, volume: Volume) -> Iterator[Picture]:
    count = len(volume.frames)
    kind = _kind(file.name, volume.modality)
    for index in range(0, count, max(1, -(-count // FRAMES_OF_A_CINE))):
        name = file.name if count == 1 else f"{file.name}#{index + 1}"
        yield Picture(kind, name, shown(volume.pixels.read(index, index + 1)[0]))


def _kind(name: str, modality: str) -> str:
    if modality == "US" or ECHO.search(name):
        return "echocardiography" if ECHO.search(name) else "other ultrasound"
    if modality == "MR":
        return "MR"
    return "CT, X-ray, nuclear medicine" if modality in RADIOLOGY else "no patient"


def _from_files(root: Path) -> Iterator[Picture]:
    for file in sorted((root / "mmode").glob("*/*.png")):
        m_mode = M_MODE.search(file.name) or file.parent.name == "mouse_echo2pheno"
        yield Picture("M-mode and Doppler screen" if m_mode else "echocardiography", file.name, _rgb(file))
    for file in sorted((root / "mmode/plax_cine").glob("*.gif")):
        yield from _cine(file)
    for file in sorted((root / "lv/sunnybrook_png/images").glob("*.png")):
        yield Picture("MR", file.name, _rgb(file))
    for file in sorted((root / "ceus").glob("*/*.npz")):
        with np.load(file) as arrays:
            for index, frame in enumerate(arrays["frames"][::20]):
                yield Picture("contrast ultrasound", f"{file.name}#{20 * index + 1}", shown(frame))
    for file in sorted((root / "ceus").glob("*/*.mat")):
        for frames in loadmat(file).values():
            if isinstance(frames, np.ndarray) and frames.ndim == 3:
                for index in range(0, frames.shape[2], 20):
                    yield Picture("contrast ultrasound", f"{file.name}#{index + 1}", shown(frames[..., index]))
    for file in sorted((root / "elasto/pairs_png").glob("*.png")):
        yield Picture("elastography", file.name, _rgb(file))


def _rgb(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def _cine(file: Path) -> Iterator[Picture]:
    with Image.open(file) as cine:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(cine)]
    for index in range(0, len(frames), max(1, -(-len(frames) // FRAMES_OF_A_CINE))):
        yield Picture("echocardiography", f"{file.name}#{index + 1}", frames[index])


def _evenly(pictures: Sequence[Picture], most: int) -> Sequence[Picture]:
    return pictures[:: max(1, -(-len(pictures) // most))]
