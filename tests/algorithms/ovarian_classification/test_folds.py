"""Number blocks stay together, and every class is in every fold."""

from __future__ import annotations

import numpy as np

from algorithms.ovarian_classification.classes import CLASSES
from algorithms.ovarian_classification.folds import FOLDS, LONGEST_BLOCK, blocks_of, folds_of
from algorithms.ovarian_classification.training_data import Labelled


def _picture(number, category, look):
    rng = np.random.default_rng(look)
    coarse = rng.integers(0, 255, (6, 6), dtype=np.uint8)
    rgb = np.repeat(np.kron(coarse, np.ones((8, 8), np.uint8))[..., None], 3, axis=2)
    return Labelled(f"{number}.jpg", number, f"{number:012x}", rgb, np.zeros((48, 48), np.bool_), category)


def _patients(count):
    """Patients of four pictures each, which look alike; a gap in the numbers after every fifth patient."""
    found, number = [], 1
    for patient in range(count):
        for _ in range(4):
            found.append(_picture(number, CLASSES[patient % len(CLASSES)], patient))
            number += 1
        number += 5 if patient % 5 == 4 else 0
    return found


def test_a_gap_in_the_numbers_ends_a_block():
    pictures = [_picture(number, CLASSES[0], 1) for number in (1, 2, 3, 7, 8)]
    assert blocks_of(pictures).tolist() == [0, 0, 0, 1, 1]


def test_a_long_run_is_cut_where_the_look_changes():
    """No block spans more than it may, and no patient lies in two."""
    pictures = _patients(20)
    blocks = blocks_of(pictures)
    assert np.bincount(blocks).max() <= LONGEST_BLOCK
    for patient in range(20):
        assert len(set(blocks[4 * patient : 4 * patient + 4])) == 1


def test_a_block_is_held_out_as_a_whole():
    pictures = _patients(80)
    blocks, folds = blocks_of(pictures), folds_of(pictures)
    for block in set(blocks.tolist()):
        assert len(set(folds[blocks == block].tolist())) == 1


def test_every_fold_holds_every_class():
    pictures = _patients(80)
    folds = folds_of(pictures)
    for fold in range(FOLDS):
        assert {picture.category for picture, of in zip(pictures, folds, strict=True) if of == fold} == set(CLASSES)


def test_the_same_pictures_give_the_same_folds():
    assert np.array_equal(folds_of(_patients(40)), folds_of(_patients(40)))
