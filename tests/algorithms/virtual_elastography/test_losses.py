"""Each loss tells what it is for, and each adversary learns from its own part only."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from algorithms.virtual_elastography import similarity  # noqa: E402
from algorithms.virtual_elastography.losses import (  # noqa: E402
    VGG19,
    Batch,
    Gaussians,
    Vgg19,
    Weights,
    colour_loss,
    generator_loss,
    pixel_loss,
    region_loss,
    similarity_loss,
)
from algorithms.virtual_elastography.network import Adversaries  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402

SMALL = (2, 4, 4, 8)


def _batch(size=32):
    torch.manual_seed(0)
    lesion = torch.zeros(2, 1, size, size)
    lesion[:, :, 8:16, 8:16] = 1
    shape = (2, 1, size, size)
    return Batch(
        torch.randn(shape), torch.tensor([[0.0], [1.0]]), torch.rand(2, 3, size, size), lesion, torch.ones(shape)
    )


def test_colour_asks_for_the_colours_and_not_for_their_places():
    picture = torch.rand(2, 3, 32, 32)
    mirrored = picture.flip(3)
    assert colour_loss(mirrored, picture) < 1e-6
    assert colour_loss(picture * 0.5, picture) > 0.05


def test_structure_asks_for_edges_and_not_for_a_shift_of_brightness():
    structure, picture = Gaussians(), torch.rand(2, 3, 32, 32) * 0.5
    assert structure(picture + 0.3, picture) < 1e-6
    assert structure(picture.flip(3), picture) > 0.01


def test_similarity_is_the_one_that_is_reported():
    batch = _batch(64)
    other = (batch.elastogram + 0.2 * torch.rand(2, 3, 64, 64)).clamp(0, 1)
    batch.weight[:, :, :20] = 0
    pairs = ((255 * one).round().to(torch.uint8) for one in (batch.elastogram, other))
    first, second = (one.permute(0, 2, 3, 1).numpy() for one in pairs)
    where = batch.weight[0, 0].numpy() > 0
    reported = sum(similarity.ssim(a, b, where) for a, b in zip(first, second, strict=True)) / 2
    assert 1 - float(similarity_loss(other, batch.elastogram, batch.weight)) == pytest.approx(reported, abs=2e-3)


def test_errors_in_a_lesion_count_more_and_those_outside_the_beam_not_at_all():
    batch = _batch()
    inside, outside = batch.elastogram.clone(), batch.elastogram.clone()
    inside[:, :, 8:16, 8:16] += 0.5
    outside[:, :, 20:28, 20:28] += 0.5
    assert pixel_loss(inside, batch.elastogram, batch, 2.0) == pytest.approx(
        3 * float(pixel_loss(outside, batch.elastogram, batch, 2.0))
    )
    batch.weight[:, :, 20:28, 20:28] = 0
    assert pixel_loss(outside, batch.elastogram, batch, 2.0) == 0


def test_each_adversary_gets_the_gradient_of_its_own_loss():
    batch = _batch()
    torch.manual_seed(1)
    both = Adversaries(SMALL).eval()
    loss = generator_loss(Gaussians(), Weights())
    loss(both, batch).backward()
    of_both = [parameter.grad.clone() for parameter in both.discriminator.parameters()]
    both.zero_grad()
    made, _ = both.generator(batch.bmode, batch.style)
    judge = both.discriminator
    real = judge(batch.bmode, batch.style, batch.elastogram)
    fake = judge(batch.bmode, batch.style, made.detach())
    (0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()).backward()
    for parameter, whole in zip(both.discriminator.parameters(), of_both, strict=True):
        torch.testing.assert_close(parameter.grad, whole)


def test_a_region_where_none_is_costs_more_than_none():
    batch = _batch()._replace(lesion=torch.zeros(2, 1, 32, 32))

    def drawn(logit):
        return region_loss(lambda bmode: torch.full((2, 1, 32, 32), logit), batch)

    assert drawn(-9.0) < 0.02 < drawn(0.0) < drawn(3.0)


def test_vgg19_takes_weights_by_their_usual_names_and_refuses_others(tmp_path, monkeypatch):
    narrow = tuple(layer if layer == "pool" else 4 for layer in VGG19)
    monkeypatch.setattr("algorithms.virtual_elastography.losses.VGG19", narrow)
    names = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]  # of the convolutions in torchvision's vgg19().features
    torch.manual_seed(2)
    weights = {f"features.{n}.weight": torch.randn(4, 3 if n == 0 else 4, 3, 3) for n in names}
    weights |= {f"features.{n}.bias": torch.zeros(4) for n in names} | {"classifier.0.weight": torch.zeros(1)}
    file = tmp_path / "vgg19.pth"
    torch.save(weights, file)
    structure, picture = Vgg19(file), torch.rand(1, 3, 32, 32)
    assert structure(picture, picture) == 0
    assert structure(picture.flip(3), picture) > 0
    assert not any(parameter.requires_grad for parameter in structure.parameters())
    del weights["features.28.bias"]
    torch.save(weights, file)
    with pytest.raises(UsageError, match=r"features\.28\.bias"):
        Vgg19(file)
