"""Simulated M-mode screens with known truth, as scanners send them.

    heart_motion, beats      how the ventricle beats
    lv_scene, other_scenes   what the ultrasound line meets
    strip_texture            the grey strip
    cycle_truth              boxes, points and lengths
    layouts, furniture       the screen around the strip
    random_screen            all of it
    random_strip             the strip alone, for training

Points lie on the leading edges of the echoes (see ``lv_scene``). End-diastole is the R wave, where the internal
diameter is largest; end-systole is where it is smallest. Pixel coordinates are (x, y), pixel centres at integers; the
centre of a strip's first row has depth 0, that of its first column is the recording's first instant.

Everything follows from the random generator's state and the options: the same give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.cycle_truth import CycleTruth, mean_values
from algorithms.mmode_ef.furniture import calliper_chance, draw_around_strip, draw_over_strip, random_measurements
from algorithms.mmode_ef.layouts import LAYOUTS, Box, Layout, coloured, random_layout, random_tint
from algorithms.mmode_ef.no_mmode import paint_doppler, paint_noise, paint_page
from algorithms.mmode_ef.recording import KINDS, NOISE_LEVELS, Recording, ScreenOptions, random_recording
from algorithms.mmode_ef.sector_picture import paint_sector
from dicom_node.series import RegionData, RegionFormat, RegionUnit, UltrasoundRegion

__all__ = ["KINDS", "LAYOUTS", "NOISE_LEVELS", "CycleTruth", "GreyStrip", "Screen", "ScreenOptions"]
__all__ += ["random_screen", "random_strip"]

SIMULATED = "Simulated image, not from a patient"
"""For the header and the face of everything that is made from a phantom."""


@dataclass(frozen=True)
class Screen:
    """A scanner's screen and its truth.

    Attributes:
        image: (rows, columns, 3) uint8 RGB.
        regions: as the header would name them; exactly one of M-mode for M-mode kinds.
        kind: one of ``KINDS``.
        layout: one of ``LAYOUTS``.
        seconds_per_px, mm_per_px: scale of the strip; ``None`` for kind "none".
        heart_rate_bpm: of the sinus rhythm.
        noise: one of ``NOISE_LEVELS``.
        cycles: from left to right, pixels of the screen; empty unless kind is "lv".
        values: means over the complete cycles without ectopic ones: lengths in mm, volumes in ml, EF in percent.
    """

    image: NDArray[np.uint8]
    regions: tuple[UltrasoundRegion, ...]
    kind: str
    layout: str
    seconds_per_px: float | None
    mm_per_px: float | None
    heart_rate_bpm: float
    noise: str
    cycles: tuple[CycleTruth, ...]
    values: dict[str, float]


@dataclass(frozen=True)
class GreyStrip:
    """An M-mode strip in grey, with the marks that screens leave on it.

    Attributes:
        grey: (rows, columns) uint8.
        kind, noise, seconds_per_px, mm_per_px, heart_rate_bpm, values: as of :class:`Screen`.
        cycles: pixels of the strip.
    """

    grey: NDArray[np.uint8]
    kind: str
    noise: str
    seconds_per_px: float
    mm_per_px: float
    heart_rate_bpm: float
    cycles: tuple[CycleTruth, ...]
    values: dict[str, float]


def random_screen(rng: np.random.Generator, kind: str = "lv", options: ScreenOptions | None = None) -> Screen:
    """A whole screen of ``kind``, one of ``KINDS``.

    Raises:
        ValueError: unknown kind or layout.
    """
    options = options or ScreenOptions()
    layout = random_layout(rng, str(rng.choice(options.layouts or LAYOUTS)))
    if kind == "none":
        return _screen_without_m_mode(rng, layout, options)
    recording = _recorded(rng, kind, layout, options)
    image = _empty_screen(layout)
    tint = random_tint(rng)
    _put(image, layout.strip, coloured(recording.grey, tint))
    regions = [_m_mode_region(layout.strip, recording)]
    if layout.sector is not None:
        regions.append(_draw_sector(rng, image, layout.sector, recording, tint))
    if layout.ecg is not None:
        regions.append(_ecg_region(layout.ecg, recording.sweep.seconds_per_px))
    measured = random_measurements(rng, recording, calliper_chance(options, kind))
    draw_over_strip(rng, image, layout, recording, measured)
    draw_around_strip(rng, image, layout, recording, measured, tint)
    cycles = tuple(cycle.moved(layout.strip.x0, layout.strip.y0) for cycle in recording.cycles)
    return Screen(
        image=_through_jpeg(rng, image, options),
        regions=tuple(regions),
        kind=kind,
        layout=layout.name,
        seconds_per_px=recording.sweep.seconds_per_px,
        mm_per_px=recording.mm_per_px,
        heart_rate_bpm=recording.heart_rate_bpm,
        noise=recording.noise,
        cycles=cycles,
        values=mean_values(cycles),
    )


def random_strip(rng: np.random.Generator, kind: str = "lv", options: ScreenOptions | None = None) -> GreyStrip:
    """The strip of a screen without painting the screen; ``kind`` "none" gives a picture that is no M-mode.

    Raises:
        ValueError: unknown kind or layout.
    """
    options = options or ScreenOptions()
    layout = random_layout(rng, str(rng.choice(options.layouts or LAYOUTS)))
    layout = _strip_alone(layout)
    recording = _recorded(rng, "lv" if kind == "none" else kind, layout, options)
    if kind == "none":
        grey = _no_m_mode_strip(rng, recording)
        return _grey_strip(_through_jpeg(rng, grey, options), kind, recording, ())
    image = coloured(recording.grey, random_tint(rng))
    measured = random_measurements(rng, recording, calliper_chance(options, kind))
    draw_over_strip(rng, image, layout, recording, measured)
    grey = _through_jpeg(rng, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), options)
    return _grey_strip(grey, kind, recording, recording.cycles)


def _grey_strip(grey: NDArray[np.uint8], kind: str, recording: Recording, cycles: tuple[CycleTruth, ...]) -> GreyStrip:
    return GreyStrip(
        grey=grey,
        kind=kind,
        noise=recording.noise,
        seconds_per_px=recording.sweep.seconds_per_px,
        mm_per_px=recording.mm_per_px,
        heart_rate_bpm=recording.heart_rate_bpm,
        cycles=cycles,
        values=mean_values(cycles),
    )


def _recorded(rng: np.random.Generator, kind: str, layout: Layout, options: ScreenOptions) -> Recording:
    """A recording as large as the layout's strip."""
    shape = (layout.strip.rows, layout.strip.columns)
    return random_recording(rng, kind, options, shape, layout.px_per_mm * rng.uniform(0.92, 1.08))


def _strip_alone(layout: Layout) -> Layout:
    """The layout with its strip in the left upper corner; the trace stays where it is against the strip."""
    strip, ecg = layout.strip, layout.ecg
    if ecg is not None:
        ecg = ecg.moved(-strip.x0, -strip.y0)
        if ecg.y0 >= strip.rows:
            ecg = None
    moved = strip.moved(-strip.x0, -strip.y0)
    return replace(layout, strip=moved, ecg=ecg, columns=strip.columns, rows=strip.rows)


def _empty_screen(layout: Layout) -> NDArray[np.uint8]:
    image = np.zeros((layout.rows, layout.columns, 3), np.uint8)
    if layout.header is not None:
        image[: int(0.06 * layout.rows)] = layout.header
    return image


def _put(image: NDArray[np.uint8], box: Box, part: NDArray[np.uint8]) -> None:
    image[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = part


def _draw_sector(
    rng: np.random.Generator, image: NDArray[np.uint8], box: Box, recording: Recording, tint: NDArray[np.uint8]
) -> UltrasoundRegion:
    """The two-dimensional picture and its region."""
    depth_mm = recording.mm_per_px * recording.grey.shape[0]
    fan = paint_sector(rng, recording.scene, depth_mm, (box.rows, box.columns), recording.appearance)
    _put(image, box, coloured(fan, tint))
    return _fan_region(box, depth_mm / box.rows)


def _fan_region(box: Box, mm_per_px: float) -> UltrasoundRegion:
    cm = mm_per_px / 10.0
    return UltrasoundRegion(
        box.x0, box.y0, box.x1, box.y1, RegionFormat.TWO_D, RegionData.TISSUE,
        RegionUnit.CENTIMETRE, RegionUnit.CENTIMETRE, cm, cm, reference_x0=box.columns // 2, reference_y0=0,
    )  # fmt: skip


def _m_mode_region(box: Box, recording: Recording) -> UltrasoundRegion:
    return UltrasoundRegion(
        box.x0, box.y0, box.x1, box.y1, RegionFormat.M_MODE, RegionData.TISSUE,
        RegionUnit.SECOND, RegionUnit.CENTIMETRE, recording.sweep.seconds_per_px, recording.mm_per_px / 10.0,
        reference_x0=0, reference_y0=0,
    )  # fmt: skip


def _ecg_region(box: Box, seconds_per_px: float) -> UltrasoundRegion:
    return UltrasoundRegion(
        box.x0, box.y0, box.x1, box.y1, RegionFormat.WAVE_FORM, RegionData.ECG,
        RegionUnit.SECOND, RegionUnit.NONE, seconds_per_px, 0.0,
    )  # fmt: skip


def _screen_without_m_mode(rng: np.random.Generator, layout: Layout, options: ScreenOptions) -> Screen:
    """A page of text, a two-dimensional picture alone, or a Doppler spectrum in the strip's place."""
    recording = _recorded(rng, "lv", layout, options)
    image = _empty_screen(layout)
    tint = random_tint(rng)
    what = str(rng.choice(["doppler", "fan", "page"], p=[0.45, 0.4, 0.15]))
    regions: list[UltrasoundRegion] = []
    if what == "page":
        image[:] = paint_page(rng, image.shape[:2])[..., None]
    elif what == "fan":
        large = Box(
            int(0.1 * layout.columns), int(0.1 * layout.rows), int(0.88 * layout.columns), int(0.92 * layout.rows)
        )
        regions.append(_draw_sector(rng, image, large, recording, tint))
    else:
        strip = layout.strip
        _put(image, strip, coloured(paint_doppler(rng, recording.beats, recording.sweep, strip.rows), tint))
        regions.append(_spectral_region(strip, recording.sweep.seconds_per_px, float(rng.uniform(0.2, 1.2))))
        if layout.sector is not None:
            regions.append(_draw_sector(rng, image, layout.sector, recording, tint))
        draw_over_strip(rng, image, layout, recording, ())
    return Screen(
        image=_through_jpeg(rng, image, options),
        regions=tuple(regions),
        kind="none",
        layout=layout.name,
        seconds_per_px=None,
        mm_per_px=None,
        heart_rate_bpm=recording.heart_rate_bpm,
        noise=recording.noise,
        cycles=(),
        values={},
    )


def _spectral_region(box: Box, seconds_per_px: float, cm_per_s_per_px: float) -> UltrasoundRegion:
    return UltrasoundRegion(
        box.x0, box.y0, box.x1, box.y1, RegionFormat.SPECTRAL, RegionData.PW_DOPPLER,
        RegionUnit.SECOND, RegionUnit.CENTIMETRE_PER_SECOND, seconds_per_px, -cm_per_s_per_px,
    )  # fmt: skip


def _no_m_mode_strip(rng: np.random.Generator, recording: Recording) -> NDArray[np.uint8]:
    """What a wrong region could cut out of a screen, as large as the recording's strip."""
    shape = recording.grey.shape
    what = str(rng.choice(["doppler", "fan", "page", "noise"], p=[0.35, 0.4, 0.1, 0.15]))
    if what == "doppler":
        return paint_doppler(rng, recording.beats, recording.sweep, shape[0])
    if what == "page":
        return paint_page(rng, shape)
    if what == "noise":
        return paint_noise(rng, shape)
    depth_mm = recording.mm_per_px * shape[0]
    fan = paint_sector(rng, recording.scene, depth_mm, shape, recording.appearance)
    height, width = (int(size * rng.uniform(0.4, 1.0)) for size in shape)
    y, x = int(rng.integers(shape[0] - height + 1)), int(rng.integers(shape[1] - width + 1))
    return cv2.resize(fan[y : y + height, x : x + width], shape[::-1], interpolation=cv2.INTER_LINEAR)


def _through_jpeg(rng: np.random.Generator, image: NDArray[np.uint8], options: ScreenOptions) -> NDArray[np.uint8]:
    """Most screens have been through lossy compression once."""
    if options.jpeg_quality is None or rng.random() < 0.15:
        return image
    quality = int(rng.integers(options.jpeg_quality[0], options.jpeg_quality[1] + 1))
    swapped = image[..., ::-1] if image.ndim == 3 else image
    _, coded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(decoded[..., ::-1]) if image.ndim == 3 else decoded
