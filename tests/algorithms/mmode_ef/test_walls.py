"""Tracked walls on a drawn ventricle with known edges."""

from __future__ import annotations

import numpy as np

from algorithms.mmode_ef.points import Box
from algorithms.mmode_ef.walls import wall_curves

SECONDS_PER_PX, MM_PER_PX = 0.005, 0.4


def drawn(seed=0):
    """(strip, four edges over 240 columns): bands of tissue that thicken and move, speckled."""
    x = np.arange(240)
    phase = (1 - np.cos(2 * np.pi * np.clip(x / 200, 0, 1))) / 2
    skew = 3 * np.sin(4 * np.pi * x / 200)  # what no half cosine knows
    edges = np.stack([60 + 4 * phase, 85 + 15 * phase + skew, 190 - 22 * phase - skew, 215 - 4 * phase])
    rows = np.arange(300)[:, None]
    tissue = ((rows > edges[0]) & (rows < edges[1])) | ((rows > edges[2]) & (rows < edges[3]))
    grey = np.where(tissue, 120.0, 25.0) + np.where(rows >= edges[3], 190.0, 0)
    noise = np.random.default_rng(seed).gamma(4, 0.25, grey.shape)
    return (grey * noise).astype(np.float32), edges


def test_the_edges_are_followed_between_the_points():
    strip, edges = drawn()
    points = np.array([[0, edges[side, 0]] for side in range(4)] + [[100, edges[side, 100]] for side in range(4)])
    curves = wall_curves(strip, Box(0, 60, 199, 215), points, (SECONDS_PER_PX, MM_PER_PX))
    true = np.stack([np.interp(curves.x, np.arange(240), side) for side in edges])
    off_mm = np.abs(curves.y - true) * MM_PER_PX
    assert np.median(off_mm) < 0.5
    assert np.percentile(off_mm, 95) < 1.2
    assert np.abs(curves.y[:, 0] - edges[:, 0]).max() < 1e-6  # the points are held
    cavity = curves.cavity_mm(MM_PER_PX)
    assert abs(cavity.min() - (edges[2] - edges[1])[:200].min() * MM_PER_PX) < 2.0


def test_a_cycle_that_starts_before_the_strip():
    strip, edges = drawn()
    points = np.array([[-2, edges[side, 0]] for side in range(4)] + [[100, edges[side, 100]] for side in range(4)])
    curves = wall_curves(strip, Box(-3, 60, 300, 215), points, (SECONDS_PER_PX, MM_PER_PX))
    assert curves.x[0] == 0
    assert curves.x[-1] == 239
    assert np.isfinite(curves.y).all()
