"""The quality network's loss and distance against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from algorithms.ovarian_classification.quality import INPUT_PX, LABELS  # noqa: E402
from algorithms.ovarian_classification.quality_network import (  # noqa: E402
    DIRECTIONS,
    LABEL_WEIGHTS,
    QualityNetwork,
    quality_loss,
)


class Says(torch.nn.Module):
    """Gives these logits whatever it sees."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor([logits])

    def forward(self, picture):
        return self.logits, torch.zeros(1)


def test_labels_that_nobody_knows_teach_nothing():
    nan = math.nan
    labels = torch.tensor([[1.0, nan, nan, nan, nan, 0.0]])
    found = quality_loss(Says(2.0, 50.0, -50.0, 7.0, 9.0, -1.0), (torch.zeros(1), labels))
    adnexa, undetermined = math.log(1 + math.exp(-2.0)), math.log(1 + math.exp(-1.0))
    wanted = LABEL_WEIGHTS[0] * adnexa + LABEL_WEIGHTS[5] * undetermined
    assert float(found) == pytest.approx(wanted / (LABEL_WEIGHTS[0] + LABEL_WEIGHTS[5]), rel=1e-5)


def test_the_distance_is_measured_in_the_spread_of_what_is_familiar():
    torch.manual_seed(0)
    network = QualityNetwork().eval()
    features = torch.randn(4000, 128) * torch.linspace(0.2, 3.0, 128) + 5.0
    network.remember(features)
    away = ((features - network.mean) @ network.whitening).square().mean(dim=1)
    assert float(away.mean()) == pytest.approx(1.0, abs=0.01)
    direction = network.whitening[:, -1] / network.whitening[:, -1].norm()
    one = (features - features.mean(dim=0)) @ direction
    moved = (direction * float(one.std()) * 10) @ network.whitening
    assert float(moved.square().mean().sqrt()) == pytest.approx(10 / math.sqrt(DIRECTIONS), rel=0.05)


def test_answers_of_a_batch_and_of_one_picture_agree():
    torch.manual_seed(1)
    network = QualityNetwork().eval()
    network.remember(torch.rand(300, 128))
    pictures = torch.rand(3, 3, INPUT_PX, INPUT_PX)
    with torch.no_grad():
        logits, distances = network(pictures)
        alone = network(pictures[1:2])
    assert logits.shape == (3, len(LABELS))
    torch.testing.assert_close(alone[0][0], logits[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alone[1][0], distances[1], rtol=1e-4, atol=1e-5)
