"""A simulated cine MR study as DICOM: classic single-frame objects, or one enhanced multi-frame object.

The heart lies in the patient as hearts do: its axis from base to apex points to the left, forward and down, and the
right ventricle lies to the right of the left one and in front of it.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from algorithms.lv_quantification.cine import LONG_AXIS_DEGREES
from algorithms.lv_quantification.phantom import SIMULATED, Beat, CineStudy, PhantomOptions
from sample_dicom.part10 import MANUFACTURER, uid

SHORT_AXIS = PhantomOptions(
    slices=8,
    rows=120,
    columns=120,
    spacing_mm=1.7,
    slice_spacing_mm=12.0,
    above_base_mm=6.0,
    beat=Beat(edv_ml=132.0, ef_percent=58.0, mass_g=118.0, rr_ms=860.0),
    seed=3,
)
"""The committed sample: from above the base to near the apex, 8 mm thick with gaps of 4 mm."""

BASE_TO_APEX = np.array([0.63, -0.66, -0.41])
"""Axis of the left ventricle in the patient (x to the left, y to the back, z to the head)."""

TOWARDS_SEPTUM = np.array([-1.0, -1.0, 0.0])
"""To the right and forward; its part across the axis is where the right ventricle lies."""

APEX_MM = np.array([72.0, -118.0, -30.0])
"""The epicardial apex in the patient."""

_ECHO_TIME_MS, _REPETITION_MS = 1.6, 3.4


def classic(study: CineStudy, name: str) -> Iterator[tuple[str, Dataset]]:
    """(file name, MR Image Storage object) for each slice and frame (PS3.3 A.4)."""
    options = study.options
    for k in range(options.slices):
        position, row, column = plane(study, k)
        for m in range(options.frames):
            ds = _patient_and_study(study, name)
            ds.SOPClassUID = MRImageStorage
            ds.SOPInstanceUID = uid(f"{name}/{k}/{m}")
            ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER", "SIMULATED"]
            ds.InstanceNumber = k * options.frames + m + 1
            ds.ScanningSequence = "GR"
            ds.SequenceVariant = "SS"
            ds.ScanOptions = "CG"  # cardiac gating
            ds.MRAcquisitionType = "2D"
            ds.SliceThickness = _decimal(study.thickness_mm)
            ds.SpacingBetweenSlices = _decimal(study.slice_spacing_mm)
            ds.RepetitionTime = _decimal(_REPETITION_MS)
            ds.EchoTime = _decimal(_ECHO_TIME_MS)
            ds.EchoTrainLength = 1
            ds.FlipAngle = "50"
            ds.MagneticFieldStrength = "1.5"
            ds.TriggerTime = _decimal(study.times_ms[m])
            ds.NominalInterval = round(study.rr_ms)
            ds.HeartRate = round(60000 / study.rr_ms)
            ds.CardiacNumberOfImages = options.frames
            ds.PatientPosition = "HFS"
            ds.ImagePositionPatient = _decimals(position)
            ds.ImageOrientationPatient = _decimals((*row, *column))
            ds.SliceLocation = _decimal(-study.heights_mm[k])
            ds.PixelSpacing = _decimals((study.spacing_mm, study.spacing_mm))
            ds.WindowCenter, ds.WindowWidth = "400", "800"
            _set_pixels(ds, study.pixels[k, m])
            yield f"{name}_s{k + 1:02d}_f{m + 1:02d}.dcm", ds


def plane(study: CineStudy, index: int) -> tuple[NDArray, NDArray, NDArray]:
    """(centre of the first pixel, direction along a row, direction down a column) of a slice in the patient, mm."""
    options = study.options
    axis = BASE_TO_APEX / np.linalg.norm(BASE_TO_APEX)
    septum = TOWARDS_SEPTUM - (TOWARDS_SEPTUM @ axis) * axis
    row = -septum / np.linalg.norm(septum)
    column = -np.cross(axis, row)
    if options.view == "long_axis":  # the picture's plane holds the axis; apex down and to the right
        down = math.radians(LONG_AXIS_DEGREES - 90)
        row, column = math.sin(down) * axis - math.cos(down) * row, math.cos(down) * axis + math.sin(down) * row
        middle = APEX_MM - 45 * axis + study.heights_mm[index] * np.cross(row, column)
    else:
        middle = APEX_MM - study.heights_mm[index] * axis
        turn = math.radians(options.turned_degrees)  # anatomy turns one way in the picture, the picture the other
        row, column = (
            math.cos(turn) * row + math.sin(turn) * column,
            math.cos(turn) * column - math.sin(turn) * row,
        )
    half = (options.columns - 1) / 2 * row + (options.rows - 1) / 2 * column
    return middle - half * options.spacing_mm, row, column


def write_truth(study: CineStudy, name: str, folder: Path) -> None:
    """``name.json``: the model's volumes and the stack's geometry; ``name.csv``: what each slice and frame shows."""
    facts = {
        "edv_ml": study.edv_ml,
        "esv_ml": study.esv_ml,
        "sv_ml": study.edv_ml - study.esv_ml,
        "ef_percent": study.ef_percent,
        "mass_g": study.mass_g,
        "ed_frame": study.ed_frame,
        "es_frame": study.es_frame,
        "rr_ms": study.rr_ms,
        "volumes_ml": list(study.volumes_ml),
        "summed_volumes_ml": list(study.summed_volumes_ml),
        "heights_mm": list(study.heights_mm),
        "spacing_mm": study.spacing_mm,
        "thickness_mm": study.thickness_mm,
        "slice_spacing_mm": study.slice_spacing_mm,
    }
    rounded = json.loads(json.dumps(facts), parse_float=lambda text: round(float(text), 3))
    (folder / f"{name}.json").write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    columns = ("slice", "frame", "time_ms", "sop_instance_uid", "cavity_area_mm2", "myocardium_area_mm2")
    pixel_mm2 = study.spacing_mm**2
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "centre_x_px", "centre_y_px"])
        for k, m in np.ndindex(study.pixels.shape[:2]):
            cavity, wall = study.cavity[k, m], study.myocardium[k, m]
            centre = ["", ""]
            if cavity.any():
                y, x = np.nonzero(cavity)
                centre = [f"{x.mean():.2f}", f"{y.mean():.2f}"]
            areas = [f"{mask.sum() * pixel_mm2:.1f}" for mask in (cavity, wall)]
            writer.writerow([k, m, f"{study.times_ms[m]:.1f}", uid(f"{name}/{k}/{m}"), *areas, *centre])


def enhanced(study: CineStudy, name: str) -> Dataset:
    """The whole stack as one Enhanced MR Image Storage object (PS3.3 A.36.2)."""
    ds = _patient_and_study(study, f"{name}_enhanced", study_name=name)
    ds.SOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = uid(f"{name}/enhanced")
    ds.InstanceNumber = 1
    ds.SeriesNumber = 2
    _set_enhanced_acquisition(ds, study)
    _set_pixels(ds, study.pixels.reshape(-1, *study.pixels.shape[2:]))
    ds.NumberOfFrames = study.pixels.shape[0] * study.pixels.shape[1]
    _set_dimensions(ds, name)
    ds.SharedFunctionalGroupsSequence = [_shared_groups(study)]
    ds.PerFrameFunctionalGroupsSequence = [
        _frame_groups(study, k, m) for k in range(study.options.slices) for m in range(study.options.frames)
    ]
    return ds


def _patient_and_study(study: CineStudy, name: str, study_name: str | None = None) -> Dataset:
    """Patient, study, series, frame of reference, equipment (PS3.3 A.4, A.36)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = "SIMULATED^LV"
    ds.PatientID = "SIM-LV-001"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.PatientAge = "050Y"
    ds.PatientSize = "1.75"
    ds.PatientWeight = "74"
    ds.StudyInstanceUID = uid(f"{study_name or name}/study")
    ds.StudyID = "SIM2"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260106"
    ds.StudyTime = "090000"
    ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = "091200"
    ds.StudyDescription = "Cardiac MR (simulated)"
    ds.AccessionNumber = "SIM0002"
    ds.ReferringPhysicianName = ""
    ds.Modality = "MR"
    ds.SeriesInstanceUID = uid(f"{name}/series")
    ds.SeriesNumber = 1
    ds.SeriesDescription = f"Cine SSFP {study.options.view.replace('_', ' ')} (simulated)"
    ds.FrameOfReferenceUID = uid(f"{study_name or name}/frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.BodyPartExamined = "HEART"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.lv_quantification.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {study.options.seed}"
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    return ds


def _set_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    """Image Pixel module (PS3.3 C.7.6.3): 12 bits in 16."""
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels.astype("<u2").tobytes()


def _set_enhanced_acquisition(ds: Dataset, study: CineStudy) -> None:
    """Enhanced MR Image and MR Pulse Sequence modules, at the top level (PS3.3 C.8.13.1, C.8.13.4)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"]
    ds.PixelPresentation = "MONOCHROME"
    ds.VolumetricProperties = "VOLUME"
    ds.VolumeBasedCalculationTechnique = "NONE"
    ds.ComplexImageComponent = "MAGNITUDE"
    ds.AcquisitionContrast = "UNKNOWN"
    ds.ContentQualification = "RESEARCH"
    ds.ResonantNucleus = "1H"
    ds.KSpaceFiltering = "FERMI"
    ds.MagneticFieldStrength = 1.5
    ds.ApplicableSafetyStandardAgency = "IEC"
    ds.AcquisitionNumber = 1
    ds.AcquisitionDateTime = "20260106091200"
    ds.AcquisitionDuration = 12.0
    ds.PulseSequenceName = "simulated"
    ds.MRAcquisitionType = "2D"
    ds.EchoPulseSequence = "GRADIENT"
    ds.MultiPlanarExcitation = "NO"
    ds.PhaseContrast = "NO"
    ds.TimeOfFlightContrast = "NO"
    ds.SteadyStatePulseSequence = "FREE_PRECESSION"
    ds.EchoPlanarPulseSequence = "NO"
    ds.SaturationRecovery = "NO"
    ds.SpectrallySelectedSuppression = "NONE"
    ds.OversamplingPhase = "NONE"
    ds.GeometryOfKSpaceTraversal = "RECTILINEAR"
    ds.SegmentedKSpaceTraversal = "PARTIAL"
    ds.RectilinearPhaseEncodeReordering = "LINEAR"
    ds.NumberOfKSpaceTrajectories = 1
    ds.CardiacSynchronizationTechnique = "RETROSPECTIVE"
    ds.CardiacSignalSource = "ECG"
    ds.CardiacRRIntervalSpecified = float(study.rr_ms)
    ds.CardiacBeatRejectionTechnique = "NONE"
    ds.LowRRValue, ds.HighRRValue = round(0.9 * study.rr_ms), round(1.1 * study.rr_ms)
    ds.IntervalsAcquired, ds.IntervalsRejected = 12, 0
    ds.RespiratoryMotionCompensationTechnique = "BREATH_HOLD"
    ds.RespiratorySignalSource = "NONE"
    ds.BulkMotionCompensationTechnique = "NONE"
    ds.PatientPosition = "HFS"
    ds.PresentationLUTShape = "IDENTITY"
    ds.AcquisitionContextSequence = []
    del ds.AcquisitionDate, ds.AcquisitionTime, ds.QualityControlImage  # not of this object; the comment says it


def _set_dimensions(ds: Dataset, name: str) -> None:
    """Multi-frame Dimension module (PS3.3 C.7.6.17): stack, place in the stack, moment."""
    organisation = Dataset()
    organisation.DimensionOrganizationUID = uid(f"{name}/dimensions")
    ds.DimensionOrganizationSequence = [organisation]
    ds.DimensionIndexSequence = []
    for pointer in (0x00209056, 0x00209057, 0x00209128):  # Stack ID, In-Stack Position Number, Temporal Position Index
        item = Dataset()
        item.DimensionIndexPointer = pointer
        item.FunctionalGroupPointer = 0x00209111  # Frame Content
        item.DimensionOrganizationUID = organisation.DimensionOrganizationUID
        ds.DimensionIndexSequence.append(item)


def _item(**values: object) -> Dataset:
    ds = Dataset()
    for keyword, found in values.items():
        setattr(ds, keyword, found)
    return ds


def _shared_groups(study: CineStudy) -> Dataset:
    """Functional groups that hold for every frame (PS3.3 A.36.2.4): place, grey values, kind."""
    shared = Dataset()
    shared.PixelMeasuresSequence = [
        _item(
            PixelSpacing=_decimals((study.spacing_mm, study.spacing_mm)),
            SliceThickness=_decimal(study.thickness_mm),
            SpacingBetweenSlices=_decimal(study.slice_spacing_mm),
        )
    ]
    _, row, column = plane(study, 0)
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_decimals((*row, *column)))]
    region = _item(CodeValue="80891009", CodingSchemeDesignator="SCT", CodeMeaning="Heart")
    shared.FrameAnatomySequence = [_item(FrameLaterality="U", AnatomicRegionSequence=[region])]
    shared.PixelValueTransformationSequence = [_item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")]
    shared.FrameVOILUTSequence = [_item(WindowCenter="400", WindowWidth="800")]
    shared.MRImageFrameTypeSequence = [
        _item(
            FrameType=["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"],
            PixelPresentation="MONOCHROME",
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
            ComplexImageComponent="MAGNITUDE",
            AcquisitionContrast="UNKNOWN",
        )
    ]
    _set_acquisition_groups(shared, study)
    return shared


def _set_acquisition_groups(shared: Dataset, study: CineStudy) -> None:
    """How every frame was acquired (PS3.3 C.8.13.5)."""
    shared.MRTimingAndRelatedParametersSequence = [
        _item(
            RepetitionTime=_decimal(_REPETITION_MS),
            FlipAngle="50",
            EchoTrainLength=1,
            RFEchoTrainLength=0,
            GradientEchoTrainLength=1,
            SpecificAbsorptionRateSequence=[
                _item(SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY", SpecificAbsorptionRateValue=1.0)
            ],
            GradientOutputType="DB_DT",
            GradientOutput=0.0,
            OperatingModeSequence=[_item(OperatingModeType="STATIC FIELD", OperatingMode="IEC_NORMAL")],
        )
    ]
    shared.MRFOVGeometrySequence = [
        _item(
            InPlanePhaseEncodingDirection="COLUMN",
            MRAcquisitionFrequencyEncodingSteps=study.options.columns,
            MRAcquisitionPhaseEncodingStepsInPlane=study.options.rows,
            PercentSampling="100",
            PercentPhaseFieldOfView="100",
        )
    ]
    shared.MREchoSequence = [_item(EffectiveEchoTime=_ECHO_TIME_MS)]
    shared.MRModifierSequence = [
        _item(
            InversionRecovery="NO",
            FlowCompensation="NONE",
            Spoiling="NONE",
            T2Preparation="NO",
            SpectrallySelectedExcitation="NONE",
            SpatialPresaturation="NONE",
            PartialFourier="NO",
            ParallelAcquisition="NO",
        )
    ]
    shared.MRImagingModifierSequence = [
        _item(
            MagnetizationTransfer="NONE",
            BloodSignalNulling="NO",
            Tagging="NONE",
            TransmitterFrequency=63.87,
            PixelBandwidth="976",
        )
    ]
    shared.MRReceiveCoilSequence = [
        _item(
            ReceiveCoilName="SIM", ReceiveCoilManufacturerName="", ReceiveCoilType="VOLUME", QuadratureReceiveCoil="NO"
        )
    ]
    shared.MRTransmitCoilSequence = [
        _item(TransmitCoilName="BODY", TransmitCoilManufacturerName="", TransmitCoilType="BODY")
    ]
    shared.MRAveragesSequence = [_item(NumberOfAverages="1")]


def _frame_groups(study: CineStudy, k: int, m: int) -> Dataset:
    """Functional groups of one frame: place, moment, indices."""
    position, _, _ = plane(study, k)
    return _item(
        FrameContentSequence=[
            _item(
                FrameAcquisitionDateTime="20260106091200",
                FrameReferenceDateTime="20260106091200",
                FrameAcquisitionDuration=float(study.times_ms[1]) if len(study.times_ms) > 1 else 1.0,
                FrameAcquisitionNumber=1,
                StackID="1",
                InStackPositionNumber=k + 1,
                TemporalPositionIndex=m + 1,
                DimensionIndexValues=[1, k + 1, m + 1],
            )
        ],
        PlanePositionSequence=[_item(ImagePositionPatient=_decimals(position))],
        CardiacSynchronizationSequence=[
            _item(
                NominalPercentageOfCardiacPhase=float(100 * m / study.options.frames),
                NominalCardiacTriggerDelayTime=float(study.times_ms[m]),
                ActualCardiacTriggerDelayTime=float(study.times_ms[m]),
                RRIntervalTimeNominal=float(study.rr_ms),
            )
        ],
    )


def _decimal(number: float) -> str:
    """A Decimal String of at most 16 characters (PS3.5 6.2)."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _decimals(numbers: NDArray | tuple[float, ...]) -> list[str]:
    return [_decimal(float(number)) for number in numbers]
