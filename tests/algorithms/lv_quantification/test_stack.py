"""Which slices are measured, in what order, and every refusal with what it names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from algorithms.lv_quantification.stack import short_axis_stack
from dicom_node.errors import UnsuitableSeries
from dicom_node.series import ArrayPixels, Series, Spacing, Timing


def refused(series: Series, *words: str) -> None:
    with pytest.raises(UnsuitableSeries) as caught:
        short_axis_stack(series)
    for word in ("needs", *words):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def changed(series: Series, index: int, **values) -> Series:
    volumes = list(series.volumes)
    volumes[index] = replace(volumes[index], **values)
    return replace(series, volumes=tuple(volumes))


def test_slices_run_from_base_to_apex_whatever_their_order(stack_of):
    series = stack_of(6)
    stack = short_axis_stack(series)
    assert [part.position_mm for part in stack.slices] == pytest.approx([0, 10, 20, 30, 40, 50])
    assert stack.slices[0].volume is series.volumes[-1]
    assert stack.spacing_between_mm == pytest.approx(10)
    assert (stack.thickness_mm, stack.rr_ms, stack.frame_count) == (8.0, 800.0, 20)
    assert stack.slices[0].times_ms[:3] == pytest.approx((0, 40, 80))
    assert stack.anchor_deg == pytest.approx(0, abs=5)
    assert stack.notes == ()
    turned_round = replace(series, volumes=series.volumes[::-1])
    turned_round = replace(
        turned_round, volumes=tuple(replace(v, slice_index=i) for i, v in enumerate(turned_round.volumes))
    )
    assert [part.position_mm for part in short_axis_stack(turned_round).slices] == [
        part.position_mm for part in stack.slices
    ]


def test_a_lone_slice_is_a_stack(cine):
    stack = short_axis_stack(Series("1", (cine(enhanced=True),)))
    assert len(stack.slices) == 1
    assert stack.spacing_between_mm is None


def test_one_series_for_each_slice_comes_together(cine):
    volumes = tuple(cine(place, series_uid=f"1.{int(place)}") for place in (20.0, 0.0, 10.0))
    assert [part.volume.series_uid for part in short_axis_stack(Series("1", volumes)).slices] == ["1.0", "1.10", "1.20"]


def test_frames_of_reference_tell_studies_apart_unless_each_file_has_its_own(cine):
    def slices(uid_of):
        made = [cine(10.0 * i, series_uid=f"1.{i}") for i in range(3)]
        return tuple(
            replace(
                one,
                frames=tuple(
                    replace(frame, plane=replace(frame.plane, frame_of_reference_uid=uid_of(slice_, number)))
                    for number, frame in enumerate(one.frames)
                ),
            )
            for slice_, one in enumerate(made)
        )

    assert len(short_axis_stack(Series("1", slices(lambda slice_, frame: "1.5"))).slices) == 3
    assert len(short_axis_stack(Series("1", slices(lambda slice_, frame: f"1.5.{slice_}"))).slices) == 1
    assert len(short_axis_stack(Series("1", slices(lambda slice_, frame: f"1.5.{slice_}.{frame}"))).slices) == 3


def test_a_second_acquisition_is_named_and_the_more_complete_one_measured(cine):
    first = tuple(cine(10.0 * i, index=i, series_uid="1.1") for i in range(3))
    second = tuple(cine(10.0 * i + 1, index=i, series_uid="1.2") for i in range(5))
    stack = short_axis_stack(Series("1", (*first, *second)))
    assert {part.volume.series_uid for part in stack.slices} == {"1.2"}
    assert any("another short-axis acquisition, 3 slice(s) of 20 frames in series 1.1" in note for note in stack.notes)


def test_a_spoilt_repeat_of_a_stack_does_not_spoil_the_stack(cine):
    good = tuple(cine(10.0 * i, index=i, series_uid="1.1") for i in range(3))
    spoilt = tuple(cine(10.0 * i, index=i, series_uid="1.2", timing=None) for i in range(3))
    stack = short_axis_stack(Series("1", (*spoilt, *good)))
    assert {part.volume.series_uid for part in stack.slices} == {"1.1"}
    assert any("series 1.2 (slice 1, 2, 3: no times" in note for note in stack.notes)


def one_series_each(cine, places_mm, **changed):
    """As scanners write them that make a series of every slice."""
    return [cine(place, series_uid=f"1.{round(10 * place)}.{len(changed)}", **changed) for place in places_mm]


def thick(volumes, thickness_mm):
    return [
        replace(
            one,
            frames=tuple(replace(frame, plane=replace(frame.plane, thickness_mm=thickness_mm)) for frame in one.frames),
        )
        for one in volumes
    ]


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_a_slice_that_lost_a_frame_is_not_left_out_of_its_stack(cine, count):
    """Wherever it lies: measured without it, the volumes would be too small."""
    places = [10.0 * number for number in range(count)]
    for place in places:
        others = one_series_each(cine, [other for other in places if other != place])
        short = cine(place, frames=19, series_uid="1.7")
        refused(Series("1", (*others, short)), "1 slice(s) of other series", "19 frames where the others have 20")


def test_slices_of_two_numbers_of_phases_by_turns(cine):
    """Prospective gating: the heart rate has changed from breath-hold to breath-hold."""
    by_turns = [
        one_series_each(cine, [10.0 * number], frames=24 + number % 2, cardiac_images=None)[0] for number in range(8)
    ]
    refused(Series("1", tuple(by_turns)), "3 slice(s) of other series", "frames where the others have")


def test_slices_taken_otherwise(cine, plane_at):
    """In the middle of a stack they are missing; next to it they are a doubt; further away nothing."""
    first = one_series_each(cine, (0.0, 10.0, 30.0, 40.0))
    refused(Series("1", (*first, cine(20.0, spacing=Spacing(1.2, 1.2), series_uid="1.7"))), "PixelSpacing")
    for place, changed, told in [
        (50.0, {"spacing": Spacing(1.2, 1.2)}, "another PixelSpacing"),
        (-10.0, {"frames": 30}, "30 frames where the others have 20"),
    ]:
        stack = short_axis_stack(Series("1", (*first, *one_series_each(cine, (place,), **changed))))
        assert len(stack.slices) == 4
        assert stack.beside == f"1 slice(s): {told}"
    for far in (
        one_series_each(cine, (80.0, 90.0), frames=22),
        [cine(20.0, frames=22, plane=replace(plane_at(20.0), frame_of_reference_uid="1.8"), series_uid="1.7")],
    ):
        stack = short_axis_stack(Series("1", (*first, *far)))
        assert len(stack.slices) == 4
        assert not stack.beside


def test_other_kinds_of_pictures_in_the_same_plane_are_no_slices_of_the_stack(cine):
    """Perfusion goes on for many beats, mapping has no times of a cycle, tagging lies where the stack is."""
    first = one_series_each(cine, (0.0, 10.0, 20.0, 40.0, 50.0))
    times = tuple(0.8 * number for number in range(60))
    perfusion = cine(30.0, frames=60, timing=Timing(times, "TriggerTime", rr_interval_s=0.8), series_uid="1.7")
    mapping = cine(60.0, frames=8, timing=None, spacing=Spacing(2.0, 2.0), series_uid="1.8")
    tagging = cine(20.0, frames=16, series_uid="1.9")
    stack = short_axis_stack(Series("1", (*first, perfusion, mapping, tagging)))
    assert len(stack.slices) == 5
    assert not stack.beside


def test_a_hole_of_two_slices_is_no_whole_stack(cine):
    refused(
        Series("1", tuple(one_series_each(cine, (0.0, 10.0, 20.0, 50.0, 60.0)))),
        "slices are missing between slice 3 and 4",
        "30 mm apart (others 10 mm)",
    )
    for places in ((0.0, 10.0, 20.0, 40.0, 50.0), (0.0, 10.0, 30.0), (0.0, 20.0, 30.0, 50.0, 70.0)):
        bridged = short_axis_stack(Series("1", tuple(one_series_each(cine, places))))
        assert len(bridged.slices) == len(places)
        assert bridged.spacing_between_mm == pytest.approx(10.0)


def test_a_lone_slice_far_from_the_stack_is_no_hole(cine):
    """Great vessels, or a test: it is looked at, and found to be apart. Far below, the apex is missing."""
    stack = short_axis_stack(Series("1", tuple(one_series_each(cine, (-60.0, 0.0, 10.0, 20.0, 30.0)))))
    assert len(stack.slices) == 5
    assert stack.spacing_between_mm == pytest.approx(10.0)
    refused(Series("1", tuple(one_series_each(cine, (0.0, 10.0, 20.0, 30.0, 60.0)))), "slices are missing")


def test_slices_that_share_a_place_are_told_as_such(cine):
    twice = [cine(place + shift, index=i) for i, (place, shift) in enumerate([(0, 0), (0, 0.3), (10, 0), (10, 0.3)])]
    refused(Series("1", tuple(twice)), "2 of its slices share the place of another", "one acquisition")


@pytest.mark.parametrize(("thickness_mm", "step_mm"), [(8.0, 7.0), (8.0, 6.0), (10.0, 8.0), (8.0, 8.0), (6.0, 10.0)])
def test_slices_that_overlap_a_little_or_not_are_one_stack(cine, thickness_mm, step_mm):
    volumes = thick(one_series_each(cine, [step_mm * number for number in range(8)]), thickness_mm)
    for order in (volumes, volumes[::-1], [*volumes[::2], *volumes[1::2]]):
        stack = short_axis_stack(Series("1", tuple(order)))
        assert len(stack.slices) == 8
        assert stack.spacing_between_mm == pytest.approx(step_mm)
        assert not stack.beside


def test_uneven_steps_are_one_stack(cine):
    volumes = one_series_each(cine, (0.0, 8.0, 16.0, 24.0, 31.0, 39.0, 47.0))
    assert len(short_axis_stack(Series("1", tuple(volumes))).slices) == 7


@pytest.mark.parametrize("shift_mm", [1.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0])
def test_acquisitions_beside_each_other_are_not_one_stack(cine, shift_mm):
    """Rest and stress, or a patient who has moved: slices of 8 mm every 10 mm, and again in between."""
    rest = one_series_each(cine, range(0, 80, 10))
    stress = one_series_each(cine, [place + shift_mm for place in range(0, 60, 10)])
    for volumes in ((*rest, *stress), (*stress, *rest)):
        stack = short_axis_stack(Series("1", volumes))
        assert [part.position_mm for part in stack.slices] == pytest.approx(range(0, 80, 10))
        assert any("another short-axis acquisition, 6 slice(s)" in note for note in stack.notes)
        assert not stack.beside


def test_thin_slices_with_gaps_and_others_in_between(cine):
    """6 mm every 10 mm: a tagging slice in a gap, or stress there, is no missing slice, and no part of the stack."""
    rest = thick(one_series_each(cine, range(0, 60, 10)), 6.0)
    for others in (one_series_each(cine, (25.0,), frames=16), one_series_each(cine, range(5, 55, 10), frames=25)):
        stack = short_axis_stack(Series("1", (*rest, *thick(others, 6.0))))
        assert [part.position_mm for part in stack.slices] == pytest.approx(range(0, 60, 10))
        assert not stack.beside


def test_a_slice_near_another_changes_nothing(cine):
    """A repeat 2 mm off, or a piece that was moved: the distance of slices is the usual one."""
    series = [cine(place, index=index) for index, place in enumerate((0.0, 10.0, 20.0, 22.0, 30.0, 40.0, 50.0))]
    assert short_axis_stack(Series("1", tuple(series))).spacing_between_mm == pytest.approx(10.0)
    moved = one_series_each(cine, (0.0, 8.0, 16.0, 21.0, 29.0, 37.0))
    assert short_axis_stack(Series("1", tuple(moved))).spacing_between_mm == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("thickness_mm", "places", "lost"),
    [
        (8.0, (0, 6, 12, 18, 24), 30),
        (10.0, (0, 7, 14, 21, 28), 35),
        (10.0, (0, 8, 16, 24), 32),
        (10.0, (0, 8, 24, 32), 16),
        (None, (0, 10, 20, 40), 50),
        (None, (0, 10, 30, 40), 20),
    ],
)
def test_lost_frames_where_slices_overlap_or_their_thickness_is_not_known(cine, thickness_mm, places, lost):
    others = thick(one_series_each(cine, [float(place) for place in places]), thickness_mm)
    (short,) = thick([cine(float(lost), frames=19, series_uid="1.7")], thickness_mm)
    refused(Series("1", (*others, short)), "19 frames where the others have 20")


def test_a_repeat_does_not_hide_what_was_lost(cine):
    others = one_series_each(cine, (0.0, 8.0, 16.0, 24.0, 32.0))
    short = one_series_each(cine, (40.0, 8.5), frames=19)
    refused(Series("1", (*others, *short)), "1 slice(s) of other series", "19 frames where the others have 20")


def test_another_stack_that_goes_on_above_is_a_doubt(cine):
    """Atria, with fewer phases: whole by their own headers."""
    ventricle = one_series_each(cine, range(0, 60, 10), frames=30, cardiac_images=30)
    atria = one_series_each(cine, range(-30, 0, 10), frames=25, cardiac_images=25)
    stack = short_axis_stack(Series("1", (*ventricle, *atria)))
    assert len(stack.slices) == 6
    assert stack.beside.startswith("1 slice(s): 25 frames where the others have 30")


def test_a_lone_slice_of_unknown_thickness_taken_twice(cine):
    first, second = thick(one_series_each(cine, (0.0,)), None)[0], thick([cine(0.0, series_uid="1.7")], None)[0]
    assert len(short_axis_stack(Series("1", (first, second))).slices) == 1
    shorter = thick([cine(0.0, frames=16, series_uid="1.7")], None)[0]
    assert len(short_axis_stack(Series("1", (first, shorter))).slices) == 1


def test_a_slice_that_was_broken_off_and_taken_again(cine):
    """The good repeat is measured, whichever came first."""
    others = one_series_each(cine, (0.0, 10.0, 30.0))
    broken = cine(20.0, frames=12, series_uid="1.7", cardiac_images=20)
    whole = cine(20.0, series_uid="1.8", cardiac_images=20)
    for volumes in ((*others, broken, whole), (broken, whole, *others)):
        stack = short_axis_stack(Series("1", volumes))
        assert [part.volume.series_uid for part in stack.slices][2] == "1.8"
        assert any("in series 1.7" in note and "12 frames" in note for note in stack.notes)


def test_enhanced_objects_of_which_a_frame_has_no_plane(cine):
    first = cine(enhanced=True)
    holed = replace(first, frames=(*first.frames[:-1], replace(first.frames[-1], plane=None)), spacing=None)
    other = replace(holed, series_uid="1.3")
    refused(Series("1", (holed, other)), "short-axis", "its plane is not known")


def test_a_clip_without_a_plane_in_another_series_is_no_matter(stack_of, cine):
    clip = cine(series_uid="1.7", spacing=None)
    clip = replace(clip, frames=tuple(replace(frame, plane=None) for frame in clip.frames))
    stack = short_axis_stack(replace(stack_of(4), volumes=(*stack_of(4).volumes, clip)))
    assert len(stack.slices) == 4
    assert any("its plane is not known" in note for note in stack.notes)


def test_other_images_of_the_study_are_left_out_and_told(stack_of, cine, plane_at):
    long_axis = cine(plane=plane_at(0, normal=np.array([0.7, 0.7, 0.0])), series_uid="1.7")
    still = cine(frames=1, timing=None, series_uid="1.8")
    series = replace(stack_of(4), volumes=(long_axis, still, *stack_of(4).volumes))
    stack = short_axis_stack(series)
    assert len(stack.slices) == 4
    assert any("degrees off the short axis" in note for note in stack.notes)
    assert any("no cine" in note for note in stack.notes)


def test_pictures_from_the_base_are_turned_and_masks_turned_back(cine, plane_at):
    stack = short_axis_stack(Series("1", (cine(plane=plane_at(0, mirrored=True)),)))
    assert stack.mirrored
    (picture,) = stack.pictures()
    stored = stack.slices[0].volume.read()
    assert np.array_equal(picture, stored[:, :, ::-1])
    assert np.array_equal(stack.turned(picture), stored)
    assert any("seen from the base" in note for note in stack.notes)


def test_the_plane_turns_the_anchor(cine, plane_at):
    stack = short_axis_stack(Series("1", (cine(plane=plane_at(0, turned_deg=-40.0)),)))
    straight = short_axis_stack(Series("1", (cine(),)))
    assert abs(stack.anchor_deg - straight.anchor_deg) == pytest.approx(40)


def test_not_mr(stack_of):
    series = stack_of(2)
    refused(replace(series, volumes=tuple(replace(v, modality="US") for v in series.volumes)), "MR", "US")


def test_a_long_axis_cine(cine, plane_at):
    refused(Series("1", (cine(plane=plane_at(0, normal=np.array([0.7, 0.7, 0.0]))),)), "short-axis", "90 degrees off")


def test_single_frames_and_short_cines(cine):
    refused(Series("1", (cine(frames=1, timing=None),)), "fewer than 5 frames")
    refused(Series("1", (cine(frames=4),)), "fewer than 5 frames")


def test_a_slice_of_one_frame_in_a_cine_series(stack_of):
    series = stack_of(3)
    one = replace(
        series.volumes[1],
        frames=series.volumes[1].frames[:1],
        pixels=ArrayPixels(series.volumes[1].pixels.read(0, 1)),
        timing=None,
    )
    refused(replace(series, volumes=(series.volumes[0], one, series.volumes[2])), "slice 2", ">= 5 frames")


def test_missing_trigger_times_are_told_in_the_loaders_words(stack_of):
    series = stack_of(3)
    first = series.volumes[0].frames[0].ref.sop_instance_uid
    note = f"slice that starts with instance {first}: no times: TriggerTime is absent or no number in 2 frame(s)"
    refused(
        replace(changed(series, 0, timing=None), notes=(note,)), "slice 3", "absent or no number in 2", "TriggerTime"
    )
    refused(changed(series, 0, timing=None), "no times in the heart cycle")


def test_display_rates_are_no_trigger_times(cine):
    clip = Timing(tuple(i * 0.04 for i in range(20)), "FrameTime")
    refused(Series("1", (cine(timing=clip),)), "TriggerTime")


def test_missing_spacing(stack_of):
    series = stack_of(3)
    refused(replace(series, volumes=tuple(replace(v, spacing=None) for v in series.volumes)), "PixelSpacing")


@pytest.mark.parametrize("index", [1, 2])
def test_a_slice_of_the_series_without_spacing_is_not_passed_over(stack_of, index):
    """The loader puts it into a run of its own, because its spacing is another."""
    series = stack_of(3)
    kept = [volume for number, volume in enumerate(series.volumes) if number != index]
    lone = replace(series.volumes[index], spacing=None, slice_index=0)
    refused(replace(series, volumes=(*kept, lone)), "not whole", "1 slice(s) that belong to it", "PixelSpacing")


def test_a_slice_without_spacing_in_a_series_of_its_own_is_not_passed_over(cine):
    volumes = [cine(10.0 * i, series_uid=f"1.{i}") for i in range(4)]
    volumes[2] = replace(volumes[2], spacing=None)
    refused(Series("1", tuple(volumes)), "not whole", "1 slice(s) that belong to it", "PixelSpacing")


def test_images_of_the_series_without_a_place_are_not_passed_over(stack_of, cine):
    still = cine(frames=1, timing=None)
    lost = replace(still, frames=(replace(still.frames[0], plane=None),), slice_index=None)
    with pytest.raises(UnsuitableSeries, match=r"2 image\(s\) of its series without a valid ImagePositionPatient"):
        short_axis_stack(replace(stack_of(3), volumes=(lost, lost, *stack_of(3).volumes)))


def test_a_second_kind_of_picture_at_the_same_places_is_another_acquisition(stack_of):
    """Magnitude and phase, say, in one series."""
    series = stack_of(3)
    other = tuple(replace(volume, timing=None) for volume in series.volumes)
    stack = short_axis_stack(replace(series, volumes=(*series.volumes, *other)))
    assert len(stack.slices) == 3


def test_an_interval_that_is_no_heartbeat_tells_nothing(cine):
    times = Timing(tuple(0.04 * i for i in range(20)), "TriggerTime", rr_interval_s=65.535)
    stack = short_axis_stack(Series("1", (cine(timing=times),)))
    assert stack.rr_ms is None
    assert any("not known" in note for note in stack.notes)


def test_a_plane_that_is_not_known(cine):
    """Without a place the loader can put no frames together: each is an image of its own."""
    stills = []
    for number in range(20):
        still = cine(frames=1, timing=None, series_uid=f"1.{number}")
        stills.append(replace(still, frames=(replace(still.frames[0], plane=None),), slice_index=None))
    refused(Series("1", tuple(stills)), "20 slice(s) or image(s)", "ImagePositionPatient")


@pytest.mark.parametrize("promised", [21, 19])
def test_frames_that_are_not_as_many_as_the_header_promises(cine, promised):
    refused(Series("1", (cine(cardiac_images=promised),)), "20 frames", f"CardiacNumberOfImages {promised}")


def test_an_incomplete_slice_among_complete_ones(cine):
    volumes = tuple(cine(10.0 * i, frames=19 if i == 2 else 20, index=i) for i in range(4))
    refused(Series("1", volumes), "slice 3", "19, 20 frames")


def test_an_incomplete_slice_in_a_series_of_its_own(cine):
    whole = tuple(cine(10.0 * i, series_uid=f"1.{i}", cardiac_images=20) for i in range(3))
    refused(Series("1", (*whole, cine(30.0, frames=12, series_uid="1.3", cardiac_images=20))), "slice 4", "12 frames")


def test_a_phase_that_is_missing_inside(cine):
    volume = cine(frames=19)
    times = tuple(0.04 * (i if i < 8 else i + 1) for i in range(19))
    refused(
        Series("1", (replace(volume, timing=Timing(times, "TriggerTime", rr_interval_s=0.8)),)),
        "between frames 8 and 9",
    )


def test_less_than_a_heartbeat(cine):
    times = Timing(tuple(0.025 * i for i in range(20)), "TriggerTime", rr_interval_s=0.8)
    refused(Series("1", (cine(timing=times),)), "500 of 800 ms", "80 %")
    unknown = Timing(times.times_s, "TriggerTime")
    refused(Series("1", (cine(timing=unknown),), {"HeartRate": "75"}), "500 of 800 ms")
    stack = short_axis_stack(Series("1", (cine(timing=unknown),)))
    assert stack.rr_ms is None
    assert any("not known" in note for note in stack.notes)


@pytest.mark.parametrize(("step_s", "beat_s"), [(0.8, 0.8), (0.1, 0.8), (0.3, None)])
def test_frames_of_several_heartbeats_are_no_cycle(cine, step_s, beat_s):
    """A perfusion shows one frame a beat; a real-time series goes on through two."""
    times = Timing(tuple(step_s * i for i in range(20)), "TriggerTime", rr_interval_s=beat_s)
    refused(Series("1", (cine(timing=times),)), "more than one heartbeat", f"{20 * step_s * 1000:.0f} ms")


def test_many_faults_are_told_shortly(stack_of):
    series = stack_of(9)
    spoilt = tuple(replace(v, spacing=None, cardiac_images=12 + i, timing=None) for i, v in enumerate(series.volumes))
    with pytest.raises(UnsuitableSeries) as caught:
        short_axis_stack(replace(series, volumes=spoilt))
    assert len(str(caught.value)) < 1200
    assert "more" in str(caught.value)
