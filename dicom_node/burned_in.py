"""Text in the pixels: what a de-identified copy must not show.

An ultrasound system writes name, ID and date into the picture, beside the regions that its header describes
(PS3.3 C.8.5.5). So everything outside of them is blanked. Where there are no such regions, nobody knows where text
stands: the picture is left as it is, and whoever exports it is told to look.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.errors import UnreadableInstance

GRAPHICS = 5
"""Region Spatial Format (0018,6012) of a region that holds text and drawings."""
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


class Pixels(Enum):
    """What is known of text in the pixels after ``clean``."""

    BLANKED = "everything outside the ultrasound regions is blanked"
    NO_TEXT = "no text is expected"
    MAY_SHOW_TEXT = "the picture may show text: look at it before you pass it on"


def clean(dataset: Dataset) -> Pixels:
    """Blanks an ultrasound image outside of its regions; says what is known of text in the pixels otherwise.

    Raises:
        UnreadableInstance: the pixels cannot be decoded.
    """
    said = str(dataset.get("BurnedInAnnotation", "")).upper()
    if "PixelData" not in dataset or said == "NO":
        return Pixels.NO_TEXT
    if dataset.get("Modality") == "US":
        inside = _inside(dataset)
        if inside is None:
            return Pixels.MAY_SHOW_TEXT
        _blank(dataset, inside)
        return Pixels.BLANKED
    return Pixels.NO_TEXT if dataset.get("Modality") in ("MR", "CT", "PT") and said != "YES" else Pixels.MAY_SHOW_TEXT


def _inside(dataset: Dataset) -> NDArray[np.bool_] | None:
    """Which pixels lie in a region that shows more than text; ``None`` where no region of this picture is known."""
    inside = np.zeros((dataset.Rows, dataset.Columns), bool)
    for region in dataset.get("SequenceOfUltrasoundRegions", ()):
        names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
        bounds = [region.get(name) for name in names]
        if None in bounds:
            continue
        x0, y0, x1, y1 = map(int, bounds)
        stale = not (0 <= x0 <= x1 < dataset.Columns and 0 <= y0 <= y1 < dataset.Rows)
        if not stale and region.get("RegionSpatialFormat") != GRAPHICS:
            inside[y0 : y1 + 1, x0 : x1 + 1] = True
    return inside if inside.any() and not inside.all() else None


def _blank(dataset: Dataset, inside: NDArray[np.bool_]) -> None:
    """Stores the pixels anew, uncompressed, black outside of the regions."""
    photometric = str(dataset.PhotometricInterpretation)
    black = _black(dataset)
    stored = bytearray()
    try:
        for frame in iter_pixels(dataset):
            stored += (
                np.where(inside if frame.ndim == 2 else inside[..., None], frame, black).astype(frame.dtype).tobytes()
            )
    except (ValueError, RuntimeError, AttributeError, NotImplementedError) as error:  # what pydicom's decoders raise
        raise UnreadableInstance(
            f"the pixels of {dataset.SOPInstanceUID} cannot be decoded, so what they show cannot be blanked"
        ) from error
    dataset.PixelData = bytes(stored) + b"\0" * (len(stored) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    if photometric in COLOURS:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _black(dataset: Dataset) -> int:
    """The stored value that looks black."""
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        return (1 << dataset.BitsStored) - 1
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
        names = ("Red", "Green", "Blue")
        tables = [np.frombuffer(dataset[f"{name}PaletteColorLookupTableData"].value, np.uint16) for name in names]
        return first + int(np.argmin(sum(table.astype(int) for table in tables)))
    return 0
