"""Which pictures are taken, which part of them, and the reason for each that is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.virtual_elastography.bmode import pictures_of
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.tint import has_colours
from dicom_node.series import RegionData, RegionFormat

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"


def one(volume, us, **options):
    """The single picture of a volume."""
    pictures, refusals = pictures_of(us.series(volume), Options(**options))
    assert refusals == ()
    (found,) = pictures
    return found


def refusal(volume, us, **options) -> str:
    """Why a volume is refused."""
    pictures, (refused,) = pictures_of(us.series(volume), Options(**options))
    assert pictures == ()
    assert refused.sop_instance_uid == volume.frames[0].ref.sop_instance_uid
    return refused.reason


def test_the_2d_region_is_cut_out_with_both_ends(us):
    screen = us.picture(rows=300, columns=400)
    found = one(us.volume(screen[None], [us.region(40, 30, 339, 249)]), us)
    assert (found.x0_px, found.y0_px) == (40, 30)
    assert (found.rows, found.columns) == (300, 400)
    np.testing.assert_array_equal(found.grey, screen[30:250, 40:340])


def test_the_largest_2d_region_is_taken_and_it_is_said(us):
    screen = us.picture(rows=300, columns=400)
    found = one(us.volume(screen[None], [us.region(0, 0, 99, 99), us.region(100, 100, 399, 299)]), us)
    assert found.grey.shape == (200, 300)
    assert found.notes == ("of 2 2-D regions one was analysed: the largest in grey",)


def test_beside_a_coloured_half_the_grey_half_is_taken(us):
    screen = cv2.cvtColor(us.picture(rows=200, columns=440), cv2.COLOR_GRAY2RGB)
    screen[:, :230] = cv2.applyColorMap(screen[:, :230, 0] * 2, cv2.COLORMAP_JET)
    found = one(us.volume(screen[None], [us.region(0, 0, 229, 199), us.region(230, 0, 439, 199)]), us)
    assert found.x0_px == 230


def test_the_electrocardiogram_and_graphics_do_not_matter(us):
    regions = [
        us.region(0, 0, 319, 199),
        us.region(0, 200, 319, 239, RegionFormat.WAVE_FORM, RegionData.ECG),
        us.region(300, 0, 319, 100, RegionFormat.GRAPHICS, RegionData.NONE),
    ]
    assert one(us.volume(us.picture()[None], regions), us).grey.shape == (200, 320)


def test_of_a_clip_the_middle_frame_is_taken_or_those_that_are_named(us):
    frames = np.stack([np.clip(us.picture() + number, 0, 255).astype(np.uint8) for number in range(7)])
    middle = one(us.volume(frames), us)
    assert middle.ref.frame_number == 4
    np.testing.assert_array_equal(middle.grey, frames[3])
    assert "frame 4 of 7" in middle.notes[0]
    pictures, _ = pictures_of(us.series(us.volume(frames)), Options(frames=(7, 2)))
    assert [picture.ref.frame_number for picture in pictures] == [7, 2]
    assert "[9] among them; got 7" in refusal(us.volume(frames), us, frames=(1, 9))


def test_a_still_image_has_no_frames_to_name(us):
    assert one(us.volume(us.picture()[None]), us, frames=(3,)).ref.frame_number is None


@pytest.mark.parametrize(
    ("kind", "data", "named"),
    [
        (RegionFormat.TWO_D, RegionData.COLOR_FLOW, "colour flow"),
        (RegionFormat.M_MODE, RegionData.TISSUE, "an M-mode tracing"),
        (RegionFormat.SPECTRAL, RegionData.PW_DOPPLER, "a Doppler spectrum"),
        (RegionFormat.TWO_D, RegionData.CW_DOPPLER, "continuous-wave Doppler"),
    ],
)
def test_what_shows_something_else_besides_is_refused_by_name(us, kind, data, named):
    regions = [us.region(0, 0, 319, 149), us.region(0, 150, 319, 239, kind, data)]
    assert f"got {named}" in refusal(us.volume(us.picture()[None], regions), us)


def test_what_is_no_ultrasound_image_is_refused(us):
    frame = us.picture()[None]
    assert "got a Secondary Capture" in refusal(us.volume(frame, sop_class=SECONDARY_CAPTURE), us)
    assert "got a Secondary Capture" in refusal(us.volume(frame, sop_class=f"{SECONDARY_CAPTURE}.4"), us)
    assert "(modality US); got CT" in refusal(us.volume(frame, modality="CT", sop_class=CT), us)
    assert "got no modality" in refusal(us.volume(frame, modality=""), us)
    assert CT in refusal(us.volume(frame, sop_class=CT), us)


def test_without_a_2d_region_of_tissue_it_is_refused(us):
    graphics = [us.region(0, 0, 319, 239, RegionFormat.GRAPHICS, RegionData.NONE)]
    assert "none of its 1 ultrasound region(s)" in refusal(us.volume(us.picture()[None], graphics), us)
    assert "has no ultrasound regions" in refusal(us.volume(us.picture()[None], []), us)
    stale = [us.region(0, 0, 900, 900, stale=True)]
    assert "has no ultrasound regions that hold" in refusal(us.volume(us.picture()[None], stale), us)


def test_too_small_blank_and_coloured_regions_are_refused(us):
    small = us.volume(us.picture()[None], [us.region(0, 0, 319, 62)])
    assert refusal(small, us) == "needs a 2-D region of >= 64 pixels each way; got 320 x 63"
    assert "blank" in refusal(us.volume(np.full((1, 100, 100), 3, np.uint8)), us)
    flow = cv2.cvtColor(us.picture(), cv2.COLOR_GRAY2RGB)
    flow[60:120, 100:180] = (200, 30, 20)  # a colour box that the header does not tell of
    assert "got colours on it" in refusal(us.volume(flow[None]), us)


def test_the_picture_is_found_on_a_screen_without_regions(us):
    screen = np.zeros((480, 640), np.uint8)
    screen[60:300, 120:440] = us.picture()
    screen[60:300:40, 450:460] = 200  # ticks of depth
    screen[80:240, 40:52] = np.linspace(255, 0, 160, dtype=np.uint8)[:, None]  # the grey bar
    cv2.putText(screen, "SIMULATED 4.1 cm", (130, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 220, 1)
    found = one(us.volume(screen[None], []), us, without_regions="whole_picture")
    assert (found.x0_px, found.y0_px) == pytest.approx((120, 60), abs=4)
    assert found.grey.shape == pytest.approx((240, 320), abs=8)
    assert "was looked for on the screen" in found.notes[0]
    text = np.zeros((480, 640), np.uint8)
    cv2.putText(text, "NO PICTURE", (130, 240), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 220, 3)
    assert "none was found on the screen" in refusal(us.volume(text[None], []), us, without_regions="whole_picture")


def test_sixteen_bits_become_eight_of_the_same_brightness(us):
    grey = us.picture()
    found = one(us.volume((grey.astype(np.uint16) * 16)[None], bits_stored=12), us)
    np.testing.assert_allclose(found.grey.astype(int), grey, atol=1)


def test_tints_are_no_colours_and_foreign_colours_are(us):
    grey = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    amber = np.rint(grey[..., None] * np.array([1.0, 0.72, 0.28])).astype(np.uint8)
    cool = np.rint(grey[..., None] * np.array([0.6, 0.8, 1.0])).astype(np.uint8)
    assert not has_colours(np.repeat(grey[..., None], 3, axis=2))
    assert not has_colours(amber)
    assert not has_colours(cool)
    assert has_colours(cv2.applyColorMap(grey, cv2.COLORMAP_JET))
    marked = amber.copy()
    marked[:2, :60] = (0, 255, 0)  # callipers: under 2 %
    assert not has_colours(marked)
    marked[:20, :60] = (0, 255, 0)
    assert has_colours(marked)


def test_images_of_a_series_are_judged_one_by_one(us):
    good, small = us.picture(), us.picture(rows=40, columns=40)
    pictures, refusals = pictures_of(us.series_of(good, small, good), Options())
    assert [picture.ref.sop_instance_uid for picture in pictures] == ["1.2.3.1", "1.2.3.3"]
    assert [refused.sop_instance_uid for refused in refusals] == ["1.2.3.2"]
