"""Area and thresholds by counting pairs by hand."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.roc import area, cuts


def test_area_counts_pairs_and_half_of_the_ties():
    # positives 3, 2; negatives 1, 2: pairs 3>1, 3>2, 2>1 and one tie: 3.5 of 4
    assert area([3, 2, 1, 2], [True, True, False, False]) == pytest.approx(3.5 / 4)


def test_cuts_lie_between_the_scores():
    found = cuts([1.0, 2.0, 2.0, 4.0], [False, False, True, True])
    assert found.at[:3].tolist() == [1.0, 1.5, 3.0]
    assert found.at[3] > 4.0
    assert found.sensitivity.tolist() == [1.0, 1.0, 0.5, 0.0]
    assert found.specificity.tolist() == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("scores", "truth", "told"),
    [
        ([1.0, 2.0], [True, True], "2 positive and 0 negative"),
        ([1.0, np.nan], [True, False], "1 of 2 scores"),
        ([1.0, 2.0], [True], "one truth for each"),
    ],
)
def test_what_has_no_curve_is_refused(scores, truth, told):
    with pytest.raises(ValueError, match=told):
        area(scores, truth)
