"""Which region is read, with what scale, and every refusal."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.real_pictures import m_mode_region, regions_for
from algorithms.mmode_ef.simulated import series_of
from algorithms.mmode_ef.strip import strips_of
from dicom_node.errors import UnsuitableSeries
from dicom_node.load import load_series
from dicom_node.series import (
    NO_BOUNDS,
    ArrayPixels,
    Frame,
    FrameRef,
    RegionData,
    RegionFormat,
    RegionUnit,
    Series,
    Volume,
)

IMAGE = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
CAPTURE = {"strip_px": (10, 20, 409, 319), "seconds_per_px": 0.004, "mm_per_px": 0.5}


def strips(*regions, options=Options(), image=IMAGE):  # noqa: B008 - frozen
    return strips_of(series_of(image, regions), options)[0]


def test_the_region_is_cut_out_with_its_scale(region):
    sector = region(0, 0, 199, 99, format=RegionFormat.TWO_D, unit_x=RegionUnit.CENTIMETRE)
    (strip,) = strips(sector, region(100, 100, 499, 399, delta_y=-0.04))
    assert strip.grey.shape == (300, 400)
    assert strip.grey == pytest.approx(IMAGE[100:400, 100:500].min(axis=2))
    assert (strip.x0, strip.y0, strip.seconds_per_px) == (100, 100, 0.005)
    assert strip.mm_per_px == pytest.approx(0.4)
    assert (strip.seconds, strip.depth_mm) == pytest.approx((2.0, 120.0))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": RegionFormat.TWO_D}, "none of its 1 regions is M-mode .they are two_d"),
        ({"stale": True}, "do not lie in the picture"),
        ({"unit_x": RegionUnit.CENTIMETRE}, "is in centimetre across and centimetre down"),
        ({"unit_y": RegionUnit.CENTIMETRE_PER_SECOND}, "second across and centimetre per second down"),
        ({"unit_x": RegionUnit.NONE}, "no unit across"),
        ({"data": RegionData.COLOR_FLOW}, "holds color_flow"),
        ({"delta_x": 0.0}, "0 s per column"),
        ({"delta_y": 0.0}, "0 mm per row"),
        ({"x1": 30}, "48 x 64 pixels at least; got 31 x 300"),
        ({"delta_x": 0.0005}, "0.2 s and 120 mm"),
        ({"delta_y": 0.004}, "2 s and 12 mm"),
    ],
)
def test_what_is_not_sure_is_refused(region, changes, told):
    with pytest.raises(UnsuitableSeries, match=told) as refused:
        strips(region(**changes))
    assert "needs an ultrasound image" in str(refused.value)


def test_two_m_mode_regions_are_refused(region):
    with pytest.raises(UnsuitableSeries, match=r"2 M-mode regions \(columns 0\.\.299"):
        strips(region(x1=299), region(x0=300, x1=599))


def test_a_stale_neighbour_makes_the_whole_calibration_doubtful(region):
    with pytest.raises(UnsuitableSeries, match="1 of its 2 regions"):
        strips(region(), region(format=RegionFormat.TWO_D, x1=800, stale=True))


@pytest.mark.parametrize("format", [RegionFormat.M_MODE, RegionFormat.TWO_D])
def test_a_region_that_nobody_can_place_makes_the_whole_calibration_doubtful(region, format):
    nowhere = dict(zip(("x0", "y0", "x1", "y1"), NO_BOUNDS, strict=True))
    lost = region(**nowhere, format=format, stale=True)
    for regions in ((lost,), (region(), lost)):
        with pytest.raises(UnsuitableSeries, match=r"1 of its . regions do not lie in .*\(bounds not complete\)"):
            strips(*regions)
        with pytest.raises(UnsuitableSeries, match="do not lie in"):
            strips(*regions, options=Options(**CAPTURE))


def test_a_capture_needs_an_explicit_calibration(region):
    with pytest.raises(UnsuitableSeries, match="strip_px, seconds_per_px and mm_per_px"):
        strips()
    (strip,) = strips(options=Options(**CAPTURE))
    assert (strip.x0, strip.y0, strip.grey.shape) == (10, 20, (300, 400))
    assert strip.mm_per_px == pytest.approx(0.5)
    assert "options" in strip.calibration
    with pytest.raises(UnsuitableSeries, match="600 columns x 400 rows"):
        strips(options=Options(**{**CAPTURE, "strip_px": (0, 0, 600, 300)}))


def test_options_never_overrule_a_header(region):
    two_d = region(format=RegionFormat.TWO_D, unit_x=RegionUnit.CENTIMETRE)
    with pytest.raises(UnsuitableSeries, match="none of its 1 regions is M-mode"):
        strips(two_d, options=Options(**CAPTURE))
    (strip,) = strips(region(), options=Options(**CAPTURE))
    assert strip.seconds_per_px == 0.005


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"strip_px": (1, 2, 3, 4)}, "missing: seconds_per_px, mm_per_px"),
        ({"seconds_per_px": 0.01}, "missing: strip_px, mm_per_px"),
        ({**CAPTURE, "strip_px": (5, 5, 5, 9)}, "lie behind the first"),
        ({**CAPTURE, "strip_px": (5, 5, 9)}, "first column, first row"),
        ({"frames": (0,)}, "count from 1"),
        ({"least_lv_percent": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_make_no_sense(wrong, told):
    with pytest.raises(ValidationError, match=told):
        Options(**wrong)


def test_frames_of_a_loop(region):
    frames = np.stack([np.full((400, 600), value, np.uint8) for value in (1, 2, 3, 4)])
    refs = tuple(Frame(FrameRef("1.2", "1.3", number)) for number in range(1, 5))
    volume = Volume(refs, ArrayPixels(frames), series_uid="1", modality="US", regions=(region(),))
    series = Series("1", (volume,))
    ((last,), _) = strips_of(series, Options())
    assert last.grey.max() == 4
    assert last.frame.frame_number == 4
    assert last.notes == ("measured frame 4 of 4",)
    assert [strip.grey.max() for strip in strips_of(series, Options(frames=(-2, 1)))[0]] == [1, 3]
    with pytest.raises(UnsuitableSeries, match="names 5; the image has 4"):
        strips_of(series, Options(frames=(5,)))


def test_what_is_left_out_beside_a_strip_is_told(region):
    good, bad = series_of(IMAGE, (region(),), "1.2.3"), series_of(IMAGE, (), "1.2.4")
    series = replace(good, volumes=(*bad.volumes, *good.volumes))
    (_,), (told,) = strips_of(series, Options())
    assert told.startswith("instance 1.2.4: ")


def test_the_ecg_is_taken_where_it_is_beside_the_strip(region):
    ecg = region(0, 320, 399, 360, format=RegionFormat.WAVE_FORM, data=RegionData.ECG, unit_y=RegionUnit.NONE)
    assert strips(region(), ecg)[0].ecg.pixels.shape == (41, 400, 3)
    elsewhere = region(450, 320, 590, 360, format=RegionFormat.WAVE_FORM, data=RegionData.ECG)
    assert strips(region(), elsewhere)[0].ecg is None
    slower = replace(ecg, delta_x=2 * ecg.delta_x)
    assert strips(region(), slower)[0].ecg is None
    over = region(0, 200, 399, 260, format=RegionFormat.WAVE_FORM, data=RegionData.ECG)
    assert strips(region(), over)[0].ecg is None


def test_real_screens_as_dicom_with_right_and_wrong_regions(needs_shared, us_image, tmp_path):
    """The node's loader reads them; what the region says decides, not the picture."""
    folder = needs_shared("data/mmode/human_tte47")
    truth = json.loads((folder / "ground_truth.json").read_text())
    name = "42_mmode-plax-av.png"
    image = np.ascontiguousarray(cv2.imread(str(folder / name))[..., ::-1])
    found = dict(regions_for(image, truth[name]))
    right, none = found["right"], found["none"]
    outside = (m_mode_region((42, 342, 1300, 732), 1 / 284, 1 / 27.9),)

    def loaded(regions, number):
        return load_series([us_image(image, regions, tmp_path / f"{number}.dcm", number)], tmp_path)

    ((strip,), _) = strips_of(loaded(right, 1), Options())
    assert strip.seconds == pytest.approx(902 / 284)
    assert strip.depth_mm == pytest.approx(391 / 27.9 * 10)
    for number, (regions, told) in enumerate(
        [(none, "no ultrasound region"), (outside, "do not lie in"), (right * 2, "2 M-mode regions")], start=2
    ):
        with pytest.raises(UnsuitableSeries, match=told):
            strips_of(loaded(regions, number), Options())


def test_pictures_that_are_no_ultrasound_are_refused():
    for modality in ("MR", "OT", "CT"):
        volume = replace(series_of(IMAGE, ()).volumes[0], modality=modality)
        with pytest.raises(UnsuitableSeries, match="needs"):
            strips_of(Series("1", (volume,)), Options())
