"""A page of text as a picture: what a person sees where the algorithm draws nothing and the viewer shows no reports.

It holds no attribute of the patient: those are in the header, and viewers show them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dicom_node.codes import Code
from dicom_node.encode.caption import wrap
from dicom_node.encode.header import Context
from dicom_node.result import AnalysisResult, MeasurementGroup, Picture
from dicom_node.series import ArrayPixels, FrameRef

SUMMARY_ROLE = "summary"
_COLUMNS = 800
_MARGIN_PX = 24
_HEADING_PX, _TEXT_PX = 24, 15
_LINE_PX = 22
_MOST_LINES = 60
_PAPER, _INK, _HEADING = (16, 16, 20), (232, 232, 232), (122, 190, 255)


def summary_page(result: AnalysisResult, context: Context) -> Picture:
    """The numbers and answers of a result, one a line."""
    font = ImageFont.load_default(size=_TEXT_PX)
    lines = [line for text in _texts(result, context) for line in wrap(text, font, _COLUMNS - 2 * _MARGIN_PX) or [""]]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} more lines: see the report"]
    top = 2 * _MARGIN_PX + _HEADING_PX
    page = Image.new("RGB", (_COLUMNS, top + len(lines) * _LINE_PX + _MARGIN_PX), _PAPER)
    draw = ImageDraw.Draw(page)
    heading = ImageFont.load_default(size=_HEADING_PX)
    draw.text((_MARGIN_PX, _MARGIN_PX), context.info.title, fill=_HEADING, font=heading)
    for number, line in enumerate(lines):
        draw.text((_MARGIN_PX, top + number * _LINE_PX), line, fill=_INK, font=font)
    source = tuple(
        FrameRef(one.sop_class_uid, one.sop_instance_uid, None) for one in context.sources.instances.values()
    )
    pixels = ArrayPixels(np.asarray(page, np.uint8)[np.newaxis])
    return Picture("summary", pixels, source, SUMMARY_ROLE, "The result in words, as in the report.")


def _texts(result: AnalysisResult, context: Context) -> Iterator[str]:
    if result.nothing_found:
        yield f"Nothing found. {result.nothing_found}"
    if result.requires_review and context.job.verification is None:
        yield "Requires review by a person before use."
    for group in result.groups:
        yield ""
        yield from _of_group(group)
    if result.notes:
        yield ""
        yield from result.notes
    yield ""
    yield f"{context.info.name} {context.info.version}. Research use; not a medical device."


def _of_group(group: MeasurementGroup) -> Iterator[str]:
    site = f", {group.site.meaning}" if group.site else ""
    yield f"{group.tracking_id}: {group.finding.meaning}{site}"
    for one in group.reported:
        kinds = ", ".join(code.meaning for code in (one.site, one.derivation, one.method) if code)
        yield f"- {one.name.meaning}{f' ({kinds})' if kinds else ''}: {one.value:.6g} {one.unit.meaning}"
    for answer in group.evaluations:
        yield f"- {answer.name.meaning}: {answer.value.meaning if isinstance(answer.value, Code) else answer.value}"
