"""Segmentation (PS3.3 A.51), BINARY, for stills, ultrasound clips, cine stacks and volumes.

Made by hand: highdicom refuses several frames without a frame of reference (ultrasound) and several frames at one
position (cine). Every frame says by Derivation Image which source frame it marks; where the sources have planes
in the patient the frames have them too. Masks are read a few at a time and packed straight into the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from highdicom.color import CIELabColor
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage
from pydicom.valuerep import DSfloat

from dicom_node.codes import SEGMENTATION_DERIVATION, SOURCE_FOR_PROCESSING
from dicom_node.encode.attributes import exact, first_value
from dicom_node.encode.header import (
    Context,
    Place,
    add_general_image,
    add_lossy,
    add_pixel_description,
    common_header,
    lossy_of,
)
from dicom_node.encode.items import concept, fit, frames_by_instance, reference, sentence
from dicom_node.encode.job import EncodedObject
from dicom_node.encode.source import Sources, planes_of_frames
from dicom_node.encode.writer import FRAMES_AT_ONCE, FrameItems, encoded_code_sequence, write_object
from dicom_node.errors import InvalidResult
from dicom_node.result import Segment
from dicom_node.series import FrameRef, Plane, Spacing

SEGMENTATION_SOP_CLASS = str(SegmentationStorage)
_COPY_BYTES = 1 << 20


def encode_segmentation(
    segments: Sequence[Segment], context: Context, place: Place, folder: Path
) -> tuple[EncodedObject | None, tuple[Segment, ...]]:
    """One SEG of segments that share a picture size.

    Returns:
        The object, and the segments that mark no pixel on any frame: they are left out, and where all are, so is
        the object (``None``).
    """
    geometry = _Geometry.of(context.sources, [ref for segment in segments for ref in segment.frames], place.role)
    with tempfile.TemporaryFile(dir=folder) as bits:
        packer = _BitPacker(bits)
        marked, items, refs = _pack(segments, geometry, packer)
        if not marked:
            return None, tuple(segments)
        dataset = _header(context, place, marked, refs, geometry)
        dataset.NumberOfFrames = len(refs)
        packer.close()
        bits.seek(0)
        written = write_object(dataset, place.role, folder, _parts(bits), items)
    return written, tuple(segment for segment in segments if not any(segment is one for one in marked))


def by_picture_size(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments that can go into one object: all frames of a SEG have the same rows and columns."""
    sizes: dict[tuple[int, int], list[Segment]] = {}
    for segment in segments:
        sizes.setdefault((segment.masks.shape[1], segment.masks.shape[2]), []).append(segment)
    return list(sizes.values())


@dataclass(frozen=True)
class _Geometry:
    """Of every frame that is named: its place in time and, where the sources have one frame of reference, in space."""

    time_index: dict[FrameRef, int]
    position_index: dict[FrameRef, int]
    planes: dict[FrameRef, tuple[Plane, Spacing]]
    sources: Sources

    @classmethod
    def of(cls, sources: Sources, refs: Iterable[FrameRef], asked_by: str) -> _Geometry:
        ordered = sorted(dict.fromkeys(refs), key=lambda ref: _acquisition_order(sources, ref, asked_by))
        planes = _planes(sources, ordered)
        places = {ref: planes[ref][0].position_mm if planes else () for ref in ordered}
        along = sorted(dict.fromkeys(places.values()), key=lambda place: _along_normal(place, planes))
        positions = {place: number for number, place in enumerate(along, start=1)}
        time_index: dict[FrameRef, int] = {}
        seen: dict[tuple[float, ...], int] = {}
        for ref in ordered:
            seen[places[ref]] = time_index[ref] = seen.get(places[ref], 0) + 1
        return cls(time_index, {ref: positions[places[ref]] for ref in ordered}, planes, sources)


def _along_normal(position_mm: tuple[float, ...], planes: dict[FrameRef, tuple[Plane, Spacing]]) -> float:
    """How far a position lies in the direction of the slices, mm."""
    if not planes:
        return 0.0
    plane, _ = next(iter(planes.values()))
    return float(np.dot(position_mm, np.cross(plane.row_direction, plane.column_direction)))


def _acquisition_order(sources: Sources, ref: FrameRef, asked_by: str) -> tuple[float, ...]:
    instance = sources.check_frame(ref, asked_by)
    if ref.frame_number is None and (instance.frames or 1) > 1:
        raise InvalidResult(
            f"{asked_by} marks SOP instance {ref.sop_instance_uid}, which has {instance.frames} frames, without "
            "saying which: a mask is that of one frame"
        )
    return (*instance.order, ref.frame_number or 0)


def _planes(sources: Sources, refs: Sequence[FrameRef]) -> dict[FrameRef, tuple[Plane, Spacing]]:
    """Planes of all frames, or none: a frame of reference holds for the whole object."""
    planes: dict[FrameRef, tuple[Plane, Spacing]] = {}
    enhanced: dict[str, list[tuple[Plane, Spacing] | None]] = {}
    for ref in refs:
        instance = sources.instances[ref.sop_instance_uid]
        if instance.plane is not None and instance.spacing is not None:
            planes[ref] = (instance.plane, instance.spacing)
        elif ref.frame_number is not None:
            uid = ref.sop_instance_uid
            if uid not in enhanced:
                enhanced[uid] = planes_of_frames(sources.header(uid))
            if ref.frame_number > len(enhanced[uid]) or (found := enhanced[uid][ref.frame_number - 1]) is None:
                return {}
            planes[ref] = found
        else:
            return {}
    references = {plane.frame_of_reference_uid for plane, _ in planes.values()}
    return planes if len(references) == 1 else {}


class _BitPacker:
    """Writes masks as BINARY pixel data: a bit each, the least significant first, frames not aligned to bytes.

    PS3.5 8.1.1 and PS3.3 C.7.6.3.1.1.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = np.zeros(0, np.uint8)

    def add(self, mask: NDArray[np.bool_]) -> None:
        bits = np.concatenate([self._rest, mask.reshape(-1).view(np.uint8)])
        whole = bits.size - bits.size % 8
        self._file.write(np.packbits(bits[:whole], bitorder="little").tobytes())
        self._rest = bits[whole:].copy()

    def close(self) -> None:
        self._file.write(np.packbits(self._rest, bitorder="little").tobytes())
        self._rest = np.zeros(0, np.uint8)


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(_COPY_BYTES):
        yield part


def _pack(
    segments: Sequence[Segment], geometry: _Geometry, packer: _BitPacker
) -> tuple[list[Segment], FrameItems, list[FrameRef]]:
    marked: list[Segment] = []
    items, refs = FrameItems(), []
    for segment in segments:
        before = len(refs)
        for ref, mask in _masks(segment):
            if mask.any():
                packer.add(mask)
                items.append(_frame_item(ref, len(marked) + 1, geometry))
                refs.append(ref)
        if len(refs) > before:
            marked.append(segment)
    return marked, items, refs


def _masks(segment: Segment) -> Iterator[tuple[FrameRef, NDArray[np.bool_]]]:
    count = len(segment.frames)
    for start in range(0, count, FRAMES_AT_ONCE):
        chunk = np.asarray(segment.masks.read(start, min(start + FRAMES_AT_ONCE, count)))
        if chunk.dtype != np.bool_ and not np.isin(chunk, (0, 1)).all():
            raise InvalidResult(f"segment {segment.label!r}: a mask holds 0 and 1 only")
        for offset, mask in enumerate(chunk):
            yield segment.frames[start + offset], np.ascontiguousarray(mask, dtype=np.bool_)


def _frame_item(ref: FrameRef, segment_number: int, geometry: _Geometry) -> Dataset:
    """Functional groups of one frame (PS3.3 table A.51-2)."""
    item = Dataset()
    index = [segment_number, geometry.time_index[ref]]
    if geometry.planes:
        index.append(geometry.position_index[ref])
        position = Dataset()
        position.ImagePositionPatient = _decimals(geometry.planes[ref][0].position_mm)
        item.PlanePositionSequence = [position]
    content = Dataset()
    content.DimensionIndexValues = index
    content.TemporalPositionIndex = geometry.time_index[ref]
    item.FrameContentSequence = [content]
    identification = Dataset()
    identification.ReferencedSegmentNumber = segment_number
    item.SegmentIdentificationSequence = [identification]
    item.DerivationImageSequence = [_derivation(ref, geometry.sources)]
    return item


def _derivation(ref: FrameRef, sources: Sources) -> Dataset:
    instance = sources.instances[ref.sop_instance_uid]
    numbered = ref.frame_number is not None and instance.frames is not None
    image = reference(instance.sop_class_uid, instance.sop_instance_uid, [ref.frame_number] if numbered else ())
    image.add(encoded_code_sequence("PurposeOfReferenceCodeSequence", SOURCE_FOR_PROCESSING))
    image.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.add(encoded_code_sequence("DerivationCodeSequence", SEGMENTATION_DERIVATION))
    derivation.SourceImageSequence = [image]
    return derivation


def _header(
    context: Context, place: Place, segments: Sequence[Segment], refs: list[FrameRef], geometry: _Geometry
) -> Dataset:
    dataset = common_header(context, place, SEGMENTATION_SOP_CLASS, "SEG")
    add_general_image(dataset, context, ("DERIVED", "PRIMARY"), f"{context.info.title}: {place.title}")
    dataset.BurnedInAnnotation = "NO"
    dataset.ContentLabel = "SEGMENTATION"
    dataset.ContentDescription = fit(" ".join((place.title, *context.statements)), 64)
    dataset.ContentCreatorName = "dicom-node"
    rows, columns = segments[0].masks.shape[1:]
    _check_size(context.sources, refs, rows, columns, place.role)
    add_pixel_description(dataset, rows, columns, bits=1, colour=False)
    add_lossy(dataset, lossy_of(context, tuple(refs)))
    dataset.SegmentationType = "BINARY"
    dataset.SegmentSequence = [_segment_item(segment, n, context) for n, segment in enumerate(segments, start=1)]
    _add_dimensions(dataset, context.uids.dimensions(place.role), bool(geometry.planes))
    _add_shared_groups(dataset, refs, geometry, context)
    dataset.ReferencedSeriesSequence = _referenced_series(context.sources, refs, place.role)
    return dataset


def _check_size(sources: Sources, refs: Iterable[FrameRef], rows: int, columns: int, role: str) -> None:
    for uid in dict.fromkeys(ref.sop_instance_uid for ref in refs):
        instance = sources.instances[uid]
        if (instance.rows, instance.columns) != (rows, columns):
            raise InvalidResult(
                f"{role}: masks of {rows} rows x {columns} columns on SOP instance {uid}, "
                f"which has {instance.rows} x {instance.columns}: a mask has the size of its source image"
            )


def _segment_item(segment: Segment, number: int, context: Context) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = fit(segment.label, 64)
    description = " ".join((*map(sentence, context.statements), segment.description)).strip()
    if description:
        item.SegmentDescription = fit(description, 1024)
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = fit(context.info.name, 64)
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = [concept(context.info.family)]
    algorithm.AlgorithmName = fit(context.info.name, 64)
    algorithm.AlgorithmVersion = fit(context.info.version, 64)
    item.SegmentationAlgorithmIdentificationSequence = [algorithm]
    item.SegmentedPropertyCategoryCodeSequence = [concept(segment.category)]
    item.SegmentedPropertyTypeCodeSequence = [concept(segment.type)]
    if segment.site is not None:
        item.AnatomicRegionSequence = [concept(segment.site)]
    item.TrackingID = segment.tracking_id
    item.TrackingUID = context.uids.tracking(segment.tracking_id)
    item.RecommendedDisplayCIELabValue = list(CIELabColor.from_rgb(*segment.colour_rgb).value)
    return item


def _add_dimensions(dataset: Dataset, organization_uid: str, with_position: bool) -> None:
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    dataset.DimensionOrganizationSequence = [organization]
    pointers = [
        ("ReferencedSegmentNumber", "SegmentIdentificationSequence", "Segment"),
        ("TemporalPositionIndex", "FrameContentSequence", "Temporal Position"),
    ]
    if with_position:
        pointers.append(("ImagePositionPatient", "PlanePositionSequence", "Image Position"))
    items = []
    for attribute, group, label in pointers:
        item = Dataset()
        item.DimensionIndexPointer = Tag(attribute)
        item.FunctionalGroupPointer = Tag(group)
        item.DimensionOrganizationUID = organization_uid
        item.DimensionDescriptionLabel = label
        items.append(item)
    dataset.DimensionIndexSequence = items


def _add_shared_groups(dataset: Dataset, refs: list[FrameRef], geometry: _Geometry, context: Context) -> None:
    shared = Dataset()
    if geometry.planes:
        plane, spacing = geometry.planes[refs[0]]
        if any(_differs(geometry.planes[ref], (plane, spacing)) for ref in refs):
            raise InvalidResult(
                "segmentation: its frames have different orientations or spacings; give one segment for each"
            )
        dataset.add(exact("FrameOfReferenceUID", plane.frame_of_reference_uid))
        header = context.sources.first
        dataset.PositionReferenceIndicator = fit(first_value(header, "PositionReferenceIndicator"), 64)
        measures = Dataset()
        measures.PixelSpacing = _decimals((spacing.row_mm, spacing.column_mm))
        if plane.thickness_mm is not None:
            measures.SliceThickness = _decimals((plane.thickness_mm,))[0]
        shared.PixelMeasuresSequence = [measures]
        orientation = Dataset()
        orientation.ImageOrientationPatient = _decimals((*plane.row_direction, *plane.column_direction))
        shared.PlaneOrientationSequence = [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]


def _differs(one: tuple[Plane, Spacing], other: tuple[Plane, Spacing]) -> bool:
    directions = np.array([*one[0].row_direction, *one[0].column_direction])
    return not (
        np.allclose(directions, [*other[0].row_direction, *other[0].column_direction], atol=1e-4)
        and np.allclose((one[1].row_mm, one[1].column_mm), (other[1].row_mm, other[1].column_mm), rtol=1e-4)
    )


def _decimals(values: Iterable[float]) -> list[DSfloat]:
    return [DSfloat(float(value), auto_format=True) for value in values]


def _referenced_series(sources: Sources, refs: list[FrameRef], asked_by: str) -> list[Dataset]:
    """Common Instance Reference module (PS3.3 C.12.2): the source instances by series."""
    series: dict[str, Dataset] = {}
    for uid in frames_by_instance(sources, refs, asked_by):
        instance = sources.instances[uid]
        if instance.series_uid not in series:
            item = Dataset()
            item.add(exact("SeriesInstanceUID", instance.series_uid))
            item.ReferencedInstanceSequence = []
            series[instance.series_uid] = item
        series[instance.series_uid].ReferencedInstanceSequence.append(reference(instance.sop_class_uid, uid))
    return list(series.values())
