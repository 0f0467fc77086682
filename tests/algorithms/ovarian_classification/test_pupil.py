"""Pupils: what they are held against, by hand, and teachers that stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from algorithms.ovarian_classification import pupil as pupils  # noqa: E402
from algorithms.ovarian_classification.canvas import CROP_PX  # noqa: E402
from algorithms.ovarian_classification.classes import CLASSES  # noqa: E402
from algorithms.ovarian_classification.lessons import trait_scale  # noqa: E402
from algorithms.ovarian_classification.losses import NO_CLASS, class_loss, likeness_loss, trait_loss  # noqa: E402
from algorithms.ovarian_classification.network import Expert  # noqa: E402
from algorithms.ovarian_classification.pupil import (  # noqa: E402
    Pupil,
    Teachers,
    Told,
    advanced_loss,
    ask_teachers,
    pupil_loss,
)

CHANNELS, COMPONENTS = 6, 4


@pytest.fixture
def teachers(monkeypatch):
    """Two experts of one convolution each."""
    monkeypatch.setattr(pupils, "COMPONENTS", COMPONENTS)
    monkeypatch.setattr(pupils, "SIGHTS", 3)
    monkeypatch.setattr(pupils, "OTHER_SIGHTS", 10)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Teachers([Expert(nn.Conv2d(2, CHANNELS, 16, 16), CHANNELS) for _ in range(2)])


@pytest.fixture
def lessons(noise_lessons):
    return noise_lessons


OTHERS = (np.random.default_rng(5).integers(0, 256, (150, 150), np.uint8),)


def _asked(lessons, teachers, others=OTHERS):
    return ask_teachers(lessons, others, trait_scale(lessons), teachers, seed=1)


def _one(curriculum, batch_size=8, beside=True, seed=0):
    return next(curriculum.batches(batch_size, beside)(np.random.default_rng(seed)))


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


def test_a_picture_without_a_class_is_not_asked_for_it():
    logits = torch.randn(2, len(CLASSES), generator=torch.Generator().manual_seed(1))
    both = class_loss(logits, torch.tensor([3, NO_CLASS]))
    torch.testing.assert_close(both, class_loss(logits[:1], torch.tensor([3])))


def test_the_teachers_answer_is_the_mean_of_their_probabilities(teachers):
    crops = torch.rand(2, 2, CROP_PX, CROP_PX, generator=torch.Generator().manual_seed(2))
    logits, features = teachers(crops)
    each = [torch.softmax(expert(crops)[0], dim=1) for expert in teachers.experts]
    torch.testing.assert_close(torch.softmax(logits, dim=1), (each[0] + each[1]) / 2)
    assert features.shape == (2, 2 * CHANNELS, 7, 7)


def test_the_teachers_are_asked_about_the_crop_that_the_pupil_sees(teachers, lessons):
    """Mirrored crops, too: the answer was given before, but crop and hints are mirrored alike."""
    curriculum = _asked(lessons, teachers)
    for seed in range(6):
        told = _one(curriculum, beside=False, seed=seed)
        assert told.crops.shape == (8, 2, CROP_PX, CROP_PX)
        logits, _ = teachers(told.crops)
        plain = torch.allclose(logits, told.logits, atol=2e-2)  # crops are kept as float16
        if not plain:
            logits, _ = teachers(told.crops.flip(-1))
            torch.testing.assert_close(logits, told.logits, rtol=2e-2, atol=2e-2)


def test_hints_are_of_the_crop_place_by_place(teachers, lessons, monkeypatch):
    """With as many components as the features vary in, distances between places stay, up to one unit for all."""
    monkeypatch.setattr(pupils, "COMPONENTS", 2 * CHANNELS)
    monkeypatch.setattr(pupils, "_mirrored", lambda told: told)
    told = _one(_asked(lessons, teachers), beside=False)
    _, features = teachers(told.crops)
    places = [values[2].flatten(1).T.float() for values in (features, told.hints)]
    there, here = (torch.cdist(one, one) for one in places)
    unit = float(there.sum() / here.sum())
    torch.testing.assert_close(here * unit, there, rtol=0.05, atol=0.05 * float(there.max()))


def test_crop_and_hint_are_mirrored_together(teachers):
    told = Told(torch.rand(1, 2, 4, 4), torch.zeros(1), torch.zeros(1, 13), torch.zeros(1, 8), torch.rand(1, 3, 2, 2))
    there = pupils._mirrored(told)
    assert torch.equal(there.crops[..., 0], told.crops[..., -1])
    assert torch.equal(there.hints[..., 0], told.hints[..., -1])


def test_other_pictures_come_beside_without_class_or_traits(teachers, lessons):
    curriculum = _asked(lessons, teachers)
    told = _one(curriculum)
    assert told.categories.tolist()[8:] == [NO_CLASS] * pupils.OTHERS_EACH
    assert torch.isnan(told.traits[8:]).all()
    assert len(told.logits) == len(told.hints) == len(told.crops) == 8 + pupils.OTHERS_EACH
    assert len(_one(curriculum, beside=False).crops) == 8


def test_a_pupil_that_answers_as_its_teachers_loses_for_the_classes_only(teachers):
    """Its layer of imitation gives the hints: only what the classes ask is left."""
    expert = teachers.experts[0]
    pupil = Pupil(expert)
    crops = torch.rand(4, 2, CROP_PX, CROP_PX)
    with torch.no_grad():
        logits, _, traits = expert(crops)
        told = Told(crops, torch.zeros(4, dtype=torch.long), traits, logits, pupil.imitate(expert.features(crops)))
        alone = 0.5 * float(class_loss(logits, told.categories))
        assert float(pupil_loss(pupil, told)) == pytest.approx(alone, rel=1e-4)
        assert float(advanced_loss(expert, told)) == pytest.approx(alone, rel=1e-4)


def test_features_of_the_lesion_count_most(teachers):
    """A hint missed by 1 at one place: half the mean, and half of what the place counts."""
    expert = teachers.experts[0]
    pupil = Pupil(expert)
    crops = torch.zeros(1, 2, CROP_PX, CROP_PX)
    crops[:, 1, : CROP_PX // 2] = 1.0
    with torch.no_grad():
        logits, _, traits = expert(crops)
        hints = pupil.imitate(expert.features(crops))
        told = Told(crops, torch.zeros(1, dtype=torch.long), traits, logits, hints)
        right = float(pupil_loss(pupil, told))
        for row in (0, 6):
            missed = hints.clone()
            missed[:, :, row, 0] += 1.0
            lost = float(pupil_loss(pupil, told._replace(hints=missed))) - right
            counts = float(expert.counts(crops)[0, 0, row, 0])
            assert lost == pytest.approx((0.5 + 0.5 * counts) / 49, rel=1e-3)


def test_the_teachers_learn_nothing(teachers, lessons):
    before = [value.clone() for value in teachers.state_dict().values()]
    pupil = Pupil(Expert(nn.Conv2d(2, 4, 16, 16), 4))
    pupil_loss(pupil, _one(_asked(lessons, teachers))).backward()
    assert pupil.imitate.weight.grad.abs().max() > 0
    assert all(torch.equal(old, new) for old, new in zip(before, teachers.state_dict().values(), strict=True))
    assert not teachers.training
