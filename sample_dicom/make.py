"""Makes the sample series: simulated ultrasound and cine MR as scanners send them, with the truth.

    python -m sample_dicom.make [FOLDER]

The same program makes the same objects: UIDs are derived from names, and pixels from the simulator's seed.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGLSLossless, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from algorithms.lv_quantification.phantom import make_study
from algorithms.ulm_decoupling.phantom import (
    SIMULATED,
    Echoes,
    Motion,
    Phantom,
    PhantomOptions,
    simulate,
    simulate_b_mode,
    write_truth_csv,
)
from algorithms.ulm_decoupling.screen import Region, side_by_side
from sample_dicom import cine_mr, mmode, pelvis, thyroid
from sample_dicom.part10 import MANUFACTURER, set_pixels, uid, write

SMALL_MOTION = Motion(breathing_mm=(0.02, 0.06), breathing_period_s=3.0, cardiac_mm=(0.01, 0.02))

CLEAR = Echoes(snr_db=34.0, tissue_db=-28.0)

CONTRAST = PhantomOptions(bubbles_per_mm2=0.3, echoes=CLEAR, motion=SMALL_MOTION, seed=1)
"""A contrast cine, one calibrated region as large as the picture; 201 frames, as in the document's example."""

DUAL = PhantomOptions(frames=50, rows=96, columns=88, bubbles_per_mm2=0.25, echoes=CLEAR, motion=SMALL_MOTION, seed=7)
"""The phantom behind the dual view."""

STILL = replace(DUAL, frames=1, rows=160, columns=160, seed=11)
"""The phantom behind a single B-mode picture, which no rule for contrast series should match."""

PARTS = (
    "ulm_decoupling",
    "lv_quantification",
    "mmode_ef",
    "virtual_elastography",
    "ovarian_classification",
    "other",
    "truth",
)
"""The folders."""


def main(folder: Path) -> None:
    """Writes all samples below ``folder``."""
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)
    phantom = simulate(CONTRAST)
    write(contrast_cine(phantom), folder / "ulm_decoupling" / "ulm_phantom.dcm")
    write_truth_csv(folder / "truth" / "ulm_phantom.csv", phantom.truth)
    dual = simulate(DUAL)
    dual_object, contrast = dual_view_cine(dual)
    write(dual_object, folder / "ulm_decoupling" / "ulm_dual_view.dcm", JPEGLSLossless)
    on_screen = replace(dual.truth, x_px=dual.truth.x_px + contrast.x0, y_px=dual.truth.y_px + contrast.y0)
    write_truth_csv(folder / "truth" / "ulm_dual_view.csv", on_screen)
    write(b_mode_still(simulate(STILL)), folder / "other" / "b_mode_still.dcm")
    heart = make_study(cine_mr.SHORT_AXIS)
    for file_name, ds in cine_mr.classic(heart, "lv_phantom"):
        write(ds, folder / "lv_quantification" / file_name, JPEGLSLossless)
    cine_mr.write_truth(heart, "lv_phantom", folder / "truth")
    for name, screen, ds in mmode.samples():
        write(ds, folder / "mmode_ef" / f"{name}.dcm", JPEGLSLossless)
        mmode.write_truth(screen, ds, folder / "truth" / f"{name}.json")
    for number, sample in enumerate(thyroid.samples(), start=1):
        write(thyroid.image(sample, number), folder / "virtual_elastography" / f"{sample.name}.dcm", JPEGLSLossless)
        thyroid.write_truth(sample, folder / "truth" / f"{sample.name}.json")
    numbers: Counter[str] = Counter()
    for scan in pelvis.samples():
        numbers[scan.examination.name] += 1
        ds = pelvis.image(scan, numbers[scan.examination.name])
        write(ds, folder / "ovarian_classification" / f"{scan.name}.dcm", JPEGLSLossless)
        pelvis.write_truth(scan, folder / "truth" / f"{scan.name}.json")


def contrast_cine(phantom: Phantom) -> Dataset:
    """The contrast pictures alone, MONOCHROME2."""
    rows, columns = phantom.options.shape
    ds = _header("ulm_phantom", UltrasoundMultiFrameImageStorage, series_number=1, options=phantom.options)
    ds.SeriesDescription = "CEUS contrast ULM (simulated)"
    _set_contrast(ds)
    _set_cine(ds, phantom.options)
    set_pixels(ds, phantom.frames)
    ds.SequenceOfUltrasoundRegions = [_region(Region(0, 0, columns - 1, rows - 1), phantom.options.spacing_mm)]
    return ds


def dual_view_cine(phantom: Phantom) -> tuple[Dataset, Region]:
    """Tissue on the left, contrast on the right, RGB; and where the contrast picture is."""
    screen = side_by_side(phantom)
    ds = _header("ulm_dual_view", UltrasoundMultiFrameImageStorage, series_number=2, options=phantom.options)
    ds.SeriesDescription = "CEUS dual view ULM (simulated)"
    _set_contrast(ds)
    _set_cine(ds, phantom.options)
    set_pixels(ds, screen.frames)
    ds.SequenceOfUltrasoundRegions = [
        _region(region, phantom.options.spacing_mm) for region in (screen.tissue, screen.contrast)
    ]
    return ds, screen.contrast


def b_mode_still(phantom: Phantom) -> Dataset:
    """One tissue picture without contrast agent, MONOCHROME2, single frame."""
    rows, columns = phantom.options.shape
    ds = _header("b_mode_still", UltrasoundImageStorage, series_number=3, options=phantom.options)
    ds.SeriesDescription = "B-mode still (simulated)"
    set_pixels(ds, simulate_b_mode(phantom)[0])
    ds.SequenceOfUltrasoundRegions = [_region(Region(0, 0, columns - 1, rows - 1), phantom.options.spacing_mm)]
    return ds


def _header(name: str, sop_class: UID, series_number: int, options: PhantomOptions) -> Dataset:
    """Everything that the samples share: patient, study, series, equipment, SOP common (PS3.3 A.6, A.7)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid(f"{name}/instance")
    ds.PatientName = "SIMULATED^ULM"
    ds.PatientID = "SIM-ULM-001"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.StudyInstanceUID = uid("study")
    ds.StudyID = "SIM1"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260105"
    ds.StudyTime = "101500"
    ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = f"10{15 + series_number}00"
    ds.StudyDescription = "Contrast ultrasound (simulated)"
    ds.AccessionNumber = "SIM0001"
    ds.ReferringPhysicianName = ""
    ds.Modality = "US"
    ds.SeriesInstanceUID = uid(f"{name}/series")
    ds.SeriesNumber = series_number
    ds.InstanceNumber = 1
    ds.BodyPartExamined = "LIVER"  # unpaired, so no laterality is owed
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = "algorithms.ulm_decoupling.phantom"
    ds.DeviceSerialNumber = "0"
    ds.SoftwareVersions = f"seed {options.seed}"
    ds.PatientOrientation = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.ImageComments = SIMULATED
    ds.QualityControlImage = "YES"  # a phantom, not a patient (PS3.3 C.7.6.1)
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.TransducerType = "LINEAR"
    return ds


def _set_contrast(ds: Dataset) -> None:
    """Contrast/Bolus module (PS3.3 C.7.6.4); agent from CID 12030."""
    agent = Dataset()
    agent.CodeValue = "125906"
    agent.CodingSchemeDesignator = "DCM"
    agent.CodeMeaning = "SonoVue"
    ds.ContrastBolusAgent = "SonoVue"
    ds.ContrastBolusAgentSequence = [agent]
    ds.ContrastBolusRoute = "INTRAVENOUS"


def _set_cine(ds: Dataset, options: PhantomOptions) -> None:
    """Cine and Multi-frame modules (PS3.3 C.7.6.5, C.7.6.6)."""
    rate = round(1 / options.frame_time_s)
    ds.NumberOfFrames = options.frames
    ds.FrameIncrementPointer = 0x00181063  # FrameTime
    ds.FrameTime = f"{options.frame_time_s * 1000:g}"
    ds.CineRate = rate
    ds.RecommendedDisplayFrameRate = rate
    ds.PreferredPlaybackSequencing = 0


def _region(region: Region, spacing_mm: float) -> Dataset:
    """One item of US Region Calibration (PS3.3 C.8.5.5): 2-D tissue, in cm."""
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = 1
    item.RegionFlags = 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.x0, region.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.x1, region.y1
    item.ReferencePixelX0 = 0
    item.ReferencePixelY0 = 0
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = spacing_mm / 10
    return item


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
