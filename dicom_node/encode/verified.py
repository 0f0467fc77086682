"""What follows from a person's act on a draft: a verified report with its PDF, or the rejection of the draft."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydicom.config import disable_value_validation

from dicom_node.algorithm import AlgorithmInfo
from dicom_node.encode.check import Expectation, check_objects
from dicom_node.encode.header import Context
from dicom_node.encode.job import (
    PDF_ROLE,
    REJECTION_ROLE,
    REPORT_ROLE,
    Draft,
    EncodedObject,
    EncodeJob,
    ObjectRef,
    Outcome,
    Verification,
)
from dicom_node.encode.key_objects import REJECTED_FOR_QUALITY, encode_rejected
from dicom_node.encode.parts import check_roles, encode_parts
from dicom_node.encode.pdf import encode_pdf
from dicom_node.encode.report import REPORT_SOP_CLASS, encode_report
from dicom_node.encode.source import read_sources
from dicom_node.result import AnalysisResult

DRAWN_BEFORE = "Drawn before a person corrected the result: see the verified report."
_FIRST_POSITION = 51  # of series numbers, beyond those of the draft


def encode_verified(
    result: AnalysisResult,
    info: AlgorithmInfo,
    sources: Sequence[Path],
    job: EncodeJob,
    draft: Draft,
    folder: Path,
) -> tuple[EncodedObject, ...]:
    """Writes the verified report of ``result`` and its PDF into ``folder``; the report comes last.

    ``result`` is what the person confirmed: the draft's own, or corrected. ``job`` is the draft's with the act in
    ``verification``, and its ``predecessor`` as it was. Where the draft was sent, its report becomes the predecessor,
    and its other objects stay and are referred to; where it was not, they are written anew, with UIDs of this act.

    Raises:
        InvalidResult: an object would be wrong or incomplete, naming object and fault. What was written stays.
        ValueError: the job has no act that verifies.
    """
    act = _act_of(job, (Outcome.ACCEPTED, Outcome.CORRECTED))
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        context = _context(result, info, sources, job, draft)
        check_roles(result)
        objects, remarks = ([], []) if draft.sent else _parts(result, context, act, folder)
        report_uid = context.uids.instance(REPORT_ROLE, REPORT_SOP_CLASS)
        place = context.place(PDF_ROLE, _FIRST_POSITION + 1, "verified report (PDF)")
        objects.append(encode_pdf(result, context, draft, report_uid, place, folder))
        place = context.place(REPORT_ROLE, _FIRST_POSITION, "verified report")
        staying = [one for one in draft.objects if one.role != REPORT_ROLE] if draft.sent else []
        objects.append(encode_report(result, context, place, objects, remarks, folder, staying))
        check_objects(objects, _expectation(context, staying))
    return tuple(objects)


def encode_rejection(
    info: AlgorithmInfo, sources: Sequence[Path], job: EncodeJob, draft: Draft, folder: Path
) -> tuple[EncodedObject, ...]:
    """Writes the key object that names every object of a rejected draft; nothing for a draft that nobody got.

    Raises:
        InvalidResult: the object would be wrong, naming its fault.
        ValueError: the job has no act that rejects.
    """
    _act_of(job, (Outcome.REJECTED,))
    if not draft.sent:
        return ()
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        context = _context(draft.result, info, sources, job, draft)
        place = context.place(REJECTION_ROLE, _FIRST_POSITION, REJECTED_FOR_QUALITY.meaning)
        objects = [encode_rejected(draft.objects, context, place, folder)]
        check_objects(objects, _expectation(context, draft.objects))
    return tuple(objects)


def _act_of(job: EncodeJob, outcomes: tuple[Outcome, ...]) -> Verification:
    act = job.verification
    if act is None or act.outcome not in outcomes:
        wanted = " or ".join(outcome.value for outcome in outcomes)
        raise ValueError(f"the job needs a verification with outcome {wanted}; it has {act and act.outcome.value}")
    return act


def _context(
    result: AnalysisResult, info: AlgorithmInfo, sources: Sequence[Path], job: EncodeJob, draft: Draft
) -> Context:
    """The act's context: what a sent draft's report is replaced by names it as the predecessor."""
    read = read_sources(sources)
    if draft.sent:
        reports = [one for one in draft.objects if one.role == REPORT_ROLE]
        refs = (ObjectRef(read.study_uid, one.series_uid, one.sop_class_uid, one.sop_instance_uid) for one in reports)
        job = replace(job, predecessor=tuple(refs))
    return Context.of(result, info, read, job)


def _parts(
    result: AnalysisResult, context: Context, act: Verification, folder: Path
) -> tuple[list[EncodedObject], list[str]]:
    """What a draft that was held back would have brought; what was drawn before a correction says so."""
    drawn = context
    if act.outcome is Outcome.CORRECTED:
        drawn = replace(context, statements=(*context.statements, DRAWN_BEFORE))
    return encode_parts(result, context, drawn, _FIRST_POSITION + 2, folder)


def _expectation(context: Context, staying: Sequence[EncodedObject]) -> Expectation:
    study = context.sources.study_uid
    refs = (ObjectRef(study, one.series_uid, one.sop_class_uid, one.sop_instance_uid) for one in staying)
    return Expectation.of(context.sources, (*context.job.predecessor, *refs), context.statements)
