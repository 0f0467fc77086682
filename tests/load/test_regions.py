"""Ultrasound regions: calibration only where it belongs to this picture."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_node.load import load_series
from dicom_node.series import RegionData, RegionFormat, RegionUnit


def region(x0=2, y0=1, x1=9, y1=7, **changes) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = 0.02, -0.03
    for keyword, value in changes.items():
        setattr(item, keyword, value)
    return item


def load(write_image, scratch, *items, **attributes):
    """A picture of 12 columns x 8 rows."""
    path = write_image(np.zeros((8, 12), np.uint8), SequenceOfUltrasoundRegions=list(items), **attributes)
    series = load_series([path], scratch)
    return series.volumes[0], " ".join(series.notes)


def test_a_region_in_the_picture(write_image, scratch):
    volume, notes = load(write_image, scratch, region(ReferencePixelX0=-3, ReferencePixelY0=4))
    (found,) = volume.regions
    assert (found.x0, found.y0, found.x1, found.y1) == (2, 1, 9, 7)
    assert (found.columns, found.rows) == (8, 7)
    assert found.spacing is not None
    assert (found.spacing.row_mm, found.spacing.column_mm) == pytest.approx((0.3, 0.2))
    assert (found.reference_x0, found.reference_y0) == (-3, 4)
    assert not found.stale
    assert notes == ""
    assert volume.spacing is None


def test_m_mode_units(write_image, scratch):
    item = region(RegionSpatialFormat=2, PhysicalUnitsXDirection=4, PhysicalDeltaX=0.005)
    (found,) = load(write_image, scratch, item)[0].regions
    assert (found.format, found.unit_x, found.unit_y) == (RegionFormat.M_MODE, RegionUnit.SECOND, RegionUnit.CENTIMETRE)
    assert (found.delta_x, found.spacing) == (0.005, None)


@pytest.mark.parametrize("bounds", [{"x1": 13}, {"y1": 9}, {"x0": 10}, {"x1": 12, "y1": 40}])
def test_bounds_outside_reject_the_calibration(write_image, scratch, bounds):
    volume, notes = load(write_image, scratch, region(**bounds))
    assert volume.regions[0].stale
    assert volume.regions[0].spacing is None
    assert "calibration rejected" in notes
    assert "12 x 8" in notes


@pytest.mark.parametrize("bounds", [{"x1": 12}, {"y1": 8}])
def test_an_exclusive_end_is_pulled_in_and_said(write_image, scratch, bounds):
    volume, notes = load(write_image, scratch, region(**bounds))
    assert not volume.regions[0].stale
    assert (volume.regions[0].x1, volume.regions[0].y1) in ((11, 7), (9, 7))
    assert "one pixel outside" in notes


def test_unknown_codes_and_missing_parts(write_image, scratch):
    incomplete = region()
    del incomplete.RegionLocationMaxX1
    volume, notes = load(write_image, scratch, region(RegionDataType=13, RegionSpatialFormat=99), incomplete)
    found, _ = volume.regions
    assert (found.data, found.format) == (RegionData.OTHER, RegionFormat.NONE)
    assert "region 2: calibration rejected: its bounds are not complete" in notes


@pytest.mark.parametrize("bound", ["MinX0", "MinY0", "MaxX1", "MaxY1"])
def test_a_region_without_all_its_bounds_is_kept_and_is_of_no_use(write_image, scratch, bound):
    incomplete = region(RegionSpatialFormat=2)
    setattr(incomplete, f"RegionLocation{bound}", None)
    volume, _ = load(write_image, scratch, region(), incomplete)
    whole, found = volume.regions
    assert (whole.stale, found.stale, found.format) == (False, True, RegionFormat.M_MODE)
    assert (found.columns, found.rows, found.spacing) == (0, 0, None)
    assert not found.overlaps(whole)
    assert found.place == "bounds not complete"


def test_pixel_spacing_of_ultrasound_is_not_believed(write_image, scratch):
    volume, notes = load(write_image, scratch, PixelSpacing=[0.5, 0.5])
    assert volume.spacing is None
    assert "PixelSpacing was not used" in notes
