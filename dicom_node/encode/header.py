"""What every result object begins with: patient, study, series, equipment, SOP common (PS3.3 C.7, C.12)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from dicom_node import MANUFACTURER, __version__
from dicom_node.algorithm import AlgorithmInfo
from dicom_node.codes import Code
from dicom_node.encode.attributes import copy, first_value, whole_number
from dicom_node.encode.items import concept, fit, sentence
from dicom_node.encode.job import EncodeJob
from dicom_node.encode.source import Lossy, Sources
from dicom_node.encode.uids import ResultUids
from dicom_node.result import AnalysisResult
from dicom_node.series import FrameRef

# Purposes of contributing equipment (CID 7005)
ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
_SERIES_WHERE_UNNUMBERED = 9000
_LARGEST_IS = 2**31 - 1
_LONG_STRING = 64
_LEAST_TITLE = 20
_SHORT_TEXT = 1024
# Body parts that come in pairs (PS3.16 annex L): they need a Laterality
_PAIRED_PARTS = (
    "ADRENAL ANKLE ARM AXILLA BREAST CALF CAROTID CLAVICLE EAR ELBOW EXTREMITY EYE FEMUR FINGER FOOT "
    "FOREARM HAND HIP HUMERUS KIDNEY KNEE LEG LUNG OVARY PATELLA RADIUS SCAPULA SHOULDER TESTIS THIGH "
    "THUMB TIBIA TOE ULNA WRIST ZYGOMA "
)
_PAIRED = frozenset(_PAIRED_PARTS.split())
_EQUIPMENT = (
    "InstitutionName",
    "InstitutionAddress",
    "StationName",
    "InstitutionalDepartmentName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands in the study: its role, its series number and the series' title."""

    role: str
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Context:
    """What all encoders of one job share."""

    sources: Sources
    info: AlgorithmInfo
    job: EncodeJob
    uids: ResultUids
    statements: tuple[str, ...]

    @classmethod
    def of(cls, result: AnalysisResult, info: AlgorithmInfo, sources: Sources, job: EncodeJob) -> Context:
        """The context of one job; its statements are ``all_statements``."""
        series = (instance.series_uid for instance in sources.instances.values())
        uids = ResultUids.of(info, job, sources.study_uid, series, sources.instances)
        return cls(sources, info, job, uids, all_statements(result, info, sources))

    @property
    def moment(self) -> datetime:
        """The job's content time on the clock of the source study."""
        return self.on_its_clock(self.job.content_time)

    def on_its_clock(self, moment: datetime) -> datetime:
        """A moment on the clock of the source study (Timezone Offset From UTC), as it is where none is said."""
        offset = re.fullmatch(r"([+-])(0\d|1[0-4])([0-5]\d)", first_value(self.sources.first, "TimezoneOffsetFromUTC"))
        if not offset:
            return moment
        sign = -1 if offset[1] == "-" else 1
        zone = timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
        return moment.astimezone(zone)

    def place(self, role: str, position: int, title: str) -> Place:
        """Series number: a hundred times the source's, plus the object's position in the job."""
        source = whole_number(self.sources.first, "SeriesNumber") or 0
        base = source * 100 if 0 < source <= _LARGEST_IS // 100 - 1 else _SERIES_WHERE_UNNUMBERED
        return Place(role, base + position, title)

    def source_modality(self) -> str:
        """The sources' Modality, or OT where they say none."""
        out = Dataset()
        copy(self.sources.first, ("Modality",), out)
        return str(out.get("Modality") or "OT")


def all_statements(result: AnalysisResult, info: AlgorithmInfo, sources: Sources) -> tuple[str, ...]:
    """What every object must say: the result's own statements, the models', the sources'."""
    models = (
        f"Model {model.name} {model.version} was trained on simulated images only: research use, not validated."
        for model in info.models
        if model.simulated_only
    )
    return tuple(dict.fromkeys((*result.statements, *models, *sources.said)))


def common_header(context: Context, place: Place, sop_class_uid: str, modality: str) -> Dataset:
    """A new data set with the modules that every composite object has. Text is in UTF-8 (ISO_IR 192)."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for element in context.sources.patient_and_study:
        dataset.add(element)
    moment = context.moment
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    for event in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{event}Date", date)
        setattr(dataset, f"{event}Time", time)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = context.uids.instance(place.role, sop_class_uid)
    dataset.SeriesInstanceUID = context.uids.series(place.role, sop_class_uid)
    dataset.SeriesNumber = place.number
    dataset.InstanceNumber = 1
    dataset.Modality = modality
    dataset.SeriesDescription = series_description(context, place.title)
    _add_equipment(dataset, context)
    return dataset


def series_description(context: Context, title: str) -> str:
    """ "<algorithm>: <title> (<first statement>)", of which 64 characters may leave out or shorten the algorithm.

    The title alone tells the series of a job apart; a statement that leaves it room stays with it, a longer one goes.
    """
    said = f"{title} ({context.statements[0].rstrip('.')})" if context.statements else title
    names = (f"{context.info.title}: ", f"{context.info.name}: ", "")
    wanted = [f"{name}{said}" for name in names]
    room = _LONG_STRING - (len(said) - len(title))
    told = set(re.findall(r"\w+", said[len(title) :].casefold())) <= set(re.findall(r"\w+", title.casefold()))
    if room >= _LEAST_TITLE and not told:  # a title that says it already stays whole
        wanted.append(f"{fit(title, room)}{said[len(title) :]}")
    wanted += [f"{name}{title}" for name in names]
    return fit(next((words for words in wanted if len(words) <= _LONG_STRING), title), _LONG_STRING)


def _add_equipment(dataset: Dataset, context: Context) -> None:
    _add_own_equipment(dataset, context)
    contributors = [_scanner(context), _node(context)]
    dataset.ContributingEquipmentSequence = [item for item in contributors if item is not None]


def _add_own_equipment(dataset: Dataset, context: Context) -> None:
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = fit(context.info.name, _LONG_STRING)
    dataset.DeviceSerialNumber = context.job.namespace.hex[:16]
    own = (f"{MANUFACTURER} {__version__}", f"{context.info.name} {context.info.version}")
    dataset.SoftwareVersions = [fit(version, _LONG_STRING) for version in own]
    dataset.DeviceUID = context.uids.device_uid()


def _scanner(context: Context) -> Dataset | None:
    """The equipment that acquired the sources; Manufacturer is type 1, so none where the sources do not name it."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [concept(ACQUISITION_EQUIPMENT)]
    copy(context.sources.first, ("Manufacturer", *_EQUIPMENT), item)
    return item if "Manufacturer" in item else None


def _node(context: Context) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [concept(PROCESSING_EQUIPMENT)]
    _add_own_equipment(item, context)
    item.ContributionDateTime = context.moment.strftime("%Y%m%d%H%M%S%z")
    models = "; ".join(f"model {model.name} {model.version} sha256 {model.sha256}" for model in context.info.models)
    item.ContributionDescription = fit("; ".join(filter(None, (context.info.title, models))), _SHORT_TEXT)
    return item


def add_body_part(dataset: Dataset, context: Context) -> None:
    """Body Part Examined as the source has it, and Laterality, which is required where the part may be paired.

    Where the source names no body part none is invented: an empty Laterality (type 2C) says that it is not known.
    Segmentations have no Laterality of the series: each segment names its region.
    """
    copy(context.sources.first, ("BodyPartExamined",), dataset)
    part = str(dataset.get("BodyPartExamined") or "")
    if dataset.Modality != "SEG" and (not part or part in _PAIRED):
        side = first_value(context.sources.first, "Laterality")
        dataset.Laterality = side if side in {"L", "R"} else ""


def add_general_image(dataset: Dataset, context: Context, image_type: tuple[str, ...], description: str) -> None:
    """General Image module (PS3.3 C.7.6.1) of a computed image: what it is, and every statement as its comment."""
    dataset.ImageType = list(image_type)
    dataset.PatientOrientation = ""
    add_body_part(dataset, context)
    text = " ".join((*map(sentence, context.statements), description))
    dataset.DerivationDescription = fit(text, _SHORT_TEXT)
    if context.statements:
        dataset.ImageComments = "\r\n".join(context.statements)


def add_lossy(dataset: Dataset, lossy: Lossy | None) -> None:
    """Lossy compression is inherited by all that is computed from it."""
    if lossy is None:
        dataset.LossyImageCompression = "00"
        return
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = [f"{ratio:.6g}" for ratio in lossy.ratios]
    dataset.LossyImageCompressionMethod = list(lossy.methods)


def lossy_of(context: Context, refs: tuple[FrameRef, ...]) -> Lossy | None:
    """The compression history of the frames that an object is computed from."""
    return context.sources.lossy_of(refs)


def add_pixel_description(dataset: Dataset, rows: int, columns: int, bits: int, colour: bool) -> None:
    """Image Pixel module (PS3.3 C.7.6.3) without the pixels."""
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows = rows
    dataset.Columns = columns
    dataset.BitsAllocated = bits
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
