"""The exponential moving average of a network's weights, which is what is kept of a training run.

Averaging over the last steps gives flatter, better minima than the last step alone (Polyak & Juditsky 1992; Izmailov
et al. 2018, "Averaging weights leads to wider optima"), and needs no validation set to pick an epoch with.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

DECAY = 0.998
"""Of a long run: the average reaches back over some 500 steps."""


class MovingAverage:
    """A copy of ``network`` that follows it; ``network`` keeps training.

    Early on it follows quickly, by (1 + n) / (10 + n) after n steps, so that a short run is not held back by its
    random start. Buffers of floats (batch normalisation's statistics) are averaged, other buffers are copied.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.steps = 0
        pairs = {  # by identity: weights that two layers share are averaged once
            id(theirs): (ours, theirs) for ours, theirs in zip(_state(self.network), _state(network), strict=True)
        }
        self._averaged = [pair for pair in pairs.values() if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs.values() if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Takes the network's present weights in, after an optimiser's step."""
        self.steps += 1
        decay = min(DECAY, (1 + self.steps) / (10 + self.steps))
        ours, theirs = zip(*self._averaged, strict=True)
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for copied, source in self._copied:
            copied.copy_(source)


def _state(network: nn.Module) -> Iterable[torch.Tensor]:
    return network.state_dict(keep_vars=True).values()
