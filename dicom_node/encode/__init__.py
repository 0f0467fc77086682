"""Encodes an AnalysisResult as DICOM objects, each read back and checked before anybody gets it.

job.py                what comes in (EncodeJob) and goes out (EncodedObject)
uids.py               the same work, the same UIDs
source.py             what results take from the headers of their sources (attributes.py: decoded, made valid)
header.py             patient, study, series, equipment: what every object begins with
report.py             the root SR (content.py: its measurement groups)
parts.py              everything but the report:
segmentation.py, secondary_capture.py, multiframe_us.py, key_objects.py    one object each
verified.py           what follows from a person's act on a draft (verification.py: what the report says of it)
pdf.py                the verified report as a PDF (pdf_pages.py, pdf_document.py, pdf_pictures.py, pdf_fonts.py,
                      comparison.py, source_frame.py: what stands on its pages, and how)
writer.py             part-10 files whose pixels are never in memory as a whole
check.py              the judge before the outbox (check_image.py: of images; reader.py: files read back)
fallback.py           the same results for a peer that does not take every SOP class
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from pydicom.config import disable_value_validation

from dicom_node.algorithm import AlgorithmInfo
from dicom_node.encode import iod
from dicom_node.encode.check import Expectation, check_objects
from dicom_node.encode.fallback import Adapted, adapt_to_peer
from dicom_node.encode.header import Context, all_statements
from dicom_node.encode.job import (
    PDF_ROLE,
    REJECTION_ROLE,
    REPORT_ROLE,
    ChangedValue,
    Draft,
    EncodedObject,
    EncodeJob,
    ObjectRef,
    Outcome,
    Verification,
    local_moment,
)
from dicom_node.encode.parts import check_roles, encode_parts
from dicom_node.encode.report import REPORT_SOP_CLASS, encode_report
from dicom_node.encode.segmentation import SEGMENTATION_SOP_CLASS
from dicom_node.encode.source import read_sources
from dicom_node.encode.uids import DEFAULT_NAMESPACE
from dicom_node.encode.verified import encode_rejection, encode_verified
from dicom_node.result import AnalysisResult

__all__ = [
    "DEFAULT_NAMESPACE",
    "PDF_ROLE",
    "REJECTION_ROLE",
    "REPORT_ROLE",
    "Adapted",
    "ChangedValue",
    "Draft",
    "EncodeJob",
    "EncodedObject",
    "ObjectRef",
    "Outcome",
    "Verification",
    "adapt_to_peer",
    "encode_rejection",
    "encode_result",
    "encode_verified",
    "local_moment",
    "prepare",
    "statements_of",
]


def prepare() -> None:
    """Reads what the first result would else wait for, a few tenths of a second."""
    iod.prepare((REPORT_SOP_CLASS, SEGMENTATION_SOP_CLASS))


def encode_result(
    result: AnalysisResult, info: AlgorithmInfo, sources: Sequence[Path], job: EncodeJob, folder: Path
) -> tuple[EncodedObject, ...]:
    """Writes every object of a result into ``folder`` as ``<role>.dcm``; the root report comes last.

    The same arguments give the same bytes. Roles: ``report``; ``segmentation``, ``key_objects`` (with ``_2`` and so
    on where there are more); ``summary``, a page of text where the result has no picture (there is always something
    that any viewer shows); and the roles that pictures, maps and derived series name themselves.

    Raises:
        InvalidResult: an object would be wrong or incomplete, naming object and fault. What was written stays.
    """
    with warnings.catch_warnings(), disable_value_validation():
        # Sources may hold anything; what leaves is judged by check.py, value by value
        warnings.simplefilter("ignore")
        context = Context.of(result, info, read_sources(sources), job)
        check_roles(result)
        objects, remarks = encode_parts(result, context, context, 2, folder)  # 1 is the report's
        place = context.place(REPORT_ROLE, 1, "report")
        objects.append(encode_report(result, context, place, objects, remarks, folder))
        check_objects(objects, Expectation.of(context.sources, job.predecessor, context.statements))
    return tuple(objects)


def statements_of(result: AnalysisResult, info: AlgorithmInfo, sources: Sequence[Path]) -> tuple[str, ...]:
    """What every object of the result says besides: for what is made of it that is no DICOM object.

    Raises:
        InvalidResult: no result can be made of these sources.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        return all_statements(result, info, read_sources(sources))
