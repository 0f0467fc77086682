"""What the model card of ``mmode_ef`` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from algorithms.training.card import Card, Figure, TrainingData
from algorithms.training.figures import Interval

UNITS = {"_mm": "mm", "_ml": "ml", "_points": "points of EF", "_percent": "%"}


def card_of(version: str, rows: Mapping[str, Interval], values: Mapping[str, Any]) -> Card:
    """The card, with the figures of evaluate.py."""
    accepted = ", ".join(values["accepted_others"]) or "none"
    return Card(
        title="mmode_ef",
        version=version,
        purpose="Walls, dimensions and ejection fraction (Teichholz) of the left ventricle from M-mode screens.",
        inputs="M-mode region of an ultrasound screen with its scale in seconds and cm; grey, whitened.",
        outputs="Cycle boxes with certainty, eight points in each, and whether it is a left-ventricular M-mode at all.",
        data=(
            TrainingData(
                "simulated screens (algorithms/mmode_ef/phantom.py)",
                "as the project's",
                "3000 left ventricles, 1200 other tracings",
                "all networks; nothing else was used",
            ),
        ),
        training="Faster R-CNN with adaptive anchors, ResNet-18 at half width with expanded sampling (0.9-1.1, central "
        "half), a small classifier as gate; AdamW, cosine, averaged weights (algorithms/mmode_ef/train.py).",
        folds="Training and figures use different random seeds: no screen is on both sides. Nothing was chosen by "
        "looking at the figures' screens.",
        figures=tuple(
            Figure(
                name, row, _unit(name), "500 unseen simulated screens" if "refused" not in name else "simulated screens"
            )
            for name, row in rows.items()
        ),
        limits=(
            "trained on simulated images only; figures on simulated screens say little about real ones",
            "Teichholz assumes a symmetric ventricle without regional wall motion abnormality",
            "the gate's lessons and its threshold were shaped with the real screens of three other structures in "
            "sight: they are refused, the TAPSE by the smallest margin; they prove nothing of other screens",
            "mouse strips with traced walls: the cavity at end-systole is overstated (shortening 33 % against 50 %)",
            "no detection of oblique cuts: an M-mode line that is not across the ventricle overstates dimensions",
            f"kinds of simulated tracings that were taken for a ventricle: {accepted}",
        ),
    )


def _unit(name: str) -> str:
    stem = name.partition(" [")[0]
    return next((unit for ending, unit in UNITS.items() if stem.endswith(ending)), "1")
