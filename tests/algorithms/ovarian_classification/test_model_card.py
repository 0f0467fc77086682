"""The card and the manifest's entries tell what an evaluation found, and what was not proved."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tomli_w")

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.model_card import card, entries
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.training_data import Labelled
from algorithms.training.card import write_card
from dicom_node.algorithm import EvaluationReport

POINT = Operating(0.5, 1.0, 0.0, 0.4, 0.7, 0.4, 1.2, "40 pictures of a test")
HELD_OUT = [[f"{fold}{number}" for number in range(3)] for fold in range(5)]


def _part(auc):
    return {"auc": auc, "auc_ci": [auc - 0.05, auc + 0.05], "auc_ci_by_block": [auc - 0.1, auc + 0.1]}


def _values(difference=0.01, low=-0.02):
    against = {"difference": difference, "difference_ci": [low, 0.04], "p": 0.4}
    band = {"abstained": 0.4}
    return {
        "images": 40, "malignant_images": 5, "malignant_blocks": 2, "blocks": 11,
        "resnet50": _part(0.81) | {"ppv": None, "ppv_ci": None}, "darknet19": _part(0.82),
        "ensemble": _part(0.83) | {"against": {"resnet50": against, "darknet19": against}, "band": band},
        "lesion_vs_normal": _part(0.9), "examinations": _part(0.85) | {"examinations": 11},
        "segmentation": {"images": 35, "dice_mean": 0.78, "dice_mean_ci": [0.7, 0.8]},
        "activation_map": {"images": 35, "maximum_in_lesion": 0.75, "maximum_in_lesion_ci": [0.7, 0.8]},
        "marks": {"images": 30, "only_marks": _part(0.5)},
    }  # fmt: skip


def _pictures():
    rng = np.random.default_rng(0)
    return [
        Labelled(f"{n}.jpg", n, f"{n:012x}", rng.integers(0, 255, (40, 50, 3)).astype(np.uint8),
                 np.ones((40, 50), bool), CLASSES[n % 8])
        for n in range(16)
    ]  # fmt: skip


def _card(values):
    return card(_pictures(), EvaluationReport((), values), ["wider networks: overfit"], {"pelvic_kept": 0.98}, POINT)


def test_entries_of_fifteen_networks():
    found = entries(HELD_OUT, POINT, [POINT] * 5, _values())
    assert [one.name for one in found[:3]] == ["segment_1", "resnet50_1", "darknet19_1"]
    assert len(found) == 15
    assert all(one.more["held_out_digests"] == HELD_OUT[int(one.name[-1]) - 1] for one in found)
    carriers = [one.name for one in found if "operating" in one.more]
    assert carriers == ["resnet50_1"]
    carrier = found[1]
    assert Operating.from_card(carrier.more["operating"]) == POINT
    assert len(carrier.more["operating_without"]) == 5
    assert carrier.figures["auc"] == pytest.approx([0.76, 0.81, 0.86])
    assert found[0].figures["dice_mean"] == [0.7, 0.78, 0.8]


def test_entries_before_there_are_figures():
    found = entries(HELD_OUT, None, [], {})
    assert all(one.figures == {} for one in found)
    assert not any("operating" in one.more for one in found)


def test_the_card_is_written_and_tells_what_was_tried(tmp_path):
    write_card(tmp_path / "model_card.md", _card(_values()))
    text = (tmp_path / "model_card.md").read_text()
    assert "- wider networks: overfit" in text
    assert "none stated; research use" in text
    assert "| ensemble: auc | 0.83 (0.78 to 0.88) |" in text
    assert "| quality network: pelvic_kept | 0.98 |" in text
    assert "ppv" not in text  # which has no value


@pytest.mark.parametrize(
    ("difference", "low", "told"),
    [(0.01, -0.02, "not proved better than"), (0.02, 0.01, "is better than"), (-0.01, -0.04, "is not better than")],
)
def test_the_card_says_whether_the_ensemble_is_better(difference, low, told):
    limits = _card(_values(difference, low)).limits
    assert sum(told in limit for limit in limits) == 2
