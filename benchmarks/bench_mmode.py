"""M-mode ejection fraction: the whole analysis of one screen with warm models, on two CPU cores.

    python -m benchmarks.bench_mmode [--repeats 5] [--json]

The limit is 1 s for a screen. Cases: the sample still (640 x 480), and a simulated screen of 1280 x 960 with seven
beats or more. Everything counts that the node does between reading the file and encoding: loading, region, gate,
detector, points, walls, picture and tables. The last column says how many times the limit that took: below 1 is good.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from algorithms.mmode_ef.algorithm import MmodeEf, Networks
from algorithms.mmode_ef.options import Options
from algorithms.mmode_ef.phantom import Screen, ScreenOptions, random_screen
from algorithms.mmode_ef.simulated import series_of
from benchmarks.warm import asked_for, median_s
from dicom_node.cli.tables import show_table
from dicom_node.demo import find_samples
from dicom_node.load import load_series
from dicom_node.models import ModelFolder
from dicom_node.plugins import Catalogue

LIMIT_S = 1.0
CORES = 2
SAMPLE = find_samples() / "mmode_ef" / "mmode_phantom.dcm"
MANY_BEATS = ScreenOptions(layouts=("wide",), heart_rate_bpm=(120.0, 140.0), sweep_bar_chance=0.0)
LEAST_BEATS = 7


@dataclass(frozen=True, slots=True)
class Timed:
    """One case; ``seconds`` is the median of the repeats."""

    case: str
    cores: int
    cycles: int
    seconds: float
    times_the_limit: float


def timed(case: str, work: Callable[[], int], repeats: int) -> Timed:
    """The median time of some repeats, after one that warms up; ``work`` gives the number of cycles."""
    cycles = work()
    median = median_s(work, repeats)
    return Timed(case, _cores(), cycles, median, median / LIMIT_S)


def measure(repeats: int) -> list[Timed]:
    """The sample, then a large screen with many beats."""
    models = ModelFolder(Catalogue().folder("mmode_ef"), threads=CORES, device="cpu")
    algorithm = MmodeEf(Options(), Networks(models))
    screen = _busy_screen()
    with tempfile.TemporaryDirectory() as scratch:
        return [
            timed(
                "sample screen",
                lambda: algorithm.run(load_series([SAMPLE], Path(scratch))).summary["cycle_count"],
                repeats,
            ),
            timed(
                f"{screen.image.shape[1]} x {screen.image.shape[0]}, many beats",
                lambda: algorithm.run(series_of(screen.image, screen.regions)).summary["cycle_count"],
                repeats,
            ),
        ]


def _busy_screen() -> Screen:
    """The first simulated screen with seven complete beats or more."""
    seeds = iter(range(1000))
    while True:
        screen = random_screen(np.random.default_rng([next(seeds), 11]), "lv", MANY_BEATS)
        if sum(cycle.complete for cycle in screen.cycles) >= LEAST_BEATS:
            return screen


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def main(arguments: list[str] | None = None) -> int:
    """Prints the table or JSON; 1 where a screen takes longer than the limit."""
    asked = asked_for(__doc__, 5, arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    rows = measure(asked.repeats)
    if asked.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=2)
        print()
    else:
        cells = [
            [row.case, str(row.cores), str(row.cycles), f"{row.seconds:.3f} s", f"{row.times_the_limit:.2f}"]
            for row in rows
        ]
        columns = ("case", "cores", "cycles", "time", f"times {LIMIT_S:g} s")
        show_table("M-mode ejection fraction, warm", columns, cells, "nothing measured")
    return int(any(row.times_the_limit > 1 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
