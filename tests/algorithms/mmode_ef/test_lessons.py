"""What the networks learn from: the pool on disk, and samples whose truth stays where the picture shows it."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.mmode_ef import lessons
from algorithms.mmode_ef.gate import KINDS
from algorithms.mmode_ef.simulated import Lesson, random_lesson


def marked(rng: np.random.Generator, kind: str) -> Lesson:
    """A strip with a bright column at the start of its cycles and a bright row at their points."""
    strip = np.full((380, 900), 20, np.uint8)
    boxes, points = [], []
    for start in (100, 380):
        strip[60:300, start - 1 : start + 2] = 250
        strip[178:183, start : start + 200] = 250
        boxes.append([start, 60, start + 200, 300])
        points.append([[start + 100, 180]] * 8)
    if kind != "lv":
        boxes, points = [], []
    boxes, points = np.array(boxes, float).reshape(-1, 4), np.array(points, float).reshape(-1, 8, 2)
    return Lesson(strip, 1 / 284, 0.3, kind, boxes, points)


@pytest.fixture
def small_pool(monkeypatch, tmp_path):
    monkeypatch.setattr(lessons, "LV_CHUNKS", 2)
    monkeypatch.setattr(lessons, "OTHER_CHUNKS", 1)
    monkeypatch.setattr(lessons, "CHUNK", 5)
    return tmp_path


def test_the_pool_goes_on_and_comes_back(small_pool):
    asked = []

    def make(rng, kind):
        asked.append(kind)
        return marked(rng, kind)

    lessons.make_pool(small_pool, 3, make, ["lv_000"])
    assert asked == ["lv"] * 5
    lessons.make_pool(small_pool, 3, make)
    assert len(asked) == 15
    assert asked[10:] == list(KINDS[1:])
    read = lessons.read_pool(small_pool)
    assert (len(read.lv), len(read.others)) == (10, 5)
    one, true = read.lv[0], marked(np.random.default_rng(0), "lv")
    assert np.array_equal(one.strip, true.strip)
    assert np.array_equal(one.points, true.points)
    assert (one.seconds_per_px, one.mm_per_px, one.kind) == (true.seconds_per_px, true.mm_per_px, "lv")
    assert lessons.read_pool(small_pool, ("other",)).lv == ()


def test_chunks_differ_and_do_not_depend_on_each_other(small_pool):
    def make(rng, kind):
        return Lesson(rng.integers(0, 255, (70, 60), np.uint8), 1.0, 1.0, kind, np.zeros((0, 4)), np.zeros((0, 8, 2)))

    first, second = (lessons._chunk(name, 3, make)[0].strip for name in ("lv_000", "lv_001"))
    assert not np.array_equal(first, second)
    assert np.array_equal(lessons._chunk("lv_001", 3, make)[0].strip, second)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_of_a_window_stay_on_the_picture(seed):
    rng = np.random.default_rng(seed)
    window = lessons.window_of(marked(rng, "lv"), rng)
    assert window.picture.shape == (192, 384)
    assert len(window.boxes) == 2
    for x0, y0, x1, y1 in window.boxes:
        column = window.picture[int(y0) + 6 : int(y1) - 6, :]
        brightest = column.mean(axis=0)[max(0, int(x0) - 3) : int(x0) + 5].argmax() + max(0, int(x0) - 3)
        assert brightest == pytest.approx(x0, abs=1.6)
        assert 0.85 < (x1 - x0) / (200 / 284 * 96) < 1.15
        assert 0 <= y0 < y1 <= 192


@pytest.mark.parametrize("seed", range(6))
def test_points_of_a_crop_stay_on_the_picture(seed):
    rng = np.random.default_rng(seed)
    sample = lessons.crop_sample(marked(rng, "lv"), 1, rng)
    assert sample.picture.shape == (128, 96)
    assert sample.shown.all()
    x, y = sample.points[0] * (96, 128) - 0.5
    row = sample.picture[:, int(x)].argmax()
    assert row == pytest.approx(y, abs=2.0)


def test_points_out_of_sight_do_not_count():
    lesson = marked(np.random.default_rng(0), "lv")
    lesson.points[0, :4, 0] = 100 - 60  # far before the cycle
    lesson.points[0, 4:, 1] = 400  # below
    sample = lessons.crop_sample(lesson, 0, np.random.default_rng(1))
    assert not sample.shown.any()
    assert ((sample.points >= 0) & (sample.points <= 1)).all()


def test_simulated_lessons_have_their_truth_on_the_strip():
    lesson = random_lesson(np.random.default_rng(2), "lv")
    rows, columns = lesson.strip.shape
    assert (lesson.points >= 0).all()
    assert (lesson.points < (columns, rows)).all()
    assert len(lesson.boxes) == len(lesson.points)
    none = random_lesson(np.random.default_rng(2), "none")
    assert none.kind == "none"
    assert not len(none.boxes)
