"""What each tissue's signal is in a cine picture, against blood = 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Contrast:
    """Signals of one sequence with one set of parameters.

    Attributes:
        ink: 0..1, the dark line between fat and water of balanced steady-state pictures at opposed phase.
        others: the tissue's signal; ``fluid`` is stomach content, effusion and cerebrospinal fluid.
    """

    blood: float = 1.0
    myocardium: float = 0.34
    fat: float = 1.05
    muscle: float = 0.27
    liver: float = 0.33
    spleen: float = 0.42
    marrow: float = 0.55
    fluid: float = 1.2
    lung: float = 0.05
    air: float = 0.0
    ink: float = 0.75


STEADY_STATE = Contrast()
"""Balanced steady-state free precession at 1.5 T, as a typical study shows it."""


def any_contrast(rng: np.random.Generator) -> Contrast:
    """One of the kinds met in practice: balanced steady state (four in five) or spoiled gradient echo."""
    u = rng.uniform
    if rng.random() < 0.8:
        return Contrast(
            myocardium=u(0.17, 0.5), fat=u(0.6, 2.0), muscle=u(0.15, 0.4), liver=u(0.18, 0.6), spleen=u(0.25, 0.7),
            marrow=u(0.3, 0.9), fluid=u(0.8, 1.7), lung=u(0.01, 0.08), ink=u(0.3, 0.95),
        )  # fmt: skip
    return Contrast(
        myocardium=u(0.45, 0.8), fat=u(0.4, 1.1), muscle=u(0.35, 0.7), liver=u(0.4, 0.85), spleen=u(0.4, 0.8),
        marrow=u(0.3, 0.8), fluid=u(0.3, 0.9), lung=u(0.03, 0.12), ink=u(0.0, 0.25),
    )  # fmt: skip
