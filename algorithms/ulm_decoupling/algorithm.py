"""``ulm_decoupling``: a contrast cine in, microbubbles decoupled, localised, tracked and mapped out.

Steps of the document (US 12390196 B2): the two decouplings. Ours: localisation, which takes its seeds from the first
decoupling and drops those where the second shows no fluctuation; tracks; maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from algorithms.ulm_decoupling.analysed import Analysed
from algorithms.ulm_decoupling.clip import Clip, contrast_clip
from algorithms.ulm_decoupling.decoupled import Decoupled, decouple
from algorithms.ulm_decoupling.localise import Localisations, localise
from algorithms.ulm_decoupling.maps import MapOptions, draw_maps
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.results import compose
from dicom_node.algorithm import AlgorithmInfo, Progress, silent
from dicom_node.codes import MULTI_SCALE_FILTERING
from dicom_node.errors import UnsuitableSeries
from dicom_node.result import AnalysisResult
from dicom_node.series import Series, Volume

VERSION = "1.0.0"
LARGEST_MAP_PIXELS = 24_000_000  # 512 x 512 at factor 9, 1024 x 768 at factor 5: beyond, maps cost gigabytes


class UlmDecoupling:
    """The algorithm with its options set."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.info = AlgorithmInfo(
            name="ulm_decoupling",
            version=VERSION,
            title="Microbubble decoupling for ultrasound localisation microscopy",
            family=MULTI_SCALE_FILTERING,
            parameters=tuple(f"{key}={value}" for key, value in options.model_dump().items() if value is not None),
        )

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        """Analyses every contrast clip of the series, each on its own.

        Raises:
            UnsuitableSeries: no volume is a contrast cine; the text says why for each.
        """
        analysed, refused = [], []
        count = len(series.volumes)
        for index, volume in enumerate(series.volumes):
            try:
                clip = contrast_clip(volume, self._options.contrast_side)
                analysed.append(self._analyse(volume, clip, _part(progress, index, count)))
            except UnsuitableSeries as error:
                refused.append(f"instance {volume.frames[0].ref.sop_instance_uid}: {error}")
        if not analysed:
            raise UnsuitableSeries("; ".join(refused))
        progress(0.95, "pictures")
        return compose(analysed, self._options, tuple(f"left out: {text}" for text in refused))

    def _analyse(self, volume: Volume, clip: Clip, progress: Progress) -> Analysed:
        progress(0.0, "decoupling")
        decoupled = self._decouple(clip, lambda part: progress(0.4 * part, "decoupling"))
        progress(0.4, "localising")
        found = localise(clip.frames, self._options.localise, decoupled.fluctuation if decoupled else None)
        progress(0.9, "mapping")
        rows, columns = clip.frames.shape[1:]
        factor, notes = _map_factor(self._options.super_resolution, rows, columns)
        scaled = _velocities_to_scale(found, clip)
        maps = draw_maps(scaled, rows, columns, MapOptions(factor))
        speed = np.hypot(scaled.velocity_x_px, scaled.velocity_y_px)
        # draw_maps averages velocities in whatever unit they come in
        return Analysed(volume, clip, decoupled, found, speed, maps.density, maps.speed_px_per_frame, factor, notes)

    def _decouple(self, clip: Clip, progress: Callable[[float], None]) -> Decoupled | None:
        if self._options.decoupling == "plain":
            return None
        try:
            return decouple(clip.frames, self._options.space, self._options.time, progress)
        except ValueError as error:
            raise UnsuitableSeries(f"the clip cannot be decoupled: {error}") from error


def _velocities_to_scale(found: Localisations, clip: Clip) -> Localisations:
    """Velocities in mm/s where the header gives both scales, axis by axis: pixels need not be square."""
    if clip.spacing is None or clip.frame_time_s is None:
        return found
    return replace(
        found,
        velocity_x_px=found.velocity_x_px * (clip.spacing.column_mm / clip.frame_time_s),
        velocity_y_px=found.velocity_y_px * (clip.spacing.row_mm / clip.frame_time_s),
    )


def _map_factor(wanted: int, rows: int, columns: int) -> tuple[int, tuple[str, ...]]:
    """The factor wanted, or the largest at which the maps stay within bounds."""
    factor = max(1, min(wanted, math.isqrt(LARGEST_MAP_PIXELS // (rows * columns))))
    if factor == wanted:
        return factor, ()
    return factor, (
        f"maps have {factor} pixels per picture pixel each way instead of {wanted}: {columns * wanted} x "
        f"{rows * wanted} would be too large",
    )


def _part(progress: Progress, index: int, count: int) -> Callable[[float, str], None]:
    return lambda fraction, doing: progress(0.95 * (index + fraction) / count, doing)
