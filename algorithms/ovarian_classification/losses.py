"""What the experts are held against, in torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTHING = 0.05
NO_CLASS = -100
"""In place of a category: the picture has none, and is not asked for it."""


def class_loss(logits: Tensor, categories: Tensor) -> Tensor:
    """Cross-entropy of the eight classes, smoothed; logits (n, 8), categories (n,), NO_CLASS for none."""
    return functional.cross_entropy(logits, categories, label_smoothing=SMOOTHING, ignore_index=NO_CLASS)


def trait_loss(described: Tensor, traits: Tensor) -> Tensor:
    """Of traits (n, 13) in units of their spread; those that are nan are not asked for."""
    known = torch.isfinite(traits)
    error = functional.smooth_l1_loss(described, torch.nan_to_num(traits), reduction="none", beta=0.5)
    return (error * known).sum() / known.sum().clamp(min=1)


def likeness_loss(logits: Tensor, wanted: Tensor, softened: float) -> Tensor:
    """How far answers are from a teacher's, both softened (Hinton, Vinyals, Dean, arXiv 1503.02531, section 2)."""
    said = functional.log_softmax(logits / softened, dim=1)
    meant = functional.log_softmax(wanted / softened, dim=1)
    return softened**2 * functional.kl_div(said, meant, reduction="batchmean", log_target=True)
