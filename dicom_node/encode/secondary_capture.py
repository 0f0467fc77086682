"""Secondary Capture: pictures for people (RGB) and maps of one quantity (16 bit), PS3.3 A.8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage, SecondaryCaptureImageStorage
from pydicom.valuerep import DSfloat

from dicom_node.codes import Code, Unit
from dicom_node.encode.caption import Caption
from dicom_node.encode.header import (
    Context,
    Place,
    add_general_image,
    add_lossy,
    add_pixel_description,
    common_header,
    lossy_of,
)
from dicom_node.encode.items import concept, fit, source_images, unit_concept
from dicom_node.encode.job import EncodedObject
from dicom_node.encode.writer import bytes_of, chunks_of, write_object
from dicom_node.result import Picture, ScalarMap
from dicom_node.series import FrameRef, Spacing

CONVERSION_TYPE = "WSD"
QUANTITY = Code("246205007", "SCT", "Quantity")
_DISPLAY_FRAME_TIME_S = 0.1  # of pictures that name no rate: a display rate only
_RATE_TOLERANCE = 0.05
_LARGEST_STORED = 65535
_WINDOW_PERCENTILE = 99.5


def encode_picture(picture: Picture, context: Context, place: Place, folder: Path) -> EncodedObject:
    """An RGB picture; several frames go out as Multi-frame True Color Secondary Capture.

    Statements that every object must carry are drawn on a strip below each frame: what people look at says so itself.
    """
    frames, rows, columns = picture.pixels.shape[:3]
    caption = Caption.of(context.statements, columns)
    sop_class = SecondaryCaptureImageStorage if frames == 1 else MultiFrameTrueColorSecondaryCaptureImageStorage
    dataset = _secondary_capture(context, place, str(sop_class), picture.description or picture.title, picture.source)
    dataset.BurnedInAnnotation = "YES"  # letters of ours, and of the scanner where the picture shows the source
    add_pixel_description(dataset, rows + caption.rows, caption.columns, bits=8, colour=True)
    if frames > 1:
        add_frame_time(dataset, frames, picture.frame_time_s or _DISPLAY_FRAME_TIME_S)
    captioned = (caption.below(chunk) for chunk in chunks_of(picture.pixels))
    return write_object(dataset, place.role, folder, bytes_of(captioned))


def encode_map(scalar_map: ScalarMap, context: Context, place: Place, folder: Path) -> EncodedObject:
    """A 16-bit grey image; stored value x Rescale Slope is the quantity in its unit.

    Whole numbers up to 65535 are stored as they are; anything else is scaled to use all 16 bits, so the rounding
    error is at most half of Rescale Slope. A viewer that rounds after the rescale (DCMTK does) shows whole units only.
    """
    stored, slope = _to_16_bit(scalar_map.values)
    rows, columns = stored.shape
    said = (scalar_map.description or scalar_map.title).rstrip(".")
    text = f"{said}. {scale_in_words(float(slope), 0.0, scalar_map.quantity.meaning, scalar_map.unit)}"
    dataset = _secondary_capture(context, place, str(SecondaryCaptureImageStorage), text, scalar_map.source)
    dataset.BurnedInAnnotation = "NO"
    add_pixel_description(dataset, rows, columns, bits=16, colour=False)
    dataset.RescaleSlope = slope
    dataset.RescaleIntercept = "0"
    dataset.RescaleType = fit(scalar_map.unit.ucum, 64)
    dataset.RealWorldValueMappingSequence = [_real_world_values(scalar_map, slope)]
    _add_window(dataset, scalar_map.values)
    dataset.PresentationLUTShape = "IDENTITY"
    if scalar_map.placement.spacing is not None:
        add_spacing(dataset, scalar_map.placement.spacing)
    return write_object(dataset, place.role, folder, bytes_of([stored]))


def _secondary_capture(
    context: Context, place: Place, sop_class_uid: str, description: str, source: tuple[FrameRef, ...]
) -> Dataset:
    dataset = common_header(context, place, sop_class_uid, context.source_modality())
    dataset.ConversionType = CONVERSION_TYPE
    add_general_image(dataset, context, ("DERIVED", "SECONDARY"), description)
    add_lossy(dataset, lossy_of(context, source))
    dataset.SourceImageSequence = source_images(context.sources, source, place.role)
    return dataset


def add_frame_time(dataset: Dataset, frames: int, frame_time_s: float) -> None:
    """Multi-frame and Cine modules: frames follow each other in (0018,1063), milliseconds."""
    dataset.NumberOfFrames = frames
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = DSfloat(frame_time_s * 1000.0, auto_format=True)
    rate = round(1.0 / frame_time_s)
    if abs(rate * frame_time_s - 1.0) < _RATE_TOLERANCE:  # whole numbers only: no rate is better than a wrong one
        dataset.CineRate = rate
        dataset.RecommendedDisplayFrameRate = rate


def scale_in_words(slope: float, intercept: float, quantity: str, unit: Unit) -> str:
    """What stored values mean, for people: "Stored value x 0.5 + 1 = speed in mm/s." """
    added = f" + {intercept:g}" if intercept else ""
    return f"Stored value x {slope:g}{added} = {quantity} ({unit.meaning})."


def add_spacing(dataset: Dataset, spacing: Spacing) -> None:
    """Basic Pixel Spacing Calibration Macro (PS3.3 10.7.1.3): known from the source's geometry."""
    dataset.PixelSpacing = [DSfloat(spacing.row_mm, auto_format=True), DSfloat(spacing.column_mm, auto_format=True)]
    dataset.PixelSpacingCalibrationType = "GEOMETRY"
    dataset.PixelSpacingCalibrationDescription = "Calibration of the source image on the computed grid"


def _to_16_bit(values: NDArray[np.floating]) -> tuple[NDArray[np.uint16], DSfloat]:
    largest = float(values.max(initial=0.0))
    if largest <= _LARGEST_STORED and np.array_equal(values, np.rint(values)):
        return values.astype(np.uint16), DSfloat(1.0, auto_format=True)
    # The slope that a reader will see has 16 characters at most: scale by that one, not by the exact quotient
    slope = DSfloat(largest / _LARGEST_STORED, auto_format=True)
    slope = DSfloat(str(slope))
    stored = np.clip(np.rint(values.astype(np.float64) / float(slope)), 0, _LARGEST_STORED)
    return stored.astype(np.uint16), slope


def _real_world_values(scalar_map: ScalarMap, slope: DSfloat) -> Dataset:
    """Quantity and unit as codes (PS3.3 C.7.6.16.2.11): Rescale Type alone is free text."""
    item = Dataset()
    item.RealWorldValueFirstValueMapped = 0
    item.RealWorldValueLastValueMapped = _LARGEST_STORED
    item.RealWorldValueIntercept = 0.0
    item.RealWorldValueSlope = float(slope)
    item.LUTExplanation = fit(scalar_map.quantity.meaning, 64)
    item.LUTLabel = "MAP"
    item.MeasurementUnitsCodeSequence = [unit_concept(scalar_map.unit)]
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [concept(QUANTITY)]
    quantity.ConceptCodeSequence = [concept(scalar_map.quantity)]
    item.QuantityDefinitionSequence = [quantity]
    return item


def _add_window(dataset: Dataset, values: NDArray[np.floating]) -> None:
    """A window from 0 to the bulk of what is not 0: a few bright pixels do not darken the rest."""
    positive = values[values > 0]
    top = float(np.percentile(positive, _WINDOW_PERCENTILE)) if positive.size else 1.0
    # LINEAR reaches black at c - 0.5 - (w - 1) / 2 and white at c - 0.5 + (w - 1) / 2 (PS3.3 C.11.2.1.2.1)
    dataset.WindowCenter = DSfloat((top + 1) / 2, auto_format=True)
    dataset.WindowWidth = DSfloat(top + 1, auto_format=True)
    dataset.VOILUTFunction = "LINEAR"
