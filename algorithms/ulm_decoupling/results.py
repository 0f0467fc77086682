"""What the analysis of a series' clips becomes: an AnalysisResult in the words of TID 1500."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling import pictures
from algorithms.ulm_decoupling.binarise import Threshold, bubble_mask
from algorithms.ulm_decoupling.options import Options
from dicom_node.codes import (
    CONTRAST_AGENT,
    COUNT,
    FRAME,
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
from dicom_node.series import ArrayPixels, PixelSource, Spacing

if TYPE_CHECKING:
    from algorithms.ulm_decoupling.algorithm import Analysed

MICROBUBBLES = local("MICROBUBBLES", "Microbubbles of ultrasound contrast agent")
DECOUPLING = local("BUBBLEDECOUPLE", "Microbubble decoupling in space and time")
DENSITY = local("BUBBLEDENSITY", "Microbubble count per map pixel")
SPEED = local("BUBBLESPEED", "Microbubble speed")
DISPLAY_FRAME_TIME_S = 0.04
"""Display rate of a decoupled series whose source has no frame time."""


@dataclass(frozen=True)
class BubbleMasks:
    """A PixelSource: the bubble region of each frame on the whole picture, made when it is asked for."""

    frames: NDArray
    threshold: Threshold
    x0: int
    y0: int
    shape: tuple[int, int, int]
    dtype: np.dtype = field(default_factory=lambda: np.dtype(bool))

    def read(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Masks of frames ``start`` <= i < ``stop``."""
        part = self.frames[start:stop]
        rows, columns = part.shape[1:]
        masks = np.zeros((len(part), *self.shape[1:]), bool)
        for mask, frame in zip(masks, part, strict=True):
            mask[self.y0 : self.y0 + rows, self.x0 : self.x0 + columns] = bubble_mask(np.asarray(frame), self.threshold)
        return masks


def compose(clips: Sequence[Analysed], options: Options, notes: tuple[str, ...]) -> AnalysisResult:
    """One result from one clip or several; the second clip's objects and tables carry the number 2, and so on."""
    parts = [_ClipResult(item, number, len(clips) > 1, options) for number, item in enumerate(clips, start=1)]
    summaries = [part.summary() for part in parts]
    found = sum(len(item.found) for item in clips)
    return AnalysisResult(
        summary={**summaries[0], "clips": summaries},
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

    def __init__(self, item: Analysed, number: int, several: bool, options: Options) -> None:
        self._item, self._options = item, options
        self._suffix = f"_{number}" if number > 1 else ""
        self._name = f"contrast clip {number}" if several else "contrast clip"
        self._title = f" (clip {number})" if several else ""
        self._refs = tuple(frame.ref for frame in item.volume.frames)
        self._physical = item.clip.spacing is not None and item.clip.frame_time_s is not None

    @property
    def _speed_unit(self) -> Unit:
        return MILLIMETRE_PER_SECOND if self._physical else PIXEL_PER_FRAME

    @property
    def _square_mm(self) -> float | None:
        """Pixel size for a scale bar along x."""
        return self._item.clip.spacing.column_mm if self._item.clip.spacing else None

    def summary(self) -> dict[str, Any]:
        """Stable keys; what the header does not allow to know is null."""
        item, clip, found = self._item, self._item.clip, self._item.found
        counts = np.bincount(found.frame, minlength=len(clip.frames)) if len(found) else np.zeros(len(clip.frames))
        speed = item.speed[np.isfinite(item.speed)]
        mean_speed = float(speed.mean()) if speed.size else None
        values: dict[str, Any] = {
            "sop_instance_uid": self._refs[0].sop_instance_uid,
            "frames_in": len(clip.frames),
            "frames_out": int(item.decoupled.frames.shape[0]) if item.decoupled else 0,
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
            "region_px": [clip.x0, clip.y0, clip.x0 + clip.frames.shape[2] - 1, clip.y0 + clip.frames.shape[1] - 1],
            "super_resolution_factor": item.maps.factor,
            "missing": list(clip.missing),
        }
        if item.decoupled:
            for when, sparsity in self._sparsities():
                values[f"sparsity_space_{when}"] = sparsity.space
                values[f"sparsity_time_{when}"] = sparsity.time
        return values

    def _sparsities(self):
        decoupled = self._item.decoupled
        return (("before", decoupled.before), ("after_space", decoupled.first), ("after_time", decoupled.both))

    def group(self) -> MeasurementGroup:
        """Counts, sparsity and speed, all measured in the outline of the contrast picture."""
        summary, clip = self.summary(), self._item.clip
        rows, columns = clip.frames.shape[1:]
        corners = ((0, 0), (columns - 1, 0), (columns - 1, rows - 1), (0, rows - 1))
        points = tuple((float(clip.x0 + x), float(clip.y0 + y)) for x, y in corners)
        outline = Region(Shape.POLYGON, points, self._refs[0])
        wanted: list[tuple[str, str, float | None, Unit, Code | None]] = [
            ("FRAMESIN", "Frames analysed", summary["frames_in"], FRAME, None),
            ("FRAMESOUT", "Frames after decoupling", summary["frames_out"], FRAME, None),
            ("LOCALISATIONS", "Microbubbles localised", summary["localisations"], COUNT, None),
            ("TRACKS", "Microbubble tracks", summary["tracks"], COUNT, None),
            ("PERFRAME", "Microbubbles per frame", summary["bubbles_per_frame_mean"], COUNT, MEAN),
        ]
        if self._item.decoupled:
            for when, sparsity in self._sparsities():
                stage = when.replace("_", " ")
                short = {"before": "0", "after_space": "1", "after_time": "2"}[when]
                wanted.append((f"SPACESPARSE{short}", f"Sparsity in space {stage}", sparsity.space, NO_UNITS, None))
                wanted.append((f"TIMESPARSE{short}", f"Sparsity in time {stage}", sparsity.time, NO_UNITS, None))
        speed = summary["mean_speed_mm_per_s"] if self._physical else summary["mean_speed_px_per_frame"]
        wanted.append((SPEED.value, SPEED.meaning, speed, self._speed_unit, MEAN))
        measurements = tuple(
            Measurement(local(code, meaning), float(value), unit, derivation=derivation, inferred_from=outline)
            for code, meaning, value, unit, derivation in wanted
            if value is not None
        )
        return MeasurementGroup(self._name, MICROBUBBLES, self._refs[:1], measurements=measurements)

    def segment(self) -> Segment:
        """The bubble region of the first decoupling."""
        clip, volume = self._item.clip, self._item.volume
        shape = (len(clip.frames), volume.rows, volume.columns)
        masks: PixelSource = BubbleMasks(clip.frames, self._options.space.threshold, clip.x0, clip.y0, shape)
        return Segment(
            label=f"Microbubble region{self._title}",
            category=SUBSTANCE,
            type=CONTRAST_AGENT,
            masks=masks,
            frames=self._refs,
            tracking_id=self._name,
            description=f"Binarised by {self._options.threshold}",
        )

    def pictures(self) -> list[Picture]:
        """Density, speed and tracks, in colour."""
        item, speed_unit = self._item, self._speed_unit.meaning
        made = (
            ("density", "Microbubble density", pictures.density_picture(item.maps, self._square_mm)),
            (
                "velocity",
                "Microbubble speed",
                pictures.speed_picture(item.maps, item.speed, speed_unit, self._square_mm),
            ),
            ("tracks", "Microbubble tracks", pictures.found_picture(item.clip.frames, item.found, self._square_mm)),
        )
        return [
            Picture(
                title=f"ULM {title.lower()}{self._title}",
                pixels=ArrayPixels(pixels[None]),
                source=self._refs[:1],
                role=f"{role}_picture{self._suffix}",
                description=f"{title} from {len(item.clip.frames)} frames, {item.maps.factor} map pixels per pixel",
            )
            for role, title, pixels in made
        ]

    def maps(self) -> list[ScalarMap]:
        """Density and speed as 16-bit images on the finer grid."""
        item = self._item
        placement = self._fine_grid()
        speed = np.nan_to_num(item.speed, nan=0.0)
        made = (
            ("density_map", "density", item.maps.density, DENSITY, COUNT),
            ("velocity_map", "speed", speed, SPEED, self._speed_unit),
        )
        return [
            ScalarMap(
                title=f"ULM {what} map{self._title}",
                values=values,
                quantity=quantity,
                unit=unit,
                source=self._refs[:1],
                role=f"{role}{self._suffix}",
                placement=placement,
                description=f"{quantity.meaning}; 0 where no bubble was seen",
            )
            for role, what, values, quantity, unit in made
        ]

    def _fine_grid(self) -> Placement:
        """Map pixel (0, 0) covers the first 1 / factor of the clip's first pixel (see VesselMaps)."""
        clip, factor = self._item.clip, self._item.maps.factor
        shift = 0.5 / factor - 0.5
        spacing = Spacing(clip.spacing.row_mm / factor, clip.spacing.column_mm / factor) if clip.spacing else None
        return Placement(clip.x0 + shift, clip.y0 + shift, factor, spacing)

    def derived(self) -> list[DerivedSeries]:
        """The decoupled series S_S, where it was made and is wanted."""
        clip, decoupled = self._item.clip, self._item.decoupled
        if decoupled is None or not self._options.series:
            return []
        time = decoupled.time
        lengths = ", ".join(f"scale {scale}: {count}" for scale, count in decoupled.lengths.items())
        return [
            DerivedSeries(
                title=f"ULM decoupled series{self._title}",
                pixels=decoupled.frames,
                source=self._refs,
                role=f"decoupled{self._suffix}",
                derivation=DECOUPLING,
                description=f"Grey value times {self._options.distance} distance to background, then {time.wavelet} "
                f"decomposition of each pixel's signal; frames by {lengths}; {time.sign} coefficients",
                frame_time_s=clip.frame_time_s or DISPLAY_FRAME_TIME_S,
                placement=Placement(clip.x0, clip.y0, 1.0, clip.spacing),
                timing_note="Frames are positions of wavelet kernels, scale after scale; their times are not times of "
                "acquisition.",
                value_scale=((decoupled.high - decoupled.low) / 255, decoupled.low, NO_UNITS),
            )
        ]

    def table(self) -> Table:
        """Positions on the source picture; amplitude relative to the largest grey value."""
        found, clip = self._item.found, self._item.clip
        rows = zip(
            found.frame.tolist(),
            found.track.tolist(),
            np.round(found.x_px + clip.x0, 3).tolist(),
            np.round(found.y_px + clip.y0, 3).tolist(),
            np.round(found.amplitude / clip.full_scale, 4).tolist(),
            strict=True,
        )
        return Table(f"localisations{self._suffix}", ("frame", "track", "x_px", "y_px", "amplitude"), tuple(rows))

    def notes(self) -> list[str]:
        """How the clip was read and what is missing."""
        item = self._item
        found = [f"{self._name}: {note}" for note in item.clip.notes]
        found += [f"{self._name}: the header gives no {missing}" for missing in item.clip.missing]
        if item.decoupled:
            found += [f"{self._name}: {note}" for note in item.decoupled.notes]
            found.append(
                f"{self._name}: stored values of the decoupled series stand for {item.decoupled.low:.4g} ... "
                f"{item.decoupled.high:.4g} (grey value x pixels), beyond is cut"
            )
        return found
