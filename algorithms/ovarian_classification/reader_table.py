"""The document's Table 1 and what belongs to it, from judged pictures: values for ``--json``.

Every figure ``name`` has ``name_ci`` (see reader_figures.py for which interval) and ``name_ci_by_block``; ``null`` is a
figure that these pictures do not give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.delong import delong_difference
from algorithms.ovarian_classification.image_properties import groups_of
from algorithms.ovarian_classification.judged import JudgedPicture
from algorithms.ovarian_classification.reader_figures import (
    DECIDED,
    Draws,
    Reading,
    average,
    decided,
    discrimination,
    median,
    share,
)
from algorithms.ovarian_classification.theta import combined

Values = dict[str, Any]

NETWORKS = ("resnet50", "darknet19")
LEAST_IN_GROUP = 5
"""Pictures of each kind from which a subgroup has figures; below, its numbers alone."""


def told(name: str, reading: Reading) -> Values:
    """The figure with both of its intervals; kappa, F1 and means have the one by block alone."""
    first = reading.interval or reading.by_block
    return {
        name: reading.value,
        f"{name}_ci": None if first is None else list(first),
        f"{name}_ci_by_block": None if reading.by_block is None else list(reading.by_block),
    }


def figures_of(judged: Sequence[JudgedPicture]) -> Values:
    """All figures of a set of pictures (at least one)."""
    draws = Draws.of([one.block for one in judged])
    malignant = np.array([one.malignant for one in judged])
    return {
        "images": len(judged),
        "malignant_images": int(malignant.sum()),
        "blocks": len({one.block for one in judged}),
        "malignant_blocks": len({one.block for one in judged if one.malignant}),
        **{name: _network(name, judged, malignant, draws) for name in NETWORKS},
        "ensemble": _ensemble(judged, malignant, draws),
        "lesion_vs_normal": _lesion_or_normal(judged, draws),
        "segmentation": _segmentation(judged),
        "activation_map": _activation_map(judged),
        "classes": _classes(judged, draws),
        "properties": _properties(judged),
        "examinations": _examinations(judged),
        "quality": _quality(judged, draws),
    }


def judged_by(
    scores: NDArray[np.float64], called: NDArray[np.bool_] | None, truth: NDArray[np.bool_], draws: Draws
) -> Values:
    """AUC of the scores, and the figures of the calls, ``None`` where there is no threshold to call by."""
    found = told("auc", discrimination(scores, truth, draws))
    if called is None:
        return found | {f"{name}{end}": None for name in DECIDED for end in ("", "_ci", "_ci_by_block")}
    for name, reading in decided(called, truth, draws).items():
        found |= told(name, reading)
    return found


def _network(name: str, judged: Sequence[JudgedPicture], truth: NDArray[np.bool_], draws: Draws) -> Values:
    """One network alone, at its own Youden threshold."""
    scores = np.array([getattr(one.scores, f"theta_{name}") for one in judged])
    thresholds = [getattr(one.scores.operating, f"youden_{name}") for one in judged]
    called = None if None in thresholds else scores >= np.array(thresholds, float)
    return judged_by(scores, called, truth, draws) | {"auc_by_fold": _by_fold(judged, scores, truth)}


def _by_fold(
    judged: Sequence[JudgedPicture], scores: NDArray[np.float64], truth: NDArray[np.bool_]
) -> dict[str, float | None]:
    """AUC among the pictures that the same networks judged."""
    folds = np.array([one.fold or 0 for one in judged])
    return {
        "all networks" if not fold else f"fold {fold}": discrimination(
            scores[folds == fold], truth[folds == fold], Draws.of([0])
        ).value
        for fold in np.unique(folds).tolist()
    }


def _ensemble(judged: Sequence[JudgedPicture], truth: NDArray[np.bool_], draws: Draws) -> Values:
    """Both networks combined: at the Youden threshold, at that of sensitivity 0.95, and with the abstain band."""
    scores = np.array([one.scores.theta for one in judged])
    points = [one.scores.operating for one in judged]
    found = judged_by(scores, scores >= np.array([point.threshold_youden for point in points]), truth, draws)
    sensitive = decided(scores >= np.array([point.threshold_sensitivity for point in points]), truth, draws)
    found["at_sensitivity_95"] = {
        key: value for name, reading in sensitive.items() for key, value in told(name, reading).items()
    }
    found["auc_by_fold"] = _by_fold(judged, scores, truth)
    found["band"] = _band(judged, truth, draws)
    found["calibration"] = _calibration(judged, truth, draws)
    found["against"] = {name: _against(judged, scores, truth, name) for name in NETWORKS}
    return found


def _band(judged: Sequence[JudgedPicture], truth: NDArray[np.bool_], draws: Draws) -> Values:
    """What the three answers are worth: how often there is none, and who is among the others."""
    answers = np.array([one.scores.operating.decision(one.scores.theta) for one in judged])
    found = told("abstained", share(answers == "abstain", draws))
    for answer in ("malignant", "not_malignant"):
        held = answers == answer
        found |= {f"{answer}_answers": int(held.sum())} | {
            f"{answer}_answers_with_cancer": int((held & truth).sum()),
        }
    return (
        found
        | told("answered_malignant_of_malignant", _share_of(answers == "malignant", truth, judged))
        | told("answered_not_malignant_of_others", _share_of(answers == "not_malignant", ~truth, judged))
        | told("missed_of_malignant", _share_of(answers == "not_malignant", truth, judged))
    )


def _share_of(hits: NDArray[np.bool_], among: NDArray[np.bool_], judged: Sequence[JudgedPicture]) -> Reading:
    blocks = [one.block for one, inside in zip(judged, among, strict=True) if inside]
    return share(hits[among], Draws.of(blocks)) if blocks else Reading(None, None, None)


def _calibration(judged: Sequence[JudgedPicture], truth: NDArray[np.bool_], draws: Draws) -> Values:
    """Brier score (mean squared error of the probability), and the malignant share expected and found."""
    given = np.array([one.scores.operating.probability(one.scores.theta) for one in judged])
    return (
        told("brier", average((given - truth) ** 2, draws))
        | told("expected_share", average(given, draws))
        | told("observed_share", share(truth, draws))
    )


def _against(
    judged: Sequence[JudgedPicture], scores: NDArray[np.float64], truth: NDArray[np.bool_], name: str
) -> Values | None:
    """AUC of the ensemble less that of one network, DeLong's test for scores of the same pictures."""
    if truth.all() or not truth.any():
        return None
    found = delong_difference(scores, np.array([getattr(one.scores, f"theta_{name}") for one in judged]), truth)
    ends = None if found.value.low is None else [found.value.low, found.value.high]
    return {"difference": found.value.value, "difference_ci": ends, "p": found.p}


def _lesion_or_normal(judged: Sequence[JudgedPicture], draws: Draws) -> Values:
    scores = np.array([one.p_lesion for one in judged])
    return judged_by(
        scores,
        scores >= np.array([one.scores.operating.lesion_from for one in judged]),
        np.array([one.lesion for one in judged]),
        draws,
    )


def _segmentation(judged: Sequence[JudgedPicture]) -> Values | None:
    """Overlap with the true mask, 0 where nothing was found; ``None`` without masks."""
    lesions = [one for one in judged if one.placed is not None and one.lesion]
    ovaries = [one for one in judged if one.placed is not None and not one.lesion]
    if not lesions and not ovaries:
        return None
    found = _overlap(lesions)
    return found | {"normal_ovaries": _overlap(ovaries)}


def _overlap(judged: Sequence[JudgedPicture]) -> Values:
    placed = [one.placed for one in judged if one.placed is not None]
    draws = Draws.of([one.block for one in judged] or [0])
    dice = [one.dice for one in placed]
    return (
        {"images": len(placed)}
        | told("dice_mean", average(dice, draws))
        | told("dice_median", median(dice, draws))
        | told("none_found", share([not one.found for one in placed], draws))
    )


def _activation_map(judged: Sequence[JudgedPicture]) -> Values | None:
    """Where the map's maximum lies in pictures of lesions; ``None`` without masks."""
    lesions = [one for one in judged if one.placed is not None and one.lesion]
    if not lesions:
        return None
    draws = Draws.of([one.block for one in lesions])
    placed = [one.placed for one in lesions if one.placed is not None]
    cancers = np.array([one.malignant for one in lesions])
    inside = np.array([one.peak_inside for one in placed])
    return (
        {"images": len(lesions)}
        | told("maximum_in_lesion", share(inside, draws))
        | told("maximum_in_found_lesion", share([one.peak_in_found for one in placed], draws))
        | told("by_chance", average([one.by_chance for one in placed], draws))
        | told("by_outline", average([one.by_outline for one in placed], draws))
        | told("maximum_in_lesion_of_malignant", _share_of(inside, cancers, lesions))
    )


def _classes(judged: Sequence[JudgedPicture], draws: Draws) -> Values:
    """Each class against the rest, and how often its pictures are called malignant (Youden)."""
    given = np.stack([one.categories for one in judged]).astype(float)
    true = np.array([one.category for one in judged])
    called = np.array([one.scores.theta >= one.scores.operating.threshold_youden for one in judged])
    found: Values = told("accuracy", share(given.argmax(axis=1) == true, draws))
    for place, name in enumerate(CLASSES):
        own = true == place
        found[name] = (
            {"images": int(own.sum())}
            | told("auc", discrimination(given[:, place], own, draws))
            | told("called_malignant", _share_of(called, own, judged))
        )
    return found


def _properties(judged: Sequence[JudgedPicture]) -> Values:
    """The ensemble by property of the picture."""
    found = {}
    for name, inside in groups_of([one.properties for one in judged]).items():
        own = [one for one, held in zip(judged, inside, strict=True) if held]
        found[name] = _group(own)
    return found


def _group(judged: Sequence[JudgedPicture]) -> Values:
    truth = np.array([one.malignant for one in judged], bool)
    found: Values = {"images": len(judged), "malignant_images": int(truth.sum())}
    if min(truth.sum(), (~truth).sum()) < LEAST_IN_GROUP:
        return found | {"auc": None, "auc_ci": None, "auc_ci_by_block": None}
    draws = Draws.of([one.block for one in judged])
    scores = np.array([one.scores.theta for one in judged])
    called = scores >= np.array([one.scores.operating.threshold_youden for one in judged])
    return found | judged_by(scores, called, truth, draws)


def _examinations(judged: Sequence[JudgedPicture]) -> Values:
    """Theta over all pictures of a block, as over those of an examination; malignant where one of them is.

    Blocks stand in for examinations: the public pictures do not say which patient they are of.
    """
    held: dict[tuple[int, int | None], list[JudgedPicture]] = {}
    for one in judged:
        held.setdefault((one.block, one.fold), []).append(one)
    groups = list(held.values())
    truth = np.array([any(one.malignant for one in group) for group in groups])
    points = [group[0].scores.operating for group in groups]
    scores = np.array(
        [
            combined(_mean(group, "theta_resnet50"), _mean(group, "theta_darknet19"), point.weight_resnet50)
            for group, point in zip(groups, points, strict=True)
        ]
    )
    called = scores >= np.array([point.threshold_youden for point in points])
    draws = Draws.of([group[0].block for group in groups])
    return {
        "examinations": len(groups),
        "malignant_examinations": int(truth.sum()),
        "images_each": len(judged) / len(groups),
    } | judged_by(scores, called, truth, draws)


def _mean(group: Sequence[JudgedPicture], name: str) -> float:
    """Theta of the group: it is a mean over images, so the mean of their own."""
    return float(np.mean([getattr(one.scores, name) for one in group]))


def _quality(judged: Sequence[JudgedPicture], draws: Draws) -> Values:
    """How many pictures cleaning would keep; the other figures are of all pictures, kept or not.

    ``kept`` is of all, ``kept_of_untaught`` of those that did not teach the quality network.
    """
    kept = np.array([one.quality.used for one in judged])
    untaught = np.array([not one.taught_quality for one in judged])
    truth = np.array([one.malignant for one in judged])
    scores = np.array([one.scores.theta for one in judged])
    blocks = [one.block for one, held in zip(judged, kept, strict=True) if held]
    among_kept = discrimination(scores[kept], truth[kept], Draws.of(blocks)) if blocks else Reading(None, None, None)
    return (
        told("kept", share(kept, draws))
        | {"untaught_images": int(untaught.sum())}
        | told("kept_of_untaught", _share_of(kept, untaught, judged))
        | told("kept_of_malignant", _share_of(kept, truth, judged))
        | told("auc_of_kept", among_kept)
        | {"dropped_for": _reasons(judged)}
    )


def _reasons(judged: Sequence[JudgedPicture]) -> dict[str, int]:
    """How many were dropped for what: a reason up to its first number or explanation."""
    found: dict[str, int] = {}
    for one in judged:
        if not one.quality.used:
            reason = one.quality.reason.split(" (")[0].split(":")[0]
            found[reason] = found.get(reason, 0) + 1
    return found


def counts_by_judges(judged: Sequence[JudgedPicture]) -> Mapping[str, int]:
    """How many pictures were judged by the one fold that never saw them, and how many by all networks."""
    known = sum(one.fold is not None for one in judged)
    return {"held_out_fold": known, "all_networks": len(judged) - known}
