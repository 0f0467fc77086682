"""Is the grey scale logarithmic? Measured from the noise of the pictures themselves, and undone where it is.

Scanners show the logarithm of the echo's magnitude. Bubbles add as echoes, not as logarithms: on a compressed grey
scale two that overlap are hardly brighter than one, and weak noise looks strong. The power of electronic noise and of
speckle is exponentially distributed (Rayleigh magnitude), so for background pixels

    grey = a + b ln(-ln P(brighter))      on a logarithmic scale, 10 / ln(10) dB for every b grey values
    grey = a + b sqrt(-ln P(brighter))    on a scale in proportion to magnitude (half-normal noise is close to it)

The line that fits tells the scale, and its slope the decibels per grey value. Only the upper part of the noise needs to
be seen: its lower part may be cut off at black. Where neither line fits, the grey scale is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_LIT_SHARE = 0.05  # of its frames that a pixel must be above black in, to tell anything
DARKEST_SHARE = 0.25  # of those pixels: no vessel, little tissue
MIN_PIXELS = 200
MIN_FRAMES = 4  # to choose those pixels on, and as many to read them on
LEVELS = 40
SURVIVAL_RANGE = (0.02, 0.9)  # brighter than that few may be bubbles; darker ones may be cut off at black
MIN_LEVELS = 8
MOST_MISFIT = 0.015  # of the line, root mean square, relative to the grey values it spans
MOST_RELATIVE_MISFIT = 0.75  # of that of the other line
RANGE_DB = (20.0, 100.0)  # from black to the brightest grey value: what scanners display
DB_PER_NEPER_OF_POWER = 10 / np.log(10)


@dataclass(frozen=True)
class LogCompression:
    """A logarithmic grey scale.

    Attributes:
        db_per_grey: decibels that one grey value stands for.
        black, white: grey values that stay as they are when it is undone.
    """

    db_per_grey: float
    black: float
    white: float

    @property
    def range_db(self) -> float:
        """From black to white."""
        return self.db_per_grey * (self.white - self.black)

    def undone(self, frames: np.ndarray) -> np.ndarray:
        """Frames in proportion to magnitude, float32; black and white keep their values."""
        if frames.dtype == np.uint8:
            return self._magnitude(np.arange(256))[frames]
        return self._magnitude(frames)

    def _magnitude(self, grey: np.ndarray) -> np.ndarray:
        nepers = np.float32(self.db_per_grey * np.log(10) / 20)
        lowest = np.exp(-nepers * np.float32(self.white - self.black))
        ratio = np.exp(nepers * (np.asarray(grey, np.float32) - np.float32(self.white)))
        return np.float32(self.black) + np.float32(self.white - self.black) * (ratio - lowest) / (1 - lowest)


def measure_compression(sample: np.ndarray) -> LogCompression | None:
    """The logarithmic grey scale of some frames, or None where the noise shows none.

    Args:
        sample: (n, rows, columns) grey values, spread over the sequence; at least some tens.
    """
    black, white = float(sample.min()), float(sample.max())
    noise = _background_values(sample, black)
    if noise is None:
        return None
    least, most = ((1 - share) * len(noise) for share in reversed(SURVIVAL_RANGE))
    levels = np.unique(noise[np.linspace(least, most, LEVELS).astype(int)])
    above = np.searchsorted(noise, levels, side="right")
    brighter = 1 - above / len(noise)
    chosen = (brighter > SURVIVAL_RANGE[0]) & (brighter < SURVIVAL_RANGE[1])
    if chosen.sum() < MIN_LEVELS:
        return None
    grey = (levels + noise[np.minimum(above, len(noise) - 1)])[chosen] / 2  # where rounding parts one from the next
    power = -np.log(brighter[chosen])
    misfit, slope = _line(np.log(power), grey)
    other_misfit, _ = _line(np.sqrt(power), grey)
    if slope <= 0 or misfit > MOST_MISFIT or misfit > MOST_RELATIVE_MISFIT * other_misfit:
        return None
    found = LogCompression(float(DB_PER_NEPER_OF_POWER / slope), black, white)
    return found if RANGE_DB[0] <= found.range_db <= RANGE_DB[1] else None


def _background_values(sample: np.ndarray, black: float) -> np.ndarray | None:
    """Sorted grey values of the darkest pixels that are not black for ever.

    They are chosen on every other frame and read on the rest: being dark by chance must not be what is measured.
    """
    chooser, reader = (sample[k::2].reshape(-1, sample[0].size) for k in (0, 1))
    if len(reader) < MIN_FRAMES:
        return None
    lit = np.flatnonzero((chooser > black).mean(axis=0) >= MIN_LIT_SHARE)
    count = max(MIN_PIXELS, int(DARKEST_SHARE * len(lit)))
    if len(lit) < count:
        return None
    mean = chooser.mean(axis=0, dtype=np.float64)[lit]
    return np.sort(reader[:, lit[np.argsort(mean, kind="stable")[:count]]], axis=None).astype(np.float64)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Misfit relative to the range of y, and slope, of the line of least squares."""
    slope, offset = np.polyfit(x, y, 1)
    return float(np.sqrt(np.mean((slope * x + offset - y) ** 2)) / np.ptp(y)), float(slope)
