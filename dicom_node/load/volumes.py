"""Instances as volumes: a multi-frame clip each, a slice of a stack each, a single image each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dicom_node.load.finish import FramePixels, Palette, StoredFrame, finish_of, palette_of
from dicom_node.load.header import text, value, whole
from dicom_node.load.instance import Instance, is_encapsulated
from dicom_node.load.pixels import open_frames
from dicom_node.load.planes import acquired
from dicom_node.load.regions import regions_of
from dicom_node.load.slices import PlacedFrame, slice_timing, slices_of
from dicom_node.load.timing import clip_timing
from dicom_node.series import Frame, FrameRef, Timing, Volume

LOSSY_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81")


def volumes_of(instances: Sequence[Instance], scratch: Path, notes: list[str]) -> tuple[Volume, ...]:
    """All volumes, series by series in the order of ``instances``; within one, clips and images before slices."""
    volumes: list[Volume] = []
    for series_uid in dict.fromkeys(instance.series_uid for instance in instances):
        members = [instance for instance in instances if instance.series_uid == series_uid]
        placed: list[PlacedFrame] = []
        for index, instance in enumerate(members):
            frames = _placed_frames(index, instance, scratch, notes)
            if all(frame.acquired.plane is not None for frame in frames):
                placed.extend(frames)
            else:
                volumes.append(_clip(instance, frames, notes))
        volumes.extend(_slices(members, placed, notes))
    return tuple(volumes)


def _placed_frames(index: int, instance: Instance, scratch: Path, notes: list[str]) -> list[PlacedFrame]:
    image = instance.image
    assert image is not None
    stored = open_frames(instance, scratch)
    palette: Palette | None = palette_of(instance) if image.photometric == "PALETTE COLOR" else None
    notes.extend(f"instance {instance.sop_instance_uid}: {note}" for note in _pixel_notes(instance))
    multi_frame = value(instance.header, "NumberOfFrames") is not None
    instance_number = whole(instance.header, "InstanceNumber")
    return [
        PlacedFrame(
            frame=Frame(
                ref=FrameRef(instance.sop_class_uid, instance.sop_instance_uid, number + 1 if multi_frame else None),
                plane=place.plane,
                instance_number=instance_number,
            ),
            pixels=StoredFrame(stored, number, finish_of(instance, palette, place.rescale)),
            acquired=place,
            series_uid=instance.series_uid,
            instance=index,
        )
        for number, place in enumerate(acquired(instance.header, image.frames))
    ]


def _pixel_notes(instance: Instance) -> list[str]:
    image, pixels = instance.image, instance.pixels
    assert image is not None
    notes = []
    if image.photometric == "MONOCHROME1":
        notes.append("MONOCHROME1 turned over, so that larger is brighter (unless rescaled to a quantity)")
    if value(instance.header, "PixelRepresentation") is None and pixels is not None and pixels.keyword == "PixelData":
        notes.append("PixelRepresentation is absent; the values were taken as unsigned")
    if not is_encapsulated(instance.pixel_syntax) and pixels is not None and pixels.length is not None:
        spare = pixels.length - image.stored_frame_bits * image.frames // 8
        if spare >= image.stored_frame_bits // 8:
            notes.append(f"{spare} bytes of pixel data beyond NumberOfFrames were left out")
    return notes


def _clip(instance: Instance, frames: Sequence[PlacedFrame], notes: list[str]) -> Volume:
    """A multi-frame clip or a single image: the order of the file is the order of time."""
    image = instance.image
    assert image is not None
    own: list[str] = []
    timing = clip_timing(instance.header, image.frames, own)
    regions = regions_of(instance.header, image.rows, image.columns, own)
    if value(instance.header, "PixelSpacing") is not None:
        own.append("PixelSpacing was not used: without regions or an image plane it does not say where it holds")
    notes.extend(f"instance {instance.sop_instance_uid}: {note}" for note in own)
    return replace(_volume(instance, frames, timing), regions=regions)


def _slices(members: Sequence[Instance], placed: Sequence[PlacedFrame], notes: list[str]) -> list[Volume]:
    slices = slices_of(placed)
    counts = {len(part.frames) for part in slices}
    if len(counts) > 1:
        notes.append(
            f"series {members[0].series_uid}: slices have {min(counts)} to {max(counts)} frames, not equally many"
        )
    return [
        replace(
            _volume(
                members[part.frames[0].instance], part.frames, slice_timing(part.frames, _name(part.frames), notes)
            ),
            spacing=part.frames[0].acquired.spacing,
            slice_index=part.index,
            cardiac_images=part.frames[0].acquired.cardiac_images,
        )
        for part in slices
    ]


def _name(frames: Sequence[PlacedFrame]) -> str:
    return f"slice that starts with instance {frames[0].frame.ref.sop_instance_uid}"


def _volume(instance: Instance, frames: Sequence[PlacedFrame], timing: Timing | None) -> Volume:
    """The part that clips and slices share; what ``instance`` says holds for all its frames."""
    image = instance.image
    assert image is not None
    times: Sequence[float | None] = timing.times_s if timing else [None] * len(frames)
    in_cycle = timing is not None and timing.source in ("TriggerTime", "NominalCardiacTriggerDelayTime")
    return Volume(
        frames=tuple(
            replace(
                frame.frame,
                time_s=time,
                cardiac_phase=position if in_cycle else None,
            )
            for position, (frame, time) in enumerate(zip(frames, times, strict=True), start=1)
        ),
        pixels=FramePixels([frame.pixels for frame in frames]),
        series_uid=instance.series_uid,
        modality=text(instance.header, "Modality"),
        timing=timing,
        photometric=image.photometric,
        bits_stored=8 if image.photometric == "PALETTE COLOR" else image.bits_stored,
        lossy=text(instance.header, "LossyImageCompression") == "01" or instance.transfer_syntax in LOSSY_SYNTAXES,
        burned_in_annotation=text(instance.header, "BurnedInAnnotation") != "NO",
    )
