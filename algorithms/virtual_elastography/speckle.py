"""How a scanner draws tissue: scatterers, pulse and beam, depth gain, log compression.

Each scatterer echoes the pulse. Lines are kept as complex base band, a(x, z) exp(-4 pi i z / wavelength) summed under a
Gaussian pulse and beam: envelope and phase are those of the RF signal, on a grid that is as coarse as the pulse allows.
A scatterer that moves takes its phase along, so that tracking between two pictures finds the displacement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.virtual_elastography.tissue import Body
from algorithms.virtual_elastography.view import View, pixels

MOST_SCATTERERS = 110_000
PER_CELL = 8
"""Scatterers in a resolution cell: enough for fully developed speckle."""

_PULSE_SAMPLES, _BEAM_LINES = 1.6, 1.5
"""Standard deviations of the pulse in samples and of the focused beam in lines: as coarse as keeps their shape."""
_ACROSS, _DEPTH = (-1.04, 1.04), (-0.01, 1.04)
"""Where scatterers lie, in beam coordinates: a little beyond what is seen, since some move into it."""


@dataclass(frozen=True)
class Scanner:
    """The settings that make one scanner's picture differ from another's.

    Attributes:
        pulse: standard deviation of the pulse along the beam, as a share of the depth.
        beam: standard deviation of the beam at its focus, as a share of the width.
        focus: depth of the focus, as a share of the depth.
        defocus: how much wider the beam is at the far end than at the focus.
        noise_db: electronic noise against medium tissue at the far end.
        gain: grey value of medium tissue, as a share of white.
        range_db: dynamic range, black to white.
        tgc_db: error of the depth gain at knots from the face to the far end.
        smoothing: of the picture in the scanner, standard deviation in samples.
        fade_db: loss at the outer beams.
    """

    pulse: float = 0.0035
    beam: float = 0.007
    focus: float = 0.5
    defocus: float = 1.5
    noise_db: float = -30.0
    gain: float = 0.55
    range_db: float = 55.0
    tgc_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    smoothing: float = 0.0
    fade_db: float = 0.0

    @property
    def samples(self) -> int:
        """Samples of a line."""
        return round(_PULSE_SAMPLES / self.pulse)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return round(_BEAM_LINES / self.beam)

    def wavelength_mm(self, depth_mm: float) -> float:
        """Of the carrier in a picture of a depth: the pulse is 0.4 wavelengths wide (broad band)."""
        return self.pulse * depth_mm / 0.4


def any_scanner(view: View, rng: np.random.Generator) -> Scanner:
    """Settings as they vary between scanners and users; the wider a probe's beams fan out, the finer their angle."""
    fan = 1 + view.depth_mm / 2 / view.radius_mm
    range_db = rng.uniform(45, 88)
    return Scanner(
        pulse=float(np.exp(rng.uniform(math.log(0.0020), math.log(0.0060)))),
        beam=float(np.exp(rng.uniform(math.log(0.0036), math.log(0.0110)))) / fan**0.4,
        focus=rng.uniform(0.15, 0.7),
        defocus=rng.uniform(0.4, 2.0),
        noise_db=rng.uniform(-48, -28),
        gain=rng.uniform(max(0.40, 0.1 + 16 / range_db), 0.78),
        range_db=range_db,
        tgc_db=tuple(rng.normal(0, 2.2, 5)),
        smoothing=rng.uniform(0, 0.9),
        fade_db=rng.choice([0.0, rng.uniform(0, 8)]),
    )


@dataclass(frozen=True, eq=False)
class Scatterers:
    """Point echoes: (n, 256) place in beam coordinates (depth as a share) and amplitude."""

    across: NDArray[np.float32]
    depth: NDArray[np.float32]
    amplitude: NDArray[np.float32]

    def moved(self, across: NDArray[np.floating], depth: NDArray[np.floating]) -> Scatterers:
        """The same scatterers elsewhere."""
        return replace(self, across=self.across + across, depth=self.depth + depth)


def _sampled(grid: NDArray[np.float32], across: NDArray[np.float32], depth: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, cols = grid.shape
    place = ((across + 1) * ((cols - 1) / 2), depth * (rows - 1))
    return cv2.remap(grid, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def scattered(body: Body, scanner: Scanner, rng: np.random.Generator) -> Scatterers:
    """Scatterers with the brightness of the tissue that they lie in, and the loss of sound on the way to them."""
    cells = (1 / (2.35 * scanner.pulse)) * (1 / (2.35 * scanner.beam))
    count = int(min(PER_CELL * cells, MOST_SCATTERERS) // 256 * 256)
    across = rng.uniform(*_ACROSS, (count // 256, 256)).astype(np.float32)
    depth = rng.uniform(*_DEPTH, across.shape).astype(np.float32)
    step_cm = body.view.depth_mm / (body.echo_db.shape[0] - 1) / 10
    loss_db = np.cumsum(body.attenuation, axis=0) * step_cm
    loss_db = cv2.GaussianBlur(loss_db.astype(np.float32), (0, 0), 1.5)
    level_db = _sampled(body.echo_db - np.clip(loss_db, -12, 60), across, depth)
    return Scatterers(across, depth, np.exp(level_db * np.float32(math.log(10) / 20)))


def _gathered(scatterers: Scatterers, scanner: Scanner, view: View) -> NDArray[np.complex64]:
    """(samples, lines) echoes before pulse and beam, each shared out to the four samples around it."""
    samples, lines = scanner.samples, scanner.lines
    col = (scatterers.across + 1) * ((lines - 1) / 2)
    row = scatterers.depth * (samples - 1)
    seen = (col > -1) & (col < lines) & (row > -1) & (row < samples)
    col, row = col[seen], row[seen]
    phase = scatterers.depth[seen] * np.float32(4 * math.pi * view.depth_mm / scanner.wavelength_mm(view.depth_mm))
    amplitude = scatterers.amplitude[seen]
    real, imaginary = amplitude * np.cos(phase), -amplitude * np.sin(phase)
    left, top = np.floor(col).astype(np.int32), np.floor(row).astype(np.int32)
    right_share, low_share = col - left, row - top
    place = (top + 1) * (lines + 2) + left + 1
    size = (samples + 2) * (lines + 2)
    total = np.zeros(size, np.complex64)
    for offset, share in (
        (0, (1 - right_share) * (1 - low_share)),
        (1, right_share * (1 - low_share)),
        (lines + 2, (1 - right_share) * low_share),
        (lines + 3, right_share * low_share),
    ):
        total.real += np.bincount(place + offset, share * real, size)
        total.imag += np.bincount(place + offset, share * imaginary, size)
    return total.reshape(samples + 2, lines + 2)[1:-1, 1:-1]


def _blurred(part: NDArray[np.float32], across: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(part, (0, 0), sigmaX=across, sigmaY=_PULSE_SAMPLES, borderType=cv2.BORDER_CONSTANT)


def echoes(scatterers: Scatterers, scanner: Scanner, view: View, rng: np.random.Generator) -> NDArray[np.complex64]:
    """(samples, lines) complex base band of the lines, medium tissue at a mean power of about 1, with noise.

    The beam widens away from its focus: lines are drawn with the beam of the focus and with that of the ends, and
    blended by the distance from the focus.
    """
    gathered = _gathered(scatterers, scanner, view)
    depth = np.linspace(0, 1, scanner.samples, dtype=np.float32)[:, None]
    out_of_focus = np.clip(np.abs(depth - scanner.focus) / max(scanner.focus, 1 - scanner.focus), 0, 1)
    sharp, wide = _BEAM_LINES, _BEAM_LINES * (1 + scanner.defocus)
    alike = math.sqrt(2 * sharp * wide / (sharp**2 + wide**2))  # correlation of what the two beams give
    power = (1 - out_of_focus) ** 2 + out_of_focus**2 + 2 * alike * out_of_focus * (1 - out_of_focus)
    lines = np.zeros(gathered.shape, np.complex64)
    for across, share in ((sharp, 1 - out_of_focus), (wide, out_of_focus)):
        share = share * np.sqrt(across / power)
        lines.real += share * _blurred(np.ascontiguousarray(gathered.real), across)
        lines.imag += share * _blurred(np.ascontiguousarray(gathered.imag), across)
    lines *= 1 / _level(scanner, scatterers)
    noise = rng.standard_normal((2, *lines.shape), dtype=np.float32)
    loudness = 10 ** ((scanner.noise_db - 25 * (1 - depth)) / 20) / math.sqrt(2)
    lines += loudness * (noise[0] + 1j * noise[1])
    return lines


def _level(scanner: Scanner, scatterers: Scatterers) -> float:
    """Root of the mean power of medium tissue on the lines, by the number of scatterers and the widths of the blur."""
    spread = (_ACROSS[1] - _ACROSS[0]) / 2 * (_DEPTH[1] - _DEPTH[0])
    density = scatterers.amplitude.size / spread / (scanner.samples * scanner.lines)
    return math.sqrt(density / (4 * math.pi * _PULSE_SAMPLES))


def displayed(lines: NDArray[np.complex64], scanner: Scanner, view: View) -> NDArray[np.uint8]:
    """(rows, cols) the B-mode picture of lines: depth gain, log compression, scan conversion; black outside."""
    samples, count = lines.shape
    level_db = 10 * np.log10(lines.real**2 + lines.imag**2 + np.float32(1e-9))
    depth, across = np.linspace(0, 1, samples, dtype=np.float32), np.linspace(-1, 1, count, dtype=np.float32)
    knots = np.linspace(0, 1, len(scanner.tgc_db))
    level_db += np.interp(depth, knots, scanner.tgc_db).astype(np.float32)[:, None]
    level_db -= scanner.fade_db * np.clip((np.abs(across) - 0.8) / 0.2, 0, 1) ** 2
    grey = np.clip(level_db * np.float32(255 / scanner.range_db) + np.float32(255 * scanner.gain + 8), 0, 255)
    if scanner.smoothing > 0.2:
        grey = cv2.GaussianBlur(grey, (0, 0), scanner.smoothing)
    picture = on_picture(grey, view, 0.0)
    return np.round(np.clip(picture, 0, 255)).astype(np.uint8)


def on_picture(grid: NDArray[np.floating], view: View, outside: float) -> NDArray[np.float32]:
    """(rows, cols) scan conversion of a grid that is even in beam coordinates over what is seen."""
    rows, cols = grid.shape
    across, depth_mm = pixels(view)
    place = ((across + 1) * ((cols - 1) / 2), depth_mm * ((rows - 1) / view.depth_mm))
    picture = cv2.remap(
        np.asarray(grid, np.float32),
        place[0].astype(np.float32),
        place[1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if view.convex:
        picture[~seen(view)] = outside
    return picture


def seen(view: View) -> NDArray[np.bool_]:
    """(rows, cols) whether a pixel of the picture is in the beam."""
    across, depth_mm = pixels(view)
    return (np.abs(across) <= 1.0001) & (depth_mm >= 0) & (depth_mm <= view.depth_mm)
