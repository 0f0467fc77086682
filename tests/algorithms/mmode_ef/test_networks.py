"""The networks in torch fit what calls them in numpy: names, shapes, losses that fall. Export is the kit's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from algorithms.mmode_ef.algorithm import Networks
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.strip import Strip
from dicom_node.algorithm import ModelInfo
from dicom_node.series import FrameRef

ANCHORS = [[170.0, 140.0], [36.0, 70.0], [67.0, 100.0]]


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="extra train")
    pytest.importorskip("monai", reason="extra train")
    torch.manual_seed(0)
    return torch


@dataclass(eq=False)
class TorchModel:
    """A Model that runs a torch module: inputs by its arguments' names, outputs by those that it is exported by."""

    module: Any
    outputs: tuple[str, ...]
    info: ModelInfo = field(default_factory=lambda: ModelInfo("x", "1", "ab" * 32))

    def run(self, inputs):
        import torch

        with torch.no_grad():
            found = self.module.eval()(**{name: torch.from_numpy(value) for name, value in inputs.items()})
        found = found if isinstance(found, tuple) else (found,)
        return {name: value.numpy() for name, value in zip(self.outputs, found, strict=True)}


class TorchModels:
    def __init__(self) -> None:
        from algorithms.mmode_ef.network import CycleDetector, Gate, PointRegressor

        detector = CycleDetector()
        self._models = {
            "cycle_backbone": TorchModel(detector.backbone, ("objectness", "corrections", "features")),
            "cycle_head": TorchModel(detector.head, ("cycle", "corrections")),
            "points": TorchModel(PointRegressor(), ("points",)),
            "gate": TorchModel(Gate(), ("kind",)),
        }

    def open(self, name):
        return self._models[name]

    def card(self, name):
        return {"anchors": ANCHORS}


@pytest.mark.parametrize("columns", [120, 900])
def test_untrained_networks_look_at_strips_of_any_width(torch, columns):
    grey = np.random.default_rng(0).uniform(0, 255, (390, columns)).astype(np.float32)
    strip = Strip(grey, 0, 0, 1 / 200, 0.35, FrameRef("1.2", "1.3"), "the header")
    seen = Networks(TorchModels()).look(strip, Options(least_lv_percent=1, least_cycle_percent=1))
    assert 0 < seen.verdict.lv < 1
    assert len(seen.found) > 0
    for detection, points in seen.found:
        assert points.points.shape == (8, 2)
        assert np.ptp(points.points[:4, 0]) == 0  # one time for a phase
        assert -0.5 <= detection.box.x0 < detection.box.x1 <= columns
    assert not Networks(TorchModels()).look(strip, Options(least_lv_percent=99)).found


def test_the_losses_fall_and_reach_every_weight(torch):
    from algorithms.mmode_ef import train
    from algorithms.mmode_ef.network import CycleDetector, DetectorLoss, PointRegressor

    rng = np.random.default_rng(0)
    views = torch.from_numpy(rng.normal(size=(2, 1, 192, 384)).astype(np.float32))
    truth = np.full((2, 24, 4), np.nan)
    truth[0, :2] = [[40, 40, 110, 150], [110, 40, 180, 150]]  # the second view has no cycle
    crops = torch.from_numpy(rng.normal(size=(4, 1, 128, 96)).astype(np.float32))
    points = torch.full((4, 8, 2), 0.2)
    shown = torch.ones(4, 8, dtype=torch.bool)
    tried = (
        (CycleDetector(), DetectorLoss(np.array(ANCHORS)), (views, torch.from_numpy(truth))),
        (PointRegressor(), train.regressor_loss, (crops, points, shown)),
    )
    for network, loss, batch in tried:
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
        values = []
        for _ in range(4):
            optimiser.zero_grad()
            value = loss(network.train(), batch)
            value.backward()
            optimiser.step()
            values.append(float(value.detach()))
        assert min(values[1:]) < values[0]
        assert all(weight.grad is not None for weight in network.parameters())


def test_points_that_are_not_shown_do_not_teach(torch):
    from algorithms.mmode_ef import train

    points = torch.rand(2, 8, 2)
    found = points + torch.tensor([0.0, 0.3]) * (torch.arange(8) < 4)[None, :, None]
    shown = (torch.arange(8) >= 4).expand(2, 8)
    assert float(train.regressor_loss(lambda crops: found, (None, points, shown))) == 0.0


def test_half_width_resnet_18_is_small_enough(torch):
    from algorithms.mmode_ef.network import PointRegressor

    network = PointRegressor()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size[0] > 1]
    assert len(convolutions) == 17  # and the fully connected layer: eighteen
    assert sum(weight.numel() for weight in network.parameters()) * 2 < 25e6
