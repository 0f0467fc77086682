"""The judge before the outbox: every object is read back from its file and held against what it must be.

Same patient and study as the sources; every reference leads to a source, a sibling or the predecessor; the IOD is
complete; every value has its VR and is valid for it (identifiers and UIDs of others are repeated as they came); images
agree with themselves (check_image.py); every sentence that every object must carry is there; structured content parses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from highdicom.ko import KeyObjectSelectionDocument
from highdicom.sr import Comprehensive3DSR, ComprehensiveSR, EnhancedSR
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
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
from dicom_node.encode.check_image import image_faults
from dicom_node.encode.iod import missing_attributes
from dicom_node.encode.job import REPORT_ROLE, EncodedObject, ObjectRef
from dicom_node.encode.reader import read_without_pixels
from dicom_node.encode.source import PATIENT, STUDY, Sources
from dicom_node.errors import InvalidResult

# They may make the data set their own, which is quicker than copying a report: nobody looks at it after them
_READERS = {
    str(Comprehensive3DSRStorage): partial(Comprehensive3DSR.from_dataset, copy=False),
    str(ComprehensiveSRStorage): partial(ComprehensiveSR.from_dataset, copy=False),
    str(EnhancedSRStorage): partial(EnhancedSR.from_dataset, copy=False),
    str(KeyObjectSelectionDocumentStorage): KeyObjectSelectionDocument.from_dataset,
}
_REFERENCED_INSTANCE = b"\x08\x00\x55\x11"  # (0008,1155), little endian
_FLOATS = frozenset({"FD", "FL", "OD", "OF"})
_MEASUREMENT_GROUP = "125007"
_TRACKING_UID = "112040"


@dataclass(frozen=True, slots=True)
class Known:
    """An instance that references may lead to; series "" and frames ``None`` where nothing says which."""

    sop_class_uid: str
    series_uid: str
    frames: int | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the objects of a job must agree with."""

    patient_and_study: Mapping[str, tuple[str, ...]]
    known: Mapping[str, Known]
    foreign_uids: frozenset[str]
    statements: tuple[str, ...] = ()

    @classmethod
    def of(cls, sources: Sources, predecessor: Iterable[ObjectRef], statements: tuple[str, ...] = ()) -> Expectation:
        """From the sources of a job, the report that it replaces, and the sentences that every object must carry."""
        values = {one.keyword: values_of(sources.patient_and_study, one.keyword) for one in sources.patient_and_study}
        known = {uid: Known(one.sop_class_uid, one.series_uid, one.frames) for uid, one in sources.instances.items()}
        known |= {ref.sop_instance_uid: Known(ref.sop_class_uid, ref.series_uid, None) for ref in predecessor}
        planes = {one.plane.frame_of_reference_uid for one in sources.instances.values() if one.plane}
        uids = {sources.study_uid, *known, *(one.series_uid for one in known.values()), *planes}
        return cls(MappingProxyType(values), MappingProxyType(known), frozenset(filter(None, uids)), statements)

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
        yield from image_faults(dataset, pixels, one.path)
        yield from _document_faults(dataset)
        yield from _Walk(known, expected.foreign_uids).faults(dataset, "")
        yield from _reference_list_faults(dataset, others)
        yield from _statement_faults(dataset, expected.statements)
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


def _statement_faults(dataset: Dataset, statements: Sequence[str]) -> Iterator[str]:
    """Every sentence that every object must carry stands where people read: comment, title, or text of a document."""
    spoken = (str(dataset.get(keyword, "")) for keyword in ("ImageComments", "DocumentTitle"))
    said = "\n".join((*spoken, *_texts(dataset)))
    for statement in statements:
        if statement not in said:
            yield f"it does not say {statement!r}"


def _document_faults(dataset: Dataset) -> Iterator[str]:
    """A PDF that is one, whole, and as long as the header says."""
    if "EncapsulatedDocument" not in dataset:
        return
    length = int(dataset.get("EncapsulatedDocumentLength", 0))
    document = bytes(dataset.EncapsulatedDocument)
    if dataset.MIMETypeOfEncapsulatedDocument != "application/pdf":
        yield f"its document is {dataset.MIMETypeOfEncapsulatedDocument}; application/pdf is needed"
    if len(document) != length + length % 2:
        yield f"its document has {len(document)} bytes, {length} follow from its header"
    if not document.startswith(b"%PDF-") or not document[:length].rstrip().endswith(b"%%EOF"):
        yield "its document is no whole PDF"


def _texts(item: Dataset) -> Iterator[str]:
    for child in item.get("ContentSequence") or []:
        yield str(child.get("TextValue", ""))
        yield from _texts(child)


# Where an object lists what it refers to, and where it refers: SR and KO (PS3.3 C.17.2), segmentation (C.12.2)
_LISTS = (
    ("CurrentRequestedProcedureEvidenceSequence", "ContentSequence"),
    ("ReferencedSeriesSequence", "PerFrameFunctionalGroupsSequence"),
)


def _reference_list_faults(dataset: Dataset, others: set[str]) -> Iterator[str]:
    """The list and the content name the same objects; a report names ``others``, all of its job, in both."""
    for listed_in, used_in in _LISTS:
        if used_in not in dataset:
            continue
        listed, used = (set(_references(dataset.get(keyword) or [])) for keyword in (listed_in, used_in))
        if used - listed:
            yield f"{listed_in} lacks {len(used - listed)} of the objects that {used_in} refers to"
        unnamed = others - (listed & used)
        if unnamed:
            yield f"the report does not refer to {len(unnamed)} of the other objects of its job"


def _references(items: Iterable[Dataset]) -> Iterator[str]:
    for item in items:
        if "ReferencedSOPInstanceUID" in item:
            yield str(item.ReferencedSOPInstanceUID)
        for tag in sorted(item.keys()):
            element = item.get_item(tag)
            if element.VR == "SQ" and not _is_without_reference(element):
                yield from _references(item[tag].value)


def _is_without_reference(element: DataElement | RawDataElement) -> bool:
    """A sequence not decoded yet, whose bytes nowhere hold the tag (0008,1155): codes, most of all."""
    return isinstance(element, RawDataElement) and _REFERENCED_INSTANCE not in (element.value or b"")


class _Walk:
    """Looks at every element of an object once: values valid, references known."""

    def __init__(self, known: Mapping[str, Known], foreign_uids: frozenset[str]) -> None:
        self._known, self._foreign = known, foreign_uids
        self._judged: set[tuple[int, str | None, bytes | None, str]] = set()

    def faults(self, item: Dataset, where: str, series_uid: str = "") -> Iterator[str]:
        """Faults below ``item``; ``series_uid`` is the series that a reference stands under, where one is named."""
        if where and "SeriesInstanceUID" in item:
            series_uid = str(item.SeriesInstanceUID)
        if "ReferencedSOPInstanceUID" in item:
            yield from self._reference_faults(item, where, series_uid)
        for tag in sorted(item.keys()):
            if self._seen_before(item.get_item(tag), series_uid):
                continue
            element = item[tag]
            path = f"{where}{element.keyword or element.tag}"
            if element.keyword and element.VR not in dictionary_VR(element.tag).split(" or "):
                yield f"{path} has VR {element.VR}; {dictionary_VR(element.tag)} is needed"
            elif element.VR == "SQ":
                for child in element.value:
                    yield from self.faults(child, f"{path}.", series_uid)
            elif element.VR in TEXT_VRS:
                yield from self._value_faults(item, element.keyword, element.VR, path)
            elif element.VR in _FLOATS and not np.isfinite(np.asarray(element.value, float)).all():
                yield f"{path} is not a finite number"

    def _seen_before(self, element: DataElement | RawDataElement, series_uid: str) -> bool:
        """Whether the same bytes were judged in the same place: thousands of frames repeat most of theirs."""
        if not isinstance(element, RawDataElement):
            return False
        key = (element.tag, element.VR, element.value, series_uid)
        seen = key in self._judged
        self._judged.add(key)
        return seen

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
    for group in _groups(dataset):
        names = {_name(item) for item in group.ContentSequence}
        if _TRACKING_UID not in names:
            yield "a measurement group has no Tracking Unique Identifier"
        if not any(_has_coordinates(item) for item in group.ContentSequence):
            yield "a measurement group has no spatial coordinates: OHIF would not load the report"
    reader(dataset)


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
