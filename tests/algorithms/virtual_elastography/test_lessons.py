"""The pool on disk, and samples of a pair whose truth is drawn by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from algorithms.virtual_elastography import lessons
from algorithms.virtual_elastography.colours import softness_of
from algorithms.virtual_elastography.lessons import chunk_names, lesson_of, make_pool, read_pool, sample_of


def _pair(rng=None, size=(160, 200)):
    """Left half soft and bright, right half hard and dark; a lesion at the lower right."""
    rng = rng or np.random.default_rng(0)
    columns = size[1]
    softness = np.full(size, 0.75, np.float32)
    softness[:, columns // 2 :] = 0.25
    lesion = np.zeros(size, bool)
    lesion[-40:-20, -60:-40] = True
    bmode = np.clip(rng.normal(60 + 120 * softness, 10), 20, 255).astype(np.uint8)
    return SimpleNamespace(bmode=bmode, softness=softness, lesion=lesion, beam=np.ones(size, bool), style="shear_wave")


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(lessons, "CHUNK", 2)
    monkeypatch.setitem(lessons.CHUNKS, "lesson", 2)
    monkeypatch.setitem(lessons.CHUNKS, "reference", 1)


def test_a_pool_made_by_two_is_the_pool_made_by_one(small, tmp_path):
    names = (*chunk_names("lesson"), *chunk_names("reference"))
    make_pool(tmp_path / "one", 5, names, _pair)
    make_pool(tmp_path / "two", 5, names[1::2], _pair)
    make_pool(tmp_path / "two", 5, names, _pair)
    for name in names:
        assert (tmp_path / "one" / f"{name}.npz").read_bytes() == (tmp_path / "two" / f"{name}.npz").read_bytes()
    pictures = [one.grey for group in ("lesson", "reference") for one in read_pool(tmp_path / "one", group)]
    assert len({picture.tobytes() for picture in pictures}) == 6


def test_a_sample_as_it_is_shows_the_pair_on_the_canvas():
    sample = sample_of(lesson_of(_pair()), None)
    softness = softness_of(np.moveaxis(np.round(sample.elastogram * 255).astype(np.uint8), 0, 2))
    np.testing.assert_allclose(softness[:, :60], 0.75, atol=0.01)
    np.testing.assert_allclose(softness[:, 68:], 0.25, atol=0.01)
    rows, columns = np.nonzero(sample.lesion > 0.5)
    assert abs(rows.min() - 120 / 160 * 128) <= 1
    assert abs(columns.max() + 1 - 160 / 200 * 128) <= 1
    assert sample.style == 1.0
    assert sample.weight.min() == pytest.approx(1.0)


def test_however_it_is_varied_picture_and_elastogram_stay_together():
    lesson, rng = lesson_of(_pair()), np.random.default_rng(1)
    mirrored = 0
    for _ in range(20):
        sample = sample_of(lesson, rng)
        soft = sample.elastogram[0] > 0.5  # red is in the soft half only
        assert 0.3 < soft.mean() < 0.7
        assert sample.canvas[soft].mean() > sample.canvas[~soft].mean() + 0.8
        mirrored += bool(soft[:, -1].all())
        assert np.isfinite(sample.canvas).all()
    assert 3 < mirrored < 17


def test_large_pictures_are_kept_small():
    assert min(lesson_of(_pair(size=(700, 900))).grey.shape) == 256
