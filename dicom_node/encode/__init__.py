"""Encodes an AnalysisResult as DICOM objects, each read back and checked before anybody gets it.

job.py                what comes in (EncodeJob) and goes out (EncodedObject)
uids.py               the same work, the same UIDs
source.py             what results take from the headers of their sources (attributes.py: decoded, made valid)
header.py             patient, study, series, equipment: what every object begins with
report.py             the root SR (content.py: its measurement groups)
segmentation.py, secondary_capture.py, multiframe_us.py, key_objects.py    one object each
writer.py             part-10 files whose pixels are never in memory as a whole
check.py              the judge before the outbox (check_image.py: of images; reader.py: files read back)
fallback.py           the same results for a peer that does not take every SOP class
"""

from __future__ import annotations

import re
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
from dicom_node.encode.key_objects import encode_key_frames
from dicom_node.encode.multiframe_us import encode_derived
from dicom_node.encode.report import REPORT_SOP_CLASS, encode_report
from dicom_node.encode.secondary_capture import encode_map, encode_picture
from dicom_node.encode.segmentation import SEGMENTATION_SOP_CLASS, by_picture_size, encode_segmentation
from dicom_node.encode.source import read_sources
from dicom_node.encode.summary_page import SUMMARY_ROLE, summary_page
from dicom_node.encode.uids import DEFAULT_NAMESPACE
from dicom_node.errors import InvalidResult
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
    "encode_result",
    "local_moment",
    "prepare",
    "statements_of",
]

_OWN_ROLES = (REPORT_ROLE, SUMMARY_ROLE, "segmentation", "key_objects")


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
        _check_roles(result)
        objects, remarks = _encode_parts(result, context, folder)
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


def _check_roles(result: AnalysisResult) -> None:
    for part in (*result.pictures, *result.maps, *result.derived):
        if re.sub(r"_\d+$", "", part.role) in _OWN_ROLES:
            raise InvalidResult(f"role {part.role!r} is the encoders' own ({', '.join(_OWN_ROLES)}): give another name")


def _encode_parts(result: AnalysisResult, context: Context, folder: Path) -> tuple[list[EncodedObject], list[str]]:
    objects: list[EncodedObject] = []
    remarks: list[str] = []

    def place(role: str, title: str):
        return context.place(role, len(objects) + 2, title)  # 1 is the report's

    for picture in result.pictures or (summary_page(result, context),):
        objects.append(encode_picture(picture, context, place(picture.role, picture.title), folder))
    for scalar_map in result.maps:
        objects.append(encode_map(scalar_map, context, place(scalar_map.role, scalar_map.title), folder))
    for number, segments in enumerate(by_picture_size(result.segments), start=1):
        where = place(_numbered("segmentation", number), ", ".join(segment.label for segment in segments))
        written, empty = encode_segmentation(segments, context, where, folder)
        objects.extend([written] if written else [])
        remarks += [f"Segment {segment.label!r} marks no pixel on any frame and was left out." for segment in empty]
    for derived in result.derived:
        objects.append(encode_derived(derived, context, place(derived.role, derived.title), folder))
    for number, key_frames in enumerate(result.key_frames, start=1):
        where = place(_numbered("key_objects", number), key_frames.title.meaning)
        objects.append(encode_key_frames(key_frames, context, where, folder))
    return objects, remarks


def _numbered(role: str, number: int) -> str:
    return role if number == 1 else f"{role}_{number}"
