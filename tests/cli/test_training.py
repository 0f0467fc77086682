"""train and evaluate, with an algorithm made here: it learns y = 3 x + 1 and is judged on pairs of numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dicom_node.models import read_manifest

STILL = Path(__file__).resolve().parents[2] / "sample_dicom" / "other" / "b_mode_still.dcm"

OFFER = """
from dicom_node.algorithm import AlgorithmOptions

class Options(AlgorithmOptions):
    pass

def create(options, models):
    return models.open("line")
"""

NETWORK = """
from torch import nn

class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x):
        return self.layer(x)
"""

TRAIN = """
from pathlib import Path

import torch
from catalogue_line.network import Line

from algorithms.training.card import Card, Figure, TrainingData, write_card
from algorithms.training.export import export
from algorithms.training.loop import Schedule, choose_device, fit
from algorithms.training.manifest import Entry, write_manifest
from algorithms.training.run import RunFolder

SCHEDULE = Schedule(epochs=4, batch_size=8, learning_rate=0.3, weight_decay=0.0, warm_up_epochs=1)

def train(data, out, bench):
    run = RunFolder(out, {"seed": bench.seed})
    bench.progress(0.0, "reading numbers")
    pause = data / "pause"

    def batches(rng):
        for _ in range(30):
            x = torch.from_numpy(rng.normal(size=(SCHEDULE.batch_size, 1)).astype("f4"))
            yield x, 3 * x + 1
        if pause.exists() and (run.checkpoint_of("line")).exists():
            raise KeyboardInterrupt

    torch.manual_seed(bench.seed)
    network = fit("line", Line(), batches, lambda net, batch: (net(batch[0]) - batch[1]).square().mean(), SCHEDULE, run,
                  choose_device(bench.device), bench.seed)
    export(network, {"x": torch.randn(4, 1)}, ["y"], out / "line.onnx")
    entry = Entry("line", "1", "line.onnx", "x (n, 1)", "CC0", "noise", {"rmse": 0.1}, more={"folds": {"P1": 3}})
    write_manifest(out, [entry])
    noise = [TrainingData("noise", "CC0", "all", "all")]
    write_card(out / "model_card.md", Card("Line", "1", "A test.", "x", "y", noise, "4 epochs",
               "none", [Figure("rmse", 0.1, "1", "noise")], ["A line."]))
"""

EVALUATE = """
import json
import numpy as np
from algorithms.training.figures import interval
from dicom_node.algorithm import EvaluationReport

def evaluate(data, bench):
    image = bench.load([data / "still.dcm"])
    pairs = np.array(json.loads((data / "pairs.json").read_text()), dtype=np.float32)
    bench.progress(0.5, "computing")
    found = bench.models.open("line").run({"x": pairs[:, :1]})["y"]
    error = interval(np.abs(found[:, 0] - pairs[:, 1]), seed=bench.seed)
    row = {"what": "error", "mean": error.value, "interval": str(error), "none": None, "pairs": len(pairs)}
    values = {"mean": error.value, "modality": image.volumes[0].modality, "seed": bench.seed,
              "held_out": bench.models.card("line")["folds"]}
    return EvaluationReport((row,), values, ("rests on %d pairs" % len(pairs),))
"""


@pytest.fixture
def line(tmp_path, monkeypatch):
    """The algorithm ``line`` is installed; gives the folder of its data."""
    package = tmp_path / "catalogue_line"
    package.mkdir()
    for name, text in {"__init__": OFFER, "network": NETWORK, "train": TRAIN, "evaluate": EVALUATE}.items():
        (package / f"{name}.py").write_text(text)
    metadata = tmp_path / "line-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: line\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[dicom_node.algorithms]\nline = catalogue_line\n")
    monkeypatch.syspath_prepend(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    (data / "still.dcm").write_bytes(STILL.read_bytes())
    (data / "pairs.json").write_text(json.dumps([[x, 3 * x + 1] for x in (-1.0, 0.0, 0.5, 2.0)]))
    yield data
    for module in [name for name in sys.modules if name.startswith("catalogue_line")]:
        del sys.modules[module]


@pytest.fixture
def torch(needs_package):
    for package in ("torch", "onnx", "onnxscript", "tomli_w", "tqdm"):
        needs_package(package)


@pytest.mark.usefixtures("torch")
def test_train_is_stopped_goes_on_and_its_model_is_judged(call, line, tmp_path):
    words = ["train", "line", "--data", line, "--out", tmp_path / "out", "--seed", 7]
    (line / "pause").touch()
    stopped = call(*words)
    assert stopped.code == 130
    assert "To go on, call again:" in stopped.err
    assert f"train line --data {line} --out {tmp_path / 'out'} --seed 7 --device auto" in stopped.err
    assert not (tmp_path / "out" / "model.toml").exists()

    other = call(*words[:-1], 8)
    assert other.code == 2
    assert "seed is 7 there, 8 here" in other.err

    (line / "pause").unlink()
    done = call(*words)
    assert done.code == 0, done.err
    assert "going on with the run in" in done.err
    assert "line: going on after epoch 1 of 4" in done.err
    assert "reading numbers" in done.err
    assert "line.onnx, model.toml, model_card.md" in done.out
    assert read_manifest(tmp_path / "out" / "model.toml")["line"].card["figures"] == {"rmse": 0.1}

    judged = ["evaluate", "line", "--data", line, "--models", tmp_path / "out", "--seed", 5]
    values = json.loads(call(*judged, "--json").out)
    assert values == {"mean": pytest.approx(0, abs=0.05), "modality": "US", "seed": 5, "held_out": {"P1": 3}}
    table = call(*judged)
    assert (table.code, table.err) == (0, "")
    assert "note: rests on 4 pairs" in table.out
    assert f"{values['mean']:.3f}" in table.out


def test_train_without_the_extra_says_what_to_install(call, line, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    for module in [name for name in sys.modules if name.startswith("algorithms.training")]:
        monkeypatch.delitem(sys.modules, module)
    shown = call("train", "line", "--data", line, "--out", tmp_path / "out")
    assert shown.code == 2
    assert "pip install 'dicom-node[train]'" in shown.err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("torch")
def test_a_gpu_that_is_not_there_is_wrong_use(call, line, tmp_path):
    from dicom_node.models import has_cuda_device

    if has_cuda_device():
        pytest.skip("there is a GPU here")
    shown = call("train", "line", "--data", line, "--out", tmp_path / "out", "--device", "cuda")
    assert shown.code == 2
    assert "torch sees no GPU" in shown.err


def test_models_that_are_not_there_are_told(call, line, tmp_path):
    none = call("evaluate", "line", "--data", line)
    assert none.code == 5
    assert "has no model.toml" in none.err
    other = call("evaluate", "line", "--data", line, "--models", tmp_path)
    assert other.code == 5
    assert "model.toml of" in other.err


@pytest.mark.usefixtures("fakes")
def test_there_is_nothing_to_train_for_ulm_and_nothing_to_evaluate_for_a_fake(call, tmp_path):
    shown = call("train", "ulm_decoupling", "--data", tmp_path, "--out", tmp_path / "out")
    assert shown.code == 2
    assert shown.err.strip() == "ulm_decoupling has nothing to train: it works without learned weights"
    shown = call("evaluate", "fake_arithmetic", "--data", tmp_path)
    assert shown.code == 2
    assert "offers no evaluation" in shown.err
