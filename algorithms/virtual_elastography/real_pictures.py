"""Real pictures for ``evaluate``: pairs of B-mode picture and measured strain, and pictures of other kinds.

    DIR/pairs_png/NAME_bmode.png, NAME_strain.npy     pairs; DIR may also be the folder that holds ``elasto``
    DIR/deepuse_arm/*.raw                             radio-frequency frames, float32, 128 columns of 2000 samples
    ../lv/sunnybrook_png, ../mmode, ../ovarian/images, ../ceus/semisynthetic      pictures of other kinds

What is not there is left out. Which pairs to trust is what their manifest says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from scipy.signal import hilbert

from algorithms.virtual_elastography.elastogram import STRAIN_GAMMA

TRUSTED = ("phantom_248_253", "femsim_0_1")
RF_COLUMNS, RF_ROWS, RF_SHAPE_MM = 128, 2000, (40.0, 25.6)
DISPLAYED_DB = 50.0
MOST_OF_A_KIND = 60
CINE_FRAMES = 3


@dataclass(frozen=True, slots=True, eq=False)
class RealPair:
    """A real B-mode picture (rows, columns) with the softness that its measured strain stands for, same size."""

    name: str
    trusted: bool
    bmode: NDArray[np.uint8]
    softness: NDArray[np.float32]


def real_pairs(data: Path) -> list[RealPair]:
    """The pairs in the folder; the softness is displayed as that of simulated strain (elastogram.py)."""
    found = []
    for file in sorted((_elasto(data) / "pairs_png").glob("*_bmode.png")):
        name = file.name.removesuffix("_bmode.png")
        grey, strain = _grey(file), np.load(file.with_name(f"{name}_strain.npy"))
        strain = cv2.resize(np.float32(strain), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
        relative = np.maximum(strain / max(float(strain.mean()), 1e-9), 0) ** STRAIN_GAMMA
        found.append(RealPair(name, name in TRUSTED, grey, np.float32(relative / (1 + relative))))
    return found


def unlike_pictures(data: Path) -> dict[str, list[NDArray[np.uint8]]]:
    """Grey pictures of kinds that nothing can be said of, by kind; up to 60 of each, evenly drawn."""
    beside = _elasto(data).parent
    kinds: dict[str, tuple[Sequence[Path], Callable[[Path], Iterator[NDArray[np.uint8]]]]] = {
        "arm in vivo (radio-frequency)": (sorted((_elasto(data) / "deepuse_arm").glob("*.raw")), _from_rf),
        "cardiac MR": (sorted((beside / "lv/sunnybrook_png/images").glob("*.png")), _single),
        "M-mode and echo screens": (sorted((beside / "mmode").glob("*/*.png")), _single),
        "echo cines": (sorted((beside / "mmode/plax_cine").glob("*.gif")), _from_cine),
        "ovary": (_pictures(beside / "ovarian/images"), _single),
        "contrast ultrasound": (sorted((beside / "ceus/semisynthetic").glob("*.npz")), _from_frames),
    }
    found = {
        kind: [picture for file in _evenly(files, MOST_OF_A_KIND) for picture in read(file)]
        for kind, (files, read) in kinds.items()
    }
    return {kind: pictures for kind, pictures in found.items() if pictures}


def _elasto(data: Path) -> Path:
    return data / "elasto" if (data / "elasto").is_dir() else data


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix.lower() in (".png", ".jpg", ".jpeg"))


def _evenly(files: Sequence[Path], most: int) -> list[Path]:
    step = max(1, -(-len(files) // most))
    return list(files[::step])


def _grey(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("L"))


def _single(file: Path) -> Iterator[NDArray[np.uint8]]:
    yield _grey(file)


def _from_cine(file: Path) -> Iterator[NDArray[np.uint8]]:
    with Image.open(file) as cine:
        frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(cine)]
    yield from frames[:: max(1, len(frames) // CINE_FRAMES)][:CINE_FRAMES]


def _from_frames(file: Path) -> Iterator[NDArray[np.uint8]]:
    with np.load(file) as arrays:
        yield from arrays["frames"][::20]


def _from_rf(file: Path) -> Iterator[NDArray[np.uint8]]:
    """Envelope, 50 dB in 256 grey levels, at even spacing."""
    lines = np.fromfile(file, "<f4").reshape(RF_ROWS, RF_COLUMNS)
    envelope = np.abs(hilbert(lines, axis=0))
    decibels = 20 * np.log10(envelope / envelope.max() + 1e-9)
    grey = np.round(255 * np.clip(1 + decibels / DISPLAYED_DB, 0, 1)).astype(np.uint8)
    size = (round(RF_SHAPE_MM[1] * 10), round(RF_SHAPE_MM[0] * 10))
    yield cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
