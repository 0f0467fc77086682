"""Real pictures that keep the figures honest: what ``evaluate`` reads from its data folder, where it is there.

human_tte47/         screens that show no left-ventricular M-mode; ground_truth.json has scales read from their ticks
plax_cine/           parasternal cines: grey along a line over time is an anatomical M-mode of a ventricle
mouse_echo2pheno/    M-mode strips of mice with traced walls

A mouse's heart is a tenth of a human one's size and beats eight times as fast: its strips get the scale that a human
heart of the same shape would have (75 beats a minute, 150 mm deep), and are judged in pixels.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from scipy.signal import find_peaks

from dicom_node.series import RegionData, RegionFormat, RegionUnit, UltrasoundRegion

STRIP_TOP, STRIP_BOTTOM, STRIP_COLUMNS = 342, 732, (42, 943)
"""Where the strips of the human screens lie (their 0 cm tick and the ends of their axes)."""
USUAL_S_PER_PX, USUAL_CM_PER_PX = 1 / 284, 1 / 27.9
"""Of those screens; a wrong region gets it, too."""
WRONG_SPEEDS = {"third speed": 3.0, "half speed": 2.0, "double speed": 0.5, "triple speed": 1.0 / 3.0}
"""By what a header may be wrong about the seconds of a column, and how the tracing looks then."""
MOUSE_BEAT_S, MOUSE_DEPTH_MM = 0.8, 150.0
COLUMNS_PER_S = 200.0
"""Of the strips that are cut from cines."""
YELLOW_FROM, BLUE_TO = 200, 150
"""Of the traced lines that are drawn into a picture."""
LIKE_FROM = 0.35
"""Of the highest peak of likeness: a lower one is no heartbeat."""


@dataclass(frozen=True, eq=False)
class Screen:
    """A picture (rows, columns, 3) with regions of one kind ("right", "whole picture", ...)."""

    name: str
    label: str
    image: NDArray[np.uint8]
    regions: tuple[UltrasoundRegion, ...]


@dataclass(frozen=True, eq=False)
class Traced:
    """A mouse's strip, and the internal dimension that was traced in it: (columns,) in pixels, nan where it was not."""

    name: str
    image: NDArray[np.uint8]
    regions: tuple[UltrasoundRegion, ...]
    lvid_px: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A line across the ventricle of a cine: from and to (x, y), the printed heart rate, the scale of its ticks."""

    file: str
    start: tuple[int, int]
    stop: tuple[int, int]
    heart_rate_bpm: float
    px_per_cm: float


CUTS = (
    Cut("01-04203262485753c21.gif", (325, 55), (292, 330), 88, 24.3),
    Cut("01-152339327255beb61.gif", (400, 85), (275, 470), 68, 28.6),
    Cut("01-227446714163286e6.gif", (461, 75), (395, 500), 69, 32.3),
)


def m_mode_region(
    bounds: tuple[int, int, int, int], seconds_per_px: float, cm_per_px: float, stale: bool = False
) -> UltrasoundRegion:
    """An M-mode region in seconds and centimetres."""
    return UltrasoundRegion(
        *bounds,
        format=RegionFormat.M_MODE,
        data=RegionData.TISSUE,
        unit_x=RegionUnit.SECOND,
        unit_y=RegionUnit.CENTIMETRE,
        delta_x=seconds_per_px,
        delta_y=cm_per_px,
        stale=stale,
    )


def human_screens(data: Path) -> Iterator[Screen]:
    """Each picture that is no M-mode of a ventricle, with its right region, where it has one, and with wrong ones.

    To the screens come the first frames of the cines: a sector that some region calls an M-mode.
    """
    file = data / "human_tte47" / "ground_truth.json"
    told = json.loads(file.read_text("utf-8")) if file.exists() else {}
    files = [(file.parent / name, about) for name, about in told.items() if name.endswith(".png")]
    files += [(data / "plax_cine" / cut.file, {}) for cut in CUTS]
    for path, about in files:
        image = _first_frame(path) if path.exists() else None
        if image is not None:
            for label, regions in regions_for(image, about):
                yield Screen(path.name, label, image, regions)


def regions_for(image: NDArray, about: Mapping[str, Any]) -> Iterator[tuple[str, tuple[UltrasoundRegion, ...]]]:
    """Regions that a header may have for a picture.

    Where it has an M-mode: the right one, the right one with a wrong time scale, and parts of it. Of every picture: the
    whole of it, a part that is no M-mode, and none.
    """
    rows, columns = image.shape[:2]
    if "px_per_cm" in about:
        left, right = STRIP_COLUMNS
        seconds_per_px, cm_per_px = 1.0 / about["px_per_s"], 1.0 / about["px_per_cm"]
        bounds = (left, STRIP_TOP, right, STRIP_BOTTOM)
        yield "right", (m_mode_region(bounds, seconds_per_px, cm_per_px),)
        for label, factor in WRONG_SPEEDS.items():
            yield label, (m_mode_region(bounds, factor * seconds_per_px, cm_per_px),)
        middle, below = (left + right) // 2, (STRIP_TOP + STRIP_BOTTOM) // 2
        parts = {
            "left half": (left, STRIP_TOP, middle, STRIP_BOTTOM),
            "right half": (middle, STRIP_TOP, right, STRIP_BOTTOM),
            "lower half": (left, below, right, STRIP_BOTTOM),
        }
        for label, part in parts.items():
            yield label, (m_mode_region(part, seconds_per_px, cm_per_px),)
    yield "whole picture", (m_mode_region((0, 0, columns - 1, rows - 1), USUAL_S_PER_PX, USUAL_CM_PER_PX),)
    upper = (columns // 4, rows // 10, 3 * columns // 4, rows // 2)
    yield "upper half", (m_mode_region(upper, USUAL_S_PER_PX, USUAL_CM_PER_PX),)
    yield "none", ()


def cut_cines(data: Path) -> Iterator[Screen]:
    """Anatomical M-modes of human ventricles, cut from parasternal cines."""
    for cut in CUTS:
        file = data / "plax_cine" / cut.file
        if file.exists():
            yield _cut(file, cut)


def _cut(file: Path, cut: Cut) -> Screen:
    with Image.open(file) as cine:
        frames = [np.array(frame.convert("L"), np.float32) for frame in ImageSequence.Iterator(cine)]
    count = int(np.hypot(cut.stop[0] - cut.start[0], cut.stop[1] - cut.start[1]))
    x, y = (np.linspace(cut.start[i], cut.stop[i], count, dtype=np.float32)[:, None] for i in (0, 1))
    lines = [cv2.remap(cv2.GaussianBlur(frame, (0, 0), 0.7), x, y, cv2.INTER_LINEAR)[:, 0] for frame in frames]
    strip = np.stack(lines, axis=1)
    seconds = 60.0 / cut.heart_rate_bpm / period_of(strip - strip.mean(axis=1, keepdims=True)) * len(frames)
    columns = round(seconds * COLUMNS_PER_S)
    strip = np.clip(cv2.resize(strip, (columns, count), interpolation=cv2.INTER_LINEAR), 0, 255).astype(np.uint8)
    region = m_mode_region((0, 0, columns - 1, count - 1), seconds / columns, 1.0 / cut.px_per_cm)
    return Screen(cut.file, "cut along a line", np.repeat(strip[..., None], 3, axis=2), (region,))


def mouse_strips(data: Path) -> Iterator[Traced]:
    """The two strips with a traced internal dimension."""
    folder = data / "mouse_echo2pheno"
    plain, table = folder / "TS_Short_9_good_1_nwin2.png", folder / "TS_Short_9_good_1_nwin2_LVID_px.csv"
    if plain.exists() and table.exists():
        with table.open(encoding="utf-8") as rows:
            lvid = np.array([float(row["lvid_px"]) for row in csv.DictReader(rows)])
        yield _traced(plain.name, _rgb(plain), lvid)
    drawn = folder / "annotation_example_traced_lines.png"
    if drawn.exists():
        image = _rgb(drawn)
        yield _traced(drawn.name, image, _drawn_lvid(image))


def _traced(name: str, image: NDArray[np.uint8], lvid_px: NDArray[np.float64]) -> Traced:
    rows, columns = image.shape[:2]
    known = np.where(np.isfinite(lvid_px), lvid_px, np.nanmean(lvid_px))
    seconds_per_px = MOUSE_BEAT_S / period_of(known[None] - known.mean())
    region = m_mode_region((0, 0, columns - 1, rows - 1), seconds_per_px, MOUSE_DEPTH_MM / 10.0 / rows)
    return Traced(name, image, (region,), lvid_px)


def _drawn_lvid(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(columns,) between the second and the third of the four traced lines, from above."""
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    yellow = (red > YELLOW_FROM) & (green > YELLOW_FROM) & (blue < BLUE_TO)
    lvid = np.full(image.shape[1], np.nan)
    for column in range(image.shape[1]):
        rows = np.flatnonzero(yellow[:, column])
        lines = [part.mean() for part in np.split(rows, np.flatnonzero(np.diff(rows) > 6) + 1)] if len(rows) else []
        if len(lines) == 4:
            lvid[column] = lines[2] - lines[1]
    lvid[lvid < 0.3 * np.nanmedian(lvid)] = np.nan  # the lines' numbers are drawn in yellow, too
    return lvid


def period_of(signals: NDArray[np.floating]) -> int:
    """Columns after which (rows, columns) signals of mean 0 are most like themselves again: the first such peak."""
    length = signals.shape[1]
    spectrum = np.abs(np.fft.rfft(signals, 2 * length, axis=1)) ** 2
    alike = np.fft.irfft(spectrum.sum(axis=0))[:length] / np.arange(length, 0, -1)
    within = alike[: 2 * length // 3]
    peaks, _ = find_peaks(within)
    peaks = peaks[within[peaks] > 0]
    if not len(peaks):
        raise ValueError(f"no rhythm in {length} columns")
    return int(peaks[within[peaks] >= LIKE_FROM * within[peaks].max()][0])


def _first_frame(file: Path) -> NDArray[np.uint8]:
    """(rows, columns, 3) of a picture, or of the first frame of a cine."""
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"))


def _rgb(file: Path) -> NDArray[np.uint8] | None:
    image = cv2.imread(str(file))
    return None if image is None else np.ascontiguousarray(image[..., ::-1])
