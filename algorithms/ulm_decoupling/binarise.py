"""Which pixels of a frame are bubble and which are background: the binarisation of the first decoupling.

The source document (US 12390196 B2, paragraph 86) asks for a binarised image and leaves the method open;
the four methods here are named choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

ThresholdMethod = Literal["otsu", "percentile", "fixed", "adaptive"]
"""How grey values are split into bubble (above) and background (at or below)."""

FLOAT_HISTOGRAM_BINS = 1024


@dataclass(frozen=True)
class Threshold:
    """A binarisation method with its number.

    Attributes:
        method: ``otsu``: the grey value that separates the frame's two classes best (Otsu 1979), frame by
            frame. ``percentile``: the grey value that ``value`` per cent of the frame's pixels do not exceed.
            ``fixed``: the grey value ``value``. ``adaptive``: the mean grey value of the surrounding square of
            ``window_px`` pixels, plus ``value``; without a ``value``, plus Otsu's threshold of what stands
            above that mean.
        value: see ``method``; grey value, or per cent for ``percentile`` (95 when left out). Otsu takes none.
        window_px: side of the square of ``adaptive`` (odd).

    Raises:
        ValueError: an unknown method, a missing, unneeded or impossible number.
    """

    method: ThresholdMethod = "otsu"
    value: float | None = None
    window_px: int = 31

    def __post_init__(self) -> None:
        if self.method not in get_args(ThresholdMethod):
            allowed = ", ".join(get_args(ThresholdMethod))
            raise ValueError(f"threshold method {self.method!r} is unknown; choose one of: {allowed}")
        if self.method == "otsu" and self.value is not None:
            raise ValueError(f"threshold 'otsu' finds its value itself; got {self.value:g}, use 'fixed' for that")
        if self.method == "fixed" and self.value is None:
            raise ValueError("threshold 'fixed' needs a threshold value (a grey value)")
        if self.value is not None and not np.isfinite(self.value):
            raise ValueError(f"the threshold value must be finite; got {self.value}")
        if self.method == "percentile" and not 0 <= self.percentile < 100:
            raise ValueError(f"a threshold percentile is at least 0 and below 100; got {self.percentile:g}")
        if self.window_px < 3 or self.window_px % 2 == 0:
            raise ValueError(f"the adaptive window is an odd number of pixels, 3 or more; got {self.window_px}")

    @property
    def percentile(self) -> float:
        """The percentile in use, in per cent."""
        return 95.0 if self.value is None else self.value


def bubble_mask(frame: np.ndarray, threshold: Threshold) -> np.ndarray:
    """The bubble region of one frame.

    Args:
        frame: (rows, columns), uint8, uint16 or float32, finite.
        threshold: the method.

    Returns:
        (rows, columns) uint8: 1 where the pixel belongs to a bubble, 0 in the background. A frame with a single
        grey value has no bubble region, unless a fixed threshold below that value says so.
    """
    if threshold.method == "otsu":
        return _above(frame, otsu_threshold(frame))
    if threshold.method == "percentile":
        return _above(frame, float(np.percentile(frame, threshold.percentile)))
    if threshold.method == "fixed":
        assert threshold.value is not None
        return _above(frame, threshold.value)
    side = (threshold.window_px, threshold.window_px)
    raised = frame.astype(np.float32)
    raised -= cv2.blur(raised, side, borderType=cv2.BORDER_REFLECT)
    np.maximum(raised, 0.0, out=raised)
    return _above(raised, otsu_threshold(raised) if threshold.value is None else threshold.value)


def otsu_threshold(frame: np.ndarray) -> float:
    """The grey value that maximises the variance between the two classes (Otsu 1979).

    Args:
        frame: (rows, columns), uint8, uint16 or float32. Floating-point values are sorted into 1024 equal bins
            between their smallest and largest; integers are taken as they are.
    """
    if frame.dtype in (np.uint8, np.uint16):
        value, _ = cv2.threshold(frame, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        # A frame of one grey value has no two classes; OpenCV answers 0, which would call all of it bubble.
        return max(float(value), float(frame.min()))
    low, high = float(frame.min()), float(frame.max())
    if low == high:
        return low
    counts, edges = np.histogram(frame, bins=FLOAT_HISTOGRAM_BINS, range=(low, high))
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = counts.sum() - below
    centres = (edges[:-1] + edges[1:]) / 2
    sum_below = np.cumsum(counts * centres)[:-1]
    sum_above = (counts * centres).sum() - sum_below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sum_below / below - sum_above / above) ** 2
    return float(edges[1:-1][np.nanargmax(between)])


def _above(frame: np.ndarray, value: float) -> np.ndarray:
    """1 where ``frame > value``; integers are compared as integers, so that nothing is rounded."""
    return (frame > value).view(np.uint8)
