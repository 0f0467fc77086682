"""Volume and area over the heart cycle: points as measured, the polynomial, the phases."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.lv_quantification.canvas import (
    ENDOCARDIUM,
    FRAME_GREY,
    GREY,
    WHITE,
    Canvas,
    page,
    polygon,
    write,
    write_centred,
)
from algorithms.lv_quantification.phase import SYSTOLE, Phases
from algorithms.lv_quantification.study import CAVITY, NO_VOLUMES, Study

WIDTH_PX, PANEL_PX, HEADER_PX = 840, 300, 44
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 70, 24, 30, 44
SYSTOLE_SHADE = (52, 40, 60)
POLYNOMIAL = (255, 200, 60)
STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)
MOST_TICKS = 6


@dataclass(frozen=True)
class _Panel:
    """One plot. ``values`` is (frames,), nan where there is none."""

    title: str
    values: NDArray[np.float64]
    times_ms: NDArray[np.float64]
    phases: Phases


def curve_picture(study: Study) -> Canvas:
    """(rows, columns, 3) RGB: the volume of the stack, where there is one, and the area of the middle slice."""
    mid, function = study.mid, study.function
    times = np.array(mid.slice.times_ms)
    panels = []
    if function is not None:
        panels.append(_Panel("LV volume, ml", function.curve_ml, times, study.phases))
    panels.append(
        _Panel(
            f"cavity area of slice {mid.index + 1} ({mid.level.value}), mm2",
            mid.values[:, CAVITY],
            times,
            mid.phases or study.phases,
        )
    )
    canvas = page(HEADER_PX + PANEL_PX * len(panels), WIDTH_PX)
    write(canvas, _headline(study), 12, 26, 0.55)
    for number, panel in enumerate(panels):
        top = HEADER_PX + number * PANEL_PX
        _draw(canvas[top : top + PANEL_PX], panel)
    return canvas


def _headline(study: Study) -> str:
    function = study.function
    if function is None:
        why = next((note for note in study.notes if note.startswith(NO_VOLUMES)), NO_VOLUMES)
        return "Left ventricle: " + why.partition(" (")[0].partition(";")[0]
    mass = f"   mass {function.mass_g:.0f} g" if function.mass_g is not None else ""
    return (
        f"Left ventricle: EF {function.ef_percent:.0f} %   EDV {function.edv_ml:.0f} ml   ESV {function.esv_ml:.0f} ml"
        f"   SV {function.sv_ml:.0f} ml{mass}"
    )


def _draw(canvas: Canvas, panel: _Panel) -> None:
    rows, columns = canvas.shape[:2]
    known = panel.values[np.isfinite(panel.values)]
    ticks = _ticks(0.0, 1.05 * float(max(known.max(initial=0.0), panel.phases.curve.max())))
    last = float(panel.times_ms[-1])
    width, height = columns - LEFT_PX - RIGHT_PX, rows - TOP_PX - BOTTOM_PX

    def at(times: NDArray | float, values: NDArray | float) -> NDArray[np.float64]:
        x = LEFT_PX + width * np.asarray(times, float) / last
        y = rows - BOTTOM_PX - height * np.asarray(values, float) / ticks[-1]
        return np.stack(np.broadcast_arrays(x, y), axis=-1)

    _shade(canvas, panel, at)
    for tick in ticks:
        (x0, y), (x1, _) = at(0, tick), at(last, tick)
        cv2.line(canvas, (round(x0), round(y)), (round(x1), round(y)), FRAME_GREY, 1)
        write(canvas, f"{tick:g}", 12, y + 4, 0.4, GREY)
    for tick in _ticks(0.0, last):
        if tick <= last:
            write_centred(canvas, f"{tick:g} ms", at(tick, 0)[0], rows - BOTTOM_PX + 16, 0.4, GREY)
    write(canvas, panel.title, LEFT_PX, 18, 0.48)
    frames, fitted = panel.phases.fine_curve(10 * len(panel.values))
    polygon(canvas, at(np.interp(frames, np.arange(len(panel.times_ms)), panel.times_ms), fitted), POLYNOMIAL, False)
    for x, y in at(panel.times_ms, panel.values):
        if np.isfinite(y):
            cv2.circle(canvas, (round(x), round(y)), 4, ENDOCARDIUM, -1, cv2.LINE_AA)
    write(canvas, f"polynomial of degree {panel.phases.degree}", columns - 240, 18, 0.42, POLYNOMIAL)


def _shade(canvas: Canvas, panel: _Panel, at) -> None:
    """Systole in its own shade, from half a frame before its first frame to half a frame after its last."""
    times, rows = panel.times_ms, canvas.shape[0]
    edges = np.concatenate([[times[0]], (times[1:] + times[:-1]) / 2, [times[-1]]])
    for frame in np.flatnonzero(panel.phases.state == SYSTOLE):
        left, right = (round(float(at(edges[frame + side], 0)[0])) for side in (0, 1))
        canvas[TOP_PX : rows - BOTTOM_PX, left : right + 1] = SYSTOLE_SHADE
    for name, frame in (("ED", panel.phases.ed_frame), ("ES", panel.phases.es_frame)):
        x = round(float(at(times[frame], 0)[0]))
        cv2.line(canvas, (x, TOP_PX), (x, rows - BOTTOM_PX), WHITE, 1)
        write_centred(canvas, f"{name}: frame {frame + 1}", min(max(x, 50), canvas.shape[1] - 60), rows - 10, 0.42)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` up to the first at or beyond ``high``."""
    step = next((one for one in STEPS if (high - low) / one <= MOST_TICKS), STEPS[-1])
    return [low + step * number for number in range(int(np.ceil((high - low) / step)) + 1)]
