from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.signal import resample

from algorithms.virtual_elastography.phantom import Pair, PairOptions, random_pair
from algorithms.virtual_elastography.speckle import Scanner, displayed, echoes, scattered
from algorithms.virtual_elastography.tissue import FLUID, Body, Material, edge
from algorithms.virtual_elastography.view import convex_view, linear_view

VIEW = linear_view(320, 320, 0.12)
QUIET = Scanner(noise_db=-60)


def _even(seed: int = 0) -> tuple[Body, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return Body(VIEW, Material(1.0, 0.0, grain_db=0.0), rng), rng


def test_even_tissue_gives_fully_developed_speckle_at_the_stated_level() -> None:
    """Rayleigh: mean over standard deviation of the envelope is 1.91."""
    body, rng = _even()
    envelope = np.abs(echoes(scattered(body, QUIET, rng), QUIET, VIEW, rng))[20:-20, 20:-20]
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, abs=0.12)
    assert 10 * np.log10((envelope**2).mean()) == pytest.approx(0, abs=1.5)


def test_behind_fluid_it_is_brighter_and_behind_what_takes_sound_it_is_darker() -> None:
    levels_db = {}
    for name, material in (("fluid", FLUID), ("stone", Material(5.0, 0.0, 8.0))):
        body, rng = _even()
        body.paint(edge(5 - np.hypot(body.x_mm, body.y_mm - 15), 0.2), material, rng)
        power = np.abs(echoes(scattered(body, QUIET, rng), QUIET, VIEW, rng)) ** 2
        samples, lines = power.shape
        behind = power[int(0.6 * samples) : int(0.8 * samples)]
        middle, side = behind[:, int(0.45 * lines) : int(0.55 * lines)], behind[:, : int(0.25 * lines)]
        levels_db[name] = 10 * np.log10(middle.mean() / side.mean())
    assert levels_db["fluid"] == pytest.approx(1.5, abs=1)
    assert levels_db["stone"] == pytest.approx(-8, abs=1.5)


def test_gain_range_and_depth_gain_do_what_they_say() -> None:
    lines = np.ones((100, 50), np.complex64)
    at = replace(QUIET, gain=0.5, range_db=50, smoothing=0)
    grey = float(displayed(lines, at, VIEW).mean())
    assert displayed(lines * 10, at, VIEW).mean() - grey == pytest.approx(20 * 255 / 50, abs=1)
    assert displayed(lines, replace(at, gain=0.6), VIEW).mean() - grey == pytest.approx(25.5, abs=1)
    ramp = displayed(lines, replace(at, tgc_db=(-5, 5)), VIEW).astype(float)
    assert ramp[-1].mean() - ramp[0].mean() == pytest.approx(10 * 255 / 50, abs=2)


def test_outside_of_a_sector_is_black() -> None:
    view = convex_view(60.0, 0.5, 50.0, 0.2)
    picture = displayed(np.ones((100, 50), np.complex64), QUIET, view)
    assert picture[0, 0] == picture[-1, 0] == picture[0, view.cols // 2] == 0
    assert picture[view.rows // 2, view.cols // 2] > 100


def _radio_frequency(lines: np.ndarray, scanner: Scanner, upsampled: int) -> np.ndarray:
    """The RF signal of complex base band, sampled more finely."""
    fine = resample(lines, upsampled * lines.shape[0], axis=0)
    depth = np.arange(fine.shape[0]) / (upsampled * (lines.shape[0] - 1))
    return np.real(fine * np.exp(4j * np.pi * depth / scanner.wavelength_mm(1.0))[:, None]).astype(np.float32)


def _tracked_mm(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Displacement along the beam by cross-correlation of RF windows, and by finite elements at the same places."""
    upsampled = 8
    before = _radio_frequency(pair.before_lines, pair.scanner, upsampled)
    after = _radio_frequency(pair.after_lines, pair.scanner, upsampled)
    step_mm = pair.view.depth_mm / (upsampled * (pair.before_lines.shape[0] - 1))
    reach = int(2.2 * pair.press.travel * pair.view.depth_mm / step_mm)
    height, width, aside = 20 * upsampled, 6, 8
    rows, cols = before.shape
    tracked, true = [], []
    for top in np.linspace(reach, rows - height - reach, 16).astype(int):
        for left in np.linspace(aside, cols - width - aside, 9).astype(int):
            window = before[top : top + height, left : left + width]
            search = after[top - reach : top + height + reach, left - aside : left + width + aside]
            found = cv2.matchTemplate(search, window, cv2.TM_CCOEFF_NORMED)
            tracked.append((np.unravel_index(found.argmax(), found.shape)[0] - reach) * step_mm)
            picture_row = (top + height / 2) / rows * (pair.view.rows - 1)
            picture_col = (left + width / 2 - 0.5) / (cols - 1) * (pair.view.cols - 1)
            true.append(pair.displacement_mm[round(picture_row), round(picture_col)])
    return np.array(tracked), np.array(true)


@pytest.mark.parametrize(("organ", "seed"), [("phantom", 3), ("breast", 5), ("phantom", 8)])
def test_tracking_between_before_and_after_finds_the_displacement(organ: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pair = random_pair(rng, PairOptions(organ=organ, lesion="stiff"))
    assert not pair.view.convex
    tracked_mm, true_mm = _tracked_mm(pair)
    assert np.corrcoef(tracked_mm, true_mm)[0, 1] > 0.9
    assert np.median(np.abs(tracked_mm - true_mm)) < 0.02
    assert (pair.after != pair.bmode).mean() > 0.3
