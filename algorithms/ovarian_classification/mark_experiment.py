"""Do calipers, text and body marks carry the decision? The same pictures with other marks, and marks without pictures.

    drawn         marks of the simulator's scanners drawn onto the picture at random, whatever it shows
    painted_out   its real marks painted out beforehand, those outside the sector too
    left_in       its real marks as grey, where cleaning does not know them for marks: the networks see them
    only_marks    nothing but its real coloured marks and the writing outside the sector, as grey, so that the networks
                  see them; the rest is black

The first three should change nothing, the last should be at chance (AUC 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from algorithms.ovarian_classification.delong import delong_difference
from algorithms.ovarian_classification.image_properties import coloured_marks
from algorithms.ovarian_classification.judged import FoldJudges, JudgedPicture, Scores
from algorithms.ovarian_classification.marks import unmarked
from algorithms.ovarian_classification.reader_figures import Draws, average, discrimination, share
from algorithms.ovarian_classification.reader_table import told
from algorithms.ovarian_classification.scan import Placed
from algorithms.ovarian_classification.screen_furniture import any_style, body_mark, callipers, label, maker_mark
from algorithms.ovarian_classification.training_data import Labelled

OTHERS = 100
"""Pictures without cancer that are looked at, drawn at random; of those with cancer all are."""
STREAM = 71
MM_PER_PX = 0.2
"""For the values beside drawn calipers: any number is as good."""
WRITTEN_FROM = 60
"""Grey value of writing outside the sector."""

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Changed:
    """Scores of one picture as it is, and as it was changed."""

    before: JudgedPicture
    after: Scores


def drawn(picture: Labelled, rng: np.random.Generator) -> Rgb:
    """Two or three kinds of marks drawn onto the picture."""
    rows, columns = picture.rgb.shape[:2]
    screen = picture.rgb.copy()
    style = any_style(rng)
    placed = Placed(rows, columns, (columns - 1) / 2, 0.0, MM_PER_PX, 0, 0, columns - 1, rows - 1)
    near = (int(rng.uniform(0.25, 0.75) * columns), int(rng.uniform(0.25, 0.75) * rows))
    callipers(screen, picture.mask if picture.mask.any() else _any_ellipse(rows, columns, rng), placed, style, rng)
    label(screen, near, style, rng)
    (body_mark if rng.random() < 0.5 else maker_mark)(screen, placed, style, rng)
    return screen


def painted_out(picture: Labelled, rng: np.random.Generator) -> Rgb:
    """The picture as cleaning leaves it."""
    return cv2.cvtColor(unmarked(picture.rgb).grey, cv2.COLOR_GRAY2RGB)


def left_in(picture: Labelled, rng: np.random.Generator) -> Rgb:
    """The picture in grey."""
    return cv2.cvtColor(cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def only_marks(picture: Labelled, rng: np.random.Generator) -> Rgb:
    """The marks on black."""
    plain = unmarked(picture.rgb)
    grey = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY)
    marks = coloured_marks(picture.rgb, plain) | (~plain.sector & (grey >= WRITTEN_FROM))
    near = cv2.dilate(marks.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~plain.colour
    return cv2.cvtColor(np.where(near, grey, 0).astype(np.uint8), cv2.COLOR_GRAY2RGB)


CHANGES: dict[str, Callable[[Labelled, np.random.Generator], Rgb]] = {
    "drawn": drawn,
    "painted_out": painted_out,
    "left_in": left_in,
    "only_marks": only_marks,
}


def mark_experiment(
    pictures: Sequence[Labelled],
    judged: Sequence[JudgedPicture],
    judges: FoldJudges,
    seed: int,
    seen: Callable[[float], None],
) -> dict[str, Any] | None:
    """Figures by change; ``None`` where the pictures are all of one kind.

    Args:
        judged: of the pictures, in their order.
        seen: told the share that is done, 0..1.
    """
    malignant = np.array([one.malignant for one in judged])
    if malignant.all() or not malignant.any():
        return None
    places = _looked_at(malignant, np.random.default_rng([seed, STREAM]))
    found: dict[str, Any] = {"images": len(places), "malignant_images": int(malignant[places].sum())}
    for step, (name, change) in enumerate(CHANGES.items()):
        changed = []
        for number, place in enumerate(places):
            seen((step + number / len(places)) / len(CHANGES))
            rgb = change(pictures[place], np.random.default_rng([seed, STREAM, place]))
            changed.append(Changed(judged[place], judges.scores(rgb, judged[place].fold)))
        found[name] = _compared(changed)
    return found | {"how_many_marks_alone": _how_many(judged, malignant)}


def _looked_at(malignant: NDArray[np.bool_], rng: np.random.Generator) -> list[int]:
    others = np.flatnonzero(~malignant)
    chosen = rng.choice(others, min(OTHERS, len(others)), replace=False)
    return sorted([*np.flatnonzero(malignant).tolist(), *chosen.tolist()])


def _compared(changed: Sequence[Changed]) -> dict[str, Any]:
    """AUC before and after with the difference (DeLong, paired), change of P and of the decision."""
    draws = Draws.of([one.before.block for one in changed])
    truth = np.array([one.before.malignant for one in changed])
    before = np.array([one.before.scores.theta for one in changed])
    after = np.array([one.after.theta for one in changed])
    difference = delong_difference(after, before, truth)
    ends = None if difference.value.low is None else [difference.value.low, difference.value.high]
    return (
        told("auc", discrimination(after, truth, draws))
        | {"auc_before": discrimination(before, truth, draws).value}
        | {"difference": difference.value.value, "difference_ci": ends, "p": difference.p}
        | told("mean_change_of_p", average([_change_of_p(one) for one in changed], draws))
        | told("decisions_changed", share([_answer(one.before.scores) != _answer(one.after) for one in changed], draws))
    )


def _change_of_p(one: Changed) -> float:
    """Mean over both networks of how far P(cancer) moved."""
    names = ("p_resnet50", "p_darknet19")
    return float(np.mean([abs(getattr(one.after, name) - getattr(one.before.scores, name)) for name in names]))


def _answer(scores: Scores) -> str:
    return scores.operating.decision(scores.theta)


def _how_many(judged: Sequence[JudgedPicture], malignant: NDArray[np.bool_]) -> dict[str, Any]:
    """AUC of the number of coloured mark pixels as a score for cancer: what there is to be learned from marks."""
    draws = Draws.of([one.block for one in judged])
    return told("auc", discrimination([float(one.properties.mark_pixels) for one in judged], malignant, draws))


def _any_ellipse(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    centre = (int(rng.uniform(0.3, 0.7) * columns), int(rng.uniform(0.3, 0.7) * rows))
    axes = (int(rng.uniform(0.08, 0.25) * columns), int(rng.uniform(0.08, 0.25) * rows))
    canvas = np.zeros((rows, columns), np.uint8)
    return cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1).astype(bool)
