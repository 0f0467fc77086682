"""Is this a left-ventricular M-mode at all? Asked twice: of a classifier before, of the measured geometry after.

The limits of geometry are those of any living heart that Teichholz is used for, with a margin; they are no normal
ranges (ranges.py). Many mitral, aortic, TAPSE and caval tracings, other species and wrong scales fall outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.points import END_DIASTOLE, END_SYSTOLE
from algorithms.mmode_ef.preprocess import VIEW_ROWS, View, whitened
from dicom_node.algorithm import Models

WINDOW_COLUMNS = 256
"""Of the view that the classifier sees at a time: 2.7 s."""
KINDS = ("lv", "mitral", "aortic", "tapse", "ivc", "none")
KIND_NAMES: Mapping[str, str] = {
    "lv": "left ventricle",
    "mitral": "mitral valve",
    "aortic": "aortic valve and left atrium",
    "tapse": "tricuspid annulus (TAPSE)",
    "ivc": "inferior vena cava",
    "none": "no M-mode of a heart",
}
LIMITS: Mapping[str, tuple[float, float]] = {
    "ivsd_mm": (3.0, 30.0),
    "lvidd_mm": (20.0, 95.0),
    "lvpwd_mm": (3.0, 30.0),
    "ivss_mm": (3.0, 40.0),
    "lvids_mm": (8.0, 90.0),
    "lvpws_mm": (3.0, 40.0),
}
HEART_RATE_BPM = (30.0, 220.0)
LEAST_SHORTENING = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier takes the strip for. ``lv`` is its certainty that it is a left-ventricular M-mode."""

    lv: float
    kind: str
    certainty: float

    @property
    def kind_name(self) -> str:
        """The kind in words."""
        return KIND_NAMES[self.kind]


class Gate:
    """The classifier, opened."""

    def __init__(self, models: Models) -> None:
        self._model = models.open("gate")
        self.info = self._model.info

    def judge(self, view: View) -> Verdict:
        """The verdict on a strip: the mean of what its windows look like."""
        logits = self._model.run({"view": windows_of(view)[:, None]})["kind"].astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        best = int(shares.argmax())
        return Verdict(float(shares[0]), KINDS[best], float(shares[best]))


def windows_of(view: View) -> NDArray[np.float32]:
    """(n, 192, 256) whitened windows that overlap by half or more and cover the view, as training has them.

    A shorter view leaves the rest of its one window 0.
    """
    spare = view.columns - WINDOW_COLUMNS
    if spare <= 0:
        window = np.zeros((1, VIEW_ROWS, WINDOW_COLUMNS), np.float32)
        window[0, :, : view.columns] = view.picture[:, : view.columns]
        return window
    starts = np.linspace(0, spare, 1 + int(np.ceil(2 * spare / WINDOW_COLUMNS))).round().astype(int)
    return np.stack([whitened(view.picture[:, start : start + WINDOW_COLUMNS]) for start in starts])


def implausible(lengths: Mapping[str, float], points: NDArray[np.floating], rr_s: float) -> str | None:
    """Why eight points are no left ventricle, or ``None``.

    Args:
        lengths: the six lengths in mm.
        points: (8, 2), any pixel coordinates.
        rr_s: length of the cycle.
    """
    for phase, part in (("end-diastole", END_DIASTOLE), ("end-systole", END_SYSTOLE)):
        if (np.diff(points[part, 1]) <= 0).any():
            return f"the walls at {phase} are not in order from top to bottom"
    for name, (low, high) in LIMITS.items():
        if not low <= lengths[name] <= high:
            label = name.removesuffix("_mm").upper()
            return f"{label} is {lengths[name]:.1f} mm, outside of {low:g}..{high:g} mm of any ventricle"
    rate = 60.0 / rr_s
    if not HEART_RATE_BPM[0] <= rate <= HEART_RATE_BPM[1]:
        return f"a heart rate of {rate:.0f} /min is outside of {HEART_RATE_BPM[0]:g}..{HEART_RATE_BPM[1]:g} /min"
    shortening = 1.0 - lengths["lvids_mm"] / lengths["lvidd_mm"]
    if shortening < LEAST_SHORTENING:
        return f"the cavity is wider at end-systole than at end-diastole (shortening {100 * shortening:.0f} %)"
    return None
