"""How tissue looks to a scanner: brightness, loss of sound, bright borders; speckle, depth gain, log compression.

The picture of a scanner: echoes of many scatterers under a Gaussian pulse and beam are a complex Gaussian field whose
strength is the tissue's; its envelope is speckle (Rayleigh). Beams of several directions are averaged (compounding),
the sound that tissue takes away is made up for by depth gain, fluid takes none away, bone and hair take nearly all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.scan import BEAMS, SAMPLES, Probe

FLUID_DB, FLUID_LOSS = -40.0, -2.6
"""Echo of clear fluid, and its loss in dB/cm beyond what depth gain makes up for: below 0, brighter behind."""

Field = NDArray[np.float32]
"""(samples, beams) of the polar grid."""


class Tissue:
    """What lies where before a probe: painted in layers, the later over the earlier.

    Attributes:
        echo_db: how strongly tissue scatters, against medium tissue.
        loss: of sound, dB/cm beyond what depth gain makes up for.
        shade_db: of sound that does not come this far for want of contact.
    """

    def __init__(self, probe: Probe, rng: np.random.Generator, beams: int = BEAMS) -> None:
        self.probe = probe
        self.rng = rng
        self.x_mm, self.y_mm, self.depth_mm = probe.grid_mm(beams)
        self.echo_db: Field = np.zeros_like(self.x_mm)
        self.loss: Field = np.zeros_like(self.x_mm)
        self.shade_db: Field = np.zeros_like(self.x_mm)

    def noise(self, x_scale_mm: float, y_scale_mm: float) -> Field:
        """A smooth random field in the body, mean 0 and deviation about 1, of a grain in mm."""
        left, top = float(self.x_mm.min()), float(self.y_mm.min())
        across = int((float(self.x_mm.max()) - left) / x_scale_mm) + 4
        down = int((float(self.y_mm.max()) - top) / y_scale_mm) + 4
        coarse = self.rng.standard_normal((min(down, 600), min(across, 600))).astype(np.float32)
        x = (self.x_mm - np.float32(left)) / np.float32(x_scale_mm) + np.float32(1)
        y = (self.y_mm - np.float32(top)) / np.float32(y_scale_mm) + np.float32(1)
        return 1.3 * cv2.remap(coarse, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)

    def ellipse(
        self, centre_mm: tuple[float, float], radii_mm: tuple[float, float], turn: float = 0.0, rough: float = 0.0
    ) -> Field:
        """mm inside an ellipse (below 0 outside, roughly), its outline waved by a share ``rough`` of its radius."""
        x, y = self.x_mm - np.float32(centre_mm[0]), self.y_mm - np.float32(centre_mm[1])
        cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        along, across = (x * cos + y * sin) / np.float32(radii_mm[0]), (y * cos - x * sin) / np.float32(radii_mm[1])
        reach = np.hypot(along, across)
        if rough:
            angle = np.arctan2(across, along)
            wave = np.zeros_like(angle)
            for order in range(2, 8):
                size = self.rng.normal(0, rough / order**0.7)
                wave += np.float32(size) * np.cos(order * angle + np.float32(self.rng.uniform(0, 2 * math.pi)))
            reach = reach / (1 + np.clip(wave, -0.45, 0.6))
        return (1 - reach) * np.float32(min(radii_mm))

    def paint(self, inside_mm: Field, echo_db: Field | float, loss: float = 0.0, soft_mm: float = 0.5) -> None:
        """Fills where inside_mm is above 0."""
        share = np.clip(inside_mm / np.float32(soft_mm) + np.float32(0.5), 0, 1)
        self.echo_db += share * (echo_db - self.echo_db)
        self.loss += share * (np.float32(loss) - self.loss)

    def wall(self, inside_mm: Field, thick_mm: float, echo_db: float, everywhere: float = 0.3) -> None:
        """A border, brightest where the sound meets it at right angles; the share ``everywhere`` is seen from any."""
        step_mm = self.probe.depth_mm / (SAMPLES - 1)
        head_on = np.clip(np.abs(np.gradient(inside_mm, axis=0)) / np.float32(step_mm), 0, 1) ** 2
        seen = (everywhere + (1 - everywhere) * head_on) * np.exp(-((inside_mm / np.float32(thick_mm)) ** 2))
        self.echo_db += seen * np.maximum(np.float32(echo_db) - self.echo_db, 0)

    def fluid(self, inside_mm: Field, wall_db: float = 6.0, wall_mm: float = 0.7) -> None:
        """Clear fluid, more or less free of haze, with its wall."""
        haze_db = self.rng.uniform(0, 10)
        self.paint(inside_mm, FLUID_DB + haze_db, FLUID_LOSS, 0.6)
        self.wall(inside_mm, wall_mm, wall_db, 0.35)

    def solid(self, inside_mm: Field, echo_db: float, grain_db: float, grain_mm: float, loss: float = 0.0) -> None:
        """Tissue of a mean echo, uneven by grain_db."""
        texture = echo_db + grain_db * self.noise(grain_mm, 0.7 * grain_mm)
        self.paint(inside_mm, texture, loss, 0.7)


@dataclass(frozen=True)
class Scanner:
    """Settings that make one scanner's picture differ from another's.

    Attributes:
        pulse, beam: standard deviations on the polar grid, in samples and in lines.
        looks: directions that are averaged.
        gain: grey of medium tissue, as a share of white.
        range_db: black to white.
        noise_db: electronic noise at the far end, against medium tissue.
        clutter: side lobes, as a share of the echo's amplitude.
        tgc_db: errors of the depth gain at knots from face to far end.
        smoothing: of the picture, standard deviation in samples.
        gamma: of the grey map.
    """

    pulse: float
    beam: float
    looks: int
    gain: float
    range_db: float
    noise_db: float
    clutter: float
    tgc_db: tuple[float, ...]
    smoothing: float
    gamma: float


def any_scanner(rng: np.random.Generator) -> Scanner:
    """Settings as they vary between scanners and users."""
    return Scanner(
        pulse=rng.uniform(0.7, 1.35),
        beam=rng.uniform(0.7, 1.7),
        looks=int(rng.integers(1, 4)),
        gain=rng.uniform(0.30, 0.54),
        range_db=rng.uniform(40, 60),
        noise_db=rng.uniform(-40, -18),
        clutter=rng.uniform(0.008, 0.06),
        tgc_db=(*rng.normal(0, 2.2, 4), rng.normal(-4, 4)),
        smoothing=rng.choice([0.0, rng.uniform(0.3, 0.8)]),
        gamma=rng.uniform(0.9, 1.25),
    )


def _speckled(amplitude: Field, scanner: Scanner, rng: np.random.Generator) -> Field:
    """Envelope of complex Gaussian echoes under the pulse and a beam that widens with depth; mean power kept."""
    shape = amplitude.shape
    deep = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    wide = 2.2 * scanner.beam
    parts = []
    for _ in range(2):
        echoes = amplitude * rng.standard_normal(shape, dtype=np.float32)
        near, far = (
            cv2.GaussianBlur(echoes, (0, 0), sigmaX=beam, sigmaY=scanner.pulse)
            * np.float32(math.sqrt(4 * math.pi * beam * scanner.pulse))
            for beam in (scanner.beam, wide)
        )
        parts.append(near * (1 - deep) + far * deep)
    return np.hypot(parts[0], parts[1]) * np.float32(math.sqrt(0.5))


def received_db(tissue: Tissue, scanner: Scanner) -> Field:
    """(samples, beams) strength of the echoes after loss and depth gain, dB against medium tissue."""
    rng = tissue.rng
    step_cm = tissue.probe.depth_mm / (SAMPLES - 1) / 10
    loss_db = np.clip(np.cumsum(tissue.loss, axis=0) * np.float32(step_cm), -13, 60)
    loss_db = cv2.GaussianBlur(loss_db, (0, 0), sigmaX=1.2, sigmaY=0.8)
    knots = np.linspace(0, 1, len(scanner.tgc_db))
    gain_db = np.interp(np.linspace(0, 1, SAMPLES), knots, scanner.tgc_db).astype(np.float32)
    contact_db = 2.0 * cv2.resize(rng.standard_normal((1, 9)).astype(np.float32), (tissue.x_mm.shape[1], 1))
    return tissue.echo_db - tissue.shade_db - loss_db + gain_db[:, None] + contact_db


def picture_lines(tissue: Tissue, scanner: Scanner) -> Field:
    """(samples, beams) grey values, 0 to 255, before scan conversion."""
    rng = tissue.rng
    amplitude = np.exp(received_db(tissue, scanner) * np.float32(math.log(10) / 20))
    aside = cv2.GaussianBlur(amplitude, (0, 0), sigmaX=14.0, sigmaY=1.5)
    amplitude = amplitude + np.float32(scanner.clutter) * aside
    envelope = sum(_speckled(amplitude, scanner, rng) for _ in range(scanner.looks)) / np.float32(scanner.looks)
    slope_db = scanner.noise_db - 22 * (1 - np.linspace(0, 1, SAMPLES, dtype=np.float32))[:, None]
    floor = np.exp(slope_db * np.float32(math.log(10) / 20))
    envelope = envelope + floor * rng.rayleigh(0.7, envelope.shape).astype(np.float32)
    shade = scanner.gain + 20 / scanner.range_db * np.log10(np.maximum(envelope, 1e-4))
    shade = np.clip(shade, 0, 1).astype(np.float32) ** np.float32(scanner.gamma)
    if scanner.smoothing:
        shade = cv2.GaussianBlur(shade, (0, 0), scanner.smoothing)
    return 255 * shade
