"""Training: what would fail in its end is said at its beginning; losses and outlines by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("tqdm")
pytest.importorskip("tomli_w")

from torch import nn  # noqa: E402

from algorithms.ovarian_classification import train as training  # noqa: E402
from algorithms.ovarian_classification.canvas import CANVAS_PX  # noqa: E402
from algorithms.ovarian_classification.classes import CLASSES, MALIGNANT_CLASS, NORMAL_CLASS  # noqa: E402
from algorithms.ovarian_classification.lessons import Lesson  # noqa: E402
from algorithms.ovarian_classification.train import refuse_too_few, segment_loss, with_found  # noqa: E402
from algorithms.ovarian_classification.training_data import Labelled  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402


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


def test_nothing_is_begun_without_the_public_weights(tmp_path, monkeypatch):
    """They are asked for before a picture is read: the folder does not even exist."""

    def missing():
        raise UsageError("no public weights")

    monkeypatch.setattr(training, "public_convolutions", missing)
    with pytest.raises(UsageError, match="no public weights"):
        training.train(tmp_path / "no_such_folder", tmp_path / "out", None)


class Fixed(nn.Module):
    """Gives the same logits whatever it sees."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, seen):
        return self.logits.expand(len(seen), -1, -1, -1)


def _logits(mask, category):
    """Sure of nothing outside, and of one class inside."""
    logits = torch.full((1, 1 + len(CLASSES), *mask.shape), -30.0)
    logits[:, 0] = torch.where(mask, -30.0, 30.0)
    logits[:, 1 + category] = torch.where(mask, 30.0, -30.0)
    return logits


def test_a_segmenter_that_is_right_has_no_loss_and_one_that_errs_in_the_class_loses_entropy_only():
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[4:12, 4:12] = True
    batch = (torch.zeros(1, 1, 16, 16), mask[None, None].float(), torch.tensor([2]))
    assert float(segment_loss(Fixed(_logits(mask, 2)), batch)) == pytest.approx(0.0, abs=1e-5)
    # a quarter of the pixels is wrong by 60; overlap counts whatever the class
    assert float(segment_loss(Fixed(_logits(mask, 3)), batch)) == pytest.approx(15.0, rel=1e-3)


class SeesBright(nn.Module):
    """Takes what is bright for a lesion of one class; or, blind, nothing."""

    def __init__(self, category, blind=False):
        super().__init__()
        self.category, self.blind = category, blind

    def forward(self, field):
        mask = (field[:, 0] > 0.0) & (not self.blind)
        return torch.cat([_logits(one, self.category) for one in mask])


def test_each_picture_gets_the_outline_of_the_fold_that_never_saw_it():
    grey = np.zeros((CANVAS_PX, CANVAS_PX), np.uint8)
    grey[40:90, 50:110] = 255
    lesson = Lesson(grey, grey > 0, 3, np.zeros(13))
    seen, unseen = with_found([lesson, lesson], [0, 1], [SeesBright(3), SeesBright(3, blind=True)], torch.device("cpu"))
    both = np.count_nonzero(seen.found & lesson.mask)
    assert 2 * both / (np.count_nonzero(seen.found) + np.count_nonzero(lesson.mask)) > 0.95
    assert not unseen.found.any()
