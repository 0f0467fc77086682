"""Pictures that are no M-mode at all, as a wrong region could name them: Doppler spectra, fans, pages of text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.beats import Beats
from algorithms.mmode_ef.cycle_truth import Sweep

NO_MMODE = ("doppler", "fan", "page", "noise")


def paint_doppler(rng: np.random.Generator, beats: Beats, sweep: Sweep, rows: int) -> NDArray[np.uint8]:
    """(rows, columns) grey spectrum: E and A waves above the base line, or an outflow's wave below it."""
    times = sweep.times_s
    fast = np.zeros(len(times))
    inflow = rng.random() < 0.6
    for k in range(len(beats)):
        start, rr, systole = beats.r_times_s[k], beats.rr_s[k], beats.systole_s[k]
        if inflow:
            fast += rng.uniform(0.5, 0.9) * np.exp(-0.5 * ((times - start - systole - 0.1 * rr) / (0.055 * rr)) ** 2)
            fast += rng.uniform(0.3, 0.8) * np.exp(-0.5 * ((times - start - 0.9 * rr) / (0.035 * rr)) ** 2)
        else:
            fast -= rng.uniform(0.7, 0.9) * np.exp(-0.5 * ((times - start - 0.5 * systole) / (0.24 * systole)) ** 2)
    base = rng.uniform(0.55, 0.75) if inflow else rng.uniform(0.25, 0.45)
    height = (base - np.arange(rows)[:, None] / rows) / max(base, 1 - base)
    peak = 0.85 * fast[None, :]
    within = np.where(peak >= 0, (height > 0) & (height < peak), (height < 0) & (height > peak))
    rim = np.exp(-0.5 * ((height - 0.85 * peak) / (0.06 + 0.15 * np.abs(peak))) ** 2)
    wall = np.exp(-0.5 * (height / 0.08) ** 2)
    power = 0.02 + within * (0.35 + 0.6 * rim) + 0.7 * wall * rng.uniform(0.4, 1.0)
    grain = rng.exponential(1.0, (rows // 2 + 1, sweep.columns // 2 + 1)).astype(np.float32)
    grain = cv2.resize(grain, (sweep.columns, rows), interpolation=cv2.INTER_LINEAR)
    grey = 255.0 * np.clip(np.sqrt(power * grain) * rng.uniform(0.7, 1.1), 0.0, 1.0)
    grey[int(base * rows)] = 200
    return grey.astype(np.uint8)


def paint_page(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(rows, columns) page of a report: lines of words and numbers on a plain ground."""
    rows, columns = shape
    paper, ink = ((0, 220), (235, 10), (40, 240))[int(rng.integers(3))]
    page = np.full(shape, paper, np.uint8)
    step = int(rng.integers(16, 30))
    for y in range(step, rows - 4, step):
        words = " ".join(str(rng.choice(_WORDS)) for _ in range(int(rng.integers(0, 6))))
        text = f"{words} {rng.uniform(0.1, 99.0):.1f}"
        cv2.putText(page, text, (int(rng.integers(4, 30)), y), cv2.FONT_HERSHEY_SIMPLEX, step / 40, ink, 1, cv2.LINE_AA)
    return page[:, :columns]


_WORDS = (
    "Aorta",
    "Report",
    "Valve",
    "Vmax",
    "cm/s",
    "Grad",
    "mmHg",
    "area",
    "Findings",
    "normal",
    "LA",
    "Page",
    "Exam",
)


def paint_noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(rows, columns) speckle without structure: a probe in the air, or gain without echo."""
    rows, columns = shape
    size = (int(columns / rng.uniform(1.0, 6.0)) + 2, int(rows / rng.uniform(1.0, 3.0)) + 2)
    coarse = rng.rayleigh(1.0, size[::-1]).astype(np.float32)
    fade = np.exp(-np.arange(rows) / rows * rng.uniform(0.0, 4.0))[:, None]
    return np.clip(cv2.resize(coarse, (columns, rows)) * fade * rng.uniform(10.0, 110.0), 0, 255).astype(np.uint8)
