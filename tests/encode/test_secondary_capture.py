"""Pictures and maps: values and units survive, sentences stay with the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from dicom_node import codes
from dicom_node.encode import encode_result
from dicom_node.encode.secondary_capture import add_frame_time
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult, Picture, Placement, ScalarMap
from dicom_node.series import ArrayPixels, Spacing

SPEED = codes.local("SPEED", "Bubble speed")


def encoded(result, role, info, job, paths, folder):
    return dcmread(next(one.path for one in encode_result(result, info, paths, job, folder) if one.role == role))


@pytest.fixture
def map_of(us_clip, info, job, tmp_path, make):
    def encode(values, **parts):
        frames = make.clip_frames()
        one = ScalarMap("speed", values, SPEED, codes.MILLIMETRE_PER_SECOND, frames, "speed", **parts)
        result = AnalysisResult(summary={}, groups=(make.group(frames),), maps=(one,))
        return encoded(result, "speed", info, job, [us_clip], tmp_path)

    return encode


@pytest.mark.parametrize("largest", [0.0007, 3.3, 1e6])
def test_the_rescaled_map_is_the_quantity_to_half_a_step(map_of, largest):
    values = np.random.default_rng(3).random((31, 17)) * largest
    dataset = map_of(values)
    slope = float(dataset.RescaleSlope)
    assert slope == pytest.approx(values.max() / 65535, rel=1e-6)
    error = np.abs(apply_modality_lut(dataset.pixel_array, dataset) - values).max()
    assert error <= slope * 0.5001
    assert dataset.RescaleType == "mm/s"
    unit = dataset.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0]
    assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("mm/s", "UCUM")


def test_whole_numbers_are_stored_as_they_are(map_of):
    values = np.arange(12.0).reshape(3, 4) * 5000
    dataset = map_of(values)
    assert float(dataset.RescaleSlope) == 1
    np.testing.assert_array_equal(dataset.pixel_array, values)


@pytest.mark.parametrize("largest", [0.3, 4.0, 800.0])
def test_the_window_is_black_at_0_and_white_at_the_bulk(map_of, largest):
    """By the equation of LINEAR, PS3.3 C.11.2.1.2.1: a window that is half a unit off shows counts of 1 as white."""
    values = np.full((100, 100), largest)
    values[0] = 0
    dataset = map_of(values)
    center, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
    assert dataset.VOILUTFunction == "LINEAR"
    assert center - 0.5 - (width - 1) / 2 == pytest.approx(0, abs=1e-9)
    assert center - 0.5 + (width - 1) / 2 == pytest.approx(largest)
    assert width >= 1


def test_an_empty_map_has_a_window_all_the_same(map_of):
    dataset = map_of(np.zeros((4, 4)))
    assert float(dataset.WindowWidth) >= 1
    assert "PixelSpacing" not in dataset


def test_the_spacing_is_row_then_column(map_of):
    dataset = map_of(np.ones((4, 4)), placement=Placement(spacing=Spacing(row_mm=0.2, column_mm=0.05)))
    assert [float(value) for value in dataset.PixelSpacing] == [0.2, 0.05]
    assert dataset.PixelSpacingCalibrationType == "GEOMETRY"


def test_a_picture_keeps_its_pixels_and_wears_the_statement_below(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames()
    pixels = np.random.default_rng(5).integers(0, 255, (1, 70, 200, 3), np.uint8)
    picture = Picture("map", ArrayPixels(pixels), frames, "map")
    plain = AnalysisResult(summary={}, groups=(make.group(frames),), pictures=(picture,))
    said = replace(plain, statements=("Synthetic, not a measurement.",))
    dataset = encoded(plain, "map", info, job, [us_clip], tmp_path)
    np.testing.assert_array_equal(dataset.pixel_array, pixels[0])
    dataset = encoded(said, "map", info, job, [us_clip], tmp_path)
    np.testing.assert_array_equal(dataset.pixel_array[:70], pixels[0])
    assert dataset.pixel_array[70:].max() > 200  # letters
    assert dataset.ImageComments == "Synthetic, not a measurement."
    assert dataset.BurnedInAnnotation == "YES"
    assert dataset.SeriesDescription == "Sample analysis: map (Synthetic, not a measurement)"


def test_a_picture_too_narrow_for_words_gets_room_for_them(us_clip, info, job, tmp_path, make):
    pixels = np.full((2, 30, 10, 3), 255, np.uint8)
    picture = Picture("map", ArrayPixels(pixels), make.clip_frames(), "map")
    result = AnalysisResult(
        summary={}, groups=(make.group(make.clip_frames()),), pictures=(picture,), statements=("Simulated image.",)
    )
    dataset = encoded(result, "map", info, job, [us_clip], tmp_path)
    shown = dataset.pixel_array
    assert dataset.Columns == shown.shape[2] > 100  # one line of 16 letters
    assert dataset.Rows < 30 + 2 * 17
    assert (shown[:, :30, :10] == 255).all()
    assert (shown[:, :30, 10:] == 0).all()


def test_several_frames_become_a_multi_frame_object(us_clip, info, job, tmp_path, make):
    dataset = encoded(make.full_result(make.clip_frames()), "tracks_picture", info, job, [us_clip], tmp_path)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.4"
    assert (dataset.NumberOfFrames, float(dataset.FrameTime), dataset.CineRate) == (3, 200, 5)
    assert dataset.pixel_array.shape == (3, 70, 90, 3)
    assert (dataset.LossyImageCompression, float(dataset.LossyImageCompressionRatio)) == ("01", 12.5)


@pytest.mark.parametrize(("frame_time_s", "rate"), [(0.0333, 30), (0.4, None), (1.0, 1), (15.0, None)])
def test_a_rate_that_whole_numbers_cannot_say_is_left_out(frame_time_s, rate):
    dataset = Dataset()
    add_frame_time(dataset, 7, frame_time_s)
    assert float(dataset.FrameTime) == pytest.approx(frame_time_s * 1000)
    assert dataset.get("CineRate") == rate


def test_the_roles_of_the_encoders_are_theirs(us_clip, info, job, tmp_path, make):
    result = AnalysisResult(
        summary={},
        groups=(make.group(make.clip_frames()),),
        pictures=(Picture("x", ArrayPixels(np.zeros((1, 4, 4, 3), np.uint8)), make.clip_frames(), "report"),),
    )
    with pytest.raises(InvalidResult, match="role 'report'"):
        encode_result(result, info, [us_clip], job, tmp_path)
