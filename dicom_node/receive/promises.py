"""What a header promises of how many instances there will be, and of which part of the series it speaks.

Only a promise that cannot be mistaken for another is taken (PS3.3, attribute definitions):

- Number of Series Related Instances (0020,1209): of the whole series.
- Images in Acquisition (0020,1002): "Number of images that resulted from this acquisition of data" (C.7.6.1): of one
  acquisition; a series may hold several.
- Cardiac Number of Images (0018,1090), "Number of images per cardiac cycle" (C.8.3.1), and Number of Temporal Positions
  (0020,0105): of one slice; a series may hold several, and nothing says how many.

A multi-frame instance holds its cycle in its frames, so the last two promise nothing of instances there. A promise of
one is none: devices write 1 where they do not count.
"""

from __future__ import annotations

from dicom_node.intake import Promise
from dicom_node.receive.header import Header


def promises_of(header: Header) -> tuple[Promise, ...]:
    """Every usable promise, with the part it speaks of in words."""
    values = header.values
    slice_position = values.get("ImagePositionPatient", "")
    single_frame = _count(values.get("NumberOfFrames", "1")) == 1
    candidates = [
        ("NumberOfSeriesRelatedInstances", ""),
        ("ImagesInAcquisition", f"acquisition {values.get('AcquisitionNumber', '')}".strip()),
    ]
    if slice_position and single_frame:
        part = f"slice {slice_position} {values.get('ImageOrientationPatient', '')}".strip()
        candidates += [("CardiacNumberOfImages", part), ("NumberOfTemporalPositions", part)]
    return tuple(
        Promise(count, keyword, part) for keyword, part in candidates if (count := _count(values.get(keyword, ""))) > 1
    )


def _count(text: str) -> int:
    """A count written as an integer string; 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
