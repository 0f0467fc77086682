"""What the benchmarks of warm models share: the median of some repeats, and the words of their command lines."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable


def median_s(work: Callable[[], object], repeats: int) -> float:
    """The median time of some repeats, after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def asked_for(description: str, repeats: int, arguments: list[str] | None) -> argparse.Namespace:
    """``repeats`` and ``json`` of a command line; ``description``: the module's docstring, of which the first line."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)
