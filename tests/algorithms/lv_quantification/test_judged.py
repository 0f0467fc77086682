"""Estimates against experts, on studies made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from algorithms.lv_quantification.judged import (
    dice,
    frames_not_found,
    frames_of_study,
    judged_frame,
    judged_study,
    slice_key,
)
from algorithms.lv_quantification.stack import short_axis_stack
from algorithms.lv_quantification.study import study_of
from algorithms.lv_quantification.training_data import Contours
from dicom_node.series import Spacing

RADII = (24.0, 23.0, 21.0, 17.0, 11.0)
CENTRE, MM = (60.0, 44.0), 1.4
ED, ES = 19, 7


def circle(radius_mm):
    around = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.array(CENTRE) + radius_mm / MM * np.stack([np.cos(around), np.sin(around)], axis=1)


def drawn(stack, phases, radii=RADII, epicardium_at=None):
    """Contours of the rings (conftest.Rings) in these phases: SOP Instance UID -> Contours."""
    contours = {}
    for part, radius in zip(stack.slices, radii, strict=True):
        for position, factor in phases.items():
            outer = circle(math.hypot(radius * factor, 12.0)) if position == epicardium_at else None
            contours[part.volume.frames[position].ref.sop_instance_uid] = Contours(circle(radius * factor), outer)
    return contours


@pytest.fixture
def study(stack_of, rings):
    stack = short_axis_stack(stack_of(5))
    made = rings(RADII)
    return study_of(stack, made.estimate(stack.pictures(), stack.spacing, stack.anchor_deg, lambda *_: None))


def test_dice():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert dice(one, other) == 1.0
    one[0] = True
    assert dice(one, other) == 0.0
    other[0, :2] = other[1, :2] = True
    assert dice(one, other) == pytest.approx(2 * 2 / 8)


def test_a_frame_that_was_found():
    y, x = np.mgrid[:60, :60]
    away = np.hypot(x - 30, y - 30)
    numbers = tuple(np.full(11, value) for value in (1.0, 2.0, 3.0))
    truth, masks = (away < 15, away < 20), (away < 10, away < 20)
    judged = judged_frame(("P", "P/1"), True, truth, masks, numbers, Spacing(1, 1), 0.0)
    assert judged.found
    assert judged.dice == pytest.approx(2 * 100 / (100 + 225), rel=0.02)
    assert judged.inside_dice == 1.0
    assert judged.true[0] == pytest.approx(np.pi * 225, rel=0.02)
    assert judged.true[5:] == pytest.approx(5.0, abs=0.5)
    assert (judged.reported[0], judged.regressed[0], judged.from_masks[0]) == (1.0, 2.0, 3.0)


def test_a_frame_that_was_not_found_counts_zero():
    cavity = np.zeros((9, 9), bool)
    cavity[3:6, 3:6] = True
    judged = judged_frame(("P", "P/1"), False, (cavity, None), None, None, Spacing(1, 1), 0.0)
    assert not judged.found
    assert judged.dice == 0.0
    assert judged.inside_dice is None
    assert judged.true[0] == 9.0
    assert np.isnan(judged.true[1])
    assert np.isnan(judged.reported).all()


def test_frames_of_a_study_are_those_that_the_expert_drew(study):
    contours = drawn(study.stack, {ED: 1.0, ES: 0.7}, epicardium_at=ED)
    frames = frames_of_study("P", study.stack, study.slices, contours)
    assert len(frames) == 10
    keys = [slice_key("P", part.volume) for part in study.stack.slices]
    assert len(set(keys)) == 5
    assert [frame.slice_key for frame in frames] == [key for key in keys for _ in (ED, ES)]
    lost = frames_not_found("P", [part.volume for part in study.stack.slices][::-1], contours)
    assert {frame.slice_key for frame in lost} == set(keys)  # the same slice, wherever it comes
    assert all(frame.physical and frame.found for frame in frames)
    assert min(frame.dice for frame in frames) > 0.93
    assert sum(frame.inside_dice is not None for frame in frames) == 5
    for frame in frames:
        assert frame.reported[0] == pytest.approx(frame.true[0], rel=0.12)


def test_slices_that_were_not_measured_count_as_not_found(study):
    contours = drawn(study.stack, {ED: 1.0, ES: 0.7})
    without_apex = frames_of_study("P", study.stack, study.slices[:-1], contours)
    assert [frame.found for frame in without_apex] == [True] * 8 + [False] * 2
    assert not any(frame.found for frame in frames_of_study("P", study.stack, (), contours))


def test_the_expert_agrees(study):
    judged = judged_study("P", study, drawn(study.stack, {ED: 1.0, ES: 0.7}, epicardium_at=ED))
    assert (judged.es_frames_off, judged.ed_frames_off) == (0, 0)
    assert judged.phase_error == 0.0
    edv = sum(math.pi * radius**2 for radius in RADII) / 100.0  # 10 mm, in ml
    for pair, truth in ((judged.edv_ml, edv), (judged.esv_ml, 0.49 * edv), (judged.ef_percent, 51.0)):
        assert pair == pytest.approx((truth, truth), rel=0.03)


@pytest.mark.parametrize("epicardium_at", [None, 1])
def test_the_expert_sees_other_phases(study, epicardium_at):
    """End-diastole in frame 1 (two after ours, over the end), end-systole in 10 (three after): of twenty frames,
    0, 1 and 8, 9, 10 have another phase. Without any epicardium the larger cavities are end-diastole."""
    contours = drawn(study.stack, {10: 0.7, 1: 1.0}, epicardium_at=epicardium_at)
    judged = judged_study("P", study, contours)
    assert (judged.es_frames_off, judged.ed_frames_off) == (3, 2)
    assert judged.phase_error == pytest.approx(5 / 20)


def test_apical_end_systole_that_the_expert_did_not_draw(study):
    """His end-systolic volume is that of the four slices he drew."""
    contours = drawn(study.stack, {ED: 1.0, ES: 0.7}, epicardium_at=ED)
    del contours[study.stack.slices[-1].volume.frames[ES].ref.sop_instance_uid]
    judged = judged_study("P", study, contours)
    assert judged.esv_ml[1] == pytest.approx(0.49 * sum(math.pi * radius**2 for radius in RADII[:-1]) / 100, rel=0.03)


def test_no_judgement_of_phases_without_two_of_them(study):
    assert judged_study("P", study, {}) is None
    assert judged_study("P", study, drawn(study.stack, {ED: 1.0})) is None
    assert judged_study("P", study, drawn(study.stack, {ED: 1.0, ES: 0.7, 3: 0.9})) is None
    few = drawn(study.stack, {ED: 1.0})
    few |= dict(list(drawn(study.stack, {ES: 0.7}).items())[:2])
    assert judged_study("P", study, few) is None


def test_a_study_without_volumes_has_phases(stack_of, rings):
    stack = short_axis_stack(stack_of(5))
    made = rings((24.0, 23.0, 0.0, 0.0, 0.0))
    study = study_of(stack, made.estimate(stack.pictures(), stack.spacing, stack.anchor_deg, lambda *_: None))
    judged = judged_study("P", study, drawn(stack, {ED: 1.0, ES: 0.7}))
    assert judged.edv_ml is judged.esv_ml is judged.ef_percent is None
    assert judged.phase_error == 0.0
