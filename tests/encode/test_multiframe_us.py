"""Derived frames: calibration by hand calculation, history and words of the source."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pydicom import dcmread

from dicom_node import codes
from dicom_node.encode import encode_result
from dicom_node.encode.multiframe_us import derived_regions
from dicom_node.result import AnalysisResult, DerivedSeries, Placement
from dicom_node.series import ArrayPixels


@pytest.fixture
def header(us_clip):
    return dcmread(us_clip, stop_before_pixels=True)  # 2-D region x 8..71, y 4..55, 0.02 cm, reference pixel (10, 0)


def bounds(region):
    return (
        region.RegionLocationMinX0,
        region.RegionLocationMinY0,
        region.RegionLocationMaxX1,
        region.RegionLocationMaxY1,
    )


def test_a_crop_shifts_the_region(header):
    (region,) = derived_regions(header, Placement(x0_px=8, y0_px=4), rows=52, columns=64)
    assert bounds(region) == (0, 0, 63, 51)
    assert region.PhysicalDeltaX == 0.02
    assert (region.ReferencePixelX0, region.ReferencePixelPhysicalValueX) == (10, 0.0)


def test_a_crop_inside_the_region_is_all_calibrated(header):
    (region,) = derived_regions(header, Placement(x0_px=20, y0_px=10), rows=5, columns=6)
    assert bounds(region) == (0, 0, 5, 4)
    # Region corner x 8, reference pixel 10 from it: source x 18, which is -2 on the grid
    assert region.ReferencePixelX0 == -2


def test_a_finer_grid_has_a_finer_delta(header):
    """Scale 4 from source pixel (0, 0): the region's left edge, 7.5 in the source, is 30 on the grid."""
    (region,) = derived_regions(header, Placement(scale=4), rows=240, columns=320)
    assert bounds(region) == (30, 14, 285, 221)
    assert region.PhysicalDeltaX == pytest.approx(0.005)
    # Source pixel 18 is grid pixel 72; the region begins at 30
    assert region.ReferencePixelX0 == 42
    width_cm = (285 - 30 + 1) * 0.005
    assert width_cm == pytest.approx((71 - 8 + 1) * 0.02)


def test_the_rest_of_a_pixel_goes_into_the_physical_value(header):
    (region,) = derived_regions(header, Placement(x0_px=8.25), rows=60, columns=72)
    # Exact reference: 18 - 8.25 = 9.75; written 10, so its value is a quarter of a pixel further: 0.005 cm
    assert region.ReferencePixelX0 + region.RegionLocationMinX0 == 10
    assert region.ReferencePixelPhysicalValueX == pytest.approx(0.005)


def test_stale_and_untouched_regions_are_left_out(header):
    assert derived_regions(header, Placement(x0_px=72), rows=10, columns=8) == []
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 80  # an end counted exclusively
    (region,) = derived_regions(header, Placement(), rows=60, columns=80)
    assert bounds(region) == (8, 4, 79, 55)
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 81  # of another picture
    assert derived_regions(header, Placement(), rows=60, columns=80) == []
    header.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 71
    header.SequenceOfUltrasoundRegions[0].RegionSpatialFormat = 2  # M-mode
    assert derived_regions(header, Placement(), rows=60, columns=80) == []


def test_ultrasound_stays_ultrasound_with_its_history(us_clip, info, job, tmp_path, make):
    objects = encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path)
    dataset = dcmread(next(one.path for one in objects if one.role == "decoupled"))
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.3.1"
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "ABDOMINAL", "0001"]
    assert dataset.ContrastBolusAgent == "SonoVue"
    assert (dataset.LossyImageCompression, dataset.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert "Frame order is scale, not time." in dataset.DerivationDescription
    assert dataset.DerivationCodeSequence[0].CodeValue == "DECOUPLED"
    purposes = [item.PurposeOfReferenceCodeSequence[0].CodeValue for item in dataset.ContributingEquipmentSequence]
    assert purposes == ["109101", "109102"]
    assert dataset.ContributingEquipmentSequence[0].Manufacturer == "ACME"
    assert (dataset.pixel_array == 7).all()
    assert float(dataset.FrameTime) == 40


@pytest.mark.parametrize(("said", "passed_on"), [("NO", "NO"), ("YES", "YES"), (None, "YES")])
def test_letters_in_the_source_may_be_in_what_is_computed(us_clip, info, job, tmp_path, make, said, passed_on):
    if said:
        ds = dcmread(us_clip)
        ds.BurnedInAnnotation = said
        ds.save_as(us_clip)
    objects = encode_result(make.full_result(make.clip_frames()), info, [us_clip], job, tmp_path)
    told = {one.role: dcmread(one.path, stop_before_pixels=True).get("BurnedInAnnotation") for one in objects}
    assert told["decoupled"] == passed_on
    assert told["density"] == told["segmentation"] == "NO"
    assert told["density_picture"] == "YES"


def test_frames_go_to_the_file_a_few_at_a_time(us_clip, info, job, tmp_path, make):
    frame = np.zeros((1, 512, 512), np.uint8)
    pixels = ArrayPixels(np.broadcast_to(frame, (300, 512, 512)))  # 79 MB, none of them in memory
    derived = DerivedSeries("x", pixels, make.clip_frames(), "x", codes.local("X", "X"), "", 0.01)
    result = AnalysisResult(summary={}, groups=(make.group(make.clip_frames()),), derived=(derived,))
    encode_result(result, info, [us_clip], job, tmp_path)  # loads the tables that stay
    tracemalloc.start()
    try:
        objects = encode_result(result, info, [us_clip], job, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert next(one for one in objects if one.role == "x").path.stat().st_size > 300 * 512 * 512
    assert peak < 20e6
