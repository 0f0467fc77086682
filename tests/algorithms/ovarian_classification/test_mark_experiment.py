"""Pictures with other marks and marks without pictures: what is changed, and what stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from algorithms.ovarian_classification.image_properties import Properties
from algorithms.ovarian_classification.judged import JudgedPicture, Scores
from algorithms.ovarian_classification.mark_experiment import (
    CHANGES,
    drawn,
    left_in,
    mark_experiment,
    only_marks,
    painted_out,
)
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.quality import Quality
from algorithms.ovarian_classification.training_data import Labelled

POINT = Operating(0.5, 1.0, 0.0, 0.4, 0.7, 0.4, 1.2, "a test")
CANCER, OTHER = "High-grade_Serous_Cystadenoma", "Teratoma"
CROSS = (150, 110)


def _picture(number=0, category=OTHER):
    rng = np.random.default_rng(number)
    rgb = np.repeat(rng.integers(60, 100, (240, 320, 1)).astype(np.uint8), 3, axis=2)
    cv2.drawMarker(rgb, CROSS, (240, 230, 40), cv2.MARKER_CROSS, 21, 2)
    mask = np.zeros((240, 320), np.uint8)
    cv2.ellipse(mask, (160, 120), (70, 45), 20, 0, 360, 1, -1)
    return Labelled(f"{number}.png", number, f"{number:012x}", rgb, mask.astype(bool), category)


def _rng():
    return np.random.default_rng(3)


def test_drawn_marks_are_few_pixels_and_the_picture_is_not_touched():
    picture = _picture()
    before = picture.rgb.copy()
    changed = (drawn(picture, _rng()) != picture.rgb).any(axis=2)
    assert np.array_equal(picture.rgb, before)
    assert 40 < changed.sum() < 0.15 * changed.size


def test_marks_are_painted_out_or_left_in():
    picture = _picture()
    x, y = CROSS
    assert painted_out(picture, _rng())[y, x, 0] < 130
    left = left_in(picture, _rng())[y, x]
    assert left[0] > 200
    assert left[0] == left[1] == left[2]


def test_nothing_but_marks():
    seen = only_marks(_picture(), _rng())
    x, y = CROSS
    assert seen[y, x].min() > 200
    near = np.zeros(seen.shape[:2], bool)
    near[y - 13 : y + 14, x - 13 : x + 14] = True
    assert not seen[~near].any()


class Mean:
    """Judges that score the mean grey of the middle: marks there raise it."""

    def scores(self, rgb, fold):
        p = float(np.clip(rgb[90:130, 130:170].mean() / 255, 0, 1))
        return Scores(p, p, POINT)


def _judged(picture, judges):
    return JudgedPicture(
        picture.name, picture.number, None, 1 if picture.category == CANCER else 6, judges.scores(picture.rgb, None),
        np.full(8, 0.125, np.float32), 0.9, Quality({}, True, ""), False, None, Properties(False, 50, True, None, 80.0),
    )  # fmt: skip


def test_changes_are_told():
    pictures = [_picture(number, CANCER if number % 4 == 0 else OTHER) for number in range(16)]
    judged = [_judged(picture, Mean()) for picture in pictures]
    shares = []
    found = mark_experiment(pictures, judged, Mean(), 0, shares.append)
    assert (found["images"], found["malignant_images"]) == (16, 4)
    assert shares == sorted(shares)
    assert shares[-1] < 1.0
    for name in CHANGES:
        assert {"auc", "auc_ci", "auc_before", "difference", "mean_change_of_p", "decisions_changed"} <= set(
            found[name]
        )
    # theta is about 0.4 of a grey of 80 + the cross; without all else it is near 0: every answer changes
    assert found["only_marks"]["mean_change_of_p"] > 0.2
    assert found["left_in"]["mean_change_of_p"] < 0.02
    before = np.array([one.scores.theta for one in judged])
    cancer = np.array([one.malignant for one in judged])
    wins = (before[cancer][:, None] > before[~cancer]).mean()
    assert found["drawn"]["auc_before"] == pytest.approx(wins)
    assert found["how_many_marks_alone"]["auc"] == 0.5


def test_pictures_of_one_kind_have_no_experiment():
    pictures = [_picture(number) for number in range(3)]
    judged = [_judged(picture, Mean()) for picture in pictures]
    assert mark_experiment(pictures, judged, Mean(), 0, lambda share: None) is None
