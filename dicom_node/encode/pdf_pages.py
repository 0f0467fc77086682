"""What stands on the pages of a verified report: whose it is, what was concluded, on what it rests, who said so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom.dataset import Dataset

from dicom_node import MANUFACTURER, __version__
from dicom_node.encode.attributes import first_value
from dicom_node.encode.comparison import chosen_rows, rows_of
from dicom_node.encode.header import Context
from dicom_node.encode.items import sentence
from dicom_node.encode.job import REPORT_ROLE, Draft, Outcome, Verification
from dicom_node.encode.pdf_document import Document
from dicom_node.encode.pdf_fonts import FontFiles
from dicom_node.encode.pdf_pictures import pictures_of
from dicom_node.encode.verification import act_in_words, change_in_words, person_in_words
from dicom_node.result import AnalysisResult

MOST_ROWS = 60
NO_CONCLUSION = "No conclusion was written."
UNDRAWN = "[U+...] stands for a letter that no font of this document has. The DICOM header and the report have it."
NOT_A_DEVICE = "Research use; not a medical device."
_OUTCOMES = {Outcome.ACCEPTED: "accepted as drafted", Outcome.CORRECTED: "corrected"}
_SEXES = {"F": "female", "M": "male", "O": "other"}


def pages_of(result: AnalysisResult, context: Context, draft: Draft, report_uid: str) -> bytes:
    """The whole PDF; the same arguments give the same bytes.

    Raises:
        InvalidResult: a font that the configuration names cannot be read.
    """
    act = context.job.verification
    assert act is not None  # encode_verified has looked
    patient = _patient_line(context.sources.patient_and_study)
    with TemporaryDirectory() as folder:
        fonts = FontFiles.of(context.job.fonts, Path(folder))
        title = f"{context.info.title}: verified report"
        foot = f"{NOT_A_DEVICE} {MANUFACTURER} {__version__}. Report {report_uid}"
        document = Document(fonts, context.moment, (patient, title), foot)
        document.set_title(title)
        document.set_subject(" ".join(map(sentence, context.statements)))
        document.set_author(MANUFACTURER)
        document.first_head(context.info.title, f"Verified report, {_OUTCOMES[act.outcome]}", act.organisation)
        told = _first(document, context, act)
        _middle(document, result, context, draft)
        _last(document, result, context, draft, report_uid)
        document.sentences([UNDRAWN] if document.undrawn and not told else [], 8)
        return bytes(document.output())


def _first(document: Document, context: Context, act: Verification) -> bool:
    """Whose it is, what it is not, and what was concluded by whom. Returns whether letters without a font were told."""
    document.fields([*_patient_and_study(context.sources.patient_and_study)])
    document.drawable(f"{act.conclusion} {act.observer_name}")  # what they lack is told beside the patient's name
    told = document.undrawn
    document.sentences([UNDRAWN] if told else [])
    document.ln(2)
    if context.statements:
        document.warning(map(sentence, context.statements))
    document.heading("Conclusion")
    document.panel([act.conclusion.strip() or NO_CONCLUSION])
    document.sentences([act_in_words(act, context)], 9.5)
    return told


def _middle(document: Document, result: AnalysisResult, context: Context, draft: Draft) -> None:
    """Pictures, then values as drafted and as confirmed."""
    shown, remarks = pictures_of(result, draft.result, context)
    if shown or remarks:
        document.heading("Images")
        document.pictures(shown)
        document.sentences(remarks)
    rows = rows_of(draft.result, result)
    chosen = chosen_rows(rows, MOST_ROWS)
    document.heading("Findings and measurements")
    if result.nothing_found:
        document.sentences([f"Nothing found. {result.nothing_found}"])
    if chosen:
        cells = ((row.group, (row.what, row.drafted, row.confirmed), row.changed) for row in chosen)
        document.comparison(("", "drafted", "confirmed"), cells)
    if len(chosen) < len(rows):
        document.sentences([f"{len(rows) - len(chosen)} more values, as drafted, are in the report in the archive."])
    act = context.job.verification
    if act is not None and act.changes:
        document.heading("Changes by the observer")
        document.sentences(map(change_in_words, act.changes))


def _last(document: Document, result: AnalysisResult, context: Context, draft: Draft, report_uid: str) -> None:
    """How the result was made, what it says of itself, and where its objects are."""
    info = context.info
    document.heading("Method")
    document.sentences([f"{info.title}: {info.name} {info.version}, {MANUFACTURER} {__version__}."], 8.5)
    document.sentences((f"Model {model.name} {model.version}, sha256 {model.sha256}." for model in info.models), 8.5)
    if info.parameters:
        document.sentences([f"Parameters: {', '.join(info.parameters)}."], 8.5)
    if result.notes:
        document.heading("Notes")
        document.sentences(map(sentence, result.notes), 8.5)
    document.heading("References")
    document.sentences(_references(context, draft, report_uid), 8)


def _references(context: Context, draft: Draft, report_uid: str) -> Iterator[str]:
    yield f"Study {context.sources.study_uid}"
    yield f"Report (DICOM SR) {report_uid}"
    if draft.sent:
        yield from (
            f"Draft that it replaces {one.sop_instance_uid}" for one in draft.objects if one.role == REPORT_ROLE
        )
    series = dict.fromkeys(one.series_uid for one in context.sources.instances.values())
    yield from (f"Source series {uid}" for uid in series)


def _patient_line(header: Dataset) -> str:
    name = person_in_words(first_value(header, "PatientName"))
    return ", ".join(
        filter(None, (name, first_value(header, "PatientID"), _date(first_value(header, "PatientBirthDate"))))
    )


def _patient_and_study(header: Dataset) -> Iterator[tuple[str, str]]:
    """Names and values of what a reader compares with the request; a dash where the study says nothing."""
    time = first_value(header, "StudyTime")
    clock = f"{time[:2]}:{time[2:4]}" if len(time) >= 4 else ""
    values = (
        ("Patient", person_in_words(first_value(header, "PatientName"))),
        ("Study date", " ".join(filter(None, (_date(first_value(header, "StudyDate")), clock)))),
        ("Patient ID", first_value(header, "PatientID")),
        ("Accession number", first_value(header, "AccessionNumber")),
        ("Birth date", _date(first_value(header, "PatientBirthDate"))),
        ("Study", first_value(header, "StudyDescription")),
        ("Sex", _SEXES.get(first_value(header, "PatientSex"), first_value(header, "PatientSex"))),
        ("Referring physician", person_in_words(first_value(header, "ReferringPhysicianName"))),
    )
    return ((name, value or "–") for name, value in values)


def _date(text: str) -> str:
    """20260301 -> 2026-03-01: no country reads that another way."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else text
