"""The M-mode strips of a series: which part of which frame is read, and the scale it has.

A screen also shows the sector, an ECG, ticks and text; only the one M-mode region is read (PS3.3 C.8.5.5: format 2, X
in seconds, Y in centimetres). Its scale is the header's, or a rule's explicit one for captures that have no regions at
all. Whatever is not sure is refused: no scale is ever assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.preprocess import grey
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import FrameRef, RegionData, RegionFormat, RegionUnit, Series, UltrasoundRegion, Volume

NEEDED = "needs an ultrasound image with exactly one M-mode region in seconds and cm"
LEAST_COLUMNS, LEAST_ROWS = 48, 64
LEAST_SECONDS, LEAST_DEPTH_MM = 0.5, 40.0
DOPPLER = {RegionData.COLOR_FLOW, RegionData.PW_DOPPLER, RegionData.CW_DOPPLER}
MM_PER_CM = 10.0
BY_HEADER = "the picture's ultrasound region"
BY_RULE = "the rule's options (the picture has none of its own)"
"""Where a scale comes from."""


@dataclass(frozen=True, eq=False)
class Strip:
    """The pixels of one M-mode region.

    ``grey`` (rows, columns) float32; its first pixel is column ``x0``, row ``y0`` of the screen. ``ecg`` is the region
    of the ECG, where the header names one. ``calibration`` is BY_HEADER or BY_RULE.
    """

    grey: NDArray[np.float32]
    x0: int
    y0: int
    seconds_per_px: float
    mm_per_px: float
    frame: FrameRef
    calibration: str
    ecg: Ecg | None = None
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first column to behind the last."""
        return self.grey.shape[1] * self.seconds_per_px

    @property
    def depth_mm(self) -> float:
        """From the first row to below the last."""
        return self.grey.shape[0] * self.mm_per_px


BESIDE_PX = 8
"""By so much an ECG's region may begin or end inside of the strip that it times."""


@dataclass(frozen=True, eq=False)
class Ecg:
    """Pixels of the ECG's region; ``x0`` is its first column on the screen. It times, it is never measured in."""

    pixels: NDArray
    x0: int


def strips_of(series: Series, options: Options) -> tuple[tuple[Strip, ...], tuple[str, ...]]:
    """Every strip of the series, in its order; and of each image that was left out the reason.

    Raises:
        UnsuitableSeries: there is none; the text gives the reason for each image.
    """
    strips: list[Strip] = []
    refused: list[str] = []
    for volume in series.volumes:
        try:
            strips.extend(_strips_of_volume(volume, options))
        except UnsuitableSeries as error:
            refused.append(f"instance {volume.frames[0].ref.sop_instance_uid}: {error}")
    if not strips:
        raise UnsuitableSeries("; ".join(refused))
    return tuple(strips), tuple(refused)


def _strips_of_volume(volume: Volume, options: Options) -> Iterator[Strip]:
    region, calibration = _chosen(volume, options)
    seconds_per_px = abs(region.delta_x)
    mm_per_px = abs(region.delta_y) * MM_PER_CM
    _refuse_unreadable(region, seconds_per_px, mm_per_px)
    chosen = _frames(volume, options)
    notes = ()
    if len(volume.frames) > 1:
        told = ", ".join(str(index + 1) for index in chosen)
        notes = (f"measured frame {told} of {len(volume.frames)}",)
    for index in chosen:
        picture = volume.pixels.read(index, index + 1)[0]
        yield Strip(
            grey=grey(_part(picture, region)),
            x0=region.x0,
            y0=region.y0,
            seconds_per_px=seconds_per_px,
            mm_per_px=mm_per_px,
            frame=volume.frames[index].ref,
            calibration=calibration,
            ecg=_ecg(picture, volume, region),
            notes=notes,
        )


def _frames(volume: Volume, options: Options) -> list[int]:
    """Indices of the frames asked for; the last where none is named."""
    count = len(volume.frames)
    asked = options.frames if count > 1 and options.frames else (-1,)
    beyond = [number for number in asked if abs(number) > count]
    if beyond:
        raise UnsuitableSeries(
            f"option frames names {', '.join(map(str, beyond))}; the image has {count}: it needs numbers within "
            f"1..{count} or -{count}..-1"
        )
    return sorted({number - 1 if number > 0 else count + number for number in asked})


def _chosen(volume: Volume, options: Options) -> tuple[UltrasoundRegion, str]:
    """The region to read and where its scale comes from."""
    if volume.regions:
        return _m_mode_region(volume.regions), BY_HEADER
    if not options.strip_px:
        raise UnsuitableSeries(
            f"{NEEDED}; the picture has no ultrasound region, so no scale is known. A capture can be measured only "
            "with an explicit calibration in the rule: options strip_px, seconds_per_px and mm_per_px"
        )
    x0, y0, x1, y1 = options.strip_px
    if x1 >= volume.columns or y1 >= volume.rows:
        raise UnsuitableSeries(
            f"option strip_px names columns {x0}..{x1}, rows {y0}..{y1}, but the picture has {volume.columns} columns "
            f"x {volume.rows} rows: the calibration needs to be that of this kind of picture"
        )
    region = UltrasoundRegion(
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        format=RegionFormat.M_MODE,
        data=RegionData.TISSUE,
        unit_x=RegionUnit.SECOND,
        unit_y=RegionUnit.CENTIMETRE,
        delta_x=options.seconds_per_px or 0.0,
        delta_y=(options.mm_per_px or 0.0) / MM_PER_CM,
    )
    return region, BY_RULE


def _m_mode_region(regions: tuple[UltrasoundRegion, ...]) -> UltrasoundRegion:
    """The one M-mode region whose scale can be trusted."""
    stale = [region for region in regions if region.stale]
    if stale:
        told = "; ".join(one.place for one in stale)
        raise UnsuitableSeries(
            f"{NEEDED}; {len(stale)} of its {len(regions)} regions do not lie in the picture ({told}), so the "
            "calibration belongs to another picture (resized or cut out of one) or is damaged, and was rejected"
        )
    found = [region for region in regions if region.format is RegionFormat.M_MODE]
    if not found:
        kinds = ", ".join(sorted({region.format.name.lower() for region in regions}))
        raise UnsuitableSeries(f"{NEEDED}; none of its {len(regions)} regions is M-mode (they are {kinds})")
    if len(found) > 1:
        places = "; ".join(one.place for one in found)
        raise UnsuitableSeries(
            f"{NEEDED}; it has {len(found)} M-mode regions ({places}), and nothing says which holds the ventricle"
        )
    (region,) = found
    if (region.unit_x, region.unit_y) != (RegionUnit.SECOND, RegionUnit.CENTIMETRE):
        raise UnsuitableSeries(
            f"{NEEDED}; its M-mode region is in {_unit(region.unit_x)} across and {_unit(region.unit_y)} down"
        )
    if region.data in DOPPLER:
        raise UnsuitableSeries(f"{NEEDED} of tissue; its M-mode region holds {region.data.name.lower()}")
    return region


def _refuse_unreadable(region: UltrasoundRegion, seconds_per_px: float, mm_per_px: float) -> None:
    if not (0 < seconds_per_px < np.inf and 0 < mm_per_px < np.inf):
        raise UnsuitableSeries(
            f"{NEEDED}; its M-mode region gives {seconds_per_px:g} s per column and {mm_per_px:g} mm per row"
        )
    if region.columns < LEAST_COLUMNS or region.rows < LEAST_ROWS:
        raise UnsuitableSeries(
            f"{NEEDED} of {LEAST_COLUMNS} x {LEAST_ROWS} pixels at least; got {region.columns} x {region.rows}"
        )
    seconds, depth_mm = region.columns * seconds_per_px, region.rows * mm_per_px
    if seconds < LEAST_SECONDS or depth_mm < LEAST_DEPTH_MM:
        raise UnsuitableSeries(
            f"{NEEDED} that shows a human ventricle over a heartbeat: {LEAST_SECONDS:g} s and {LEAST_DEPTH_MM:g} mm at "
            f"least; by its scale it shows {seconds:.3g} s and {depth_mm:.3g} mm"
        )


def _unit(unit: RegionUnit) -> str:
    return "no unit" if unit is RegionUnit.NONE else unit.name.lower().replace("_", " ")


def _part(picture: NDArray, region: UltrasoundRegion) -> NDArray:
    return picture[region.y0 : region.y1 + 1, region.x0 : region.x1 + 1]


def _ecg(picture: NDArray, volume: Volume, strip: UltrasoundRegion) -> Ecg | None:
    """The one ECG region, where it has the strip's columns in view and does not lie over it."""
    found = [
        region
        for region in volume.regions
        if region.data is RegionData.ECG and not region.overlaps(strip) and region.rows > 4 and region.columns > 4
    ]
    if len(found) != 1 or not _times_the_strip(found[0], strip):
        return None
    return Ecg(_part(picture, found[0]), found[0].x0)


def _times_the_strip(ecg: UltrasoundRegion, strip: UltrasoundRegion) -> bool:
    """Whether a column of the ECG is the strip's of that place: it spans the strip, on its scale if it has one."""
    spans = ecg.x0 <= strip.x0 + BESIDE_PX and ecg.x1 >= strip.x1 - BESIDE_PX
    scaled = ecg.unit_x is RegionUnit.SECOND and ecg.delta_x != 0
    return spans and (not scaled or math.isclose(ecg.delta_x, strip.delta_x, rel_tol=0.01))
