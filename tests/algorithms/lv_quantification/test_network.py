"""The networks: depth of DLA-34, shapes, units, and one export of the index network at its real size."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
from torch import nn  # noqa: E402

from algorithms.lv_quantification.network import DLA34_HALF_CHANNELS, DeepLayerAggregation, Tree, finder  # noqa: E402


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DeepLayerAggregation().eval()


def test_it_is_as_deep_as_dla_34(network):
    """34 layers are counted: stem, two plain stages, trees of two-convolution blocks with their roots, classifier.
    Projections of the residuals do not count."""
    trunk = [
        name
        for part in (network.base, network.stages)
        for name, module in part.named_modules()
        if isinstance(module, nn.Conv2d) and "project" not in name
    ]
    assert len(trunk) + 1 == 34
    trees = [stage for stage in network.stages if isinstance(stage, Tree)]
    assert [tree.depth for tree in trees] == [1, 2, 2, 1]
    assert tuple(width // 2 for width in (16, 32, 64, 128, 256, 512)) == DLA34_HALF_CHANNELS


def test_its_files_stay_small(network):
    """Two bytes for each weight."""
    assert sum(parameter.numel() for parameter in network.parameters()) * 2 < 25e6
    assert sum(parameter.numel() for parameter in finder().parameters()) * 2 < 25e6


def test_shapes(network):
    with torch.no_grad():
        indices, masks = network(torch.rand(3, 1, 128, 128))
        logits = finder().eval()(torch.rand(2, 1, 128, 128))
    assert indices.shape == (3, 11)
    assert masks.shape == (3, 2, 128, 128)
    assert logits.shape == (2, 1, 128, 128)


def test_levels_halve_from_stage_to_stage(network):
    sizes, x = [], network.base(torch.rand(1, 1, 128, 128))
    with torch.no_grad():
        for stage in network.stages:
            x = stage(x)
            sizes.append((x.shape[1], x.shape[2]))
    assert sizes == [(8, 128), (16, 64), (32, 32), (64, 16), (128, 8), (256, 4)]


def test_it_speaks_mm(network):
    """Standard units are turned into mm by mean and deviation; they travel with the weights."""
    seen = torch.rand(1, 1, 128, 128)
    with torch.no_grad():
        plain, _ = network(seen)
        network.index_mean.fill_(100.0)
        network.index_deviation.fill_(7.0)
        scaled, _ = network(seen)
        network.index_mean.zero_()
        network.index_deviation.fill_(1.0)
    assert scaled.numpy() == pytest.approx(plain.numpy() * 7.0 + 100.0, rel=1e-4)
    assert {"index_mean", "index_deviation"} <= set(network.state_dict())


def test_every_part_of_it_learns():
    """Both heads reach every weight, but for the projections of deeper trees, which their own trees make."""
    net = DeepLayerAggregation((2, 4, 4, 6, 6, 8))
    indices, masks = net(torch.rand(2, 1, 128, 128))
    (indices.sum() + masks.mean()).backward()
    without = {name for name, parameter in net.named_parameters() if parameter.grad is None}
    assert {name for name in without if not (name.startswith("stages.") and ".project." in name)} == set()


def test_a_picture_answers_alike_in_any_batch(network):
    seen = torch.rand(4, 1, 128, 128)
    with torch.no_grad():
        together = network(seen)
        alone = network(seen[2:3])
    for one, other in zip(together, alone, strict=True):
        assert one[2:3].numpy() == pytest.approx(other.numpy(), abs=1e-4)
    assert np.isfinite(together[0].numpy()).all()


def test_its_file_computes_what_torch_computes(network, tmp_path):
    """ONNX Runtime against torch (export refuses more than its tolerance), at the size that a node loads."""
    pytest.importorskip("onnxscript")
    from algorithms.training.export import export

    file = tmp_path / "dla.onnx"
    parity = export(network, {"crop": torch.rand(2, 1, 128, 128) * 2 - 1}, ["indices", "masks"], file)
    assert parity.max_relative < 0.05
    assert file.stat().st_size < 25e6
