"""What the results take from the headers of their sources: patient, study, geometry, compression history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_node.encode.attributes import (
    UNREADABLE,
    clean_item,
    copy,
    first_value,
    numbers_of,
    values_of,
    whole_number,
)
from dicom_node.errors import InvalidResult
from dicom_node.series import FrameRef, Plane, Spacing
from dicom_node.simulated import sentence_of

# Patient, Clinical Trial Subject, General Study, Patient Study and Clinical Trial Study modules (PS3.3 C.7.1-C.7.2)
PATIENT = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "QualityControlSubject",
    "OtherPatientNames",
    "PatientSpeciesDescription",
    "PatientBreedDescription",
    "ResponsiblePerson",
    "ResponsiblePersonRole",
    "ResponsibleOrganization",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
)
STUDY = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "ConsultingPhysicianName",
    "StudyDescription",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "StudyInstanceUID",
    "StudyID",
    "RequestingService",
    "AdmittingDiagnosesDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "MedicalAlerts",
    "Allergies",
    "Occupation",
    "SmokingStatus",
    "AdditionalPatientHistory",
    "PregnancyStatus",
    "LastMenstrualDate",
    "PatientSexNeutered",
    "AdmissionID",
    "ServiceEpisodeID",
    "ServiceEpisodeDescription",
    "PatientState",
    "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription",
)
# Type 2: present and empty where the source says nothing
REQUIRED_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
SEQUENCES = (
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "IssuerOfAccessionNumberSequence",
    "IssuerOfAdmissionIDSequence",
    "PatientSpeciesCodeSequence",
    "ProcedureCodeSequence",
    "DeidentificationMethodCodeSequence",
)
_OF_EVERY_INSTANCE = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "TriggerTime",
    "TemporalPositionIdentifier",
    "InstanceNumber",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SamplesPerPixel",
    "BitsAllocated",
    "ImageComments",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)

# Lossy transfer syntaxes and what (0028,2114) calls them
_LOSSY_METHODS = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.53": "ISO_10918_1",
    "1.2.840.10008.1.2.4.55": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.100": "ISO_13818_2",
    "1.2.840.10008.1.2.4.101": "ISO_13818_2",
    "1.2.840.10008.1.2.4.102": "ISO_14496_10",
    "1.2.840.10008.1.2.4.103": "ISO_14496_10",
    "1.2.840.10008.1.2.4.107": "ISO_23008_2",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}


@dataclass(frozen=True, slots=True)
class Lossy:
    """Lossy compression that the pixels went through: (0028,2112) and (0028,2114)."""

    ratios: tuple[float, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceInstance:
    """What results need of one source instance.

    ``frames`` is ``None`` for an object without Number of Frames; ``simulated`` is what it says of being simulated.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    rows: int | None
    columns: int | None
    frames: int | None
    order: tuple[float, float, float]
    plane: Plane | None
    spacing: Spacing | None
    lossy: Lossy | None
    simulated: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The source instances of one job, in the order of acquisition, and the patient and study that they share."""

    instances: dict[str, SourceInstance]
    study_uid: str
    patient_and_study: Dataset
    first: Dataset
    said: tuple[str, ...]

    def instance(self, sop_instance_uid: str, asked_by: str) -> SourceInstance:
        """The source of that UID; raises InvalidResult where a result names something else."""
        try:
            return self.instances[sop_instance_uid]
        except KeyError:
            raise InvalidResult(
                f"{asked_by} refers to SOP instance {sop_instance_uid}, which is not among the {len(self.instances)} "
                "sources of this job: an algorithm names frames of its own series only"
            ) from None

    def check_frame(self, ref: FrameRef, asked_by: str) -> SourceInstance:
        """The instance of a frame reference that exists; raises InvalidResult otherwise."""
        instance = self.instance(ref.sop_instance_uid, asked_by)
        if ref.frame_number is not None and ref.frame_number > (instance.frames or 1):
            raise InvalidResult(
                f"{asked_by} refers to frame {ref.frame_number} of SOP instance {ref.sop_instance_uid}, "
                f"which has {instance.frames or 1}"
            )
        return instance

    def header(self, sop_instance_uid: str) -> Dataset:
        """The whole header of one source, without pixels."""
        return _read(self.instances[sop_instance_uid].path, None)

    def lossy_of(self, refs: Iterable[FrameRef]) -> Lossy | None:
        """The compression history of the first lossy one of these sources."""
        instances = (self.instances[uid] for uid in dict.fromkeys(ref.sop_instance_uid for ref in refs))
        return next((instance.lossy for instance in instances if instance.lossy), None)


def read_sources(paths: Sequence[Path]) -> Sources:
    """Reads the headers of the sources of one job.

    Raises:
        InvalidResult: no result can be made of them: a UID that every result must repeat is missing, or they
            belong to more than one patient or study.
    """
    if not paths:
        raise InvalidResult("no source instances: results are made of at least one")
    headers = [(path, _read(path, list(_OF_EVERY_INSTANCE))) for path in paths]
    instances = sorted((_instance(path, header) for path, header in headers), key=_acquisition_order)
    study_uid = _the_one(headers, "StudyInstanceUID", "a Study Instance UID (0020,000D)", "one study", needed=True)
    _the_one(headers, "PatientID", "a Patient ID (0010,0020)", "one patient", needed=False)
    first = _read(instances[0].path, None)
    said = dict.fromkeys(instance.simulated for instance in instances if instance.simulated)
    return Sources(
        {instance.sop_instance_uid: instance for instance in instances},
        study_uid,
        _patient_and_study(first),
        first,
        tuple(said),
    )


def _read(path: Path, tags: list[str] | None) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
    except (InvalidDicomError, EOFError, OSError, *UNREADABLE) as error:
        raise InvalidResult(f"the header of source {path.name} cannot be read again: {type(error).__name__}") from error


def _instance(path: Path, header: Dataset) -> SourceInstance:
    uids = {}
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"):
        uids[keyword] = first_value(header, keyword)
        if not uids[keyword]:
            raise InvalidResult(
                f"source {path.name} has no {keyword}: a result that refers to it needs one; "
                "correct the instance at its origin and send it again"
            )
    keys = ("TriggerTime", "TemporalPositionIdentifier", "InstanceNumber")
    order = tuple((numbers_of(header, keyword, 1) or (math.inf,))[0] for keyword in keys)
    spacing = numbers_of(header, "PixelSpacing", 2)
    return SourceInstance(
        path=path,
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        series_uid=uids["SeriesInstanceUID"],
        rows=whole_number(header, "Rows"),
        columns=whole_number(header, "Columns"),
        frames=whole_number(header, "NumberOfFrames"),
        order=order,
        plane=_plane(header),
        spacing=Spacing(*spacing) if spacing and min(spacing) > 0 else None,
        lossy=_lossy(path, header),
        simulated=sentence_of(first_value(header, "ImageComments")),
    )


def _acquisition_order(instance: SourceInstance) -> tuple[object, ...]:
    """The UID last: the order in which files are named must not show in the results."""
    return (*instance.order, instance.sop_instance_uid)


def _plane(header: Dataset) -> Plane | None:
    position = numbers_of(header, "ImagePositionPatient", 3)
    orientation = numbers_of(header, "ImageOrientationPatient", 6)
    thickness = numbers_of(header, "SliceThickness", 1)
    uid = first_value(header, "FrameOfReferenceUID")
    if not (position and orientation and uid):
        return None
    return Plane(position, orientation[:3], orientation[3:], uid, thickness[0] if thickness else None)


def _lossy(path: Path, header: Dataset) -> Lossy | None:
    syntax = str(getattr(header, "file_meta", Dataset()).get("TransferSyntaxUID", ""))
    methods = tuple(method for method in values_of(header, "LossyImageCompressionMethod") if method)
    if first_value(header, "LossyImageCompression") != "01" and syntax not in _LOSSY_METHODS:
        return None
    try:
        ratios = tuple(float(value) for value in values_of(header, "LossyImageCompressionRatio"))
    except ValueError:
        ratios = ()
    if not ratios or min(ratios) <= 0:
        ratios = (_measured_ratio(path, header),)
    return Lossy(ratios, methods or (_LOSSY_METHODS.get(syntax, "ISO_10918_1"),))


def _measured_ratio(path: Path, header: Dataset) -> float:
    """Uncompressed size over file size: where the header keeps quiet about how much was lost (at least 1)."""
    size = 1.0
    for keyword, otherwise in (("Rows", 1), ("Columns", 1), ("SamplesPerPixel", 1), ("NumberOfFrames", 1)):
        size *= whole_number(header, keyword) or otherwise
    size *= (whole_number(header, "BitsAllocated") or 8) / 8
    return max(1.0, round(size / max(1, path.stat().st_size), 2))


def _the_one(headers: list[tuple[Path, Dataset]], keyword: str, what: str, same: str, needed: bool) -> str:
    found = {first_value(header, keyword) for _, header in headers}
    if needed and "" in found:
        raise InvalidResult(f"a source lacks {what}: results cannot be filed; correct it at its origin")
    found.discard("")
    if len(found) > 1:
        raise InvalidResult(f"the sources have {len(found)} different values of {keyword}: a job works on {same}")
    return next(iter(found), "")


def _patient_and_study(first: Dataset) -> Dataset:
    out = Dataset()
    copy(first, (*PATIENT, *STUDY, "TimezoneOffsetFromUTC"), out)
    for keyword in REQUIRED_EMPTY:
        if keyword not in out:
            setattr(out, keyword, "")
    for keyword in SEQUENCES:
        items = _items(first, keyword)
        if items:
            setattr(out, keyword, items)
    if "DeidentificationMethod" not in out and "DeidentificationMethodCodeSequence" not in out:
        # Both or neither (type 1C): half of it would make every result incomplete
        out.pop("PatientIdentityRemoved", None)
    return out


def _items(header: Dataset, keyword: str) -> list[Dataset]:
    try:
        element = header.get(keyword)
        items = [clean_item(item) for item in element] if element else []
    except UNREADABLE:
        return []
    return [item for item in items if len(item)]


def planes_of_frames(header: Dataset) -> list[tuple[Plane, Spacing] | None]:
    """Plane and spacing of each frame of an enhanced multi-frame object (PS3.3 C.7.6.16.2), ``None`` where unsaid."""
    frames = header.get("PerFrameFunctionalGroupsSequence") or []
    shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    return [_plane_of_groups(frame, shared, first_value(header, "FrameOfReferenceUID")) for frame in frames]


def _plane_of_groups(frame: Dataset, shared: Dataset, reference_uid: str) -> tuple[Plane, Spacing] | None:
    def macro(keyword: str) -> Dataset:
        return (frame.get(keyword) or shared.get(keyword) or [Dataset()])[0]

    position = numbers_of(macro("PlanePositionSequence"), "ImagePositionPatient", 3)
    orientation = numbers_of(macro("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = numbers_of(macro("PixelMeasuresSequence"), "PixelSpacing", 2)
    thickness = numbers_of(macro("PixelMeasuresSequence"), "SliceThickness", 1)
    if not (position and orientation and spacing and reference_uid) or min(spacing) <= 0:
        return None
    plane = Plane(position, orientation[:3], orientation[3:], reference_uid, thickness[0] if thickness else None)
    return plane, Spacing(*spacing)
