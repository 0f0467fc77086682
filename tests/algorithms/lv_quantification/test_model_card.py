"""What model.toml and the card say of ten networks: who was held out, how many there were, what was reached."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
from algorithms.lv_quantification.model_card import card, entries
from algorithms.lv_quantification.training_data import Labelled
from algorithms.training.card import write_card
from dicom_node.algorithm import EvaluationReport
from dicom_node.series import Spacing

HELD_OUT = [["A", "B"], ["C"], ["D"], ["E"], ["F"]]


def figure(value, low=None, high=None, unit="1"):
    return {"value": value, "low": low, "high": high, "unit": unit, "n": 40, "patients": 6, "wanted": ""}


def picture(patient, inside=False, physical=False):
    image = np.ones((4, 4), np.float32)
    return Labelled(patient, 1, image, image > 0, image > 0 if inside else None, Spacing(1, 1), physical)


def test_entries_name_their_fold():
    made = entries(HELD_OUT, {})
    assert [entry.name for entry in made] == [f"{kind}_{n}" for n in range(1, 6) for kind in ("finder", "dla")]
    assert [entry.file for entry in made[:2]] == ["finder_1.onnx", "dla_1.onnx"]
    assert [entry.more["held_out_patients"] for entry in made[:4]] == [["A", "B"], ["A", "B"], ["C"], ["C"]]
    assert all("6 patients" in entry.data for entry in made)
    assert not any(entry.figures for entry in made)
    assert not any(entry.simulated_only for entry in made)


def test_entries_tell_what_was_reached():
    reached = {
        "ventricle_found_percent": figure(99.0, 97.0, 100.0, "%"),
        "endocardium_dice_mean": figure(0.91, 0.9, 0.92),
        "wall_thickness_error_mm": figure(1.5, unit="mm"),
        "phase_error_percent": figure(5.0, unit="%"),
        "patients": [],
    }
    finder, dla = entries(HELD_OUT, reached)[:2]
    assert finder.figures == {"ventricle_found_percent": [97.0, 99.0, 100.0]}
    assert dla.figures == {"endocardium_dice_mean": [0.9, 0.91, 0.92], "wall_thickness_error_mm": [1.5]}


@pytest.mark.parametrize(("physical", "told"), [(True, "spacing is known of A only"), (False, "of none only")])
def test_the_card_says_what_figures_rest_on(tmp_path, physical, told):
    values = {"endocardium_dice_mean": figure(0.91, 0.9, 0.92), "edv_error_ml": figure(4.0, unit="ml"), "patients": []}
    pictures = [picture("A", inside=True, physical=physical), picture("A"), picture("B")]
    write_card(tmp_path / "card.md", card(pictures, EvaluationReport((), values)))
    text = (tmp_path / "card.md").read_text()
    assert "2 patients, 3 pictures; 1 with an expert's epicardium" in text
    assert told in text
    assert "0.91 (0.9 to 0.92)" in text
    assert "40 items of 6 patients" in text
    assert f"rests on {int(physical)} patients with a spacing" in text
