"""Ovarian classification of an examination of twelve images with warm models, on two CPU cores.

    python -m benchmarks.bench_ovary [--repeats 3] [--json]

The images are simulated, of all kinds that the networks judge. The limit, 5 s, is for the analysis: loading, cleaning,
marks, segmentation, both experts, theta, report and pages as values. The whole path goes on to the objects on disk,
with checks. The last column says how near a case comes; below 1 is good.
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

import numpy as np
from pydicom.uid import RLELossless

from algorithms.ovarian_classification.algorithm import OvarianClassification
from algorithms.ovarian_classification.examination import Judges
from algorithms.ovarian_classification.experts import Experts
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.options import Options
from algorithms.ovarian_classification.phantom import PictureOptions, picture_of
from algorithms.ovarian_classification.quality import Quality, QualityTest
from benchmarks.warm import asked_for, median_s
from dicom_node.cli.tables import show_table
from dicom_node.encode import DEFAULT_NAMESPACE, EncodeJob, prepare
from dicom_node.load import load_series
from dicom_node.models import ModelFolder
from dicom_node.plugins import Catalogue
from dicom_node.run import analyse
from sample_dicom import pelvis
from sample_dicom.part10 import write

NAME = "ovarian_classification"
IMAGES, LIMIT_S, CORES = 12, 5.0, 2
KINDS = ("high_grade_serous", "normal_ovary", "serous_cyst", "chocolate_cyst", "teratoma", "mucinous_cyst")
SCREEN = PictureOptions(longest_px=640, whole_screen=True)


class EverythingCounts:
    """The quality network, asked as ever; its answer is not heeded, so that all twelve images are classified."""

    def __init__(self, test: QualityTest) -> None:
        self._test = test

    def judge(self, rgb: np.ndarray) -> Quality:
        """What it says, used."""
        told = self._test.judge(rgb)
        return Quality(told.probabilities, True, told.reason)


@dataclass(frozen=True, slots=True)
class Timed:
    """One case; ``seconds`` is the median of the repeats, with warm models."""

    case: str
    cores: int
    seconds: float
    times_the_limit: float | None


def timed(case: str, work: Callable[[], object], repeats: int, limit_s: float | None) -> Timed:
    """The median time of some repeats, after one that warms up."""
    median = median_s(work, repeats)
    return Timed(case, len(os.sched_getaffinity(0)), median, None if limit_s is None else median / limit_s)


def measure(repeats: int) -> list[Timed]:
    """The analysis, and the whole path."""
    catalogue = Catalogue()
    models = ModelFolder(catalogue.folder(NAME), threads=CORES, device="cpu")
    operating = Operating.from_card(models.card("resnet50_1")["operating"])
    judges = Judges(EverythingCounts(QualityTest(models)), Experts(models), operating)
    algorithm = OvarianClassification(Options(), judges, models.infos)
    job = EncodeJob(datetime(2026, 1, 1, tzinfo=UTC), DEFAULT_NAMESPACE, catalogue.canonical_options(NAME, {}))
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        scratch, numbers = Path(folder), count()
        files = _examination(scratch)
        whole = f"{IMAGES} images, DICOM to objects on disk"
        return [
            timed(f"{IMAGES} images", lambda: algorithm.run(load_series(files, scratch)), repeats, LIMIT_S),
            timed(
                whole, lambda: analyse(algorithm, files, job, scratch / f"out{next(numbers)}", scratch), repeats, None
            ),
        ]


def _examination(folder: Path) -> list[Path]:
    files = []
    for number in range(IMAGES):
        picture = picture_of(np.random.default_rng((5, number)), KINDS[number % len(KINDS)], SCREEN)
        files.append(folder / f"{number}.dcm")
        write(pelvis.image(pelvis.Sample(f"bench_{number}", (picture,)), number + 1), files[-1], RLELossless)
    return files


def main(arguments: list[str] | None = None) -> int:
    """Prints the table or JSON; 1 where the limit is missed."""
    asked = asked_for(__doc__, 3, arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    rows = measure(asked.repeats)
    missed = any(row.times_the_limit is not None and row.times_the_limit > 1 for row in rows)
    if asked.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=2)
        print()
        return int(missed)
    near = ("" if row.times_the_limit is None else f"{row.times_the_limit:.2f}" for row in rows)
    cells = [[row.case, str(row.cores), f"{row.seconds:.2f} s", told] for row, told in zip(rows, near, strict=True)]
    show_table("ovarian classification, warm", ("case", "cores", "time", f"times {LIMIT_S:g} s"), cells, "nothing")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
