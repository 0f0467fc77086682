"""Pictures for people: the density of bubbles, their speed, and where they were found, each with its scale."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.localise import Localisations
from algorithms.ulm_decoupling.maps import VesselMaps

MARGIN_PX = 12
BAR_WIDTH_PX = 18
FOOTER_PX = 46
LEAST_WIDTH_PX = 420
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, GREY = (235, 235, 235), (150, 150, 150)
BRIGHT_PERCENTILE = 99.0
NICE_LENGTHS_MM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def density_picture(maps: VesselMaps, spacing_mm: float | None) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: counts of bubbles, the root of the count so that small vessels show."""
    counted = maps.density[maps.density > 0]
    top = float(np.percentile(counted, BRIGHT_PERCENTILE)) if counted.size else 1.0
    shown = np.sqrt(np.clip(maps.density / max(top, 1.0), 0, 1))
    picture = _coloured(shown, cv2.COLORMAP_HOT)
    return _framed(
        picture, cv2.COLORMAP_HOT, "bubbles counted (root scale)", f"{max(top, 1.0):.3g}", maps.factor, spacing_mm
    )


def speed_picture(maps: VesselMaps, speed: NDArray, unit: str, spacing_mm: float | None) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: mean speed as colour, black where no bubble passed. ``speed`` holds NaN there."""
    known = np.isfinite(speed)
    top = float(np.percentile(speed[known], BRIGHT_PERCENTILE)) if known.any() else 1.0
    top = top if top > 0 else 1.0
    picture = _coloured(np.clip(np.where(known, speed, 0) / top, 0, 1), cv2.COLORMAP_TURBO)
    picture[~known] = 0
    return _framed(picture, cv2.COLORMAP_TURBO, f"mean speed, {unit}", f"{top:.3g}", maps.factor, spacing_mm)


def found_picture(frames: NDArray, found: Localisations, spacing_mm: float | None) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB: the brightest of every pixel over time, and the tracks on it."""
    brightest = frames[0].astype(np.float32)
    for frame in frames[1:]:
        np.maximum(brightest, frame, out=brightest)
    enlarge = max(1, round(LEAST_WIDTH_PX / brightest.shape[1]))
    grey = np.rint(255 * brightest / max(float(brightest.max()), 1e-6)).astype(np.uint8)
    large = cv2.resize(grey, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
    order = np.lexsort((found.frame, found.track))
    bounds = np.flatnonzero(np.diff(found.track[order], prepend=-2, append=-2))
    for start, stop in pairwise(bounds):
        which = order[start:stop]
        if found.track[which[0]] < 0:
            continue
        points = np.column_stack([found.x_px[which], found.y_px[which]])
        corners = np.rint(((points + 0.5) * enlarge - 0.5) * 16).astype(np.int32)  # 4 fractional bits
        hue = int(180 * (int(found.track[which[0]]) * 0.618 % 1))
        colour = cv2.cvtColor(np.uint8([[[hue, 200, 255]]]), cv2.COLOR_HSV2RGB)[0, 0].tolist()
        cv2.polylines(picture, [corners], False, colour, 1, cv2.LINE_AA, shift=4)
    return _framed(picture, None, f"{found.n_tracks} tracks over the brightest of all frames", "", enlarge, spacing_mm)


def _coloured(values: NDArray, colours: int) -> NDArray[np.uint8]:
    """0..1 through a colour table, as RGB."""
    indexed = np.rint(255 * values).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(indexed, colours), cv2.COLOR_BGR2RGB)


def _framed(
    picture: NDArray[np.uint8], colours: int | None, what: str, top: str, factor: int, spacing_mm: float | None
) -> NDArray[np.uint8]:
    """The picture with a footer (what, scale bar) and, at its right, the colour bar from 0 to ``top``."""
    rows, columns = picture.shape[:2]
    width = max(columns + 2 * MARGIN_PX + (4 * BAR_WIDTH_PX if colours is not None else 0), LEAST_WIDTH_PX)
    canvas = np.zeros((rows + 2 * MARGIN_PX + FOOTER_PX, width, 3), np.uint8)
    canvas[MARGIN_PX : MARGIN_PX + rows, MARGIN_PX : MARGIN_PX + columns] = picture
    cv2.rectangle(canvas, (MARGIN_PX - 1, MARGIN_PX - 1), (MARGIN_PX + columns, MARGIN_PX + rows), (70, 70, 70), 1)
    if colours is not None:
        _colour_bar(canvas, rows, columns + 2 * MARGIN_PX, colours, top)
    baseline = rows + 2 * MARGIN_PX + 8
    cv2.putText(canvas, what, (MARGIN_PX, baseline), FONT, 0.45, WHITE, 1, cv2.LINE_AA)
    _scale_bar(canvas, baseline + 22, columns, factor, spacing_mm)
    return canvas


def _colour_bar(canvas: NDArray[np.uint8], rows: int, x: int, colours: int, top: str) -> None:
    ramp = np.repeat(np.linspace(1, 0, rows)[:, None], BAR_WIDTH_PX, axis=1)
    canvas[MARGIN_PX : MARGIN_PX + rows, x : x + BAR_WIDTH_PX] = _coloured(ramp, colours)
    at = x + BAR_WIDTH_PX + 3
    cv2.putText(canvas, top, (at, MARGIN_PX + 10), FONT, 0.38, WHITE, 1, cv2.LINE_AA)
    cv2.putText(canvas, "0", (at, MARGIN_PX + rows), FONT, 0.38, WHITE, 1, cv2.LINE_AA)


def _scale_bar(canvas: NDArray[np.uint8], y: int, columns: int, factor: int, spacing_mm: float | None) -> None:
    """A round length of about a fifth of the picture; pixels where the header gives no scale."""
    if spacing_mm is None:
        length, text = 10 * factor, "10 pixels (no calibration in the header)"
    else:
        wanted_mm = 0.2 * columns / factor * spacing_mm
        nice = max((mm for mm in NICE_LENGTHS_MM if mm <= wanted_mm), default=NICE_LENGTHS_MM[0])
        length, text = round(nice / spacing_mm * factor), f"{nice:g} mm"
    cv2.line(canvas, (MARGIN_PX, y), (MARGIN_PX + length, y), WHITE, 2)
    cv2.putText(canvas, text, (MARGIN_PX + length + 8, y + 4), FONT, 0.42, GREY, 1, cv2.LINE_AA)
