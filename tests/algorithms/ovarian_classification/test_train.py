"""What a training would fail for in the end is said at its beginning."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("tomli_w")

from algorithms.ovarian_classification.classes import MALIGNANT_CLASS, NORMAL_CLASS
from algorithms.ovarian_classification.train import refuse_too_few
from algorithms.ovarian_classification.training_data import Labelled
from dicom_node.errors import UsageError


def _pictures(cancers, others, masked=True):
    """Held out in turns, so that a fifth of each kind is in every fold."""
    rgb, mask = np.zeros((8, 8, 3), np.uint8), np.full((8, 8), masked)
    kinds = [MALIGNANT_CLASS] * cancers + [NORMAL_CLASS] * others
    found = [Labelled(f"{number}.png", number, "", rgb, mask, kind) for number, kind in enumerate(kinds)]
    return found, [number % 5 for number in range(len(found))]


def test_enough_for_every_operating_point():
    refuse_too_few(*_pictures(25, 50))


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (_pictures(20, 50), "there are 16 malignant and 40 others, 56 with a mask; needed are 20"),
        (_pictures(25, 20), "20 malignant and 16 others"),
        (_pictures(25, 50, masked=False), "0 with a mask; needed are .* 16 masks"),
    ],
)
def test_too_few(pictures, words):
    with pytest.raises(UsageError, match=words):
        refuse_too_few(*pictures)
