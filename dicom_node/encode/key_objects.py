"""Key Object Selection (PS3.3 A.35.4, TID 2010): what a reader should see first, and what nobody should use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from highdicom.sr import (
    ContainerContentItem,
    ContentSequence,
    ImageContentItem,
    RelationshipTypeValues,
)
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from dicom_node.codes import Code
from dicom_node.encode.content import text_item
from dicom_node.encode.header import Context, Place, common_header
from dicom_node.encode.items import concept, frames_by_instance, sentence
from dicom_node.encode.job import EncodedObject, ObjectRef
from dicom_node.encode.report import (
    DRAFT_OBJECT,
    SOURCE,
    linked_item,
    observation_context,
    references_by_series,
)
from dicom_node.encode.source import SourceInstance
from dicom_node.encode.verification import act_in_words
from dicom_node.encode.writer import write_object
from dicom_node.result import KeyFrames

KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")


def encode_key_frames(key_frames: KeyFrames, context: Context, place: Place, folder: Path) -> EncodedObject:
    """One document for one selection."""
    sources = context.sources
    frames = frames_by_instance(sources, key_frames.frames, place.role)
    images = [
        ImageContentItem(
            concept(SOURCE),
            sources.instances[uid].sop_class_uid,
            uid,
            referenced_frame_numbers=numbers or None,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
        for uid, numbers in frames.items()
    ]
    chosen = [sources.instances[uid] for uid in frames]
    return _encode(key_frames.title, key_frames.description, images, chosen, context, place, folder)


def encode_rejected(drafted: Sequence[EncodedObject], context: Context, place: Place, folder: Path) -> EncodedObject:
    """Names every object of a draft that a person rejected, with the reason in that person's words (IHE IOCM)."""
    act = context.job.verification
    assert act is not None  # encode_rejection has looked
    words = " ".join(filter(None, (act_in_words(act, context), act.conclusion.strip())))
    references = [linked_item(DRAFT_OBJECT, one) for one in drafted]
    return _encode(REJECTED_FOR_QUALITY, words, references, drafted, context, place, folder)


def _encode(
    title: Code,
    description: str,
    references: Sequence[Dataset],
    chosen: Sequence[SourceInstance | EncodedObject],
    context: Context,
    place: Place,
    folder: Path,
) -> EncodedObject:
    dataset = common_header(context, place, str(KeyObjectSelectionDocumentStorage), "KO")
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = references_by_series(
        ObjectRef(context.sources.study_uid, one.series_uid, one.sop_class_uid, one.sop_instance_uid) for one in chosen
    )
    root = ContainerContentItem(concept(title), template_id="2010")
    content: list[Dataset] = [*observation_context(context)]
    said = " ".join((*map(sentence, context.statements), description)).strip()
    if said:
        content.append(text_item(KEY_OBJECT_DESCRIPTION, said))
    content += references
    root.ContentSequence = ContentSequence(content, is_root=False)
    for element in root:
        dataset[element.tag] = element
    return write_object(dataset, place.role, folder)
