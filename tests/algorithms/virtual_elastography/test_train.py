"""train, whole: interrupted before the region finder, called again; two networks with manifest and card.

Networks of a few channels, a few pairs, one epoch: how well they learn is the model card's matter.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

torch = pytest.importorskip("torch")
for module in ("monai", "onnxscript", "tqdm", "tomli_w"):
    pytest.importorskip(module)

import algorithms.virtual_elastography.evaluate as evaluation  # noqa: E402
import algorithms.virtual_elastography.lessons as lessons  # noqa: E402
import algorithms.virtual_elastography.train as training  # noqa: E402
from algorithms.virtual_elastography import Options, create  # noqa: E402
from algorithms.virtual_elastography.network import Adversaries, RegionFinder  # noqa: E402
from dicom_node.algorithm import Workbench  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402
from dicom_node.models import ModelFolder  # noqa: E402


class NarrowFinder(RegionFinder):
    """One convolution instead of a U-Net."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.unet, self.draw = torch.nn.Identity(), torch.nn.Conv2d(1, 1, 3, padding=1)


@pytest.fixture
def small(monkeypatch):
    for module in (lessons, training):
        monkeypatch.setattr(module, "CHUNK", 4)
    monkeypatch.setitem(lessons.CHUNKS, "lesson", 1)
    monkeypatch.setitem(lessons.CHUNKS, "reference", 1)
    monkeypatch.setattr(training, "Adversaries", lambda: Adversaries((2, 4, 4, 8)))
    monkeypatch.setattr(training, "RegionFinder", NarrowFinder)
    # four pictures hardly differ to a network that has learned nothing: rounding is much of its features
    monkeypatch.setattr(training, "export", partial(training.export, tolerance=0.1))
    monkeypatch.setattr(evaluation, "PAIRS", 3)
    for name in ("GENERATOR_SCHEDULE", "REFINING_SCHEDULE", "REGION_SCHEDULE"):
        monkeypatch.setattr(training, name, replace(getattr(training, name), epochs=1, batch_size=2, warm_up_epochs=0))


def test_train_goes_on_where_it_was_interrupted_and_a_node_can_open_the_outcome(small, tmp_path):
    out, told = tmp_path / "out", []

    def progress(fraction, doing):
        told.append(doing)
        if doing == "region finder" and told.count(doing) == 1:
            raise KeyboardInterrupt

    bench = Workbench(load=lambda files: None, device="cpu", progress=progress)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path, out, bench)
    log = out / "training/generator/log.csv"
    written = log.stat().st_mtime_ns
    training.train(tmp_path, out, bench)
    assert log.stat().st_mtime_ns == written

    models = ModelFolder(out, device="cpu")
    assert [(info.name, info.simulated_only) for info in models.infos] == [("generator", True), ("region", True)]
    assert models.card("generator")["familiarity"]["limit"] > 0
    assert models.card("generator")["structure_loss"].startswith("derivatives of Gaussians")
    assert len(create(Options(), models).info.models) == 2
    card = (out / "model_card.md").read_text()
    assert "3 unseen simulated pairs" in card
    assert "Trained on simulated pictures only" in card


def test_an_incomplete_pool_is_said(small, tmp_path):
    with pytest.raises(UsageError, match="1 chunks such as lesson_000"):
        training.train_generator(tmp_path, tmp_path / "out", Workbench(load=lambda files: None, device="cpu"))
