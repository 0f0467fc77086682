"""The objects of a result but its report: pictures, maps, segmentations, derived series, key objects."""

from __future__ import annotations

import re
from pathlib import Path

from dicom_node.encode.header import Context, Place
from dicom_node.encode.job import PDF_ROLE, REJECTION_ROLE, REPORT_ROLE, EncodedObject
from dicom_node.encode.key_objects import encode_key_frames
from dicom_node.encode.multiframe_us import encode_derived
from dicom_node.encode.secondary_capture import encode_map, encode_picture
from dicom_node.encode.segmentation import by_picture_size, encode_segmentation
from dicom_node.encode.summary_page import SUMMARY_ROLE, summary_page
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult

_OWN_ROLES = (REPORT_ROLE, PDF_ROLE, REJECTION_ROLE, SUMMARY_ROLE, "segmentation", "key_objects")


def check_roles(result: AnalysisResult) -> None:
    """Raises InvalidResult where a part has a role that the encoders give themselves."""
    for part in (*result.pictures, *result.maps, *result.derived):
        if re.sub(r"_\d+$", "", part.role) in _OWN_ROLES:
            raise InvalidResult(f"role {part.role!r} is the encoders' own ({', '.join(_OWN_ROLES)}): give another name")


def encode_parts(
    result: AnalysisResult, context: Context, drawn: Context, first_position: int, folder: Path
) -> tuple[list[EncodedObject], list[str]]:
    """Writes everything but the report. Returns the objects, and remarks on what had to be left out.

    ``drawn`` is the context of what the algorithm drew; it may say more than ``context``. Series numbers begin at
    ``first_position``.
    """
    objects: list[EncodedObject] = []
    remarks: list[str] = []

    def place(role: str, title: str) -> Place:
        return context.place(role, len(objects) + first_position, title)

    for picture in result.pictures:
        objects.append(encode_picture(picture, drawn, place(picture.role, picture.title), folder))
    if not result.pictures:
        page = summary_page(result, context)
        objects.append(encode_picture(page, context, place(page.role, page.title), folder))
    for scalar_map in result.maps:
        objects.append(encode_map(scalar_map, drawn, place(scalar_map.role, scalar_map.title), folder))
    for number, segments in enumerate(by_picture_size(result.segments), start=1):
        where = place(_numbered("segmentation", number), ", ".join(segment.label for segment in segments))
        written, empty = encode_segmentation(segments, drawn, where, folder)
        objects.extend([written] if written else [])
        remarks += [f"Segment {segment.label!r} marks no pixel on any frame and was left out." for segment in empty]
    for derived in result.derived:
        objects.append(encode_derived(derived, drawn, place(derived.role, derived.title), folder))
    for number, key_frames in enumerate(result.key_frames, start=1):
        where = place(_numbered("key_objects", number), key_frames.title.meaning)
        objects.append(encode_key_frames(key_frames, context, where, folder))
    return objects, remarks


def _numbered(role: str, number: int) -> str:
    return role if number == 1 else f"{role}_{number}"
