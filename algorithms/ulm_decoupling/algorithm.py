"""``ulm_decoupling``: a contrast cine in, microbubbles decoupled, localised, tracked and mapped out.

Steps of the document (US 12390196 B2): the two decouplings. Ours: localisation, which takes its seeds from the first
decoupling and drops those where the second shows no fluctuation; tracks; maps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling import results
from algorithms.ulm_decoupling.clip import Clip, contrast_clip
from algorithms.ulm_decoupling.decoupled import Decoupled, decouple
from algorithms.ulm_decoupling.localise import Localisations, localise
from algorithms.ulm_decoupling.maps import MapOptions, VesselMaps, draw_maps
from algorithms.ulm_decoupling.options import Options
from dicom_node.algorithm import AlgorithmInfo, Progress, silent
from dicom_node.codes import MULTI_SCALE_FILTERING
from dicom_node.errors import UnsuitableSeries
from dicom_node.result import AnalysisResult
from dicom_node.series import Series, Volume

VERSION = "1.0.0"


@dataclass(frozen=True)
class Analysed:
    """One clip and all that was found in it; positions are those of the clip's own pixels."""

    volume: Volume
    clip: Clip
    decoupled: Decoupled | None
    found: Localisations
    maps: VesselMaps
    speed: NDArray[np.float32]


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
        return results.compose(analysed, self._options, (*series.notes, *(f"left out: {text}" for text in refused)))

    def _analyse(self, volume: Volume, clip: Clip, progress: Progress) -> Analysed:
        decoupled, fluctuation = None, None
        if self._options.decoupling == "decoupled":
            try:
                decoupled = decouple(
                    clip.frames,
                    self._options.space,
                    self._options.time,
                    lambda part: progress(0.4 * part, "decoupling"),
                )
            except ValueError as error:
                raise UnsuitableSeries(str(error)) from error
            fluctuation = decoupled.fluctuation
        progress(0.4, "localising")
        found = localise(clip.frames, self._options.localise, fluctuation)
        progress(0.9, "mapping")
        rows, columns = clip.frames.shape[1:]
        maps = draw_maps(_in_physical_speed(found, clip), rows, columns, MapOptions(self._options.super_resolution))
        return Analysed(volume, clip, decoupled, found, maps, maps.speed_px_per_frame)


def _in_physical_speed(found: Localisations, clip: Clip) -> Localisations:
    """Velocities in mm/s where the header gives both scales; pixels need not be square. Otherwise px/frame."""
    if clip.spacing is None or clip.frame_time_s is None:
        return found
    return replace(
        found,
        velocity_x_px=found.velocity_x_px * (clip.spacing.column_mm / clip.frame_time_s),
        velocity_y_px=found.velocity_y_px * (clip.spacing.row_mm / clip.frame_time_s),
    )


def _part(progress: Progress, index: int, count: int) -> Callable[[float, str], None]:
    return lambda fraction, doing: progress(0.95 * (index + fraction) / count, doing)
