"""What the analysis of a series' clips becomes: an AnalysisResult in the words of TID 1500."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.analysed import Analysed
from algorithms.ulm_decoupling.binarise import Threshold, bubble_mask
from algorithms.ulm_decoupling.layout import Part
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.pictures import Scale, density_picture, speed_picture, tracks_picture
from algorithms.ulm_decoupling.sparsity import Sparsity
from algorithms.ulm_decoupling.stored_frames import Stretch
from dicom_node.codes import (
    CONTRAST_AGENT,
    COUNT,
    FRAME,
    MAXIMUM,
    MEAN,
    MILLIMETRE_PER_SECOND,
    NO_UNITS,
    PIXEL_PER_FRAME,
    SUBSTANCE,
    Code,
    Unit,
    local,
)
from dicom_node.result import (
    AnalysisResult,
    DerivedSeries,
    Measurement,
    MeasurementGroup,
    Picture,
    Placement,
    Region,
    ScalarMap,
    Segment,
    Shape,
    Table,
)
from dicom_node.series import ArrayPixels, Spacing

MICROBUBBLES = local("MICROBUBBLES", "Microbubbles of ultrasound contrast agent")
DECOUPLING = local("BUBBLEDECOUPLE", "Microbubble decoupling in space and time")
DENSITY = local("BUBBLEDENSITY", "Microbubble tracks across a map pixel")
SPEED = local("BUBBLESPEED", "Microbubble speed")
PER_FRAME = local("PERFRAME", "Microbubbles per frame")
LARGEST_OBJECT_BYTES = 2**31 - 2**20
"""Of pixels in one decoupled object: many readers count bytes in 31 bits, and no DICOM element holds over 4 GiB."""


@dataclass(frozen=True)
class BubbleMasks:
    """A PixelSource: the bubble region of each frame on the whole picture, made when it is asked for."""

    frames: NDArray
    threshold: Threshold
    part: Part
    shape: tuple[int, int, int]
    dtype: np.dtype = field(default_factory=lambda: np.dtype(bool))

    def read(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Masks of frames ``start`` <= i < ``stop``."""
        chosen = self.frames[start:stop]
        masks = np.zeros((len(chosen), *self.shape[1:]), bool)
        within = masks[:, self.part.y0 : self.part.y1 + 1, self.part.x0 : self.part.x1 + 1]
        for mask, frame in zip(within, chosen, strict=True):
            mask[...] = bubble_mask(np.asarray(frame), self.threshold)
        return masks


def compose(clips: Sequence[Analysed], options: Options, notes: tuple[str, ...]) -> AnalysisResult:
    """One result from one clip or several.

    The second clip's objects and tables carry the number 2, and so on. The summary's keys are those of the first
    clip; ``clips`` lists every clip's.
    """
    parts = [_ClipResult(item, number, len(clips), options) for number, item in enumerate(clips, start=1)]
    summaries = [part.summary() for part in parts]
    found = sum(len(item.found) for item in clips)
    return AnalysisResult(
        summary={**summaries[0], "clip_count": len(clips), "clips": summaries},
        groups=tuple(part.group() for part in parts),
        segments=tuple(part.segment() for part in parts),
        pictures=tuple(picture for part in parts for picture in part.pictures()),
        maps=tuple(scalar_map for part in parts for scalar_map in part.maps()),
        derived=tuple(series for part in parts for series in part.derived()),
        tables=tuple(part.table() for part in parts),
        notes=(*(note for part in parts for note in part.notes()), *notes),
        nothing_found=None if found else "No microbubble was localised in the contrast picture.",
    )


class _ClipResult:
    """One clip's share of the result."""

    def __init__(self, item: Analysed, number: int, count: int, options: Options) -> None:
        self._item, self._clip, self._options = item, item.clip, options
        self._suffix = f"_{number}" if number > 1 else ""
        self._name = f"contrast clip {number}" if count > 1 else "contrast clip"
        self._title = f" (clip {number})" if count > 1 else ""
        self._refs = tuple(frame.ref for frame in item.volume.frames)
        self._physical = self._clip.spacing is not None and self._clip.frame_time_s is not None

    @property
    def _speed_unit(self) -> Unit:
        return MILLIMETRE_PER_SECOND if self._physical else PIXEL_PER_FRAME

    def summary(self) -> dict[str, Any]:
        """Stable keys; what the header does not allow to know is null."""
        item, clip, found = self._item, self._clip, self._item.found
        counts = np.bincount(found.frame, minlength=len(clip.frames))
        moving = item.speed[np.isfinite(item.speed)]
        mean_speed = float(moving.mean()) if moving.size else None
        values: dict[str, Any] = {
            "sop_instance_uid": self._refs[0].sop_instance_uid,
            "frames_in": len(clip.frames),
            "frames_out": item.decoupled.frames.shape[0] if item.decoupled else 0,
            "scale_lengths": list(item.decoupled.lengths.values()) if item.decoupled else [],
            "localisations": len(found),
            "tracks": found.n_tracks,
            "bubbles_per_frame_mean": float(counts.mean()),
            "bubbles_per_frame_max": int(counts.max()),
            "mean_speed_mm_per_s": mean_speed if self._physical else None,
            "mean_speed_px_per_frame": None if self._physical else mean_speed,
            "frame_time_ms": clip.frame_time_s * 1000 if clip.frame_time_s is not None else None,
            "row_spacing_mm": clip.spacing.row_mm if clip.spacing else None,
            "column_spacing_mm": clip.spacing.column_mm if clip.spacing else None,
            "region_px": [clip.part.x0, clip.part.y0, clip.part.x1, clip.part.y1],
            "super_resolution_factor": item.factor,
            "missing": list(clip.missing),
        }
        for stage, sparsity in self._sparsities():
            values[f"sparsity_space_{stage}"] = sparsity.space
            values[f"sparsity_time_{stage}"] = sparsity.time
        return values

    def _sparsities(self) -> list[tuple[str, Sparsity]]:
        decoupled = self._item.decoupled
        if decoupled is None:
            return []
        return [("before", decoupled.before), ("after_space", decoupled.first), ("after_time", decoupled.both)]

    def group(self) -> MeasurementGroup:
        """Counts, sparsity and speed, all measured in the outline of the contrast picture."""
        summary, part = self.summary(), self._clip.part
        corners = ((part.x0, part.y0), (part.x1, part.y0), (part.x1, part.y1), (part.x0, part.y1))
        outline = Region(Shape.POLYGON, tuple((float(x), float(y)) for x, y in corners), self._refs[0])
        wanted: list[tuple[Code, float | None, Unit, Code | None]] = [
            (local("FRAMESIN", "Frames analysed"), summary["frames_in"], FRAME, None),
            (local("FRAMESOUT", "Frames after decoupling"), summary["frames_out"], FRAME, None),
            (local("LOCALISATIONS", "Microbubbles localised"), summary["localisations"], COUNT, None),
            (local("TRACKS", "Microbubble tracks"), summary["tracks"], COUNT, None),
            (PER_FRAME, summary["bubbles_per_frame_mean"], COUNT, MEAN),
            (PER_FRAME, summary["bubbles_per_frame_max"], COUNT, MAXIMUM),
        ]
        for number, (stage, sparsity) in enumerate(self._sparsities()):
            when = stage.replace("_", " ")
            wanted.append((local(f"SPACESPARSE{number}", f"Sparsity in space {when}"), sparsity.space, NO_UNITS, None))
            wanted.append((local(f"TIMESPARSE{number}", f"Sparsity in time {when}"), sparsity.time, NO_UNITS, None))
        speed = summary["mean_speed_mm_per_s"] if self._physical else summary["mean_speed_px_per_frame"]
        wanted.append((SPEED, speed, self._speed_unit, MEAN))
        measurements = tuple(
            Measurement(name, float(value), unit, derivation=derivation, inferred_from=outline)
            for name, value, unit, derivation in wanted
            if value is not None
        )
        return MeasurementGroup(self._name, MICROBUBBLES, self._refs[:1], measurements=measurements)

    def segment(self) -> Segment:
        """The bubble region of the first decoupling."""
        clip, volume = self._clip, self._item.volume
        shape = (len(clip.frames), volume.rows, volume.columns)
        return Segment(
            label=f"Microbubble region{self._title}",
            category=SUBSTANCE,
            type=CONTRAST_AGENT,
            masks=BubbleMasks(clip.frames, self._options.space.threshold, clip.part, shape),
            frames=self._refs,
            tracking_id=self._name,
            description=f"Binarised by {self._options.threshold}",
        )

    def pictures(self) -> list[Picture]:
        """Density, speed and tracks, in colour."""
        item, clip = self._item, self._clip
        fine = Scale(item.factor, clip.spacing)
        made = (
            ("density", "Microbubble density", density_picture(item.density, fine)),
            ("velocity", "Microbubble speed", speed_picture(item.mean_speed, self._speed_unit.meaning, fine)),
            ("tracks", "Microbubble tracks", tracks_picture(clip.frames, item.found, clip.spacing)),
        )
        return [
            Picture(
                title=f"ULM {title.lower()}{self._title}",
                pixels=ArrayPixels(pixels[None]),
                source=self._refs,
                role=f"{role}_picture{self._suffix}",
                description=f"{title} from {len(clip.frames)} frames",
            )
            for role, title, pixels in made
        ]

    def maps(self) -> list[ScalarMap]:
        """Density and speed as 16-bit images on the finer grid."""
        item = self._item
        made = (
            ("density_map", "density", item.density, DENSITY, COUNT),
            ("velocity_map", "speed", np.nan_to_num(item.mean_speed, nan=0.0), SPEED, self._speed_unit),
        )
        return [
            ScalarMap(
                title=f"ULM {what} map{self._title}",
                values=values,
                quantity=quantity,
                unit=unit,
                source=self._refs,
                role=f"{role}{self._suffix}",
                placement=self._fine_grid(),
                description=f"{quantity.meaning}, {item.factor} map pixels per picture pixel each way; 0: none seen.",
            )
            for role, what, values, quantity, unit in made
        ]

    def _fine_grid(self) -> Placement:
        """Map pixel (0, 0) is the first 1 / factor of the clip's first pixel, whose edge lies at -0.5."""
        clip, factor = self._clip, self._item.factor
        shift = 0.5 / factor - 0.5
        spacing = Spacing(clip.spacing.row_mm / factor, clip.spacing.column_mm / factor) if clip.spacing else None
        return Placement(clip.part.x0 + shift, clip.part.y0 + shift, factor, spacing)

    def derived(self) -> list[DerivedSeries]:
        """The decoupled series S_S, where it was made and is wanted; in parts where one object would be too large."""
        decoupled = self._item.decoupled
        if decoupled is None or not self._options.series:
            return []
        total, rows, columns = decoupled.frames.shape
        length = max(1, LARGEST_OBJECT_BYTES // (rows * columns))
        stretches = [Stretch(decoupled.frames, a, min(a + length, total)) for a in range(0, total, length)]
        return [self._derived(stretch, n, len(stretches)) for n, stretch in enumerate(stretches, start=1)]

    def _derived(self, frames: Stretch, number: int, count: int) -> DerivedSeries:
        clip, decoupled = self._clip, self._item.decoupled
        time = decoupled.time
        lengths = ", ".join(f"scale {scale}: {length}" for scale, length in decoupled.lengths.items())
        title, place = "", ""
        if count > 1:
            title = f", part {number} of {count}"
            place = f" These are frames {frames.first + 1} to {frames.end} of {decoupled.frames.shape[0]}."
        return DerivedSeries(
            title=f"ULM decoupled series{self._title}{title}",
            pixels=frames,
            source=self._refs,
            role=f"decoupled{self._suffix}{f'_part_{number}' if number > 1 else ''}",
            derivation=DECOUPLING,
            description=f"Grey value times {self._options.distance} distance to background, then {time.wavelet} "
            f"decomposition of each pixel's signal; frames by {lengths}; {time.sign} coefficients.{place}",
            frame_time_s=clip.display_frame_time_s,
            placement=Placement(clip.part.x0, clip.part.y0, 1.0, clip.spacing),
            timing_note="Frames are positions of wavelet kernels, scale after scale; their times are not times of "
            "acquisition.",
            value_scale=((decoupled.high - decoupled.low) / 255, decoupled.low, NO_UNITS),
        )

    def table(self) -> Table:
        """Positions on the source picture; amplitude relative to the largest grey value that can be stored."""
        found, clip = self._item.found, self._clip
        rows = zip(
            found.frame.tolist(),
            found.track.tolist(),
            np.round(found.x_px + clip.part.x0, 3).tolist(),
            np.round(found.y_px + clip.part.y0, 3).tolist(),
            np.round(found.amplitude / clip.full_scale, 4).tolist(),
            strict=True,
        )
        return Table(f"localisations{self._suffix}", ("frame", "track", "x_px", "y_px", "amplitude"), tuple(rows))

    def notes(self) -> list[str]:
        """How the clip was read and what is missing."""
        item, clip = self._item, self._clip
        told = [*clip.notes, *(f"the header gives no {missing}" for missing in clip.missing), *item.notes]
        told += item.found.quality.notes()
        if item.decoupled:
            told += item.decoupled.notes
            told.append(
                f"stored values of the decoupled series stand for {item.decoupled.low:.4g} ... "
                f"{item.decoupled.high:.4g} (grey value x pixels), beyond is cut"
            )
        return [f"{self._name}: {note}" for note in told]
