"""From labelled and simulated pictures to lessons, and from lessons to the batches of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
from algorithms.lv_quantification.lessons import (
    ESTIMATED_TRUST,
    SIMULATED_SHARE,
    SIMULATED_TRUST,
    Fold,
    epoch_of,
    fold_numbers,
    simulated_teachings,
    teachings,
)
from algorithms.lv_quantification.training_data import Labelled
from dicom_node.series import Spacing

SPACING = Spacing(1.4, 1.4)


def labelled(image, inside, patient="P", number=1):
    image = image.astype(np.float32)
    return Labelled(patient, number, image, image > 600, inside, SPACING, physical=True)


def test_an_experts_epicardium_is_believed(three_greys):
    image = three_greys(20.0, 29.0)
    (lesson,) = teachings([labelled(image, image > 200)])
    assert lesson.trust == 1.0
    assert (lesson.inside == (image > 200)).all()
    assert lesson.centre_px == pytest.approx((60.0, 44.0), abs=0.1)


def test_a_missing_epicardium_is_estimated_and_believed_less(three_greys):
    """Darker than what is around it, as myocardium is."""
    heart, ring = three_greys(20.0, 29.0), three_greys(29.0, 29.0)
    image = np.where(heart > 600, 900, np.where(ring > 600, 150, 450)).astype(np.uint16)
    (lesson,) = teachings([labelled(image, None)])
    assert lesson.trust == ESTIMATED_TRUST < 1.0
    true = ring > 600
    assert 2 * np.count_nonzero(lesson.inside & true) / (lesson.inside.sum() + true.sum()) > 0.95


def test_what_cannot_be_told_is_not_believed(three_greys):
    """Nothing ends the wall: the lesson has its cavity, and no wall that counts."""
    image = np.where(three_greys(20.0, 29.0) > 600, 900, 150).astype(np.uint16)
    (lesson,) = teachings([labelled(image, None)])
    assert lesson.trust == 0.0
    assert (lesson.inside == lesson.cavity).all()


@pytest.mark.parametrize("inside", [None, np.zeros((96, 112), bool)])
def test_a_picture_without_a_ventricle_teaches_that(three_greys, inside):
    """Its crop lies where the nearest slice of the patient has it; of a patient without any, in the middle."""
    near, far = three_greys(20.0, 29.0, (50.0, 40.0)), three_greys(20.0, 29.0, (70.0, 50.0))
    nothing = labelled(np.full((96, 112), 100), inside, number=25)
    lesson = teachings([labelled(far, far > 200, number=3), nothing, labelled(near, near > 200, number=23)])[1]
    assert not lesson.cavity.any()
    assert not lesson.inside.any()
    assert lesson.trust == 1.0
    assert lesson.centre_px == pytest.approx((50.0, 40.0), abs=0.1)
    (alone,) = teachings([nothing])
    assert alone.centre_px == (55.5, 47.5)


def test_simulated_lessons_follow_the_seed():
    first, again = simulated_teachings(3, 5), simulated_teachings(3, 5)
    assert all((one.image == other.image).all() for one, other in zip(first, again, strict=True))
    assert not (simulated_teachings(1, 6)[0].image == first[0].image).all()
    for lesson in first:
        assert lesson.trust == SIMULATED_TRUST
        assert lesson.inside[lesson.cavity].all()
        assert lesson.image.shape == lesson.cavity.shape


def test_patients_are_whole_in_the_folds(three_greys):
    pictures = [
        labelled(
            image := three_greys(12.0 + patient, 21.0 + patient + 0.5 * number), image > 200, f"P{patient}", number
        )
        for patient in range(7)
        for number in range(4)
    ]
    fold = fold_numbers(pictures, teachings(pictures), seed=0)
    for patient in range(7):
        assert len(set(fold[4 * patient : 4 * patient + 4])) == 1
    assert set(fold) <= set(range(5))


def test_an_epoch_has_every_real_lesson_once_and_its_share_of_simulated_ones():
    real, simulated = tuple(f"real {number}" for number in range(42)), tuple(range(100))
    drawn = [lesson for batch in epoch_of(Fold(0, real, simulated), 10, np.random.default_rng(0)) for lesson in batch]
    assert len(drawn) == 60  # 42 and 18: seven tenths and three
    assert set(real) <= set(drawn)
    assert len(set(drawn)) == 60
    assert sum(lesson in simulated for lesson in drawn) == round(60 * SIMULATED_SHARE)
    again = list(epoch_of(Fold(0, real, simulated), 10, np.random.default_rng(0)))
    other = list(epoch_of(Fold(0, real, simulated), 10, np.random.default_rng(1)))
    assert [lesson for batch in again for lesson in batch] == drawn
    assert again != other


def test_batches_are_full():
    batches = list(epoch_of(Fold(0, tuple(range(7)), ()), 3, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [3, 3]
    few = list(epoch_of(Fold(0, tuple(range(70)), (100, 101)), 8, np.random.default_rng(0)))
    assert len(few) == 9  # 72: fewer simulated ones than wanted are all taken
