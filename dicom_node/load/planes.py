"""Where each frame lies and when in the cycle it was taken: classic and enhanced objects read into one form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from dicom_node.load.header import items, number, numbers, text, whole
from dicom_node.series import Plane, Spacing


@dataclass(frozen=True, slots=True)
class Acquired:
    """What the header says of one frame.

    ``kind`` tells frames apart that lie at the same place and time but show something else (magnitude and phase,
    echoes). ``rescale`` is (slope, intercept) where it changes anything.
    """

    plane: Plane | None = None
    spacing: Spacing | None = None
    kind: tuple[str, ...] = ()
    trigger_time_ms: float | None = None
    trigger_keyword: str = "TriggerTime"
    temporal_position: int | None = None
    rr_interval_ms: float | None = None
    cardiac_images: int | None = None
    rescale: tuple[float, float] | None = None


def acquired(header: Dataset, frames: int) -> tuple[Acquired, ...]:
    """One ``Acquired`` per frame, from the functional groups where there are any, else from the top level."""
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    if not any(len(groups) for groups in per_frame):  # Sunnybrook's classic files carry one empty item
        return (_classic(header),) * frames
    shared = (items(header, "SharedFunctionalGroupsSequence") or (Dataset(),))[0]
    padded = [*per_frame, *[Dataset()] * max(0, frames - len(per_frame))]
    return tuple(_enhanced(header, shared, own) for own in padded[:frames])


def _classic(header: Dataset) -> Acquired:
    plane = _plane(header, header, header, header)
    return Acquired(
        plane=plane,
        spacing=_spacing(header) if plane else None,
        kind=(text(header, "ImageType"), text(header, "EchoNumbers")),
        trigger_time_ms=number(header, "TriggerTime"),
        temporal_position=whole(header, "TemporalPositionIdentifier"),
        rr_interval_ms=_positive(number(header, "NominalInterval")),
        cardiac_images=whole(header, "CardiacNumberOfImages") or None,  # some scanners leave a 0
        rescale=_rescale(header),
    )


def _enhanced(header: Dataset, shared: Dataset, own: Dataset) -> Acquired:
    def group(sequence: str) -> Dataset:
        return (items(own, sequence) or items(shared, sequence) or (Dataset(),))[0]

    measures, content, cardiac = (
        group("PixelMeasuresSequence"),
        group("FrameContentSequence"),
        group("CardiacSynchronizationSequence"),
    )
    plane = _plane(group("PlanePositionSequence"), group("PlaneOrientationSequence"), measures, header)
    temporal = whole(content, "TemporalPositionIndex")
    return Acquired(
        plane=plane,
        spacing=_spacing(measures) if plane else None,
        kind=(text(group("MRImageFrameTypeSequence"), "FrameType"), text(group("MREchoSequence"), "EffectiveEchoTime")),
        trigger_time_ms=number(cardiac, "NominalCardiacTriggerDelayTime"),
        trigger_keyword="NominalCardiacTriggerDelayTime",
        temporal_position=temporal,
        rr_interval_ms=_positive(number(cardiac, "RRIntervalTimeNominal")),
        rescale=_rescale(group("PixelValueTransformationSequence")) or _rescale(header),
    )


def _positive(found: float | None) -> float | None:
    return found if found is not None and found > 0 else None


def _rescale(dataset: Dataset) -> tuple[float, float] | None:
    """Rescale Slope and Intercept (PS3.3 C.11.1); ``None`` where absent or where they change nothing."""
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if slope is None or intercept is None or slope == 0 or (slope, intercept) == (1.0, 0.0):
        return None
    return slope, intercept


def _spacing(dataset: Dataset) -> Spacing | None:
    """Pixel Spacing (0028,0030): row spacing first (down a column), then column spacing."""
    found = numbers(dataset, "PixelSpacing")
    if found is None or len(found) != 2 or min(found) <= 0:
        return None
    return Spacing(row_mm=found[0], column_mm=found[1])


def _plane(position: Dataset, orientation: Dataset, measures: Dataset, header: Dataset) -> Plane | None:
    """Image Plane (PS3.3 C.7.6.2); ``None`` unless the two directions are perpendicular and of length one."""
    origin, axes = numbers(position, "ImagePositionPatient"), numbers(orientation, "ImageOrientationPatient")
    if origin is None or axes is None or len(origin) != 3 or len(axes) != 6:
        return None
    row, column = np.array(axes[:3]), np.array(axes[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1.0) for length in lengths) > 0.01 or abs(float(row @ column)) > 0.01:
        return None
    return Plane(
        position_mm=(origin[0], origin[1], origin[2]),
        row_direction=(axes[0], axes[1], axes[2]),
        column_direction=(axes[3], axes[4], axes[5]),
        frame_of_reference_uid=text(header, "FrameOfReferenceUID") or None,
        thickness_mm=_positive(number(measures, "SliceThickness")),
    )
