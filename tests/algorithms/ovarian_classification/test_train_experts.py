"""The experts of a fold: what they begin from, and who learns."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("tqdm")

from torch import nn  # noqa: E402

from algorithms.ovarian_classification import pupil as pupils  # noqa: E402
from algorithms.ovarian_classification import train_experts  # noqa: E402
from algorithms.ovarian_classification.lessons import trait_scale  # noqa: E402
from algorithms.ovarian_classification.network import Expert, darknet19  # noqa: E402
from algorithms.ovarian_classification.pupil import Teachers, ask_teachers  # noqa: E402
from algorithms.training.loop import Schedule  # noqa: E402
from algorithms.training.run import RunFolder  # noqa: E402

CPU = torch.device("cpu")
ONCE = Schedule(1, 8, 1e-3, 0.0, 1)
OTHERS = [np.random.default_rng(5).integers(0, 256, (150, 150), np.uint8)]


def test_calibration_takes_the_first_batches_and_all_where_there_are_few(monkeypatch):
    monkeypatch.setattr(train_experts, "CALIBRATED_ON", 10)

    def batches(rng):
        return ((torch.full((4, 1, 2, 2), float(number)), None) for number in range(count))

    count = 50
    assert [int(one.max()) for one in train_experts.first_pictures(batches, 0)] == [0, 1, 2]
    count = 1
    assert len(train_experts.first_pictures(batches, 0)) == 1


@pytest.fixture
def fold(noise_lessons, monkeypatch):
    """Every picture is asked about once."""
    monkeypatch.setattr(pupils, "COMPONENTS", 4)
    monkeypatch.setattr(pupils, "SIGHTS", 1)
    monkeypatch.setattr(pupils, "OTHER_SIGHTS", 8)
    monkeypatch.setattr(train_experts, "EXPERT_SCHEDULES", {"resnet50": ONCE, "darknet19": ONCE})
    return train_experts.Fold(2, noise_lessons)


def _teachers():
    torch.manual_seed(0)
    return Teachers([Expert(nn.Conv2d(2, 6, 16, 16), 6) for _ in range(2)])


def _weights(network):
    return [value.clone() for value in network.state_dict().values()]


def _same(first, second):
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_first_teacher_learns_on_as_a_copy(fold, tmp_path):
    teachers = _teachers()
    before = _weights(teachers)
    curriculum = ask_teachers(fold.lessons, OTHERS, trait_scale(fold.lessons), teachers, 1)
    run = RunFolder(tmp_path, {})
    found = train_experts.train_resnet50(fold, curriculum, teachers.first, run, CPU, 1)
    assert not _same(_weights(found), _weights(teachers.first))
    assert _same(_weights(teachers), before)
    assert run.checkpoint_of("resnet50_3").exists()


def test_darknet_goes_on_from_its_beginning(fold, tmp_path, monkeypatch):
    """With steps too small to see it stays where it began."""
    curriculum = ask_teachers(fold.lessons, OTHERS, trait_scale(fold.lessons), _teachers(), 1)
    monkeypatch.setattr(train_experts, "EXPERT_SCHEDULES", {"darknet19": Schedule(1, 16, 1e-9, 0.0, 1)})
    beginning = darknet19().features.state_dict()
    found = train_experts.train_darknet19(fold, curriculum, beginning, RunFolder(tmp_path, {}), CPU, 1)
    first = "groups.0.0.weight"
    torch.testing.assert_close(found.features.state_dict()[first], beginning[first])


class Features(nn.Conv2d):
    """In place of a ResNet-50's; it remembers that it was begun."""

    begun = 0

    def begin_from(self, public, seen):
        assert public == "public"
        self.begun = len(seen)


def test_two_teachers_of_two_seeds_and_the_longer_one_is_the_first(fold, tmp_path, monkeypatch):
    made = []

    def small():
        made.append(Expert(Features(2, 6, 16, 16), 6))
        return made[-1]

    monkeypatch.setattr(train_experts, "resnet50", small)
    monkeypatch.setattr(train_experts, "TEACHER_SCHEDULES", (Schedule(2, 8, 1e-3, 0.0, 1), ONCE))
    run = RunFolder(tmp_path, {})
    teachers = train_experts.train_teachers(fold, "public", run, CPU, 1)
    assert [network.features.begun for network in made] == [16, 16]
    rows = [len((run.path(f"teacher_3_{member}") / "log.csv").read_text().split()) - 1 for member in (1, 2)]
    assert rows == [2, 1]
    assert teachers.first is teachers.experts[0]
    assert not _same(*(_weights(expert) for expert in teachers.experts))
    assert not any(parameter.requires_grad for parameter in teachers.parameters())


def test_the_lengths_that_ship_make_the_first_the_longest():
    lengths = [schedule.epochs for schedule in train_experts.TEACHER_SCHEDULES]
    assert lengths == sorted(lengths, reverse=True)
