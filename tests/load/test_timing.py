"""Frame times: the header's word, or None and the reason."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_node.load import load_series

FRAME_TIME, FRAME_TIME_VECTOR, SLICE_VECTOR = 0x00181063, 0x00181065, 0x00540080


def load(write_image, scratch, frames: int = 4, **attributes):
    series = load_series([write_image(np.zeros((frames, 2, 2), np.uint8), **attributes)], scratch)
    return series.volumes[0], " ".join(series.notes)


@pytest.mark.parametrize(
    ("attributes", "times_s", "source", "nominal"),
    [
        ({"FrameIncrementPointer": FRAME_TIME, "FrameTime": "40"}, (0, 0.04, 0.08, 0.12), "FrameTime", False),
        (
            {"FrameIncrementPointer": FRAME_TIME_VECTOR, "FrameTimeVector": ["0", "30", "50", "20"]},
            (0, 0.03, 0.08, 0.1),
            "FrameTimeVector",
            False,
        ),
        (
            {"FrameIncrementPointer": FRAME_TIME_VECTOR, "FrameTimeVector": ["33", "30", "50", "20"]},
            (0, 0.03, 0.08, 0.1),
            "FrameTimeVector",
            False,
        ),
        (  # the pointer decides, whatever else is there
            {"FrameIncrementPointer": FRAME_TIME, "FrameTime": "10", "FrameTimeVector": ["0", "9", "9", "9"]},
            (0, 0.01, 0.02, 0.03),
            "FrameTime",
            False,
        ),
        ({"FrameTime": "40", "CineRate": "10"}, (0, 0.04, 0.08, 0.12), "FrameTime", False),
        ({"CineRate": "20"}, (0, 0.05, 0.1, 0.15), "CineRate", True),
        ({"RecommendedDisplayFrameRate": "25"}, (0, 0.04, 0.08, 0.12), "RecommendedDisplayFrameRate", True),
        (
            {"FrameIncrementPointer": FRAME_TIME, "FrameTime": "0", "CineRate": "20"},
            (0, 0.05, 0.1, 0.15),
            "CineRate",
            True,
        ),
    ],
)
def test_times(write_image, scratch, attributes, times_s, source, nominal):
    volume, _ = load(write_image, scratch, **attributes)
    assert volume.timing is not None
    assert volume.timing.times_s == pytest.approx(times_s)
    assert (volume.timing.source, volume.timing.nominal) == (source, nominal)
    assert [frame.time_s for frame in volume.frames] == pytest.approx(times_s)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, "no frame times"),
        ({"FrameIncrementPointer": FRAME_TIME, "FrameTime": "-40"}, "FrameTime is absent, no number or not above 0"),
        ({"FrameIncrementPointer": FRAME_TIME}, "FrameTime is absent"),
        (
            {"FrameIncrementPointer": FRAME_TIME_VECTOR, "FrameTimeVector": ["0", "30", "0", "20"]},
            "not above 0",
        ),
        ({"FrameIncrementPointer": FRAME_TIME_VECTOR, "FrameTimeVector": ["0", "30"]}, "2 valid entries for 4"),
        ({"FrameIncrementPointer": SLICE_VECTOR, "CineRate": "20"}, "names no time"),
        ({"CineRate": "0"}, "no frame times"),
    ],
)
def test_no_times_and_why(write_image, scratch, attributes, words):
    volume, notes = load(write_image, scratch, **attributes)
    assert volume.timing is None
    assert words in notes
    assert all(frame.time_s is None for frame in volume.frames)


def test_a_display_rate_is_named_as_one(write_image, scratch):
    assert "a display rate" in load(write_image, scratch, CineRate="20")[1]


def test_a_single_frame_has_no_times(write_image, scratch):
    volume, notes = load(write_image, scratch, frames=1, FrameTime="40")
    assert volume.timing is None
    assert notes == ""
