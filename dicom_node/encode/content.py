"""Content items of the report: coordinates, images, measurements, groups (TID 300, 1410, 1501 with highdicom).

OHIF loads a report only where every measurement group owns spatial coordinates. A group that has neither a region
nor a line gets the outline of its evidence frame, from which its first number is inferred; one without numbers gets
the number of frames that were examined. (Coordinates in the group itself would make it a TID 1410 group among others
that are not: PixelMed and OHIF refuse that.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CoordinatesForMeasurement,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TimePointContext,
    TrackingIdentifier,
)
from numpy.typing import NDArray

from dicom_node.codes import FRAME, Code, local
from dicom_node.encode.header import Context
from dicom_node.encode.items import concept, frames_by_instance, unit_concept
from dicom_node.errors import InvalidResult
from dicom_node.result import Evaluation, MeasurementGroup, Region, Shape
from dicom_node.result import Measurement as MeasuredValue
from dicom_node.series import FrameRef

COMMENT = Code("121106", "DCM", "Comment")
FRAMES_EXAMINED = local("FRAMES_EXAMINED", "Frames examined")
# SCOORD has (0, 0) at the top-left corner of the first pixel (PS3.3 C.18.6.1.2), results at its centre
HALF_PIXEL = 0.5

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def graphic_data(region: Region) -> tuple[str, NDArray[np.float64]]:
    """Graphic Type and (column, row) points in SCOORD's coordinates; a polygon becomes a closed polyline."""
    points = np.asarray(region.points, np.float64) + HALF_PIXEL
    if region.shape is Shape.POLYGON:
        return Shape.POLYLINE.value, np.vstack([points, points[:1]])
    return region.shape.value, points


def encode_group(group: MeasurementGroup, context: Context) -> Group:
    """A measurement group: TID 1410 where it has a region, TID 1501 otherwise."""
    name = f"group {group.tracking_id!r}"
    region = None if group.region is None else _region(group.region, context, name)
    measurements = group.reported
    if region is None and not measurements:
        measurements = (MeasuredValue(FRAMES_EXAMINED, len(set(group.evidence)), FRAME),)
    outline = None
    if region is None and not any(measurement.regions for measurement in measurements):
        outline = _outline(group.evidence[0], context, name)
    common = {
        "tracking_identifier": TrackingIdentifier(context.uids.tracking(group.tracking_id), group.tracking_id),
        "time_point_context": TimePointContext(group.time_point) if group.time_point else None,
        "finding_type": concept(group.finding),
        "algorithm_id": algorithm_identification(context),
        "finding_sites": [FindingSite(concept(group.site))] if group.site else None,
        "measurements": [
            _measurement(one, outline if first == 0 or _has_modifier(one) else None, context, group)
            for first, one in enumerate(measurements)
        ]
        or None,
        "qualitative_evaluations": [
            QualitativeEvaluation(concept(one.name), concept(one.value))
            for one in group.evaluations
            if isinstance(one.value, Code)
        ]
        or None,
    }
    if region is not None:
        encoded: Group = PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **common)
    else:
        images = _evidence(group.evidence, context, name)
        encoded = MeasurementsAndQualitativeEvaluations(source_images=images, **common)
    content = encoded[0].ContentSequence
    content.extend(_text(one) for one in group.evaluations if isinstance(one.value, str))
    return encoded


def algorithm_identification(context: Context) -> AlgorithmIdentification:
    """TID 4019. Parameters hold the algorithm's own and the digest of every model; no manufacturer (PixelMed warns)."""
    info = context.info
    models = (f"model {model.name} {model.version}, sha256 {model.sha256}" for model in info.models)
    return AlgorithmIdentification(
        name=info.name,
        version=info.version,
        parameters=[*info.parameters, *models] or None,
        family=concept(info.family),
    )


def _has_modifier(measured: MeasuredValue) -> bool:
    """OHIF leaves out a number that has content, and no coordinates among it."""
    return bool(measured.method or measured.derivation or measured.site)


def _measurement(
    measured: MeasuredValue, outline: CoordinatesForMeasurement | None, context: Context, group: MeasurementGroup
) -> Measurement:
    coordinates = [] if outline is None else [outline]
    if measured.regions:
        if group.region is not None:
            raise InvalidResult(
                f"group {group.tracking_id!r} has a region and measures {measured.name.meaning!r} from another one: "
                "TID 1410 allows one region; give the measurement a group of its own"
            )
        asked_by = f"group {group.tracking_id!r}"
        coordinates = [_coordinates(region, context, asked_by) for region in measured.regions]
    return Measurement(
        name=concept(measured.name),
        value=measured.value,
        unit=unit_concept(measured.unit),
        derivation=concept(measured.derivation) if measured.derivation else None,
        finding_sites=[FindingSite(concept(measured.site))] if measured.site else None,
        method=concept(measured.method) if measured.method else None,
        referenced_coordinates=coordinates or None,
    )


def _image(ref: FrameRef, context: Context, asked_by: str) -> SourceImageForRegion:
    instance = context.sources.check_frame(ref, asked_by)
    numbered = ref.frame_number is not None and instance.frames is not None
    return SourceImageForRegion(
        instance.sop_class_uid, instance.sop_instance_uid, [ref.frame_number] if numbered else None
    )


def _placed(region: Region, context: Context, asked_by: str) -> tuple[str, NDArray[np.float64]]:
    """``graphic_data`` of a region that lies on its picture: 0..columns, 0..rows (PS3.3 C.18.6.1.2)."""
    graphic_type, points = graphic_data(region)
    instance = context.sources.check_frame(region.frame, asked_by)
    if instance.rows and instance.columns and ((points < 0) | (points > (instance.columns, instance.rows))).any():
        raise InvalidResult(
            f"{asked_by}: a point lies outside of the {instance.columns} columns x {instance.rows} rows of its image: "
            "points are (x, y) = (column, row)"
        )
    return graphic_type, points


def _coordinates(region: Region, context: Context, asked_by: str) -> CoordinatesForMeasurement:
    graphic_type, points = _placed(region, context, asked_by)
    return CoordinatesForMeasurement(graphic_type, points, _image(region.frame, context, asked_by))


def _region(region: Region, context: Context, asked_by: str) -> ImageRegion:
    if region.shape is Shape.MULTIPOINT:
        raise InvalidResult(f"{asked_by}: a region of TID 1410 is no MULTIPOINT; give a polygon or single points")
    graphic_type, points = _placed(region, context, asked_by)
    return ImageRegion(graphic_type, points, _image(region.frame, context, asked_by))


def _outline(ref: FrameRef, context: Context, asked_by: str) -> CoordinatesForMeasurement:
    """The edge of the whole frame: what a number without a line was inferred from."""
    instance = context.sources.check_frame(ref, asked_by)
    if not (instance.rows and instance.columns):
        raise InvalidResult(f"{asked_by}: its evidence {ref.sop_instance_uid} has no Rows and Columns: it is no image")
    right, bottom = float(instance.columns), float(instance.rows)
    points = np.array([(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom), (0.0, 0.0)])
    return CoordinatesForMeasurement(Shape.POLYLINE.value, points, _image(ref, context, asked_by))


def _evidence(refs: Sequence[FrameRef], context: Context, asked_by: str) -> list[SourceImageForMeasurementGroup]:
    return [
        SourceImageForMeasurementGroup(context.sources.instances[uid].sop_class_uid, uid, numbers or None)
        for uid, numbers in frames_by_instance(context.sources, refs, asked_by).items()
    ]


def _text(evaluation: Evaluation) -> TextContentItem:
    return text_item(evaluation.name, str(evaluation.value))


def text_item(name: Code, text: str) -> TextContentItem:
    """A TEXT item that a container CONTAINS."""
    return TextContentItem(concept(name), text, RelationshipTypeValues.CONTAINS)
