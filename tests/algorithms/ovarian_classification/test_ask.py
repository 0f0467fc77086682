"""Several networks asked at once: answers in order, failures told."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from algorithms.ovarian_classification.ask import ask_all


class Slow:
    """Answers with its number; the first waits for the second to be asked, too."""

    def __init__(self, number, met=None):
        self.number, self.met = number, met

    def run(self, inputs):
        if self.met is not None:
            self.met.wait(timeout=20.0)
        return {"answer": inputs["asked"] + self.number}


class Failing:
    def run(self, inputs):
        raise ValueError("failed on (1, 2)")


def test_answers_come_in_order_of_the_networks():
    answers = ask_all([Slow(number) for number in range(5)], {"asked": np.array([10])})
    assert [int(answer["answer"][0]) for answer in answers] == [10, 11, 12, 13, 14]


def test_two_run_beside_each_other():
    met = threading.Barrier(2)
    assert len(ask_all([Slow(0, met), Slow(1, met)], {"asked": np.zeros(1)})) == 2


def test_a_failure_is_raised():
    with pytest.raises(ValueError, match="failed on"):
        ask_all([Slow(0), Failing()], {"asked": np.zeros(1)})


def test_none_to_ask():
    assert ask_all([], {}) == []
