"""What is familiar: simulated texture of one kind, asked about more of it and about other textures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.virtual_elastography.familiarity import CARD_KEY, Reference, reference_of
from algorithms.virtual_elastography.texture import NAMES, describe
from dicom_node.errors import ModelError


def _speckle(rng, across=2.5, down=1.2):
    """Rayleigh speckle of a given size, log-compressed, as a canvas."""
    parts = [cv2.GaussianBlur(rng.normal(size=(128, 128)), (0, 0), sigmaX=across, sigmaY=down) for _ in range(2)]
    envelope = np.log(np.hypot(*parts) + 1e-3)
    return np.clip((envelope - envelope.mean()) / envelope.std(), -4, 4).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    canvases = [_speckle(rng, *rng.uniform((2.0, 1.0), (3.0, 1.5))) for _ in range(160)]
    return reference_of(canvases, [rng.normal(size=2).astype(np.float32) for _ in canvases])


NO_FEATURES = np.zeros(2, np.float32)


def test_more_of_the_kind_is_familiar(reference):
    rng = np.random.default_rng(7)
    judged = [reference.judge(_speckle(rng), NO_FEATURES) for _ in range(40)]
    assert np.mean([one.familiar for one in judged]) > 0.9
    assert np.median([one.p_value for one in judged]) > 0.2


@pytest.mark.parametrize("kind", ["smooth", "lines", "coarse", "upright", "flat"])
def test_other_textures_are_not(reference, kind):
    rng = np.random.default_rng(8)
    canvas = {
        "smooth": lambda: cv2.GaussianBlur(rng.normal(size=(128, 128)), (0, 0), 12).astype(np.float32) * 20,
        "lines": lambda: np.where(np.arange(128)[:, None] % 32 < 2, 4, _speckle(rng)).astype(np.float32),
        "coarse": lambda: _speckle(rng, 8.0, 6.0),
        "upright": lambda: np.ascontiguousarray(_speckle(rng).T),
        "flat": lambda: np.zeros((128, 128), np.float32),
    }[kind]()
    found = reference.judge(canvas, NO_FEATURES)
    assert not found.familiar
    assert found.distance > found.limit
    assert found.p_value == pytest.approx(1 / 81)  # none of the 80 held out lies as far
    assert "unlike" in found.reason


def test_features_out_of_their_range_are_unfamiliar(reference):
    canvas = _speckle(np.random.default_rng(9))
    assert reference.judge(canvas, NO_FEATURES).familiar
    assert not reference.judge(canvas, np.array([30.0, 0.0], np.float32)).familiar


def test_what_stands_in_the_manifest_judges_the_same(reference):
    again = Reference.from_card({CARD_KEY: reference.told()})
    canvas = _speckle(np.random.default_rng(10))
    ours, theirs = (one.judge(canvas, NO_FEATURES) for one in (reference, again))
    assert theirs.distance == pytest.approx(ours.distance, rel=1e-3)
    assert theirs.limit == pytest.approx(ours.limit, abs=1e-5)


def test_a_manifest_without_it_is_refused():
    with pytest.raises(ModelError, match="does not say what is familiar"):
        Reference.from_card({"licence": "x"})


def test_features_of_another_generator_are_refused(reference):
    with pytest.raises(ModelError, match="was measured on"):
        reference.judge(_speckle(np.random.default_rng(1)), np.zeros(5, np.float32))


def test_descriptions_are_numbers_with_names():
    described = describe(_speckle(np.random.default_rng(2)))
    assert len(described) == len(NAMES)
    named = dict(zip(NAMES, described, strict=True))
    assert named["along_x_1"] > named["along_y_1"]  # wider than deep
    upright = dict(zip(NAMES, describe(np.ascontiguousarray(_speckle(np.random.default_rng(2)).T)), strict=True))
    assert upright["along_y_1"] == pytest.approx(named["along_x_1"], abs=1e-5)
    assert np.isfinite(describe(np.zeros((128, 128), np.float32))).all()
