"""Segmentations: read back by highdicom, the same pixels on the same frames."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
from highdicom.seg import segread
from pydicom import dcmread

from dicom_node import codes
from dicom_node.encode import encode_result
from dicom_node.encode.segmentation import _BitPacker
from dicom_node.errors import InvalidResult
from dicom_node.result import AnalysisResult, Segment
from dicom_node.series import ArrayPixels, FrameRef


def segmentation_of(result, info, job, paths, folder):
    objects = encode_result(result, info, paths, job, folder)
    return next(one.path for one in objects if one.role == "segmentation")


def test_a_clip_round_trips_and_empty_frames_are_left_out(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames()
    path = segmentation_of(make.full_result(frames), info, job, [us_clip], tmp_path)
    read = segread(path)
    assert read.NumberOfFrames == 5
    assert "FrameOfReferenceUID" not in read
    pixels = read.get_pixels_by_source_frame(
        frames[0].sop_instance_uid,
        [1, 2, 3, 4, 5, 6],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    np.testing.assert_array_equal(pixels[..., 0], make.segment(frames).masks.array)


def test_a_cine_stack_has_its_planes_and_its_times(mr_stack, info, job, tmp_path, make):
    frames = make.stack_frames()
    path = segmentation_of(make.full_result(frames), info, job, mr_stack[::-1], tmp_path)
    dataset = dcmread(path)
    index = [
        list(item.FrameContentSequence[0].DimensionIndexValues) for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    # segment, phase, slice; the second frame (slice 1, phase 2) is empty
    assert index == [[1, p, s] for s in (1, 2) for p in (1, 2, 3, 4) if (s, p) != (1, 2)]
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(value) for value in measures.PixelSpacing] == [1.5, 1.25]
    positions = [
        item.PlanePositionSequence[0].ImagePositionPatient[2] for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert positions == [0, 0, 0, 8, 8, 8, 8]
    pixels = segread(path).get_pixels_by_source_instance(
        [ref.sop_instance_uid for ref in frames], ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(pixels[..., 0], make.segment(frames).masks.array)


def test_slices_are_counted_along_their_normal(mr_stack, info, job, tmp_path, make):
    """Slice 1 is acquired first and lies at z 0; it is put at z 20 here, behind slice 2 at z 8."""
    for path in mr_stack[:4]:
        ds = dcmread(path)
        ds.ImagePositionPatient = [-100, -120, 20]
        ds.save_as(path)
    dataset = dcmread(segmentation_of(make.full_result(make.stack_frames()), info, job, mr_stack, tmp_path))
    index = [
        list(item.FrameContentSequence[0].DimensionIndexValues) for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert index == [[1, p, s] for s in (2, 1) for p in (1, 2, 3, 4) if (s, p) != (2, 2)]


def test_a_mask_of_a_clip_says_which_frame(us_clip, info, job, tmp_path, make):
    whole = (FrameRef(make.clip_frames()[0].sop_class_uid, make.clip_frames()[0].sop_instance_uid),)
    result = AnalysisResult(summary={}, groups=(make.group(whole),), segments=(make.segment(whole),))
    with pytest.raises(InvalidResult, match="which has 6 frames, without saying which"):
        encode_result(result, info, [us_clip], job, tmp_path)


def test_bits_run_on_from_frame_to_frame(tmp_path):
    """Frames of 3 pixels: PS3.5 8.1.1, the first pixel in the lowest bit, no padding between frames."""
    with (tmp_path / "bits").open("w+b") as file:
        packer = _BitPacker(file)
        for frame in ([1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]):
            packer.add(np.array([frame], bool))
        packer.close()
        file.seek(0)
        # 101 011 11|0 001 -> pixels 0..7 = 1,0,1,0,1,1,1,1 = 0xF5; 8..11 = 0,0,0,1 = 0x08
        assert file.read() == bytes([0b11110101, 0b00001000])


def test_two_segments_and_the_tracking_uid_of_the_report(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames(2)
    masks = np.zeros((2, 60, 80), bool)
    masks[:, 5:9, 5:9] = True
    other = Segment("Wall", codes.ANATOMICAL_STRUCTURE, codes.CONTRAST_AGENT, ArrayPixels(masks), frames, "wall")
    result = AnalysisResult(summary={}, groups=(make.group(frames),), segments=(make.segment(frames), other))
    objects = encode_result(result, info, [us_clip], job, tmp_path)
    segmentation = dcmread(next(one.path for one in objects if one.role == "segmentation"))
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == ["Bubbles", "Wall"]
    assert segmentation.NumberOfFrames == 3
    assert segmentation.SegmentSequence[0].TrackingUID.encode() in objects[-1].path.read_bytes()


def test_a_mask_of_another_size_is_refused(us_clip, info, job, tmp_path, make):
    frames = make.clip_frames(2)
    result = AnalysisResult(summary={}, groups=(make.group(frames),), segments=(make.segment(frames, 61, 80),))
    with pytest.raises(InvalidResult, match=r"masks of 61 rows x 80 columns .* 60 x 80"):
        encode_result(result, info, [us_clip], job, tmp_path)


@dataclass(frozen=True)
class Computed:
    """Frames that are made when asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, start: int, stop: int) -> np.ndarray:
        frames = np.zeros((stop - start, *self.shape[1:]), self.dtype)
        frames[:, 100:110, 100:110] = 1
        return frames


def test_masks_go_to_the_file_a_few_at_a_time(us_clip, info, job, tmp_path, make):
    ds = dcmread(us_clip)
    ds.NumberOfFrames, ds.Rows, ds.Columns, ds.PixelData = 300, 512, 512, b"\0\0"
    ds.save_as(us_clip)
    frames = make.clip_frames(300)
    masks = Computed((300, 512, 512), np.dtype(bool))  # 79 MB as an array, 10 MB packed
    segment = Segment("Bubbles", codes.SUBSTANCE, codes.CONTRAST_AGENT, masks, frames, "bubbles")
    small = AnalysisResult(summary={}, groups=(make.group(frames),))
    encode_result(small, info, [us_clip], job, tmp_path)  # loads the tables that stay
    tracemalloc.start()
    try:
        path = segmentation_of(
            AnalysisResult(summary={}, groups=(make.group(frames),), segments=(segment,)),
            info,
            job,
            [us_clip],
            tmp_path,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 300 * 512 * 512 // 8
    assert peak < 30e6
