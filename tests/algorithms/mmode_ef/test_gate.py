"""What the gate sees of a strip, what it says, and what it learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from algorithms.mmode_ef.gate import KINDS, WINDOW_COLUMNS, Gate, windows_of
from algorithms.mmode_ef.gate_lessons import gate_sample, on_another_machine
from algorithms.mmode_ef.preprocess import VIEW_ROWS, view_of
from algorithms.mmode_ef.simulated import Lesson
from dicom_node.algorithm import ModelInfo


def lesson(kind: str, rows=300, columns=900, seconds_per_px=1 / 200) -> Lesson:
    """A strip with a bright line at a quarter of its depth."""
    strip = np.full((rows, columns), 30, np.uint8)
    strip[rows // 4 - 3 : rows // 4 + 3] = 220
    boxes = np.array([[100.0, 40.0, 300.0, 280.0]] if kind == "lv" else []).reshape(-1, 4)
    return Lesson(strip, seconds_per_px, 0.4, kind, boxes, np.zeros((len(boxes), 8, 2)))


@dataclass
class Says:
    """A model that gives each window the logits of its turn."""

    logits: list[list[float]]
    info: ModelInfo = ModelInfo("gate", "1", "ab" * 32)  # noqa: RUF009 - frozen

    def run(self, inputs):
        assert inputs["view"].shape == (len(self.logits), 1, VIEW_ROWS, WINDOW_COLUMNS)
        return {"kind": np.array(self.logits, np.float32)}

    def open(self, name):
        return self


@pytest.mark.parametrize(("seconds", "windows"), [(1.0, 1), (2.6, 1), (4.0, 2), (8.0, 5)])
def test_windows_cover_the_strip(seconds, windows):
    columns = round(seconds * 200)
    strip = np.tile(np.linspace(0, 255, columns, dtype=np.float32), (120, 1))
    view = view_of(strip, 1 / 200)
    seen = windows_of(view)
    assert seen.shape == (windows, VIEW_ROWS, WINDOW_COLUMNS)
    assert seen.dtype == np.float32
    if view.columns < WINDOW_COLUMNS:
        assert (seen[0, :, view.columns :] == 0).all()
    else:
        assert seen.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-4)
        assert seen.std(axis=(1, 2)) == pytest.approx(1, abs=1e-3)


def test_the_verdict_is_the_mean_of_the_windows():
    view = view_of(np.random.default_rng(0).uniform(0, 255, (100, 800)).astype(np.float32), 1 / 200)
    sure, other = [20.0, 0, 0, 0, 0, 0], [0, 20.0, 0, 0, 0, 0]
    verdict = Gate(Says([sure, other])).judge(view)
    assert verdict.lv == pytest.approx(0.5, abs=1e-6)
    verdict = Gate(Says([other, other])).judge(view)
    assert (verdict.kind, verdict.kind_name) == ("mitral", "mitral valve")
    assert verdict.lv == pytest.approx(0, abs=1e-6)
    assert verdict.certainty == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_sample_shows_the_strip_and_names_its_kind(seed):
    rng = np.random.default_rng(seed)
    picture, kind = gate_sample(lesson("mitral"), rng)
    assert picture.shape == (VIEW_ROWS, WINDOW_COLUMNS)
    assert KINDS[kind] == "mitral"
    shown = picture[:, picture.any(axis=0)]
    assert abs(float(shown.mean())) < 1e-3
    assert shown.std() == pytest.approx(1, abs=1e-3)


def test_a_ventricle_stays_whole_and_upside_down_it_is_none():
    rng = np.random.default_rng(0)
    lines, kinds = [], []
    for _ in range(60):
        picture, kind = gate_sample(lesson("lv"), rng)
        kinds.append(kind)
        if kind == 0:
            lines.append(picture.mean(axis=1)[:100].argmax())
    assert set(kinds) == {0, KINDS.index("none")}
    assert kinds.count(0) > 40
    assert min(lines) > 20  # the line lies at 75 of 300 rows; of the 40 above the ventricle some may be left out


def test_another_machine_gives_shares():
    rng = np.random.default_rng(3)
    picture = np.linspace(0, 1, 192 * 256, dtype=np.float32).reshape(192, 256)
    made = [on_another_machine(picture, rng) for _ in range(20)]
    assert all(one.dtype == np.float32 and one.shape == picture.shape for one in made)
    assert all(one.min() >= 0 and one.max() <= 1 for one in made)
    assert all(np.corrcoef(one.ravel(), picture.ravel())[0, 1] > 0.5 for one in made)  # the same picture still
