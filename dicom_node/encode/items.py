"""The small sequence items that many objects share: codes, references, and words that must fit a VR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from dicom_node import MANUFACTURER
from dicom_node.codes import LOCAL_SCHEME, LOCAL_SCHEME_NAME, SOURCE_FOR_PROCESSING, Code, Unit
from dicom_node.encode.attributes import exact
from dicom_node.encode.source import Sources
from dicom_node.series import FrameRef


def concept(code: Code) -> CodedConcept:
    """A code as highdicom's content items want it; also an item of any code sequence."""
    return CodedConcept(code.value, code.scheme, code.meaning)


def unit_concept(unit: Unit) -> CodedConcept:
    """A UCUM unit as a code."""
    return CodedConcept(unit.ucum, "UCUM", unit.meaning)


def reference(sop_class_uid: str, sop_instance_uid: str, frames: Iterable[int] = ()) -> Dataset:
    """SOP Instance Reference Macro (PS3.3 table 10-11), with frame numbers where given."""
    item = Dataset()
    item.add(exact("ReferencedSOPClassUID", sop_class_uid))
    item.add(exact("ReferencedSOPInstanceUID", sop_instance_uid))
    numbers = list(frames)
    if numbers:
        item.ReferencedFrameNumber = numbers[0] if len(numbers) == 1 else numbers
    return item


def frames_by_instance(sources: Sources, refs: Iterable[FrameRef], asked_by: str) -> dict[str, list[int]]:
    """Frame numbers per SOP Instance UID, in the order named; [] where the reference is to the whole instance.

    Raises:
        InvalidResult: a reference is to something that is no frame of the sources.
    """
    found: dict[str, list[int]] = {}
    for ref in dict.fromkeys(refs):
        instance = sources.check_frame(ref, asked_by)
        numbers = found.setdefault(instance.sop_instance_uid, [])
        if ref.frame_number is not None and instance.frames is not None:
            numbers.append(ref.frame_number)
    for uid, numbers in found.items():
        if len(numbers) == sources.instances[uid].frames:  # all of them: the standard's way to say so is silence
            found[uid] = []
    return found


def source_images(sources: Sources, refs: Iterable[FrameRef], asked_by: str) -> list[Dataset]:
    """Items of Source Image Sequence (0008,2112), with the purpose (121322, DCM)."""
    items = []
    for uid, numbers in frames_by_instance(sources, refs, asked_by).items():
        item = reference(sources.instances[uid].sop_class_uid, uid, numbers)
        item.PurposeOfReferenceCodeSequence = [concept(SOURCE_FOR_PROCESSING)]
        items.append(item)
    return items


def declare_local_codes(dataset: Dataset) -> None:
    """Coding Scheme Identification Sequence (0008,0110) where the project's own codes are used."""
    if any(item.get("CodingSchemeDesignator") == LOCAL_SCHEME for item in _items(dataset)):
        scheme = Dataset()
        scheme.CodingSchemeDesignator = LOCAL_SCHEME
        scheme.CodingSchemeName = LOCAL_SCHEME_NAME
        scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
        dataset.CodingSchemeIdentificationSequence = [scheme]


def _items(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items(item)


def sentence(text: str) -> str:
    """``text`` with a full stop, so that others may follow it."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def fit(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters, cut at a word where it is too long; "\\" has a meaning in DICOM."""
    text = " ".join(text.replace("\\", "/").split())
    if len(text) <= length:
        return text
    cut = text[: length - 3].rsplit(" ", 1)[0] if " " in text[: length - 3] else text[: length - 3]
    return cut.rstrip(" ,;:") + "..."
