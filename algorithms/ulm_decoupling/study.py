"""Does decoupling help as bubbles get dense? The document's claim, tested on phantoms with known truth.

    python -m algorithms.ulm_decoupling.study --out docs/ulm-decoupling [--quick]

US 12390196 B2 says (paragraphs 17 and 56) that decoupling breaks the limit that bubble concentration sets to
localisation. Here the same plain detectors look at S_R (as recorded), S_G (first decoupling) and S_S (both), at
rising concentration; beside them the node's own path, with the seeds of S_G and with those of S_R.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from algorithms.ulm_decoupling.binarise import otsu_threshold
from algorithms.ulm_decoupling.detect import DetectOptions, Seeds
from algorithms.ulm_decoupling.imaging import Display
from algorithms.ulm_decoupling.localise import LocaliseOptions, localise
from algorithms.ulm_decoupling.map_quality import MapJudge
from algorithms.ulm_decoupling.measure import decouple_space, decouple_time, spliced_lengths
from algorithms.ulm_decoupling.phantom import Echoes, Phantom, PhantomOptions, simulate
from algorithms.ulm_decoupling.plain import Detections, connected_regions, local_maxima
from algorithms.ulm_decoupling.score import score_localisations

PAIRING_RADIUS_PX = 2.0

FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8)
"""Thresholds that tuning tries, as fractions of the 99.9th percentile of the sequence."""


@dataclass(frozen=True)
class Condition:
    """One kind of picture.

    Attributes:
        name, meaning: for the tables.
        options: the phantom, concentration and seed aside.
        bubbles_per_mm2: concentrations simulated.
    """

    name: str
    meaning: str
    options: PhantomOptions
    bubbles_per_mm2: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """What is simulated: conditions, seeds that are judged, and the seed that thresholds are tuned on."""

    conditions: tuple[Condition, ...]
    seeds: tuple[int, ...]
    tuning_seed: int


BASE = PhantomOptions(rows=96, columns=96)
LINEAR = replace(BASE, display=Display(dynamic_range_db=None, headroom_db=8.0))
NOISY = replace(BASE, echoes=Echoes(snr_db=18.0, tissue_db=-14.0, tissue_period_frames=400.0))

FULL = Plan(
    (
        Condition(
            "compressed",
            "SNR 30 dB, left-over tissue -26 dB, grey values compressed over 36 dB as scanners show them",
            BASE,
            (0.1, 0.2, 0.4, 0.8, 1.6, 3.2),
        ),
        Condition("linear", "the same, grey values in proportion to echo magnitude", LINEAR, (0.1, 0.4, 1.6, 3.2)),
        Condition(
            "noisy",
            "SNR 18 dB, left-over tissue -14 dB that hardly changes, compressed over 36 dB",
            NOISY,
            (0.1, 0.4, 1.6, 3.2),
        ),
    ),
    seeds=(31, 32, 33),
    tuning_seed=21,
)
QUICK = Plan(
    (Condition("compressed", "small and short", replace(BASE, frames=66, rows=48, columns=48), (0.2, 1.6)),),
    seeds=(31, 32),
    tuning_seed=21,
)


@dataclass(frozen=True)
class Row:
    """One arm on one phantom. ``threshold`` is NaN where the arm has none of its own."""

    condition: str
    bubbles_per_mm2: float
    seed: int
    arm: str
    threshold: float
    localisations: int
    jaccard: float
    precision: float
    sensitivity: float
    rmse_px: float
    overlap: float
    in_vessel: float
    valley: float


@dataclass(frozen=True, eq=False)
class Picture:
    """A sequence to search, and which frame of the truth each of its frames is scored against (-1: none)."""

    name: str
    frames: NDArray
    truth_frame: NDArray[np.int64]

    @property
    def top(self) -> float:
        """99.9th percentile of its values (of every fifth frame)."""
        return float(np.percentile(self.frames[::5], 99.9))

    @property
    def otsu(self) -> float:
        """Otsu's threshold of its positive values (of every fifth frame): what nobody had to choose."""
        values = self.frames[::5].astype(np.float32)
        return otsu_threshold(values[values > 0][None, :])


Detector = Callable[[NDArray, Sequence[float]], list[Detections]]
"""(frames, thresholds) -> detections at each threshold."""


def peaks(frames: NDArray, thresholds: Sequence[float]) -> list[Detections]:
    """Local maxima, at the centroid around them."""
    found = local_maxima(frames, min(thresholds))
    return [found.select(found.value > threshold) for threshold in thresholds]


def regions(frames: NDArray, thresholds: Sequence[float]) -> list[Detections]:
    """Connected regions above the threshold, at their centroids."""
    return [connected_regions(frames, threshold) for threshold in thresholds]


DETECTORS: dict[str, Detector] = {"peak": peaks, "region": regions}


def pictures(phantom: Phantom) -> tuple[Picture, ...]:
    """S_R, S_G and S_S of a phantom.

    A frame of S_S is the difference between two halves of a window of time and shows a bubble all along its
    way through the recent half. It belongs to no one moment, so only the finest kept scale (2: a half of four
    frames) is scored frame by frame, against the frame in the middle of that half; the map takes all of them.
    """
    count = len(phantom.frames)
    space = decouple_space(phantom.frames)
    lengths = spliced_lengths(count)
    finest = min(lengths)
    middle = 3 * 2 ** (finest - 1)  # the window has 2^(finest+1) frames; the middle of its second half
    times = [np.arange(n) + middle if scale == finest else np.full(n, -1) for scale, n in lengths.items()]
    same = np.arange(count)
    return (
        Picture("S_R", phantom.frames, same),
        Picture("S_G", space, same),
        Picture("S_S", decouple_time(space), np.concatenate(times)),
    )


class Judge:
    """Holds what an arm found on one phantom against the truth."""

    def __init__(self, condition: Condition, phantom: Phantom) -> None:
        self._condition = condition.name
        self._phantom = phantom
        self._map = MapJudge.of(phantom)

    def row(self, arm: str, threshold: float, found: Detections, truth_frame: NDArray[np.int64]) -> Row:
        """Scores per frame (frames of the truth that no picture frame belongs to are left out) and the map."""
        truth = self._phantom.truth
        truth = truth.select(np.isin(truth.frame, truth_frame))
        when = truth_frame[found.frame]
        timed = found.select(when >= 0)
        scored = score_localisations(
            np.column_stack([when[when >= 0], timed.x_px, timed.y_px]),
            np.column_stack([truth.frame, truth.x_px, truth.y_px]),
            PAIRING_RADIUS_PX,
        )
        quality = self._map.judge(found.x_px, found.y_px)
        options = self._phantom.options
        return Row(
            condition=self._condition,
            bubbles_per_mm2=options.bubbles_per_mm2,
            seed=options.seed,
            arm=arm,
            threshold=threshold,
            localisations=len(found),
            jaccard=scored.jaccard,
            precision=scored.precision,
            sensitivity=scored.sensitivity,
            rmse_px=math.nan if scored.rmse_px is None else scored.rmse_px,
            overlap=quality.overlap,
            in_vessel=quality.in_vessel,
            valley=quality.valley,
        )


def tuned_fractions(condition: Condition, bubbles_per_mm2: float, seed: int) -> dict[str, float]:
    """Per arm, the fraction that gives the largest Jaccard index + overlap on the tuning phantom."""
    phantom = _phantom(condition, bubbles_per_mm2, seed)
    judge = Judge(condition, phantom)
    best = {}
    for picture in pictures(phantom):
        for name, detector in DETECTORS.items():
            found = detector(picture.frames, [fraction * picture.top for fraction in FRACTIONS])
            rows = [judge.row("", math.nan, each, picture.truth_frame) for each in found]
            gains = [row.jaccard + row.overlap for row in rows]
            best[f"{name} {picture.name}"] = FRACTIONS[int(np.argmax(gains))]
    return best


def judged(condition: Condition, bubbles_per_mm2: float, seed: int, fractions: dict[str, float]) -> Iterator[Row]:
    """All arms on one phantom."""
    phantom = _phantom(condition, bubbles_per_mm2, seed)
    judge = Judge(condition, phantom)
    truth = phantom.truth
    own_frames = np.arange(len(phantom.frames))
    perfect = Detections(truth.frame, truth.x_px, truth.y_px, truth.amplitude)
    yield judge.row("truth", math.nan, perfect, own_frames)
    seen = pictures(phantom)
    for picture in seen:
        for name, detector in DETECTORS.items():
            arm = f"{name} {picture.name}"
            thresholds = [picture.otsu, fractions[arm] * picture.top]
            otsu, tuned = detector(picture.frames, thresholds)
            yield judge.row(f"{arm}, Otsu", thresholds[0], otsu, picture.truth_frame)
            yield judge.row(f"{arm}, tuned", thresholds[1], tuned, picture.truth_frame)
    fluctuation = np.abs(seen[-1].frames).max(axis=0)
    yield judge.row("node, decoupled", math.nan, _node_path(phantom, "decoupled", fluctuation), own_frames)
    yield judge.row("node, plain", math.nan, _node_path(phantom, "intensity", None), own_frames)


def run(plan: Plan, workers: int = 1) -> list[Row]:
    """All rows of a plan, in its order; conditions and concentrations are shared among worker processes."""
    tasks = [(plan, condition, level) for condition in plan.conditions for level in condition.bubbles_per_mm2]
    if workers == 1:
        return [row for task in tasks for row in _at_level(*task)]
    with ProcessPoolExecutor(workers) as pool:
        return [row for rows in pool.map(_at_level, *zip(*tasks, strict=True)) for row in rows]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Every row with every figure."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = asdict(row).items()
            writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in values})


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    from algorithms.ulm_decoupling import study_report  # matplotlib: extra `docs`, not needed to compute

    parser = argparse.ArgumentParser(description="Bubble concentration against map quality.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table, the plot and the CSV")
    parser.add_argument("--quick", action="store_true", help="two concentrations on small, short phantoms")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    given = parser.parse_args(arguments)
    plan = QUICK if given.quick else FULL
    rows = run(plan, given.workers)
    given.out.mkdir(parents=True, exist_ok=True)
    write_csv(given.out / "concentration.csv", rows)
    (given.out / "concentration.md").write_text(study_report.markdown(plan, rows), encoding="utf-8")
    study_report.plot(plan, rows, given.out / "concentration.png")


def _at_level(plan: Plan, condition: Condition, bubbles_per_mm2: float) -> list[Row]:
    fractions = tuned_fractions(condition, bubbles_per_mm2, plan.tuning_seed)
    return [row for seed in plan.seeds for row in judged(condition, bubbles_per_mm2, seed, fractions)]


def _phantom(condition: Condition, bubbles_per_mm2: float, seed: int) -> Phantom:
    return simulate(replace(condition.options, bubbles_per_mm2=bubbles_per_mm2, seed=seed))


def _node_path(phantom: Phantom, seeds: Seeds, fluctuation: NDArray | None) -> Detections:
    options = LocaliseOptions(detect=DetectOptions(seeds=seeds))
    found = localise(phantom.frames, options, fluctuation, threads=1)
    return Detections(found.frame, found.x_px, found.y_px, found.amplitude)


if __name__ == "__main__":
    main()
