"""What a measured study becomes: an AnalysisResult in the words of TID 1500."""

from __future__ import annotations

import numpy as np

from algorithms.lv_quantification.bullseye import bullseye_picture
from algorithms.lv_quantification.curve import curve_picture
from algorithms.lv_quantification.groups import CAVITY_ID, MYOCARDIUM_ID, groups_of
from algorithms.lv_quantification.montage import Montage
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.quality import flags_of
from algorithms.lv_quantification.study import Study
from algorithms.lv_quantification.summary import indices_table, summary_of, volumes_table
from dicom_node.codes import ANATOMICAL_STRUCTURE, LEFT_VENTRICLE, LEFT_VENTRICLE_MYOCARDIUM, OF_INTEREST
from dicom_node.result import AnalysisResult, KeyFrames, Picture, Segment
from dicom_node.series import ArrayPixels, FrameRef

ENDOCARDIUM_RGB, EPICARDIUM_RGB = (255, 64, 64), (64, 220, 96)


def compose(study: Study, options: Options) -> AnalysisResult:
    """Report, segmentation, pictures, key frames, tables and notes of one stack."""
    flags = flags_of(study, options)
    tables = (indices_table(study), volumes_table(study))
    return AnalysisResult(
        summary=summary_of(study, flags),
        groups=groups_of(study, options),
        segments=_segments(study),
        pictures=_pictures(study),
        key_frames=(_key_frames(study),),
        tables=tuple(table for table in tables if table is not None),
        notes=(*_notes(study), *(f"quality: {flag.text}" for flag in flags)),
        requires_review=bool(flags),
    )


def _refs(study: Study) -> tuple[FrameRef, ...]:
    return tuple(ref for one in study.slices for ref in one.refs)


def _segments(study: Study) -> tuple[Segment, ...]:
    """Cavity (papillary muscles in it) and myocardium on every frame of every measured slice."""
    cavity = np.concatenate([one.cavity for one in study.slices])
    myocardium = np.concatenate([one.myocardium for one in study.slices]) & ~cavity
    made = (
        ("Left ventricle cavity", LEFT_VENTRICLE, cavity, CAVITY_ID, "Papillary muscles included", ENDOCARDIUM_RGB),
        ("Left ventricle myocardium", LEFT_VENTRICLE_MYOCARDIUM, myocardium, MYOCARDIUM_ID, "", EPICARDIUM_RGB),
    )
    return tuple(
        Segment(
            label=label,
            category=ANATOMICAL_STRUCTURE,
            type=code,
            masks=ArrayPixels(masks),
            frames=_refs(study),
            tracking_id=tracking_id,
            description=description,
            colour_rgb=colour,
        )
        for label, code, masks, tracking_id, description, colour in made
        if masks.any()
    )


def _pictures(study: Study) -> tuple[Picture, ...]:
    montage = Montage(study)
    mid = study.mid
    return (
        Picture(
            title="LV contours",
            pixels=montage,
            source=tuple(frame.ref for part in study.stack.slices for frame in part.volume.frames),
            role="contours_picture",
            description="Cine of all slices with the outlines of cavity (red) and epicardium (green)",
            frame_time_s=mid.slice.volume.timing.frame_time_s if mid.slice.volume.timing else None,
        ),
        Picture(
            title="LV area curve",
            pixels=ArrayPixels(curve_picture(study)[None]),
            source=_refs(study),
            role="curve_picture",
            description="Volume and cavity area over the cycle, the polynomial through them, and the phases",
        ),
        Picture(
            title="LV bulls-eye",
            pixels=ArrayPixels(bullseye_picture(study)[None]),
            source=_refs(study),
            role="bullseye_picture",
            description="Wall thickness at end-diastole and thickening to end-systole by segment",
        ),
    )


def _key_frames(study: Study) -> KeyFrames:
    mid, ed, es = study.mid, study.phases.ed_frame, study.phases.es_frame
    return KeyFrames(
        OF_INTEREST,
        f"End-diastole (frame {ed + 1}) and end-systole (frame {es + 1}) of the middle slice, "
        f"{mid.index + 1} from the base",
        (mid.refs[ed], mid.refs[es]),
    )


WALL_AT_END_SYSTOLE = (
    "wall thickness at end-systole, and thickening with it, come out too small, for no expert's epicardium at "
    "end-systole taught the networks: of 44 % in a simulated heart they find 13 %"
)
"""Measured on sample_dicom's study, slices 3 to 8."""


def _notes(study: Study) -> list[str]:
    stack = study.stack
    measured = ", ".join(f"{one.index + 1} ({one.level.value})" for one in study.slices)
    told = [
        f"measured {len(study.slices)} of {len(stack.slices)} slices, counted from the base: {measured}",
        f"end-diastole is frame {study.phases.ed_frame + 1}, end-systole frame {study.phases.es_frame + 1} of "
        f"{stack.frame_count}",
        f"sectors of the wall are placed by the plane in the patient: the heart is turned by {stack.anchor_deg:.0f} "
        "degrees against the standard display",
    ]
    told += [f"slice {index + 1} was not measured: {reason}" for index, reason in study.not_measured]
    return [*told, WALL_AT_END_SYSTOLE, *study.notes, *stack.notes]
