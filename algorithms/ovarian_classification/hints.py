"""What a network that learns from another is shown of its features: few numbers a place, in units of their spread.

Romero et al., "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550). The teacher's channels are many and alike; their
principal components carry what a pupil can follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOOKED_AT = 6000
"""Places, at most, that the principal components are taken from."""


@dataclass(frozen=True, eq=False)
class Hint:
    """``mean``: (channels,) of the features. ``directions``: (channels, components), in units of the spread."""

    mean: Tensor
    directions: Tensor

    def of(self, features: Tensor) -> Tensor:
        """Features (n, channels, h, w) as float16 (n, components, h, w)."""
        told = torch.einsum("nchw,ck->nkhw", features - self.mean[:, None, None], self.directions)
        return told.half()


def hint_of(features: Tensor, components: int, seed: int) -> Hint:
    """The principal components of features (n, channels, h, w), all divided by their common spread.

    Args:
        components: no more than there are channels and places.
    """
    places = features.float().permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    chosen = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))[:LOOKED_AT]
    mean = places.mean(dim=0)
    with torch.random.fork_rng(devices=[features.device] if features.is_cuda else []):
        torch.manual_seed(seed)
        _, values, directions = torch.pca_lowrank(places[chosen.to(places.device)] - mean, components, center=False)
    spread = (values.square() / len(chosen)).mean().sqrt().clamp(min=1e-6)
    return Hint(mean, directions / spread)
