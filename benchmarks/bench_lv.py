"""Left-ventricle quantification: the whole of a 20-frame slice, five networks included, and the whole of a study.

    python -m benchmarks.bench_lv [--repeats 3] [--json]

The slice is the document's case (CN 109003270 A: an answer within 0.2 s), which is meant for a GPU: without one, the
ratio to 0.2 s says how far the CPU is from it, and frames per second how far it gets. Everything counts from pixels to
the eleven numbers of every frame and the masks: finding, cropping, equalising, ten networks, indices. The study is the
sample stack; with it go loading, phases, volumes, pictures and tables, but not encoding.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from algorithms.lv_quantification.algorithm import LvQuantification
from algorithms.lv_quantification.estimate import Estimator
from algorithms.lv_quantification.options import Options
from algorithms.lv_quantification.stack import short_axis_stack
from benchmarks.warm import asked_for, median_s
from dicom_node.cli.tables import show_table
from dicom_node.demo import find_samples
from dicom_node.load import load_series
from dicom_node.models import ModelFolder, has_cuda_device
from dicom_node.plugins import Catalogue
from dicom_node.run import dicom_files

LIMIT_S = 0.2
SAMPLE = find_samples() / "lv_quantification"


@dataclass(frozen=True, slots=True)
class Timed:
    """One case; ``seconds`` is the median of the repeats, with warm models."""

    case: str
    device: str
    frames: int
    seconds: float
    frames_per_second: float
    times_the_limit: float | None


def timed(
    case: str, device: str, frames: int, work: Callable[[], object], repeats: int, limit_s: float | None
) -> Timed:
    """The median time of some repeats, after one that warms up."""
    median = median_s(work, repeats)
    return Timed(case, device, frames, median, frames / median, None if limit_s is None else median / limit_s)


def measure(repeats: int) -> list[Timed]:
    """The slice, then the study."""
    models = ModelFolder(Catalogue().folder("lv_quantification"))
    device = "GPU" if has_cuda_device() else f"CPU, {os.cpu_count()} cores"
    estimator = Estimator(models)
    paths = dicom_files([SAMPLE])
    with tempfile.TemporaryDirectory() as scratch:
        series = load_series(paths, Path(scratch))
        stack = short_axis_stack(series)
        pictures = stack.pictures()
        middle = pictures[len(pictures) // 2 :][:1]
        algorithm = LvQuantification(Options(), estimator)
        return [
            timed(
                "one slice",
                device,
                len(middle[0]),
                lambda: estimator.estimate(middle, stack.spacing, stack.anchor_deg),
                repeats,
                LIMIT_S,
            ),
            timed(
                f"study of {len(pictures)} slices",
                device,
                sum(map(len, pictures)),
                lambda: algorithm.run(load_series(paths, Path(scratch))),
                repeats,
                None,
            ),
        ]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table or JSON; 0 whatever the figures are: the limit is a GPU's."""
    asked = asked_for(__doc__, 3, arguments)
    rows = measure(asked.repeats)
    if asked.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=2)
        print()
        return 0
    cells = [
        [
            row.case,
            row.device,
            str(row.frames),
            f"{row.seconds:.3f} s",
            f"{row.frames_per_second:.1f}",
            "" if row.times_the_limit is None else f"{row.times_the_limit:.1f}",
        ]
        for row in rows
    ]
    columns = ("case", "device", "frames", "time", "frames/s", f"times {LIMIT_S} s")
    show_table("left-ventricle quantification, warm", columns, cells, "nothing measured")
    return 0


if __name__ == "__main__":
    sys.exit(main())
