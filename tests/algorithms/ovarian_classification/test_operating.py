"""The operating point: thresholds by counting, calibration against known odds and against sklearn, and refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from algorithms.ovarian_classification.operating import Operating, fit_operating
from algorithms.ovarian_classification.roc import area
from dicom_node.errors import ModelError

RESTS_ON = "40 images of a test"


def _of_thetas(thetas):
    """Probabilities that give these thetas: P = 1 - exp(-theta)."""
    return -np.expm1(-np.asarray(thetas, float))


def _by_hand():
    """Negatives at 0.1, 0.2 ... 2.0, positives at 1.05, 1.15 ... 2.95: both networks say the same."""
    thetas = np.concatenate([np.arange(1, 21) * 0.1, 1.05 + np.arange(20) * 0.1])
    return _of_thetas(thetas), np.arange(40) >= 20


def test_thresholds_by_counting():
    p, malignant = _by_hand()
    found = fit_operating(p, p, malignant, RESTS_ON)
    assert found.weight_resnet50 == 0.5
    # 19 of 20 positives are at or above 1.15, so the highest threshold is half-way to the score below it, 1.1
    assert found.threshold_sensitivity == pytest.approx(1.125)
    # 19 of 20 negatives are at or below 1.9: the lowest threshold is half-way to 1.95
    assert (found.abstain_low, found.abstain_high) == pytest.approx((1.125, 1.925))
    # sensitivity + specificity is 1.5 at 1.025 already (20/20 + 10/20), and nowhere more
    assert found.threshold_youden == pytest.approx(1.025)
    assert found.rests_on == RESTS_ON
    assert found.youden_resnet50 == found.youden_darknet19 == pytest.approx(1.025)


def test_decisions_at_the_ends_of_the_band():
    p, malignant = _by_hand()
    found = fit_operating(p, p, malignant, RESTS_ON)
    assert found.decision(math.nextafter(found.abstain_low, 0.0)) == "not_malignant"
    assert found.decision(found.abstain_low) == "abstain"
    assert found.decision(math.nextafter(found.abstain_high, 0.0)) == "abstain"
    assert found.decision(found.abstain_high) == "malignant"


def test_without_overlap_the_band_is_empty_and_the_probability_is_not_certain():
    thetas = np.concatenate([np.linspace(0.1, 0.5, 30), np.linspace(2.0, 3.0, 30)])
    p, malignant = _of_thetas(thetas), np.arange(60) >= 30
    found = fit_operating(p, p, malignant, RESTS_ON)
    assert found.abstain_low == found.abstain_high
    assert 0.5 < found.abstain_low < 2.0
    assert {found.decision(float(score)) for score in thetas} == {"malignant", "not_malignant"}
    assert math.isfinite(found.slope)
    assert found.probability(3.0) < 1.0


def test_the_weight_is_that_of_the_areas():
    rng = np.random.default_rng(3)
    malignant = np.arange(200) >= 150
    strong = _of_thetas(rng.gamma(2.0, 0.2, 200) + 0.8 * malignant)
    weak = _of_thetas(rng.gamma(2.0, 0.2, 200) + 0.1 * malignant)
    found = fit_operating(strong, weak, malignant, RESTS_ON)
    areas = area(strong, malignant), area(weak, malignant)
    assert found.weight_resnet50 == pytest.approx(areas[0] / sum(areas))
    assert found.weight_resnet50 > 0.5


def test_probabilities_that_are_calibrated_already_stay_as_they_are():
    rng = np.random.default_rng(0)
    p = rng.beta(0.6, 2.0, 40_000)
    found = fit_operating(p, p, rng.random(40_000) < p, RESTS_ON)
    assert found.slope == pytest.approx(1.0, abs=0.05)
    assert found.intercept == pytest.approx(0.0, abs=0.08)
    assert found.probability(-math.log(1 - 0.3)) == pytest.approx(0.3, abs=0.02)


def test_calibration_agrees_with_sklearn():
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(1)
    malignant = np.arange(300) >= 260
    p = _of_thetas(rng.gamma(1.5, 0.3, 300) + 0.6 * malignant)
    found = fit_operating(p, p, malignant, RESTS_ON)
    # sklearn gives a, b of 1 / (1 + exp(a f + b)), with Platt's targets
    a, b = calibration._sigmoid_calibration(np.log(p / (1 - p)), malignant.astype(int))
    assert (found.slope, found.intercept) == pytest.approx((-a, -b), abs=1e-3)


def test_probability_rises_with_theta_and_takes_its_ends():
    p, malignant = _by_hand()
    found = fit_operating(p, p, malignant, RESTS_ON)
    told = [found.probability(score) for score in (0.0, 0.5, 1.0, 2.0, 5.0, 13.8155, 1000.0)]
    assert told == sorted(told)
    assert 0.0 <= told[0] < told[-1] <= 1.0


@pytest.mark.parametrize("score", [-0.1, math.nan, math.inf])
def test_what_is_no_theta_is_refused(score):
    p, malignant = _by_hand()
    found = fit_operating(p, p, malignant, RESTS_ON)
    for read in (found.decision, found.probability):
        with pytest.raises(ValueError, match="theta"):
            read(score)


def test_too_few_images_are_refused():
    p, malignant = _by_hand()
    with pytest.raises(ValueError, match=r"at least 20 malignant and 20 other images; got 19 and 20"):
        fit_operating(p[:-1], p[:-1], malignant[:-1], RESTS_ON)


def test_scores_that_fall_with_malignancy_are_refused():
    p, malignant = _by_hand()
    with pytest.raises(ValueError, match="falls with malignancy"):
        fit_operating(p, p, ~malignant, RESTS_ON)


def test_round_trip_by_the_card():
    p, malignant = _by_hand()
    found = fit_operating(p, p, malignant, RESTS_ON)
    assert Operating.from_card(found.to_card()) == found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"slope": None}, "slope"),
        ({"slope": -1.0}, "rise with theta"),
        ({"intercept": math.nan}, "intercept"),
        ({"abstain_low": 9.0}, "before it begins"),
        ({"rests_on": ""}, "rest on"),
        ({"weight_resnet50": 2.0}, "weight_resnet50"),
    ],
)
def test_a_card_that_cannot_be_worked_with_is_refused(change, told):
    card = Operating(0.5, 1.0, 0.0, 0.2, 0.4, 0.2, 0.8, RESTS_ON).to_card() | change
    with pytest.raises(ModelError, match=told):
        Operating.from_card(card)


def test_a_card_without_a_number_says_which():
    card = Operating(0.5, 1.0, 0.0, 0.2, 0.4, 0.2, 0.8, RESTS_ON).to_card()
    assert None not in card.values()  # which TOML cannot say
    assert Operating.from_card(card).youden_resnet50 is None
    del card["abstain_high"]
    with pytest.raises(ModelError, match="abstain_high missing"):
        Operating.from_card(card)


def test_values_are_frozen():
    point = Operating(0.5, 1.0, 0.0, 0.2, 0.4, 0.2, 0.8, RESTS_ON)
    assert replace(point, abstain_high=0.9).abstain_high == 0.9
    with pytest.raises(AttributeError):
        point.slope = 2.0
