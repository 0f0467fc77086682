"""Cine MR: slices told apart by place, frames ordered by time, whatever the order of the files."""

from __future__ import annotations

import random

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_node.load import load_series
from dicom_node.series import Spacing


def values(volume) -> list[int]:
    return [int(frame[0, 0]) for frame in volume.read()]


def test_slices_and_phases(write_cine, scratch):
    """Two slices of three phases; positions differ by noise below 0.1 mm; instance numbers run the other way."""
    paths = [
        write_cine(
            z + noise, 20.0 + 40 * phase, value=10 * index + phase, InstanceNumber=9 - phase, NominalInterval=800
        )
        for index, z in enumerate((30.0, 20.0))
        for phase, noise in enumerate((0.0, 0.02, -0.03))
    ]
    random.Random(1).shuffle(paths)
    series = load_series(paths, scratch)
    lower, upper = series.volumes
    assert (lower.slice_index, upper.slice_index) == (0, 1)
    assert (values(lower), values(upper)) == ([10, 11, 12], [0, 1, 2])
    assert lower.timing is not None
    assert lower.timing.times_s == pytest.approx((0, 0.04, 0.08))
    assert (lower.timing.source, lower.timing.rr_interval_s) == ("TriggerTime", 0.8)
    assert [frame.cardiac_phase for frame in lower.frames] == [1, 2, 3]
    assert lower.spacing == Spacing(row_mm=1.5, column_mm=1.25)
    assert lower.frames[0].plane is not None
    assert lower.frames[0].plane.position_mm == (0.0, 0.0, 20.0)
    assert lower.frames[0].plane.thickness_mm == 8.0


def test_trigger_time_comes_before_instance_number(write_cine, scratch):
    paths = [write_cine(0, 90, 1, InstanceNumber=1), write_cine(0, 10, 2, InstanceNumber=2)]
    assert values(load_series(paths, scratch).volumes[0]) == [2, 1]


@pytest.mark.parametrize(("written", "read"), [(0, None), (2, 2), (20, 20)])
def test_a_number_of_cardiac_images_that_nobody_filled_in_is_none(write_cine, scratch, written, read):
    series = load_series([write_cine(0, time, CardiacNumberOfImages=written) for time in (10, 50)], scratch)
    assert series.volumes[0].cardiac_images == read


def test_temporal_position_stands_in_for_trigger_time(write_cine, scratch):
    paths = [
        write_cine(0, None, 1, TemporalPositionIdentifier=2, InstanceNumber=1),
        write_cine(0, None, 2, TemporalPositionIdentifier=1, InstanceNumber=2),
    ]
    series = load_series(paths, scratch)
    assert values(series.volumes[0]) == [2, 1]
    assert series.volumes[0].timing is None
    assert any("TriggerTime is absent" in note for note in series.notes)


def test_shared_trigger_times_give_no_times(write_cine, scratch):
    series = load_series([write_cine(0, 10, 1), write_cine(0, 10, 2)], scratch)
    assert series.volumes[0].timing is None
    assert any("share" in note for note in series.notes)


def test_unequal_phases_are_said(write_cine, scratch):
    series = load_series([write_cine(0, 10), write_cine(0, 50), write_cine(10, 10)], scratch)
    assert any("not equally many" in note for note in series.notes)


def test_other_orientation_other_size_other_series_other_kind(write_cine, write_image, scratch):
    paths = [
        write_cine(0, 10),
        write_cine(0, 10, ImageOrientationPatient=[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        write_cine(0, 10, SeriesInstanceUID="1.2.3.5"),
        write_cine(0, 10, ImageType=["ORIGINAL", "PRIMARY", "P"]),
        write_cine(0, 10, Rows=2, PixelData=bytes(20)),
    ]
    series = load_series(paths, scratch)
    assert sorted(len(volume.frames) for volume in series.volumes) == [1] * 5
    assert len(series.series_uids) == 2


def test_an_empty_functional_group_does_not_hide_the_plane(write_cine, scratch):
    """As in the Sunnybrook files, where every classic image carries one empty item."""
    paths = [write_cine(0, trigger, PerFrameFunctionalGroupsSequence=[Dataset()]) for trigger in (10, 50)]
    assert len(load_series(paths, scratch).volumes) == 1


def _item(**values) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def test_enhanced_object(write_image, scratch):
    """Frames stored phase by phase become slices; trigger delays give the times; rescale differs by frame."""
    groups = [
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=[0.0, 0.0, z])],
            CardiacSynchronizationSequence=[_item(NominalCardiacTriggerDelayTime=delay, RRIntervalTimeNominal=900.0)],
            PixelValueTransformationSequence=[_item(RescaleSlope=str(slope), RescaleIntercept="0")],
        )
        for delay, slope in ((0.0, 1.0), (30.0, 2.0))
        for z in (5.0, 0.0)
    ]
    shared = _item(
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])],
        PixelMeasuresSequence=[_item(PixelSpacing=[2.0, 2.0], SliceThickness="6")],
    )
    pixels = np.repeat(np.array([1, 2, 3, 4], np.uint16), 10).reshape(4, 2, 5)
    path = write_image(
        pixels,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1",
        Modality="MR",
        PerFrameFunctionalGroupsSequence=groups,
        SharedFunctionalGroupsSequence=[shared],
    )
    lower, upper = load_series([path], scratch).volumes
    assert [frame.ref.frame_number for frame in lower.frames] == [2, 4]
    assert [frame.ref.frame_number for frame in upper.frames] == [1, 3]
    assert lower.read()[:, 0, 0].tolist() == [2.0, 8.0]
    assert lower.pixels.dtype == np.float32
    assert lower.timing is not None
    assert (lower.timing.source, lower.timing.times_s, lower.timing.rr_interval_s) == (
        "NominalCardiacTriggerDelayTime",
        (0.0, 0.03),
        0.9,
    )
    assert lower.spacing == Spacing(2.0, 2.0)
