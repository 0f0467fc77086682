"""The same results for a peer that does not take every SOP class.

    Comprehensive 3D SR     -> Comprehensive SR -> Enhanced SR      (same content: coordinates are 2-D)
    Ultrasound Multi-frame  -> Multi-frame Grayscale Byte Secondary Capture
    Multi-frame True Color Secondary Capture -> Secondary Capture of the first frame
    anything else           -> left out, with the reason

What is rewritten gets UIDs of its own, the same at every attempt. The report refers to what is really sent; since that
changes its content it is another document with another UID, also where it keeps its SOP class. A verified report and a
rejection name the objects of their draft as this peer has them; one that it never got is not named.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundMultiFrameImageStorage,
)

from dicom_node.config import Viewer
from dicom_node.encode.attributes import exact
from dicom_node.encode.check import Expectation, Known, check_objects
from dicom_node.encode.items import fit
from dicom_node.encode.job import REPORT_ROLE, EncodedObject
from dicom_node.encode.multiframe_us import add_grayscale_byte_capture
from dicom_node.encode.reader import PixelElement, read_without_pixels
from dicom_node.encode.report import RESULT_OBJECT
from dicom_node.encode.uids import replacement_uid
from dicom_node.encode.writer import pixel_bytes, write_object

_ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    str(Comprehensive3DSRStorage): (str(ComprehensiveSRStorage), str(EnhancedSRStorage)),
    str(ComprehensiveSRStorage): (str(EnhancedSRStorage),),
    str(UltrasoundMultiFrameImageStorage): (str(MultiFrameGrayscaleByteSecondaryCaptureImageStorage),),
    str(MultiFrameTrueColorSecondaryCaptureImageStorage): (str(SecondaryCaptureImageStorage),),
}
_ULTRASOUND_ONLY = (
    "SequenceOfUltrasoundRegions",
    "UltrasoundColorDataPresent",
    "TransducerData",
    "TransducerType",
    "ProcessingFunction",
    "HeartRate",
    "ContrastBolusAgent",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ContrastBolusStartTime",
    "ContrastBolusStopTime",
    "ContrastBolusTotalDose",
    "ContrastBolusIngredient",
    "ContrastBolusIngredientConcentration",
)
_SEVERAL_FRAMES_ONLY = (
    "NumberOfFrames",
    "FrameIncrementPointer",
    "FrameTime",
    "CineRate",
    "RecommendedDisplayFrameRate",
)
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Adapted:
    """A result set as one peer takes it, and (role, reason) of what is left out."""

    objects: tuple[EncodedObject, ...]
    skipped: tuple[tuple[str, str], ...]


NOT_THERE = ("", "")
EarlierObjects = Mapping[str, tuple[str, str]]
"""SOP Instance UID of an object of an earlier job (the revision before, or the draft) -> (SOP class, SOP Instance UID)
by which a peer has it; ``NOT_THERE`` where the peer refused it, or does not take it."""


@dataclass(frozen=True, slots=True)
class _Name:
    """By what an object of an earlier job goes at a peer."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str


def adapt_to_peer(
    objects: Sequence[EncodedObject],
    accepted: Container[str],
    folder: Path,
    viewer: Viewer = Viewer.STANDARD,
    earlier: EarlierObjects = MappingProxyType({}),
) -> Adapted:
    """Rewrites a result set for a peer that accepts the SOP classes ``accepted``; new files go into ``folder``.

    The same set and the same peer give the same UIDs. An object that the report names and that is not among
    ``objects`` (left out by the peer's configuration) is no longer named. A predecessor is named as ``earlier`` tells;
    one that the peer does not have yet, as it would be if its results were like these.

    Raises:
        InvalidResult: a rewritten object failed its check.
    """
    kept, skipped = [], []
    for one in objects:
        sop_class = _taken(one.sop_class_uid, accepted)
        if sop_class is None:
            skipped.append(
                (one.role, f"the peer does not take {UID(one.sop_class_uid).name}, nor what could replace it")
            )
        elif one.role == REPORT_ROLE:
            continue
        elif (taken := _as_taken(one, sop_class, folder, viewer, earlier)) is None:
            skipped.append((one.role, "the peer has none of the objects that it names"))
        else:
            kept.append((one, taken))
    report = next((one for one in objects if one.role == REPORT_ROLE), None)
    out = [new for _, new in kept]
    if report is not None and (sop_class := _taken(report.sop_class_uid, accepted)) is not None:
        out.append(_report(report, sop_class, kept, earlier, folder))
    rewritten = [new for new in out if new not in objects]
    if rewritten:
        known = {uid: Known(sop_class, "", None) for sop_class, uid in earlier.values() if uid}
        check_objects(out, Expectation.of_checked(objects, known | _known_predecessors(rewritten)))
    return Adapted(tuple(out), tuple(skipped))


def _taken(sop_class_uid: str, accepted: Container[str]) -> str | None:
    wanted = (sop_class_uid, *_ALTERNATIVES.get(sop_class_uid, ()))
    return next((candidate for candidate in wanted if candidate in accepted), None)


def _as_taken(
    one: EncodedObject, sop_class_uid: str, folder: Path, viewer: Viewer, earlier: EarlierObjects
) -> EncodedObject | None:
    """The object as the peer takes it; ``None`` where nothing is left of it there."""
    if one.sop_class_uid == KeyObjectSelectionDocumentStorage:
        return _key_objects(one, earlier, folder)
    if sop_class_uid != one.sop_class_uid:
        return _rewritten(one, sop_class_uid, folder)
    if viewer is Viewer.OHIF and one.sop_class_uid == SegmentationStorage:
        return _with_plane_orientation(one, folder)
    return one


def _key_objects(one: EncodedObject, earlier: EarlierObjects, folder: Path) -> EncodedObject | None:
    dataset, _ = read_without_pixels(one.path)
    renamed, gone = _earlier_names(dataset, earlier)
    if not renamed and not gone:
        return one
    if gone == set(_listed(dataset)):
        return None
    _refer_anew(dataset, renamed, gone)
    _rename(dataset, one.sop_class_uid, replacement_uid(one.sop_instance_uid, *_why_named(renamed, gone)))
    return write_object(dataset, one.role, folder)


def _listed(dataset: Dataset) -> dict[str, str]:
    """SOP Instance UID -> Series Instance UID of what a document lists as its evidence."""
    return {
        str(reference.ReferencedSOPInstanceUID): str(series.SeriesInstanceUID)
        for study in dataset.get("CurrentRequestedProcedureEvidenceSequence") or []
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }


def _earlier_names(dataset: Dataset, earlier: EarlierObjects) -> tuple[dict[str, _Name], set[str]]:
    """Of the objects of earlier jobs that a document lists: those with another name at the peer; those not there."""
    listed = {uid: series for uid, series in _listed(dataset).items() if earlier.get(uid, ("", uid))[1] != uid}
    gone = {uid for uid in listed if earlier[uid] == NOT_THERE}
    renamed = {
        uid: _Name(*earlier[uid], replacement_uid(series, earlier[uid][1]))
        for uid, series in listed.items()
        if uid not in gone
    }
    return renamed, gone


def _why_named(renamed: Mapping[str, _Name], gone: set[str]) -> tuple[object, ...]:
    """What tells a document with these names from the one that was made; () for the same names."""
    named = sorted(name.sop_instance_uid for name in renamed.values())
    return (named, sorted(gone)) if named or gone else ()


def _with_plane_orientation(one: EncodedObject, folder: Path) -> EncodedObject:
    dataset, pixels = read_without_pixels(one.path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if "PlaneOrientationSequence" in shared or pixels is None:
        return one
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [orientation]
    _rename(dataset, one.sop_class_uid, replacement_uid(one.sop_instance_uid, one.sop_class_uid, Viewer.OHIF.value))
    return write_object(dataset, one.role, folder, _copied(one.path, pixels, pixel_bytes(dataset)))


def _rewritten(one: EncodedObject, sop_class_uid: str, folder: Path) -> EncodedObject:
    dataset, pixels = read_without_pixels(one.path)
    _rename(dataset, sop_class_uid, replacement_uid(one.sop_instance_uid, sop_class_uid))
    if sop_class_uid == MultiFrameGrayscaleByteSecondaryCaptureImageStorage:
        _remove(dataset, _ULTRASOUND_ONLY)
        dataset.ImageType = ["DERIVED", "SECONDARY"]
        add_grayscale_byte_capture(dataset)
    else:
        frames = dataset.NumberOfFrames
        _remove(dataset, _SEVERAL_FRAMES_ONLY)
        dataset.SeriesDescription = fit(f"{dataset.SeriesDescription} (1 of {frames})", 64)
        dataset.DerivationDescription = fit(f"Frame 1 of {frames}. {dataset.DerivationDescription}", 1024)
    parts = _copied(one.path, pixels, pixel_bytes(dataset)) if pixels else None
    return write_object(dataset, one.role, folder, parts)


def _rename(dataset: Dataset, sop_class_uid: str, sop_instance_uid: str) -> None:
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.SeriesInstanceUID = replacement_uid(str(dataset.SeriesInstanceUID), sop_instance_uid)


def _remove(dataset: Dataset, keywords: Sequence[str]) -> None:
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)


def _copied(path: Path, pixels: PixelElement, length: int) -> Iterator[bytes]:
    """The first ``length`` bytes of the pixels of a file."""
    with path.open("rb") as file:
        file.seek(pixels.offset)
        while length > 0 and (part := file.read(min(length, _COPY_BYTES))):
            length -= len(part)
            yield part


def _report(
    report: EncodedObject,
    sop_class_uid: str,
    kept: list[tuple[EncodedObject, EncodedObject]],
    earlier: EarlierObjects,
    folder: Path,
) -> EncodedObject:
    dataset, _ = read_without_pixels(report.path)
    named = set(_result_objects(dataset))
    sent = {old.sop_instance_uid: new for old, new in kept}
    gone = named - set(sent)
    renamed = {uid: new for uid, new in sent.items() if new.sop_instance_uid != uid}
    drafted, lost = _earlier_names(dataset, earlier)
    changed = sop_class_uid != report.sop_class_uid or bool(gone or renamed or drafted or lost)
    # By role, not by UID: so a predecessor that was changed alike has the name that it would be given here
    why = (sop_class_uid, sorted((new.role, new.sop_class_uid, new is not old) for old, new in kept))
    for uid, reference, series in _predecessors(dataset):
        alike = (sop_class_uid, replacement_uid(uid, *why)) if changed else (str(reference.ReferencedSOPClassUID), uid)
        known_class, known_uid = next(name for name in (earlier.get(uid), alike) if name and name != NOT_THERE)
        if known_uid != uid:
            changed = True
            reference.add(exact("ReferencedSOPClassUID", known_class))
            reference.add(exact("ReferencedSOPInstanceUID", known_uid))
            series.add(exact("SeriesInstanceUID", replacement_uid(str(series.SeriesInstanceUID), known_uid)))
    if not changed:
        return report
    _refer_anew(dataset, renamed | drafted, gone | lost)
    _rename(dataset, sop_class_uid, replacement_uid(report.sop_instance_uid, *why, *_why_named(drafted, lost)))
    return write_object(dataset, report.role, folder)


def _result_objects(item: Dataset) -> Iterator[str]:
    """SOP Instance UIDs of what the report names as results of its own job."""
    for child in item.get("ContentSequence") or []:
        names = child.get("ConceptNameCodeSequence")
        if names and names[0].get("CodeValue") == RESULT_OBJECT.value and "ReferencedSOPSequence" in child:
            yield str(child.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        yield from _result_objects(child)


def _refer_anew(item: Dataset, renamed: Mapping[str, EncodedObject | _Name], gone: set[str]) -> None:
    """Renames references and takes out those to objects that are not sent, with the items that nothing is left of."""
    for element in item:
        if element.VR != "SQ" or element.keyword == "PredecessorDocumentsSequence":
            continue
        remaining = [child for child in element.value if not _only_refers_to(child, gone)]
        for child in remaining:
            _rename_reference(child, renamed)
            _refer_anew(child, renamed, gone)
        if len(remaining) != len(element.value):
            element.value = remaining


def _only_refers_to(item: Dataset, gone: set[str]) -> bool:
    """Whether an item is a reference to something gone, or a content item or series that holds nothing else."""
    if "ReferencedSOPInstanceUID" in item:
        return str(item.ReferencedSOPInstanceUID) in gone
    for keyword in ("ReferencedSOPSequence", "ReferencedSeriesSequence"):
        if item.get(keyword):
            return all(_only_refers_to(child, gone) for child in item[keyword].value)
    is_library_group = item.get("ValueType") == "CONTAINER" and item.get("ContentSequence")
    return bool(is_library_group) and all(_only_refers_to(child, gone) for child in item.ContentSequence)


def _rename_reference(item: Dataset, renamed: Mapping[str, EncodedObject | _Name]) -> None:
    """Renames what ``item`` refers to; or its series, where it is one, before the instances in it are renamed."""
    new = renamed.get(str(item.get("ReferencedSOPInstanceUID", "")))
    if new is not None:
        item.add(exact("ReferencedSOPClassUID", new.sop_class_uid))
        item.add(exact("ReferencedSOPInstanceUID", new.sop_instance_uid))
    for child in item.get("ReferencedSOPSequence") or []:
        new = renamed.get(str(child.ReferencedSOPInstanceUID))
        if new is not None and "SeriesInstanceUID" in item:
            item.add(exact("SeriesInstanceUID", new.series_uid))


def _predecessors(dataset: Dataset) -> Iterator[tuple[str, Dataset, Dataset]]:
    """SOP Instance UID, reference and series item of each document that a report replaces."""
    for study in dataset.get("PredecessorDocumentsSequence") or []:
        for series in study.ReferencedSeriesSequence:
            for reference in series.ReferencedSOPSequence:
                yield str(reference.ReferencedSOPInstanceUID), reference, series


def _known_predecessors(rewritten: Sequence[EncodedObject]) -> dict[str, Known]:
    """The documents that a rewritten report replaces, under the names that they have at this peer."""
    report = next((one for one in rewritten if one.role == REPORT_ROLE), None)
    if report is None:
        return {}
    dataset, _ = read_without_pixels(report.path)
    return {
        uid: Known(str(reference.ReferencedSOPClassUID), str(series.SeriesInstanceUID), None)
        for uid, reference, series in _predecessors(dataset)
    }
