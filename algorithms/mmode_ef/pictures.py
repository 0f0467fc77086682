"""The picture for people: the strip with cycle boxes, points, lines, wall curves and values."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.cycles import Cycle
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.points import END_DIASTOLE, END_SYSTOLE, LENGTHS, POINT_NAMES, Box
from algorithms.mmode_ef.study import Measured

LEAST_WIDTH, LEAST_HEIGHT = 960, 480
LARGEST_FACTOR = 4
MARGIN_PX, LINE_PX = 12, 20
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, GREY = (235, 235, 235), (160, 160, 160)
CHOSEN, REGULAR, ECTOPIC, LEFT_OUT = (255, 200, 0), (80, 200, 255), (255, 110, 110), (130, 130, 130)
ED_RGB, ES_RGB, CURVE_RGB = (90, 255, 120), (255, 140, 220), (70, 130, 180)
FRACTION_BITS = 4
SHOWN = (("ivsd_mm", "lvidd_mm", "lvpwd_mm"), ("ivss_mm", "lvids_mm", "lvpws_mm"))


def strip_picture(one: Measured, options: Options) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: the strip, enlarged by a whole factor, above a panel with the values."""
    rows, columns = one.strip.grey.shape
    factor = int(np.clip(np.ceil(max(LEAST_WIDTH / columns, LEAST_HEIGHT / rows)), 1, LARGEST_FACTOR))
    picture = _Drawing(one, factor)
    for left_out in one.left_out:
        picture.box(left_out.box, LEFT_OUT, 1)
    for number, cycle in enumerate(one.cycles, start=1):
        picture.curves(cycle)
        picture.box(cycle.box, _colour(cycle), 2 if cycle.chosen else 1)
        picture.points(cycle)
        picture.name(cycle, number)
    return _with_panel(picture.pixels, _lines(one, options))


def _colour(cycle: Cycle) -> tuple[int, int, int]:
    if cycle.chosen:
        return CHOSEN
    return ECTOPIC if cycle.ectopic else REGULAR


class _Drawing:
    """The enlarged strip; takes screen coordinates."""

    def __init__(self, one: Measured, factor: int) -> None:
        grey = np.clip(one.strip.grey / max(float(one.strip.grey.max()), 1.0) * 255, 0, 255).astype(np.uint8)
        large = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        self.pixels = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
        self._factor, self._corner = factor, (one.strip.x0, one.strip.y0)

    def _at(self, x: float, y: float) -> tuple[int, int]:
        """Screen pixel -> drawing pixel with four fractional bits; pixel centres lie half a pixel from edges."""
        placed = ((np.array([x, y]) - self._corner + 0.5) * self._factor - 0.5) * 2**FRACTION_BITS
        return round(float(placed[0])), round(float(placed[1]))

    def box(self, box: Box, colour: Sequence[int], width: int) -> None:
        corners = (self._at(box.x0, box.y0), self._at(box.x1, box.y1))
        cv2.rectangle(self.pixels, *corners, colour, width, cv2.LINE_AA, shift=FRACTION_BITS)

    def curves(self, cycle: Cycle) -> None:
        if cycle.curves is None:
            return
        x0, y0 = self._corner
        for side in cycle.curves.y:
            way = [self._at(x + x0, y + y0) for x, y in zip(cycle.curves.x, side, strict=True)]
            cv2.polylines(self.pixels, [np.array(way, np.int32)], False, CURVE_RGB, 1, cv2.LINE_AA, FRACTION_BITS)

    def points(self, cycle: Cycle) -> None:
        for part, colour in ((END_DIASTOLE, ED_RGB), (END_SYSTOLE, ES_RGB)):
            ends = [self._at(*point) for point in cycle.points[part]]
            cv2.line(self.pixels, ends[0], ends[-1], colour, 1, cv2.LINE_AA, FRACTION_BITS)
            for x, y in ends:
                arm = 5 << FRACTION_BITS
                for dx, dy in ((arm, 0), (0, arm)):
                    start, stop = (x - dx, y - dy), (x + dx, y + dy)
                    cv2.line(self.pixels, start, stop, colour, 1, cv2.LINE_AA, FRACTION_BITS)
        self._lengths(cycle)

    def _lengths(self, cycle: Cycle) -> None:
        """Each length in mm beside the middle of its line."""
        points = dict(zip(POINT_NAMES, cycle.points, strict=True))
        for names, colour in zip(SHOWN, (ED_RGB, ES_RGB), strict=True):
            for name in names:
                upper, lower = (points[end] for end in LENGTHS[name])
                x, y = self._at(*((upper + lower) / 2))
                at = ((x >> FRACTION_BITS) + 4, (y >> FRACTION_BITS) + 4)
                _text(self.pixels, f"{cycle.values[name]:.1f}", at, colour, 0.36)

    def name(self, cycle: Cycle, number: int) -> None:
        x, y = self._at(cycle.box.x0, cycle.box.y0)
        at = ((x >> FRACTION_BITS) + 4, max(12, (y >> FRACTION_BITS) - 6))
        mark = "*" if cycle.chosen else ""
        _text(self.pixels, f"{number}{mark} {100 * cycle.probability:.0f}%", at, _colour(cycle), 0.42)


def _text(pixels: NDArray[np.uint8], text: str, at: tuple[int, int], colour: Sequence[int], size: float) -> None:
    """With a dark rim, so that it is read on bright tissue."""
    cv2.putText(pixels, text, at, FONT, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(pixels, text, at, FONT, size, colour, 1, cv2.LINE_AA)


def _lines(one: Measured, options: Options) -> list[tuple[str, tuple[int, int, int]]]:
    """The panel's text: the values of the strip, then the legend."""
    v, spread, beats = one.means(options), one.spreads(), one.beats(options)
    ef_spread = spread["ef_percent"]
    mean = f"mean of {len(beats)} cycles" if len(beats) > 1 else "one cycle"
    scatter = f" +- {ef_spread:.1f}" if ef_spread is not None and len(beats) > 1 else ""
    legend = "* most probable cycle; green: end-diastole, pink: end-systole, lengths in mm; blue: tracked walls"
    return [
        (
            f"EF (Teichholz) {v['ef_percent']:.1f}{scatter} %   FS {v['fs_percent']:.1f} %   "
            f"EDV {v['edv_ml']:.0f} ml   ESV {v['esv_ml']:.0f} ml   "
            f"heart rate {v['heart_rate_bpm']:.0f} /min   ({mean})",
            WHITE,
        ),
        (
            f"IVSd {v['ivsd_mm']:.1f}  LVIDd {v['lvidd_mm']:.1f}  LVPWd {v['lvpwd_mm']:.1f}  IVSs {v['ivss_mm']:.1f}  "
            f"LVIDs {v['lvids_mm']:.1f}  LVPWs {v['lvpws_mm']:.1f} mm   LV mass {v['lv_mass_g']:.0f} g   "
            f"RWT {v['relative_wall_thickness']:.2f}",
            WHITE,
        ),
        (legend, GREY),
    ]


def _with_panel(picture: NDArray[np.uint8], lines: Sequence[tuple[str, tuple[int, int, int]]]) -> NDArray[np.uint8]:
    widest = max(cv2.getTextSize(text, FONT, 0.45, 1)[0][0] for text, _ in lines)
    rows, columns = picture.shape[:2]
    canvas = np.zeros((rows + MARGIN_PX + LINE_PX * len(lines), max(columns, widest + 2 * MARGIN_PX), 3), np.uint8)
    canvas[:rows, :columns] = picture
    for index, (text, colour) in enumerate(lines, start=1):
        cv2.putText(canvas, text, (MARGIN_PX, rows + LINE_PX * index), FONT, 0.45, colour, 1, cv2.LINE_AA)
    return canvas
