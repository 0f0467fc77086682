"""From labelled and simulated pictures to lessons, and from lessons to the batches of an epoch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("nilearn")
from algorithms.lv_quantification.augment import Teaching
from algorithms.lv_quantification.lessons import (
    ESTIMATED_TRUST,
    OTHER_ORGANS_SHARE,
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


def plain(grey, cavity=False):
    """A picture of 100 x 120 pixels, 3 mm each, of one grey, with a cavity in its middle or none."""
    mask = np.zeros((100, 120), bool)
    mask[48:53, 58:63] = cavity
    return Teaching(np.full(mask.shape, grey, np.float32), mask, mask, Spacing(3.0, 3.0), 1.0, (60.0, 50.0))


def drawn_from(fold, seed=0, share=0.0):
    return [lesson for batch in epoch_of(fold, 1, np.random.default_rng(seed), share) for lesson in batch]


def test_an_epoch_has_every_real_lesson_once_and_its_shares_of_others():
    real = tuple(plain(1000.0 + number, cavity=True) for number in range(42))
    simulated = tuple(plain(2000.0 + number) for number in range(100))
    fold = Fold(0, real, simulated)
    drawn = drawn_from(fold)
    assert len(drawn) == 60  # 42 and 18: seven tenths and three
    own = {id(lesson) for lesson in drawn}
    assert {id(lesson) for lesson in real} < own
    assert len(own & {id(lesson) for lesson in simulated}) == round(60 * SIMULATED_SHARE) == 18
    with_others = drawn_from(fold, share=0.5)
    others = [lesson for lesson in with_others if id(lesson) not in {id(one) for one in (*real, *simulated)}]
    assert len(others) == len(with_others) - 60 == 21  # seven of each kind
    assert not any(lesson.cavity.any() for lesson in others)
    again, differently = drawn_from(fold, share=0.5), drawn_from(fold, seed=1)
    assert [lesson.image.sum() for lesson in again] == [lesson.image.sum() for lesson in with_others]
    assert [id(lesson) for lesson in differently] != [id(lesson) for lesson in drawn]


def test_other_organs_are_of_the_folds_own_pictures():
    """What lies beside a heart is as bright as a picture of the fold; the rest are heads and pieces in pictures."""
    real = tuple(plain(1000.0 + number, cavity=True) for number in range(60))
    drawn = drawn_from(Fold(0, real, ()), share=OTHER_ORGANS_SHARE)
    parts = [lesson for lesson in drawn if not lesson.cavity.any() and np.ptp(lesson.image) == 0.0]
    assert len(parts) == 3  # a third of 15 % of 60
    assert {float(part.image.max()) for part in parts} <= {1000.0 + number for number in range(60)}


def test_batches_are_full():
    real = tuple(plain(float(number)) for number in range(7))
    assert [len(batch) for batch in epoch_of(Fold(0, real, ()), 3, np.random.default_rng(0))] == [3, 3]
    many = tuple(plain(float(number)) for number in range(6))
    few = list(epoch_of(Fold(0, many, (plain(100.0), plain(101.0))), 8, np.random.default_rng(0)))
    assert len(few) == 1  # fewer simulated ones than wanted are all taken
