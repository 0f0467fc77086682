"""Key Object Selection (PS3.3 A.35.4, TID 2010): the frames that a reader should see first."""

from __future__ import annotations

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
from dicom_node.encode.report import SOURCE, observation_context, references_by_series
from dicom_node.encode.writer import write_object
from dicom_node.result import KeyFrames

KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")


def encode_key_frames(key_frames: KeyFrames, context: Context, place: Place, folder: Path) -> EncodedObject:
    """One document for one selection."""
    sources = context.sources
    frames = frames_by_instance(sources, key_frames.frames, place.role)
    dataset = common_header(context, place, str(KeyObjectSelectionDocumentStorage), "KO")
    dataset.ReferencedPerformedProcedureStepSequence = []
    chosen = [sources.instances[uid] for uid in frames]
    dataset.CurrentRequestedProcedureEvidenceSequence = references_by_series(
        ObjectRef(sources.study_uid, one.series_uid, one.sop_class_uid, one.sop_instance_uid) for one in chosen
    )
    root = ContainerContentItem(concept(key_frames.title), template_id="2010")
    content: list[Dataset] = [*observation_context(context)]
    description = " ".join((*map(sentence, context.statements), key_frames.description)).strip()
    if description:
        content.append(text_item(KEY_OBJECT_DESCRIPTION, description))
    content += [
        ImageContentItem(
            concept(SOURCE),
            sources.instances[uid].sop_class_uid,
            uid,
            referenced_frame_numbers=numbers or None,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
        for uid, numbers in frames.items()
    ]
    root.ContentSequence = ContentSequence(content, is_root=False)
    for element in root:
        dataset[element.tag] = element
    return write_object(dataset, place.role, folder)
