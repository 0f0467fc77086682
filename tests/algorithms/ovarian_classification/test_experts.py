"""The networks on one picture, with made-up networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX
from algorithms.ovarian_classification.classes import CLASSES, MALIGNANT, NORMAL
from algorithms.ovarian_classification.experts import Experts

WHOLE = np.array([0.5 if place == MALIGNANT else 0.5 / 7 for place in range(len(CLASSES))], np.float32)
"""What the segmenter takes the whole picture for."""
FLOOR = 1e-3


def _odds(near):
    """Odds of cancer against each other class, all alike: the root of the product of both opinions' odds."""
    return np.sqrt((near + FLOOR) / ((1 - near) / 7 + FLOOR) * (0.5 + FLOOR) / (0.5 / 7 + FLOOR))


def _together(near):
    """Probability of cancer by a network that gives ``near`` and shares the rest out equally, and by WHOLE."""
    return _odds(near) / (_odds(near) + 7)


class Segmenter:
    def __init__(self, sure):
        self.sure = sure

    def run(self, inputs):
        field = inputs["field"]
        assert field.shape == (2, 1, CANVAS_PX, CANVAS_PX)
        return {"lesion": -6.0 + (6.0 + self.sure) * (field > 0.2), "classes": np.stack([WHOLE, WHOLE])}


class Expert:
    """Logits by class, and a map that is strong in its upper left corner."""

    def __init__(self, malignant, sign=1.0):
        self.logits = np.zeros(len(CLASSES), np.float32)
        self.logits[MALIGNANT] = malignant
        self.sign = sign
        self.seen = None

    def run(self, inputs):
        self.seen = inputs["crop"]
        assert self.seen.shape == (3, 2, CROP_PX, CROP_PX)
        maps = np.full((3, len(CLASSES), 7, 7), 0.1, np.float32)
        maps[0, :, 1, 1] = 4.0 * self.sign
        maps[1:, :, -2, -2] = 9.0  # of other sights
        return {"logits": np.stack([self.logits] * 3), "maps": maps}


class Made:
    def __init__(self, experts, sure=6.0):
        self.experts, self.sure = experts, sure

    def open(self, name):
        return Segmenter(self.sure) if name.startswith("segment") else self.experts[name]


def _picture():
    rgb = np.full((200, 300, 3), 60, np.uint8)
    rgb[60:120, 140:220] = 190
    return rgb


def _classified(malignant=1.0, sign=1.0, folds=(1,), sure=6.0):
    names = [f"{kind}_{fold}" for kind in ("resnet50", "darknet19") for fold in folds]
    experts = {name: Expert(malignant if name.startswith("resnet50") else 0.0, sign) for name in names}
    return Experts(Made(experts, sure), folds).classify(_picture()), experts


def test_lesion_or_ovary_is_told_by_resnet_whole_picture_and_sureness():
    """The normal class has 1 / (e + 7) by the ResNet and 1 / 14 by WHOLE; the segmenter is all but sure."""
    found, _ = _classified()
    near = np.append(np.full(7, 1 / (np.e + 7)), np.e / (np.e + 7))  # the normal class first, cancer last
    whole = np.append(np.full(7, 0.5 / 7), 0.5)
    together = (near + FLOOR) ** 0.7 * (whole + FLOOR) ** 0.3
    normal = together[0] / together.sum()
    assert normal == pytest.approx(0.09, abs=0.01)
    assert found.p_lesion > 1 - normal
    darker, _ = _classified(sure=0.3)
    odds = found.p_lesion / (1 - found.p_lesion)
    odds_in_doubt = (1 - normal) / normal * np.sqrt(0.574 / 0.426 / (0.87 / 0.13))  # sigmoid of 0.3: 0.574
    assert darker.p_lesion / (1 - darker.p_lesion) == pytest.approx(odds_in_doubt, rel=0.03)
    assert odds > 1.5 * odds_in_doubt


def test_probabilities_by_hand():
    """softmax of one logit 1 and seven 0: e / (e + 7); of eight equal ones 1/8. Each is pooled with WHOLE."""
    found, _ = _classified()
    resnet, darknet = _together(np.e / (np.e + 7)), _together(1 / 8)
    assert found.p_resnet50 == pytest.approx(resnet, abs=2e-3)  # the sights are pooled, too, with a floor of their own
    assert found.p_darknet19 == pytest.approx(darknet, abs=2e-3)
    assert found.categories.sum() == pytest.approx(1.0)
    assert found.spread == 0.0


def test_folds_are_averaged_and_their_spread_told():
    experts = {"resnet50_1": Expert(0.0), "resnet50_2": Expert(2.0)}
    experts |= {"darknet19_1": Expert(0.0), "darknet19_2": Expert(0.0)}
    found = Experts(Made(experts), (1, 2)).classify(_picture())
    low, high = _together(1 / 8), _together(np.exp(2) / (np.exp(2) + 7))
    assert found.p_resnet50 == pytest.approx((low + high) / 2, abs=2e-3)
    # deviation of two numbers: half their distance, which the other kind's none halves again
    assert found.spread == pytest.approx((high - low) / 4, abs=2e-3)


def test_the_crop_is_about_the_lesion():
    found, experts = _classified()
    assert found.lesion[90, 180]
    assert found.lesion.sum() == pytest.approx(60 * 80, rel=0.1)
    crop = experts["resnet50_1"].seen
    assert crop[0, 1, CROP_PX // 2, CROP_PX // 2] == pytest.approx(1.0, abs=0.02)
    larger, smaller = crop[1, 1].sum() / crop[0, 1].sum(), crop[2, 1].sum() / crop[0, 1].sum()
    assert larger == pytest.approx(1 / 0.8**2, rel=0.03)
    assert smaller == pytest.approx(1 / 1.3**2, rel=0.03)


def test_the_other_sights_are_mirrored():
    rgb = _picture()
    rgb[60:120, 180:220] = 170  # the lesion's right half is darker
    experts = {"resnet50_1": Expert(0.0), "darknet19_1": Expert(0.0)}
    Experts(Made(experts), (1,)).classify(rgb)
    middle = experts["resnet50_1"].seen[:, 0, CROP_PX // 2]
    left, right = middle[:, CROP_PX // 2 - 15], middle[:, CROP_PX // 2 + 15]
    assert list(left > right) == [True, False, False]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_map_shows_what_bears_on_the_answer_for_or_against_it(sign):
    found, _ = _classified(sign=sign)
    row, column = np.unravel_index(np.argmax(found.activation), found.activation.shape)
    assert row < 90
    assert column < 180
    assert found.activation.max() == pytest.approx(1.0, abs=0.05)
    assert found.activation[:, :40].max() == 0.0  # never seen


def test_normal_is_the_ovary_without_a_lesion():
    assert CLASSES[NORMAL] == "Ovary_Normal"
