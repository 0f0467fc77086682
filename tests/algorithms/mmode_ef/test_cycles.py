"""Which beats are measured, and what is said of the others."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef.cycles import beats_for_means, judged_beats, rhythm_notes, sorted_out
from algorithms.mmode_ef.detect import Detection
from algorithms.mmode_ef.ecg import r_waves
from algorithms.mmode_ef.gate import implausible
from algorithms.mmode_ef.points import Box, lengths_mm
from algorithms.mmode_ef.regress import FoundPoints
from algorithms.mmode_ef.strip import Ecg, Strip
from dicom_node.series import FrameRef

WALLS = (40, 65, 190, 215)


def strip_of(columns=1000, dark=()) -> Strip:
    grey = np.full((300, columns), 120, np.float32)
    for first, last in dark:
        grey[:, first:last] = 2
    return Strip(grey, 7, 9, 0.005, 0.4, FrameRef("1.2", "1.3"), "the header")


def found(eight, *spans, probabilities=None, **rows):
    points = [eight(start, start + 0.4 * (end - start), **rows) for start, end in spans]
    certain = probabilities or [0.9] * len(spans)
    return [
        (Detection(Box(start, 40.0, end, 215.0), p), FoundPoints(point, np.full((8, 2), 0.25)))
        for (start, end), point, p in zip(spans, points, certain, strict=True)
    ]


def test_regular_beats_and_the_documents_choice(eight):
    strip = strip_of()
    spans = ((20, 220), (220, 425), (425, 620))
    cycles, left_out = sorted_out(strip, found(eight, *spans, probabilities=[0.8, 0.95, 0.9]))
    beats = judged_beats(cycles, 0.2)
    assert not left_out
    assert [beat.chosen for beat in beats] == [False, True, False]
    assert beats[0].heart_rate_bpm == pytest.approx(60.0)
    assert beats[0].values["lvidd_mm"] == pytest.approx(50.0)
    assert beats[0].box.x0 == 27  # on the screen
    assert beats[0].points[0] == pytest.approx([27, 49])
    assert beats[0].uncertainty_mm == pytest.approx(0.1)


def test_of_beats_that_take_turns_none_is_ectopic_and_the_note_says_so(eight):
    strip = strip_of()
    spans = ((20, 140), (140, 340), (340, 460), (460, 660))  # 0.6 and 1 s: the median of 0.8 s is near to none
    cycles, left_out = sorted_out(strip, found(eight, *spans))
    beats = judged_beats(cycles, 0.2)
    assert len(beats_for_means(beats)) == 4
    assert any("all 4 cycles deviate" in note for note in rhythm_notes(strip, beats, left_out, 0.2))


def test_an_ectopic_beat_is_named_and_not_in_the_means(eight):
    strip = strip_of()
    spans = ((20, 220), (220, 350), (350, 550), (550, 752))
    cycles, left_out = sorted_out(strip, found(eight, *spans, probabilities=[0.8, 0.99, 0.7, 0.6]))
    beats = judged_beats(cycles, 0.2)
    assert [beat.ectopic for beat in beats] == [False, True, False, False]
    assert len(beats_for_means(beats)) == 3
    assert beats[0].chosen  # the most probable of the regular ones
    notes = rhythm_notes(strip, beats, left_out, 0.2)
    assert any("cycle 2 is ectopic" in note and "-35 %" in note for note in notes)


def test_two_unlike_beats_do_not_tell_which_is_usual(eight):
    strip = strip_of(500)
    cycles, left_out = sorted_out(strip, found(eight, (10, 210), (210, 480)))
    beats = judged_beats(cycles, 0.2)
    assert not any(beat.ectopic for beat in beats)
    assert any("irregular" in note for note in rhythm_notes(strip, beats, left_out, 0.2))


def test_partial_cycles_gaps_and_dropout_are_named(eight):
    strip = strip_of(1000, dark=((430, 480), (900, 1000)))
    cycles, left_out = sorted_out(strip, found(eight, (100, 300), (300, 500), (650, 850)))
    assert [cycle.box.x0 for cycle in cycles] == [107, 657]
    assert "dropout: 25 %" in left_out[0].reason
    notes = " | ".join(rhythm_notes(strip, judged_beats(cycles, 0.2), left_out, 0.2))
    assert "0.50 s beside the first complete cycle show a partial cycle" in notes
    assert "2.50 to 3.25 s: no complete cycle" in notes
    assert "4.25 to 5.00 s: dropout or the gap of the sweep" in notes
    assert "at 1.50 to 2.50 s was not measured" in notes


def test_a_cycle_across_the_gap_of_the_sweep_is_none(eight):
    strip = strip_of(1000)
    strip.grey[:, 300:305] = 0
    strip.grey[20:23, 302] = 250  # a tick in it
    cycles, left_out = sorted_out(strip, found(eight, (20, 220), (220, 425), (500, 700)))
    assert [cycle.box.x0 for cycle in cycles] == [27, 507]
    assert "the gap of the sweep crosses it" in left_out[0].reason
    beside, none = sorted_out(strip, found(eight, (98, 299), (306, 500)))
    assert len(beside) == 2
    assert not none


def test_a_rhythm_without_a_usual_beat_is_called_irregular(eight):
    strip = strip_of(1400)
    spans = ((0, 200), (200, 330), (330, 540), (540, 840), (840, 1130))
    cycles, left_out = sorted_out(strip, found(eight, *spans))
    notes = rhythm_notes(strip, judged_beats(cycles, 0.2), left_out, 0.2)
    assert any("3 of 5 cycles deviate" in note and "irregular" in note for note in notes)


def test_walls_beyond_the_strip_are_not_measured(eight):
    _, left_out = sorted_out(strip_of(), found(eight, (20, 220), ed_rows=(-3, 30, 150, 180)))
    assert "beyond the strip" in left_out[0].reason


@pytest.mark.parametrize(
    ("rows", "rr_s", "told"),
    [
        ({"ed_rows": (40, 65, 60, 215)}, 1.0, "end-diastole are not in order"),
        ({"es_rows": (45, 44, 165, 210)}, 1.0, "end-systole are not in order"),
        ({"ed_rows": (40, 65, 80, 105), "es_rows": (40, 65, 75, 105)}, 1.0, "LVIDD is 6.0 mm, outside of 20..95"),
        ({"ed_rows": (40, 42, 190, 215)}, 1.0, "IVSD is 0.8 mm"),
        ({"es_rows": (30, 55, 195, 220)}, 1.0, "wider at end-systole"),
        ({}, 0.2, "heart rate of 300"),
        ({}, 3.0, "heart rate of 20"),
        ({}, 1.0, None),
    ],
)
def test_geometry_that_is_no_left_ventricle(eight, rows, rr_s, told):
    points = eight(10, 60, **rows)
    said = implausible(lengths_mm(points, 0.4), points, rr_s)
    assert said is None if told is None else told in said


def test_r_waves_of_a_drawn_trace():
    picture = np.zeros((60, 500, 3), np.uint8)
    level = np.full(500, 45)
    for peak in (100, 300, 480):
        level[peak - 3 : peak + 4] = [40, 30, 15, 5, 15, 30, 40]
    level[150:190] = 38  # a T wave
    for x in range(499):
        top, bottom = sorted((level[x], level[x + 1]))
        picture[top : bottom + 1, x] = (0, 230, 0)
    assert r_waves(Ecg(picture, 42), 0.004) == pytest.approx([142, 342, 522], abs=1)
    assert not len(r_waves(Ecg(np.zeros((60, 500), np.uint8), 0), 0.004))
    noise = np.random.default_rng(0).integers(0, 255, (60, 500), np.uint8)
    assert not len(r_waves(Ecg(noise, 0), 0.004))
