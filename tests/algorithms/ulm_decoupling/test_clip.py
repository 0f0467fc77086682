"""From a volume to grey frames: what is refused, what is missing, and that no pixel changes on the way."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling.clip import DISPLAY_FRAME_TIME_S, contrast_clip
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import Timing

FRAMES = np.random.default_rng(2).integers(0, 256, (70, 24, 32), dtype=np.uint8)


@pytest.mark.parametrize(
    ("frames", "modality", "said"),
    [
        (FRAMES, "MR", r"needs contrast ultrasound \(modality US\); got MR"),
        (FRAMES[:7], "US", r"needs a contrast cine of >= 8 frames; got 7"),
        (FRAMES[:1], "US", r"got 1"),
        (FRAMES[:, :15], "US", r"needs a contrast picture of >= 16 pixels each way; got 32 x 15"),
    ],
)
def test_what_it_cannot_be_is_refused(volume_of, frames, modality, said):
    with pytest.raises(UnsuitableSeries, match=said):
        contrast_clip(volume_of(frames, modality=modality), "auto")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_frames_come_out_as_they_went_in(volume_of, region, dtype):
    frames = FRAMES.astype(dtype) * (7 if dtype is np.uint16 else 1)
    clip = contrast_clip(volume_of(frames, regions=(region(8, 4, 29, 22),)), "auto")
    assert clip.frames.dtype == dtype
    assert np.array_equal(clip.frames, frames[:, 4:23, 8:30])


def test_other_numbers_become_float32(volume_of):
    clip = contrast_clip(volume_of(FRAMES.astype(np.int16) - 100), "auto")
    assert clip.frames.dtype == np.float32
    assert np.array_equal(clip.frames, FRAMES.astype(np.float32) - 100)


def test_colour_becomes_luminance(volume_of):
    rgb = np.random.default_rng(3).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8)
    clip = contrast_clip(volume_of(rgb, photometric="RGB"), "whole")
    expected = rgb @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert clip.frames.dtype == np.uint8
    assert np.abs(clip.frames - expected).max() < 1


def test_full_scale_is_the_largest_value_that_can_be_stored(volume_of):
    assert contrast_clip(volume_of(FRAMES), "auto").full_scale == 255
    assert contrast_clip(volume_of(FRAMES.astype(np.uint16), bits_stored=12), "auto").full_scale == 4095
    assert contrast_clip(volume_of(FRAMES.astype(np.float32) / 50), "auto").full_scale == pytest.approx(255 / 50)
    assert contrast_clip(volume_of(FRAMES.astype(np.float32) * 0), "auto").full_scale > 0


def test_what_the_header_does_not_say_stays_unknown(volume_of):
    clip = contrast_clip(volume_of(FRAMES), "auto")
    assert (clip.spacing, clip.frame_time_s) == (None, None)
    assert clip.display_frame_time_s == DISPLAY_FRAME_TIME_S
    assert [text.split(":")[0] for text in clip.missing] == ["pixel calibration of the contrast picture", "frame time"]


def test_scale_and_time_are_taken_from_the_header(volume_of, region):
    volume = volume_of(FRAMES, frame_time_s=0.02, regions=(region(0, 0, 31, 23, row_mm=0.2, column_mm=0.1),))
    clip = contrast_clip(volume, "auto")
    assert (clip.spacing.row_mm, clip.spacing.column_mm) == pytest.approx((0.2, 0.1))
    assert clip.frame_time_s == clip.display_frame_time_s == pytest.approx(0.02)
    assert clip.missing == ()


def test_a_display_rate_is_no_time_of_acquisition(volume_of):
    timing = Timing(tuple(np.arange(70) * 0.1), "CineRate", nominal=True)
    clip = contrast_clip(volume_of(FRAMES, timing=timing), "auto")
    assert clip.frame_time_s is None
    assert clip.display_frame_time_s == pytest.approx(0.1)
    assert any("display rate (CineRate)" in text for text in clip.missing)


def test_uneven_times_are_told(volume_of):
    times = np.arange(70) * 0.02
    times[30:] += 0.5
    clip = contrast_clip(volume_of(FRAMES, timing=Timing(tuple(times), "FrameTimeVector")), "auto")
    assert any("varies from 20 to 520 ms" in note for note in clip.notes)
    assert clip.frame_time_s == pytest.approx(times[-1] / 69)
