"""New frames computed from a series: derived Ultrasound Multi-frame (PS3.3 A.7), or multi-frame Secondary Capture.

The frames are streamed from the pixel source to the file. Calibration, contrast agent and compression history of the
source are carried over; what frame times mean is said in words.
"""

from __future__ import annotations

import math
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import MultiFrameGrayscaleByteSecondaryCaptureImageStorage, UltrasoundMultiFrameImageStorage

from dicom_node.encode.attributes import UNREADABLE, clean_item, copy, first_value, values_of
from dicom_node.encode.header import (
    Context,
    Place,
    add_general_image,
    add_lossy,
    add_pixel_description,
    common_header,
    lossy_of,
)
from dicom_node.encode.items import concept, source_images
from dicom_node.encode.job import EncodedObject
from dicom_node.encode.secondary_capture import CONVERSION_TYPE, add_frame_time, add_spacing, scale_in_words
from dicom_node.encode.writer import bytes_of, chunks_of, write_object
from dicom_node.result import DerivedSeries, Placement
from dicom_node.series import RegionFormat

_CONTRAST = (
    "ContrastBolusAgent",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ContrastBolusStartTime",
    "ContrastBolusStopTime",
    "ContrastBolusTotalDose",
    "ContrastBolusIngredient",
    "ContrastBolusIngredientConcentration",
)
_TRANSDUCER = ("TransducerData", "TransducerType", "ProcessingFunction", "HeartRate")
_TWO_D_IMAGING = "0001"  # ImageType value 4 (PS3.3 C.8.5.6.1.1)


def encode_derived(derived: DerivedSeries, context: Context, place: Place, folder: Path) -> EncodedObject:
    """The derived frames as the source's kind of object: ultrasound stays ultrasound, anything else becomes SC."""
    modality = context.source_modality()
    header = context.sources.header(context.sources.check_frame(derived.source[0], place.role).sop_instance_uid)
    if modality == "US":
        dataset = common_header(context, place, str(UltrasoundMultiFrameImageStorage), modality)
        add_general_image(dataset, context, ("DERIVED", "SECONDARY", _exam(header), _TWO_D_IMAGING), _words(derived))
        _add_ultrasound(dataset, header, derived)
    else:
        dataset = common_header(context, place, str(MultiFrameGrayscaleByteSecondaryCaptureImageStorage), modality)
        add_general_image(dataset, context, ("DERIVED", "SECONDARY"), _words(derived))
        add_grayscale_byte_capture(dataset)
        if derived.placement.spacing is not None:
            add_spacing(dataset, derived.placement.spacing)
    # Letters in the source may still be read in frames computed from it; a source that says nothing may have some
    dataset.BurnedInAnnotation = "NO" if first_value(header, "BurnedInAnnotation") == "NO" else "YES"
    dataset.DerivationCodeSequence = [concept(derived.derivation)]
    dataset.SourceImageSequence = source_images(context.sources, derived.source, place.role)
    add_lossy(dataset, lossy_of(context, derived.source))
    frames, rows, columns = derived.pixels.shape
    add_pixel_description(dataset, rows, columns, bits=8, colour=False)
    add_frame_time(dataset, frames, derived.frame_time_s)
    return write_object(dataset, place.role, folder, bytes_of(chunks_of(derived.pixels)))


def add_grayscale_byte_capture(dataset: Dataset) -> None:
    """What Multi-frame Grayscale Byte SC (…7.2) needs besides (PS3.3 A.8.3, C.8.6.3)."""
    dataset.ConversionType = CONVERSION_TYPE
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "US"


def _words(derived: DerivedSeries) -> str:
    timing = derived.timing_note or "Frame times are display times, not acquisition times."
    scale = ""
    if derived.value_scale is not None:
        slope, intercept, unit = derived.value_scale
        scale = scale_in_words(slope, intercept, "computed value", unit)
    return " ".join(filter(None, (derived.description or derived.title, timing, scale)))


def _exam(header: Dataset) -> str:
    """ImageType value 3: the kind of examination, as the source has it."""
    out = Dataset()
    copy(header, ("ImageType",), out)
    values = values_of(out, "ImageType")
    return values[2] if len(values) > 2 else ""


def _add_ultrasound(dataset: Dataset, header: Dataset, derived: DerivedSeries) -> None:
    copy(header, (*_CONTRAST, *_TRANSDUCER), dataset)
    if "ContrastBolusAgent" not in dataset and "ContrastBolusAgent" in header:
        dataset.ContrastBolusAgent = ""  # type 2: the source has the module, and does not name the agent
    dataset.UltrasoundColorDataPresent = 0
    regions = derived_regions(header, derived.placement, derived.pixels.shape[1], derived.pixels.shape[2])
    if regions:
        dataset.SequenceOfUltrasoundRegions = regions


def derived_regions(header: Dataset, placement: Placement, rows: int, columns: int) -> list[Dataset]:
    """The source's calibrated 2-D regions on the computed grid (PS3.3 C.8.5.5).

    Bounds are shifted by the placement's origin and multiplied by its scale, physical deltas divided by it. A region
    that reaches over the edge of the source image is stale (its calibration is of some other picture) and left out,
    unless it ends one pixel outside (writers that count the end exclusively); so is one that the grid does not touch.
    """
    source_rows, source_columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    regions = []
    for item in _region_items(header):
        try:
            stale = item.RegionLocationMaxX1 > source_columns or item.RegionLocationMaxY1 > source_rows
            if item.RegionSpatialFormat != RegionFormat.TWO_D or stale:
                continue
            item.RegionLocationMaxX1 = min(item.RegionLocationMaxX1, source_columns - 1)
            item.RegionLocationMaxY1 = min(item.RegionLocationMaxY1, source_rows - 1)
            horizontal = _Axis.of(item, "X", placement.x0_px, placement.scale, columns)
            vertical = _Axis.of(item, "Y", placement.y0_px, placement.scale, rows)
        except AttributeError:  # a region without its required attributes calibrates nothing
            continue
        if horizontal.first <= horizontal.last and vertical.first <= vertical.last:
            horizontal.write(item, "X")
            vertical.write(item, "Y")
            regions.append(item)
    return regions


def _region_items(header: Dataset) -> list[Dataset]:
    try:
        return [clean_item(item) for item in header.get("SequenceOfUltrasoundRegions") or []]
    except UNREADABLE:
        return []


class _Axis:
    """One direction of a region on the new grid: first and last pixel, delta, and the reference pixel."""

    def __init__(self, first: int, last: int, delta: float, reference: float | None, value: float) -> None:
        self.first, self.last, self.delta = first, last, delta
        self._reference, self._value = reference, value

    @classmethod
    def of(cls, item: Dataset, axis: str, origin_px: float, scale: float, size: int) -> _Axis:
        low = int(getattr(item, f"RegionLocationMin{axis}0"))
        high = int(getattr(item, f"RegionLocationMax{axis}1"))
        # Edges of the region, half a source pixel outside the outer centres; a grid pixel is in when its centre is
        first = max(0, math.ceil((low - 0.5 - origin_px) * scale))
        last = min(size - 1, math.ceil((high + 0.5 - origin_px) * scale) - 1)
        delta = float(getattr(item, f"PhysicalDelta{axis}")) / scale
        offset = item.get(f"ReferencePixel{axis}0")
        # (0018,6020) counts from the region's own corner: make it absolute, move it, make it relative again
        reference = None if offset is None else (low + int(offset) - origin_px) * scale - first
        return cls(first, last, delta, reference, float(item.get(f"ReferencePixelPhysicalValue{axis}") or 0.0))

    def write(self, item: Dataset, axis: str) -> None:
        setattr(item, f"RegionLocationMin{axis}0", self.first)
        setattr(item, f"RegionLocationMax{axis}1", self.last)
        setattr(item, f"PhysicalDelta{axis}", self.delta)
        if self._reference is not None:
            whole = round(self._reference)  # the rest of a pixel goes into the physical value
            setattr(item, f"ReferencePixel{axis}0", whole)
            setattr(item, f"ReferencePixelPhysicalValue{axis}", self._value + (whole - self._reference) * self.delta)
