"""The cine of all slices side by side with their outlines: what a reader checks first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.canvas import (
    ENDOCARDIUM,
    EPICARDIUM,
    FRAME_GREY,
    GREY,
    WHITE,
    Canvas,
    page,
    polygon,
    write,
)
from algorithms.lv_quantification.contours import outline
from algorithms.lv_quantification.groups import cycle_point
from algorithms.lv_quantification.study import MeasuredSlice, Study
from dicom_node.series import Spacing, Volume

WIDEST_PAGE_PX = 800
SMALLEST_TILE_PX, LARGEST_TILE_PX = 180, 480
HEADER_PX, LABEL_PX = 30, 20
ROOM_FACTOR = 2.2
"""Side of the square that is shown, over the largest extent of the ventricle: the right ventricle is in it."""
LEAST_ROOM_MM = 80.0
DARK_PERCENTILE, BRIGHT_PERCENTILE = 1.0, 99.5


@dataclass(frozen=True)
class _View:
    """The square that is cut out of each picture: its middle (x, y) in pixels, its side in mm."""

    x_px: float
    y_px: float
    side_mm: float


class Montage:
    """A PixelSource: (frames, rows, columns, 3) uint8, each frame drawn when it is asked for."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._measured = {one.index: one for one in study.slices}
        count = len(study.stack.slices)
        self._across = math.ceil(math.sqrt(count))
        down = math.ceil(count / self._across)
        self._tile = int(np.clip(WIDEST_PAGE_PX // self._across, SMALLEST_TILE_PX, LARGEST_TILE_PX))
        self._view = _view_of(study)
        self._windows = [_window(part.volume, self._view, study.stack.spacing) for part in study.stack.slices]
        width = max(self._across * self._tile, 420)
        self.shape = (study.stack.frame_count, HEADER_PX + down * (self._tile + LABEL_PX), width, 3)
        self.dtype = np.dtype(np.uint8)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames ``start`` <= i < ``stop``."""
        return np.stack([self._frame(frame) for frame in range(start, min(stop, self.shape[0]))])

    def _frame(self, frame: int) -> Canvas:
        canvas = page(*self.shape[1:3])
        time_ms = self._study.mid.slice.times_ms[frame]
        point = cycle_point(self._study, frame).meaning.lower()
        write(canvas, f"frame {frame + 1} of {self.shape[0]}   {time_ms:.0f} ms   {point}", 8, 20, 0.5)
        for index, part in enumerate(self._study.stack.slices):
            row, column = divmod(index, self._across)
            y, x = HEADER_PX + row * (self._tile + LABEL_PX), column * self._tile
            tile = self._drawn(part.volume.pixels.read(frame, frame + 1)[0], index, frame)
            canvas[y : y + self._tile, x : x + self._tile] = tile
            self._label(canvas, index, frame, x, y)
        return canvas

    def _drawn(self, picture: NDArray, index: int, frame: int) -> Canvas:
        """One slice, cut out, enlarged, with its outlines."""
        spacing, view = self._study.stack.spacing, self._view
        scale_x = self._tile * spacing.column_mm / view.side_mm
        scale_y = self._tile * spacing.row_mm / view.side_mm
        shift_x = self._tile / 2 - scale_x * view.x_px
        shift_y = self._tile / 2 - scale_y * view.y_px
        matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
        dark, bright = self._windows[index]
        grey = np.clip((picture.astype(np.float32) - dark) / (bright - dark), 0, 1) * 255
        enlarged = cv2.warpAffine(grey, matrix, (self._tile, self._tile), flags=cv2.INTER_CUBIC)
        tile = np.repeat(np.clip(enlarged, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        one = self._measured.get(index)
        if one is not None:
            for mask, colour in (
                (one.cavity[frame] | one.myocardium[frame], EPICARDIUM),
                (one.cavity[frame], ENDOCARDIUM),
            ):
                points = outline(mask)
                if points is not None:
                    polygon(tile, points * (scale_x, scale_y) + (shift_x, shift_y), colour)
        tile[[0, -1]] = tile[:, [0, -1]] = FRAME_GREY
        return tile

    def _label(self, canvas: Canvas, index: int, frame: int, x: int, y: int) -> None:
        one = self._measured.get(index)
        text = f"slice {index + 1}, not measured"
        if one is not None:
            area = one.values[frame, 0]
            text = f"slice {index + 1}, {one.level.value}: " + (
                f"{area / 100:.1f} cm2" if np.isfinite(area) else "no cavity"
            )
        write(canvas, text, x + 4, y + self._tile + 14, 0.4, GREY if one is None else WHITE)


def _view_of(study: Study) -> _View:
    """One square for all slices, around everything that was outlined in any of them."""
    shown = np.any([_shown(one) for one in study.slices], axis=0)
    rows, columns = np.nonzero(shown)
    spacing = study.stack.spacing
    extent_mm = max(np.ptp(rows) * spacing.row_mm, np.ptp(columns) * spacing.column_mm)
    return _View(
        (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2, max(LEAST_ROOM_MM, ROOM_FACTOR * extent_mm)
    )


def _shown(one: MeasuredSlice) -> NDArray[np.bool_]:
    return (one.cavity | one.myocardium).any(axis=0)


def _window(volume: Volume, view: _View, spacing: Spacing) -> tuple[float, float]:
    """Grey values shown black and white, by what is shown of the first frame; the same for all frames of a slice."""
    rows, columns = (
        slice(max(0, round(middle - view.side_mm / step / 2)), round(middle + view.side_mm / step / 2))
        for middle, step in ((view.y_px, spacing.row_mm), (view.x_px, spacing.column_mm))
    )
    shown = volume.pixels.read(0, 1)[0, rows, columns]
    dark, bright = np.percentile(shown, [DARK_PERCENTILE, BRIGHT_PERCENTILE])
    return float(dark), float(max(bright, dark + 1e-6))
