"""What cleaning drops and why: the rules by hand, the shipped network on simulated and real pictures it never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import algorithms.ovarian_classification as package
from algorithms.ovarian_classification.folds import FOLDS, folds_of
from algorithms.ovarian_classification.phantom import picture_of
from algorithms.ovarian_classification.quality import (
    INPUT_PX,
    LABELS,
    QualityTest,
    dropped_for,
    limit_of,
    quality_input,
)
from algorithms.ovarian_classification.real_pictures import no_pelvis
from algorithms.ovarian_classification.training_data import read_labelled
from dicom_node.algorithm import ModelInfo, NoModels
from dicom_node.errors import ModelError
from dicom_node.judging import workbench
from dicom_node.models import ModelFolder

FINE = {"adnexa": 0.9, "lesion": 0.7, "ascites": 0.2, "blood_flow": 0.1, "three_d": 0.1, "undetermined": 0.1}


class Says:
    """Models whose only one gives these probabilities and this distance."""

    def __init__(self, distance: float = 1.0, **probabilities: float) -> None:
        values = np.array([{**FINE, **probabilities}[label] for label in LABELS])
        self._answer = {"logits": np.log(values / (1 - values))[None], "distance": np.array([distance])}
        self.info = ModelInfo("quality", "0", "0" * 64)

    def open(self, name):
        return self

    def card(self, name):
        return {"familiarity": {"limit": 3.0}}

    def run(self, inputs):
        return self._answer


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def test_a_normal_ovary_without_lesion_is_used():
    answer = QualityTest(Says(lesion=0.02)).judge(picture())
    assert answer.used
    assert answer.reason == "shows adnexa (P = 0.90)"
    assert answer.probabilities["lesion"] == pytest.approx(0.02)


def test_ascites_and_blood_flow_are_reported_and_no_ground_for_dropping():
    answer = QualityTest(Says(ascites=0.99, blood_flow=0.8)).judge(picture())
    assert answer.used
    assert "ascites (P = 0.99)" in answer.reason
    assert "blood flow (P = 0.80)" in answer.reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"adnexa": 0.2}, "no adnexa"),
        ({"adnexa": 0.2, "three_d": 0.8}, "three-dimensional"),
        ({"adnexa": 0.2, "three_d": 0.8, "undetermined": 0.6}, "undetermined"),
        ({"distance": 3.5}, "unlike"),
    ],
)
def test_each_ground_for_dropping_says_so(said, reason):
    answer = QualityTest(Says(**said)).judge(picture())
    assert not answer.used
    assert reason in answer.reason


def test_a_lesion_without_adnexa_is_dropped():
    assert dropped_for({**FINE, "adnexa": 0.4, "lesion": 1.0}, 1.0, 3.0) is not None


@pytest.mark.parametrize("rgb", [np.zeros((90, 90, 3), np.uint8), np.full((20, 300, 3), 99, np.uint8)])
def test_what_shows_nothing_is_undetermined_whatever_the_network_says(rgb):
    answer = QualityTest(Says()).judge(rgb)
    assert not answer.used
    assert answer.reason.startswith("undetermined")


def test_the_whole_picture_lies_in_the_middle_of_a_black_square():
    square = quality_input(np.full((100, 400, 3), 255, np.uint8))
    assert square.shape == (3, INPUT_PX, INPUT_PX)
    lit = np.flatnonzero(square[0, :, INPUT_PX // 2] > 0.5)
    assert len(lit) == INPUT_PX // 4
    assert abs((lit[0] + lit[-1]) / 2 - (INPUT_PX - 1) / 2) <= 0.5


def test_a_card_without_its_limit_is_refused():
    with pytest.raises(ModelError, match="familiar"):
        limit_of({})


@pytest.fixture(scope="module")
def shipped() -> QualityTest:
    return QualityTest(ModelFolder(Path(package.__file__).parent, threads=1))


@pytest.mark.parametrize(("kind", "label"), [("three_d", "three_d"), ("undetermined", "undetermined")])
def test_what_only_the_simulator_taught_is_found_on_simulated_pictures(shipped, kind, label):
    rng = np.random.default_rng(2027)
    pictures = [one for one in (picture_of(rng, kind) for _ in range(16)) if one.labels[label]]
    answers = [shipped.judge(one.rgb) for one in pictures]
    found = [answer.probabilities[label] >= 0.5 for answer in answers]
    assert np.mean(found) >= 0.75
    assert np.mean([answer.used for answer in answers]) <= 0.25


def test_real_pelvic_pictures_are_kept(shipped, needs_shared):
    pictures = read_labelled(needs_shared("data/ovarian"))
    unseen = [one for one, fold in zip(pictures, folds_of(pictures), strict=True) if fold == FOLDS - 1]
    kept = [shipped.judge(one.rgb).used for one in unseen]
    assert np.mean(kept) >= 0.97


def test_real_pictures_of_anything_else_are_dropped(shipped, needs_shared):
    taught = ModelFolder(Path(package.__file__).parent).card("quality")["taught_sources"]
    with workbench(NoModels()) as bench:
        pictures = no_pelvis(needs_shared("data/ovarian"), bench.load)
    unseen = [one for one in pictures if one.source not in taught]
    assert len({one.kind for one in unseen}) >= 7
    for chosen in (unseen, pictures):
        of_ultrasound_and_mr = [one for one in chosen if one.kind not in ("CT, X-ray, nuclear medicine", "no patient")]
        assert np.mean([not shipped.judge(one.rgb).used for one in of_ultrasound_and_mr]) >= 0.95
        assert np.mean([not shipped.judge(one.rgb).used for one in chosen]) >= 0.9  # the rest by its header
