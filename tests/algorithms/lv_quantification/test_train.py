"""train, whole: interrupted in the third fold, called again, ten networks with manifest and card.

The networks are replaced by a layer or two, the schedules by one epoch: how deep they are is test_network's matter.
The first fold is exported, the others get copies of its files: an export takes seconds, and has tests of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

torch = pytest.importorskip("torch")
for module in ("monai", "sklearn", "onnxscript", "tqdm", "tomli_w"):
    pytest.importorskip(module)
from torch import nn  # noqa: E402

import algorithms.lv_quantification.train as training  # noqa: E402
from dicom_node.algorithm import Workbench  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402
from dicom_node.models import ModelFolder  # noqa: E402

PATIENTS = [f"SC-T-{number}" for number in range(1, 7)]


class Shallow(nn.Module):
    """Takes and gives what DeepLayerAggregation does."""

    def __init__(self):
        super().__init__()
        self.draw = nn.Conv2d(1, 2, 3, padding=1)
        self.regress = nn.Linear(2, 11)
        self.register_buffer("index_mean", torch.zeros(11))
        self.register_buffer("index_deviation", torch.ones(11))

    def forward(self, crop):
        masks = self.draw(crop)
        return self.regress(masks.mean((2, 3))) * self.index_deviation + self.index_mean, masks


@dataclass
class Teller:
    """A Progress; somebody presses Ctrl-C when it tells of ``stop_at``."""

    stop_at: str = ""
    told: list[str] = field(default_factory=list)

    def __call__(self, fraction, doing):
        self.told.append(doing)
        if doing == self.stop_at:
            raise KeyboardInterrupt


def _exported_once(export):
    made = {}

    def once(network, examples, outputs, file):
        kind = tuple(outputs)
        if kind in made:
            file.write_bytes(made[kind])
        else:
            export(network, examples, outputs, file)
            made[kind] = file.read_bytes()

    return once


@pytest.fixture
def small(monkeypatch, collection):
    """Six patients with five pictures each; one epoch, few simulated pictures, shallow networks."""
    for number, patient in enumerate(PATIENTS):
        radii = {4: 16.0 + number, 10: 22.0 + number, 24: 14.0 + number, 30: 19.0 + number, 44: 11.0 + number}
        collection.png(patient, radii, size=96)
    monkeypatch.setattr(training, "DeepLayerAggregation", Shallow)
    monkeypatch.setattr(training, "finder", lambda: nn.Conv2d(1, 1, 3, padding=1))
    monkeypatch.setattr(training, "SIMULATED_PICTURES", 6)
    monkeypatch.setattr(training, "export", _exported_once(training.export))
    for name in ("FINDER_SCHEDULE", "DLA_SCHEDULE"):
        monkeypatch.setattr(training, name, replace(getattr(training, name), epochs=1, batch_size=8, warm_up_epochs=0))
    return collection.root


def test_train_resume_and_what_it_leaves(small, load, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    bench = Workbench(load, seed=3, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        training.train(small, out, replace(bench, progress=Teller("fold 3 of 5")))
    begun = {path.name: path.read_bytes() for path in out.glob("training/*/log.csv")}
    kept = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("training/*/checkpoint.pt")}
    assert begun
    assert sorted(kept) == ["dla_1", "dla_2", "finder_1", "finder_2"]
    assert not (out / "model.toml").exists()

    with pytest.raises(UsageError, match="seed is 3 there, 4 here"):
        training.train(small, out, replace(bench, seed=4))

    teller = Teller()
    training.train(small, out, replace(bench, progress=teller))
    again = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("training/*/checkpoint.pt")}
    assert len(again) == 10
    assert {part: again[part] for part in kept} == kept  # nothing is trained twice
    assert [doing for doing in teller.told if doing.startswith("fold")] == [f"fold {n} of 5" for n in range(1, 6)]
    names = [f"{kind}_{number}" for kind in ("dla", "finder") for number in range(1, 6)]
    files = sorted(out.glob("*.onnx"))
    assert [file.stem for file in files] == names
    assert max(file.stat().st_size for file in files) < 25e6

    models = ModelFolder(out, threads=1, device="cpu")  # reads the manifest and checks every digest
    held_out = [models.card(f"dla_{number}")["held_out_patients"] for number in range(1, 6)]
    assert [models.card(f"finder_{number}")["held_out_patients"] for number in range(1, 6)] == held_out
    assert sorted(patient for fold in held_out for patient in fold) == PATIENTS  # each once, and whole
    assert "6 patients" in models.card("dla_1")["data"]
    assert "endocardium_dice_mean" in models.card("dla_1")["figures"]
    given = models.open("dla_2").run({"crop": torch.zeros(3, 1, 128, 128).numpy()})
    assert given["indices"].shape == (3, 11)
    assert given["masks"].shape == (3, 2, 128, 128)
    assert given["indices"][:, 0].min() > 100.0  # mm2, not standard units
    assert models.open("finder_5").run({"field": torch.zeros(1, 1, 128, 128).numpy()})["cavity"].shape[-2:] == (
        128,
        128,
    )

    text = (out / "model_card.md").read_text()
    assert "6 patients, 30 pictures; 0 with an expert's epicardium" in text
    assert "endocardium_dice_mean" in text
    assert "30 items of 6 patients" in text


def test_four_patients_are_too_few(small, load, tmp_path):
    for path in small.glob("png/*/SC-T-[56]-*.png"):
        path.unlink()
    with pytest.raises(UsageError, match="labelled pictures of >= 5 patients, >= 25 in all; found 20 of 4"):
        training.train(small, tmp_path / "out", Workbench(load, device="cpu"))
    assert not (tmp_path / "out").exists()
