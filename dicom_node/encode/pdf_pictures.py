"""The pictures of the PDF: source frames with what was measured on them, and what the algorithm drew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_node.encode.comparison import regions_of
from dicom_node.encode.header import Context
from dicom_node.encode.job import Outcome
from dicom_node.encode.source_frame import shown_frame
from dicom_node.result import AnalysisResult, Region, Shape
from dicom_node.series import FrameRef, PixelSource

MOST_FRAMES = 4
MOST_PICTURES = 4


@dataclass(frozen=True, slots=True)
class Drawing:
    """A region over a picture: points (x, y) in pixels, pixel centres at integers. ``drafted``: no longer so."""

    shape: Shape
    points: tuple[tuple[float, float], ...]
    drafted: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with its words. ``pixels``: (rows, columns, 3) uint8; ``stretch``: height of a pixel over its width."""

    pixels: NDArray[np.uint8]
    caption: str
    drawings: tuple[Drawing, ...] = ()
    stretch: float = 1.0


def pictures_of(confirmed: AnalysisResult, drafted: AnalysisResult, context: Context) -> tuple[list[Shown], list[str]]:
    """What is shown, the source first; and sentences on what is not."""
    shown: list[Shown] = []
    remarks: list[str] = []
    frames, further = _frames_to_show(confirmed, drafted)
    for ref in frames:
        picture = _source(ref, confirmed, drafted, context)
        if picture is None:
            remarks.append(f"The pixels of {_frame_in_words(ref, context)} cannot be shown here.")
        else:
            shown.append(picture)
    if further:
        remarks.append(f"Regions lie on {further} more frames: see the report in the archive.")
    for picture in confirmed.pictures[:MOST_PICTURES]:
        shown += _drawn(picture.title, picture.pixels, context)
    if len(confirmed.pictures) > MOST_PICTURES:
        titles = ", ".join(picture.title for picture in confirmed.pictures[MOST_PICTURES:])
        remarks.append(f"More pictures are in the study: {titles}.")
    return shown, remarks


def _frames_to_show(confirmed: AnalysisResult, drafted: AnalysisResult) -> tuple[list[FrameRef], int]:
    """Frames on which a region was changed; else all that have some, or, of many, the one that has most of them.

    Also how many more have some.
    """
    regions = Counter(region.frame for region in regions_of(confirmed))
    before = set(regions_of(drafted))
    changed = dict.fromkeys(region.frame for region in regions_of(confirmed) if region not in before)
    if changed:
        chosen = list(changed)[:MOST_FRAMES]
    elif 0 < len(regions) <= MOST_FRAMES:
        chosen = list(regions)
    else:
        key = [ref for selection in confirmed.key_frames for ref in selection.frames]
        evidence = [ref for group in confirmed.groups for ref in group.evidence]
        marked = [ref for ref in key if ref in regions] or [ref for ref, _ in regions.most_common(1)]
        chosen = (marked or key or evidence)[:1]
    return chosen, len(set(regions) - set(chosen))


def _source(ref: FrameRef, confirmed: AnalysisResult, drafted: AnalysisResult, context: Context) -> Shown | None:
    instance = context.sources.check_frame(ref, "the PDF")
    pixels = shown_frame(instance, ref.frame_number)
    if pixels is None:
        return None
    after = [region for region in regions_of(confirmed) if region.frame == ref]
    before = [region for region in regions_of(drafted) if region.frame == ref and region not in after]
    caption = f"Source: {_frame_in_words(ref, context)}."
    if before:
        caption += " Solid: as confirmed; dashed: as drafted."
    elif after:
        caption += " Lines: where it was measured."
    spacing = instance.spacing
    stretch = spacing.row_mm / spacing.column_mm if spacing is not None else 1.0
    return Shown(pixels, caption, (*_drawings(before, True), *_drawings(after, False)), stretch)


def _drawings(regions: Sequence[Region], drafted: bool) -> Iterator[Drawing]:
    return (Drawing(region.shape, region.points, drafted) for region in regions)


def _frame_in_words(ref: FrameRef, context: Context) -> str:
    instances = list(context.sources.instances)
    image = f"image {instances.index(ref.sop_instance_uid) + 1} of {len(instances)}"
    return image if ref.frame_number is None else f"{image}, frame {ref.frame_number}"


def _drawn(title: str, source: PixelSource, context: Context) -> Iterator[Shown]:
    """Every frame of a short picture, the middle one of a longer."""
    count = source.shape[0]
    act = context.job.verification
    corrected = act is not None and act.outcome is Outcome.CORRECTED
    for frame in range(count) if count <= MOST_FRAMES else (count // 2,):
        words = f"Algorithm: {title}"
        if count > 1:
            words += f" (frame {frame + 1} of {count})"
        if corrected:
            words += ", as drawn before the correction"
        yield Shown(np.ascontiguousarray(source.read(frame, frame + 1)[0]), f"{words}.")
