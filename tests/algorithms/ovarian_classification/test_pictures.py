"""Which pictures of an examination are judged: kinds of object, regions of a screen, frames of a clip, pixels."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.pictures import LeftOut, PelvicPicture, chosen_frames, pictures_of
from dicom_node.series import RegionData, RegionFormat, Series


def found(*volumes, **options):
    return pictures_of(Series("1.9.9", volumes), Options(**options))


@pytest.mark.parametrize(
    ("count", "wanted", "frames"),
    [
        (1, 5, (0,)),
        (3, 5, (0, 1, 2)),
        (5, 5, (0, 1, 2, 3, 4)),
        (9, 5, (0, 2, 4, 6, 8)),
        (60, 5, (0, 15, 30, 44, 59)),
        (60, 2, (0, 59)),
        (60, 1, (30,)),
    ],
)
def test_frames_are_equally_spaced_and_both_ends_are_among_them(count, wanted, frames):
    assert chosen_frames(count, wanted) == frames


def test_a_clip_gives_its_frames_and_says_which(ovary):
    clip = ovary.volume(np.stack([ovary.picture(n) for n in range(9)]))
    pictures = found(clip, frames_per_clip=3)
    assert [one.ref.frame_number for one in pictures] == [1, 5, 9]
    assert [int(one.rgb[0, 0, 0]) for one in pictures] == [10, 50, 90]
    assert "of 9 frames 1, 5, 9 were judged (option frames_per_clip)" in pictures[0].notes


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, "a Secondary Capture"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7.4"}, "a Secondary Capture"),
        ({"modality": "MR"}, "no ultrasound image: its modality is MR"),
        ({"modality": ""}, "its modality is not given"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.77.1.1"}, "its SOP class is 1.2.840.10008.5.1.4.1.1.77.1.1"),
    ],
)
def test_what_is_no_ultrasound_image_is_left_out(ovary, how, reason):
    (left,) = found(ovary.volume(ovary.picture(0)[None], **how))
    assert isinstance(left, LeftOut)
    assert reason in left.reason


def test_screens_without_a_two_d_region_are_left_out_by_what_they_show(ovary):
    m_mode = ovary.region(0, 0, 159, 59, RegionFormat.M_MODE)
    spectrum = ovary.region(0, 60, 159, 119, RegionFormat.SPECTRAL, RegionData.PW_DOPPLER)
    (left,) = found(ovary.volume(ovary.picture(0)[None], [m_mode, spectrum]))
    assert left.reason == "no 2-D picture: its ultrasound regions show a Doppler spectrum, an M-mode tracing"
    beside = ovary.region(0, 60, 159, 119)
    (picture,) = found(ovary.volume(ovary.picture(0)[None], [m_mode, beside]))
    assert picture.box_px == (0, 60, 160, 120)


def test_the_region_is_the_picture_and_calibrates_it(ovary):
    screen = ovary.picture(0)
    screen[20:100, 30:130] = 77
    (picture,) = found(ovary.volume(screen[None], [ovary.region(30, 20, 129, 99)]))
    assert picture.rgb.shape == (80, 100, 3)
    assert (picture.rgb == 77).all()
    assert (picture.spacing.row_mm, picture.spacing.column_mm) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("stale", [False, True])
def test_without_regions_that_hold_it_is_the_whole_screen_uncalibrated(ovary, stale):
    regions = [ovary.region(0, 0, 4000, 4000, stale=True)] if stale else []
    (picture,) = found(ovary.volume(ovary.picture(0)[None], regions))
    assert picture.box_px == (0, 0, 160, 120)
    assert picture.spacing is None
    assert "the whole screen was judged" in picture.notes[0]
    assert ("that hold for this picture" in picture.notes[0]) is stale


def test_a_dual_screen_holds_two_pictures_from_left_to_right(ovary):
    screen = ovary.picture(0)
    screen[:, 80:] = 200
    regions = [ovary.region(80, 0, 159, 119), ovary.region(0, 0, 79, 119)]
    left, right = found(ovary.volume(screen[None], regions))
    assert (int(left.rgb.max()), int(right.rgb.min())) == (10, 200)
    assert left.ref == right.ref
    assert "2 pictures on one screen" in left.notes[0]


def test_a_flow_box_on_a_picture_is_no_picture_of_its_own(ovary):
    box = ovary.region(50, 40, 109, 99, data=RegionData.COLOR_FLOW)
    tissue = ovary.region(0, 0, 159, 119)
    (picture,) = found(ovary.volume(ovary.picture(0)[None], [box, tissue]))
    assert picture.box_px == (0, 0, 160, 120)
    same = ovary.region(0, 0, 159, 119, data=RegionData.COLOR_FLOW)
    assert len(found(ovary.volume(ovary.picture(0)[None], [same, tissue]))) == 1
    (alone,) = found(ovary.volume(ovary.picture(0)[None], [box]))
    assert alone.box_px == (50, 40, 110, 100)


def test_pixels_come_as_a_screen_shows_them(ovary):
    colour = np.zeros((1, 120, 160, 3), np.uint8)
    colour[..., 2] = 99
    deep = np.full((1, 120, 160), 2048, np.uint16)
    pictures = found(ovary.volume(colour), ovary.volume(deep, bits_stored=12), ovary.volume(ovary.picture(4)[None]))
    assert all(isinstance(one, PelvicPicture) for one in pictures)
    assert [one.rgb[5, 5].tolist() for one in pictures] == [[0, 0, 99], [128, 128, 128], [50, 50, 50]]


def test_the_order_is_that_of_the_examination(ovary):
    capture = ovary.volume(ovary.picture(0)[None], uid="1.2.4", sop_class="1.2.840.10008.5.1.4.1.1.7")
    order = [
        ovary.volume(ovary.picture(0)[None], uid="1.2.5"),
        capture,
        ovary.volume(ovary.picture(0)[None], uid="1.2.3"),
    ]
    assert [one.ref.sop_instance_uid for one in found(*order)] == ["1.2.5", "1.2.4", "1.2.3"]
