"""Folds: patients whole, each cluster spread over all of them, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("sklearn")
from algorithms.lv_quantification.folds import FOLDS, descriptor, folds_of
from dicom_node.errors import UsageError

STYLES = 5


@pytest.fixture(scope="module")
def collection():
    """(descriptors, patients, style of each picture): thirty patients; each of five styles in six of them."""
    rng = np.random.default_rng(6)
    middles = rng.normal(0.0, 1.0, (STYLES, 43))
    patients = [f"P{number}" for number in range(30) for _ in range(6 + number % 5)]
    style = np.array([int(patient[1:]) % STYLES for patient in patients])
    return middles[style] + rng.normal(0.0, 0.05, (len(patients), 43)), patients, style


def test_every_patient_is_whole_and_every_cluster_is_spread(collection):
    descriptors, patients, style = collection
    fold = folds_of(descriptors, patients, seed=1)
    assert set(fold) == set(range(FOLDS))
    assert {
        len({where for where, who in zip(fold, patients, strict=True) if who == patient}) for patient in patients
    } == {1}
    for one in range(STYLES):  # six patients of a style: none of the five folds is without, none has more than two
        count = Counter(fold[style == one])
        share = [count[number] / np.count_nonzero(style == one) for number in range(FOLDS)]
        assert min(share) > 0.1
        assert max(share) < 0.45


def test_the_seed_decides(collection):
    descriptors, patients, _ = collection
    first = folds_of(descriptors, patients, seed=1)
    assert (folds_of(descriptors, patients, seed=1) == first).all()
    assert (folds_of(descriptors, patients, seed=2) != first).any()


def test_indices_in_large_units_do_not_drown_the_histogram(collection):
    """The same descriptors with areas in square micrometres sort into the same folds."""
    descriptors, patients, _ = collection
    scale = np.r_[np.ones(32), np.full(11, 1e6)]
    assert (folds_of(descriptors * scale, patients, 1) == folds_of(descriptors, patients, 1)).all()


def test_small_clusters_are_no_fault():
    """Thirty alike and one that is not: a cluster of one picture cannot be in every fold."""
    descriptors = np.random.default_rng(0).normal(0, 0.01, (31, 43))
    descriptors[30] += 5.0
    fold = folds_of(descriptors, [f"P{number % 7}" for number in range(31)], 0)
    assert len(fold) == 31


@pytest.mark.parametrize(("pictures", "patients", "told"), [(40, 4, "40 of 4"), (20, 10, "20 of 10")])
def test_too_few(pictures, patients, told):
    with pytest.raises(UsageError, match=rf">= 5 patients, >= 25 in all; found {told}"):
        folds_of(np.zeros((pictures, 43)), [f"P{number % patients}" for number in range(pictures)], 0)


def test_descriptor():
    """A quarter of the pixels at the bottom of the range, the rest at its top; no wall is known."""
    picture = np.array([[-1.0, 1.0], [1.0, 1.0]])
    made = descriptor(picture, np.r_[1500.0, np.nan, np.full(9, 40.0)])
    assert made.shape == (43,)
    assert made[[0, 31]].tolist() == [0.25, 0.75]
    assert made[1:31].tolist() == [0.0] * 30
    assert made[32:].tolist() == [1500.0, 0.0, *[40.0] * 9]
