"""The card says everything it was given, and refuses to leave out what matters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from algorithms.training.card import Card, Figure, TrainingData, write_card
from algorithms.training.figures import Interval

CARD = Card(
    title="Ventricle finder",
    version="1.0",
    purpose="Finds the ventricle.",
    inputs="A picture.",
    outputs="A mask.",
    data=(TrainingData("sunny | png", "CC0", "30 patients", "training"),),
    training="40 epochs.",
    folds="Five, by patient.",
    figures=(Figure("Dice", Interval(0.9, 0.912, 0.93), "1", "30 patients, each held out once"),),
    limits=("Short axis only.", "Adults only."),
)


def test_the_card_says_everything(tmp_path):
    write_card(tmp_path / "card.md", CARD)
    text = (tmp_path / "card.md").read_text()
    assert text.startswith("# Ventricle finder 1.0\n")
    for told in (
        "not a medical device",
        "## Purpose\n\nFinds the ventricle.",
        "| sunny \\| png | CC0 | 30 patients | training |",
        "| Dice | 0.912 (0.9 to 0.93) | 1 | 30 patients, each held out once |",
        "- Short axis only.\n- Adults only.\n",
    ):
        assert told in text


@pytest.mark.parametrize("empty", ["data", "figures", "limits"])
def test_a_card_without_what_matters_is_refused(empty):
    with pytest.raises(ValueError, match=empty):
        replace(CARD, **{empty: ()})
