"""Pictures that nobody can tell anything from: no contact, gel alone, blurred, saturated, all but black, a sliver."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.pelvis_texture import Tissue

FAULTS = ("black", "gel", "blurred", "saturated", "dim", "noise", "sliver")


def in_the_air(tissue: Tissue, rng: np.random.Generator) -> None:
    """No contact, or gel alone: bright rings of the cover that fade, then nothing."""
    step_mm = rng.uniform(1.2, 3.5)
    ring = np.cos(np.pi * tissue.depth_mm / np.float32(step_mm)) ** 6
    fade = tissue.depth_mm * np.float32(rng.uniform(1.2, 4.0))
    tissue.echo_db[:] = np.maximum(14 * ring + rng.uniform(0, 8) - fade, -70)
    if rng.random() < 0.5:
        reach = 1 - np.abs(tissue.x_mm / (0.3 * tissue.probe.half_width_mm) - rng.uniform(-2, 2))
        patch = tissue.depth_mm * np.float32(rng.uniform(0.3, 0.8))
        tissue.echo_db += np.where(reach > 0, np.maximum(rng.uniform(-10, 4) - patch - tissue.echo_db, 0), 0)


def spoiled(
    fault: str, grey: NDArray[np.float32], seen: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(rows, columns) grey values with one of FAULTS; seen: the fan."""
    size = min(grey.shape)
    if fault == "black":
        return np.zeros_like(grey)
    if fault == "blurred":
        return cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.04, 0.1) * size)
    if fault == "saturated":
        return np.where(seen, np.clip(grey * rng.uniform(1.5, 2.5) + rng.uniform(170, 240), 0, 255), 0)
    if fault == "dim":
        return np.clip(grey * rng.uniform(0.3, 0.6) - rng.uniform(20, 60), 0, 255)
    if fault == "noise":
        grain = rng.rayleigh(1.0, grey.shape).astype(np.float32)
        smooth = cv2.GaussianBlur(grain, (0, 0), sigmaX=rng.uniform(0.8, 3), sigmaY=rng.uniform(0.6, 1.2))
        return np.where(seen, np.clip(rng.uniform(20, 90) * smooth, 0, 255), 0)
    if fault == "sliver":
        kept = np.zeros_like(grey)
        middle, half = rng.uniform(0.2, 0.8) * grey.shape[1], rng.uniform(0.015, 0.05) * grey.shape[1]
        columns = slice(max(int(middle - half), 0), int(middle + half) + 2)
        kept[:, columns] = grey[:, columns]
        return kept
    return grey
