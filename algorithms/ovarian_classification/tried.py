"""What was tried on the way to the networks, with what came of it: for the model card."""

from __future__ import annotations

TRIED: tuple[str, ...] = ("to be filled",)
