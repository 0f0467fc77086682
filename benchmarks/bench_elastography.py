"""Virtual elastography of one image with warm models: the whole path, the algorithm by itself, the generator alone.

    python -m benchmarks.bench_elastography [--repeats 5] [--json]

The whole path goes from the DICOM file to the draft on disk: load, generate, judge, score, report, segmentation,
picture, checks. Its limit is 1 s on two CPU cores, the generator's 20 ms on a GPU; the last column says how near a case
comes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from algorithms.virtual_elastography.bmode import pictures_of
from algorithms.virtual_elastography.generate import Networks
from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.preprocess import prepared
from benchmarks.warm import asked_for, median_s
from dicom_node.cli.tables import show_table
from dicom_node.demo import find_samples
from dicom_node.encode import DEFAULT_NAMESPACE, EncodeJob, prepare
from dicom_node.load import load_series
from dicom_node.models import has_cuda_device
from dicom_node.plugins import Catalogue
from dicom_node.run import analyse

NAME = "virtual_elastography"
SAMPLE = find_samples() / NAME / "thyroid_stiff.dcm"
WHOLE_LIMIT_S, GENERATOR_LIMIT_S, CORES = 1.0, 0.02, 2


@dataclass(frozen=True, slots=True)
class Timed:
    """One case; ``seconds`` is the median of the repeats, with warm models."""

    case: str
    device: str
    seconds: float
    times_the_limit: float | None


def timed(case: str, device: str, work: Callable[[], object], repeats: int, limit_s: float | None) -> Timed:
    """The median time of some repeats, after one that warms up."""
    median = median_s(work, repeats)
    return Timed(case, device, median, None if limit_s is None else median / limit_s)


def measure(repeats: int) -> list[Timed]:
    """The whole path, the algorithm, the generator."""
    catalogue = Catalogue()
    algorithm, networks = catalogue.create(NAME, {}), Networks(catalogue.models(NAME))
    device = "GPU" if has_cuda_device() else f"CPU, {len(os.sched_getaffinity(0))} cores"
    job = EncodeJob(datetime(2026, 1, 1, tzinfo=UTC), DEFAULT_NAMESPACE, catalogue.canonical_options(NAME, {}))
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        scratch, numbers = Path(folder), count()
        series = load_series([SAMPLE], scratch)
        (picture,), _ = pictures_of(series, Options())
        canvas = prepared(picture.grey).canvas
        return [
            timed(
                "DICOM to draft on disk",
                device,
                lambda: analyse(algorithm, [SAMPLE], job, scratch / f"out{next(numbers)}", scratch),
                repeats,
                WHOLE_LIMIT_S,
            ),
            timed("algorithm", device, lambda: algorithm.run(series), repeats, None),
            timed(
                "generator",
                device,
                lambda: networks.generate(canvas, "strain"),
                repeats,
                GENERATOR_LIMIT_S if device == "GPU" else None,
            ),
        ]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table or JSON; 1 where a limit that holds for this machine is missed."""
    asked = asked_for(__doc__, 5, arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    rows = measure(asked.repeats)
    missed = any(row.times_the_limit is not None and row.times_the_limit > 1 for row in rows)
    if asked.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=2)
        print()
        return int(missed)
    cells = [
        [
            row.case,
            row.device,
            f"{1000 * row.seconds:.1f} ms",
            "" if row.times_the_limit is None else f"{row.times_the_limit:.2f}",
        ]
        for row in rows
    ]
    show_table("virtual elastography, one image, warm", ("case", "device", "time", "times the limit"), cells, "nothing")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
