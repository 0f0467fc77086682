"""The judge before the outbox: every object is read back from its file and held against what it must be.

Same patient and study as the sources; every reference leads to a source, a sibling or the predecessor; the IOD is
complete; every value is valid for its VR (identifiers and UIDs of others are repeated as they came); the pixels are
as long as the header says; structured content parses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from highdicom.ko import KeyObjectSelectionDocument
from highdicom.sr import Comprehensive3DSR, ComprehensiveSR, EnhancedSR
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
)
from pydicom.valuerep import validate_value

from dicom_node.encode.attributes import IDENTIFIERS, TEXT_VRS, UNREADABLE, values_of
from dicom_node.encode.iod import missing_attributes
from dicom_node.encode.job import REPORT_ROLE, EncodedObject, ObjectRef
from dicom_node.encode.source import PATIENT, STUDY, Sources
from dicom_node.encode.writer import pixel_bytes
from dicom_node.errors import InvalidResult

_ELEMENT_HEADER = struct.Struct("<HH2sHL")  # Explicit VR Little Endian, a VR with a length of four bytes (PS3.5 7.1.2)
_READERS = {
    str(Comprehensive3DSRStorage): Comprehensive3DSR,
    str(ComprehensiveSRStorage): ComprehensiveSR,
    str(EnhancedSRStorage): EnhancedSR,
    str(KeyObjectSelectionDocumentStorage): KeyObjectSelectionDocument,
}
_MEASUREMENT_GROUP = "125007"
_TRACKING_UID = "112040"


@dataclass(frozen=True, slots=True)
class Known:
    """An instance that references may lead to; series "" and frames ``None`` where nothing says which."""

    sop_class_uid: str
    series_uid: str
    frames: int | None


@dataclass(frozen=True, slots=True)
class PixelElement:
    """(7FE0,0010) as it lies in its file: bytes ``offset`` to ``offset`` + ``length``."""

    vr: str
    length: int
    offset: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the objects of a job must agree with."""

    patient_and_study: Mapping[str, tuple[str, ...]]
    known: Mapping[str, Known]
    foreign_uids: frozenset[str]

    @classmethod
    def of(cls, sources: Sources, predecessor: Iterable[ObjectRef]) -> Expectation:
        """From the sources of a job and the report that it replaces."""
        values = {one.keyword: values_of(sources.patient_and_study, one.keyword) for one in sources.patient_and_study}
        known = {uid: Known(one.sop_class_uid, one.series_uid, one.frames) for uid, one in sources.instances.items()}
        known |= {ref.sop_instance_uid: Known(ref.sop_class_uid, ref.series_uid, None) for ref in predecessor}
        planes = {one.plane.frame_of_reference_uid for one in sources.instances.values() if one.plane}
        uids = {sources.study_uid, *known, *(one.series_uid for one in known.values()), *planes}
        return cls(MappingProxyType(values), MappingProxyType(known), frozenset(filter(None, uids)))

    @classmethod
    def of_checked(cls, objects: Iterable[EncodedObject], renamed: Mapping[str, Known]) -> Expectation:
        """From objects that passed once: what is made of them refers to nothing else, ``renamed`` excepted."""
        values: dict[str, tuple[str, ...]] = {}
        known: dict[str, Known] = dict(renamed)
        foreign: set[str] = set()
        for one in objects:
            dataset, _ = read_without_pixels(one.path)
            keywords = (keyword for keyword in (*PATIENT, *STUDY) if keyword in dataset)
            values = values or {keyword: values_of(dataset, keyword) for keyword in keywords}
            _gather(dataset, known, foreign)
        return cls(MappingProxyType(values), MappingProxyType(known), frozenset(foreign))


def _gather(item: Dataset, known: dict[str, Known], foreign: set[str], series_uid: str = "") -> None:
    """Every instance that is referred to below ``item``, with its series where the reference stands under one."""
    if "ReferencedSOPInstanceUID" in item:
        uid = str(item.ReferencedSOPInstanceUID)
        if uid not in known or series_uid:
            known[uid] = Known(str(item.ReferencedSOPClassUID), series_uid, None)
    for element in item:
        if element.VR == "UI":
            foreign.update(values_of(item, element.keyword))
        elif element.VR == "SQ":
            for child in element.value:
                _gather(child, known, foreign, str(child.get("SeriesInstanceUID", series_uid)))


def check_objects(objects: Sequence[EncodedObject], expected: Expectation) -> None:
    """Checks the objects of one job.

    Raises:
        InvalidResult: naming the first object that is wrong, and its fault.
    """
    siblings = {one.sop_instance_uid: Known(one.sop_class_uid, one.series_uid, None) for one in objects}
    if len(siblings) != len(objects):
        raise InvalidResult("two objects of the result have the same SOP Instance UID: their roles must differ")
    known = {**expected.known, **siblings}
    for one in objects:
        others = set(siblings) - {one.sop_instance_uid} if one.role == REPORT_ROLE else set()
        for fault in _faults(one, expected, known, others):
            raise InvalidResult(f"{one.role} ({UID(one.sop_class_uid).name}): {fault}")


def _faults(one: EncodedObject, expected: Expectation, known: Mapping[str, Known], others: set[str]) -> Iterator[str]:
    try:
        dataset, pixels = read_without_pixels(one.path)
        yield from _identity_faults(dataset, one, expected)
        yield from missing_attributes(dataset, one.sop_class_uid)
        yield from _pixel_faults(dataset, pixels, one)
        yield from _frame_faults(dataset)
        walk = _Walk(known, expected.foreign_uids)
        yield from walk.faults(dataset, "")
        unnamed = others - walk.referenced
        if unnamed:
            yield f"the report does not refer to {len(unnamed)} of the other objects of its job"
        yield from _content_faults(dataset)
    except (InvalidDicomError, EOFError, struct.error, *UNREADABLE) as error:
        yield f"it cannot be read back ({type(error).__name__})"  # pydicom's own words would quote values


def _identity_faults(dataset: Dataset, one: EncodedObject, expected: Expectation) -> Iterator[str]:
    meta = dataset.file_meta
    if (dataset.SOPClassUID, dataset.SOPInstanceUID) != (one.sop_class_uid, one.sop_instance_uid):
        yield "SOP Class or SOP Instance UID are not those that were promised"
    if (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) != (one.sop_class_uid, one.sop_instance_uid):
        yield "the file meta information names another object"
    if meta.TransferSyntaxUID != one.transfer_syntax_uid:
        yield f"the transfer syntax is {meta.TransferSyntaxUID}, not {one.transfer_syntax_uid}"
    for keyword, values in expected.patient_and_study.items():
        if values_of(dataset, keyword) != values:
            yield f"{keyword} is not that of the sources: it would be filed with another patient or study"


def read_without_pixels(path: Path) -> tuple[Dataset, PixelElement | None]:
    """The data set without its pixels, and where those lie in the file: they may be larger than the memory."""
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        header = file.read(_ELEMENT_HEADER.size)
        if not header:
            return dataset, None
        group, element, vr, _, length = _ELEMENT_HEADER.unpack(header)
        if (group, element) != (0x7FE0, 0x0010):
            raise ValueError(f"({group:04x},{element:04x}) stands where pixel data are expected")
        return dataset, PixelElement(vr.decode("ascii"), length, file.tell())


def _pixel_faults(dataset: Dataset, pixels: PixelElement | None, one: EncodedObject) -> Iterator[str]:
    if "Rows" not in dataset:
        return
    if pixels is None:
        yield "it has no pixel data"
        return
    needed = pixel_bytes(dataset)
    if pixels.length != needed + needed % 2:
        yield f"its pixel data have {pixels.length} bytes, {needed} follow from rows, columns and frames"
    end, size = pixels.offset + pixels.length, one.path.stat().st_size
    if end != size:
        yield f"its file ends at byte {size}, its pixel data at {end}"


def _frame_faults(dataset: Dataset) -> Iterator[str]:
    """Functional groups: one item a frame, each with the source frame that it comes from."""
    if "SharedFunctionalGroupsSequence" not in dataset:
        return
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) != int(dataset.NumberOfFrames):
        yield f"{dataset.NumberOfFrames} frames, but functional groups of {len(frames)}"
    needed = ("FrameContentSequence", "SegmentIdentificationSequence", "DerivationImageSequence")
    for number, frame in enumerate(frames, start=1):
        absent = [keyword for keyword in needed if not frame.get(keyword)]
        if absent:
            yield f"frame {number} lacks {', '.join(absent)}"


class _Walk:
    """Looks at every element of an object once: values valid, references known. Remembers what is referred to."""

    def __init__(self, known: Mapping[str, Known], foreign_uids: frozenset[str]) -> None:
        self._known, self._foreign = known, foreign_uids
        self.referenced: set[str] = set()

    def faults(self, item: Dataset, where: str, series_uid: str = "") -> Iterator[str]:
        """Faults below ``item``; ``series_uid`` is the series that a reference stands under, where one is named."""
        if where and "SeriesInstanceUID" in item:
            series_uid = str(item.SeriesInstanceUID)
        if "ReferencedSOPInstanceUID" in item:
            yield from self._reference_faults(item, where, series_uid)
        for element in item:
            path = f"{where}{element.keyword or element.tag}"
            if element.VR == "SQ":
                for child in element.value:
                    yield from self.faults(child, f"{path}.", series_uid)
            elif element.VR in TEXT_VRS:
                yield from self._value_faults(item, element.keyword, element.VR, path)

    def _value_faults(self, item: Dataset, keyword: str, vr: str, path: str) -> Iterator[str]:
        if keyword in IDENTIFIERS:
            return
        for value in values_of(item, keyword):
            if not value or (vr == "UI" and value in self._foreign):
                continue
            try:
                validate_value(vr, value, config.RAISE)
            except ValueError:
                yield f"{path} has a value that VR {vr} does not allow"

    def _reference_faults(self, item: Dataset, where: str, series_uid: str) -> Iterator[str]:
        uid = str(item.ReferencedSOPInstanceUID)
        self.referenced.add(uid)
        known = self._known.get(uid)
        if known is None:
            yield f"{where}ReferencedSOPInstanceUID {uid} is neither a source nor another object of the job"
            return
        if str(item.get("ReferencedSOPClassUID", "")) != known.sop_class_uid:
            yield f"{where}ReferencedSOPClassUID is not the SOP class of {uid}"
        if series_uid and known.series_uid and series_uid != known.series_uid:
            yield f"{where}: {uid} is not in series {series_uid}"
        numbers = values_of(item, "ReferencedFrameNumber")
        if numbers and known.frames is not None and max(map(int, numbers)) > known.frames:
            yield f"{where}ReferencedFrameNumber goes beyond the {known.frames} frames of {uid}"


def _content_faults(dataset: Dataset) -> Iterator[str]:
    reader = _READERS.get(str(dataset.SOPClassUID))
    if reader is None:
        return
    reader.from_dataset(dataset)
    for group in _groups(dataset):
        names = {_name(item) for item in group.ContentSequence}
        if _TRACKING_UID not in names:
            yield "a measurement group has no Tracking Unique Identifier"
        if not any(_has_coordinates(item) for item in group.ContentSequence):
            yield "a measurement group has no spatial coordinates: OHIF would not load the report"


def _groups(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence") or []:
        if _name(child) == _MEASUREMENT_GROUP:
            yield child
        else:
            yield from _groups(child)


def _has_coordinates(item: Dataset) -> bool:
    below = item.get("ContentSequence") or []
    return item.ValueType == "SCOORD" or any(child.ValueType == "SCOORD" for child in below)


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""
