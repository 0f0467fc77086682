"""Hints: the directions in which features vary, in units of their common spread."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from algorithms.ovarian_classification.hints import hint_of  # noqa: E402


@pytest.fixture
def features():
    """(20, 6, 5, 5) about 3: all that varies are two directions, one three times as much."""
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 20, 5, 5, generator=draw)
    along = torch.linalg.qr(torch.randn(6, 2, generator=draw))[0]
    return 3.0 + torch.einsum("nhw,c->nchw", 3 * first, along[:, 0]) + torch.einsum("nhw,c->nchw", second, along[:, 1])


def test_two_directions_tell_everything(features):
    """Distances between places stay as they are, up to the unit: root of the mean of 9 and 1."""
    told = hint_of(features, 2, seed=1).of(features).float()
    assert told.shape == (20, 2, 5, 5)
    before = torch.cdist(*[features.permute(0, 2, 3, 1).reshape(-1, 6)] * 2)
    after = torch.cdist(*[told.permute(0, 2, 3, 1).reshape(-1, 2)] * 2)
    torch.testing.assert_close(after * 5.0**0.5, before, rtol=0.1, atol=0.1)


def test_the_unit_is_common_so_the_first_direction_counts_more(features):
    told = hint_of(features, 2, seed=1).of(features).float()
    spread = told.permute(1, 0, 2, 3).reshape(2, -1).std(dim=1)
    assert float(spread[0] / spread[1]) == pytest.approx(3.0, rel=0.15)
    assert float(spread.square().mean()) == pytest.approx(1.0, rel=0.05)
    assert float(told.mean().abs()) < 0.1


def test_the_same_seed_gives_the_same_and_leaves_the_generator_alone(features):
    state = torch.random.get_rng_state()
    one, two = (hint_of(features, 2, seed=4).directions for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(state, torch.random.get_rng_state())
