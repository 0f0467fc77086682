"""Pictures for people: the density of bubbles, their speed, and where they were found, each with its scale."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.track import NO_TRACK
from dicom_node.series import Spacing

MARGIN_PX = 12
BAR_WIDTH_PX = 18
BAR_LABEL_PX = 54
FOOTER_PX = 46
LEAST_WIDTH_PX = 420
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, GREY, FRAME_GREY = (235, 235, 235), (150, 150, 150), (70, 70, 70)
BRIGHT_PERCENTILE = 99.0
NICE_LENGTHS = tuple(digit * 10.0**power for power in range(-3, 3) for digit in (1, 2, 5))
SCALE_BAR_SHARE = 0.2
SQUARE_WITHIN = 0.01
GOLDEN_RATIO = 0.618  # of the colour circle, from one track to the next: neighbours in number differ in colour


@dataclass(frozen=True)
class Scale:
    """Of a drawn picture: its pixels per source pixel, and the source's spacing, where known."""

    factor: int
    spacing: Spacing | None


@dataclass(frozen=True)
class _ColourBar:
    colours: int
    top: float
    root: bool = False  # colours by the root of the value


def density_picture(density: NDArray, scale: Scale) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: counts of bubbles; colours by the root of the count, so that small vessels show."""
    counted = density[density > 0]
    bar = _ColourBar(cv2.COLORMAP_HOT, max(_bright(counted), 1.0), root=True)
    picture = _coloured(np.sqrt(np.clip(density / bar.top, 0, 1)), bar.colours)
    return _framed(picture, "bubbles counted", scale, bar)


def speed_picture(speed: NDArray, unit: str, scale: Scale) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: mean speed as colour, black where no bubble passed. ``speed`` holds NaN there."""
    known = np.isfinite(speed)
    bar = _ColourBar(cv2.COLORMAP_TURBO, _bright(speed[known]) or 1.0)
    picture = _coloured(np.clip(np.where(known, speed, 0) / bar.top, 0, 1), bar.colours)
    picture[~known] = 0
    return _framed(picture, f"mean speed, {unit}", scale, bar)


def tracks_picture(frames: NDArray, found: Localisations, spacing: Spacing | None) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: the brightest of every pixel over time, and the tracks on it."""
    brightest = frames[0].astype(np.float32)
    for frame in frames[1:]:
        np.maximum(brightest, frame, out=brightest)
    enlarge = max(1, round(LEAST_WIDTH_PX / brightest.shape[1]))
    grey = np.rint(255 * np.clip(brightest / max(float(brightest.max()), 1e-6), 0, 1)).astype(np.uint8)
    large = cv2.resize(grey, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
    order = np.lexsort((found.frame, found.track))
    bounds = np.flatnonzero(np.diff(found.track[order], prepend=NO_TRACK - 1, append=NO_TRACK - 1))
    for start, stop in pairwise(bounds):
        which = order[start:stop]
        number = int(found.track[which[0]])
        if number != NO_TRACK:
            points = np.column_stack([found.x_px[which], found.y_px[which]])
            corners = np.rint(((points + 0.5) * enlarge - 0.5) * 16).astype(np.int32)  # 4 fractional bits
            cv2.polylines(picture, [corners], False, _track_colour(number), 1, cv2.LINE_AA, shift=4)
    text = f"{found.n_tracks} tracks over the brightest of all frames"
    return _framed(picture, text, Scale(enlarge, spacing), None)


def _bright(values: NDArray) -> float:
    return float(np.percentile(values, BRIGHT_PERCENTILE)) if values.size else 0.0


def _track_colour(number: int) -> list[int]:
    hue = int(180 * (number * GOLDEN_RATIO % 1))
    return cv2.cvtColor(np.uint8([[[hue, 200, 255]]]), cv2.COLOR_HSV2RGB)[0, 0].tolist()


def _coloured(values: NDArray, colours: int) -> NDArray[np.uint8]:
    """0..1 through a colour table, as RGB."""
    indexed = np.rint(255 * values).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(indexed, colours), cv2.COLOR_BGR2RGB)


def _framed(picture: NDArray[np.uint8], what: str, scale: Scale, bar: _ColourBar | None) -> NDArray[np.uint8]:
    """The picture with a footer (what, scale bar) and, at its right, the colour bar."""
    rows, columns = picture.shape[:2]
    width = max(columns + 2 * MARGIN_PX + (BAR_WIDTH_PX + BAR_LABEL_PX if bar else 0), LEAST_WIDTH_PX)
    canvas = np.zeros((rows + 2 * MARGIN_PX + FOOTER_PX, width, 3), np.uint8)
    canvas[MARGIN_PX : MARGIN_PX + rows, MARGIN_PX : MARGIN_PX + columns] = picture
    cv2.rectangle(canvas, (MARGIN_PX - 1, MARGIN_PX - 1), (MARGIN_PX + columns, MARGIN_PX + rows), FRAME_GREY, 1)
    if bar:
        _draw_colour_bar(canvas, rows, columns + 2 * MARGIN_PX, bar)
    baseline = rows + 2 * MARGIN_PX + 8
    cv2.putText(canvas, what, (MARGIN_PX, baseline), FONT, 0.45, WHITE, 1, cv2.LINE_AA)
    _draw_scale_bar(canvas, baseline + 22, columns, scale)
    return canvas


def _draw_colour_bar(canvas: NDArray[np.uint8], rows: int, x: int, bar: _ColourBar) -> None:
    """From 0 at the bottom to ``top``, with the value that has the middle colour."""
    ramp = np.repeat(np.linspace(1, 0, rows)[:, None], BAR_WIDTH_PX, axis=1)
    canvas[MARGIN_PX : MARGIN_PX + rows, x : x + BAR_WIDTH_PX] = _coloured(ramp, bar.colours)
    middle = bar.top * (0.25 if bar.root else 0.5)
    for value, y in ((bar.top, 10), (middle, rows // 2 + 4), (0.0, rows)):
        at = (x + BAR_WIDTH_PX + 3, MARGIN_PX + y)
        cv2.putText(canvas, f"{value:.3g}", at, FONT, 0.38, WHITE, 1, cv2.LINE_AA)


def _draw_scale_bar(canvas: NDArray[np.uint8], y: int, columns: int, scale: Scale) -> None:
    """A round length of at most a fifth of the picture; in pixels where the header gives no scale."""
    step, unit = (scale.spacing.column_mm, "mm") if scale.spacing else (1.0, "pixels (no calibration)")
    wanted = SCALE_BAR_SHARE * columns / scale.factor * step
    nice = max((length for length in NICE_LENGTHS if length <= wanted), default=NICE_LENGTHS[0])
    text = f"{nice:g} {unit}"
    if scale.spacing and abs(scale.spacing.row_mm / scale.spacing.column_mm - 1) > SQUARE_WITHIN:
        text += " across (pixels are not square)"
    end = MARGIN_PX + round(nice / step * scale.factor)
    canvas[y - 1 : y + 1, MARGIN_PX:end] = WHITE
    cv2.putText(canvas, text, (end + 8, y + 4), FONT, 0.42, GREY, 1, cv2.LINE_AA)
