"""The networks as a node runs them: ONNX models, numpy in and out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.colours import coloured, softness_of
from dicom_node.algorithm import Models

GENERATOR, REGION = "generator", "region"
"""Their names in model.toml."""
STYLE_VALUES = {"strain": 0.0, "shear_wave": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """What the generator made of a canvas.

    Args:
        elastogram: (128, 128, 3) uint8 RGB; every colour is one of the colour bar, the nearest to what was drawn.
        softness: (128, 128) float32, 0 hard .. 1 soft: what these colours stand for.
        features: (n,) float32, what the test of familiarity looks at.
    """

    elastogram: NDArray[np.uint8]
    softness: NDArray[np.float32]
    features: NDArray[np.float32]


class Networks:
    """Generator and region finder, opened once and kept. Raises ModelError where they are missing."""

    def __init__(self, models: Models) -> None:
        self._generator = models.open(GENERATOR)
        self._region = models.open(REGION)

    def generate(self, canvas: NDArray[np.float32], style: str) -> Generated:
        """The elastogram of a canvas (preprocess.Placed.canvas) in one of the styles ``strain`` and ``shear_wave``."""
        made = self._generator.run(
            {"bmode": canvas[None, None], "style": np.array([[STYLE_VALUES[style]]], np.float32)}
        )
        drawn = np.round(np.clip(made["elastogram"][0], 0, 1) * 255).astype(np.uint8)
        softness = softness_of(np.moveaxis(drawn, 0, 2))
        return Generated(coloured(softness), softness, np.asarray(made["features"][0], np.float32))

    def lesion(self, canvas: NDArray[np.float32]) -> NDArray[np.float32]:
        """(128, 128) the probability that a pixel belongs to a lesion."""
        return np.asarray(self._region.run({"bmode": canvas[None, None]})["lesion"][0, 0], np.float32)
