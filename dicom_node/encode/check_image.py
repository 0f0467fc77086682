"""What the judge asks of images: pixels as long as the header says, and attributes that agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_node.encode.reader import PixelElement
from dicom_node.encode.writer import pixel_bytes

_SAMPLES = {"MONOCHROME2": 1, "RGB": 3}  # what the encoders write
_FRAME_GROUPS = ("FrameContentSequence", "SegmentIdentificationSequence", "DerivationImageSequence")


def image_faults(dataset: Dataset, pixels: PixelElement | None, path: Path) -> Iterator[str]:
    """What is wrong with an image; nothing for an object without Rows."""
    if "Rows" not in dataset:
        return
    yield from _pixel_faults(dataset, pixels, path)
    yield from _display_faults(dataset)
    yield from _region_faults(dataset)
    if "SharedFunctionalGroupsSequence" in dataset:
        yield from _frame_faults(dataset)


def _pixel_faults(dataset: Dataset, pixels: PixelElement | None, path: Path) -> Iterator[str]:
    if pixels is None:
        yield "it has no pixel data"
        return
    needed = pixel_bytes(dataset)
    if pixels.length != needed + needed % 2:
        yield f"its pixel data have {pixels.length} bytes, {needed} follow from rows, columns and frames"
    end, size = pixels.offset + pixels.length, path.stat().st_size
    if end != size:
        yield f"its file ends at byte {size}, its pixel data at {end}"
    vr = "OW" if dataset.BitsAllocated > 8 else "OB"
    if pixels.vr != vr:
        yield f"its pixel data have VR {pixels.vr}; {vr} is needed for {dataset.BitsAllocated} bits"
    if _SAMPLES.get(dataset.PhotometricInterpretation) != dataset.SamplesPerPixel:
        yield f"{dataset.SamplesPerPixel} samples per pixel do not make {dataset.PhotometricInterpretation}"
    if not dataset.HighBit + 1 == dataset.BitsStored <= dataset.BitsAllocated:
        yield f"bits allocated, stored and high are {dataset.BitsAllocated}, {dataset.BitsStored}, {dataset.HighBit}"


def _display_faults(dataset: Dataset) -> Iterator[str]:
    """How frames follow each other, how values are scaled and windowed, how large pixels are."""
    pointer = dataset.get("FrameIncrementPointer")
    if pointer is not None and Tag(pointer) not in dataset:
        yield "FrameIncrementPointer leads to an attribute that is absent"
    if "NumberOfFrames" in dataset and int(dataset.NumberOfFrames) < 1:
        yield "NumberOfFrames is less than 1"
    for keyword in ("RescaleSlope", "FrameTime", "PixelSpacing"):
        if keyword in dataset and not all(value > 0 for value in _numbers(dataset, keyword)):
            yield f"{keyword} is not greater than 0"
    if "WindowWidth" in dataset and not all(width >= 1 for width in _numbers(dataset, "WindowWidth")):
        yield "WindowWidth is less than 1"  # PS3.3 C.11.2.1.2.1


def _region_faults(dataset: Dataset) -> Iterator[str]:
    for item in dataset.get("SequenceOfUltrasoundRegions") or []:
        across = 0 <= item.RegionLocationMinX0 <= item.RegionLocationMaxX1 < dataset.Columns
        down = 0 <= item.RegionLocationMinY0 <= item.RegionLocationMaxY1 < dataset.Rows
        if not (across and down):
            yield "an ultrasound region lies outside of the picture"


def _frame_faults(dataset: Dataset) -> Iterator[str]:
    """Functional groups: one item a frame, with its source frame, its segment and a place in every dimension."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) != int(dataset.NumberOfFrames):
        yield f"{dataset.NumberOfFrames} frames, but functional groups of {len(frames)}"
    segments = {item.SegmentNumber for item in dataset.get("SegmentSequence") or []}
    dimensions = len(dataset.get("DimensionIndexSequence") or [])
    for number, frame in enumerate(frames, start=1):
        absent = [keyword for keyword in _FRAME_GROUPS if not frame.get(keyword)]
        if absent:
            yield f"frame {number} lacks {', '.join(absent)}"
            continue
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber not in segments:
            yield f"frame {number} belongs to a segment that is not described"
        if len(_numbers(frame.FrameContentSequence[0], "DimensionIndexValues")) != dimensions:
            yield f"frame {number} has no value for each of the {dimensions} dimensions"


def _numbers(item: Dataset, keyword: str) -> list[float]:
    value = item[keyword].value
    return [float(part) for part in (value if item[keyword].VM > 1 else [value])]
