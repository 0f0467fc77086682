"""Encapsulated PDF (PS3.3 A.45.1): the verified report on pages that anybody can read and print."""

from __future__ import annotations

from pathlib import Path

from pydicom.uid import EncapsulatedPDFStorage

from dicom_node.codes import Code
from dicom_node.encode.header import Context, Place, common_header
from dicom_node.encode.items import concept, fit, sentence, source_images
from dicom_node.encode.job import Draft, EncodedObject
from dicom_node.encode.pdf_pages import pages_of
from dicom_node.encode.writer import write_object
from dicom_node.result import AnalysisResult
from dicom_node.series import FrameRef

PDF_SOP_CLASS = str(EncapsulatedPDFStorage)
MIME_TYPE = "application/pdf"
REPORT_TITLE = Code("18748-4", "LN", "Diagnostic Imaging Report")  # CID 7000
_SHORT_TEXT = 1024


def encode_pdf(
    result: AnalysisResult, context: Context, draft: Draft, report_uid: str, place: Place, folder: Path
) -> EncodedObject:
    """The document of a verified result. ``report_uid`` is the verified SR, which the pages name.

    Raises:
        InvalidResult: a font that the configuration names cannot be read.
    """
    document = pages_of(result, context, draft, report_uid)
    dataset = common_header(context, place, PDF_SOP_CLASS, "DOC")
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "YES"  # the patient's name and identifier stand on its pages
    said = " ".join(map(sentence, (f"{context.info.title}: verified report", *context.statements)))
    dataset.DocumentTitle = fit(said, _SHORT_TEXT)
    dataset.ConceptNameCodeSequence = [concept(REPORT_TITLE)]
    refs = (FrameRef(one.sop_class_uid, one.sop_instance_uid) for one in context.sources.instances.values())
    dataset.SourceInstanceSequence = source_images(context.sources, refs, place.role)
    dataset.MIMETypeOfEncapsulatedDocument = MIME_TYPE
    dataset.EncapsulatedDocumentLength = len(document)
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return write_object(dataset, place.role, folder)
