"""The point spread function of a sequence, estimated from its own isolated bubbles.

A bubble is far smaller than the resolution, so its picture is the scanner's point spread function. Here it is
a Gaussian with one width along the rows and one along the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MIN_EXAMPLES = 8  # fewer isolated bubbles than this do not make an estimate
REACH_SIGMAS = 3.0  # beyond three standard deviations a Gaussian is below 1.2 % of its peak
PIXEL_JITTER_VARIANCE_PX2 = 1 / 12  # of centres spread evenly over the pixel they were aligned to
SEARCH_PX = 12  # half side of the patches that widths are measured on
WIDTH_RANGE_PX = (0.7, 5.0)


@dataclass(frozen=True)
class PointSpread:
    """A Gaussian point spread function, standard deviations in pixels.

    Attributes:
        sigma_x_px: along the columns (x).
        sigma_y_px: along the rows (y).
        n_examples: isolated bubbles it was measured on; 0 where there were none (measured on a crowd, or assumed).
    """

    sigma_x_px: float
    sigma_y_px: float
    n_examples: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.sigma_x_px < np.inf and 0 < self.sigma_y_px < np.inf):
            raise ValueError(f"widths must be positive; got {self.sigma_x_px} x {self.sigma_y_px} px")

    @property
    def reach_px(self) -> tuple[int, int]:
        """(x, y): half sides of the patch that holds the bubble."""
        return int(np.ceil(REACH_SIGMAS * self.sigma_x_px)), int(np.ceil(REACH_SIGMAS * self.sigma_y_px))


ASSUMED = PointSpread(1.5, 1.5)


def estimate_point_spread(frames: np.ndarray, noise: float) -> PointSpread:
    """Measures the widths on the mean picture of isolated bright maxima.

    Args:
        frames: (N, rows, columns) float32, background removed; some tens of frames are plenty.
        noise: standard deviation of the noise, same grey scale.

    Returns:
        The point spread; ``ASSUMED`` (no examples) where fewer than 8 isolated bubbles were found.
    """
    patches = [patch for frame in frames for patch in _isolated(frame, noise)]
    if len(patches) < MIN_EXAMPLES:
        return ASSUMED
    peaks = np.array([patch[SEARCH_PX, SEARCH_PX] for patch in patches])
    bright = peaks >= np.median(peaks)
    mean = np.mean([patch / peak for patch, peak, ok in zip(patches, peaks, bright, strict=True) if ok], axis=0)
    return PointSpread(_width_px(mean[SEARCH_PX]), _width_px(mean[:, SEARCH_PX]), int(bright.sum()))


def point_spread_of_crowds(frames: np.ndarray) -> PointSpread:
    """Measures the widths where no bubble is isolated: on how each frame resembles itself when it is shifted.

    With the mean over time taken off, bubbles in different places have nothing in common on average, so what is left
    is each bubble's likeness to itself: a Gaussian sqrt(2) times as wide as the point spread. The shift by nothing is
    left out, because noise resembles itself there too.

    Args:
        frames: (N, rows, columns) float32, several tens of frames.

    Returns:
        The point spread with ``n_examples`` 0; ``ASSUMED`` where the frames show no structure.
    """
    changing = frames - frames.mean(axis=0)
    along_x = [float((changing[:, :, k:] * changing[:, :, : changing.shape[2] - k]).mean()) for k in (1, 2)]
    along_y = [float((changing[:, k:] * changing[:, : changing.shape[1] - k]).mean()) for k in (1, 2)]
    widths = []
    for near, far in (along_x, along_y):
        if not 0 < far < near:
            return ASSUMED
        widths.append(float(np.clip(np.sqrt(0.75 / np.log(near / far)), *WIDTH_RANGE_PX)))
    return PointSpread(*widths)


def _isolated(frame: np.ndarray, noise: float) -> list[np.ndarray]:
    """Patches around maxima that stand well above the noise, with nothing half as bright near the patch's rim."""
    smooth = cv2.GaussianBlur(frame, (0, 0), 1.0)
    side = 2 * SEARCH_PX + 1
    top = cv2.dilate(smooth, np.ones((side, side), np.uint8))
    rows, columns = np.nonzero((smooth >= top) & (smooth > 8 * noise))
    inner = np.zeros((side, side), dtype=bool)
    inner[SEARCH_PX // 2 : -(SEARCH_PX // 2), SEARCH_PX // 2 : -(SEARCH_PX // 2)] = True
    found = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        patch = frame[row - SEARCH_PX : row + SEARCH_PX + 1, column - SEARCH_PX : column + SEARCH_PX + 1]
        if row >= SEARCH_PX and column >= SEARCH_PX and patch.shape == (side, side):
            peak = patch[SEARCH_PX, SEARCH_PX]
            if peak > 0 and patch[~inner].max() < 0.4 * peak:
                found.append(patch)
    return found


def _width_px(profile: np.ndarray) -> float:
    """Standard deviation from the parabola of the logarithm at a distance of about one standard deviation."""
    profile = np.maximum(profile, 1e-3)
    sigma = 1.0
    for _ in range(4):
        step = int(np.clip(round(sigma), 1, SEARCH_PX))
        left, peak, right = profile[SEARCH_PX - step], profile[SEARCH_PX], profile[SEARCH_PX + step]
        bend = 2 * np.log(peak) - np.log(left) - np.log(right)
        sigma = WIDTH_RANGE_PX[1] if bend <= 0 else step / np.sqrt(bend)
    width = np.sqrt(max(sigma**2 - PIXEL_JITTER_VARIANCE_PX2, 0.0))
    return float(np.clip(width, *WIDTH_RANGE_PX))
