"""``dicom-node evaluate virtual_elastography --data DIR``: 200 unseen simulated pairs, and real pictures.

Simulated pairs are drawn from a stream of random numbers that neither training nor the test of familiarity uses. They
go the node's own way: preprocess, generate, find the region, score. DIR: see real_pictures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.training.figures import Interval, interval
from algorithms.virtual_elastography.beam import beam_of
from algorithms.virtual_elastography.colours import classes_of, coloured
from algorithms.virtual_elastography.familiarity import LIMIT_QUANTILE, Reference
from algorithms.virtual_elastography.generate import GENERATOR, Networks
from algorithms.virtual_elastography.judged_cases import evaluate_cases as evaluate_cases
from algorithms.virtual_elastography.phantom import Pair, random_pair
from algorithms.virtual_elastography.preprocess import prepared
from algorithms.virtual_elastography.real_pictures import RealPair, real_pairs, unlike_pictures
from algorithms.virtual_elastography.region import found
from algorithms.virtual_elastography.scoring import OUTSIDE, SCHEMES, Score, proportions, score_of, scored
from algorithms.virtual_elastography.similarity import ssim, weighted_kappa
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import UnsuitableSeries
from dicom_node.geometry import pixels_between

PAIRS = 200
STREAM = 63
RING = 0.35
"""Width of the ring that a lesion is compared with, as a share of the lesion's own radius."""
LEAST_IN_GROUP = 5

Statistic = Callable[[NDArray], float]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPair:
    """One simulated pair and what the networks made of it.

    Args:
        ssim_canvas, ssim_image: over the beam, at 128 x 128 and at the picture's own size.
        contrast_right: whether the lesion came out on the right side of its surroundings; ``None`` without a lesion.
        contrast_computed: the same of the computed elastogram, which is what can be had at best.
        found: whether the region network found a region; overlap: Dice of it with the lesion.
        scores: by scheme, (computed with the true lesion, generated with the true lesion, generated with the region
            found); each ``None`` where there is none.
        fractions_error: mean absolute difference of the three shares in the true lesion.
    """

    organ: str
    style: str
    lesion: str
    look: str
    ssim_canvas: float
    ssim_image: float
    contrast_right: bool | None
    contrast_computed: bool | None
    found: bool
    overlap: float | None
    scores: Mapping[str, tuple[int | None, int | None, int | None]]
    fractions_error: float | None
    familiar: bool
    distance: float


def evaluate(data: Path, bench: Workbench) -> EvaluationReport:
    """Figures with 95 % intervals (bootstrap over pairs). Raises ModelError without the networks."""
    networks, reference = Networks(bench.models), Reference.from_card(bench.models.card(GENERATOR))
    judged = []
    for number in range(PAIRS):
        bench.progress(0.8 * number / PAIRS, f"simulated pair {number + 1} of {PAIRS}")
        pair = random_pair(np.random.default_rng([bench.seed, STREAM, number]))
        judged.append(judge_pair(pair, networks, reference))
    bench.progress(0.8, "real pictures")
    rows, values = figures(judged)
    real = [_real_pair(pair, networks, reference) for pair in real_pairs(data)]
    unlike = {kind: _refusals(pictures, networks, reference) for kind, pictures in unlike_pictures(data).items()}
    rows += [_real_row(one) for one in real]
    rows += [
        {"figure": f"refused: {kind}", "value": one["refused"] / one["pictures"], "n": one["pictures"]}
        for kind, one in unlike.items()
    ]
    values |= {"real_pairs": real, "unlike": unlike}
    notes = (
        f"{PAIRS} simulated pairs that taught nothing; intervals: 95 %, bootstrap over pairs",
        "SSIM: RGB, Gaussian window, over the pixels of the beam, against the computed elastogram",
        "kappa: quadratic weights; truth is the same rule on the computed elastogram with the true lesion",
        f"familiarity: limit at the {LIMIT_QUANTILE:.0%} quantile of simulated reference pictures; no real one sets it",
    )
    return EvaluationReport(tuple(rows), values, notes)


def judge_pair(pair: Pair, networks: Networks, reference: Reference) -> JudgedPair:
    """One pair, the node's own way."""
    placed = prepared(pair.bmode)
    made = networks.generate(placed.canvas, pair.style)
    familiarity = reference.judge(placed.canvas, made.features)
    x0, y0, x1, y1 = placed.box_px
    beam = pair.beam[y0:y1, x0:x1]
    true_canvas = coloured(placed.from_image(pair.softness[y0:y1, x0:x1]))
    softness = np.full(pair.softness.shape, 0.5, np.float32)
    softness[y0:y1, x0:x1] = placed.to_image(made.softness)
    region = found(networks.lesion(placed.canvas), placed)
    covered = beam_of(pair.bmode)
    inside = np.zeros_like(covered)
    inside[y0:y1, x0:x1] = True
    theirs = np.where(pair.beam, classes_of(pair.softness), OUTSIDE).astype(np.uint8)
    ours = np.where(covered & inside, classes_of(softness), OUTSIDE).astype(np.uint8)
    scores, error = _scores(theirs, ours, pair, region)
    return JudgedPair(
        organ=pair.organ,
        style=pair.style,
        lesion={1: "stiff", -1: "soft", 0: "none"}[pair.contrast],
        look=pair.look,
        ssim_canvas=ssim(made.elastogram, true_canvas, placed.from_image(beam)),
        ssim_image=ssim(coloured(softness)[y0:y1, x0:x1], pair.elastogram[y0:y1, x0:x1], beam),
        contrast_right=_contrast_right(softness, pair),
        contrast_computed=_contrast_right(pair.softness, pair),
        found=region is not None,
        overlap=None if region is None else _dice(pixels_between(region, (0.0, 1.0), *pair.lesion.shape), pair.lesion),
        scores=scores,
        fractions_error=error,
        familiar=familiarity.familiar,
        distance=familiarity.distance,
    )


def _scores(
    theirs: NDArray[np.uint8], ours: NDArray[np.uint8], pair: Pair, region: Any
) -> tuple[dict[str, tuple[int | None, int | None, int | None]], float | None]:
    found_shares = None if region is None else proportions(ours, region)
    scores, error = {}, None
    for name, scheme in SCHEMES.items():
        true, given = scored(theirs, pair.lesion, scheme), scored(ours, pair.lesion, scheme)
        own = None if found_shares is None else score_of(found_shares, scheme)
        scores[name] = tuple(None if one is None else one.value for one in (true, given, own))
        if true is not None and given is not None:
            error = _fractions_error(true, given)
    return scores, error


def _fractions_error(true: Score, given: Score) -> float:
    parts = ("soft", "medium", "hard")
    return float(np.mean([abs(getattr(true.fractions, part) - getattr(given.fractions, part)) for part in parts]))


def _contrast_right(softness: NDArray[np.float32], pair: Pair) -> bool | None:
    """Whether the lesion is harder (softer) than a ring around it, as it truly is stiffer (softer)."""
    if pair.contrast == 0 or not pair.lesion.any():
        return None
    reach = max(2, round(RING * np.sqrt(np.count_nonzero(pair.lesion) / np.pi)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ring = (cv2.dilate(pair.lesion.astype(np.uint8), kernel) > 0) & ~pair.lesion & pair.beam
    if not ring.any():
        return None
    return bool(np.sign(softness[ring].mean() - softness[pair.lesion].mean()) == pair.contrast)


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    whole = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(first & second) / whole if whole else 1.0


def figures(judged: Sequence[JudgedPair]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the table and values by name: of all pairs, and by organ, style, lesion and look."""
    lesions = [one for one in judged if one.lesion != "none"]
    table: list[tuple[str, Sequence[Any], Statistic, str]] = [
        ("ssim", [one.ssim_canvas for one in judged], np.mean, ">= 0.75"),
        ("ssim_own_size", [one.ssim_image for one in judged], np.mean, ">= 0.75"),
        ("contrast_right", [one.contrast_right for one in judged], np.mean, ">= 0.95"),
        ("contrast_right_computed", [one.contrast_computed for one in judged], np.mean, ""),
        *(
            (
                f"kappa_{name}_{way}",
                [(s[0], s[number]) for s in (one.scores[name] for one in judged)],
                weighted_kappa,
                wanted,
            )
            for name in SCHEMES
            for way, number, wanted in (("given_region", 1, ">= 0.75"), ("found_region", 2, ">= 0.75"))
        ),
        ("fractions_error", [one.fractions_error for one in judged], np.mean, ""),
        ("region_found", [one.found for one in lesions], np.mean, ""),
        ("region_dice", [one.overlap for one in lesions], np.mean, ""),
        ("region_invented", [one.found for one in judged if one.lesion == "none"], np.mean, ""),
        ("familiar", [one.familiar for one in judged], np.mean, ""),
    ]
    rows, values = [], {}
    for name, given, statistic, wanted in table:
        told, count = _told(given, statistic)
        values[name] = told
        rows.append({"figure": name, "value": _cell(told), "wanted": wanted, "n": count})
    values["groups"] = {
        part: {
            group: _group([one for one in judged if getattr(one, part) == group])
            for group in sorted({getattr(one, part) for one in judged} - {""})
        }
        for part in ("organ", "style", "lesion", "look")
    }
    return rows, values


def _group(judged: Sequence[JudgedPair]) -> dict[str, Any]:
    found: dict[str, Any] = {"pairs": len(judged)}
    if len(judged) >= LEAST_IN_GROUP:
        found["ssim"] = _told([one.ssim_canvas for one in judged], np.mean)[0]
        found["contrast_right"] = _told([one.contrast_right for one in judged], np.mean)[0]
        found["familiar"] = _told([one.familiar for one in judged], np.mean)[0]
    return found


def _told(given: Sequence[Any], statistic: Statistic) -> tuple[dict[str, Any] | None, int]:
    """Low, value and high of what is there (``None``, or a pair with ``None``, is left out), and how many that are."""
    there = [one for one in given if one is not None and not (isinstance(one, tuple) and None in one)]
    if not there:
        return None, 0
    measured: Interval = interval(np.asarray(there, np.float64), statistic)
    return {"low": measured.low, "value": measured.value, "high": measured.high, "n": len(there)}, len(there)


def _cell(told: Mapping[str, Any] | None) -> str | None:
    return None if told is None else str(Interval(told["low"], told["value"], told["high"]))


def _real_pair(pair: RealPair, networks: Networks, reference: Reference) -> dict[str, Any]:
    """What a real pair gives. Similarity to a strain map of another scale says less than the rank correlation does."""
    placed = prepared(pair.bmode)
    made = networks.generate(placed.canvas, "strain")
    familiarity = reference.judge(placed.canvas, made.features)
    x0, y0, x1, y1 = placed.box_px
    measured = placed.from_image(pair.softness[y0:y1, x0:x1])
    ranks = [np.argsort(np.argsort(values.ravel())) for values in (measured, made.softness)]
    region = found(networks.lesion(placed.canvas), placed)
    return {
        "name": pair.name,
        "trusted": pair.trusted,
        "familiar": familiarity.familiar,
        "distance": familiarity.distance,
        "limit": familiarity.limit,
        "ssim": ssim(made.elastogram, coloured(measured), placed.beam),
        "rank_correlation": float(np.corrcoef(*ranks)[0, 1]),
        "region_contrast": None if region is None else _region_contrast(pair, made.softness, placed, region),
    }


def _region_contrast(pair: RealPair, softness: NDArray[np.float32], placed: Any, region: Any) -> dict[str, float]:
    """Softness in the region found less that around it, measured and generated: the signs should agree."""
    x0, y0, x1, y1 = placed.box_px
    whole = np.full(pair.softness.shape, 0.5, np.float32)
    whole[y0:y1, x0:x1] = placed.to_image(softness)
    inside, ring = (pixels_between(region, factors, *whole.shape) for factors in ((0.0, 1.0), (1.0, 1.5)))
    return {
        name: float(values[inside].mean() - values[ring].mean())
        for name, values in (("measured", pair.softness), ("generated", whole))
    }


def _real_row(one: Mapping[str, Any]) -> dict[str, Any]:
    trust = "trusted" if one["trusted"] else "noisy"
    answer = "familiar" if one["familiar"] else "cannot say"
    told = f"{answer} ({one['distance']:.1f}, limit {one['limit']:.1f}); SSIM {one['ssim']:.2f}"
    return {"figure": f"real pair {one['name']} ({trust})", "value": told, "n": 1}


def _refusals(
    pictures: Sequence[NDArray[np.uint8]], networks: Networks, reference: Reference
) -> dict[str, int | float | None]:
    """How many of these pictures are answered with "cannot say"; a picture that is all black is."""
    refused, distances = 0, []
    for picture in pictures:
        try:
            placed = prepared(picture)
        except UnsuitableSeries:
            refused += 1
            continue
        familiarity = reference.judge(placed.canvas, networks.generate(placed.canvas, "strain").features)
        refused += not familiarity.familiar
        distances.append(familiarity.distance)
    nearest = float(min(distances)) if distances else None
    return {"pictures": len(pictures), "refused": int(refused), "nearest_distance": nearest}
