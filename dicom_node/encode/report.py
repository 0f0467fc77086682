"""The root report: Comprehensive 3D SR with TID 1500, which refers to every other object of its job (IHE AIR)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from highdicom.sr import (
    CodeContentItem,
    CompositeContentItem,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    ImageContentItem,
    MeasurementReport,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    RelationshipTypeValues,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code as PydicomCode
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    KeyObjectSelectionDocumentStorage,
)

from dicom_node import MANUFACTURER
from dicom_node.codes import COUNT, FRAME, PIXEL, Code, local
from dicom_node.encode.attributes import exact
from dicom_node.encode.content import COMMENT, FRAMES_EXAMINED, encode_group, text_item
from dicom_node.encode.header import Context, Place, common_header
from dicom_node.encode.items import concept, reference, unit_concept
from dicom_node.encode.job import EncodedObject, ObjectRef
from dicom_node.encode.source import SourceInstance
from dicom_node.encode.verification import mark_unverified, mark_verified, person_observer, verification_texts
from dicom_node.encode.writer import write_object
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult, Evaluation, Measurement, MeasurementGroup
from dicom_node.series import FrameRef

REPORT_SOP_CLASS = str(Comprehensive3DSRStorage)
DOCUMENT_TITLE = Code("126000", "DCM", "Imaging Measurement Report")
DEVICE = PydicomCode("121007", "DCM", "Device")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
MODALITY = Code("121139", "DCM", "Modality")
PIXEL_ROWS = Code("110910", "DCM", "Pixel Data Rows")
PIXEL_COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
SOURCE = Code("260753009", "SCT", "Source")
RESULT_OBJECT = local("RESULT", "Result object of the same analysis")
DRAFT_OBJECT = local("DRAFT", "Object of the draft that a person reviewed")
FINDING_COUNT = local("FINDING_COUNT", "Number of findings")
NOTHING_FOUND = local("NOTHING_FOUND", "Nothing found")
# What is no image: COMPOSITE in a content tree, not IMAGE
DOCUMENTS = frozenset(
    map(
        str,
        (
            Comprehensive3DSRStorage,
            ComprehensiveSRStorage,
            EnhancedSRStorage,
            KeyObjectSelectionDocumentStorage,
            EncapsulatedPDFStorage,
        ),
    )
)
Linked = tuple[Code, EncodedObject]
"""Another object that a document refers to, and as what."""
# Acquisition modalities (CID 29) by Modality (0008,0060)
_MODALITIES = {
    "US": Code("US", "DCM", "Ultrasound"),
    "IVUS": Code("IVUS", "DCM", "Intravascular Ultrasound"),
    "MR": Code("MR", "DCM", "Magnetic Resonance"),
    "CT": Code("CT", "DCM", "Computed Tomography"),
    "XA": Code("XA", "DCM", "X-Ray Angiography"),
    "DX": Code("DX", "DCM", "Digital Radiography"),
    "CR": Code("CR", "DCM", "Computed Radiography"),
    "MG": Code("MG", "DCM", "Mammography"),
    "NM": Code("NM", "DCM", "Nuclear Medicine"),
    "PT": Code("PT", "DCM", "Positron emission tomography"),
}


def encode_report(
    result: AnalysisResult,
    context: Context,
    place: Place,
    siblings: Sequence[EncodedObject],
    remarks: Sequence[str],
    folder: Path,
    drafted: Sequence[EncodedObject] = (),
) -> EncodedObject:
    """The root report of a job. ``siblings`` are its other objects; ``remarks`` what the encoders had to leave out.

    Of a verified report ``drafted`` are objects of the draft that stay: it refers to them as such.

    Raises:
        InvalidResult: the result cannot be said in TID 1500, with the reason.
    """
    dataset = common_header(context, place, REPORT_SOP_CLASS, "SR")
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    if context.job.verification is None:
        mark_unverified(dataset)
    else:
        mark_verified(dataset, context.job.verification, context)
    if context.job.predecessor:
        dataset.PredecessorDocumentsSequence = references_by_series(context.job.predecessor)
    dataset.CurrentRequestedProcedureEvidenceSequence = evidence(context, [*siblings, *drafted])
    linked = [(RESULT_OBJECT, one) for one in siblings] + [(DRAFT_OBJECT, one) for one in drafted]
    root = _root(result, context, linked, [*remarks, *_provenance(context)])
    for element in root:
        dataset[element.tag] = element
    return write_object(dataset, place.role, folder)


def evidence(context: Context, siblings: Iterable[EncodedObject]) -> list[Dataset]:
    """Current Requested Procedure Evidence Sequence: every source and every other object of the job."""
    study = context.sources.study_uid
    refs = [
        ObjectRef(study, instance.series_uid, instance.sop_class_uid, instance.sop_instance_uid)
        for instance in context.sources.instances.values()
    ]
    refs += [ObjectRef(study, one.series_uid, one.sop_class_uid, one.sop_instance_uid) for one in siblings]
    return references_by_series(refs)


def references_by_series(refs: Iterable[ObjectRef]) -> list[Dataset]:
    """Hierarchical SOP Instance Reference Macro (PS3.3 C.17.2.1): study > series > instance."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for ref in refs:
        series = studies.setdefault(ref.study_uid, {}).setdefault(ref.series_uid, [])
        series.append(reference(ref.sop_class_uid, ref.sop_instance_uid))
    items = []
    for study_uid, by_series in studies.items():
        item = Dataset()
        item.add(exact("StudyInstanceUID", study_uid))
        item.ReferencedSeriesSequence = []
        for series_uid, instances in by_series.items():
            series_item = Dataset()
            series_item.add(exact("SeriesInstanceUID", series_uid))
            series_item.ReferencedSOPSequence = instances
            item.ReferencedSeriesSequence.append(series_item)
        items.append(item)
    return items


def observation_context(context: Context) -> ObservationContext:
    """The node with this algorithm and these models as a device observer (TID 1004), and who acted on its draft."""
    device = DeviceObserverIdentifyingAttributes(
        uid=context.uids.device_uid(),
        name=context.info.title,
        manufacturer_name=MANUFACTURER,
        model_name=context.info.name,
        serial_number=context.job.namespace.hex[:16],
    )
    act = context.job.verification
    return ObservationContext(
        observer_person_context=None if act is None else person_observer(act),
        observer_device_context=ObserverContext(DEVICE, device),
    )


def _root(result: AnalysisResult, context: Context, linked: Sequence[Linked], remarks: Sequence[str]) -> Dataset:
    groups = result.groups or (_nothing_found(result, context),)
    try:
        report = MeasurementReport(
            observation_context=observation_context(context),
            procedure_reported=concept(context.info.procedure),
            imaging_measurements=[encode_group(group, context) for group in groups],
            title=concept(DOCUMENT_TITLE),
        )
    except (ValueError, TypeError) as error:
        raise InvalidResult(f"report: {error}") from error
    root = report[0]
    position = next(
        index
        for index, item in enumerate(root.ContentSequence)
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"  # Imaging Measurements come after the library
    )
    root.ContentSequence.insert(position, _image_library(context, linked))
    root.ContentSequence.append(_words(result, context, linked, remarks))
    return root


def _nothing_found(result: AnalysisResult, context: Context) -> MeasurementGroup:
    """The answer "nothing found": a count of 0 on the frames that were looked at, and the sentence that says so.

    The number of frames comes first: OHIF shows a 0 as nothing at all.
    """
    refs = tuple(
        FrameRef(instance.sop_class_uid, instance.sop_instance_uid, number)
        for instance in context.sources.instances.values()
        for number in (range(1, instance.frames + 1) if instance.frames else (None,))
    )
    return MeasurementGroup(
        tracking_id=f"{context.info.name}: nothing found",
        finding=NOTHING_FOUND,
        evidence=refs,
        measurements=(Measurement(FRAMES_EXAMINED, len(refs), FRAME), Measurement(FINDING_COUNT, 0, COUNT)),
        evaluations=(Evaluation(COMMENT, result.nothing_found or ""),),
    )


def _image_library(context: Context, linked: Sequence[Linked]) -> ContainerContentItem:
    """TID 1600: the sources first (OHIF reads the first group only), then the images made in this job."""
    library = ContainerContentItem(concept(IMAGE_LIBRARY), relationship_type=RelationshipTypeValues.CONTAINS)
    library.ContentSequence = ContentSequence()
    by_size: dict[tuple[int | None, int | None], list[SourceInstance]] = {}
    for instance in context.sources.instances.values():
        by_size.setdefault((instance.rows, instance.columns), []).append(instance)
    modality = _MODALITIES.get(context.source_modality())
    for (rows, columns), instances in by_size.items():
        descriptors = [] if modality is None else [_code(MODALITY, modality)]
        if rows and columns:
            descriptors += [_pixels(PIXEL_ROWS, rows), _pixels(PIXEL_COLUMNS, columns)]
        images = [_library_image(SOURCE, one.sop_class_uid, one.sop_instance_uid) for one in instances]
        library.ContentSequence.append(_library_group(descriptors, images))
    made = [
        _library_image(purpose, one.sop_class_uid, one.sop_instance_uid)
        for purpose, one in linked
        if one.sop_class_uid not in DOCUMENTS
    ]
    if made:
        library.ContentSequence.append(_library_group([], made))
    return library


def _library_group(descriptors: list[Dataset], images: list[ImageContentItem]) -> ContainerContentItem:
    group = ContainerContentItem(concept(IMAGE_LIBRARY_GROUP), relationship_type=RelationshipTypeValues.CONTAINS)
    group.ContentSequence = ContentSequence([*descriptors, *images])
    return group


def _library_image(purpose: Code, sop_class_uid: str, sop_instance_uid: str) -> ImageContentItem:
    return ImageContentItem(
        concept(purpose), sop_class_uid, sop_instance_uid, relationship_type=RelationshipTypeValues.CONTAINS
    )


def _code(name: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(concept(name), concept(value), RelationshipTypeValues.HAS_ACQ_CONTEXT)


def _pixels(name: Code, count: int) -> NumContentItem:
    return NumContentItem(
        concept(name), count, unit_concept(PIXEL), relationship_type=RelationshipTypeValues.HAS_ACQ_CONTEXT
    )


def _words(
    result: AnalysisResult, context: Context, linked: Sequence[Linked], remarks: Sequence[str]
) -> ContainerContentItem:
    """TID 1500 row 12: what the numbers alone do not say, as text; and the objects that are no images."""
    container = ContainerContentItem(
        concept(QUALITATIVE_EVALUATIONS), relationship_type=RelationshipTypeValues.CONTAINS
    )
    sentences = [*context.statements]
    if result.nothing_found:
        sentences.append(result.nothing_found)
    act = context.job.verification
    if result.requires_review and act is None:
        sentences.append("Requires review by a person before use.")
    sentences += [*result.notes, *remarks]
    items: list[Dataset] = [] if act is None else [*verification_texts(act, context)]
    items += [text_item(COMMENT, sentence) for sentence in dict.fromkeys(sentences)]
    items += [linked_item(purpose, one) for purpose, one in linked if one.sop_class_uid in DOCUMENTS]
    container.ContentSequence = ContentSequence(items)
    return container


def linked_item(purpose: Code, one: EncodedObject) -> Dataset:
    """A reference to an object, as an image or as what is none."""
    if one.sop_class_uid not in DOCUMENTS:
        return _library_image(purpose, one.sop_class_uid, one.sop_instance_uid)
    return CompositeContentItem(
        concept(purpose),
        one.sop_class_uid,
        one.sop_instance_uid,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )


def _provenance(context: Context) -> list[str]:
    job = context.job
    parts = [f"Made by {MANUFACTURER} with {context.info.name} {context.info.version}"]
    if job.rule:
        parts.append(f"by rule {job.rule!r}")
    if job.reason:
        parts.append(f"when {job.reason}")
    return [", ".join(parts) + ". Research use; not a medical device."]
