"""Several networks asked the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from numpy.typing import NDArray

AT_ONCE = 2
"""Networks that run beside each other: one alone does not keep two cores busy (two at once need a fifth less time).
The threads that a worker was given are those of each network, so this takes twice as many where it has but one."""


class Asked(Protocol):
    """A Model of the node, or a network in training."""

    def run(self, inputs: Mapping[str, NDArray]) -> Mapping[str, NDArray]:
        """Named inputs in, named outputs out."""
        ...


def ask_all(networks: Sequence[Asked], inputs: Mapping[str, NDArray]) -> list[Mapping[str, NDArray]]:
    """What each answers, in their order. Raises what the first of them that fails raises."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda network: network.run(inputs), networks))
