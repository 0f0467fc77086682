"""What Darknet-19 begins from: grids that fit the ResNet's, and a loss that a right answer does not have."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("tqdm")

from torch import nn  # noqa: E402

from algorithms.ovarian_classification import pretraining  # noqa: E402
from algorithms.ovarian_classification.backbone import PACKAGE, HalfResNet50, public_convolutions  # noqa: E402
from algorithms.ovarian_classification.canvas import CROP_PX  # noqa: E402
from algorithms.ovarian_classification.network import darknet19  # noqa: E402
from algorithms.ovarian_classification.pretraining import Beginner, beginner_loss, beginning_of_darknet19  # noqa: E402
from algorithms.training.loop import Schedule  # noqa: E402
from algorithms.training.run import RunFolder  # noqa: E402


def test_each_depth_lies_on_the_grid_of_a_stage():
    crop = torch.zeros(1, 2, CROP_PX, CROP_PX)
    with torch.no_grad():
        found = Beginner().eval()(crop)
        stages = HalfResNet50(2).eval().levels(crop)[1:]
    assert [one.shape[2:] for one in found] == [one.shape[2:] for one in stages]
    assert [one.shape[1] for one in found] == list(pretraining.COMPONENTS)


class Says(nn.Module):
    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def forward(self, crops):
        return self.answers


def test_every_depth_counts_by_its_square_error():
    wanted = [torch.zeros(2, 3, 4, 4), torch.ones(2, 5, 2, 2)]
    assert float(beginner_loss(Says(wanted), (torch.zeros(2, 2, 8, 8), *wanted))) == 0.0
    off = [wanted[0] + 0.5, wanted[1] - 2.0]
    assert float(beginner_loss(Says(off), (torch.zeros(2, 2, 8, 8), *wanted))) == pytest.approx(0.25 + 4.0)


def test_it_learns_and_darknet_takes_it(needs_package, tmp_path, monkeypatch):
    needs_package(PACKAGE)
    monkeypatch.setattr(pretraining, "SIGHTS", 32)
    monkeypatch.setattr(pretraining, "LOOKED_AT", 32)
    monkeypatch.setattr(pretraining, "SCHEDULE", Schedule(2, 16, 2e-3, 0.0, 1))
    pictures = [np.random.default_rng(0).integers(0, 256, (150, 200), np.uint8)]
    run = RunFolder(tmp_path, {})
    found = beginning_of_darknet19(public_convolutions(), pictures, run, torch.device("cpu"), 1)
    expert = darknet19()
    expert.features.load_state_dict(found)
    assert all(torch.isfinite(value).all() for value in found.values())
    rows = (run.path("darknet19_beginning") / "log.csv").read_text().split()[1:]
    losses = [float(row.split(",")[1]) for row in rows]
    assert losses[1] < losses[0]
    assert not found["groups.0.0.weight"][:, 1:].any()  # of the outline nothing was learned
    assert found["groups.0.0.weight"][:, :1].any()
