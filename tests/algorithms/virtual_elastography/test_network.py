"""The generator is what the document says: its parts in number, its sizes, its outputs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from algorithms.virtual_elastography.network import (  # noqa: E402
    FEATURES,
    Discriminator,
    Generator,
    Residual,
    SpatialAttention,
    pooled,
)

SMALL = (2, 4, 4, 8)


def test_three_down_six_residual_three_up_between_the_attentions():
    network, sizes = Generator(SMALL).eval(), []
    for layer in (*network.down, network.residual, *network.up):
        layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(output.shape[2]))
    order = []
    for name in ("attend_places", "residual", "attend_channels"):
        getattr(network, name).register_forward_hook(lambda *_, name=name: order.append(name))
    with torch.no_grad():
        elastogram, features = network(torch.randn(2, 1, 64, 64), torch.zeros(2, 1))
    assert sizes == [32, 16, 8, 8, 16, 32, 64]
    assert sum(isinstance(layer, Residual) for layer in network.residual) == 6
    assert order == ["attend_places", "residual", "attend_channels"]
    assert elastogram.shape == (2, 3, 64, 64)
    assert 0 <= elastogram.min() <= elastogram.max() <= 1
    assert features.shape == (2, FEATURES)


def test_style_matters():
    torch.manual_seed(0)
    network, bmode = Generator(SMALL).eval(), torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        strain, shear_wave = (network(bmode, torch.tensor([[style]]))[0] for style in (0.0, 1.0))
    assert (strain - shear_wave).abs().max() > 1e-4


def test_spatial_attention_weighs_places_and_keeps_channels_in_proportion():
    torch.manual_seed(0)
    x = torch.rand(1, 3, 8, 8) + 0.1
    weights = SpatialAttention()(x) / x
    assert torch.allclose(weights, weights[:, :1].expand_as(weights), atol=1e-6)
    assert 0 < weights.min() < weights.max() < 1


def test_features_are_principal_components_the_widest_first():
    torch.manual_seed(0)
    network = Generator(SMALL)
    bottlenecks = torch.randn(200, 16) @ torch.randn(16, 16) + 3
    network.set_projection(bottlenecks)
    features = (bottlenecks - network.centre) @ network.projection.T
    covariance = torch.cov(features.T)
    variances = covariance.diagonal()
    assert (variances.diff() <= 1e-3).all()
    torch.testing.assert_close(covariance, torch.diag(variances), atol=1e-3 * float(variances[0]), rtol=0)
    assert variances.sum() == pytest.approx(float(torch.cov(bottlenecks.T).trace()), rel=1e-3)


def test_pooled_is_mean_and_deviation():
    x = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]]]])
    torch.testing.assert_close(pooled(x), torch.tensor([[2.0, 1.0]]), atol=1e-4, rtol=0)


def test_the_discriminator_judges_patches():
    assert Discriminator((2, 2, 2))(torch.zeros(1, 1, 64, 64), torch.zeros(1, 1), torch.zeros(1, 3, 64, 64)).shape == (
        1,
        1,
        8,
        8,
    )
