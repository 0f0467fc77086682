"""The words between commands and algorithms: a report of an evaluation holds numbers or says None."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dicom_node.algorithm import EvaluationReport, NoModels
from dicom_node.errors import ModelError


def test_a_report_without_a_figure_says_none():
    report = EvaluationReport(rows=({"dice": None, "n": 0},), values={"dice": [None, 0.9], "name": "inf"})
    assert json.dumps(report.values, allow_nan=False)


@pytest.mark.parametrize(
    ("rows", "values", "place"),
    [
        (({"dice": 0.9}, {"dice": float("nan")}), {}, r"rows\[1\]\.dice"),
        ((), {"a": {"low": -np.inf}}, r"values\.a\.low"),
        (({"dice": np.float32(0.9)},), {}, r"rows\[0\]\.dice"),
        ((), [{"b": (1.0, np.float64("nan"))}], r"values\[0\]\.b\[1\]"),
    ],
)
def test_a_figure_that_is_no_number_is_refused_with_its_place(rows, values, place):
    with pytest.raises(ValueError, match=f"no text or finite number of Python at {place}$"):
        EvaluationReport(rows=rows, values=values)


def test_an_algorithm_without_weights_has_no_models():
    for ask in (NoModels().open, NoModels().card):
        with pytest.raises(ModelError, match=r"no model 'dla_1'.*no model\.toml"):
            ask("dla_1")
