"""evaluate: networks that draw the truth get full marks, networks that draw the opposite get none."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import algorithms.virtual_elastography.evaluate as evaluation
from algorithms.virtual_elastography.colours import coloured
from algorithms.virtual_elastography.evaluate import evaluate, figures, judge_pair
from algorithms.virtual_elastography.familiarity import CARD_KEY, reference_of
from algorithms.virtual_elastography.generate import Generated
from algorithms.virtual_elastography.real_pictures import real_pairs, unlike_pictures
from algorithms.virtual_elastography.texture import describe
from dicom_node.algorithm import Workbench

SIZE = 160


def _pair(number, contrast=1):
    """A disc, hard or soft, darker or brighter than its speckled surroundings."""
    rng = np.random.default_rng(number)
    x, y, radius = *rng.uniform(50, 110, 2), rng.uniform(15, 30)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    lesion = np.hypot(columns - x, rows - y) < radius
    share = rng.uniform(0, 1)
    inner = np.hypot(columns - x, rows - y) < radius * share
    softness = np.full((SIZE, SIZE), 0.5, np.float32)
    softness[lesion] = 0.5 - 0.1 * contrast
    softness[inner] = 0.5 - 0.4 * contrast
    grey = np.clip(rng.normal(120, 20, (SIZE, SIZE)) - 50 * contrast * lesion, 20, 255).astype(np.uint8)
    return SimpleNamespace(
        bmode=grey, elastogram=coloured(softness), softness=softness, lesion=lesion, beam=np.ones_like(lesion),
        contrast=contrast, organ="phantom", style="strain", look="drawn",
    )  # fmt: skip


class Drawn:
    """Networks that know the pair: they draw its softness, or the opposite, and its lesion."""

    def __init__(self, pair, opposite=False):
        size = (128, 128)
        softness = cv2.resize(pair.softness, size, interpolation=cv2.INTER_AREA)
        self._softness = 1 - softness if opposite else softness
        self._lesion = cv2.resize(np.float32(pair.lesion), size, interpolation=cv2.INTER_AREA)

    def generate(self, canvas, style):
        return Generated(coloured(self._softness), self._softness, np.zeros(2, np.float32))

    def lesion(self, canvas):
        return self._lesion


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    canvases = [rng.normal(size=(128, 128)).astype(np.float32) for _ in range(60)]
    return reference_of(canvases, [rng.normal(size=2).astype(np.float32) for _ in canvases])


def _judged(reference, opposite):
    pairs = [_pair(number, 1 if number % 2 else -1) for number in range(16)]
    return [judge_pair(pair, Drawn(pair, opposite), reference) for pair in pairs]


def test_the_truth_gets_full_marks(reference):
    _, values = figures(_judged(reference, opposite=False))
    assert values["ssim"]["value"] > 0.99
    assert values["ssim_own_size"]["value"] > 0.9
    assert values["contrast_right"]["value"] == values["contrast_right_computed"]["value"] == 1
    assert values["kappa_general_given_region"]["value"] > 0.95
    assert values["kappa_general_found_region"]["value"] > 0.9
    assert values["region_found"]["value"] == 1
    assert values["region_dice"]["value"] > 0.95
    assert values["region_invented"] is None
    assert values["fractions_error"]["value"] < 0.02


def test_the_opposite_gets_none(reference):
    rows, values = figures(_judged(reference, opposite=True))
    assert values["contrast_right"]["value"] == 0
    assert values["kappa_general_given_region"]["value"] < 0.1
    assert values["groups"]["lesion"]["soft"]["contrast_right"]["value"] == 0
    assert {"figure", "value", "wanted", "n"} == set(rows[0])


class PretendModels:
    """Models that answer with the same picture, and a card that finds a kind of picture familiar."""

    def __init__(self, canvases):
        features = [np.zeros(16, np.float32) + 1e-3 * number for number in range(len(canvases))]
        self._card = {CARD_KEY: reference_of(canvases, features).told()}

    def open(self, name):
        elastogram = np.zeros((1, 3, 128, 128), np.float32)
        elastogram[:, 1] = 1
        outputs = {
            "elastogram": elastogram, "features": np.zeros((1, 16)), "lesion": np.zeros((1, 1, 128, 128), np.float32)
        }  # fmt: skip
        return SimpleNamespace(run=lambda inputs: outputs)

    def card(self, name):
        return self._card


def test_a_folder_with_real_pictures_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "PAIRS", 2)
    rng = np.random.default_rng(1)
    pairs, mr = tmp_path / "elasto/pairs_png", tmp_path / "lv/sunnybrook_png/images"
    for folder in (pairs, mr):
        folder.mkdir(parents=True)
    cv2.imwrite(str(pairs / "femsim_0_1_bmode.png"), rng.integers(60, 255, (200, 100)).astype(np.uint8))
    np.save(pairs / "femsim_0_1_strain.npy", np.full((100, 50), 0.01, np.float32))
    cv2.imwrite(str(mr / "a.png"), np.zeros((128, 128), np.uint8))
    canvases = [rng.normal(size=(128, 128)).astype(np.float32) for _ in range(60)]
    bench = Workbench(load=lambda files: None, models=PretendModels(canvases))
    report = evaluate(tmp_path / "elasto", bench)
    assert report.values["real_pairs"][0]["name"] == "femsim_0_1"
    assert report.values["real_pairs"][0]["trusted"]
    assert report.values["unlike"] == {"cardiac MR": {"pictures": 1, "refused": 1, "nearest_distance": None}}
    assert report.values["ssim"]["n"] == 2
    assert len(describe(canvases[0])) + 16 == len(bench.models.card("generator")[CARD_KEY]["mean"])


def test_measured_strain_is_shown_as_simulated_strain_is(tmp_path):
    folder = tmp_path / "pairs_png"
    folder.mkdir()
    cv2.imwrite(str(folder / "x_bmode.png"), np.full((80, 60), 100, np.uint8))
    strain = np.full((40, 30), 0.01, np.float32)
    strain[:20] = 0.03
    np.save(folder / "x_strain.npy", strain)
    (pair,) = real_pairs(tmp_path)
    assert not pair.trusted
    assert pair.softness.shape == (80, 60)
    assert pair.softness[70, 30] == pytest.approx(0.2, abs=1e-3)  # half the mean strain
    assert pair.softness[10, 30] == pytest.approx(2.25 / 3.25, abs=1e-3)  # one and a half times


def test_pictures_of_other_kinds_are_read(needs_shared):
    kinds = unlike_pictures(needs_shared("data/elasto"))
    assert {"arm in vivo (radio-frequency)", "cardiac MR", "ovary", "contrast ultrasound"} <= set(kinds)
    for pictures in kinds.values():
        assert all(one.ndim == 2 and one.dtype == np.uint8 for one in pictures)
