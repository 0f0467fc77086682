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

# Cine MR of the left ventricle (CID 12305, 12307, 3835, 3833; LOINC)
LEFT_VENTRICLE = Code("87878005", "SCT", "Left ventricle")
LEFT_VENTRICLE_MYOCARDIUM = Code("49848007", "SCT", "Left Ventricle Myocardium")
ENDOCARDIAL_AREA = Code("59094-3", "LN", "Endocardial Area")
AREA = Code("42798000", "SCT", "Area")
DIAMETER = Code("81827009", "SCT", "Diameter")
WALL_THICKNESS = Code("122445", "DCM", "Wall Thickness")
CARDIAC_CYCLE_POINT = Code("272518008", "SCT", "Cardiac Cycle Point")
DIASTOLE = Code("90892000", "SCT", "Diastole")
SYSTOLE = Code("111973004", "SCT", "Systole")
END_DIASTOLE = Code("416190007", "SCT", "End diastole")
END_SYSTOLE = Code("416430001", "SCT", "End Systole")
LV_ED_VOLUME = Code("8821-1", "LN", "Left Ventricular ED Volume")
LV_ES_VOLUME = Code("8823-7", "LN", "Left Ventricular ES Volume")
LV_EJECTION_FRACTION_BY_MR = Code("8811-2", "LN", "Left ventricular ejection fraction by MR")
STROKE_VOLUME = Code("90096001", "SCT", "Stroke Volume")
LV_MASS = Code("18087-7", "LN", "Left Ventricle Mass")
HEART_RATE = Code("8867-4", "LN", "Heart rate")

# Segments of the left ventricle's wall: anteroseptal, anterior, anterolateral, inferolateral, inferior, inferoseptal
LV_BASAL_SEGMENTS = (  # CID 3782
    Code("396482007", "SCT", "left ventricle basal anteroseptal segment"),
    Code("264850008", "SCT", "left ventricle basal anterior segment"),
    Code("396654005", "SCT", "left ventricle basal anterolateral segment"),
    Code("396652009", "SCT", "left ventricle basal inferolateral segment"),
    Code("264846001", "SCT", "left ventricle basal inferior segment"),
    Code("396646008", "SCT", "left ventricle basal inferoseptal segment"),
)
LV_MID_SEGMENTS = (  # CID 3783
    Code("396647004", "SCT", "left ventricle mid anteroseptal segment"),
    Code("264848000", "SCT", "left ventricle mid anterior segment"),
    Code("396656007", "SCT", "left ventricle mid anterolateral segment"),
    Code("396655006", "SCT", "left ventricle mid inferolateral segment"),
    Code("264847005", "SCT", "left ventricle mid inferior segment"),
    Code("396649001", "SCT", "left ventricle mid inferoseptal segment"),
)
LV_APICAL_SEGMENTS = (  # CID 3785
    Code("130620", "DCM", "left ventricle apical anteroseptal segment"),
    Code("264844003", "SCT", "left ventricle apical anterior segment"),
    Code("130623", "DCM", "left ventricle apical anterolateral segment"),
    Code("130622", "DCM", "left ventricle apical inferolateral segment"),
    Code("264849008", "SCT", "left ventricle apical inferior segment"),
    Code("130621", "DCM", "left ventricle apical inferoseptal segment"),
)

# M-mode of the left ventricle (CID 12300, 12305, 12280, 12227, 12232; LOINC)
INTERVENTRICULAR_SEPTUM = Code("589001", "SCT", "Interventricular septum")
POSTERIOR_WALL = Code("264159006", "SCT", "Posterior Wall")
IVS_DIASTOLE_MM = Code("79968-4", "LN", "Interventricular septum diastolic dimension MM")
IVS_SYSTOLE_MM = Code("79970-0", "LN", "Interventricular septum systolic dimension MM")
LVID_DIASTOLE_MM = Code("80008-6", "LN", "Left ventricular internal diastolic dimension - MM")
LVID_SYSTOLE_MM = Code("80012-8", "LN", "Left ventricular internal systolic dimension - MM")
LVPW_DIASTOLE_MM = Code("80031-8", "LN", "Left ventricular posterior wall diastolic thickness")
LVPW_SYSTOLE_MM = Code("80033-4", "LN", "Left ventricular posterior wall systolic thickness")
LV_EF_TEICHHOLZ_MM = Code("18049-7", "LN", "Left ventricular ejection fraction (Teichholz) MM")
LV_FS_MM = Code("29435-5", "LN", "Left ventricular fractional shortening (of minor axis) (MM)")
LV_END_DIASTOLIC_VOLUME = Code("18026-5", "LN", "Left Ventricular End Diastolic Volume")
LV_END_SYSTOLIC_VOLUME = Code("18148-7", "LN", "Left Ventricular End Systolic Volume")
TEICHHOLZ = Code("125209", "DCM", "Teichholz")
LV_MASS_BY_M_MODE = Code("125221", "DCM", "Left Ventricle Mass by M-mode")

# Titles of key objects (CID 7010)
OF_INTEREST = Code("113000", "DCM", "Of Interest")
