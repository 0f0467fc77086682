"""Coded concepts and UCUM units in use.

A code is a value here, not a DICOM item: the encoders turn it into one. Sources: DICOM PS3.16 context
groups (named beside each block), SNOMED CT, LOINC, UCUM. Local codes carry the scheme ``99DICOMNODE``,
which every object that uses one declares in Coding Scheme Identification Sequence (0008,0110).
"""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_SCHEME = "99DICOMNODE"
LOCAL_SCHEME_NAME = "dicom-node local codes"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 section 8): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        if not self.value or not self.scheme or not self.meaning:
            raise ValueError(f"a code needs value, scheme and meaning; got {self!r}")
        if len(self.value) > 16:
            raise ValueError(f"code value {self.value!r} has over 16 characters (VR SH)")
        if len(self.meaning) > 64:
            raise ValueError(f"code meaning {self.meaning!r} has over 64 characters (VR LO)")


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM unit: the code and how a person writes it."""

    ucum: str
    meaning: str


def local(value: str, meaning: str) -> Code:
    """A code of the project's own scheme, for concepts that no public scheme has."""
    return Code(value, LOCAL_SCHEME, meaning)


# Units (CID 82 and UCUM)
NO_UNITS = Unit("1", "no units")
MILLIMETRE = Unit("mm", "mm")
SQUARE_MILLIMETRE = Unit("mm2", "mm2")
SQUARE_CENTIMETRE = Unit("cm2", "cm2")
MILLILITRE = Unit("ml", "ml")
GRAM = Unit("g", "g")
PERCENT = Unit("%", "%")
SECOND = Unit("s", "s")
MILLISECOND = Unit("ms", "ms")
HERTZ = Unit("Hz", "Hz")
PER_MINUTE = Unit("/min", "/min")
MILLIMETRE_PER_SECOND = Unit("mm/s", "mm/s")
CENTIMETRE_PER_SECOND = Unit("cm/s", "cm/s")
PIXEL = Unit("{pixels}", "pixels")
PIXEL_PER_FRAME = Unit("{pixels}/{frame}", "pixels per frame")
COUNT = Unit("{count}", "count")
FRAME = Unit("{frame}", "frames")
SCORE = Unit("{score}", "score")

# Procedure reported (CID 100; PixelMed refuses others) and families of algorithm (CID 7162)
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
MR_UNSPECIFIED_BODY_REGION = Code("25056-3", "LN", "MRI unspecified body region")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
MULTI_SCALE_FILTERING = Code("123106", "DCM", "Multi-Scale/Resolution Filtering")

# Purposes and derivations (CID 7201, 7202, 7203)
SOURCE_FOR_PROCESSING = Code("121322", "DCM", "Source image for image processing operation")
SEGMENTATION_DERIVATION = Code("113076", "DCM", "Segmentation")
DIRECTLY_MEASURED = Code("125316", "DCM", "Directly measured")

# Modifiers of a measured quantity
MEAN = Code("373098007", "SCT", "Mean")
MAXIMUM = Code("56851009", "SCT", "Maximum")
MINIMUM = Code("255605001", "SCT", "Minimum")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")

# Segment property categories (CID 7150)
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
SUBSTANCE = Code("105590001", "SCT", "Substance")

# Contrast agents (CID 12030) and the substance as a segment type
CONTRAST_AGENT = Code("385420005", "SCT", "Contrast agent")
SONOVUE = Code("125906", "DCM", "SonoVue")
