"""The algorithm on a series: several clips, what is left out, progress, scales, and the same answer twice."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ulm_decoupling import algorithm
from algorithms.ulm_decoupling.algorithm import UlmDecoupling
from algorithms.ulm_decoupling.evaluate import positions_of
from algorithms.ulm_decoupling.options import Options
from algorithms.ulm_decoupling.score import score_localisations
from dicom_node.errors import JobCancelled, UnsuitableSeries
from dicom_node.series import Series


def run(*volumes, progress=lambda fraction, doing: None, **options):
    return UlmDecoupling(Options(**options)).run(Series("1", volumes), progress)


@pytest.fixture(scope="module")
def result(drawn, volume_of):
    return run(volume_of(drawn.frames))


def test_bubbles_are_found_and_counted(result, drawn):
    score = score_localisations(positions_of(result.tables[0]), drawn.truth)
    assert score.jaccard > 0.97
    assert score.rmse_px < 0.1
    summary = result.summary
    assert summary["tracks"] == 4
    assert summary["localisations"] == len(result.tables[0].rows) == pytest.approx(160, abs=4)
    assert summary["bubbles_per_frame_mean"] == summary["localisations"] / 40
    assert summary["bubbles_per_frame_max"] == 4
    assert (summary["frames_in"], summary["scale_lengths"]) == (40, [33, 25, 9])
    assert summary["frames_out"] == result.derived[0].pixels.shape[0] == 67


def test_without_scale_and_time_there_is_no_speed_in_mm(result, drawn):
    summary = result.summary
    for key in ("mean_speed_mm_per_s", "frame_time_ms", "row_spacing_mm", "column_spacing_mm"):
        assert summary[key] is None
    true = np.mean(np.hypot([0.9, 0.8, 0.7, 0.5], [0.2, 0.3, 0.2, 0.4]))
    assert summary["mean_speed_px_per_frame"] == pytest.approx(true, rel=0.05)
    assert len(summary["missing"]) == 2
    for what in ("pixel calibration", "frame time"):
        assert any(f"the header gives no {what}" in note for note in result.notes)
    (speed,) = (m for m in result.groups[0].measurements if m.name.value == "BUBBLESPEED")
    assert speed.unit.ucum == "{pixels}/{frame}"
    assert [made.unit.ucum for made in result.maps] == ["{count}", "{pixels}/{frame}"]
    assert all(part.placement.spacing is None for part in (*result.maps, *result.derived))


@pytest.mark.parametrize("known", ["scale", "time"])
def test_one_of_scale_and_time_is_not_enough_for_speed(drawn, volume_of, region, known):
    volume = volume_of(
        drawn.frames,
        frame_time_s=0.02 if known == "time" else None,
        regions=(region(0, 0, 71, 55),) if known == "scale" else (),
    )
    summary = run(volume, decoupling="plain").summary
    assert summary["mean_speed_mm_per_s"] is None
    assert summary["mean_speed_px_per_frame"] > 0
    assert (summary["frame_time_ms"] is None) == (known == "scale")
    assert (summary["row_spacing_mm"] is None) == (known == "time")


def test_speed_in_mm_takes_each_direction_by_its_own_spacing(draw, volume_of, region):
    """1 px/frame across at 0.1 mm and 0.5 px/frame down at 0.4 mm, 50 frames a second: 5 and 10 mm/s."""
    moving = draw([(8, 12, 1.0, 0.0), (10, 40, 1.0, 0.0)]), draw([(20, 10, 0.0, 0.5), (50, 12, 0.0, 0.5)])
    for drawn, mm_per_s in zip(moving, (5.0, 10.0), strict=True):
        volume = volume_of(drawn.frames, frame_time_s=0.02, regions=(region(0, 0, 71, 55, row_mm=0.4, column_mm=0.1),))
        result = run(volume)
        assert result.summary["mean_speed_mm_per_s"] == pytest.approx(mm_per_s, rel=0.03)
        assert result.summary["mean_speed_px_per_frame"] is None
        speeds = result.maps[1].values
        assert np.median(speeds[speeds > 0]) == pytest.approx(mm_per_s, rel=0.05)
        spacing = result.maps[1].placement.spacing
        assert (spacing.row_mm, spacing.column_mm) == pytest.approx((0.08, 0.02))


def test_positions_and_masks_are_those_of_the_whole_picture(drawn, volume_of, region):
    """The contrast picture at (100, 30) of a larger one: columns, rows and mask pixels are shifted by that."""
    picture = np.zeros((40, 100, 200), np.uint8)
    picture[:, 30:86, 100:172] = drawn.frames
    result = run(volume_of(picture, regions=(region(100, 30, 171, 85),)))
    shifted = drawn.truth + np.array([0, 100, 30])
    assert score_localisations(positions_of(result.tables[0]), shifted).jaccard > 0.97
    assert result.summary["region_px"] == [100, 30, 171, 85]
    masks = result.segments[0].masks
    assert masks.shape == (40, 100, 200)
    inside = masks.read(7, 9)
    for mask, number in zip(inside, (7, 8), strict=True):
        for _, x, y in shifted[shifted[:, 0] == number]:
            assert mask[round(y), round(x)]
        assert not mask[:30].any()
        assert not mask[:, :100].any()
        assert 0.001 < mask.mean() < 0.02


@pytest.mark.parametrize(("dtype", "full_scale"), [(np.uint16, 255), (np.float32, 190)])
def test_deeper_pixels_give_the_same_bubbles(draw, volume_of, drawn, dtype, full_scale):
    """Amplitudes are relative to the largest value that can be stored, or that there is in floating point."""
    deep = draw([(10, 12, 0.9, 0.2), (60, 14, -0.8, 0.3), (12, 44, 0.7, -0.2), (58, 42, -0.5, -0.4)], dtype=dtype)
    table = run(volume_of(deep.frames)).tables[0]
    score = score_localisations(positions_of(table), drawn.truth)
    assert score.jaccard > 0.97
    amplitudes = [row[table.columns.index("amplitude")] for row in table.rows]
    assert np.median(amplitudes) == pytest.approx(180 / full_scale, rel=0.05)


def test_several_clips_are_numbered_and_stills_are_left_out(drawn, volume_of):
    clips = volume_of(drawn.frames, "1.1"), volume_of(drawn.frames[:1], "1.2"), volume_of(drawn.frames[:24], "1.3")
    result = run(*clips)
    assert [table.name for table in result.tables] == ["localisations", "localisations_2"]
    roles = {part.role for part in (*result.pictures, *result.maps, *result.derived)}
    assert len(roles) == 12
    assert {role for role in roles if role.endswith("_2")} == {f"{role}_2" for role in roles if role[-1] != "2"}
    assert [group.tracking_id for group in result.groups] == ["contrast clip 1", "contrast clip 2"]
    assert [segment.tracking_id for segment in result.segments] == ["contrast clip 1", "contrast clip 2"]
    summary = result.summary
    assert summary["clip_count"] == 2
    assert [clip["frames_in"] for clip in summary["clips"]] == [40, 24]
    assert [clip["sop_instance_uid"] for clip in summary["clips"]] == ["1.1", "1.3"]
    assert {key: summary[key] for key in summary["clips"][0]} == summary["clips"][0]
    assert any("left out: instance 1.2: needs a contrast cine of >= 8 frames; got 1" in note for note in result.notes)


def test_if_no_clip_will_do_every_reason_is_told(drawn, volume_of):
    with pytest.raises(UnsuitableSeries, match=r"instance 1\.1: needs .* got 1; instance 1\.2: needs .* got 3"):
        run(volume_of(drawn.frames[:1], "1.1"), volume_of(drawn.frames[:3], "1.2"))


def test_a_clip_that_cannot_be_decoupled_is_refused(drawn, volume_of):
    with pytest.raises(UnsuitableSeries, match=r"cannot be decoupled: .*needs >= 16 frames; got 12"):
        run(volume_of(drawn.frames[:12]), dropped_scales=(1, 2))
    with pytest.raises(UnsuitableSeries, match="cannot be decoupled: frame 0 has no background pixel"):
        run(volume_of(drawn.frames + np.uint8(20)), threshold="fixed", threshold_value=10)
    assert run(volume_of(drawn.frames[:12]), dropped_scales=(1, 2), decoupling="plain").derived == ()


@pytest.mark.parametrize("level", [0, 90])
def test_nothing_found_is_an_answer(volume_of, level):
    result = run(volume_of(np.full((20, 40, 50), level, np.uint8)))
    assert result.nothing_found
    assert result.summary["localisations"] == result.summary["tracks"] == result.summary["bubbles_per_frame_max"] == 0
    assert result.summary["mean_speed_px_per_frame"] is None
    assert result.tables[0].rows == ()
    assert not result.maps[0].values.any()
    assert not result.segments[0].masks.read(0, 20).any()


def test_plain_and_series_off_make_no_series(drawn, volume_of):
    plain = run(volume_of(drawn.frames), decoupling="plain")
    assert (plain.derived, plain.summary["frames_out"], plain.summary["scale_lengths"]) == ((), 0, [])
    assert not any("sparsity" in key for key in plain.summary)
    quiet = run(volume_of(drawn.frames), series=False)
    assert quiet.derived == ()
    assert quiet.summary["frames_out"] == 67


def test_the_same_twice(result, drawn, volume_of):
    again = run(volume_of(drawn.frames))
    assert again.summary == result.summary
    assert again.tables == result.tables
    assert np.array_equal(again.derived[0].pixels.read(0, 67), result.derived[0].pixels.read(0, 67))
    for one, two in zip(result.pictures, again.pictures, strict=True):
        assert np.array_equal(one.pixels.read(0, 1), two.pixels.read(0, 1))


def test_maps_that_would_be_too_large_are_coarser_and_say_so(drawn, volume_of, monkeypatch):
    monkeypatch.setattr(algorithm, "LARGEST_MAP_PIXELS", 56 * 72 * 9 + 10)
    result = run(volume_of(drawn.frames), decoupling="plain", super_resolution=5)
    assert result.summary["super_resolution_factor"] == 3
    assert result.maps[0].values.shape == (56 * 3, 72 * 3)
    assert any("3 pixels per picture pixel each way instead of 5" in note for note in result.notes)


def test_progress_rises_and_may_end_it(drawn, volume_of):
    told = []
    run(
        *(volume_of(drawn.frames, uid) for uid in ("1.1", "1.2")),
        progress=lambda fraction, doing: told.append(fraction),
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, pytest.approx(0.95))

    def cancelled(fraction, doing):
        raise JobCancelled("by a person")

    with pytest.raises(JobCancelled):
        run(volume_of(drawn.frames), progress=cancelled)


def test_parameters_are_named(drawn):
    parameters = UlmDecoupling(Options(threshold="fixed", threshold_value=40)).info.parameters
    assert {"threshold=fixed", "threshold_value=40.0", "wavelet=haar", "decoupling=decoupled"} <= set(parameters)
