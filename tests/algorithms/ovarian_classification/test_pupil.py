"""Darknet-19 as a pupil: what it is held against, by hand, and a teacher that stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from algorithms.ovarian_classification import pupil as pupils  # noqa: E402
from algorithms.ovarian_classification.canvas import CROP_PX  # noqa: E402
from algorithms.ovarian_classification.classes import CLASSES  # noqa: E402
from algorithms.ovarian_classification.lessons import Lesson, trait_scale  # noqa: E402
from algorithms.ovarian_classification.losses import likeness_loss, trait_loss  # noqa: E402
from algorithms.ovarian_classification.network import Expert  # noqa: E402
from algorithms.ovarian_classification.pupil import Pupil, Told, pupil_batches, pupil_loss  # noqa: E402
from algorithms.ovarian_classification.traits import traits_of  # noqa: E402

CHANNELS = 6


@pytest.fixture
def teacher():
    """An expert of one convolution."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Expert(nn.Conv2d(2, CHANNELS, 16, 16), CHANNELS, 16).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def lessons():
    rng = np.random.default_rng(0)
    found = []
    for number in range(16):
        mask = np.zeros((160, 200), np.bool_)
        mask[40 : 80 + number, 60:120] = True
        grey = rng.integers(0, 256, mask.shape, np.uint8)
        found.append(Lesson(grey, mask, number % len(CLASSES), traits_of(grey, mask), mask))
    return found


def test_likeness_by_hand():
    """Logits 0, 0 against 2 ln 3, 0, softened by 2: halves against 3/4, 1/4; KL times four."""
    said, meant = torch.zeros(1, 2), torch.tensor([[2 * np.log(3.0), 0.0]])
    apart = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert float(likeness_loss(said, meant, 2.0)) == pytest.approx(4 * apart, rel=1e-5)
    assert float(likeness_loss(meant, meant, 2.0)) == pytest.approx(0.0, abs=1e-6)


def test_traits_that_are_not_known_are_not_asked_for():
    described = torch.tensor([[1.0, 5.0]])
    assert float(trait_loss(described, torch.tensor([[1.0, float("nan")]]))) == 0.0
    assert float(trait_loss(described, torch.full((1, 2), float("nan")))) == 0.0


def test_the_teacher_is_asked_about_the_crop_that_the_pupil_sees(teacher, lessons, monkeypatch):
    monkeypatch.setattr(pupils, "SIGHTS", 3)
    told = next(pupil_batches(lessons, trait_scale(lessons), teacher, 8, seed=1)(np.random.default_rng(2)))
    assert told.crops.shape == (8, 2, CROP_PX, CROP_PX)
    with torch.no_grad():
        logits, _ = teacher.answer(teacher.weighted(told.crops).mean(dim=(2, 3)))
    torch.testing.assert_close(told.logits, logits, rtol=1e-2, atol=1e-2)  # crops are kept as float16


def test_features_come_in_units_of_their_spread(teacher, lessons, monkeypatch):
    monkeypatch.setattr(pupils, "SIGHTS", 2)
    batches = pupil_batches(lessons, trait_scale(lessons), teacher, 16, seed=1)
    rng = np.random.default_rng(3)
    features = torch.cat([told.features for _ in range(40) for told in batches(rng)])
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(CHANNELS), rtol=0, atol=0.3)
    torch.testing.assert_close(features.std(dim=0), torch.ones(CHANNELS), rtol=0, atol=0.3)


def test_a_pupil_that_answers_as_its_teacher_loses_for_the_classes_only(teacher):
    """Its layer of imitation gives the teacher's features: only what class and traits ask is left."""
    pupil = Pupil(teacher, CHANNELS)
    nn.init.eye_(pupil.imitate.weight)
    nn.init.zeros_(pupil.imitate.bias)
    crops = torch.rand(4, 2, CROP_PX, CROP_PX)
    features = teacher.weighted(crops).mean(dim=(2, 3))
    logits, traits = teacher.answer(features)
    told = Told(crops, torch.zeros(4, dtype=torch.long), traits, logits, features)
    classes = torch.nn.functional.cross_entropy(logits, told.categories, label_smoothing=0.05)
    assert pupil_loss(pupil, told).item() == pytest.approx(0.5 * classes.item(), rel=1e-4)


def test_the_teacher_learns_nothing(teacher, lessons, monkeypatch):
    monkeypatch.setattr(pupils, "SIGHTS", 2)
    before = [value.clone() for value in teacher.state_dict().values()]
    pupil = Pupil(Expert(nn.Conv2d(2, 4, 32, 32), 4, 32), CHANNELS)
    told = next(pupil_batches(lessons, trait_scale(lessons), teacher, 8, seed=1)(np.random.default_rng(0)))
    pupil_loss(pupil, told).backward()
    assert pupil.imitate.weight.grad.abs().max() > 0
    assert all(torch.equal(old, new) for old, new in zip(before, teacher.state_dict().values(), strict=True))
    assert not teacher.training
